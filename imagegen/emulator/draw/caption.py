"""Words on the picture: the caption with the main facts, and what any writing on a picture needs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

from .brushes import Picture
from .chance import fingerprint
from .palette import INK, WHITE
from .scene import Scene

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


def with_caption(image: Picture, scene: Scene, area: tuple[int, int, int, int]) -> Picture:
    """A strip along the foot of *area* with the main facts, and a row of colours that no other scene has."""
    left, top, right, bottom = area
    size = text_size(image)
    gap = max(round(size * 0.5), 2)
    chips = _chips(scene, max(size // 3, 2))
    wide = right - left - 2 * gap
    lines = _flow(_facts(scene), size, wide - chips.width - gap, rows=_rows(bottom - top, size))
    high = len(lines) * round(size * 1.35) + gap if lines else chips.height + 2
    strip = max(bottom - high, top)
    image = image.copy()
    image.paste(INK, (left, strip), Image.new("L", (right - left, bottom - strip), 158))
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        y = strip + gap // 2 + number * round(size * 1.35)
        pen.text((left + gap, y), line, font=font_at(size), fill=WHITE if number == 0 else (206, 204, 212))
    image.paste(chips, (max(right - chips.width - gap, left), strip + max((bottom - strip - chips.height) // 2, 0)))
    return image


def _facts(scene: Scene) -> list[str]:
    """The caption's items, the most telling first."""
    strength = [] if scene.strength is None else [f"strength {scene.strength:g}"]
    items = [
        *scene.labels,
        scene.model,
        f"seed {scene.seed}",
        f"{scene.steps} steps",
        f"cfg {scene.cfg_scale:g}",
        scene.sampler,
        f"{scene.width}x{scene.height}",
        *(f"{name} {weight:g}" for name, weight in scene.loras),
        *strength,
        *(f"{name} {weight:g}" for name, weight in scene.controls),
        *scene.embeddings,
        scene.vae if "vae" in scene.vae.lower() or not scene.vae else f"vae {scene.vae}",
        f"clip skip {scene.clip_skip}" if scene.clip_skip != 1 else "",
        *scene.detailers,
        scene.upscaler,
    ]
    return [latin(item) for item in items if item]


def latin(text: str) -> str:
    """*text* in the letters that the built-in font knows."""
    return text.encode("latin-1", "replace").decode("latin-1")


@lru_cache(maxsize=64)
def font_at(size: int) -> Font:
    """The built-in font."""
    return ImageFont.load_default(size)


def text_size(image: Picture) -> int:
    """How large letters are on *image*: in proportion, but readable and never loud."""
    return min(max(round(min(image.size) * 0.027), 9), 44)


def _rows(height: int, size: int) -> int:
    """How many lines of text a picture of that height can spare: a quarter of it, at most three."""
    return min(int(height * 0.25 / (size * 1.35)), 3)


def _flow(items: Sequence[str], size: int, width: int, rows: int) -> list[str]:
    """Items into at most *rows* lines; what does not fit is counted, not cut."""
    font = font_at(size)
    lines: list[str] = []
    for number, item in enumerate(items):
        item = fitted(item, font, width)
        longer = f"{lines[-1]}  ·  {item}" if lines else item
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        elif len(lines) < rows:
            lines.append(item)
        else:
            return [*lines[:-1], fitted(f"{lines[-1]}  +{len(items) - number}", font, width)] if lines else []
    return lines


def fitted(text: str, font: Font, width: int) -> str:
    """*text*, its middle left out if it is too long."""
    if font.getlength(text) <= width:
        return text
    keep = max(int(len(text) * width / max(font.getlength(text), 1)) - 3, 2)
    return f"{text[: keep - keep // 3]}...{text[len(text) - keep // 3 :]}"


def _chips(scene: Scene, side: int) -> Picture:
    """The fingerprint of a scene: two rows of small coloured squares."""
    digest = bytes.fromhex(fingerprint(scene))
    chips = Image.frombytes("RGB", (5, 2), digest[:30])
    return chips.resize((5 * side, 2 * side), Image.Resampling.NEAREST)
