"""Colours: the palettes that models and moods choose from, and how one colour becomes another."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from typing import TypeAlias

from attrs import asdict, frozen

from .chance import dice_for, share_of
from .scene import Scene

Colour: TypeAlias = tuple[int, int, int]
WHITE: Colour = (246, 243, 236)
LAMP: Colour = (255, 224, 138)
INK: Colour = (24, 22, 32)


@frozen
class Palette:
    sky: Colour
    haze: Colour  # the sky at the horizon
    sun: Colour
    far: Colour
    near: Colour
    water: Colour
    ground: Colour
    accent: Colour


def _hex(text: str) -> Colour:
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)


def _palette(text: str) -> Palette:
    return Palette(*(_hex(part) for part in text.split()))


PALETTES = {
    "dawn": _palette("2b3a67 f7b267 fff1c9 8d6a9f 3d405b 5b7fa3 2f3e46 e76f51"),
    "noon": _palette("3a86c8 cfeaf5 fff8d6 7fa8b8 3f7d58 2a9fb8 2e5e3e f4a259"),
    "dusk": _palette("2d1e4f ff7b54 ffe8b8 8a4a70 4a2a5c 5c4785 2a1a3e ffb26b"),
    "nordic": _palette("5c7a99 e8eef2 ffffff 9fb3c8 4a6274 6b8fa3 2f4150 d64550"),
    "jade": _palette("1d5c63 d8f3dc fdf7d0 74a892 2d6a4f 40916c 1b4332 f2c14e"),
    "autumn": _palette("9a6a45 f6d186 fff3d6 c38154 884a39 8f7f5b 4a2c1a d1512d"),
    "candy": _palette("8e7dbe fbc4d4 fffbe6 c39bd3 7d6ca8 7fc8d8 5b4b8a ff7aa2"),
    "night": _palette("0b132b 3a506b f5f3dc 2c3e5c 1c2541 16324f 0a0f1f ffd166"),
    "sepia": _palette("8c6f4e f0e0c0 fffaf0 b89b72 7a5c3d a68a64 4e3823 a63d2f"),
    "print": _palette("1f4e79 ffd8a8 ff6b6b 5fa8a0 1b4965 3a8fa8 16324a ff6b6b"),
    "rose": _palette("6d597a eaac8b ffe5d9 b56576 6d597a 7a8fa6 3d2c4a e56b6f"),
    "storm": _palette("37474f b0bec5 eceff1 78909c 455a64 546e7a 263238 ffca28"),
}
MOODS = {
    "night": "night", "moon": "night", "star": "night", "midnight": "night", "dark": "night",
    "space": "night", "sunset": "dusk", "dusk": "dusk", "evening": "dusk", "cyberpunk": "dusk",
    "neon": "dusk", "sunrise": "dawn", "dawn": "dawn", "morning": "dawn", "golden": "dawn",
    "snow": "nordic", "snowy": "nordic", "winter": "nordic", "ice": "nordic", "autumn": "autumn",
    "fall": "autumn", "desert": "autumn", "storm": "storm", "rain": "storm", "fog": "storm",
    "forest": "jade", "jungle": "jade", "summer": "noon", "day": "noon", "sunny": "noon",
    "vintage": "sepia", "sepia": "sepia", "candy": "candy", "pastel": "candy", "rose": "rose",
}  # fmt: skip


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    a, b, c = (round(x + (y - x) * share) for x, y in zip(first, second, strict=True))
    return a, b, c


def shaded(colour: Colour, by: float) -> Colour:
    """Darker (*by* < 0) or lighter."""
    return mixed(colour, (255, 255, 255) if by > 0 else (8, 8, 20), abs(by))


def turned(colour: Colour, degrees: float) -> Colour:
    """Another hue, equally light and full."""
    hue, light, full = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    return _from_hls((hue + degrees / 360) % 1, light, full)


def tint_of(*parts: object) -> Colour:
    """A clear colour that belongs to *parts*."""
    return _from_hls(share_of("tint", *parts), 0.58, 0.68)


def _from_hls(hue: float, light: float, full: float) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(hue, light, full)
    return round(red * 255), round(green * 255), round(blue * 255)


def colours_of(scene: Scene, words: Iterable[str]) -> Palette:
    """The model's palette, leaning towards the mood that the prompt asks for."""
    dice = dice_for("palette", scene.model)
    names = list(PALETTES)
    base = PALETTES[names[int(dice.random() * len(names))]]
    turn = dice.uniform(-18, 18)
    colours = [turned(colour, turn) for colour in asdict(base).values()]
    for word in words:
        if word in MOODS:
            mood = asdict(PALETTES[MOODS[word]]).values()
            colours = [mixed(colour, other, 0.72) for colour, other in zip(colours, mood, strict=True)]
            break
    return Palette(*colours)
