"""The settings that work on the finished painting: sampler, steps, vae, cfg, what the eye calls style."""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from .brushes import Picture, laid, on_colours, tiled, unsharp
from .chance import dice_for, share_of
from .palette import INK, shaded, tint_of
from .scene import Scene
from .textures import grain, lora


def finish(image: Picture, scene: Scene) -> Picture:
    """Sampler, LoRAs, steps, vae, cfg: what the eye calls style."""
    image = _underdone(image, scene)
    image = _hatch(image, scene)
    for name, weight in scene.loras:
        image = lora(image, name, weight)
    for name in scene.detailers:
        image = unsharp(image, 25 + round(share_of("detailer", name) * 40))
    if scene.upscaler:
        image = unsharp(image, 20 + round(share_of("upscaler", scene.upscaler) * 30))
    return _tone(image, scene)


def _underdone(image: Picture, scene: Scene) -> Picture:
    """Too few steps leave a picture half out of the noise."""
    missing = 1 - min(max(scene.steps, 0) / 8, 1.0)
    if not missing:
        return image
    blurred = image.filter(ImageFilter.BoxBlur(missing * min(image.size) / 60))
    return grain(blurred, missing * 0.5, dice_for("noise", scene.seed), INK)


def _hatch(image: Picture, scene: Scene) -> Picture:
    """The sampler is the hand: strokes of its own direction and spacing, in the darker parts."""
    if not scene.sampler:
        return image
    dice = dice_for("sampler", scene.sampler)
    strokes = _strokes(dice.choice(("fall", "rise", "level", "cross", "dots")), 4 + int(dice.random() * 5))
    scale = max(min(image.size) / 512, 0.5)
    side = max(round(strokes.width * scale), 8)
    cover = tiled(strokes.resize((side, side), Image.Resampling.BILINEAR), image.size)
    dark = image.convert("L").point([round(max(150 - level, 12) * 0.55) for level in range(256)])
    colour = shaded(tint_of("hand", scene.sampler), 0.35)
    return on_colours(image, lambda rgb: laid(rgb, colour, ImageChops.multiply(cover, dark)))


@lru_cache(maxsize=64)
def _strokes(kind: str, gap: int) -> Picture:
    """A seamless tile of brush strokes."""
    side = gap * 12
    tile = Image.new("L", (side * 2, side * 2))
    pen = ImageDraw.Draw(tile)
    for at in range(-2 * side, 4 * side, gap * 2):
        if kind in ("fall", "cross"):
            pen.line((at, 0, at + 2 * side, 2 * side), fill=255, width=2)
        if kind in ("rise", "cross"):
            pen.line((at, 2 * side, at + 2 * side, 0), fill=255, width=2)
        if kind == "level":
            pen.line((0, at, 2 * side, at), fill=255, width=2)
        if kind == "dots":
            for down in range(0, 2 * side, gap * 2):
                shift = gap if down // (gap * 2) % 2 else 0
                pen.ellipse((at + shift, down, at + shift + gap, down + gap), fill=255)
    return tile.resize((side, side), Image.Resampling.BOX)


def _tone(image: Picture, scene: Scene) -> Picture:
    """Contrast and saturation from cfg, a cast from the vae, and a trace of everything else."""
    strength = min(max(scene.cfg_scale, 0.0), 30.0)
    contrast = 0.62 + 0.38 * (strength / 7) ** 0.6
    full = 0.6 + 0.4 * (strength / 7) ** 0.7
    dice, vae = dice_for("tone", scene), dice_for("vae", scene.vae)
    casts = [vae.uniform(-16, 16) if scene.vae else 0.0 for _ in "RGB"]
    table = [level for cast in casts for level in _curve(contrast, cast, dice)]
    return on_colours(image, lambda rgb: ImageEnhance.Color(rgb).enhance(full).point(table))


def _curve(contrast: float, cast: float, dice: Random) -> list[int]:
    """What becomes of each level of one colour."""
    # No setting may go unseen, however small its own effect: all of them bend the curve a little.
    knots = [dice.uniform(-5, 5) for _ in range(5)]
    curve = []
    for level in range(256):
        place, share = divmod(level / 64, 1)
        trace = knots[int(place)] * (1 - share) + knots[int(place) + 1] * share
        bright = 128 + (level - 128) * contrast + cast * math.sin(level / 255 * math.pi) + trace
        curve.append(min(max(round(bright), 0), 255))
    return curve
