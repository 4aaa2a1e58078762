"""Pictures as input: a drawing is laid over one (img2img), or into a part of it (inpaint), or follows its outlines."""

from __future__ import annotations

import io

from PIL import Image, ImageChops

from .brushes import Picture, edges, laid
from .caption import with_caption
from .palette import WHITE
from .scene import Scene


def lay_over(init: bytes, drawing: Picture, scene: Scene) -> Picture:
    """*drawing* over the picture in *init*, as strong as the scene says."""
    before = _load(init, drawing.size, drawing.mode)
    share = 0.75 if scene.strength is None else scene.strength
    if share <= 0:
        return before
    blended = Image.blend(before, drawing.convert(before.mode), min(share, 1.0))
    return with_caption(blended, scene, (0, 0, *drawing.size))


def inpaint(init: bytes, drawing: Picture, mask: bytes, scene: Scene) -> Picture:
    """*drawing* where *mask* is white, the picture in *init* elsewhere."""
    before = _load(init, drawing.size, drawing.mode)
    white = _threshold(mask, drawing.size)
    share = 1.0 if scene.strength is None else min(max(scene.strength, 0.0), 1.0)
    fresh = Image.blend(before, drawing.convert(before.mode), share)
    area = white.getbbox()
    if area and share:
        fresh = _captioned_inside(fresh, scene, white, area)
    fresh.paste(before, (0, 0), ImageChops.invert(white))
    return fresh


def _captioned_inside(fresh: Picture, scene: Scene, white: Picture, area: tuple[int, int, int, int]) -> Picture:
    """The caption only goes where it fits wholly into the *white* part of the mask, which *area* bounds."""
    captioned = with_caption(fresh, scene, area)
    changed = ImageChops.difference(captioned.convert("RGB"), fresh.convert("RGB")).getbbox() or area
    left, _, right, bottom = area
    fits = white.crop((left, changed[1], right, bottom)).getextrema() == (255, 255)
    return captioned if fits else fresh


def trace(image: Picture, data: bytes, weight: float) -> Picture:
    """The outlines of a control image, drawn faintly over."""
    grey = _load(data, image.size, "RGB").convert("L")
    loud = min(max(weight, 0.05), 2.0) * 1.4
    cover = edges(grey).point([min(round(level * loud), 190) for level in range(256)])
    return laid(image, WHITE, cover)


def _load(data: bytes, size: tuple[int, int], mode: str) -> Picture:
    """The picture in *data* at *size*; it keeps an alpha channel that it has."""
    with Image.open(io.BytesIO(data)) as image:
        see_through = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
        picture = image.convert("RGBA" if see_through or mode == "RGBA" else "RGB")
    picture.info = {}
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _threshold(data: bytes, size: tuple[int, int]) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        grey = image.convert("L").resize(size, Image.Resampling.NEAREST)
    return grey.point([255 if level >= 128 else 0 for level in range(256)])
