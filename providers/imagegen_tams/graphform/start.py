"""What the sampler begins with: nothing but noise, a picture, or a picture of which a mask says what may change."""

from __future__ import annotations

from attrs import frozen

from imagegen.defaults import DEFAULTS
from imagegen.families import snap_size
from imagegen.request import Inpaint
from imagegen_tams.desk import Desk
from imagegen_tams.passes import MASK_JPEG
from imagegen_tams.uploads import slot

from .nodes import Link, Nodes, Size


@frozen
class Start:
    """The latent to begin with; *batch* = the node and its input that say how many pictures, None = always one."""

    latent: Link
    batch: tuple[str, str] | None


def size_of(desk: Desk) -> Size:
    """Return the size that is drawn, and note it."""
    request = desk.request
    asked = (request.width or DEFAULTS["width"], request.height or DEFAULTS["height"])
    sent = snap_size(*asked, 8)
    for name, want, gets in (("width", asked[0], sent[0]), ("height", asked[1], sent[1])):
        place = f"params.*.inputs.{name}"
        if want == gets:
            desk.book.exact(name, place, gets)
        else:
            desk.book.adjusted(name, gets, place, "sides are multiples of 8", "size")
    return sent


def start(desk: Desk, nodes: Nodes, vae: Link, size: Size, count: int) -> Start:
    """Add what the first sampler begins with, for *count* pictures."""
    if desk.request.init_image is None:
        node = nodes.add("EmptyLatentImage", width=size[0], height=size[1], batch_size=count)
        return Start((node, 0), (node, "batch_size"))
    latent = _picture(desk, nodes, vae, size)
    if desk.request.mask_image is not None:
        latent = _masked(desk, nodes, latent)
    if desk.request.n == 1:
        return Start(latent, None)
    node = nodes.add("RepeatLatentBatch", samples=latent, amount=count)
    return Start((node, 0), (node, "amount"))


def _picture(desk: Desk, nodes: Nodes, vae: Link, size: Size) -> Link:
    desk.book.exact("init_image", "params.*.inputs.image", slot("init_image"))
    image: Link = nodes.add("LoadImage", image=slot("init_image")), 0
    known = desk.context.images.get("init_image")
    if known is None or (known.width, known.height) != size:
        image = nodes.scale(image, "lanczos", size), 0
    return nodes.encode(image, vae)


def _masked(desk: Desk, nodes: Nodes, latent: Link) -> Link:
    mask = nodes.add("LoadImageMask", image=slot("mask_image"), channel="red")
    desk.book.adjusted("mask_image", slot("mask_image"), f"params.{mask}.inputs.image", MASK_JPEG, "mask_jpeg")
    if desk.request.inpaint is not None:
        _note_inpaint(desk, desk.request.inpaint)
    return nodes.add("SetLatentNoiseMask", samples=latent, mask=(mask, 0)), 0


def _note_inpaint(desk: Desk, how: Inpaint) -> None:
    book = desk.book
    if how.fill == "original":
        book.exact("inpaint.fill", "params.*.inputs.mask")
    else:
        reason = "a latent noise mask keeps the original below"
        book.approximated("inpaint.fill", "original", "params.*.inputs.mask", reason, "fill")
    if how.invert:
        book.emulated("inpaint.invert", None, "", "the mask is inverted before upload")
    else:
        book.exact("inpaint.invert", "", False)
    for name in ("mask_blur", "only_masked", "padding"):
        book.dropped(f"inpaint.{name}", "no node of ComfyUI itself does it", "no_node")
