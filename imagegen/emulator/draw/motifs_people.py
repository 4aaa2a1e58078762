"""The portrait: a face, its hair and shoulders, of as many people as the dice know."""

from __future__ import annotations

import math

from .palette import INK, WHITE, Colour, mixed, shaded
from .pen import Pen

_SKINS = ((255, 224, 196), (241, 194, 150), (198, 134, 86), (141, 85, 54))
_HAIRS = ((38, 30, 36), (92, 56, 38), (168, 84, 44), (226, 182, 104), (120, 96, 168), (214, 214, 222))


def portrait(pen: Pen) -> None:
    dice = pen.dice
    skin, hair, dress = dice.choice(_SKINS), dice.choice(_HAIRS), pen.colours.accent
    long = dice.uniform(0.2, 0.42)
    pen.oval(0, 0.7, 0.27, 0.29, fill=shaded(hair, -0.15))
    pen.box(-0.27, 0.7 - long, 0.27, 0.7, fill=shaded(hair, -0.15), round=0.1)
    pen.box(-0.075, 0.26, 0.075, 0.5, fill=shaded(skin, -0.14))
    pen.oval(0, 0.02, 0.42, 0.3, fill=dress)
    pen.poly((-0.13, 0.33), (0.13, 0.33), (0, 0.16), fill=shaded(skin, -0.05))
    pen.line((-0.15, 0.335), (0, 0.15), (0.15, 0.335), fill=shaded(dress, 0.35), width=0.022)
    pen.oval(0, 0.64, 0.19, 0.235, fill=skin)
    for side in (-1, 1):
        _half_face(pen, side, skin, hair)
    pen.line((0.005, 0.62), (0.02, 0.575), (-0.005, 0.568), fill=shaded(skin, -0.25), width=0.011)
    pen.arc(0, 0.53, 0.055, 25, 155, fill=(176, 66, 74), width=0.016)
    _fringe(pen, hair)


def _half_face(pen: Pen, side: int, skin: Colour, hair: Colour) -> None:
    iris = mixed(pen.colours.sky, (60, 110, 150), 0.5)
    x = side * 0.085
    pen.oval(x, 0.645, 0.043, 0.034, fill=WHITE)
    pen.oval(x, 0.645, 0.026, 0.032, fill=iris)
    pen.oval(x, 0.645, 0.014, fill=INK)
    pen.oval(x + 0.009, 0.657, 0.008, fill=WHITE)
    pen.arc(x, 0.632, 0.05, 205, 335, fill=INK, width=0.015)
    pen.arc(x, 0.67, 0.055, 220, 320, fill=shaded(hair, -0.2), width=0.013)
    pen.oval(side * 0.125, 0.57, 0.034, 0.02, fill=mixed(skin, (235, 110, 110), 0.3))


def _fringe(pen: Pen, hair: Colour) -> None:
    """Hair in front of the face, parted on a side that the dice choose."""
    part = pen.dice.uniform(-0.1, 0.1)
    crown = [(math.cos(t / 12 * math.pi) * 0.235, 0.66 + math.sin(t / 12 * math.pi) * 0.3) for t in range(13)]
    pen.poly(
        *crown[:7],
        (part, 0.9),
        (part + 0.03, 0.82),
        (0.13, 0.74),
        (0.19, 0.64),
        (0.2, 0.5),
        (0.25, 0.46),
        fill=hair,
    )
    pen.poly(
        *crown[6:],
        (-0.25, 0.46),
        (-0.2, 0.5),
        (-0.19, 0.64),
        (-0.14, 0.74),
        (part - 0.02, 0.82),
        (part, 0.9),
        fill=hair,
    )
    for number in range(3):  # strands that shine
        start, width = 112 - number * 26, 0.008 + 0.004 * (number == 1)
        pen.arc(0.02, 0.7, 0.22 - number * 0.012, -start, -start + 22, fill=shaded(hair, 0.22), width=width)
