"""Motifs that were built: lighthouse, house, castle, city."""

from __future__ import annotations

from .palette import INK, LAMP, WHITE, Colour, mixed, shaded
from .pen import Pen


def lighthouse(pen: Pen) -> None:
    red, stone = pen.colours.accent, shaded(pen.colours.ground, 0.1)
    pen.soft((0, 0.87), (2.2, 1.12), (2.2, 0.72), fill=LAMP, alpha=0.28)
    pen.soft((0, 0.87), (-2.2, 1.02), (-2.2, 0.62), fill=LAMP, alpha=0.16)
    pen.poly((-0.34, -0.06), (-0.24, 0.05), (-0.1, 0.08), (0.16, 0.06), (0.3, 0.0), (0.36, -0.06), fill=stone)

    def ring(low: float, high: float, fill: Colour) -> None:
        wide, slim = 0.14 - 0.06 * low / 0.78, 0.14 - 0.06 * high / 0.78
        pen.poly((-wide, low), (wide, low), (slim, high), (-slim, high), fill=fill)
        pen.poly((wide * 0.35, low), (wide, low), (slim, high), (slim * 0.35, high), fill=shaded(fill, -0.22))

    for number in range(6):
        ring(0.02 + number * 0.127, 0.02 + (number + 1) * 0.127, WHITE if number % 2 == 0 else red)
    pen.box(-0.035, 0.02, 0.035, 0.11, fill=INK, round=0.03)
    pen.box(-0.125, 0.78, 0.125, 0.805, fill=INK)
    pen.box(-0.06, 0.805, 0.06, 0.9, fill=LAMP)
    pen.line((0, 0.805), (0, 0.9), fill=INK)
    pen.poly((-0.085, 0.9), (0.085, 0.9), (0.02, 0.985), (0, 1.03), (-0.02, 0.985), fill=red)
    pen.glow(0, 0.86, 0.3, fill=LAMP, alpha=0.8)


def house(pen: Pen) -> None:
    wall, roof = shaded(WHITE, -0.06), pen.colours.accent
    for number in range(4):
        pen.oval(
            0.3 + number * 0.05,
            1.0 + number * 0.1,
            0.035 + number * 0.016,
            fill=mixed(WHITE, pen.colours.haze, 0.5),
        )
    pen.box(0.22, 0.6, 0.32, 0.97, fill=shaded(roof, -0.35))
    pen.box(-0.42, 0, 0.42, 0.52, fill=wall)
    pen.box(0.16, 0, 0.42, 0.52, fill=shaded(wall, -0.14))
    pen.poly((-0.52, 0.48), (0.52, 0.48), (0.3, 0.88), (-0.3, 0.88), fill=roof)
    pen.poly((-0.52, 0.48), (0.52, 0.48), (0.505, 0.52), (-0.505, 0.52), fill=shaded(roof, -0.3))
    for x in (-0.29, 0.28):
        pen.glow(x, 0.3, 0.2, fill=LAMP, alpha=0.5)
        pen.box(x - 0.08, 0.21, x + 0.08, 0.39, fill=LAMP)
        pen.line((x, 0.21), (x, 0.39), fill=roof)
        pen.line((x - 0.08, 0.3), (x + 0.08, 0.3), fill=roof)
    pen.box(-0.07, 0, 0.09, 0.31, fill=shaded(roof, -0.45), round=0.02)
    pen.oval(0.06, 0.15, 0.012, fill=LAMP)


def castle(pen: Pen) -> None:
    stone = mixed(pen.colours.far, (190, 182, 176), 0.5)
    for x, high, wide in ((-0.36, 0.62, 0.1), (0.38, 0.56, 0.1), (0.12, 0.8, 0.12), (-0.12, 0.68, 0.1)):
        _tower(pen, x, high, wide, stone)
    pen.box(-0.42, 0, 0.44, 0.34, fill=shaded(stone, 0.06))
    for number in range(9):
        left = -0.42 + number * 0.1
        pen.box(left, 0.34, left + 0.055, 0.39, fill=shaded(stone, 0.06))
    pen.box(-0.09, 0, 0.11, 0.22, fill=INK, round=0.08)
    pen.box(-0.09, -0.01, 0.11, 0.1, fill=INK)
    for x in (-0.3, -0.2, 0.22, 0.32):
        pen.box(x - 0.014, 0.17, x + 0.014, 0.25, fill=LAMP, round=0.012)


def _tower(pen: Pen, x: float, high: float, wide: float, stone: Colour) -> None:
    roof = pen.colours.accent
    pen.box(x - wide, 0, x + wide, high, fill=stone)
    pen.box(x + wide * 0.3, 0, x + wide, high, fill=shaded(stone, -0.2))
    pen.poly((x - wide * 1.25, high), (x + wide * 1.25, high), (x, high + 0.26), fill=roof)
    pen.poly((x + wide * 0.3, high), (x + wide * 1.25, high), (x, high + 0.26), fill=shaded(roof, -0.25))
    pen.line((x, high + 0.24), (x, high + 0.34), fill=INK, width=0.01)
    pen.poly((x, high + 0.34), (x + 0.09, high + 0.315), (x, high + 0.285), fill=LAMP)
    pen.box(x - 0.018, high - 0.14, x + 0.018, high - 0.05, fill=LAMP, round=0.016)


def city(pen: Pen) -> None:
    for row, (shade, share) in enumerate(((0.3, 1.0), (0.05, 0.72), (-0.25, 0.45))):
        x = -1.35
        wall = mixed(mixed(pen.colours.near, pen.colours.haze, 0.25 - row * 0.12), pen.colours.ground, row * 0.3)
        while x < 1.35:
            wide = pen.dice.uniform(0.12, 0.24)
            high = share * pen.dice.uniform(0.45, 1.0) * (1 - abs(x) * 0.35)
            _block(pen, (x, wide, high), shaded(wall, shade * 0.4))
            x += wide + pen.dice.uniform(-0.02, 0.06)


def _block(pen: Pen, place: tuple[float, float, float], wall: Colour) -> None:
    x, wide, high = place
    pen.box(x, -0.03, x + wide, high, fill=wall)
    pen.box(x + wide * 0.72, -0.03, x + wide, high, fill=shaded(wall, -0.2))
    if pen.dice.random() < 0.35:
        pen.line((x + wide / 2, high), (x + wide / 2, high + 0.12), fill=wall, width=0.01)
    columns, rows = max(int(wide / 0.045), 1), max(int(high / 0.055), 1)
    for number in range(columns * rows):
        if pen.dice.random() < 0.2 + pen.detail * 0.35:
            left = x + 0.015 + number % columns * 0.045
            low = high - 0.05 - number // columns * 0.055
            lit = mixed(LAMP, pen.colours.accent, 0.5 if pen.dice.random() < 0.15 else 0)
            pen.box(left, low, left + 0.022, low + 0.03, fill=mixed(wall, lit, 0.85))
