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


def enlarge(desk: Desk, nodes: Nodes, vae: Link, latent: Link, wish: Upscale, base: Size) -> tuple[Link, Size]:
    """Add what makes a latent larger: as it is by a latent upscaler, else as a picture; return it and its size."""
    size = snap_size(*wish.size(*base), 8)
    name = vocabulary.pick("upscalers", wish.upscaler) if wish.upscaler else None
    if name in _LATENT_METHODS:
        node = _scale_latent(nodes, latent, _LATENT_METHODS[name], size)
        larger: Link = node, 0
        desk.book.exact("upscale.upscaler", f"params.{node}.inputs.upscale_method", name)
    else:
        node = nodes.scale(nodes.decode(latent, vae), _PIXEL_METHODS.get(name or "", "lanczos"), size)
        larger = nodes.encode((node, 0), vae)
        _note_pixels(desk, name, f"params.{node}.inputs.upscale_method")
    _note_size(desk, wish, wish.size(*base), size, f"params.{node}.inputs")
    return larger, size


def second_pass(desk: Desk, nodes: Nodes, wish: Upscale, first: Pass) -> Pass:
    """Return how the larger picture is drawn again: like the first, for its own steps at its own strength."""
    whole = wish.steps or HR_STEPS
    strength = HR_STRENGTH if wish.strength is None else wish.strength
    steps, denoise = recipe(whole, strength)
    place = f"params.{nodes.coming}.inputs"
    desk.book.exact("upscale.steps", f"{place}.steps", steps, reason=f"{steps} of {whole} run at strength {strength}")
    desk.book.exact("upscale.strength", f"{place}.denoise", denoise, reason="the same steps in ComfyUI's words")
    return evolve(first, steps=steps, denoise=denoise)


def _scale_latent(nodes: Nodes, latent: Link, method: str, size: Size) -> str:
    return nodes.add(
        "LatentUpscale", upscale_method=method, width=size[0], height=size[1], crop="disabled", samples=latent
    )


def _note_pixels(desk: Desk, name: str | None, place: str) -> None:
    if name in _PIXEL_METHODS:
        desk.book.exact("upscale.upscaler", place, _PIXEL_METHODS[name])
    else:
        reason = "no page names the upscaling models of graphs; enlarged with lanczos"
        desk.book.approximated("upscale.upscaler", "lanczos", place, reason, "upscaler_in_graph")


def _note_size(desk: Desk, wish: Upscale, asked: Size, sent: Size, place: str) -> None:
    said = f"{sent[0]}x{sent[1]}"
    for name, value, side in (("scale", said, "width"), ("width", sent[0], "width"), ("height", sent[1], "height")):
        if getattr(wish, name) is None:
            continue
        if asked == sent:
            desk.book.exact(f"upscale.{name}", f"{place}.{side}", value)
        else:
            reason = "sides are multiples of 8"
            desk.book.adjusted(f"upscale.{name}", value, f"{place}.{side}", reason, "size")
