"""
Reads a generation request into an `Order`: what is to be painted, in numbers and names.

The fields are those of modelslab.com's text2img, img2img, inpaint, controlnet and realtime pages
(github.com/ModelsLab/docs-v2) and of the enterprise pages; defaults are the pages', or else the values that the
pages' answers show when a field was not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from .words import Reader

Kind = Literal["text2img", "img2img", "inpaint", "controlnet"]

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
CONTROL_MODELS = frozenset(
    [
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
    ]
)
CHECKERS = frozenset({"blur", "sensitive_content_text", "pixelate", "black"})
ALGORITHMS = frozenset({"none", "no", "dpmsolver+++"})  # "no" is what the answers show
IMAGES = ("init_image", "mask_image", "control_image")

_WIDEST = {"z-image-turbo": 1488}  # modelslab-py's schema of that model; all others 1024
_FLUX = ("flux", "fluxschnell", "fluxdev", "flux-2-dev", "flux_klein", "flux_kontext_dev")

# What the LoRA page's answer appends to the prompts of its example (docs.modelslab.com, LoRA text2img).
MORE_PROMPT = (
    " hyperrealistic, full body, detailed clothing, highly detailed, cinematic lighting, stunningly beautiful,"
    " intricate, sharp focus, f/1. 8, 85mm, (centered image composition), (professionally color graded),"
    " ((bright soft diffused light)), volumetric fog, trending on instagram, trending on tumblr, HDR 4K, 8K"
)
MORE_NEGATIVE = (
    " (child:1.5), ((((underage)))), ((((child)))), (((kid))), (((preteen))), (teen:1.5) ugly, tiling, poorly drawn"
    " hands, poorly drawn feet, poorly drawn face, out of frame, extra limbs, disfigured, deformed, body out of frame,"
    " bad anatomy, watermark, signature, cut off, low contrast, underexposed, overexposed, bad art, beginner, amateur,"
    " distorted face, blurry, draft, grainy"
)


@frozen(kw_only=True)
class Defaults:
    """What an endpoint does about fields that were not sent."""

    enhance: bool = True
    steps: int = 20
    guidance: float = 7.5
    karras: bool = False
    tomesd: bool = False
    algorithm: str = "no"
    strength: float = 0.7
    checker: bool = True


@frozen(kw_only=True)
class Order:
    """One request as it was understood; `prompt` and `negative_prompt` are as painted, so perhaps enhanced."""

    kind: Kind
    prompt_sent: str
    prompt: str
    negative_prompt: str
    enhanced: bool
    model: str
    width: int | None
    height: int | None
    samples: int
    steps: int
    guidance: float
    seed: int | None
    scheduler: str
    karras: bool
    tomesd: bool
    algorithm: str
    clip_skip: int
    loras: tuple[tuple[str, float], ...]
    lora_strength: Any  # as sent; 1 if it was not
    embeddings: tuple[str, ...]
    vae: str
    upscale: int
    strength: float
    controls: tuple[tuple[str, float], ...]
    adapter: tuple[str, float, str]
    checker: bool
    checker_type: str
    base64: bool
    temp: bool
    instant: bool
    switches: tuple[tuple[str, bool], ...]
    style: str
    webhook: str
    track_id: Any
    images: Mapping[str, str]  # as sent, by field

    @property
    def flux(self) -> bool:
        """Whether it is a model of the Flux page: no prompt enhancement, no negative prompt."""
        return self.model in _FLUX

    @property
    def models(self) -> tuple[str, ...]:
        """Every id that has to exist."""
        loras = (name for name, _ in self.loras)
        return tuple(name for name in (self.model, *loras, *self.embeddings, self.vae) if name)


def read_order(body: Mapping[str, Any], kind: Kind, defaults: Defaults, required: tuple[str, ...]) -> Order:
    """Read *body*; raises a `Refusal` that names every fault in it."""
    reader = Reader(body)
    reader.require(*required)
    model = reader.name("model_id")
    flux = model in _FLUX
    enhanced = reader.flag("enhance_prompt", defaults.enhance) and not flux
    prompt, negative = reader.text("prompt"), reader.text("negative_prompt")
    widest = _WIDEST.get(model, 1024)
    order = Order(
        kind=kind,
        prompt_sent=prompt,
        prompt=f" {prompt}{MORE_PROMPT}" if enhanced else prompt,
        negative_prompt=f"{negative}{MORE_NEGATIVE}" if enhanced else negative,
        enhanced=enhanced,
        model=model,
        width=reader.integer("width", 0, 64, widest) or None,
        height=reader.integer("height", 0, 64, widest) or None,
        samples=reader.integer("samples", 1, 1, 4),
        steps=_steps(reader, defaults),
        guidance=reader.number("guidance_scale", defaults.guidance, 1, 20),
        seed=_seed(reader),
        scheduler=reader.choice("scheduler", "UniPCMultistepScheduler", frozenset(SCHEDULERS)),
        karras=reader.flag("use_karras_sigmas", defaults.karras),
        tomesd=reader.flag("tomesd", defaults.tomesd),
        algorithm=reader.choice("algorithm_type", defaults.algorithm, ALGORITHMS),
        clip_skip=reader.integer("clip_skip", 1, 1, 8),
        loras=_loras(reader),
        lora_strength=1 if body.get("lora_strength") in (None, "") else body["lora_strength"],
        embeddings=reader.names("embeddings_model") or reader.names("embeddings"),
        vae=reader.name("vae"),
        upscale=_upscale(reader),
        strength=_strength(reader, defaults),
        controls=_controls(reader) if kind == "controlnet" else (),
        adapter=_adapter(reader),
        checker=reader.flag("safety_checker", defaults.checker),
        checker_type=reader.choice("safety_checker_type", "sensitive_content_text", CHECKERS),
        base64=reader.flag("base64", False),
        temp=reader.flag("temp", False),
        instant=reader.flag("instant_response", False),
        switches=_switches(reader),
        style=reader.name("enhance_style"),
        webhook=reader.text("webhook"),
        track_id=body.get("track_id"),
        images={name: _image(body.get(name)) for name in IMAGES if body.get(name)},
    )
    reader.check()
    return order


def _steps(reader: Reader, defaults: Defaults) -> int:
    """`steps` stands for `num_inference_steps` in the pages' own inpaint examples."""
    name = "num_inference_steps" if reader.body.get("num_inference_steps") is not None else "steps"
    return reader.integer(name, defaults.steps, 1, 51)


