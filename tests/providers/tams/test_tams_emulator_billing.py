"""The emulator's own reading of the page "Intro To Billing" of https://tams-docs.tensor.art."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tams_emulated import MODEL, PAGES, Tams, diffusion, stage_job, text2img

from imagegen_tams import pricing
from imagegen_tams.emulator import billing
from imagegen_tams.emulator.messages import CreateJob, Inp, InpArg, VideoDiffusion
from imagegen_tams.emulator.proto import Reading

FLUX = "100000000000000002"


@pytest.mark.parametrize(
    ("steps", "credits"),
    [(2, "0.2"), (8, "0.4"), (20, "0.8"), (25, "1"), (30, "1.2"), (35, "1.4"), (40, "1.6"), (50, "2"), (60, "2.4")],
)
def test_diffusion_costs_what_the_table_says(steps: int, credits: str) -> None:
    assert Tams().post("/v1/jobs/credits", text2img(steps=steps)) == {"credits": float(credits)}


def upscaled(steps: int, width: int, height: int, **words: Any) -> dict[str, Any]:
    told = {"hrUpscaler": "Lanczos", "hrResizeX": width, "hrResizeY": height, "hrSecondPassSteps": steps}
    upscaler = {"type": "IMAGE_TO_UPSCALER", "imageToUpscaler": {**told, "denoisingStrength": 0.3}}
    return stage_job({"type": "DIFFUSION", "diffusion": diffusion(**words)}, upscaler, start={"count": 1})


@pytest.mark.parametrize(
    ("steps", "width", "height", "credits"),
    [
        (30, 1280, 768, "2"),
        (30, 1920, 1080, "3.2"),
        (30, 2560, 1440, "5.6"),  # the page prints 5, against its own formula
        (60, 1280, 768, "3.2"),
        (60, 1920, 1080, "5.6"),
        (60, 2560, 1440, "10.4"),
    ],
)
def test_the_upscale_table_is_that_of_jobs_with_20_steps_before(
    steps: int, width: int, height: int, credits: str
) -> None:
    assert Tams().post("/v1/jobs/credits", upscaled(steps, width, height)) == {"credits": float(credits)}


def test_the_four_stages_of_the_page_cost_4_8() -> None:
    body = upscaled(30, 1920, 1080)
    body["stages"].append({"type": "IMAGE_TO_ADETAILER", "imageToAdetailer": {"args": [{}]}})

    assert Tams().post("/v1/jobs/credits", body) == {"credits": 4.8}


@pytest.mark.parametrize(
    ("page", "credits"),
    [
        ("txt2img: Basic minimum workflow", 1.2),
        ("txt2img: Add Adetailer", 1.8),
        ("txt2img: Add Upscaler", 2),
        ("Inpaint: the image to be processed", 2.4),
        ("img2img: images after detail directly without Diffusion", 0.4),
        ("Inpaint: Perform inpainting", 0.5),
    ],
)
def test_the_examples_of_the_pages_cost_what_the_formula_says(page: str, credits: float) -> None:
    body = next(row["body"] for row in PAGES if row["page"] == page)

    assert Tams().post("/v1/jobs/credits", {"stages": body["stages"]}) == {"credits": credits}


def test_flux_costs_twice_and_its_upscaler_by_thirds() -> None:
    tams = Tams()

    assert tams.post("/v1/jobs/credits", text2img(sdModel=FLUX)) == {"credits": 1.6}
    assert tams.post("/v1/jobs/credits", upscaled(30, 1920, 1080, sdModel=FLUX)) == {"credits": 1.6 + 7.2}


def video(
    frames: int, mode: str = "DEFAULT", image: bool = False, size: tuple[int, int] = (640, 384)
) -> VideoDiffusion:
    inp = Inp(args=(InpArg(start_image_resource_id="x"),)) if image else Inp()
    return VideoDiffusion(width=size[0], height=size[1], total_frames=frames, generation_mode=mode, inp=inp)


@pytest.mark.parametrize(
    ("wanted", "family", "credits"),
    [
        (video(30), "HUNYUANVIDEO", "17.44"),
        (video(30, "FAST"), "HUNYUANVIDEO", "8.72"),
        (video(24), "COGVIDEOX_2B", "5.94"),
        (video(30, image=True), "HUNYUANVIDEO", "16.28"),
        (video(30, "FAST"), "COGVIDEOX_2B", "7.36"),
        (video(99), "PYRAMID_FLOW_MINIFLUX", "11.25"),
        (video(99, size=(1280, 768)), "PYRAMID_FLOW_MINIFLUX", "36.25"),
        (video(3), "anything else", "5.00"),
    ],
)
def test_videos_cost_what_the_page_says(wanted: VideoDiffusion, family: str, credits: str) -> None:
    assert billing.video_credits(wanted, family) == Decimal(credits)


def test_a_job_is_charged_what_credits_answers() -> None:
    tams = Tams()
    body = upscaled(10, 768, 768)
    told = tams.post("/v1/jobs/credits", body)["credits"]
    tams.post("/v1/jobs", body)

    assert [float(row["credits"]) for row in tams.world.books()] == [told]


@given(steps=st.integers(1, 1000), more=st.integers(0, 1000))
def test_more_steps_never_cost_less(steps: int, more: int) -> None:
    assert billing.by_steps(steps) <= billing.by_steps(steps + more)


@given(width=st.integers(8, 4096), height=st.integers(8, 4096))
def test_the_area_term_is_the_next_half_megapixel(width: int, height: int) -> None:
    term = billing.by_area(width, height)

    assert term * 2 == int(term * 2)
    assert term - Decimal("0.5") < Decimal(width * height) / 1024 / 1024 <= term


# --- against the client's own calculator, which shares no code with the emulator's -------------------------------


def random_stages(dice: Random, model: str) -> list[dict[str, Any]]:
    settings = diffusion(
        width=dice.randrange(64, 1600, 8), height=dice.randrange(64, 1600, 8), steps=dice.randint(1, 60), sdModel=model
    )
    drawn = dice.random() < 0.6
    own = {} if drawn else {"diffusion": settings}
    size = {"hrScale": dice.choice([1.15, 1.5, 2, 3.3])}
    if dice.random() < 0.5:
        size = {"hrResizeX": dice.randrange(128, 3000, 8), "hrResizeY": dice.randrange(128, 3000, 8)}
    args = [{"adSteps": dice.randint(1, 50)} for _ in range(dice.randint(1, 3))]
    later = [
        {"type": "IMAGE_TO_UPSCALER", "imageToUpscaler": {"hrSecondPassSteps": dice.randint(1, 50), **size, **own}},
        {"type": "IMAGE_TO_ADETAILER", "imageToAdetailer": {"args": args, **own}},
        {"type": "IMAGE_TO_INPAINT", "imageToInpaint": own},
    ]
    start = {"type": "INPUT_INITIALIZE", "inputInitialize": {"count": dice.randint(1, 4)}}
    first = [{"type": "DIFFUSION", "diffusion": settings}] if drawn else []
    return [start, *first, *dice.sample(later, dice.randint(0 if drawn else 1, 3))]


def test_two_thousand_random_jobs_cost_what_the_client_expected() -> None:
    dice = Random(2026)
    for _ in range(2000):
        model, family = dice.choice([(FLUX, "flux1"), (MODEL, "sd15")])
        stages = random_stages(dice, model)
        expected = pricing.job(stages, family)
        billed = billing.job_credits(Reading().read(CreateJob, {"stages": stages}))

        assert expected.low <= billed <= expected.high, stages
