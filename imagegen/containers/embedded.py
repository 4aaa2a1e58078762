"""What a picture's file carries besides its pixels, and what we write into every one."""

from __future__ import annotations

import json
from typing import Any, Literal

from attrs import field, frozen

Kind = Literal["png", "jpeg", "webp"]

GENERATED_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    " Iptc4xmpExt:DigitalSourceType="
    '"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>'
    "</rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>'
)
"""An XMP packet that says: made by a trained model (IPTC digital source type `trainedAlgorithmicMedia`)."""


@frozen
class Embedded:
    """What a file carries besides its pixels; `None` or empty where there is nothing."""

    kind: Kind
    text: dict[str, str] = field(factory=dict)
    """PNG text chunks by keyword; the last of a name wins, as in Pillow."""
    user_comment: str | None = None
    xmp: str | None = None
    has_c2pa: bool = False
    imagegen: str | None = None
    """Our own JSON, wherever the format keeps it."""
    comfy_prompt: dict[str, Any] | None = None
    """ComfyUI's API graph."""
    comfy_workflow: dict[str, Any] | None = None
    """ComfyUI's graph for its editor."""

    @property
    def parameters(self) -> str | None:
        """A1111 infotext, for `imagegen.infotext.read`."""
        return self.text.get("parameters", self.user_comment)


def graph(text: str | None) -> dict[str, Any] | None:
    """A ComfyUI graph; it may hold NaN, which Python's reader takes."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