def _strength(reader: Reader, defaults: Defaults) -> float:
    """The oldest img2img page says `prompt_strength`."""
    name = "prompt_strength" if reader.body.get("strength") is None else "strength"
    return reader.number(name, defaults.strength, 0, 1)


def _seed(reader: Reader) -> int | None:
    drawn = -1
    seed = reader.integer("seed", drawn, 0)
    return None if seed == drawn else seed


def _loras(reader: Reader) -> tuple[tuple[str, float], ...]:
    names = reader.names("lora_model") or reader.names("lora")
    strengths = reader.strengths("lora_strength")
    if len(strengths) <= 1:
        strengths = (strengths or (1.0,)) * len(names)
    if len(names) != len(strengths):
        reader.fault("lora_strength", "must have as many values as lora_model")
        return ()
    return tuple(zip(names, strengths, strict=True))


def _upscale(reader: Reader) -> int:
    """A yes doubles; the v6 text2img page of 2025 knows the numbers 1, 2 and 3."""
    value = reader.body.get("upscale")
    if str(value).strip() in ("1", "2", "3") and not isinstance(value, bool):
        return int(str(value))
    return 2 if reader.flag("upscale", False) else 1


def _controls(reader: Reader) -> tuple[tuple[str, float], ...]:
    names = reader.names("controlnet_model") or reader.names("controlnet_type")
    if not names:
        reader.fault("controlnet_model", "field is required")
    for name in names:
        if name not in CONTROL_MODELS:
            reader.fault("controlnet_model", f"is invalid: {name}")
    scale = reader.number("controlnet_conditioning_scale", 1.0, 0.1, 20)
    return tuple((name, scale) for name in names)


def _adapter(reader: Reader) -> tuple[str, float, str]:
    scale = reader.number("ip_adapter_scale", 0.6, 0, 1)
    return reader.name("ip_adapter_id"), scale, _image(reader.body.get("ip_adapter_image"))


def _switches(reader: Reader) -> tuple[tuple[str, bool], ...]:
    names = ("panorama", "self_attention", "highres_fix", "multi_lingual")
    return tuple((name, reader.flag(name, False)) for name in names)


def _image(value: Any) -> str:
    """Newer endpoints take the init image as a list; its first one counts."""
    first = value[0] if isinstance(value, list) and value else value
    return "" if first is None or isinstance(first, (dict, list)) else str(first)
