"""How a picture comes about, from the empty stage to the caption: the order of all the other rooms."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from .blending import inpaint, lay_over, trace
from .brushes import Picture
from .caption import with_caption
from .landscape import hills, plain
from .scene import Scene
from .sky import sky
from .stage import set_stage
from .style import finish
from .subjects import drift, lanterns, subjects


def draw(
    scene: Scene,
    *,
    init: bytes | None = None,
    mask: bytes | None = None,
    control_images: Sequence[bytes] = (),
) -> Picture:
    """
    Draw *scene*.  Bytes that are no picture raise `OSError`.

    With *init* the drawing is laid over it by `scene.strength` (0.75 if unsaid; 0 leaves it untouched).
    With *mask* too, only its white part is drawn (strength 1 if unsaid); the rest stays, to the bit.
    """
    drawing = finish(_compose(scene), scene)
    for number, data in enumerate(control_images):
        weight = scene.controls[number][1] if number < len(scene.controls) else 1.0
        drawing = trace(drawing, data, weight)
    if init is None:
        return with_caption(drawing, scene, (0, 0, *drawing.size))
    if mask is None:
        return lay_over(init, drawing, scene)
    return inpaint(init, drawing, mask, scene)


def _compose(scene: Scene) -> Picture:
    """The painting before any style: landscape, motifs, small things."""
    stage = set_stage(scene)
    if not scene.transparent:
        sky(stage)
        hills(stage)
        plain(stage)
    subjects(stage)
    if not scene.transparent:
        lanterns(stage)
        drift(stage)
    final = max(scene.width, 1), max(scene.height, 1)
    better = Image.Resampling.HAMMING if final[0] < stage.image.width else Image.Resampling.BICUBIC
    return stage.image.resize(final, better)
