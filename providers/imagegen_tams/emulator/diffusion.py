"""The `diffusion` object, which every stage may carry: its rules, and what it tells a sampler."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from . import models
from .billing import DEFAULT_STEPS
from .errors import INVALID_ARGUMENT, Problem, bad_argument
from .messages import Diffusion, Prompt
from .proto import camel
from .recipe import Control, Sampling, solver

MAX_PIXELS = 8_294_400
MAX_STEPS = 1000
DEFAULT_STRENGTH = 0.75

# Fields that a picture's own scene has a place for; the others travel as extra words.
_TOLD = {
    "width", "height", "prompts", "negative_prompts", "sd_model", "sd_vae", "sampler", "steps", "cfg_scale",
    "clip_skip", "denoising_strength", "controlnet", "lora", "animate_diff", "embedding", "model_access_key",
    "schedule_name", "layer_diffusion",
}  # fmt: skip


def join(prompts: Iterable[Prompt]) -> str:
    """Return a prompt list as one text: the pages split one bracket over two items, so they are joined by commas."""
    return ", ".join(_weighed(prompt) for prompt in prompts if prompt.text.strip())


def _weighed(prompt: Prompt) -> str:
    text = prompt.text.strip()
    return f"({text}:{prompt.weight:g})" if prompt.weight not in (None, 0, 1) else text


def check_diffusion(diffusion: Diffusion, path: str) -> None:
    check_size(diffusion.width, diffusion.height)
    models.require(diffusion.sd_model, f"{path}.sdModel")
    if not any(prompt.text.strip() for prompt in diffusion.prompts):
        raise bad_argument(f"{path}.prompts", "prompts is required")
    for number, lora in enumerate(diffusion.lora.items):
        models.require(lora.lora_model, f"{path}.lora.items[{number}].loraModel")
    for number, embedding in enumerate(diffusion.embedding.items):
        models.require(embedding.model, f"{path}.embedding.items[{number}].model")
    for number, motion in enumerate(diffusion.animate_diff.args):
        for lora in motion.motion_lora.items:
            models.require(lora.lora_model, f"{path}.animateDiff.args[{number}].motionLora.items.loraModel")
    for number, control in enumerate(diffusion.controlnet.args):
        if not (control.model and control.preprocessor and control.input_image_resource_id):
            missing = "preprocessor, model and inputImageResourceId are required"
            raise bad_argument(f"{path}.controlnet.args[{number}]", missing)
    check_steps(diffusion.steps, f"{path}.steps")


def check_steps(steps: int, path: str) -> None:
    """Refuse a number of steps that nobody means; 0 is unset."""
    if not 0 <= steps <= MAX_STEPS:
        raise bad_argument(path, "steps is out of range")


def check_size(width: int, height: int) -> None:
    """Refuse a size that no engine draws."""
    if width <= 0 or height <= 0 or width % 8 or height % 8 or width * height > MAX_PIXELS:
        raise Problem(
            INVALID_ARGUMENT, "invalid_height_or_width: Height and width must be specified in increments of 64"
        )


def sampling_of(diffusion: Diffusion) -> Sampling:
    """Return the settings of a `diffusion` object."""
    return Sampling(
        prompt=join(diffusion.prompts),
        negative_prompt=join(diffusion.negative_prompts),
        model=diffusion.sd_model,
        steps=diffusion.steps or DEFAULT_STEPS,
        cfg_scale=diffusion.cfg_scale,
        sampler=solver(diffusion.sampler or "Euler a", diffusion.schedule_name),
        clip_skip=diffusion.clip_skip or 1,
        loras=tuple((item.lora_model, item.weight) for item in diffusion.lora.items),
        embeddings=tuple(item.model for item in diffusion.embedding.items),
        vae="" if diffusion.sd_vae in ("Automatic", "None") else diffusion.sd_vae,
        controls=tuple(
            Control(
                name=arg.model if arg.model != "None" else arg.preprocessor,
                image=arg.input_image_resource_id,
                weight=arg.weight,
            )
            for arg in diffusion.controlnet.args
        ),
        transparent=diffusion.layer_diffusion.enable,
        extra=tuple(_extra(diffusion)),
    )


def _extra(diffusion: Diffusion) -> Iterator[tuple[str, str]]:
    yield from given(diffusion, lambda name: name not in _TOLD)
    for item in diffusion.lora.items:
        if item.block_weight:
            yield f"blockWeight {item.lora_model}", item.block_weight
    for embedding in diffusion.embedding.items:
        if embedding.weight != 1:
            yield f"weight {embedding.model}", f"{embedding.weight:g}"
    for number, arg in enumerate(diffusion.controlnet.args):
        for name, value in given(arg, lambda name: name not in ("model", "weight", "input_image_resource_id")):
            yield f"controlnet {number} {name}", value


def given(message: Any, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """Yield every wanted field of *message* that differs from its default, by its name on the wire, never a key."""
    for a in attrs.fields(type(message)):
        value = getattr(message, a.name)
        if wanted(a.name) and a.repr and value != a.default:
            plain = value if isinstance(value, (str, int, float, bool, dict)) else attrs.asdict(value)
            yield camel(a.name), plain if isinstance(plain, str) else json.dumps(plain, sort_keys=True)
