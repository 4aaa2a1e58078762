"""Later passes over a finished picture: upscaling and detailing, each seen on the picture and kept in its info."""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image, ImageDraw

from .brushes import Picture, unsharp
from .caption import fitted, font_at, latin, text_size
from .chance import fingerprint, share_of
from .palette import INK, WHITE, Colour, tint_of
from .scene import Scene

PASSES = "imagegen-passes"  # key in `Image.info`: passes travel with the image until it is encoded


def upscale(image: Picture, width: int, height: int, *, scene: Scene) -> Picture:
    """Enlarge (or reduce) to *width* x *height*; the upscaler's name decides how crisp it gets."""
    crispness = 40 + int(share_of(scene.upscaler, "crisp") * 60)
    bigger = image.resize((max(width, 1), max(height, 1)), Image.Resampling.LANCZOS)
    bigger = unsharp(bigger, crispness)
    name = scene.upscaler or "upscale"
    fact = {"pass": "upscale", "name": name, "width": bigger.width, "height": bigger.height}
    return _stamp(bigger, image, f"{bigger.width / image.width:.3g}x {name}", fact)


def detail(image: Picture, *, scene: Scene, name: str) -> Picture:
    """Redo one part of *image* (a face, a hand ...) more sharply, and mark where."""
    box = _detail_box(image.size, name)
    sharper = image.copy()
    sharper.paste(unsharp(image.crop(box), 110), box)
    colour = tint_of(name, fingerprint(scene))
    _brackets(sharper, box, colour)
    return _stamp(sharper, image, f"detail {name}", {"pass": "detail", "name": name})


def _stamp(image: Picture, before: Picture, text: str, fact: Mapping[str, object]) -> Picture:
    """Record a later pass in the image's info and on its upper right corner, below the earlier passes."""
    passes = (*before.info.get(PASSES, ()), dict(fact))
    size = text_size(image)
    font, pad = font_at(size), max(size // 3, 2)
    text = fitted(latin(text), font, image.width - 4 * pad)
    wide, high = round(font.getlength(text)) + 2 * pad, round(size * 1.25) + pad
    left, top = image.width - wide - pad, pad + (len(passes) - 1) * (high + pad // 2)
    pill = Image.new("L", (wide, high))
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, wide - 1, high - 1), pad, fill=170)
    image.paste(INK, (left, top), pill)
    ImageDraw.Draw(image).text((left + pad, top + pad // 2), text, font=font, fill=WHITE)
    image.info[PASSES] = passes
    return image


def _detail_box(size: tuple[int, int], name: str) -> tuple[int, int, int, int]:
    """Where a detail pass works: as good a guess as the name allows."""
    spots = {"face": (0.3, 0.14, 0.7, 0.58), "eye": (0.34, 0.24, 0.66, 0.44), "hand": (0.2, 0.5, 0.8, 0.82)}
    shares = next((spot for word, spot in spots.items() if word in name.lower()), (0.15, 0.12, 0.85, 0.82))
    left, top, right, bottom = (round(share * size[number % 2]) for number, share in enumerate(shares))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _brackets(image: Picture, box: tuple[int, int, int, int], colour: Colour) -> None:
    left, top, right, bottom = box
    pen, thick = ImageDraw.Draw(image), max(min(image.size) // 256, 1)
    arm = max(min(right - left, bottom - top) // 8, 2)
    for x, to_x in ((left, left + arm), (right, right - arm)):
        for y, to_y in ((top, top + arm), (bottom, bottom - arm)):
            pen.line((to_x, y, x, y, x, to_y), fill=colour, width=thick)
