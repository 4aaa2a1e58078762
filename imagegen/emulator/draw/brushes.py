"""The tools that several rooms share: gradients, soft lights, covers, tiles, sharpening, outlines."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFilter

from .palette import Colour

Picture: TypeAlias = Image.Image


def gradient(size: tuple[int, int], *colours: Colour) -> Picture:
    """Colours from top to bottom."""
    column = Image.frombytes("RGB", (1, len(colours)), bytes(part for colour in colours for part in colour))
    # Two steps: one bilinear enlargement would hold half a cell flat at either end.
    return column.resize((1, 64), Image.Resampling.BICUBIC).resize(size, Image.Resampling.BILINEAR)


@lru_cache(maxsize=64)
def _halo(alpha: int) -> Picture:
    # Pillow's gradient reaches 181 in the middle of an edge: dark there, or the square would show.
    falls = [max(1 - level / 180, 0) ** 2 * alpha for level in range(256)]
    return Image.radial_gradient("L").point([round(level) for level in falls])


def glow(image: Picture, x: float, y: float, radius: float, colour: Colour, alpha: float) -> None:
    """A soft round light."""
    side = max(round(radius * 2), 2)
    light = _halo(round(alpha * 255)).resize((side, side), Image.Resampling.BILINEAR)
    image.paste(colour, (round(x - radius), round(y - radius)), light)


def on_colours(image: Picture, change: Callable[[Picture], Picture]) -> Picture:
    """Apply *change* to the colours and leave the transparency alone."""
    if image.mode != "RGBA":
        return change(image)
    changed = change(image.convert("RGB"))
    changed.putalpha(image.getchannel("A"))
    return changed


def unsharp(image: Picture, percent: int) -> Picture:
    """*image*, crisper by *percent*."""
    radius = max(min(image.size) / 400, 0.8)
    return on_colours(image, lambda rgb: rgb.filter(ImageFilter.UnsharpMask(radius, percent, 2)))


def laid(image: Picture, colour: Colour, cover: Picture) -> Picture:
    """A copy of *image* with *colour* laid over it where *cover* is light."""
    image = image.copy()
    image.paste(colour, (0, 0), cover)
    return image


def tiled(tile: Picture, size: tuple[int, int]) -> Picture:
    """*tile* repeated over *size*, doubling each time."""
    sheet = Image.new(tile.mode, size)
    sheet.paste(tile, (0, 0))
    wide, high = tile.size
    while wide < size[0]:
        sheet.paste(sheet.crop((0, 0, min(wide, size[0] - wide), high)), (wide, 0))
        wide *= 2
    while high < size[1]:
        sheet.paste(sheet.crop((0, 0, size[0], min(high, size[1] - high))), (0, high))
        high *= 2
    return sheet


def edges(grey: Picture) -> Picture:
    """Outlines; the frame of the picture is not one of them."""
    found = grey.filter(ImageFilter.FIND_EDGES)
    ImageDraw.Draw(found).rectangle((0, 0, found.width - 1, found.height - 1), outline=0)
    return found
