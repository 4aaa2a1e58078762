"""Every provider keeps the contract: the four of this repository, and the one of the tutorial."""

from __future__ import annotations

import io

import pytest
from outsider import ACME, module_of
from PIL import Image

from imagegen import (
    Control,
    Detailer,
    DetectControl,
    Embedding,
    GenerationRequest,
    Inpaint,
    Interrogate,
    Lora,
    ModelLoad,
    TemplateRequest,
    Upscale,
    VideoRequest,
    WorkflowRequest,
)
from imagegen.plugins import Registry, installed, load
from imagegen.testing import Check, conformance


def png(mode: str, colour: int | tuple[int, int, int]) -> bytes:
    """Return a small picture."""
    out = io.BytesIO()
    Image.new(mode, (512, 512), colour).save(out, "PNG")
    return out.getvalue()


PHOTO, MASK = png("RGB", (40, 90, 140)), png("L", 255)
PLAIN = GenerationRequest(prompt="a lighthouse", seed=7)
FULL = GenerationRequest(
    prompt="a (red:1.2) lighthouse",
    negative_prompt="people",
    model="@demo-checkpoint",
    loras=(Lora("@demo-style", 0.6), Lora("@demo-detail", 0.4)),
    width=768,
    height=512,
    steps=30,
    cfg_scale=6.5,
    sampler="Euler a",
    clip_skip=2,
    n=2,
    upscale=Upscale(scale=2),
)
REDRAWN = PLAIN.evolve(init_image=PHOTO, strength=0.6)
REPAINTED = REDRAWN.evolve(mask_image=MASK, inpaint=Inpaint(fill="noise"))
GUIDED = PLAIN.evolve(controls=(Control(module="canny", model="canny", image=PHOTO),), on_unsupported="lenient")
GRAPH = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "600423083519508503"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["1", 1]}},
    "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
    "4": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0],
            "positive": ["2", 0],
            "negative": ["2", 0],
            "latent_image": ["3", 0],
            "seed": 7,
            "steps": 20,
            "cfg": 7.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1.0,
        },
    },
    "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
    "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "x"}},
}
REQUESTS = {
    "tams": (
        PLAIN,
        FULL,
        PLAIN.evolve(detailers=(Detailer(),), embeddings=(Embedding("123456789012345678"),)),
        VideoRequest(prompt="waves", model="600423083519508503", width=640, height=384),
        REDRAWN,
        REPAINTED,
        GUIDED,
        WorkflowRequest(graph=GRAPH),
        TemplateRequest(template="676018193025756628", fields={"25:image": PHOTO, "27:text": "1 girl"}),
        Interrogate(image=PHOTO),
        DetectControl(image=PHOTO, module="canny"),
    ),
    "modelslab": (PLAIN, FULL, PLAIN.evolve(n=6), REDRAWN, REPAINTED, GUIDED),
    "stablediffusionapi": (
        PLAIN,
        FULL,
        PLAIN.evolve(loras=(Lora("https://example.com/grain.safetensors", 0.5),)),
        ModelLoad(url="https://example.com/m.safetensors", model_id="mine"),
        REDRAWN,
        REPAINTED,
        GUIDED,
    ),
    "stablediffusionapi-enterprise": (
        PLAIN,
        FULL,
        ModelLoad(url="https://example.com/m.safetensors", model_id="mine"),
        REDRAWN,
        REPAINTED,
        GUIDED,
    ),
}


def checks(name: str, registry: Registry, requests: tuple[object, ...]) -> list[object]:
    """Return the checks of one provider as parameters of a test."""
    found = conformance(registry.provider(name), requests, registry=registry, cases=24)
    return [pytest.param(check, id=f"{name}-{check}") for check in found]


def every_check() -> list[object]:
    """Return the checks of all providers."""
    acme = load([("acme", module_of(ACME))])
    ours = [param for name, requests in REQUESTS.items() for param in checks(name, installed(), requests)]
    return [*ours, *checks("acme", acme, (PLAIN, FULL.evolve(loras=(), model=None, upscale=None)))]


@pytest.mark.parametrize("check", every_check())
def test_a_provider_keeps_the_contract(check: Check) -> None:
    check()


def test_every_installed_provider_is_looked_at() -> None:
    assert set(installed().providers) == set(REQUESTS)
