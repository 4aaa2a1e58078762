"""
Containers: what is written inside a PNG, JPEG or WebP file, read and added without touching a pixel.

`read` takes a file's bytes and gives an `Embedded`; `embed` takes bytes and texts and gives the file with
them inside; `sniff` says what a file is.  Nothing is decoded or encoded: chunks and segments are inserted,
so a vendor's picture stays bit for bit the picture that was paid for, and equal input gives equal bytes.

Where things are kept:

- PNG: text chunks `imagegen`, `parameters` (A1111) and `XML:com.adobe.xmp`, in this order before the
  pixels; tEXt if Latin-1 can say it, else iTXt (as Pillow's `PngInfo.add_text`).
- JPEG, WebP: EXIF UserComment 0x9286 (A1111), MakerNote 0x927C for our JSON, and an XMP packet.  The
  UserComment is `UNICODE\\0` and UTF-16-BE with TIFF type UNDEFINED: with type BYTE, which Pillow chooses
  for bytes, piexif and so A1111 cannot read it (measured with Pillow 13.0.0 and piexif 1.1.3).

Whatever a vendor wrote stays, and wins: where a file has `parameters`, a UserComment or XMP that are not
ours, ours are left out (the `imagegen` JSON is always added).  Ours are replaced by ours.  A file that is
signed (C2PA) is not changed at all: any change would break the signature.
"""

from __future__ import annotations

import re

from . import jpeg, png, webp
from .embedded import GENERATED_XMP, Embedded

__all__ = ["GENERATED_XMP", "Embedded", "embed", "read", "sniff"]


def sniff(data: bytes) -> str | None:
    """The media type by the first bytes: png, jpeg, webp, gif, mp4 or webm; `None` for anything else."""
    if data[4:8] == b"ftyp":
        return "video/mp4" if re.match(rb"iso|mp4|M4V|avc1|dash|MSNV", data[8:12]) else None
    if data[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"\x42\x82\x84webm" in data[:64] else None
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    starts = {
        png.SIGNATURE: "image/png",
        b"\xff\xd8\xff": "image/jpeg",
        b"GIF87a": "image/gif",
        b"GIF89a": "image/gif",
    }
    return next((media for start, media in starts.items() if data.startswith(start)), None)


def read(data: bytes) -> Embedded:
    """What a PNG, JPEG or WebP carries.  Anything else, and a file cut short, raises `ValueError`."""
    match sniff(data):
        case "image/png":
            return png.read(data)
        case "image/jpeg":
            return jpeg.read(data)
        case "image/webp":
            return webp.read(data)
    raise ValueError("not a PNG, JPEG or WebP file")


def embed(data: bytes, *, parameters: str, chunk: str, xmp: str = GENERATED_XMP) -> bytes:
    """
    The same picture with A1111 *parameters*, our JSON *chunk* and an *xmp* packet; an empty text is left out.

    A signed file comes back as it is.  Raises `ValueError` for another format, a damaged file, a MakerNote
    of somebody else, and for more than 64 KiB in a JPEG (a segment's limit).
    """
    found = read(data)
    if found.has_c2pa:
        return data
    writer = {"png": png.embed, "jpeg": jpeg.embed, "webp": webp.embed}[found.kind]
    return writer(data, parameters, chunk, xmp)
