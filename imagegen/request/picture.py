"""A picture, in neutral words: `GenerationRequest`."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Self

import attrs
from attrs import frozen

from imagegen.errors import Fault, InvalidInput
from imagegen.parts import between, check, filled, one_of, part, plain, read

from .fields import MAX_SEED, MAX_SIDE, Policy, as_tuple, hide_keys, labels_rule, options_rule
from .ingredients import Control, Detailer, Embedding, Inpaint, Lora, ModelRef, Upscale, model_or_none, wrong_items
from .inputs import ImageInput, picture_or_none
from .spellings import read_toml, respell

PASSES = ("diffusion", "inpaint", "upscale", "detail")


def _passes(value: Any) -> str | None:
    if value is None or (set(value) <= set(PASSES) and len(set(value)) == len(value)):
        return None
    return f"must name each of {', '.join(PASSES)} at most once"


def _sampler_rule(value: str | None) -> str | None:
    return None if value is None else _unread(value, None)


def _schedule_rule(value: str | None) -> str | None:
    return _unread(None, value) if value and value.strip() else None


def _unread(sampler: str | None, schedule: str | None) -> str | None:
    """Return why a sampler or a schedule cannot be read by itself."""
    try:
        _neutral(sampler, schedule)
    except ValueError as error:
        return str(error)
    return None


@functools.lru_cache(maxsize=512)
def _neutral(sampler: str | None, schedule: str | None) -> tuple[str | None, str | None]:
    from imagegen import samplers

    if sampler is not None:
        return samplers.parse(sampler, schedule)
    return None, samplers.parse_schedule(schedule or "")


@frozen(kw_only=True)
class GenerationRequest:
    """
    One picture (or `n` of them), whoever makes it.

    Unset fields are filled by `resolve()` from the catalogue or the documented neutral defaults, so that nothing
    differs between vendors because somebody left it out.  See docs/request.md for every field.
    """

    prompt: str = part(rule=filled)
    negative_prompt: str | None = None
    model: ModelRef | None = attrs.field(default=None, converter=model_or_none)
    width: int | None = part(default=None, rule=between(8, MAX_SIDE, whole=True))
    height: int | None = part(default=None, rule=between(8, MAX_SIDE, whole=True))
    n: int = part(default=1, rule=between(1, 1000, whole=True, optional=False))
    steps: int | None = part(default=None, rule=between(1, 150, whole=True))
    cfg_scale: float | None = part(default=None, rule=between(0, 100))
    distilled_guidance: float | None = part(default=None, rule=between(0, 100))
    sampler: str | None = part(default=None, rule=_sampler_rule)
    schedule: str | None = part(default=None, rule=_schedule_rule)
    seed: int | None = part(default=None, rule=between(0, MAX_SEED, whole=True))
    clip_skip: int | None = part(default=None, rule=between(1, 24, whole=True))
    loras: tuple[Lora, ...] = attrs.field(default=(), converter=as_tuple)
    embeddings: tuple[Embedding, ...] = attrs.field(default=(), converter=as_tuple)
    vae: str | None = part(default=None, name=True)
    init_image: ImageInput | None = attrs.field(default=None, converter=picture_or_none)
    strength: float | None = part(default=None, rule=between(0, 1))
    mask_image: ImageInput | None = attrs.field(default=None, converter=picture_or_none)
    inpaint: Inpaint | None = None
    controls: tuple[Control, ...] = attrs.field(default=(), converter=as_tuple)
    upscale: Upscale | None = None
    detailers: tuple[Detailer, ...] = attrs.field(default=(), converter=as_tuple)
    passes: tuple[str, ...] | None = part(default=None, rule=_passes)
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=options_rule, converter=hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=labels_rule)

    def __attrs_post_init__(self) -> None:
        faults = [*_read_sampler(self), *wrong_items(self)]
        try:
            check(self)
        except InvalidInput as error:
            faults = [*error.faults, *faults]
        if faults:
            raise InvalidInput(faults, what="GenerationRequest")

    def faults_together(self) -> Iterator[Fault]:
        """Say what single fields cannot."""
        if self.mask_image is not None and self.init_image is None:
            yield Fault("mask_image", "needs an init_image to paint on")
        if self.inpaint is not None and self.mask_image is None:
            yield Fault("inpaint", "needs a mask_image")
        if self.strength is not None and self.init_image is None:
            yield Fault("strength", "needs an init_image")

    def evolve(self, **changes: Any) -> Self:
        """Return a copy with some fields changed (`sampler="DPM++ 2M Karras"` sets sampler and schedule)."""
        if changes.get("sampler") is not None and "schedule" not in changes:
            changes["schedule"] = None
        return attrs.evolve(self, **changes)

    def completed(self, values: Mapping[str, Any]) -> Self:
        """Return a copy with *values* (our own defaults, known to be good) in place; a plan is made for every look."""
        made = object.__new__(type(self))
        for name in _FIELDS:
            object.__setattr__(made, name, values[name] if name in values else getattr(self, name))
        return made

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a mapping; the spellings of diffusers, OpenAI and A1111 are understood."""
        made: Self = read(cls, data, spellings=respell)
        return made

    def to_dict(self) -> dict[str, Any]:
        """Return what is set, in our own spelling, as plain data; secrets as references."""
        made: dict[str, Any] = plain(self)
        return made

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read JSON text."""
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise InvalidInput(f"is not JSON: {error}") from None

    def to_json(self, *, indent: int | None = None) -> str:
        """Write JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read TOML text."""
        return cls.from_dict(read_toml(text))

    def to_toml(self) -> str:
        """Write TOML text."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a `.toml` or `.json` file; relative image paths count from the file's folder."""
        file = Path(path)
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot read {file}: {error}") from None
        try:
            request = cls.from_json(text) if file.suffix == ".json" else cls.from_toml(text)
        except InvalidInput as error:
            faults = [fault if fault.path else Fault("", f"{file.name}: {fault.message}") for fault in error.faults]
            raise InvalidInput(faults, what=file.name) from None
        made: Self = _beside(request, file.parent)
        return made


_FIELDS = tuple(a.name for a in attrs.fields(GenerationRequest))


def _read_sampler(request: GenerationRequest) -> Iterator[Fault]:
    """Turn any known spelling into the neutral pair, in place (the object is not yet seen by anyone)."""
    if request.sampler is None and request.schedule is None:
        return
    try:
        sampler, schedule = _neutral(request.sampler, request.schedule)
    except ValueError as error:
        if not (_sampler_rule(request.sampler) or _schedule_rule(request.schedule)):
            yield Fault("sampler" if request.sampler is not None else "schedule", str(error))  # the two disagree
    else:
        object.__setattr__(request, "sampler", sampler)
        object.__setattr__(request, "schedule", schedule)


def _beside(request: Any, folder: Path) -> Any:
    """Make relative image paths of *request* count from *folder*."""

    def moved(image: ImageInput | None) -> ImageInput | None:
        if image is None or image.data is not None or image.is_url or Path(image.source).is_absolute():
            return image
        return ImageInput(str(folder / image.source))

    controls = tuple(attrs.evolve(control, image=moved(control.image)) for control in request.controls)
    return attrs.evolve(
        request, init_image=moved(request.init_image), mask_image=moved(request.mask_image), controls=controls
    )
