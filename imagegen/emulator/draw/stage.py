"""The stage: a scene's words, size, colours and motifs, settled before anything is painted."""

from __future__ import annotations

import math
import re
from random import Random

from attrs import define
from PIL import Image

from .brushes import Picture
from .chance import dice_for
from .motifs import motifs_named
from .palette import Palette, colours_of
from .scene import Scene

CANVAS_PIXELS = 1_200_000  # the painting's own size: small pictures are supersampled, huge ones enlarged
_WET = {
    "lighthouse", "boat", "sea", "ocean", "lake", "beach", "harbor", "harbour", "river", "island", "coast", "water",
}  # fmt: skip
_DRY = {"forest", "field", "meadow", "desert", "street", "road", "garden", "city", "jungle", "farm"}


@define
class Stage:
    """One painting under way, at the painting's own size."""

    scene: Scene
    image: Picture
    colours: Palette
    words: tuple[str, ...]
    horizon: float
    detail: float  # 0..1: how far the steps went
    water: bool
    names: tuple[str, ...]  # of the motifs, the hero first

    @property
    def key(self) -> tuple[object, ...]:
        """What the composition hangs on: the same key and topic, the same hill."""
        return self.scene.prompt, self.scene.model, self.scene.seed

    def dice(self, topic: str) -> Random:
        return dice_for(topic, *self.key)


def set_stage(scene: Scene) -> Stage:
    """The empty stage for *scene*."""
    words = words_of(scene.prompt)
    size = _canvas_size(scene)
    dice = dice_for("stage", scene.prompt, scene.model, scene.seed)
    names = _motifs_wanted(words, scene.negative_prompt)
    return Stage(
        scene=scene,
        image=Image.new("RGBA" if scene.transparent else "RGB", size),
        colours=colours_of(scene, words),
        words=words,
        water=_has_water({*words, *names}, dice),  # throws before the horizon does
        horizon=size[1] * dice.uniform(0.52, 0.62),
        detail=min(max(scene.steps, 0) / 40, 1.0),
        names=names,
    )


def words_of(prompt: str) -> tuple[str, ...]:
    """The prompt's words in order, once each, lower case and singular."""
    found = re.findall(r"[a-z]+", re.sub(r"<[^>]*>|\[emu:[^\]]*\]", " ", prompt.lower()))
    return tuple(dict.fromkeys(form for word in found for form in (word, word.removesuffix("s"))))


def _motifs_wanted(words: tuple[str, ...], negative_prompt: str) -> tuple[str, ...]:
    """At most five motifs, the hero first; the nameless one if the prompt names none."""
    unwanted = motifs_named(words_of(negative_prompt))
    return tuple(name for name in motifs_named(words) if name not in unwanted)[:5] or ("",)


def _has_water(told: set[str], dice: Random) -> bool:
    """Whether there is a sea in front: as the prompt tells, else as the dice fall."""
    return bool(_WET & told) or (dice.random() < 0.5 and not _DRY & told)


def _canvas_size(scene: Scene) -> tuple[int, int]:
    width, height = max(scene.width, 1), max(scene.height, 1)
    factor = min(2.0, math.sqrt(CANVAS_PIXELS / (width * height)))
    return max(round(width * factor), 8), max(round(height * factor), 8)
