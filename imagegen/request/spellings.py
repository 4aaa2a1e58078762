"""Other spellings of the same words: diffusers, OpenAI, A1111 and ComfyUI are read; one spelling is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from imagegen.errors import Fault, InvalidInput

SPELLINGS: Mapping[str, str] = {
    "num_inference_steps": "steps",  # diffusers
    "guidance_scale": "cfg_scale",  # diffusers
    "cfg": "cfg_scale",  # ComfyUI
    "num_images": "n",
    "num_images_per_prompt": "n",  # diffusers
    "samples": "n",
    "batch_size": "n",  # A1111
    "sampler_name": "sampler",  # A1111
    "denoising_strength": "strength",  # A1111
    "denoise": "strength",  # ComfyUI
    "image": "init_image",  # diffusers, OpenAI
    "mask": "mask_image",  # OpenAI, A1111
    "negative": "negative_prompt",
    "model_id": "model",
    "checkpoint": "model",
    "lora": "loras",
    "embedding": "embeddings",
    "CLIP_stop_at_last_layers": "clip_skip",  # A1111
}
_SIZE = re.compile(r"^\s*(\d+)\s*[xX×*]\s*(\d+)\s*$")


def read_size(text: str) -> tuple[int, int]:
    """Read `832x1216`."""
    match = _SIZE.match(text)
    if match is None:
        raise InvalidInput([Fault("size", f"must look like 768x512, not {text!r}")])
    return int(match[1]), int(match[2])


def respell(data: dict[str, Any]) -> dict[str, Any]:
    """Return *data* in our own spelling.  Saying one thing twice is a fault."""
    made: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in data.items():
        try:
            pairs = _respelled(name, value)
        except InvalidInput as error:
            faults += error.faults
            continue
        for ours, item in pairs:
            if ours in made:
                faults.append(Fault(name, f"says {ours} a second time"))
            made[ours] = item
    if faults:
        raise InvalidInput(faults, what="GenerationRequest")
    return made


def _respelled(name: str, value: Any) -> Sequence[tuple[str, Any]]:
    if name == "size" and isinstance(value, str):
        width, height = read_size(value)
        return (("width", width), ("height", height))
    if name in ("scheduler", "scheduler_name"):  # ComfyUI means the schedule, diffusers the sampler
        from imagegen import samplers

        return (("schedule" if samplers.is_schedule(str(value)) else "sampler", value),)
    if name == "init_images" and isinstance(value, (list, tuple)) and len(value) == 1:
        return (("init_image", value[0]),)
    if name == "seed" and value in (-1, "-1"):
        return (("seed", None),)  # random, in A1111 and in vendors' documents
    ours = SPELLINGS.get(name, name)
    if ours in ("loras", "embeddings") and isinstance(value, (str, Mapping)):
        value = [value]
    return ((ours, value),)


def read_toml(text: str) -> dict[str, Any]:
    """Read TOML text; a syntax fault is an `InvalidInput`."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"is not TOML: {error}") from None
