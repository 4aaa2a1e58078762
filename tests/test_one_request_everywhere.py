"""
What one neutral request becomes, seen in the pictures themselves: four stages, two forms of the same job, and masks whose
black pixels stay as they were at every provider that inpaints.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from imagegen import (
    Client,
    Detailer,
    GenerationRequest,
    ImagegenError,
    ImageInput,
    Inpaint,
    Lora,
    TemplateRequest,
    Upscale,
)
from imagegen.emulator.draw import facts_of
from imagegen.plugins import installed

INPAINTERS = sorted(
    name
    for name, provider in installed().providers.items()
    if "mask_image" in provider.capabilities.get(GenerationRequest, {})
)
BOX = (100, 120, 300, 400)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(emulated=True, home=tmp_path / "home") as client:
        yield client


def facts(client: Client, request: Any, provider: str = "tams", **wishes: Any) -> Any:
    return facts_of(client.generate(request, provider, **wishes).images[0].bytes())


# --- stages and graphs ---------------------------------------------------------------------------------------------


def test_one_request_is_a_job_of_four_stages_and_its_picture_shows_all_four(client: Client) -> None:
    request = GenerationRequest(
        prompt="a lighthouse",
        width=512,
        height=512,
        steps=20,
        seed=7,
        upscale=Upscale(scale=2, steps=30, strength=0.4, upscaler="4x-UltraSharp"),
        detailers=(Detailer(model="face_yolov8s.pt", prompt="freckles", strength=0.5),),
    )
    kinds = [stage["type"] for stage in client.plan(request, "tams").calls[-1].json["stages"]]
    result = client.generate(request, "tams")
    shown = facts_of(result.images[0].bytes())

    assert kinds == ["INPUT_INITIALIZE", "DIFFUSION", "IMAGE_TO_UPSCALER", "IMAGE_TO_ADETAILER"]
    assert (shown["scene"]["seed"], shown["scene"]["steps"], shown["scene"]["prompt"]) == (7, 20, "a lighthouse")
    assert [(step["pass"], step["name"]) for step in shown["passes"]] == [
        ("upscale", "4x-UltraSharp"),
        ("detail", "face_yolov8s.pt"),
    ]
    assert ["detail face_yolov8s.pt prompt", "freckles"] in shown["scene"]["extra"]
    assert (result.images[0].width, result.images[0].height) == (1024, 1024)
    # 20 steps; 30 steps at 1024x1024; 20 inherited steps at 1024x1024 (page "Intro To Billing")
    assert (result.cost.credits, result.cost.billed) == (Decimal("2.8"), Decimal("0.0084"))


SAME = {
    "plain": {},
    "loras and clip skip": {"loras": (Lora("@demo-style", 0.6),), "clip_skip": 2, "negative_prompt": "blurry"},
    "another sampler": {"sampler": "euler_a", "schedule": "uniform", "steps": 12, "cfg_scale": 4.5},
    "a VAE and a large seed": {"vae": "vae-ft-mse-840000-ema-pruned.ckpt", "seed": 4_000_000_000},
    "a tall picture, weights in the prompt": {"prompt": "a (red:1.2) door", "height": 768},
}


@pytest.mark.parametrize("more", SAME.values(), ids=SAME)
def test_the_same_request_as_stages_and_as_workflow_gives_the_same_facts(client: Client, more: dict[str, Any]) -> None:
    request = GenerationRequest(**{"prompt": "a lighthouse", "width": 512, "height": 512, "seed": 7, **more})
    stages, graph = facts(client, request), facts(client, request, form="workflow")

    assert stages["scene"] == graph["scene"]
    assert stages["passes"] == graph["passes"]


# --- inpaint -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noise() -> Image.Image:
    return Image.frombytes("RGB", (512, 512), random.Random(3).randbytes(512 * 512 * 3))


def masks(folder: Path) -> dict[str, Path]:
    """White is repainted; in the manner of OpenAI, what is transparent is."""
    white, clear = Image.new("L", (512, 512), 0), Image.new("RGBA", (512, 512), (9, 9, 9, 255))
    white.paste(255, BOX)
    clear.paste((0, 0, 0, 0), BOX)
    white.save(folder / "white.png")
    clear.save(folder / "clear.png")
    return {"white": folder / "white.png", "clear": folder / "clear.png"}


@pytest.mark.parametrize("provider", INPAINTERS)
def test_inpaint_changes_only_what_is_white_in_the_mask(
    client: Client, tmp_path: Path, noise: Image.Image, provider: str
) -> None:
    noise.save(tmp_path / "picture.png")
    made = {}
    for kind, mask in masks(tmp_path).items():
        request = GenerationRequest(
            prompt="a door",
            width=512,
            height=512,
            seed=3,
            init_image=ImageInput.of(str(tmp_path / "picture.png")),
            mask_image=ImageInput.of(str(mask)),
            inpaint=Inpaint(mask_blur=0),
            on_unsupported="lenient",
        )
        made[kind] = Image.open(client.generate(request, provider).images[0].path).convert("RGB")
    changed = ImageChops.difference(made["white"], noise)

    assert changed.getbbox() == BOX  # nothing outside, and something at every edge inside
    assert made["clear"].tobytes() == made["white"].tobytes()


def test_everybody_who_inpaints_is_looked_at() -> None:
    assert INPAINTERS == ["modelslab", "stablediffusionapi", "stablediffusionapi-enterprise", "tams"]


# --- templates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "fault", "words"),
    [
        ({"27:text": "1 girl, amber_eyes"}, "25:image", "needs this field"),
        ({"25:image": None, "27:text": "1 girl"}, "25:image", "is required (LoadImage)"),
    ],
    ids=["a field lacks", "no image"],
)
def test_both_template_errors_of_the_page_name_node_and_field(
    client: Client, fields: dict[str, Any], fault: str, words: str
) -> None:
    with pytest.raises(ImagegenError) as refused:
        client.run(TemplateRequest(template="676018193025756628", fields=fields), "tams")
    told = refused.value.as_dict()

    assert (told["kind"], told["charged"], type(refused.value).__name__) == ("invalid_input", False, "ArgumentRefused")
    assert [(one["path"], words in one["message"]) for one in told["faults"]] == [(fault, True)]
    assert client.world is not None
    assert client.world.chassis.world.books() == []
