"""Every provider keeps the contract: the four of this repository, and the one of the tutorial."""

from __future__ import annotations

import pytest
from outsider import ACME, module_of

from imagegen import (
    Detailer,
    Embedding,
    GenerationRequest,
    Lora,
    ModelLoad,
    Upscale,
    VideoRequest,
)
from imagegen.plugins import Registry, installed, load
from imagegen.testing import Check, conformance

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
REQUESTS = {
    "tams": (
        PLAIN,
        FULL,
        PLAIN.evolve(detailers=(Detailer(),), embeddings=(Embedding("123456789012345678"),)),
        VideoRequest(prompt="waves", model="600423083519508503", width=640, height=384),
    ),
    "modelslab": (PLAIN, FULL, PLAIN.evolve(n=6)),
    "stablediffusionapi": (
        PLAIN,
        FULL,
        PLAIN.evolve(loras=(Lora("https://example.com/grain.safetensors", 0.5),)),
        ModelLoad(url="https://example.com/m.safetensors", model_id="mine"),
    ),
    "stablediffusionapi-enterprise": (
        PLAIN,
        FULL,
        ModelLoad(url="https://example.com/m.safetensors", model_id="mine"),
    ),
}


def checks(name: str, registry: Registry, requests: tuple[object, ...]) -> list[object]:
    """Return the checks of one provider as parameters of a test."""
    found = conformance(registry.provider(name), requests, registry=registry, cases=60)
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
