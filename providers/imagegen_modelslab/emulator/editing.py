"""Image editing: super resolution, captions, the NSFW check."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from PIL import Image

from imagegen.emulator import Response, answer
from imagegen.emulator.draw import Scene, encode, facts_of, upscale
from imagegen.emulator.world import World

from . import jobs
from .endpoints import EDITING, EDITING_SERVER, Dialect
from .exchange import Exchange, Service
from .jobs import Job, Work
from .painting import fetch_image

UPSCALERS = frozenset(
    [
        "RealESRGAN_x4plus",
        "RealESRNet_x4plus",
        "RealESRGAN_x4plus_anime_6B",
        "RealESRGAN_x2plus",
        "realesr-general-x4v3",
        "ultra_resolution",
    ]
)
_SECONDS = 4.0
_MOST_PIXELS = 16_000_000
_WORDS = {"short": 6, "normal": 12, "long": 40}


def enlarge(call: Exchange) -> Response:
    """`super_resolution`; the older ones call the picture `url` and answer one link instead of a list."""
    reader = call.reader()
    name = "url" if call.body.get("url") else "init_image"
    faults = jobs.faults_of(call, reader.text("track_id"))
    if early := jobs.refused(faults, legacy=call.path.startswith("v3/")):
        return early
    reader.require(name)
    model = reader.choice("model_id", "realesr-general-x4v3", UPSCALERS)
    scale = reader.number("scale", 3, 1, 8)
    face = reader.flag("face_enhance", False)
    reader.check()
    with Image.open(io.BytesIO(fetch_image(call.world, call.body[name]))) as image:
        if image.width * image.height * scale * scale > _MOST_PIXELS:
            reader.fault("scale", "is too large for this image")
    reader.check()
    work = Work(
        dialect=_dialect(call),
        prompt=f"super_resolution {scale:g}",
        seconds=_SECONDS,
        webhook=reader.text("webhook"),
        track_id=call.body.get("track_id"),
        bare=call.path in ("v1/enterprise/super_resolution", "v3/super_resolution"),
        meta=lambda file: {"upscale_factor": scale, "model_id": model, "face_enhance": face, "file_prefix": file},
        recipe={"image": name, "model": model, "scale": scale},
    )
    return jobs.run(call, work, faults, pictures)


def pictures(service: Service, world: World, job: Job) -> Sequence[bytes]:
    """Enlarge the picture of a job; a caption has none."""
    recipe = job["recipe"]
    if not job["files"]:
        return ()
    with Image.open(io.BytesIO(fetch_image(world, job["body"][recipe["image"]]))) as image:
        picture = image.convert("RGBA" if "A" in image.getbands() else "RGB")
    width, height = int(picture.width * recipe["scale"]), int(picture.height * recipe["scale"])
    scene = Scene(prompt="", width=width, height=height, seed=0, upscaler=recipe["model"], labels=(service.title,))
    bigger = upscale(picture, width, height, scene=scene)
    return [encode(bigger, scene, facts={"vendor": service.title, "kind": "super_resolution"})]


def caption(call: Exchange) -> Response:
    """`caption`: the prompt that a picture of ours was made with, or else its colours, in words."""
    reader = call.reader()
    faults = jobs.faults_of(call, reader.text("track_id"))
    if early := jobs.refused(faults, legacy=False):
        return early
    reader.require("init_image")
    length = reader.choice("length", "normal", frozenset(_WORDS))
    as_base64 = reader.flag("base64", False)
    reader.check()
    text = _told(fetch_image(call.world, call.body["init_image"]), _WORDS[length])
    shown = base64.b64encode(text.encode()).decode() if as_base64 else text
    work = Work(
        dialect=_dialect(call),
        prompt="caption",
        seconds=_SECONDS,
        pictures=0,
        texts=(shown,),
        webhook=reader.text("webhook"),
        track_id=call.body.get("track_id"),
        meta=lambda _: {"length": length},
    )
    return jobs.run(call, work, faults, pictures)


def check(call: Exchange) -> Response:
    """`nsfw_image_check`; the answer has no status."""
    reader = call.reader()
    reader.require("init_image")
    reader.number("threshold", 0.5, 0, 1)
    reader.check()
    scene = facts_of(fetch_image(call.world, call.body["init_image"])).get("scene", {})
    return answer({"images": call.body["init_image"], "has_nsfw_concept": ["nsfw" in scene.get("prompt", "")]})


def _dialect(call: Exchange) -> Dialect:
    return EDITING_SERVER if call.enterprise else EDITING


def _told(data: bytes, words: int) -> str:
    scene = facts_of(data).get("scene", {})
    if prompt := scene.get("prompt"):
        return " ".join(prompt.split()[:words])
    with Image.open(io.BytesIO(data)) as image:
        red, green, blue = image.convert("RGB").resize((1, 1)).tobytes()
        size = f"{image.width} by {image.height}"
    tone = max((red, "warm"), (green, "green"), (blue, "cool"))[1]
    return " ".join(f"a {tone} picture of {size} pixels".split()[:words])
