"""
Models: which ids exist, loading of one's own (v3 `load_model` and the enterprise ones), lists, reload, delete.

Facts: stablediffusionapi.com/docs, Upload Model (v3); github.com/ModelsLab/docs-v2, enterprise-api and
image-generation/model-operation.  A load is fire and forget: there is no job to fetch, only the lists to look at.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from imagegen.emulator import Response, answer, outbox
from imagegen.emulator.effects import find

from . import refusals
from .exchange import Exchange
from .words import Reader

LOAD_SECONDS = 4.0  # a real load takes minutes
RELOAD_SECONDS = 120.0  # "this will take 2 minutes", model_reload page
IDLE_SECONDS = 7 * 24 * 3600.0  # models idle for 7 days leave the inference server, model_reload page

CATEGORIES = frozenset(
    ("stable_diffusion", "stable_diffusion_xl", "flux", "z_image", "controlnet", "lora", "embeddings", "vae")
)
FORMATS = frozenset({"diffusers", "safetensors", "ckpt", "pt"})
TYPES = frozenset(["huggingface", "api_trained", "custom_ckpt", "lora", "embeddings", "controlnet"])

# The beginning of the model_list page's own answer.
_SHOP: tuple[dict[str, Any], ...] = (
    {
        "model_id": "midjourney",
        "status": "model_ready",
        "created_at": None,
        "instance_prompt": "mdjrny-v4 style",
        "model_name": "MidJourney V4",
        "description": "Openjourney is an open source Stable Diffusion fine tuned model on Midjourney images,"
        " by PromptHero",
        "screenshots": "https://d1okzptojspljx.cloudfront.net/generations/14853540911669470514.png",
    },
    {
        "model_id": "anything-v3",
        "status": "model_ready",
        "created_at": None,
        "instance_prompt": None,
        "model_name": "Anything V3",
        "description": "This model is intended to produce high-quality, highly detailed anime style with just a few"
        " prompts.",
        "screenshots": "https://d1okzptojspljx.cloudfront.net/generations/8589140601669473451.png",
    },
)


def state(call: Exchange, model: str) -> str:
    """Return `model_ready`, `processing`, `failed`, `idle`, `deleted` or `missing`.  Nearly all other ids exist."""
    known = call.world.get(call.server("model"), model)
    if known is None:
        return "missing" if model == "invalid_model_name" or model.startswith("missing-") else "model_ready"
    if known["state"] != "loaded":
        return str(known["state"])
    if known["ready"] > call.world.now():
        return "processing"
    return "idle" if call.world.now() - max(known["used"], known["ready"]) > IDLE_SECONDS else "model_ready"


def require(call: Exchange, model: str) -> None:
    """Refuse a model that cannot be used now; one that is used does not grow idle."""
    if state(call, model) != "model_ready":
        raise refusals.no_model(model)
    with call.world.change():
        if known := call.world.get(call.server("model"), model):
            call.world.put(call.server("model"), model, {**known, "used": call.world.now()})


def load(call: Exchange) -> Response:
    """`v3/load_model`: start to import a model, LoRA, embedding, VAE or control net into the shared service."""
    reader = call.reader()
    reader.require("url", "model_id", "model_format", "model_category", "model_name")
    _options(reader)
    visibility = reader.choice("model_visibility", "public", frozenset({"private", "public"}))
    reader.check()
    with call.world.change():
        if visibility == "private":
            _book(call)
        _begin(call, reader.text("model_id"), reader.text("url"), visibility)
    return answer({"status": "success", "message": "model load started"})


def load_on_server(call: Exchange) -> Response:
    """Enterprise `load_model` and `load_model_v2`; the second's page shows bodies of the first, so both take both."""
    reader = call.reader()
    reader.require("url", "model_id")
    if not reader.name("model_type") and not reader.name("model_category"):
        reader.fault("model_category" if call.path.endswith("_v2") else "model_type", "field is required")
    _options(reader)
    reader.flag("from_safetensors", False)
    reader.flag("upcast_attention", False)
    reader.check()
    _begin(call, reader.text("model_id"), reader.text("url"), "private")
    return answer({"message": "model load started", "status": "success"})


def load_vae(call: Exchange) -> Response:
    """Enterprise `load_vae`."""
    reader = call.reader()
    reader.require("vae_id", "vae_url", "vae_type")
    reader.choice("vae_type", "diffusers", FORMATS)
    reader.check()
    _begin(call, reader.text("vae_id"), reader.text("vae_url"), "private")
    return answer({"status": "success", "message": "VAE load started"})


def _options(reader: Reader) -> None:
    reader.choice("model_category", "stable_diffusion", CATEGORIES)
    reader.choice("model_subcategory", "", frozenset({"lora"}))
    reader.choice("model_format", "diffusers", FORMATS)
    reader.choice("model_type", "huggingface", TYPES)
    reader.choice("revision", "fp16", frozenset({"fp16", "fp32"}))
    reader.flag("force_load", True)
    reader.flag("hf_upload", False)


