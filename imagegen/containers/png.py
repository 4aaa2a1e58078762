"""PNG: a list of chunks, each with its checksum; texts stand in chunks of their own before the pixels."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from attrs import evolve

from .embedded import Embedded, graph
from .exif import with_exif

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP_KEY = "XML:com.adobe.xmp"
_MOST_TEXT = 2**24  # a compressed chunk may claim to be anything


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of every chunk up to IEND."""
    start = len(SIGNATURE)
    while True:
        size, kind = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8]
        end = start + 12 + size
        if end > len(data) or not re.fullmatch(rb"[A-Za-z]{4}", kind):
            raise ValueError("the PNG is damaged or cut short")
        yield kind, start, end
        if kind == b"IEND":
            return
        start = end


def read(data: bytes) -> Embedded:
    text: dict[str, str] = {}
    found = Embedded("png")
    for kind, start, end in _png_chunks(data):
        body = data[start + 8 : end - 4]
        if kind in _PNG_TEXTS:
            text |= _png_text(kind, body)
        elif kind == b"eXIf":
            found = with_exif(found, body)
        elif kind == b"caBX":
            found = evolve(found, has_c2pa=True)
    return evolve(
        found,
        text=text,
        xmp=text.get(_XMP_KEY),
        imagegen=text.get("imagegen", found.imagegen),
        comfy_prompt=graph(text.get("prompt")) or found.comfy_prompt,
        comfy_workflow=graph(text.get("workflow")) or found.comfy_workflow,
    )


def _png_text(kind: bytes, body: bytes) -> dict[str, str]:
    """Keyword and text of a text chunk; empty if it is damaged, for the picture may still be good."""
    key, _, rest = body.partition(b"\0")
    name = key.decode("latin-1")
    if kind == b"tEXt":
        return {name: rest.decode("latin-1")}
    if kind == b"zTXt":
        plain = _inflate(rest[1:])
        return {} if plain is None else {name: plain.decode("latin-1")}
    packed, fields = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
    value = None if len(fields) < 3 else _inflate(fields[2]) if packed else fields[2]
    return {} if value is None else {name: value.decode("utf-8", "replace")}


def _inflate(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, _MOST_TEXT)
    except zlib.error:
        return None


def embed(data: bytes, parameters: str, chunk: str, xmp: str) -> bytes:
    kept, taken, at = _png_without_ours(data)
    texts = {"imagegen": chunk, "parameters": parameters, _XMP_KEY: xmp}
    ours = [_png_chunk(key, text) for key, text in texts.items() if text and key not in taken]
    return b"".join([SIGNATURE, *kept[:at], *ours, *kept[at:]])


def _png_without_ours(data: bytes) -> tuple[list[bytes], set[str], int]:
    """All chunks but ours (`imagegen` and what follows it), the vendor's keywords, and where pixels start."""
    kept: list[bytes] = []
    taken: set[str] = set()
    at, ours, end = None, False, 0
    for kind, start, end in _png_chunks(data):
        key = data[start + 8 : end].partition(b"\0")[0].decode("latin-1") if kind in _PNG_TEXTS else ""
        ours = key == "imagegen" or (ours and key in ("parameters", _XMP_KEY) and key not in taken)
        if ours:
            continue
        at = len(kept) if at is None and kind in (b"IDAT", b"IEND") else at
        taken.add(key)
        kept.append(data[start:end])
    return [*kept, data[end:]], taken, at or 0


def _png_chunk(key: str, text: str) -> bytes:
    latin = text.encode("latin-1", "ignore")
    if key != _XMP_KEY and len(latin) == len(text) and "\0" not in text:
        kind, body = b"tEXt", key.encode() + b"\0" + latin
    else:
        kind, body = b"iTXt", key.encode() + b"\0\0\0\0\0" + text.encode()
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)
