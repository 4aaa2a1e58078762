"""A second pass: what was drawn is made larger, and drawn again at a low strength."""

from __future__ import annotations

from attrs import evolve

from imagegen.families import snap_size
from imagegen.request import Upscale
from imagegen_tams import vocabulary
from imagegen_tams.desk import Desk
from imagegen_tams.passes import HR_STEPS, HR_STRENGTH

from .nodes import Link, Nodes, Size
from .sampling import Pass, recipe

_LATENT_METHODS = {
    "Latent": "bilinear",
    "Latent (bicubic)": "bicubic",
    "Latent (nearest)": "nearest-exact",
    "Latent (nearest-exact)": "nearest-exact",
}
_PIXEL_METHODS = {"Lanczos": "lanczos", "Nearest": "nearest-exact"}


def target(desk: Desk, nodes: Nodes, wish: Upscale, base: Size) -> Size:
    """Return the size that comes out, and note it."""
    asked = wish.size(*base)
    size = snap_size(*asked, 8)
    place = f"params.{nodes.coming}.inputs"
    for path, value in (("scale", f"{size[0]}x{size[1]}"), ("width", size[0]), ("height", size[1])):
        if getattr(wish, path) is None:
            continue
        if asked == size:
            desk.book.exact(f"upscale.{path}", f"{place}.width", value)
        else:
            desk.book.adjusted(f"upscale.{path}", value, f"{place}.width", "sides are multiples of 8", "size")
    return size


def enlarge(desk: Desk, nodes: Nodes, vae: Link, latent: Link, wish: Upscale, size: Size) -> Link:
    """Add what brings a latent to *size*: as it is by a latent upscaler, else as a picture."""
    name = vocabulary.pick("upscalers", wish.upscaler) if wish.upscaler else None
    if name in _LATENT_METHODS:
        node = nodes.add(
            "LatentUpscale",
            upscale_method=_LATENT_METHODS[name],
            width=size[0],
            height=size[1],
            crop="disabled",
            samples=latent,
        )
        desk.book.exact("upscale.upscaler", f"params.{node}.inputs.upscale_method", name)
        return node, 0
    method = _PIXEL_METHODS.get(name or "", "lanczos")
    node = nodes.scale(nodes.decode(latent, vae), method, size)
    place = f"params.{node}.inputs.upscale_method"
    if name in _PIXEL_METHODS:
        desk.book.exact("upscale.upscaler", place, method)
    else:
        reason = "no page names the upscaling models of graphs; enlarged with lanczos"
        desk.book.approximated("upscale.upscaler", method, place, reason, "upscaler_in_graph")
    return nodes.encode((node, 0), vae)


def second_pass(desk: Desk, nodes: Nodes, wish: Upscale, first: Pass) -> Pass:
    """Return how the larger picture is drawn again: like the first, for its own steps at its own strength."""
    steps, denoise = recipe(wish.steps or HR_STEPS, HR_STRENGTH if wish.strength is None else wish.strength)
    for path, sent in (("steps", steps), ("strength", denoise)):
        desk.book.exact(f"upscale.{path}", f"params.{nodes.coming}.inputs", sent)
    return evolve(first, steps=steps, denoise=denoise)
