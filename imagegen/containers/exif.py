"""EXIF, which JPEG and WebP share: a little TIFF file in which A1111, ComfyUI and we leave texts."""

from __future__ import annotations

from typing import Any, Literal, cast

from attrs import evolve, frozen

from .embedded import Embedded, graph

APP1 = b"Exif\0\0"  # how the block begins in a JPEG segment, and in some WebP files
_NOTE = b"imagegen\0"
_EXIF_IFD, _USER_COMMENT, _MAKER_NOTE = 0x8769, 0x9286, 0x927C
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


@frozen
class Tiff:
    """An EXIF block: its directories' entries as they stand, 12 bytes each, with offsets into *data*."""

    data: bytes
    order: Literal["little", "big"]
    main: dict[int, bytes]
    more: int
    """Where the next directory (the thumbnail's) begins."""
    exif: dict[int, bytes]

    @classmethod
    def parse(cls, data: bytes) -> Tiff:
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


_EMPTY = Tiff(b"MM\0*" + bytes(4), "big", {}, 0, {})


def new_exif(old: bytes, parameters: str, chunk: str, xmp: str, has_xmp: bool) -> tuple[bytes, bool]:
    """The EXIF block with ours in it, and whether the XMP packet is ours to write."""
    tiff = Tiff.parse(old) if old else _EMPTY
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


def _without_ours(tiff: Tiff) -> Tiff:
    """Start afresh where all of a block is ours, so that it does not grow with every embedding."""
    only_ours = tiff.main.keys() <= {_EXIF_IFD} and tiff.exif.keys() <= {_USER_COMMENT, _MAKER_NOTE}
    claimed = b"comment" in (_owned(tiff.note) or ()) or _USER_COMMENT not in tiff.exif
    return _EMPTY if only_ours and claimed and not tiff.more else tiff


def with_exif(found: Embedded, block: bytes) -> Embedded:
    """Add what an EXIF block says; a damaged one says nothing."""
    try:
        tiff = Tiff.parse(block)
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
    return next((graph(text.removeprefix(tag)) for text in texts if text.startswith(tag)), None)
