"""What the tests of the emulator's painter share: a scene, a change for each of its fields, pictures to compare."""

import io

import attrs
from PIL import Image, ImageDraw

from imagegen.emulator.draw import Scene, draw, encode

SCENE = Scene(prompt="a lighthouse by the sea, a boat", model="base", width=96, height=64, seed=7)
CHANGES = {
    "prompt": "a castle on a hill",
    "negative_prompt": "boat",
    "model": "other",
    "width": 97,
    "height": 65,
    "seed": 8,
    "steps": 21,
    "cfg_scale": 7.01,
    "sampler": "Euler a",
    "clip_skip": 2,
    "loras": (("film-grain", 0.4),),
    "embeddings": ("easynegative",),
    "vae": "mse",
    "strength": 0.6,
    "controls": (("canny", 0.5),),
    "detailers": ("face",),
    "upscaler": "ESRGAN",
    "transparent": True,
    "extra": (("style", "noir"),),
    "labels": ("Vendor A",),
}
FIELDS = [field.name for field in attrs.fields(Scene)]


def changed(name: str) -> Scene:
    return attrs.evolve(SCENE, **{name: CHANGES[name]})


def file_of(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def plain(colour, size=(96, 64)) -> bytes:
    return file_of(Image.new("RGB", size, colour))


def mask_of(box, size=(96, 64)) -> bytes:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    return file_of(mask)


def pixels(image: Image.Image) -> bytes:
    return image.convert("RGBA").tobytes()


def distance(image: Image.Image, other: Image.Image) -> float:
    pairs = zip(image.convert("RGB").tobytes(), other.convert("RGB").tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (image.width * image.height)


PHOTO = encode(draw(attrs.evolve(SCENE, prompt="a cat", model="photo")), SCENE)
