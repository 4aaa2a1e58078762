"""JPEG: a list of segments before the scan; EXIF and XMP are each an APP1 segment."""

from __future__ import annotations

from attrs import evolve

from .embedded import Embedded
from .exif import APP1, new_exif, with_exif

_XMP_APP1 = b"http://ns.adobe.com/xap/1.0/\0"


def _jpeg_segments(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Marker and content of the segments before the pixels, and the rest of the file."""
    segments: list[tuple[int, bytes]] = []
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":  # fill bytes are allowed
            at += 1
        size = int.from_bytes(data[at + 2 : at + 4])
        if at + 4 > len(data) or data[at] != 0xFF or size < 2 or at + 2 + size > len(data):
            raise ValueError("the JPEG is damaged or cut short")
        if data[at + 1] == 0xDA:
            return segments, data[at:]
        segments.append((data[at + 1], data[at + 4 : at + 2 + size]))
        at += 2 + size


def read(data: bytes) -> Embedded:
    found = Embedded("jpeg")
    for marker, body in _jpeg_segments(data)[0]:
        if marker == 0xE1 and body.startswith(APP1):
            found = with_exif(found, body[len(APP1) :])
        elif marker == 0xE1 and body.startswith(_XMP_APP1):
            found = evolve(found, xmp=body[len(_XMP_APP1) :].decode("utf-8", "replace"))
        elif marker == 0xEB and body[:2] == b"JP" and body[12:16] == b"jumb":
            found = evolve(found, has_c2pa=True)
    return found


def embed(data: bytes, parameters: str, chunk: str, xmp: str) -> bytes:
    segments, rest = _jpeg_segments(data)
    bodies = [body for marker, body in segments if marker == 0xE1]
    old_exif = next((body for body in bodies if body.startswith(APP1)), b"")
    old_xmp = next((body for body in bodies if body.startswith(_XMP_APP1)), b"")
    exif, owns_xmp = new_exif(old_exif[len(APP1) :], parameters, chunk, xmp, bool(old_xmp))
    new_xmp = _XMP_APP1 + xmp.encode() if owns_xmp else old_xmp
    exif_body = APP1 + exif if exif else b""
    ours = [(0xE1, body) for body in (exif_body, new_xmp) if body]
    # EXIF must come first, but for JFIF's own segment
    others = [one for one in segments if one[0] != 0xE1 or one[1] not in (old_exif, old_xmp)]
    first = next((at for at, (marker, _) in enumerate(others) if marker != 0xE0), len(others))
    return b"".join([data[:2], *(_jpeg_segment(*one) for one in (*others[:first], *ours, *others[first:])), rest])


def _jpeg_segment(marker: int, body: bytes) -> bytes:
    if len(body) + 2 > 0xFFFF:
        raise ValueError(f"{len(body)} bytes are more than a JPEG segment holds")
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body
