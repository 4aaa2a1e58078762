"""
The emulator's painter: everything that should change a picture goes in, a picture comes out.

Takes a `Scene` (and, for img2img and control nets, pictures as bytes), gives a Pillow image, and turns
images into files that say what was understood.  It knows no vendor, no request and no clock: equal scenes
give equal bytes, and every field of a scene changes the pixels.

How a picture comes about (`drawing.py`): a landscape is composed from prompt, model and seed (`stage.py`,
`sky.py`, `landscape.py`), in front of it stand the motifs that the prompt names (`subjects.py`, `motifs.py`),
the remaining settings work on the finished painting (`style.py`, `textures.py`), pictures that were sent along
are worked in (`blending.py`), and a caption says the main facts (`caption.py`).  Later passes are in
`passes.py`; `encoding.py` and `film.py` write files.
"""

from __future__ import annotations

from .brushes import Picture
from .drawing import draw
from .encoding import CHUNK, encode, facts_of
from .film import animate
from .palette import INK, LAMP, WHITE, Colour
from .passes import detail, upscale
from .pen import Point
from .scene import Scene
from .stage import CANVAS_PIXELS

__all__ = [
    "CANVAS_PIXELS",
    "CHUNK",
    "INK",
    "LAMP",
    "WHITE",
    "Colour",
    "Picture",
    "Point",
    "Scene",
    "animate",
    "detail",
    "draw",
    "encode",
    "facts_of",
    "upscale",
]
