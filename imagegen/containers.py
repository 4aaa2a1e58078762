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

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, Literal, cast

from attrs import evolve, field, frozen

__all__ = ["GENERATED_XMP", "Embedded", "embed", "read", "sniff"]

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

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP_KEY = "XML:com.adobe.xmp"
_XMP_APP1 = b"http://ns.adobe.com/xap/1.0/\0"
_EXIF_APP1 = b"Exif\0\0"
_NOTE = b"imagegen\0"
_MOST_TEXT = 2**24  # a compressed chunk may claim to be anything

_EXIF_IFD, _USER_COMMENT, _MAKER_NOTE = 0x8769, 0x9286, 0x927C
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


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


def sniff(data: bytes) -> str | None:
    """The media type by the first bytes: png, jpeg, webp, gif, mp4 or webm; `None` for anything else."""
    if data[4:8] == b"ftyp":
        return "video/mp4" if re.match(rb"iso|mp4|M4V|avc1|dash|MSNV", data[8:12]) else None
    if data[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"\x42\x82\x84webm" in data[:64] else None
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    starts = {
        _PNG: "image/png",
        b"\xff\xd8\xff": "image/jpeg",
        b"GIF87a": "image/gif",
        b"GIF89a": "image/gif",
    }
    return next((media for start, media in starts.items() if data.startswith(start)), None)


def read(data: bytes) -> Embedded:
    """What a PNG, JPEG or WebP carries.  Anything else, and a file cut short, raises `ValueError`."""
    match sniff(data):
        case "image/png":
            return _read_png(data)
        case "image/jpeg":
            return _read_jpeg(data)
        case "image/webp":
            return _read_webp(data)
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
    writer = {"png": _embed_png, "jpeg": _embed_jpeg, "webp": _embed_webp}[found.kind]
    return writer(data, parameters, chunk, xmp)


# --- PNG --------------------------------------------------------------------------------------------------


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of every chunk up to IEND."""
    start = len(_PNG)
    while True:
        size, kind = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8]
        end = start + 12 + size
        if end > len(data) or not re.fullmatch(rb"[A-Za-z]{4}", kind):
            raise ValueError("the PNG is damaged or cut short")
        yield kind, start, end
        if kind == b"IEND":
            return
        start = end


def _read_png(data: bytes) -> Embedded:
    text: dict[str, str] = {}
    found = Embedded("png")
    for kind, start, end in _png_chunks(data):
        body = data[start + 8 : end - 4]
        if kind in _PNG_TEXTS:
            text |= _png_text(kind, body)
        elif kind == b"eXIf":
            found = _with_exif(found, body)
        elif kind == b"caBX":
            found = evolve(found, has_c2pa=True)
    return evolve(
        found,
        text=text,
        xmp=text.get(_XMP_KEY),
        imagegen=text.get("imagegen", found.imagegen),
        comfy_prompt=_graph(text.get("prompt")) or found.comfy_prompt,
        comfy_workflow=_graph(text.get("workflow")) or found.comfy_workflow,
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


def _embed_png(data: bytes, parameters: str, chunk: str, xmp: str) -> bytes:
    kept, taken, at = _png_without_ours(data)
    texts = {"imagegen": chunk, "parameters": parameters, _XMP_KEY: xmp}
    ours = [_png_chunk(key, text) for key, text in texts.items() if text and key not in taken]
    return b"".join([_PNG, *kept[:at], *ours, *kept[at:]])


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


# --- JPEG -------------------------------------------------------------------------------------------------


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


def _read_jpeg(data: bytes) -> Embedded:
    found = Embedded("jpeg")
    for marker, body in _jpeg_segments(data)[0]:
        if marker == 0xE1 and body.startswith(_EXIF_APP1):
            found = _with_exif(found, body[len(_EXIF_APP1) :])
        elif marker == 0xE1 and body.startswith(_XMP_APP1):
            found = evolve(found, xmp=body[len(_XMP_APP1) :].decode("utf-8", "replace"))
        elif marker == 0xEB and body[:2] == b"JP" and body[12:16] == b"jumb":
            found = evolve(found, has_c2pa=True)
    return found


def _embed_jpeg(data: bytes, parameters: str, chunk: str, xmp: str) -> bytes:
    segments, rest = _jpeg_segments(data)
    bodies = [body for marker, body in segments if marker == 0xE1]
    old_exif = next((body for body in bodies if body.startswith(_EXIF_APP1)), b"")
    old_xmp = next((body for body in bodies if body.startswith(_XMP_APP1)), b"")
    exif, owns_xmp = _new_exif(old_exif[len(_EXIF_APP1) :], parameters, chunk, xmp, bool(old_xmp))
    new_xmp = _XMP_APP1 + xmp.encode() if owns_xmp else old_xmp
    new_exif = _EXIF_APP1 + exif if exif else b""
    ours = [(0xE1, body) for body in (new_exif, new_xmp) if body]
    # EXIF must come first, but for JFIF's own segment
    others = [one for one in segments if one[0] != 0xE1 or one[1] not in (old_exif, old_xmp)]
    first = next((at for at, (marker, _) in enumerate(others) if marker != 0xE0), len(others))
    return b"".join([data[:2], *(_jpeg_segment(*one) for one in (*others[:first], *ours, *others[first:])), rest])


def _jpeg_segment(marker: int, body: bytes) -> bytes:
    if len(body) + 2 > 0xFFFF:
        raise ValueError(f"{len(body)} bytes are more than a JPEG segment holds")
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body


# --- WebP -------------------------------------------------------------------------------------------------


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


def _read_webp(data: bytes) -> Embedded:
    found = Embedded("webp")
    for name, body in _webp_chunks(data)[0]:
        if name == b"EXIF":
            found = _with_exif(found, body.removeprefix(_EXIF_APP1))
        elif name == b"XMP ":
            found = evolve(found, xmp=body.decode("utf-8", "replace"))
        elif name == b"C2PA":
            found = evolve(found, has_c2pa=True)
    return found


def _embed_webp(data: bytes, parameters: str, chunk: str, xmp: str) -> bytes:
    chunks, rest = _webp_chunks(data)
    bodies = dict(reversed(chunks))
    old_exif, old_xmp = bodies.get(b"EXIF", b""), bodies.get(b"XMP ", b"")
    exif, owns_xmp = _new_exif(old_exif.removeprefix(_EXIF_APP1), parameters, chunk, xmp, bool(old_xmp))
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


# --- EXIF, for all three ----------------------------------------------------------------------------------


@frozen
class _Tiff:
    """An EXIF block: its directories' entries as they stand, 12 bytes each, with offsets into *data*."""

    data: bytes
    order: Literal["little", "big"]
    main: dict[int, bytes]
    more: int
    """Where the next directory (the thumbnail's) begins."""
    exif: dict[int, bytes]

    @classmethod
    def parse(cls, data: bytes) -> _Tiff:
        order = {b"II*\0": "little", b"MM\0*": "big"}.get(data[:4])
        if order is None:
            raise ValueError("the EXIF block is damaged")
        blank = cls(data, cast("Literal['little', 'big']", order), {}, 0, {})
        main, more = blank.directory(blank.number(data[4:8]))
        inner = main.get(_EXIF_IFD)
        return evolve(blank, main=main, more=more, exif=blank.directory(blank.number(inner[8:]))[0] if inner else {})

    def number(self, data: bytes) -> int:
        return int.from_bytes(data, self.order)

    def directory(self, start: int) -> tuple[dict[int, bytes], int]:
        end = start + 2 + 12 * self.number(self.data[start : start + 2])
        if start < 8 or end > len(self.data):
            raise ValueError("the EXIF block is damaged")
        entries = [self.data[at : at + 12] for at in range(start + 2, end, 12)]
        return {self.number(one[:2]): one for one in entries}, self.number(self.data[end : end + 4])

    def value(self, entry: bytes | None) -> bytes:
        """An entry's bytes; empty if it is missing or points nowhere."""
        if entry is None:
            return b""
        size = _TIFF_SIZES.get(self.number(entry[2:4]), 0) * self.number(entry[4:8])
        start = self.number(entry[8:])
        return entry[8 : 8 + size] if size <= 4 else self.data[start : start + size]

    @property
    def comment(self) -> str | None:
        value = self.value(self.exif.get(_USER_COMMENT))
        if b"comment" in (_owned(self.note) or ()):  # we know how we wrote it
            return value[8:].decode("utf-16-be", "replace")
        return _decode_comment(value)

    @property
    def note(self) -> bytes:
        return self.value(self.exif.get(_MAKER_NOTE))

    def with_tags(self, tags: dict[int, bytes]) -> bytes:
        """Append directories that also hold *tags*; what is there keeps its place, so offsets stay true."""
        data = bytearray(self.data + b"\0" * (len(self.data) % 2))
        entries = {**self.exif}
        for tag, value in tags.items():
            entries[tag] = self._pack(tag, 2) + self._pack(7, 2) + self._pack(len(value), 4)
            entries[tag] += self._pack(len(data), 4) if len(value) > 4 else value.ljust(4, b"\0")
            data += value + b"\0" * (len(value) % 2) if len(value) > 4 else b""
        pointer = self._pack(_EXIF_IFD, 2) + self._pack(4, 2) + self._pack(1, 4) + self._pack(len(data), 4)
        data += self._directory(entries, 0)
        data[4:8] = self._pack(len(data), 4)
        return bytes(data + self._directory({**self.main, _EXIF_IFD: pointer}, self.more))

    def _pack(self, number: int, size: int) -> bytes:
        return number.to_bytes(size, self.order)

    def _directory(self, entries: dict[int, bytes], more: int) -> bytes:
        body = b"".join(entries[tag] for tag in sorted(entries))  # the order is required
        return self._pack(len(entries), 2) + body + self._pack(more, 4)


_EMPTY_TIFF = _Tiff(b"MM\0*" + bytes(4), "big", {}, 0, {})


def _new_exif(old: bytes, parameters: str, chunk: str, xmp: str, has_xmp: bool) -> tuple[bytes, bool]:
    """The EXIF block with ours in it, and whether the XMP packet is ours to write."""
    tiff = _Tiff.parse(old) if old else _EMPTY_TIFF
    owned = _owned(tiff.note)
    if tiff.note and owned is None:
        raise ValueError("the EXIF block holds somebody else's MakerNote")
    owns_comment = bool(parameters) and (not tiff.comment or b"comment" in (owned or ()))
    owns_xmp = bool(xmp) and (not has_xmp or b"xmp" in (owned or ()))
    tags = {_USER_COMMENT: b"UNICODE\0" + parameters.encode("utf-16-be")} if owns_comment else {}
    if chunk:
        owns = b",".join([b"comment"] * owns_comment + [b"xmp"] * owns_xmp)
        tags[_MAKER_NOTE] = _NOTE + owns + b"\0" + chunk.encode()
    if all(tiff.value(tiff.exif.get(tag)) == value for tag, value in tags.items()):
        return old, owns_xmp
    return _without_ours(tiff).with_tags(tags), owns_xmp


def _owned(note: bytes) -> tuple[bytes, ...] | None:
    """Which texts a MakerNote of ours claims as ours; `None` if the note is not ours."""
    if not note.startswith(_NOTE):
        return None
    return tuple(note.removeprefix(_NOTE).partition(b"\0")[0].split(b","))


def _without_ours(tiff: _Tiff) -> _Tiff:
    """Start afresh where all of a block is ours, so that it does not grow with every embedding."""
    only_ours = tiff.main.keys() <= {_EXIF_IFD} and tiff.exif.keys() <= {_USER_COMMENT, _MAKER_NOTE}
    claimed = b"comment" in (_owned(tiff.note) or ()) or _USER_COMMENT not in tiff.exif
    return _EMPTY_TIFF if only_ours and claimed and not tiff.more else tiff


def _with_exif(found: Embedded, block: bytes) -> Embedded:
    """Add what an EXIF block says; a damaged one says nothing."""
    try:
        tiff = _Tiff.parse(block)
    except ValueError:
        return found
    note = tiff.note.removeprefix(_NOTE).partition(b"\0")[2] if _owned(tiff.note) is not None else None
    texts = [tiff.value(entry).rstrip(b"\0").decode("utf-8", "replace") for entry in tiff.main.values()]
    return evolve(
        found,
        user_comment=tiff.comment,
        imagegen=None if note is None else note.decode("utf-8", "replace"),
        comfy_prompt=_tagged_graph("prompt:", texts),
        comfy_workflow=_tagged_graph("workflow:", texts),
    )


def _decode_comment(value: bytes) -> str | None:
    """An EXIF UserComment: eight bytes name the encoding; writers disagree on the byte order of UNICODE."""
    code, text = value[:8], value[8:]
    if code == b"UNICODE\0":
        mark = {b"\xfe\xff": "utf-16-be", b"\xff\xfe": "utf-16-le"}.get(text[:2])
        # Latin letters have their zero first in big-endian order, which A1111 (piexif) writes
        guess = "utf-16-le" if text[1::2].count(0) > text[::2].count(0) else "utf-16-be"
        found = text.decode(mark or guess, "replace").removeprefix("\ufeff")
    else:
        found = text.decode("utf-8", "replace") if code in _COMMENT_CODES else value.decode("utf-8", "replace")
    return found.rstrip("\0") or None


_COMMENT_CODES = (b"ASCII\0\0\0", b"UTF8\0\0\0\0", b"UTF-8\0\0\0", bytes(8))


def _tagged_graph(tag: str, texts: list[str]) -> dict[str, Any] | None:
    """ComfyUI's WebP keeps graphs as `prompt:{...}` in camera tags (`comfy_extras/nodes_images.py`)."""
    return next((_graph(text.removeprefix(tag)) for text in texts if text.startswith(tag)), None)


def _graph(text: str | None) -> dict[str, Any] | None:
    """A ComfyUI graph; it may hold NaN, which Python's reader takes."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
