"""Pictures that go in: a path, an address, a data URI, bytes or a PIL image; read and checked later, not here."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from os import PathLike
from typing import Any

import attrs
from attrs import frozen

from imagegen.errors import InvalidInput

from .fields import hide_keys

_IMAGE = "$image"  # the one name in a table that says that it is a picture


@frozen
class ImageInput:
    """
    A picture that goes in: a path, an `https://` address, a data URI, bytes, or a PIL image (see `of`).

    Attributes:
        source: the path or address; empty when the bytes themselves were given.
        data: the bytes themselves.
    """

    source: str = ""
    data: bytes | None = attrs.field(default=None, repr=lambda data: f"<{len(data)} bytes>" if data else "None")

    @classmethod
    def of(cls, value: Any) -> ImageInput:
        """Accept whatever a program has at hand."""
        if isinstance(value, cls):
            return value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return cls("", bytes(value))
        if isinstance(value, str) and value.startswith("data:"):
            return cls("", _from_data_uri(value))
        if isinstance(value, (str, PathLike)):
            if not str(value).strip():
                raise InvalidInput("must not be empty")
            return cls(str(value))
        if hasattr(value, "save") and hasattr(value, "mode"):
            return cls("", _png_of(value))
        raise InvalidInput(f"must be a path, an address, bytes or a PIL image, not {type(value).__name__}")

    from_plain = of

    def to_plain(self) -> str:
        """Return the path or address, or the bytes as a data URI."""
        if self.data is None:
            return self.source
        return "data:application/octet-stream;base64," + base64.b64encode(self.data).decode("ascii")

    def __str__(self) -> str:
        return self.source or f"<{len(self.data or b'')} bytes>"

    @property
    def is_url(self) -> bool:
        """Whether it lies on the network."""
        return self.source.startswith(("http://", "https://"))


def _from_data_uri(text: str) -> bytes:
    head, comma, body = text.partition(",")
    if not comma or not head.endswith(";base64"):
        raise InvalidInput("is not a base64 data URI")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise InvalidInput("holds broken base64") from None


def _png_of(image: Any) -> bytes:
    import io

    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def picture(value: Any) -> ImageInput:
    return ImageInput.of(value)


def picture_or_none(value: Any) -> ImageInput | None:
    return None if value is None else ImageInput.of(value)


def free_table(tree: Any) -> Any:
    """Read a table that is a vendor's or a tool's own: access keys are hidden, what is no text is a picture."""
    return _pictures(hide_keys(tree))


def named_pictures(tree: Any) -> Any:
    """Write a free table so that it reads back: a picture as `{"$image": path, address or data URI}`, not as a text."""
    if isinstance(tree, ImageInput):
        return {_IMAGE: tree.to_plain()}
    if isinstance(tree, Mapping):
        return {key: named_pictures(value) for key, value in tree.items()}
    return tree


def _pictures(tree: Any) -> Any:
    """Make bytes, data URIs, paths and PIL images in a free table an `ImageInput`; a plain text stays a text."""
    if isinstance(tree, Mapping):
        if set(tree) == {_IMAGE}:
            return ImageInput.of(tree[_IMAGE])
        return {key: _pictures(value) for key, value in tree.items()}
    if isinstance(tree, str):
        return ImageInput.of(tree) if re.match(r"data:[\w/+.-]+;base64,", tree) else tree
    is_picture = isinstance(tree, (bytes, bytearray, memoryview, PathLike)) or hasattr(tree, "getbands")
    return ImageInput.of(tree) if is_picture else tree
