"""
Pictures that go in: public addresses pass as they are, local ones are uploaded first.

A public room of the family.  The vendor fetches inputs itself, so a local file needs an address: one free call puts it
there (`Intake`), and the body that needs it holds a slot (`<resource:init_image>`) until then.  Masks are made black
and white here, white = repaint (https://docs.modelslab.com/sdk/python: "White = edit, Black = keep").
"""

from __future__ import annotations

import base64
import io
import ipaddress
from functools import partial
from urllib.parse import urlsplit

from attrs import define, field, frozen

from imagegen.flow import Call
from imagegen.images import Blob, to_mask
from imagegen.placeholders import Attached, Slot
from imagegen.plans import Notebook
from imagegen.provider import Context
from imagegen.request import ImageInput

from .service import Service, same_host

Size = tuple[int, int]


@frozen(kw_only=True)
class Shape:
    """What is done to a picture before it is sent: brought to a size, made a mask, turned around."""

    width: int
    height: int
    mask: bool = False
    invert: bool = False

    def key(self, blob: Blob) -> str:
        """Name the result by content, so that it is uploaded once while it lives there."""
        kind = ("mask-inverted" if self.invert else "mask") if self.mask else "image"
        return f"{blob.sha256}:{kind}:{self.width}x{self.height}"


@define(kw_only=True)
class Uploads:
    """The uploads of one plan: by content, so that one picture in two places is sent once."""

    service: Service
    context: Context
    notes: Notebook
    calls: list[Call] = field(factory=list)
    facts: list[dict[str, object]] = field(factory=list)

    def put(self, path: str, blob: Blob, shape: Shape, untouched: bool) -> Slot:
        """Add an upload and return the slot for its address."""
        key = shape.key(blob)
        for known in self.facts:
            if known["key"] == key:
                return Slot(str(known["slot"]))
        intake = self.service.intake
        make = partial(as_text, blob, None if untouched else shape, intake.data_uri)
        body: dict[str, object] = {intake.word: Attached(path, make), **intake.also}
        url = self.context.base_url + intake.path
        self.calls.append(Call(method="POST", url=url, json=body, purpose="upload"))
        self.facts.append({"slot": f"resource:{path}", "key": key, "seconds": intake.seconds})
        return Slot(f"resource:{path}")


def as_text(blob: Blob, shape: Shape | None, data_uri: bool) -> str:
    """Return the picture as base64 text, shaped; None = the very bytes that were given."""
    data = blob.data if shape is None else shaped(blob.data, shape)
    text = base64.b64encode(data).decode("ascii")
    media_type = blob.media_type if shape is None else "image/png"
    return f"data:{media_type};base64,{text}" if data_uri else text


def shaped(data: bytes, shape: Shape) -> bytes:
    """Return the picture as PNG in another shape."""
    from PIL import Image

    size = (shape.width, shape.height)
    if shape.mask:
        picture = to_mask(data, invert=shape.invert)
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.NEAREST)
    else:
        with Image.open(io.BytesIO(data)) as opened:
            picture = opened.convert("RGB")
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def picture(uploads: Uploads, path: str, image: ImageInput, size: Size | None = None) -> str:
    """Give a picture to the vendor, brought to *size* if it is given; returns the address or its slot."""
    blob = uploads.context.images.get(path)
    if image.is_url and reachable(image.source, uploads.context.base_url):
        _address_as_is(uploads, path, image.source, blob, size)
        return image.source
    if not _sendable(uploads, path, blob):
        return ""
    assert blob is not None
    width, height = size or (blob.width, blob.height)
    shape = Shape(width=width, height=height)
    changes = []
    if (blob.width, blob.height) != (width, height):
        changes.append(f"resized from {blob.width}x{blob.height} to {width}x{height}")
    if blob.media_type not in uploads.service.intake.formats:
        changes.append(f"converted from {blob.media_type} to PNG")
    slot = uploads.put(path, blob, shape, untouched=not changes)
    if changes:
        uploads.notes.emulated(path, str(slot), _field_of(path), f"{' and '.join(changes)} before upload", "converted")
    else:
        uploads.notes.exact(path, _field_of(path), str(slot), reason="uploaded first, by a free call")
    return slot


def mask(uploads: Uploads, image: ImageInput, size: Size, *, invert: bool) -> str:
    """Give the mask to the vendor, white = repaint; returns the address or its slot."""
    path = "mask_image"
    blob, init = uploads.context.images.get(path), uploads.context.images.get("init_image")
    if blob is not None and init is not None and (blob.width, blob.height) != (init.width, init.height):
        sizes = f"{blob.width}x{blob.height}, the picture {init.width}x{init.height}"
        uploads.notes.block(path, f"the mask has {sizes}; make them equal", "mask_size")
    transparent = blob is not None and bool(blob.data) and has_transparency(blob.data)
    if image.is_url and not invert and not transparent and reachable(image.source, uploads.context.base_url):
        _address_as_is(uploads, path, image.source, blob)
        return image.source
    if not _sendable(uploads, path, blob):
        return ""
    assert blob is not None
    shape = Shape(width=size[0], height=size[1], mask=True, invert=invert)
    slot = uploads.put(path, blob, shape, untouched=False)
    if transparent or invert:
        how = "transparent = repaint became white" if transparent else "black and white were exchanged"
        uploads.notes.emulated(path, str(slot), path, f"{how} before upload", "mask_converted")
    else:
        uploads.notes.exact(path, path, str(slot), reason="uploaded first, by a free call; white = repaint")
    return slot


def has_transparency(data: bytes) -> bool:
    """Whether a picture has pixels that are not opaque (an OpenAI-style mask)."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        if opened.mode not in ("RGBA", "LA", "PA"):
            return False
        return min(opened.getchannel("A").tobytes(), default=255) < 255


def reachable(url: str, base_url: str) -> bool:
    """Whether the vendor can fetch *url* itself: a public https address, or a file of the configured host."""
    if same_host(url, base_url):
        return True
    parts = urlsplit(url)
    name = parts.hostname or ""
    if parts.scheme != "https" or "." not in name or name.endswith((".local", ".internal", ".localhost")):
        return False
    try:
        return ipaddress.ip_address(name).is_global
    except ValueError:
        return True


def _address_as_is(uploads: Uploads, path: str, url: str, blob: Blob | None, size: Size | None = None) -> None:
    if path == "init_image" and blob is not None and size not in (None, (blob.width, blob.height)):
        reason = "the vendor draws in the init image's own size"
        sent = f"{blob.width}x{blob.height}"
        uploads.notes.put("init_image.size", "approximated", sent, "init_image", reason=reason)
    uploads.notes.exact(path, _field_of(path), url)


def _sendable(uploads: Uploads, path: str, blob: Blob | None) -> bool:
    if blob is None or not blob.data:
        reason = (
            "is neither a public https address nor a file whose bytes are at hand; the vendor fetches inputs itself"
        )
        uploads.notes.block(path, reason, "unreachable_input")
        return False
    if blob.size > uploads.service.intake.max_bytes:
        most = uploads.service.intake.max_bytes / 2**20
        uploads.notes.block(path, f"has {blob.size / 2**20:.1f} MB; the vendor takes at most {most:g} MB", "too_large")
        return False
    return True


def _field_of(path: str) -> str:
    return "control_image" if path.startswith("controls") else "init_image" if path == "image" else path
