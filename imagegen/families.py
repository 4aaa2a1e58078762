"""
Model families: what a checkpoint's architecture asks of a request.

Takes a family's name (`sdxl`, "SD 1.5", a Civitai or AIR ecosystem word) and gives its native size, size
multiple, guidance default and rules; says whether a LoRA of one family fits a model of another; and snaps
a size to what an engine can draw.  The facts and their sources are in `data/families.csv`.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Literal

from attrs import frozen

__all__ = ["ClipSkip", "Family", "compatible", "families", "family", "snap_size"]


class ClipSkip(Enum):
    """What a family makes of `clip_skip` (A1111 numbering: 1 = last layer, off)."""

    FREE = "free"
    """Any number means what it says."""
    BUILT_IN = "built_in"
    """The penultimate layer is built in: unset, 1 and 2 draw the same picture and need not be sent."""
    UNSET = "unset"
    """The penultimate layer by design: leave it unset."""
    NONE = "none"
    """There is no CLIP layer to skip: drop it, with a note."""

    def effective(self, clip_skip: int | None) -> int | None:
        """The number that changes the picture, or `None` where it changes nothing."""
        if clip_skip is None or self in (ClipSkip.NONE, ClipSkip.UNSET):
            return None
        off = 2 if self is ClipSkip.BUILT_IN else 1
        return clip_skip if clip_skip > off else None


@frozen(kw_only=True)
class Family:
    """
    One architecture.  *guidance* says which neutral field its scale is: `cfg_scale`, or `distilled_guidance`
    where real classifier-free guidance is off (Flux).  *parent* is the family it was fine-tuned from.
    """

    name: str
    native_px: int
    size_multiple: int
    guidance: Literal["cfg_scale", "distilled_guidance"]
    cfg_default: float
    negative_prompt: bool
    clip_skip: ClipSkip
    parent: str | None
    aliases: tuple[str, ...]
    notes: str
    source: str

    @property
    def root(self) -> str:
        """The oldest ancestor: `sdxl` for Pony, Illustrious and SDXL itself."""
        return families()[self.parent].root if self.parent else self.name


def families() -> Mapping[str, Family]:
    """All families by name."""
    return _families()


def family(name: str) -> Family:
    """The family called *name* (or an alias; case and punctuation do not matter); else `ValueError`."""
    found = _spellings().get(_key(name))
    if found is None:
        near = get_close_matches(_key(name), _spellings(), n=3, cutoff=0.5)
        names = sorted({_spellings()[key] for key in near})
        raise ValueError(f"unknown model family {name!r}" + (f"; near: {', '.join(names)}" if names else ""))
    return _families()[found]


def compatible(lora_family: str, model_family: str) -> Literal["yes", "near", "no"]:
    """
    Whether a LoRA fits a model: *near* for parent and child or siblings (SDXL, Pony, Illustrious, ...).

    Source for the SDXL kin: `sdxlCrossAddonTypes` and `sdxlSiblingAddonTypes` in civitai/civitai@00af6add
    `packages/civitai-shared/src/basemodel.constants.ts`.
    """
    lora, model = family(lora_family), family(model_family)
    if lora == model:
        return "yes"
    return "near" if lora.root == model.root else "no"


def snap_size(
    width: int, height: int, multiple: int, max_side: int | None = None, max_pixels: int | None = None
) -> tuple[int, int]:
    """
    The nearest size whose sides are multiples of *multiple* within the limits, its aspect kept.

    A size that already fits is returned as it is.  Too large is scaled down; nothing is scaled up, except
    that a side is rounded to the nearest multiple and is at least one.
    """
    _check_positive(width, height, multiple)
    side = (max_side or max(width, height, multiple) + multiple) // multiple
    area = (max_pixels or (side * multiple) ** 2) // multiple**2
    if not (side and area):
        raise ValueError(f"the limits {max_side} and {max_pixels} leave no room for a multiple of {multiple}")
    scale = _scale(width, height, side * multiple if max_side else None, max_pixels)
    wide, high = width * scale / multiple, height * scale / multiple
    choices = [(w, h) for w, h in product(_around(wide, side), _around(high, side)) if w * h <= area]
    if not choices:  # a very long strip: its thin side was rounded up to one multiple
        choices = [(min(area, side), 1) if wide > high else (1, min(area, side))]
    w, h = min(choices, key=lambda size: (_change(size, (wide, high)), size[0] * size[1]))
    return w * multiple, h * multiple


def _check_positive(*numbers: int) -> None:
    if min(numbers) <= 0:
        raise ValueError(f"sizes must be positive, not {', '.join(map(str, numbers))}")


def _scale(width: int, height: int, max_side: int | None, max_pixels: int | None) -> float:
    by_side = max_side / max(width, height) if max_side else 1.0
    by_area = math.sqrt(max_pixels / (width * height)) if max_pixels else 1.0
    return min(1.0, by_side, by_area)


def _around(ideal: float, most: int) -> set[int]:
    return {min(max(count, 1), most) for count in (math.floor(ideal), math.ceil(ideal))}


def _change(size: tuple[int, int], ideal: tuple[float, float]) -> float:
    """The larger relative change of the two sides, so that the aspect is kept as well."""
    return max(abs(math.log(got / want)) for got, want in zip(size, ideal, strict=True))


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _read() -> Iterator[Family]:
    from importlib.resources import files  # slow to import, and only needed here

    text = files("imagegen").joinpath("data", "families.csv").read_text("utf-8")
    for line in csv.DictReader(io.StringIO(text), strict=True):
        yield Family(
            name=line["family"],
            native_px=int(line["native_px"]),
            size_multiple=int(line["size_multiple"]),
            guidance="distilled_guidance" if line["cfg_field"] == "distilled_guidance" else "cfg_scale",
            cfg_default=float(line["cfg_default"]),
            negative_prompt=line["negative_prompt"] == "yes",
            clip_skip=ClipSkip(line["clip_skip"]),
            parent=line["parent"] or None,
            aliases=tuple(filter(None, line["aliases"].split(";"))),
            notes=line["notes"],
            source=line["source"],
        )


@cache
def _families() -> Mapping[str, Family]:
    return MappingProxyType({one.name: one for one in _read()})


@cache
def _spellings() -> dict[str, str]:
    return {_key(spelling): one.name for one in _read() for spelling in (one.name, *one.aliases)}
