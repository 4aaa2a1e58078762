"""Motifs that grew, and those that lie and hang there: tree, forest, flower, mountain, planet, stones."""

from __future__ import annotations

import math

from .palette import LAMP, WHITE, Colour, mixed, shaded, turned
from .pen import Pen


def tree(pen: Pen) -> None:
    leaf = mixed(pen.colours.near, (88, 140, 72), 0.35)
    bark = shaded(mixed(pen.colours.ground, (110, 74, 48), 0.6), -0.1)
    pen.poly((-0.06, -0.02), (0.06, -0.02), (0.03, 0.5), (-0.03, 0.5), fill=bark)
    pen.line((0, 0.28), (0.14, 0.46), fill=bark, width=0.025)
    crown = (
        (-0.2, 0.58),
        (0.2, 0.58),
        (-0.12, 0.74),
        (0.13, 0.75),
        (0, 0.86),
        (0, 0.62),
        (-0.24, 0.68),
        (0.24, 0.67),
    )
    wind = pen.dice.uniform
    blobs = [(x + wind(-0.05, 0.05), y + wind(-0.04, 0.04), wind(0.12, 0.17)) for x, y in crown]
    for colour, lift, share in (
        (shaded(leaf, -0.25), -0.03, 1.12),
        (leaf, 0.0, 1.0),
        (shaded(leaf, 0.16), 0.04, 0.6),
    ):
        for x, y, radius in blobs:
            pen.oval(x - lift, y + lift, radius * share, fill=colour)


def _pine(pen: Pen) -> None:
    leaf = shaded(mixed(pen.colours.near, (46, 92, 70), 0.45), -0.1)
    pen.box(-0.03, -0.02, 0.03, 0.2, fill=shaded(pen.colours.ground, -0.2))
    for low, high, wide in ((0.12, 0.55, 0.24), (0.34, 0.78, 0.18), (0.58, 1.0, 0.12)):
        pen.poly((-wide, low), (wide, low), (0, high), fill=leaf)
        pen.poly((0, low + 0.03), (wide, low), (0, high), fill=shaded(leaf, -0.22))


def forest(pen: Pen) -> None:
    for number in range(6 + round(pen.detail * 10)):
        x = pen.dice.uniform(-1.1, 1.1)
        _pine(pen.part(x, pen.dice.uniform(-0.1, 0.05) - number * 0.006, pen.dice.uniform(0.55, 0.95)))


def mountain(pen: Pen) -> None:
    rock = mixed(pen.colours.far, pen.colours.near, 0.45)
    snow = mixed(WHITE, pen.colours.haze, 0.15)
    pen.poly(
        (-0.95, -0.02),
        (-0.45, 0.5),
        (-0.32, 0.44),
        (0, 1),
        (0.3, 0.55),
        (0.42, 0.6),
        (0.95, -0.02),
        fill=rock,
    )
    shadow = (
        (0, 1),
        (0.3, 0.55),
        (0.42, 0.6),
        (0.95, -0.02),
        (0.2, -0.02),
        (0.1, 0.3),
        (0.16, 0.5),
        (0.02, 0.72),
    )
    pen.poly(*shadow, fill=shaded(rock, -0.3))
    pen.poly((0, 1), (-0.16, 0.72), (-0.09, 0.74), (-0.05, 0.64), (0.02, 0.72), fill=snow)
    pen.poly((0, 1), (0.02, 0.72), (0.08, 0.66), (0.12, 0.73), (0.18, 0.73), fill=shaded(snow, -0.16))
    pen.poly((-0.45, 0.5), (-0.55, 0.395), (-0.47, 0.42), (-0.42, 0.36), (-0.36, 0.46), fill=snow)


def flower(pen: Pen) -> None:
    leaf = mixed(pen.colours.near, (84, 142, 80), 0.6)
    for x, high, share in ((-0.3, 0.62, 0.75), (0.28, 0.72, 0.85), (0.0, 0.84, 1.1)):
        petal = turned(pen.colours.accent, pen.dice.uniform(-50, 50))
        pen.line((x * 0.3, 0), (x * 0.8, high * 0.5), (x, high), fill=leaf, width=0.024)
        side = 1 if x >= 0 else -1
        pen.poly(
            (x * 0.5, high * 0.3),
            (x * 0.5 + side * 0.16, high * 0.5),
            (x * 0.55, high * 0.46),
            fill=shaded(leaf, 0.12),
        )
        _blossom(pen.part(x, high, 0.2 * share), petal)


def _blossom(pen: Pen, petal: Colour) -> None:
    for ring, reach, count in ((-0.22, 0.52, 8), (0.0, 0.42, 8), (0.2, 0.28, 6)):
        for number in range(count):
            angle = (number + ring * 2) * math.tau / count
            pen.oval(math.cos(angle) * reach, math.sin(angle) * reach, 0.27, fill=shaded(petal, ring))
    pen.oval(0, 0, 0.2, fill=LAMP)
    pen.oval(0, 0, 0.11, fill=shaded(LAMP, -0.3))


def planet(pen: Pen) -> None:
    ball = mixed(pen.colours.accent, pen.colours.far, 0.4)
    pen.glow(0, 0.5, 0.8, fill=shaded(ball, 0.3), alpha=0.4)
    ring = [(math.cos(t / 40 * math.tau), math.sin(t / 40 * math.tau)) for t in range(41)]
    tilted = [(x * 0.72, 0.5 + y * 0.14 + x * 0.2) for x, y in ring]
    pale = shaded(ball, 0.5)
    pen.line(*tilted, fill=pale, width=0.035)
    pen.oval(0, 0.5, 0.4, fill=ball)
    for y, share in ((0.66, 0.14), (0.5, -0.1), (0.34, -0.2)):
        wide = math.sqrt(0.16 - (y - 0.5) ** 2) * 0.96
        pen.oval(0, y, wide, 0.05, fill=shaded(ball, share))
    pen.line(*tilted[19:41], fill=pale, width=0.04)


def totem(pen: Pen) -> None:
    """For prompts that name nothing we can draw: balanced stones before a ring, their own for each prompt."""
    dice, accent = pen.dice, pen.colours.accent
    pen.arc(0, 0.62, 0.46, 0, 360, fill=accent, width=0.028)
    pen.arc(0, 0.62, 0.36, dice.uniform(0, 180), dice.uniform(200, 340), fill=shaded(accent, 0.4), width=0.014)
    y, wide = 0.0, 0.3
    for number in range(4 + int(dice.random() * 2)):
        high = wide * dice.uniform(0.28, 0.42)
        stone = turned(mixed(pen.colours.near, WHITE, 0.2 + 0.1 * number), dice.uniform(-30, 30))
        x = dice.uniform(-0.05, 0.05)
        pen.oval(x, y + high, wide, high, fill=shaded(stone, -0.28))
        pen.oval(x - wide * 0.05, y + high * 1.12, wide * 0.92, high * 0.86, fill=stone)
        pen.oval(x - wide * 0.2, y + high * 1.4, wide * 0.5, high * 0.36, fill=shaded(stone, 0.25))
        y, wide = y + high * 1.85, wide * dice.uniform(0.66, 0.8)
    pen.oval(0, y + 0.06, 0.045, fill=LAMP)
    pen.glow(0, y + 0.06, 0.2, fill=LAMP, alpha=0.7)
