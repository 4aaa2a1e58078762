"""
What is to be drawn: the one thing that a caller fills in.

Who adds a field shows it in a picture (`style.py` lets every field bend the colours a little, so none goes unseen)
and, if a person should read it, in the caption (`caption.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen
from attrs.converters import optional


def _weighted(pairs: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    return tuple((name, float(weight)) for name, weight in pairs)


@frozen(kw_only=True)
class Scene:
    """
    Everything that should change a picture, in numbers and words of no vendor.

    Weights become floats, so that scenes that compare equal are drawn equal: 1 and 1.0 are one weight.
    """

    prompt: str
    negative_prompt: str = ""
    model: str = ""
    width: int
    height: int
    seed: int
    steps: int = 20
    cfg_scale: float = field(default=7.0, converter=float)
    sampler: str = ""
    clip_skip: int = 1
    loras: tuple[tuple[str, float], ...] = field(default=(), converter=_weighted)
    embeddings: tuple[str, ...] = ()
    vae: str = ""
    # img2img and inpaint: 1.0 destroys the init image
    strength: float | None = field(default=None, converter=optional(float))
    controls: tuple[tuple[str, float], ...] = field(default=(), converter=_weighted)  # (model, weight)
    detailers: tuple[str, ...] = ()
    upscaler: str = ""
    transparent: bool = False  # subject only, on a transparent background
    extra: tuple[tuple[str, str], ...] = ()  # other facts: change the picture, shown in the metadata only
    labels: tuple[str, ...] = ()  # short facts for the caption
