"""Motifs that move, or could: boat, robot, balloon."""

from __future__ import annotations

from .palette import INK, LAMP, WHITE, mixed, shaded
from .pen import Pen


def boat(pen: Pen) -> None:
    hull = pen.colours.accent
    pen.soft((-0.4, 0), (0.4, 0), (0.26, -0.2), (-0.26, -0.2), fill=shaded(hull, -0.5), alpha=0.35)
    pen.line((0, 0.1), (0, 1), fill=INK, width=0.022)
    pen.poly((0.03, 0.24), (0.03, 0.95), (0.42, 0.28), fill=WHITE)
    pen.poly((0.03, 0.24), (0.03, 0.5), (0.42, 0.28), fill=shaded(WHITE, -0.1))
    pen.poly((-0.03, 0.26), (-0.03, 0.82), (-0.3, 0.28), fill=shaded(WHITE, -0.16))
    pen.poly((0, 1), (0.13, 0.965), (0, 0.93), fill=hull)
    pen.poly((-0.48, 0.2), (0.5, 0.2), (0.36, 0), (-0.36, 0), fill=hull)
    pen.poly((-0.48, 0.2), (0.5, 0.2), (0.475, 0.165), (-0.455, 0.165), fill=WHITE)
    pen.poly((-0.385, 0.035), (0.385, 0.035), (0.36, 0), (-0.36, 0), fill=shaded(hull, -0.35))


def robot(pen: Pen) -> None:
    steel, light = mixed(pen.colours.haze, (150, 166, 180), 0.7), pen.colours.accent
    dark = shaded(steel, -0.45)
    for side in (-1, 1):
        pen.box(min(side * 0.07, side * 0.17), 0, max(side * 0.07, side * 0.17), 0.24, fill=dark)
        pen.oval(side * 0.135, 0.02, 0.1, 0.04, fill=steel)
        pen.line((side * 0.24, 0.55), (side * 0.34, 0.4), (side * 0.33, 0.25), fill=dark, width=0.06)
        pen.oval(side * 0.33, 0.24, 0.055, fill=steel)
    pen.box(-0.25, 0.2, 0.25, 0.6, fill=steel, round=0.06)
    pen.box(0.1, 0.21, 0.25, 0.59, fill=shaded(steel, -0.18), round=0.05)
    pen.box(-0.13, 0.33, 0.13, 0.5, fill=dark, round=0.02)
    for number in range(3):
        pen.oval(-0.075 + number * 0.075, 0.415, 0.024, fill=(light, LAMP, (126, 214, 160))[number])
    pen.box(-0.06, 0.6, 0.06, 0.66, fill=dark)
    pen.box(-0.21, 0.64, 0.21, 0.9, fill=shaded(steel, 0.15), round=0.07)
    pen.box(-0.16, 0.7, 0.16, 0.84, fill=INK, round=0.05)
    for x in (-0.075, 0.075):
        pen.glow(x, 0.77, 0.12, fill=light, alpha=0.8)
        pen.oval(x, 0.77, 0.034, fill=shaded(light, 0.45))
    pen.line((0, 0.9), (0, 0.98), fill=dark, width=0.02)
    pen.oval(0, 0.99, 0.03, fill=light)


def balloon(pen: Pen) -> None:
    skin = pen.colours.accent
    for x in (-0.13, 0.13):
        pen.line((x * 0.6, 0.14), (x * 1.7, 0.45), fill=INK, width=0.008)
    pen.poly((-0.28, 0.5), (0.28, 0.5), (0.09, 0.24), (-0.09, 0.24), fill=shaded(skin, -0.1))
    pen.oval(0, 0.65, 0.34, 0.35, fill=skin)
    pen.oval(0, 0.65, 0.24, 0.35, fill=WHITE)
    pen.oval(0, 0.65, 0.13, 0.35, fill=skin)
    pen.poly((-0.06, 0.32), (0.06, 0.32), (0.05, 0.24), (-0.05, 0.24), fill=shaded(skin, -0.25))
    pen.glow(-0.12, 0.78, 0.24, fill=WHITE, alpha=0.5)
    pen.box(-0.08, 0, 0.08, 0.14, fill=(122, 82, 52), round=0.02)
