"""The pen that every motif is drawn with, in units that make it look the same at every size."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TypeAlias

from attrs import define, evolve
from PIL import Image, ImageDraw

from .brushes import Picture, glow
from .palette import Colour, Palette

Point: TypeAlias = tuple[float, float]


@define
class Pen:
    """
    Draws in a motif's own units: x to the right of its foot, y up from its foot, 1 is its height.

    A motif gets no other measure, so it looks the same at every size.
    """

    image: Picture
    foot: Point
    size: float
    colours: Palette
    dice: Random
    detail: float

    def at(self, points: Iterable[Point]) -> list[Point]:
        return [(self.foot[0] + x * self.size, self.foot[1] - y * self.size) for x, y in points]

    def poly(self, *points: Point, fill: Colour) -> None:
        ImageDraw.Draw(self.image).polygon(self.at(points), fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, *, fill: Colour, round: float = 0) -> None:
        left, top = self.at([(x0, y1)])[0]
        right, bottom = self.at([(x1, y0)])[0]
        ImageDraw.Draw(self.image).rounded_rectangle((left, top, right, bottom), round * self.size, fill=fill)

    def oval(self, x: float, y: float, rx: float, ry: float | None = None, *, fill: Colour) -> None:
        ry = rx if ry is None else ry
        (left, top), (right, bottom) = self.at([(x - rx, y + ry), (x + rx, y - ry)])
        ImageDraw.Draw(self.image).ellipse((left, top, right, bottom), fill=fill)

    def line(self, *points: Point, fill: Colour, width: float = 0.015) -> None:
        thick = max(round(width * self.size), 1)
        ImageDraw.Draw(self.image).line(self.at(points), fill=fill, width=thick, joint="curve")

    def arc(self, x: float, y: float, r: float, start: float, end: float, *, fill: Colour, width: float) -> None:
        (left, top), (right, bottom) = self.at([(x - r, y + r), (x + r, y - r)])
        thick = max(round(width * self.size), 1)
        ImageDraw.Draw(self.image).arc((left, top, right, bottom), start, end, fill=fill, width=thick)

    def soft(self, *points: Point, fill: Colour, alpha: float) -> None:
        """A see-through polygon."""
        cover = Image.new("L", self.image.size)
        ImageDraw.Draw(cover).polygon(self.at(points), fill=round(alpha * 255))
        self.image.paste(fill, (0, 0), cover)

    def glow(self, x: float, y: float, radius: float, *, fill: Colour, alpha: float) -> None:
        (at_x, at_y) = self.at([(x, y)])[0]
        glow(self.image, at_x, at_y, radius * self.size, fill, alpha)

    def part(self, x: float, y: float, size: float) -> Pen:
        """A pen for a smaller thing that stands at (x, y)."""
        return evolve(self, foot=self.at([(x, y)])[0], size=self.size * size)
