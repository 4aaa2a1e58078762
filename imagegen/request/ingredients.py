"""What a picture is made with: models, LoRAs, embeddings, controls, and the passes after the first.

A field with a converter is an `attrs.field`, so that type checkers see what may be given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs
from attrs import frozen

from imagegen.errors import Fault, InvalidInput
from imagegen.parts import between, check, filled, finite, one_of, part, read
from imagegen.placeholders import Secret

from .fields import MAX_SIDE, secret
from .inputs import ImageInput, picture


@frozen
class ModelRef:
    """
    A model, and the key that opens it where it is private.

    `ref` is `@alias`, `urn:air:...`, `<provider>:<id>`, `hf:org/name`, an `https://` address, or a vendor's bare id.
    """

    ref: str = part(rule=filled, name=True)
    access_key: Secret | None = attrs.field(default=None, converter=secret, kw_only=True)
    __attrs_post_init__ = check

    @classmethod
    def of(cls, value: Any) -> ModelRef:
        """Accept a plain reference."""
        if isinstance(value, Mapping):
            return read(cls, value)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # 64-bit ids arrive as numbers from careless writers
        return value if isinstance(value, cls) else cls(value)

    from_plain = of

    def to_plain(self) -> Any:
        """Return the bare reference when that is all there is."""
        return self.ref if self.access_key is None else {"ref": self.ref, "access_key": self.access_key}

    def __str__(self) -> str:
        return self.ref


def model_or_none(value: ModelRef | str | Mapping[str, Any] | None) -> ModelRef | None:
    return None if value is None else ModelRef.of(value)


@frozen
class Lora:
    """A LoRA of the stack.  `weight` acts on the diffusion model, `clip_weight` on the text encoder (None = same)."""

    model: str = part(rule=filled, name=True)
    weight: float = part(default=1.0, rule=finite)
    clip_weight: float | None = part(default=None, rule=finite)
    access_key: Secret | None = attrs.field(default=None, converter=secret, kw_only=True)
    __attrs_post_init__ = check

    @classmethod
    def from_plain(cls, value: Any) -> Lora:
        """Accept `"@film-grain=0.6"` beside a table."""
        if isinstance(value, str):
            ref, equals, weight = value.rpartition("=")
            try:
                return cls(ref, float(weight)) if equals else cls(value)
            except ValueError:
                raise InvalidInput([Fault("weight", f"must be a number, not {weight!r}")]) from None
        return read(cls, value)


@frozen
class Embedding:
    """A textual inversion.  `target` says into which prompt its trigger belongs."""

    model: str = part(rule=filled, name=True)
    weight: float = part(default=1.0, rule=finite)
    access_key: Secret | None = attrs.field(default=None, converter=secret, kw_only=True)
    target: Literal["positive", "negative"] = part(
        default="positive", rule=one_of("positive", "negative"), kw_only=True
    )
    __attrs_post_init__ = check

    @classmethod
    def from_plain(cls, value: Any) -> Embedding:
        """Accept a bare reference beside a table."""
        return cls(value) if isinstance(value, str) else read(cls, value)


@frozen(kw_only=True)
class Inpaint:
    """
    How the masked part is made new.  White = repaint.

    Attributes:
        fill: what lies under the mask at the start: `original`, `blur`, `noise` or `zero`.
        mask_blur: pixels (A1111's default is 4).
        only_masked: work on the masked part at full resolution.
        padding: pixels around it.
        invert: black = repaint instead.
    """

    fill: Literal["original", "blur", "noise", "zero"] = part(
        default="original", rule=one_of("original", "blur", "noise", "zero")
    )
    mask_blur: int = part(default=4, rule=between(0, 256, whole=True))
    only_masked: bool = False
    padding: int = part(default=32, rule=between(0, 1024, whole=True))
    invert: bool = False
    __attrs_post_init__ = check


@frozen(kw_only=True)
class Control:
    """A ControlNet: `module` makes the guide from `image` (None = it is one already), `model` follows it."""

    image: ImageInput = attrs.field(converter=picture)
    module: str | None = None
    model: str | None = part(default=None, name=True)
    weight: float = part(default=1.0, rule=finite)
    start: float = part(default=0.0, rule=between(0, 1))
    end: float = part(default=1.0, rule=between(0, 1))
    __attrs_post_init__ = check

    def faults_together(self) -> Iterator[Fault]:
        """Say what single fields cannot."""
        if not (self.module or self.model):
            yield Fault("model", "name a model, a module, or both")
        if self.start > self.end:
            yield Fault("start", "must not be after end")


@frozen(kw_only=True)
class Upscale:
    """A second pass that makes the picture larger: to a size in pixels, or by `scale` (2 when nothing is said)."""

    width: int | None = part(default=None, rule=between(64, MAX_SIDE, whole=True))
    height: int | None = part(default=None, rule=between(64, MAX_SIDE, whole=True))
    scale: float | None = part(default=None, rule=between(1, 16))
    steps: int | None = part(default=None, rule=between(1, 150, whole=True))
    strength: float | None = part(default=None, rule=between(0, 1))
    upscaler: str | None = None
    __attrs_post_init__ = check

    def faults_together(self) -> Iterator[Fault]:
        """Say what single fields cannot."""
        if (self.width is None) != (self.height is None):
            yield Fault("width", "give width and height, or scale")
        if self.scale is not None and self.width is not None:
            yield Fault("scale", "give width and height, or scale, not both")

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size that comes out for a picture of *width* x *height*."""
        if self.width is not None and self.height is not None:
            return self.width, self.height
        scale = self.scale or 2.0
        return round(width * scale), round(height * scale)


@frozen(kw_only=True)
class Detailer:
    """A pass that finds faces or hands (`model`, an ADetailer detector) and draws them again."""

    model: str | None = None
    steps: int | None = part(default=None, rule=between(1, 150, whole=True))
    prompt: str | None = None
    negative_prompt: str | None = None
    strength: float | None = part(default=None, rule=between(0, 1))
    confidence: float | None = part(default=None, rule=between(0, 1))
    dilate: int | None = part(default=None, rule=between(-128, 128, whole=True))
    padding: int | None = part(default=None, rule=between(0, 1024, whole=True))
    __attrs_post_init__ = check


_ITEMS: tuple[tuple[str, type], ...] = (
    ("loras", Lora),
    ("embeddings", Embedding),
    ("controls", Control),
    ("detailers", Detailer),
)


def convert_items(request: Any) -> Iterator[Fault]:
    """
    Make `loras=["@grain=0.6"]` and `loras=[{"model": ...}]` from Python what they mean, and tell what is neither.

    Writes into *request*, which nobody has seen yet.
    """
    for name, cls in _ITEMS:
        items = getattr(request, name, ())
        if not isinstance(items, tuple):
            yield Fault(name, f"must be a list, not {items!r}")
            continue
        if all(isinstance(item, cls) for item in items):
            continue
        made: list[Any] = []
        for index, item in enumerate(items):
            try:
                made.append(item if isinstance(item, cls) else _plain_item(cls, item))
            except InvalidInput as error:
                yield from (fault.below(f"{name}[{index}]") for fault in error.faults)
        object.__setattr__(request, name, tuple(made))


def _plain_item(cls: Any, item: Any) -> Any:
    return cls.from_plain(item) if hasattr(cls, "from_plain") else read(cls, item)
