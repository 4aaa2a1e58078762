"""A picture, in neutral words: `GenerationRequest`."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Self

import attrs
from attrs import frozen

from imagegen.errors import Fault, InvalidInput
from imagegen.parts import between, check, filled, part

from .base import AnyRequest, own_first
from .fields import MAX_SEED, MAX_SIDE, as_tuple, tuple_or_none
from .ingredients import Control, Detailer, Embedding, Inpaint, Lora, ModelRef, Upscale, convert_items, model_or_none
from .inputs import ImageInput, picture_or_none
from .spellings import respell

PASSES = ("diffusion", "inpaint", "upscale", "detail")


def _passes(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, tuple) and all(name in PASSES for name in value) and len(set(value)) == len(value):
        return None
    return f"must name each of {', '.join(PASSES)} at most once"


def _sampler_rule(value: Any) -> str | None:
    if value is None:
        return None
    return _unread(value, None) if isinstance(value, str) else f"must be text, not {value!r}"


def _schedule_rule(value: Any) -> str | None:
    if not isinstance(value, str):
        return None if value is None else f"must be text, not {value!r}"
    return _unread(None, value) if value.strip() else None


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


@frozen(kw_only=True, field_transformer=own_first)
class GenerationRequest(AnyRequest):
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
    passes: tuple[str, ...] | None = part(default=None, rule=_passes, converter=tuple_or_none)

    def __attrs_post_init__(self) -> None:
        faults = [*_normalise_sampler(self), *convert_items(self)]
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

    @staticmethod
    def respelled(words: dict[str, Any]) -> dict[str, Any]:
        """The spellings of diffusers, OpenAI and A1111 are understood."""
        return respell(words)


_FIELDS = tuple(a.name for a in attrs.fields(GenerationRequest))


def _normalise_sampler(request: GenerationRequest) -> Iterator[Fault]:
    """Turn any known spelling into the neutral pair, in place (the object is not yet seen by anyone)."""
    if request.sampler is None and request.schedule is None:
        return
    if _sampler_rule(request.sampler) or _schedule_rule(request.schedule):
        return  # the rules tell
    try:
        sampler, schedule = _neutral(request.sampler, request.schedule)
    except ValueError as error:
        yield Fault("sampler" if request.sampler is not None else "schedule", str(error))  # the two disagree
    else:
        object.__setattr__(request, "sampler", sampler)
        object.__setattr__(request, "schedule", schedule)
