"""The sky: its gradient, a sun or a moon, stars and clouds."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw, ImageFilter

from .brushes import Picture, glow, gradient
from .palette import Colour, mixed, shaded
from .stage import Stage

SUN_PLACES = (0.24, 0.5, 0.7, 0.8)  # of the width; where the sun stands, the sea glitters


def sky(stage: Stage) -> None:
    """Paint everything above the horizon."""
    width, height = stage.image.size
    colours, dice = stage.colours, stage.dice("sky")
    middle = mixed(colours.sky, colours.haze, 0.45)
    air = gradient((width, math.ceil(stage.horizon) + 2), colours.sky, middle, colours.haze)
    stage.image.paste(air, (0, 0))
    dark = sum(colours.sky) < 210
    if dark:
        _stars(stage)
    x, y = width * dice.choice(SUN_PLACES), stage.horizon * dice.uniform(0.28, 0.78)
    _sun(stage, x, y, min(width, height) * dice.uniform(0.045, 0.085), craters=dark)
    _clouds(stage)


def _sun(stage: Stage, x: float, y: float, radius: float, craters: bool) -> None:
    """The sun, or (with *craters*) the moon."""
    image, colour = stage.image, stage.colours.sun
    glow(image, x, y, radius * 7, colour, 0.55)
    _disc(image, x, y, radius, colour)
    if craters:
        for dx, dy, share in ((-0.3, -0.2, 0.22), (0.25, 0.3, 0.16), (0.1, -0.45, 0.12)):
            _disc(image, x + dx * radius, y + dy * radius, radius * share, shaded(colour, -0.12))


def _disc(image: Picture, x: float, y: float, radius: float, colour: Colour) -> None:
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _stars(stage: Stage) -> None:
    pen, dice = ImageDraw.Draw(stage.image), stage.dice("stars")
    size = min(stage.image.size) / 500
    for _ in range(20 + int(stage.detail * 140)):
        x, y = dice.random() * stage.image.width, dice.random() ** 1.4 * stage.horizon
        radius = size * dice.uniform(0.4, 1.5)
        pen.ellipse(
            (x - radius, y - radius, x + radius, y + radius),
            fill=shaded(stage.colours.haze, dice.uniform(0.3, 0.9)),
        )


def _clouds(stage: Stage) -> None:
    """Clouds are drawn small, blurred and enlarged: soft, and cheap."""
    dice = stage.dice("clouds")
    width, height = 160, 100
    mist = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mist)
    for _ in range(3 + int(dice.random() * 4)):
        x, y, long = dice.uniform(0, width), dice.uniform(8, height * 0.8), dice.uniform(14, 44)
        for _ in range(7):
            dx, radius = dice.uniform(-long, long) * 0.8, dice.uniform(2, 7)
            pen.ellipse((x + dx - radius * 2.4, y - radius, x + dx + radius * 2.4, y + radius * 0.6), fill=150)
    mist = mist.filter(ImageFilter.GaussianBlur(2.2))
    size = stage.image.width, max(round(stage.horizon), 1)
    colour = mixed(shaded(stage.colours.haze, 0.45), stage.colours.sun, 0.25)
    stage.image.paste(colour, (0, 0), mist.resize(size, Image.Resampling.BICUBIC))