def _begin(call: Exchange, model: str, url: str, visibility: str) -> None:
    world, body = call.world, call.reader()
    faults = world.faults(body.text("model_name"), provider=call.service.name, path=call.request.path)
    failed = "missing-" in url or find(faults, "fail") is not None
    slow = find(faults, "slow")
    ready = world.now() + LOAD_SECONDS + (slow.number(1.0) if slow else 0.0)
    record = {
        "state": "failed" if failed else "loaded",
        "ready": ready,
        "used": world.now(),
        "visibility": visibility,
        "category": body.text("model_subcategory") or body.text("model_category") or body.text("model_type"),
        "name": body.text("model_name", model),
        "image": body.text("model_image"),
    }
    world.put(call.server("model"), model, record)
    if hook := body.text("webhook"):
        told = {"status": "failed" if failed else "success", "model_id": model}
        outbox.queue(world, call.service.name, hook, told, due=ready)


def _book(call: Exchange) -> None:
    """Write a private load into the books: it takes one model credit, whose price no page states."""
    number = str(call.world.next("modelslab family loads", 1))
    call.world.charge(
        call.biller, f"load-{number}", prompt=call.reader().text("model_id"), credits=Decimal(0), state="succeeded"
    )


def list_all(call: Exchange) -> Response:
    """`model_list`: a bare array, the public models and those that this account has loaded."""
    return answer([*_SHOP, *_own(call)])


def list_own(call: Exchange) -> Response:
    """`finetune_list`: the account's own models."""
    return answer({"status": "success", "messege": "model list", "data": _own(call)})


def _own(call: Exchange) -> list[dict[str, Any]]:
    return [
        {
            "model_id": model,
            "status": {"idle": "model_ready", "failed": "model_failed"}.get(state(call, model), state(call, model)),
            "created_at": _date(known["ready"], "%Y-%m-%dT%H:%M:%S.000000Z"),
            "instance_prompt": None,
            "model_name": known["name"],
            "model_category": known["category"],
            "description": None,
            "screenshots": known["image"] or None,
        }
        for model, known in call.world.all(call.server("model")).items()
        if known["state"] != "deleted"
    ]


def reload(call: Exchange) -> Response:
    """`model_reload`: bring an idle model back, which takes two minutes."""
    model = _asked(call)
    match state(call, model):
        case "missing" | "failed" | "deleted":
            raise refusals.no_model(model)
        case "idle":
            known = call.world.get(call.server("model"), model)
            ready = call.world.now() + RELOAD_SECONDS
            call.world.put(call.server("model"), model, {**known, "ready": ready, "used": ready})
            return answer({"status": "processing", "message": "Model reload started, this will take 2 minutes"})
        case "processing":
            return answer({"status": "processing", "message": "Model is being loaded"})
    return answer({"status": "success", "message": "Model is already loaded"})


def verify(call: Exchange) -> Response:
    """Enterprise `verify_model`."""
    if state(call, _asked(call)) == "model_ready":
        return answer({"status": "success", "message": "Model exists on server"})
    return answer({"status": "error", "message": "Model not found on server"})


def on_server(call: Exchange) -> Response:
    """Enterprise `get_all_models`; the date really stands under `load_data`."""
    models = [
        {"load_data": _date(known["ready"], "%m/%d/%Y %H:%M:%S"), "model_id": model}
        for model, known in call.world.all(call.server("model")).items()
        if state(call, model) in ("model_ready", "idle")
    ]
    return answer({"models": models, "status": "success"})


def delete(call: Exchange) -> Response:
    """Enterprise `delete_model`."""
    model = _asked(call)
    if state(call, model) == "missing":
        return answer({"status": "error", "message": "Model not found on server"})
    gone = {"state": "deleted", "ready": 0.0, "used": 0.0, "visibility": "private", "name": model, "image": ""}
    call.world.put(call.server("model"), model, {**gone, "category": ""})
    return answer({"status": "success", "message": "Model deleted on server"})


def sync(call: Exchange) -> Response:
    """Enterprise `sync_models`: copy the models to the server whose key is `sync_key`."""
    reader = call.reader()
    reader.require("sync_key")
    reader.check()
    names = [name for name in call.world.all(call.server("model")) if state(call, name) == "model_ready"]
    message = f"{len(names)} Models synced successfully"
    return answer({"status": "success", "message": message, "model_list": names})


def count(call: Exchange) -> int:
    """Return how many models were loaded on the server."""
    return sum(state(call, name) == "model_ready" for name in call.world.all(call.server("model")))


def _asked(call: Exchange) -> str:
    reader = call.reader()
    reader.require("model_id")
    reader.check()
    return reader.text("model_id")


def _date(at: float, form: str) -> str:
    return time.strftime(form, time.gmtime(at))
