"""
Pictures that go in and come out: what they are, checked before anything is paid and before anything is called done.

Content is named by its SHA-256.  Types are sniffed from the bytes; names and content types are not believed.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

from attrs import field, frozen

from .errors import InvalidInput
from .request import ImageInput

MAX_BYTES = 15 * 1024 * 1024  # per input; no vendor documents more, one documents 5 MB
MAX_PIXELS = 50_000_000  # per picture, in and out: guards against decompression bombs


@frozen(kw_only=True)
class Blob:
    """One input picture, by content."""

    sha256: str
    media_type: str
    width: int
    height: int
    size: int
    source: str = ""
    data: bytes = field(default=b"", repr=False, eq=False)


class BadPicture(ValueError):
    """These bytes are not a picture that can be used; the message says why."""


def load(image: ImageInput) -> Blob:
    """Read a local input (a path or bytes) and check it; `InvalidInput` says what is wrong.  Fetches no address."""
    data = image.data
    if data is None:
        path = Path(image.source).expanduser()
        try:
            size = path.stat().st_size
            if size > MAX_BYTES:
                raise InvalidInput(f"{path} has {size / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB can be sent")
            data = path.read_bytes()
        except OSError as error:
            raise InvalidInput(f"cannot read {path}: {error.strerror or error}") from None
    return inspect_input(data, image.source)


def inspect_input(data: bytes, source: str = "") -> Blob:
    """Check the bytes of an input."""
    name = source or "the picture"
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"{name} has {len(data) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB can be sent")
    try:
        media_type, width, height = examine(data)
    except BadPicture as error:
        raise InvalidInput(f"{name} {error}") from None
    digest = hashlib.sha256(data).hexdigest()
    return Blob(
        sha256=digest,
        media_type=media_type,
        width=width,
        height=height,
        size=len(data),
        source=source,
        data=data,
    )


def examine(data: bytes, *, moving: bool = False) -> tuple[str, int, int]:
    """
    Decode a picture completely and return `(media type, width, height)`; `BadPicture` says what is wrong with it.

    *moving* allows animations.  The pixel bound is checked before any pixel is decoded.
    """
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise BadPicture("is empty (0 bytes)")
    if data.lstrip()[:1] == b"<" or data[:1] in (b"{", b"["):
        raise BadPicture("is text (a web page or an error answer), not a picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own pixel bound is the stricter one
            with Image.open(io.BytesIO(data)) as image:
                _bounded(image.width, image.height)
                if getattr(image, "n_frames", 1) > 1 and not moving:
                    raise BadPicture("is an animation; give one still picture")
                image.load()
                return (
                    Image.MIME.get(image.format or "", "application/octet-stream"),
                    image.width,
                    image.height,
                )
    except BadPicture:
        raise
    except UnidentifiedImageError:
        raise BadPicture("is not a picture that can be read") from None
    except Exception as error:  # Pillow's decoders raise many kinds on damaged files
        raise BadPicture(f"is damaged or cut short ({type(error).__name__})") from None


def _bounded(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise BadPicture(
            f"has {width}x{height} = {width * height / 1e6:.0f} million pixels; {MAX_PIXELS // 10**6} are allowed"
        )


def decode_text(text: str) -> bytes:
    """Read a picture sent as text: raw base64 or a data URI; `BadPicture` when it is neither."""
    import base64
    import binascii

    body = text.strip()
    if body.startswith("data:"):
        body = body.partition(",")[2]
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadPicture("is not base64") from None


def to_mask(data: bytes, *, invert: bool = False) -> Any:
    """
    Return a mask as a black and white PIL image, white = repaint.

    A picture with transparency is read the OpenAI way: transparent = repaint.
    """
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data)) as image:
        if image.mode in ("RGBA", "LA", "PA") and min(image.getchannel("A").tobytes(), default=255) < 255:
            grey = ImageOps.invert(image.getchannel("A"))
        else:
            grey = image.convert("L")
        mask = grey.point([255 if value >= 128 else 0 for value in range(256)])
        return ImageOps.invert(mask) if invert else mask


def converted(data: bytes, how: str) -> bytes:
    """
    Return the bytes of a picture in another form; empty *how* changes nothing.

    `mask-jpeg` is a black and white JPEG of the same size (see `to_mask`), `mask-jpeg-inverted` its opposite.
    """
    if not how:
        return data
    if how not in ("mask-jpeg", "mask-jpeg-inverted"):
        raise ValueError(f"no conversion is called {how!r}")
    out = io.BytesIO()
    to_mask(data, invert=how == "mask-jpeg-inverted").convert("L").save(out, "JPEG", quality=100, subsampling=0)
    return out.getvalue()
