"""
What the vendor's documents call things: one class per documented request body, one attribute per documented field.

Sources: https://docs.modelslab.com/image-generation/community-models/dreamboothlora (the attribute table of
`POST /api/v6/images/text2img`) and the OpenAPI files of GitHub ModelsLab/docs-v2 @ c1440bc (`image-generation/
community-models`, `flux`, `controlnet`).  `key` is not an attribute: `authorize` adds it when a call leaves.

Flags travel as "yes" and "no", several LoRAs as comma lists.  A field that is None is not sent.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import attrs
from attrs import frozen

from imagegen.errors import Fault
from imagegen.placeholders import Secret, Slot

YES_NO = ("yes", "no")
SCHEDULERS = (
    "DDPMScheduler",
    "DDIMScheduler",
    "PNDMScheduler",
    "LMSDiscreteScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "DPMSolverSinglestepScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "UniPCMultistepScheduler",
    "DDIMInverseScheduler",
    "DEISMultistepScheduler",
    "IPNDMScheduler",
    "KarrasVeScheduler",
    "ScoreSdeVeScheduler",
    "LCMScheduler",
)
SAFETY_CHECKER_TYPES = ("blur", "sensitive_content_text", "pixelate", "black")
IP_ADAPTERS = (
    "ip-adapter_sdxl",
    "ip-adapter_sd15",
    "ip-adapter-plus-face_sd15",
    "ip-adapter-plus_sdxl_vit-h",
    "ip-adapter-plus-face_sdxl_vit-h",
)
CONTROLNETS = (
    "canny",
    "depth",
    "hed",
    "mlsd",
    "normal",
    "openpose",
    "scribble",
    "segmentation",
    "inpaint",
    "softedge",
    "lineart",
    "shuffle",
    "tile",
    "face_detector",
    "qrcode",
    "blur",
    "pose",
    "gray",
    "low_quality",
)


def word(
    via: str = "",
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str | int, ...] = (),
    required: bool = False,
    secret: bool = False,
) -> Any:
    """
    Declare a documented field.

    *via* is the neutral field that reaches it (empty = `provider_options`); *low*, *high* and *choices* are the
    documented limits, which values given by `provider_options` have to keep.  A *secret* never shows.
    """
    metadata = {"via": via, "low": low, "high": high, "choices": choices}
    default = attrs.NOTHING if required else None
    return attrs.field(default=default, metadata=metadata, converter=Secret if secret else None)


def own_words(_: type, fields: list[Any]) -> list[Any]:
    """
    Take the neutral words off the fields of a class: a `field_transformer` for endpoints that repeat a body.

    They are only reached in the vendor's own words.
    """
    return [field.evolve(metadata={**field.metadata, "via": ""}) for field in fields]


@frozen(kw_only=True)
class Common:
    """The fields that every endpoint of the family shares."""

    model_id: str = word("model", required=True)
    prompt: str = word("prompt", required=True)
    negative_prompt: str | None = word("negative_prompt")
    width: int | None = word("width", low=64, high=1024)
    height: int | None = word("height", low=64, high=1024)
    samples: int | None = word("n", low=1, high=4)
    num_inference_steps: int | None = word("steps", low=1, high=50)
    safety_checker: str | None = word(choices=YES_NO)
    safety_checker_type: str | None = word(choices=SAFETY_CHECKER_TYPES)
    enhance_prompt: str | None = word(choices=YES_NO)
    seed: int | Slot | None = word("seed", low=0, high=2**32 - 1)
    guidance_scale: float | None = word("cfg_scale", low=1, high=20)
    lora_model: str | None = word("loras[].model")
    lora_strength: str | None = word("loras[].weight")
    scheduler: str | None = word("sampler", choices=SCHEDULERS)
    use_karras_sigmas: str | None = word("schedule", choices=YES_NO)
    algorithm_type: str | None = word("sampler", choices=("none", "dpmsolver+++", "sde-dpmsolver++"))
    tomesd: str | None = word(choices=YES_NO)
    vae: str | None = word("vae")
    clip_skip: int | None = word("clip_skip", low=1, high=8)
    webhook: str | None = word()
    track_id: str | int | None = word()
    base64: str | None = word(choices=YES_NO)
    temp: str | None = word(choices=YES_NO)


@frozen(kw_only=True)
class IpAdapter(Common):
    """The shared fields, and a picture as a prompt (community endpoints and ControlNet)."""

    ip_adapter_id: str | None = word(choices=IP_ADAPTERS)
    ip_adapter_scale: float | None = word(low=0, high=1)
    ip_adapter_image: str | None = word()


@frozen(kw_only=True)
class Text2Img(IpAdapter):
    """`POST /api/v6/images/text2img`; the last six fields belong to Flux models (OpenAPI file `flux`)."""

    path: ClassVar[str] = "/api/v6/images/text2img"
    multi_lingual: str | None = word(choices=YES_NO)
    panorama: str | None = word(choices=YES_NO)
    self_attention: str | None = word(choices=YES_NO)
    upscale: str | None = word("upscale", choices=YES_NO)
    highres_fix: str | None = word(choices=YES_NO)
    embeddings_model: str | None = word("embeddings[].model")
    enhance_style: str | None = word()
    instant_response: str | None = word(choices=YES_NO)
    injected_noise_alpha: float | None = word(low=0, high=1)
    sigma_threshold: float | None = word(low=0, high=1)
    true_cfg_scale: float | None = word("cfg_scale", low=0, high=10)
    use_cfg_zero_star: bool | None = word()
    use_zero_init: bool | None = word()
    zero_steps: int | None = word(low=0, high=50)


@frozen(kw_only=True)
class Img2Img(IpAdapter):
    """`POST /api/v6/images/img2img`; the second picture and `guidance` are for flux-kontext-dev."""

    path: ClassVar[str] = "/api/v6/images/img2img"
    init_image: str = word("init_image", required=True)
    strength: float | None = word("strength", low=0, high=1)
    init_image_2: str | None = word()
    guidance: float | None = word(low=0, high=20)


@frozen(kw_only=True)
class Inpaint(IpAdapter):
    """`POST /api/v6/images/inpaint`."""

    path: ClassVar[str] = "/api/v6/images/inpaint"
    init_image: str = word("init_image", required=True)
    mask_image: str = word("mask_image", required=True)
    strength: float | None = word("strength", low=0, high=1)


@frozen(kw_only=True)
class ControlNet(IpAdapter):
    """`POST /api/v5/controlnet`: steps are 21 or 31, several ControlNets share one picture and one weight."""

    path: ClassVar[str] = "/api/v5/controlnet"
    controlnet_model: str = word("controls[].model", required=True)
    controlnet_type: str | None = word("controls[].model", choices=CONTROLNETS)
    auto_hint: str | None = word("controls[].module", choices=YES_NO)
    guess_mode: str | None = word(choices=YES_NO)
    init_image: str = word("init_image", required=True)
    control_image: str | None = word("controls[].image")
    mask_image: str | None = word("mask_image")
    strength: float | None = word("strength", low=0, high=1)
    controlnet_conditioning_scale: float | None = word("controls[].weight", low=0.1, high=5)
    upscale: str | None = word("upscale", choices=YES_NO)


@functools.cache
def fields(cls: Any) -> Mapping[str, Any]:
    """Return the documented fields of a wire class, by name."""
    return {field.name: field for field in attrs.fields(cls)}


def body(instance: Any) -> dict[str, Any]:
    """Return the JSON body: the fields that are set, in the order of the class."""
    pairs = ((field.name, getattr(instance, field.name)) for field in attrs.fields(type(instance)))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in pairs if value is not None}


def faults(cls: type, given: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what the documented limits say about *given*; fields that no document names are not judged."""
    known = fields(cls)
    for name, value in given.items():
        if name in known and value is not None and not isinstance(value, Slot):
            yield from _limits(name, value, known[name].metadata)


def _limits(name: str, value: Any, limits: Mapping[str, Any]) -> Iterator[Fault]:
    if limits["choices"] and value not in limits["choices"]:
        yield Fault(name, f"must be one of {', '.join(map(str, limits['choices']))}, not {value!r}")
    low, high = limits["low"], limits["high"]
    if low is None and high is None:
        return
    number = _number(value)
    if number is None or (low is not None and number < low) or (high is not None and number > high):
        yield Fault(name, f"must be a number from {low:g} to {high:g}, not {value!r}")


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
