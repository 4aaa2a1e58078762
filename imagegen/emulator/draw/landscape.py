"""The land: hills at the horizon, the sea or the fields before them, and the slope in front, where motifs stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from attrs import define
from PIL import Image, ImageDraw

from .brushes import Picture, gradient
from .palette import Colour, mixed, shaded
from .sky import SUN_PLACES
from .stage import Stage


def hills(stage: Stage) -> None:
    """Two to four ridges, the far ones hazier."""
    colours, height = stage.colours, stage.image.height
    layers = 2 + round(stage.detail * 2)
    rough = (0.35 + stage.detail * 0.65) / max(stage.scene.clip_skip, 1)
    big = 1.9 if "mountain" in stage.words else 1.0
    for layer in range(layers):
        near = layer / layers
        dice = stage.dice(f"hill {layer}")
        colour = mixed(mixed(colours.far, colours.haze, 0.35), colours.near, near)
        rise = height * (0.2 - 0.1 * near) * dice.uniform(0.7, 1.2) * (big if layer == 0 else 1)
        heights = _ridge(dice, rough, sharp=dice.random() < 0.6 and layer < 2)
        land(stage.image, heights, stage.horizon + height * 0.02, rise, colour, mixed(colour, colours.haze, 0.6))


def plain(stage: Stage) -> None:
    """Sea or meadow, from the horizon to the lower edge."""
    image, colours = stage.image, stage.colours
    width, height = image.size
    top = round(stage.horizon)
    if stage.water:
        far, near = mixed(colours.water, colours.haze, 0.6), shaded(colours.water, -0.35)
    else:
        far, near = mixed(colours.near, colours.haze, 0.35), colours.ground
    image.paste(gradient((width, height - top), far, mixed(far, near, 0.7), near), (0, top))
    (_waves if stage.water else _fields)(stage)


def _waves(stage: Stage) -> None:
    pen, dice, colours = ImageDraw.Draw(stage.image), stage.dice("waves"), stage.colours
    sun = stage.dice("sky").choice(SUN_PLACES) * stage.image.width
    width, height = stage.image.size
    depth = height - stage.horizon
    for number in range(30 + int(stage.detail * 170)):
        share = dice.random() ** 1.5
        y = stage.horizon + 2 + share * depth
        at_sun = number % 3 == 0
        spread = width * (0.03 + 0.09 * share)
        x = sun + dice.uniform(-spread, spread) if at_sun else dice.uniform(0, width)
        long = width * (0.006 + 0.035 * share) * dice.uniform(0.5, 1.6)
        far = mixed(colours.water, colours.haze, 0.6 * (1 - share))
        colour = mixed(far, colours.sun, 0.65) if at_sun else mixed(far, colours.haze, dice.uniform(0.05, 0.3))
        pen.line((x - long, y, x + long, y), fill=colour, width=max(round(height * 0.004 * share), 1))


def _fields(stage: Stage) -> None:
    colours, height = stage.colours, stage.image.height
    for layer in range(3):
        dice = stage.dice(f"field {layer}")
        base = stage.horizon + (height - stage.horizon) * (0.18 + 0.24 * layer)
        colour = mixed(mixed(colours.near, colours.haze, 0.3 - layer * 0.1), colours.ground, layer / 3)
        land(
            stage.image,
            _ridge(dice, 0.1, False),
            base,
            height * 0.06,
            shaded(colour, 0.1),
            shaded(colour, -0.15),
        )


@define
class Slope:
    """The piece of land in front, on which most motifs stand."""

    stage: Stage
    side: float

    def height(self, share: float) -> float:
        """The y of its surface at *share* of the width."""
        tall = self.stage.image.height
        away = share - self.side
        bump = math.sin(share * 9 + self.side * 20) * 0.008
        return tall * (0.765 + (1.1 if self.stage.water else 0.22) * away * away + bump)

    def paint(self) -> None:
        stage, colours = self.stage, self.stage.colours
        tall = stage.image.height
        heights = [(tall - self.height(n / 90)) / tall for n in range(91)]
        land(stage.image, heights, tall, tall, shaded(colours.ground, 0.16), shaded(colours.ground, -0.25))
        self._grass()

    def _grass(self) -> None:
        stage, dice = self.stage, self.stage.dice("grass")
        pen = ImageDraw.Draw(stage.image)
        width, tall = stage.image.size
        for _ in range(round(60 + stage.detail * 420)):
            x, down = dice.random(), dice.random() ** 2 * 0.16
            y = self.height(x) + down * tall
            long = tall * (0.008 + 0.05 * down + 0.008 * dice.random())
            lean = dice.uniform(-0.5, 0.5) * long
            colour = shaded(stage.colours.ground, dice.uniform(-0.2, 0.3) - down)
            pen.line((x * width, y + 1, x * width + lean, y - long), fill=colour, width=max(round(tall / 480), 1))


def _ridge(dice: Random, rough: float, sharp: bool, count: int = 90) -> list[float]:
    """Heights between 0 and 1 along a line: a few waves, with peaks if *sharp*."""
    waves = [(dice.uniform(0.5, 1.1) * 1.9**n, dice.random() * math.tau, 0.52**n) for n in range(6)]
    full = sum(weight for _, _, weight in waves)
    heights = []
    for step in range(count + 1):
        total = 0.0
        for number, (pitch, phase, weight) in enumerate(waves):
            wave = math.sin(step / count * math.tau * pitch + phase)
            total += weight * (rough if number > 1 else 1.0) * (1 - abs(wave) * 2 if sharp else wave)
        heights.append(min(max(total / full / 2 + 0.5, 0.0), 1.0))
    return heights


def land(image: Picture, heights: Sequence[float], base: float, rise: float, top: Colour, bottom: Colour) -> None:
    """Everything below the ridge, lighter towards its foot as air is."""
    width, height = image.size
    line = [(width * n / (len(heights) - 1), base - rise * value) for n, value in enumerate(heights)]
    first = max(min(int(min(y for _, y in line)), height - 1), 0)
    cover = Image.new("L", (width, height - first))
    outline = [(x, y - first) for x, y in line]
    ImageDraw.Draw(cover).polygon([(0, height), *outline, (width, height)], fill=255)
    image.paste(gradient(cover.size, top, bottom, bottom), (0, first), cover)
