"""Motifs with eyes or wings: cat, fox, dog, birds."""

from __future__ import annotations

from .palette import INK, LAMP, WHITE, Colour, mixed, shaded
from .pen import Pen


def animal(pen: Pen, coat: Colour, floppy: bool = False) -> None:
    """A sitting cat, fox or (with *floppy* ears) dog."""
    fur = mixed(pen.colours.ground, coat, 0.7)
    pale = shaded(fur, 0.55)
    pen.arc(0.28, 0.2, 0.2, -100, 95, fill=fur, width=0.075)
    pen.oval(0, 0.26, 0.24, 0.3, fill=fur)
    pen.oval(0, 0.28, 0.12, 0.2, fill=pale)
    for side in (-1, 1):
        pen.oval(side * 0.11, 0.03, 0.085, 0.045, fill=pale)
        if not floppy:
            pen.poly((side * 0.04, 0.84), (side * 0.2, 1.0), (side * 0.235, 0.7), fill=fur)
            pen.poly((side * 0.09, 0.84), (side * 0.185, 0.945), (side * 0.2, 0.76), fill=shaded(fur, -0.3))
    pen.oval(0, 0.7, 0.235, 0.19, fill=fur)
    pen.oval(0, 0.635, 0.1, 0.075, fill=pale)
    for side in (-1, 1):
        if floppy:
            ear = ((0.12, 0.88), (0.2, 0.87), (0.3, 0.7), (0.31, 0.52), (0.24, 0.5), (0.19, 0.64))
            pen.poly(*((side * x, y) for x, y in ear), fill=shaded(fur, -0.35))
        _eye_and_whiskers(pen, side, INK if floppy else LAMP, pale)
    pen.poly((-0.03, 0.662), (0.03, 0.662), (0, 0.628), fill=INK if floppy else (222, 120, 120))


def _eye_and_whiskers(pen: Pen, side: int, iris: Colour, pale: Colour) -> None:
    x = side * 0.095
    pen.oval(x, 0.72, 0.045, 0.05, fill=iris)
    pen.oval(x, 0.72, 0.016, 0.042, fill=INK)
    pen.oval(x + 0.015, 0.74, 0.011, fill=WHITE)
    for slope in (-0.03, 0.03):
        pen.line((side * 0.07, 0.64), (side * 0.3, 0.64 + slope), fill=pale, width=0.006)


def bird(pen: Pen) -> None:
    for number in range(5):
        x, y, wing = pen.dice.uniform(-0.9, 0.9), pen.dice.uniform(0, 0.8), pen.dice.uniform(0.09, 0.17)
        lift = wing * pen.dice.uniform(0.35, 0.6)
        ink = mixed(INK, pen.colours.sky, 0.1 * number)
        left = (
            (x - wing, y + lift),
            (x - wing * 0.45, y + lift * 0.95),
            (x, y),
            (x - wing * 0.5, y + lift * 0.55),
        )
        pen.poly(*left, fill=ink)
        pen.poly(*((2 * x - px, py) for px, py in left), fill=ink)
