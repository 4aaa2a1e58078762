"""
The `meta` of an answer, shaped as the pages' examples: four generations, four shapes.

community: docs.modelslab.com, LoRA text2img; realtime and legacy: github.com/ModelsLab/docs-v2 @ ef9d723 and
stablediffusionapi.com/docs v3; enterprise: the same repository, enterprise-api.
"""

from __future__ import annotations

from typing import Any

from .endpoints import Endpoint
from .order import Order
from .painting import Canvas


def describe(endpoint: Endpoint, order: Order, canvas: Canvas, name: str) -> dict[str, Any]:
    """Return what was understood, in the words of that endpoint's generation; *name* is the files' common part."""
    if endpoint.dialect.shape == "realtime" or order.flux:
        return _realtime(order, canvas, name)
    if endpoint.dialect.shape == "legacy":
        meta = _legacy(order, canvas, name)
    elif endpoint.dialect.shape == "enterprise":
        meta = _enterprise(order, canvas, name)
    else:
        meta = _community(order, canvas, name)
    return meta | _guided(order)


def _yes(on: bool) -> str:
    return "yes" if on else "no"


def _switch(order: Order, name: str) -> str:
    return _yes(dict(order.switches)[name])


def _listed(names: tuple[str, ...]) -> str | None:
    return ",".join(names) or None


def _lora(order: Order) -> str | None:
    return _listed(tuple(name for name, _ in order.loras))


def _upscale(order: Order) -> str:
    return _yes(order.upscale > 1)


def _community(order: Order, canvas: Canvas, name: str) -> dict[str, Any]:
    return {
        "prompt": order.prompt,
        "model_id": order.model,
        "negative_prompt": order.negative_prompt,
        "scheduler": order.scheduler,
        "safety_checker": _yes(order.checker),
        "W": canvas.width,
        "H": canvas.height,
        "guidance_scale": order.guidance,
        "seed": canvas.seed,
        "steps": canvas.steps,
        "n_samples": order.samples,
        "full_url": "no",
        "instant_response": _yes(order.instant),
        "tomesd": _yes(order.tomesd),
        "ip_adapter_id": order.adapter[0] or None,
        "ip_adapter_scale": order.adapter[1],
        "ip_adapter_image": order.adapter[2] or None,
        "free_u": "no",
        "upscale": _upscale(order),
        "panorama": _switch(order, "panorama"),
        "self_attention": _switch(order, "self_attention"),
        "use_karras_sigmas": _yes(order.karras),
        "algorithm_type": order.algorithm,
        "safety_checker_type": order.checker_type,
        "embeddings": _listed(order.embeddings),
        "vae": order.vae or None,
        "lora": _lora(order),
        "lora_strength": order.lora_strength,
        "clip_skip": order.clip_skip,
        "temp": _yes(order.temp),
        "base64": _yes(order.base64),
        "file_prefix": f"{name}.png",
    }


def _realtime(order: Order, canvas: Canvas, name: str) -> dict[str, Any]:
    meta = {
        "base64": _yes(order.base64),
        "enhance_prompt": _yes(order.enhanced),
        "enhance_style": order.style or None,
        "file_prefix": name,
        "guidance_scale": order.guidance,
        "height": canvas.height,
        "instant_response": _yes(order.instant),
        "n_samples": order.samples,
        "negative_prompt": order.negative_prompt,
        "outdir": "out",
        "prompt": order.prompt,
        "safety_checker": _yes(order.checker),
        "safety_checker_type": order.checker_type,
        "seed": canvas.seed,
        "temp": _yes(order.temp),
        "width": canvas.width,
    }
    if order.model:
        meta |= {"model_id": order.model, "num_inference_steps": canvas.steps}
        meta |= {"lora": _lora(order), "lora_strength": order.lora_strength} if order.loras else {}
    return meta | {key: order.images[key] for key in ("init_image", "mask_image") if key in order.images}


def _legacy(order: Order, canvas: Canvas, name: str) -> dict[str, Any]:
    return {
        "H": canvas.height,
        "W": canvas.width,
        "enable_attention_slicing": "true",
        "file_prefix": name,
        "guidance_scale": order.guidance,
        "model": "runwayml/stable-diffusion-v1-5",
        "n_samples": order.samples,
        "negative_prompt": order.negative_prompt,
        "outdir": "out",
        "prompt": order.prompt,
        "revision": "fp16",
        "safetychecker": _yes(order.checker),
        "seed": canvas.seed,
        "steps": canvas.steps,
        "vae": order.vae or "stabilityai/sd-vae-ft-mse",
    }


def _enterprise(order: Order, canvas: Canvas, name: str) -> dict[str, Any]:
    return {
        "prompt": order.prompt,
        "model_id": order.model,
        "negative_prompt": order.negative_prompt,
        "scheduler": order.scheduler,
        "revision": "fp16",
        "safetychecker": _yes(order.checker),
        "W": canvas.width,
        "H": canvas.height,
        "enable_attention_slicing": "true",
        "file_prefix": name,
        "guidance_scale": order.guidance,
        "seed": canvas.seed,
        "steps": canvas.steps,
        "n_samples": order.samples,
        "full_url": "no",
        "upscale": _upscale(order),
        "panorama": _switch(order, "panorama"),
        "self_attention": _switch(order, "self_attention"),
        "embeddings": _listed(order.embeddings),
        "lora": _lora(order),
        "lora_strength": order.lora_strength,
        "clip_skip": order.clip_skip,
        "use_karras_sigmas": _yes(order.karras),
        "algorithm_type": order.algorithm,
        "tomesd": _yes(order.tomesd),
        "outdir": "out",
        "vae": order.vae or "stabilityai/sd-vae-ft-mse",
    }


def _guided(order: Order) -> dict[str, Any]:
    """What the picture was guided by, as the img2img, inpaint and controlnet examples show it."""
    if order.kind == "text2img":
        return {}
    meta: dict[str, Any] = {**order.images, "strength": order.strength}
    if order.controls:
        meta["controlnet_model"] = ",".join(name for name, _ in order.controls)
        meta["controlnet_conditioning_scale"] = order.controls[0][1]
    return meta
