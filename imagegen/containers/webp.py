"""WebP: a RIFF file; EXIF and XMP are chunks of their own, which a VP8X header has to announce."""

from __future__ import annotations

from attrs import evolve

from .embedded import Embedded
from .exif import APP1, new_exif, with_exif


def _webp_chunks(data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Name and content of every chunk, and what follows the RIFF container."""
    stop = 8 + int.from_bytes(data[4:8], "little")
    chunks: list[tuple[bytes, bytes]] = []
    at = 12
    while at < stop:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > min(stop, len(data)):
            raise ValueError("the WebP is damaged or cut short")
        chunks.append((name, data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    if not chunks:
        raise ValueError("the WebP is empty")
    return chunks, data[max(at, stop) :]


def read(data: bytes) -> Embedded:
    found = Embedded("webp")
    for name, body in _webp_chunks(data)[0]:
        if name == b"EXIF":
            found = with_exif(found, body.removeprefix(APP1))
        elif name == b"XMP ":
            found = evolve(found, xmp=body.decode("utf-8", "replace"))
        elif name == b"C2PA":
            found = evolve(found, has_c2pa=True)
    return found


def embed(data: bytes, parameters: str, chunk: str, xmp: str) -> bytes:
    chunks, rest = _webp_chunks(data)
    bodies = dict(reversed(chunks))
    old_exif, old_xmp = bodies.get(b"EXIF", b""), bodies.get(b"XMP ", b"")
    exif, owns_xmp = new_exif(old_exif.removeprefix(APP1), parameters, chunk, xmp, bool(old_xmp))
    added = {b"EXIF": exif, b"XMP ": xmp.encode() if owns_xmp else old_xmp}
    others = [one for one in chunks if one[0] not in (b"VP8X", *added)]
    head = _vp8x(chunks[0], bool(added[b"EXIF"]), bool(added[b"XMP "]))
    every = [(b"VP8X", head), *others, *(one for one in added.items() if one[1])]
    body = b"WEBP" + b"".join(
        name + len(one).to_bytes(4, "little") + one + b"\0" * (len(one) % 2) for name, one in every
    )
    return b"RIFF" + len(body).to_bytes(4, "little") + body + rest


def _vp8x(first: tuple[bytes, bytes], exif: bool, xmp: bool) -> bytes:
    """The extended header, which a plain file lacks (https://developers.google.com/speed/webp/docs/riff_container)."""
    name, body = first
    flags = 8 * exif | 4 * xmp
    if name == b"VP8X" and len(body) >= 10:
        return bytes((body[0] & ~12 | flags,)) + body[1:]
    if name == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        flags |= 0x10 * (bits >> 28 & 1)
        width, height = bits & 0x3FFF, bits >> 14 & 0x3FFF  # both already less one
    elif name == b"VP8 " and body[3:6] == b"\x9d\x01\x2a" and len(body) >= 10:
        width, height = ((int.from_bytes(body[at : at + 2], "little") & 0x3FFF) - 1 for at in (6, 8))
    else:
        raise ValueError("the WebP does not begin with a picture")
    if width < 0 or height < 0:
        raise ValueError("the WebP has no size")
    return bytes((flags, 0, 0, 0)) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
