"""Makes the pictures of an order and keeps them where its links point."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

from attrs import frozen
from PIL import Image, ImageDraw, ImageFilter

from imagegen.emulator.draw import Scene, draw, encode, upscale
from imagegen.emulator.effects import find, keep_result
from imagegen.emulator.faults import Fault, without_marks
from imagegen.emulator.inputs import BadInput, read_image
from imagegen.emulator.world import World

from . import refusals
from .order import Order

DAY = 24 * 3600.0  # how long a temporary link lives, by the pages' `temp` and `base64_to_url`


@frozen(kw_only=True)
class Canvas:
    """What an order is painted with: its size, the seed that is true, and the pictures that it brought."""

    title: str
    seed: int
    width: int
    height: int
    steps: int
    images: Mapping[str, bytes]


def inputs(world: World, order: Order) -> dict[str, bytes]:
    """Return the pictures that an order brings along; a `Refusal` if one cannot be had."""
    return {name: fetch_image(world, value) for name, value in order.images.items()}


def fetch_image(world: World, value: object) -> bytes:
    """Return one input picture.  A link to the network gives a stand-in, so that the pages' examples work."""
    try:
        return read_image(world, value, stand_ins=True)
    except BadInput as error:
        raise refusals.no_image(f"the image {error}") from None


def size_of(data: bytes) -> tuple[int, int]:
    """Return width and height of a picture."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def paint(order: Order, canvas: Canvas, number: int, faults: Sequence[Fault]) -> bytes:
    """Paint picture *number* of an order as a PNG that says what was understood."""
    scene = scene_of(order, canvas, number)
    images = canvas.images
    control = images.get("control_image") or images.get("init_image")
    init = images.get("init_image") if order.kind != "controlnet" or "mask_image" in images else None
    hints = [control] * len(order.controls) if control else []
    picture = draw(scene, init=init, mask=images.get("mask_image"), control_images=hints)
    if order.upscale > 1:
        picture = upscale(picture, scene.width * order.upscale, scene.height * order.upscale, scene=scene)
    if find(faults, "nsfw"):
        picture = censored(picture, order.checker_type)
    return encode(picture, scene, facts={"vendor": canvas.title, "kind": order.kind})


def scene_of(order: Order, canvas: Canvas, number: int) -> Scene:
    """Return the scene of picture *number*; its seed is that many above the order's."""
    extra = {name: "yes" for name, on in order.switches if on}
    if order.adapter[0]:
        extra["ip_adapter"] = f"{order.adapter[0]} {order.adapter[1]:g}"
    return Scene(
        prompt=without_marks(order.prompt),
        negative_prompt="" if order.flux else without_marks(order.negative_prompt),
        model=order.model,
        width=canvas.width,
        height=canvas.height,
        seed=canvas.seed + number,
        steps=canvas.steps,
        cfg_scale=order.guidance,
        sampler=_sampler(order),
        clip_skip=order.clip_skip,
        loras=order.loras,
        embeddings=order.embeddings,
        vae=order.vae,
        strength=order.strength if order.kind in ("img2img", "inpaint") else None,
        controls=order.controls,
        upscaler="upscale" if order.upscale > 1 else "",
        extra=tuple(sorted(extra.items())),
        labels=(canvas.title,),
    )


def _sampler(order: Order) -> str:
    words = (order.scheduler, "karras" if order.karras else "", order.algorithm.strip().replace("none", ""))
    return " ".join(word for word in words if word and word != "no")


def censored(picture: Image.Image, way: str) -> Image.Image:
    """Return what the safety checker leaves of a picture (`safety_checker_type`)."""
    info = dict(picture.info)
    if way == "blur":
        picture = picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 24))
    elif way == "pixelate":
        small = (max(picture.width // 32, 1), max(picture.height // 32, 1))
        picture = picture.resize(small).resize(picture.size, Image.Resampling.NEAREST)
    else:
        picture = Image.new("RGB", picture.size)
        if way == "sensitive_content_text":
            middle = (picture.width / 2, picture.height / 2)
            ImageDraw.Draw(picture).text(middle, "Sensitive content", fill="white", anchor="mm")
    picture.info = info
    return picture


def keep(world: World, name: str, png: bytes, faults: Sequence[Fault], seconds: float | None) -> None:
    """Keep a picture under *name*; as base64 text if that is what the name says."""
    if name.endswith(".base64"):
        keep_result(world, name, base64.b64encode(png), "text/plain", faults, seconds=seconds)
    else:
        keep_result(world, name, png, "image/png", faults, seconds=seconds)
