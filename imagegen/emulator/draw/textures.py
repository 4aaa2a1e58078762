"""What a LoRA does to a picture: a tint of its own colour, and the texture that its name speaks of."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from PIL import Image, ImageChops, ImageFilter

from .brushes import Picture, edges, glow, laid, on_colours, tiled
from .chance import dice_for, share_of
from .palette import Colour, shaded, tint_of, turned


def lora(image: Picture, name: str, weight: float) -> Picture:
    """A tint of its own colour and a texture, both as strong as the weight; below zero, the opposite tint."""
    amount = min(abs(weight), 2.0)
    colour = tint_of("lora", name)
    wash = turned(colour, 180) if weight < 0 else colour
    tinted = Image.new("RGB", image.size, wash)
    image = on_colours(image, lambda rgb: Image.blend(rgb, ImageChops.soft_light(rgb, tinted), min(amount * 0.5, 1)))
    return _texture(name)(image, amount, dice_for("texture", name), colour)


def _texture(name: str) -> _Texture:
    """The texture that the LoRA's name speaks of, else one that belongs to the name."""
    for word, texture in TEXTURES.items():
        if word in name.lower():
            return texture
    return (grain, _bokeh, _wash, _contour)[int(share_of("texture of", name) * 4)]


def grain(image: Picture, amount: float, dice: Random, _colour: Colour) -> Picture:
    """Film grain, fine on small pictures and as coarse as the eye expects on large ones."""
    side = 192
    loud = min(amount, 2.0) * 0.3
    noise = Image.frombytes("L", (side, side), dice.randbytes(side * side))
    scale = max(min(image.size) / 700, 1)
    noise = noise.resize((round(side * scale),) * 2, Image.Resampling.BILINEAR) if scale > 1 else noise
    noise = tiled(noise.point([round(level * loud) for level in range(256)]), image.size)
    sheet = Image.merge("RGB", (noise,) * 3)
    return on_colours(image, lambda rgb: ImageChops.add(rgb, sheet, 1, -round(127 * loud)))


def _bokeh(image: Picture, amount: float, dice: Random, colour: Colour) -> Picture:
    lights = image.convert("RGB")
    unit = min(image.size)
    for _ in range(22):
        x, y = dice.random() * image.width, dice.random() * image.height
        glow(lights, x, y, unit * dice.uniform(0.03, 0.13), shaded(colour, 0.3), min(0.55 * amount, 1))
    return on_colours(image, lambda _: lights)


def _contour(image: Picture, amount: float, _dice: Random, colour: Colour) -> Picture:
    """Pen lines along the edges."""
    lines = edges(image.convert("L")).point([min(round(level * 3 * min(amount, 1)), 255) for level in range(256)])
    return on_colours(image, lambda rgb: laid(rgb, shaded(colour, -0.8), lines))


def _wash(image: Picture, amount: float, dice: Random, colour: Colour) -> Picture:
    """Watercolour: soft blotches of more and less pigment."""
    blotches = Image.frombytes("L", (12, 12), dice.randbytes(144)).resize(image.size, Image.Resampling.BICUBIC)
    cover = blotches.point([round(max(level - 110, 0) * 0.8 * min(amount, 1)) for level in range(256)])
    soft = image.filter(ImageFilter.BoxBlur(max(min(image.size) / 300, 0.5)))
    return on_colours(soft, lambda rgb: laid(rgb, shaded(colour, 0.55), cover))


def _pixels(image: Picture, amount: float, _dice: Random, _colour: Colour) -> Picture:
    cell = max(min(image.size) * 0.018 * min(amount, 1.5), 1.0)
    small = max(round(image.width / cell), 1), max(round(image.height / cell), 1)
    return image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.NEAREST)


_Texture: TypeAlias = Callable[[Picture, float, Random, Colour], Picture]
TEXTURES: dict[str, _Texture] = {
    "grain": grain, "film": grain, "noise": grain, "analog": grain, "photo": grain, "pixel": _pixels,
    "glow": _bokeh, "neon": _bokeh, "light": _bokeh, "bokeh": _bokeh, "dream": _bokeh,
    "ink": _contour, "line": _contour, "sketch": _contour, "manga": _contour, "anime": _contour,
    "comic": _contour, "water": _wash, "paint": _wash, "oil": _wash, "ghibli": _wash,
}  # fmt: skip
