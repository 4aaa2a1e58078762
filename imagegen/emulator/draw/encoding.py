"""Files: a picture is written as PNG, JPEG or WebP that says what was understood, and is read again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import asdict
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .brushes import Picture
from .chance import canonical
from .palette import WHITE
from .passes import PASSES
from .scene import Scene

CHUNK = "imagegen-emulator"  # the PNG text chunk that holds what was understood
_EXIF_TEXT = 0x010E  # ImageDescription: where JPEG and WebP keep what PNG has in its chunk
_EXIF_LIMIT = 60_000  # a JPEG segment ends at 64 KB


def encode(image: Picture, scene: Scene, format: str = "png", facts: Mapping[str, str] | None = None) -> bytes:
    """Make a file of *image* (png, jpeg or webp) that carries what was understood; see `facts_of`."""
    text = understood(scene, image.info.get(PASSES, ()), facts or {})
    kind = {"jpg": "jpeg"}.get(format.lower(), format.lower())
    file = io.BytesIO()
    if kind == "png":
        chunks = PngInfo()
        chunks.add_text(CHUNK, text)
        # Level 3 costs a fifth more bytes than 6 and half its time.
        image.save(file, "PNG", pnginfo=chunks, compress_level=3)
    elif kind == "jpeg":
        _opaque(image).save(file, "JPEG", quality=92, exif=exif_of(text))
    elif kind == "webp":
        image.save(file, "WEBP", quality=90, method=2, exif=exif_of(text))
    else:
        raise ValueError(f"the emulator writes png, jpeg and webp, not {format!r}")
    return file.getvalue()


def facts_of(png: bytes) -> dict[str, Any]:
    """What was understood when this file was drawn: `scene`, `passes`, `facts`; empty if it is not ours."""
    with Image.open(io.BytesIO(png)) as image:
        text = image.info.get(CHUNK) or image.getexif().get(_EXIF_TEXT)
    try:
        found = json.loads(text) if text else {}
    except ValueError:  # somebody else's image description
        return {}
    return found if isinstance(found, dict) else {}


def understood(scene: Scene, passes: Iterable[Mapping[str, object]], facts: Mapping[str, str]) -> str:
    """What a file says about itself, as JSON; `facts_of` reads it."""
    return canonical({"scene": asdict(scene), "passes": list(passes), "facts": dict(facts)})


def exif_of(text: str) -> Image.Exif:
    """EXIF data that holds *text*, or nothing if it is too long."""
    exif = Image.Exif()
    if len(text) < _EXIF_LIMIT:
        exif[_EXIF_TEXT] = text
    return exif


def _opaque(image: Picture) -> Picture:
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGB", image.size, WHITE)
    paper.paste(image, (0, 0), image)
    return paper
