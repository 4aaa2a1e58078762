"""Looking at pictures: words for one, and the guide image that a control net would take from one."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageFilter, ImageOps

from imagegen.emulator.draw import facts_of
from imagegen.emulator.world import World

from .errors import bad_argument
from .messages import DetectControlnet, Img2Prompt
from .resources import LINK_SECONDS, Resources, picture_meta

_MODULES = ("canny", "depth", "lineart", "mlsd", "normal", "openpose", "scribble", "seg", "shuffle", "softedge", "tile")


def img2prompt(message: Img2Prompt, world: World) -> dict[str, Any]:
    """Answer `POST /v1/img2prompt`: tags, or a sentence with `tagger=llm`; for a picture of ours its own prompt."""
    data = _picture(message.resource_id, world)
    scene = facts_of(data).get("scene") or {}
    words = [word.strip() for word in str(scene.get("prompt") or _look(data)).split(",") if word.strip()]
    if message.tagger == "llm":
        return {"prompts": [f"A picture that shows {', '.join(words)}."]}
    return {"prompts": words}


def detect(message: DetectControlnet, world: World, base: str) -> dict[str, Any]:
    """Answer `POST /v1/controlnet/detect` with a guide image as a resource."""
    if not any(message.controlnet_module.startswith(module) for module in _MODULES):
        raise bad_argument("controlnetModule", f"unknown controlnet module: {message.controlnet_module!r}")
    with Image.open(io.BytesIO(_picture(message.resource_id, world))) as image:
        guide = ImageOps.autocontrast(image.convert("L").filter(ImageFilter.FIND_EDGES))
    file = io.BytesIO()
    guide.save(file, "PNG")
    resources = Resources(world)
    resource_id = resources.new_id()
    name = f"tams/{resource_id}/0.png"
    world.keep(name, file.getvalue(), "image/png", seconds=LINK_SECONDS)
    resources.add(resource_id, name)
    shown = {"id": resource_id, "url": base + resources.link(resource_id), "expiredIn": str(LINK_SECONDS)}
    return {"result": {"module": message.controlnet_module, "image": {**shown, "meta": picture_meta(*guide.size)}}}


def _picture(resource_id: str, world: World) -> bytes:
    if not resource_id:
        raise bad_argument("resourceId", "resourceId is required")
    return Resources(world).read(resource_id, "resourceId")


def _look(data: bytes) -> str:
    """Say something true about a picture of somebody else's."""
    with Image.open(io.BytesIO(data)) as image:
        shape = "portrait" if image.height > image.width else "landscape" if image.width > image.height else "square"
        light = image.convert("L").resize((1, 1)).tobytes()[0]
    return f"{shape}, {'bright' if light > 127 else 'dark'}, no humans"
