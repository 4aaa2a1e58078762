"""Moving pictures: a slow camera move over one scene, as an animated WebP."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from .brushes import Picture
from .caption import font_at
from .chance import share_of
from .drawing import draw
from .encoding import exif_of, understood
from .palette import INK, LAMP, WHITE
from .scene import Scene


def animate(scene: Scene, frames: int, fps: int) -> bytes:
    """An animated WebP of *frames* pictures: a slow camera move over the scene, with a progress bar."""
    still = draw(scene)
    total = max(frames, 1)
    film = [_frame(still, number, total, scene) for number in range(total)]
    file = io.BytesIO()
    film[0].save(
        file,
        "WEBP",
        save_all=True,
        append_images=film[1:],
        duration=max(round(1000 / max(fps, 1)), 1),
        loop=0,
        quality=80,
        method=0 if still.width * still.height > 200_000 else 2,
        exif=exif_of(understood(scene, (), {"frames": str(total), "fps": str(fps)})),
    )
    return file.getvalue()


def _frame(still: Picture, number: int, total: int, scene: Scene) -> Picture:
    """One picture of the film: a little closer each time, never equal to the last (WebP would merge them)."""
    box = _view(still.size, number / max(total - 1, 1), scene)
    frame = still.resize(still.size, Image.Resampling.BILINEAR, box)
    _progress(frame, number + 1, total)
    return frame


def _view(size: tuple[int, int], share: float, scene: Scene) -> tuple[float, float, float, float]:
    """What the camera sees after *share* of its way."""
    width, height = size
    close = 1 - 0.1 * share
    drift = 0.1 * share * (share_of("camera", scene.seed) - 0.5)
    return (
        width * ((1 - close) / 2 + drift / 2),
        height * (1 - close) * 0.3,
        width * ((1 + close) / 2 + drift / 2),
        height * (close + (1 - close) * 0.3),
    )


def _progress(frame: Picture, number: int, total: int) -> None:
    """A bar along the upper edge, and the frame's number."""
    width, height = frame.size
    pen, thick = ImageDraw.Draw(frame), max(height // 100, 2)
    pen.rectangle((0, 0, width, thick), fill=INK)
    pen.rectangle((0, 0, width * number / total, thick), fill=LAMP)
    size = min(max(round(min(width, height) * 0.03), 9), 40)
    pen.rectangle((0, thick, size * 5, thick + size * 1.5), fill=INK)
    pen.text((size // 2, thick + size // 8), f"{number}/{total}", font=font_at(size), fill=WHITE)
