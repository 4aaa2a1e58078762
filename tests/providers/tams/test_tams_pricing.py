"""The worked examples of the page "Intro To Billing", each to a hundredth of a credit."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tams_desk import MODEL, PROVIDER, plan

from imagegen.errors import NotConfigured
from imagegen.request import Detailer, ImageInput, Upscale, VideoRequest, WorkflowRequest
from imagegen_tams import pricing, settings

D = Decimal


def diffusion(steps, width=512, height=512):
    return {"type": "DIFFUSION", "diffusion": {"width": width, "height": height, "steps": steps}}


def upscaler(steps, width, height):
    return {"imageToUpscaler": {"hrResizeX": width, "hrResizeY": height, "hrSecondPassSteps": steps}}


def start(count=1):
    return {"type": "INPUT_INITIALIZE", "inputInitialize": {"count": count}}


def cost(*stages, count=1, family=None):
    found = pricing.job([start(count), *stages], family)
    assert found.low == found.high
    return found.high


@pytest.mark.parametrize(
    ("steps", "page"),
    [(2, "0.2"), (8, "0.4"), (20, "0.8"), (25, "1"), (30, "1.2"), (35, "1.4"), (40, "1.6"), (50, "2"), (60, "2.4")],
)
def test_page_billing_diffusion_table(steps, page):
    assert cost(diffusion(steps)) == D(page)


def test_page_billing_the_four_stages():
    stages = [diffusion(20), upscaler(30, 1920, 1080), {"imageToAdetailer": {"args": [{}]}}]
    assert cost(*stages[:1]) == D("0.8")
    assert cost(*stages[:2]) == D("0.8") + D("2.4")
    assert cost(*stages) == D("4.8")


@pytest.mark.parametrize(
    ("steps", "width", "height", "page"),
    [
        (30, 1280, 768, "2"),
        (30, 1920, 1080, "3.2"),
        (60, 1280, 768, "3.2"),
        (60, 1920, 1080, "5.6"),
        (60, 2560, 1440, "10.4"),
    ],
)
def test_page_billing_upscale_table_is_the_job_with_twenty_steps_of_diffusion(steps, width, height, page):
    assert cost(diffusion(20), upscaler(steps, width, height)) == D(page)


def test_page_billing_the_row_that_contradicts_its_formula_follows_the_formula():
    """2560x1440 at 30 steps: the page says 5, its formula 5.6 (and its row of 60 steps agrees with the formula)."""
    assert cost(diffusion(20), upscaler(30, 2560, 1440)) == D("5.6")


@pytest.mark.parametrize(
    ("name", "frames", "fast", "page"),
    [("HUNYUANVIDEO", 30, False, "17.44"), ("HUNYUANVIDEO", 30, True, "8.72"), ("COGVIDEOX_2B", 24, False, "5.94")],
)
def test_page_billing_videos(name, frames, fast, page):
    assert pricing.video({"model": name, "frames": frames, "fast": fast}) == D(page)


def test_a_video_from_a_picture_has_its_own_coefficient():
    assert pricing.video({"model": "HUNYUANVIDEO", "frames": 30, "from_image": True}) == D("16.28")
    assert pricing.video({"model": "PYRAMID_FLOW_MINIFLUX", "frames": 9, "width": 640, "height": 384}) == D("1.13")
    assert pricing.video({"model": "PYRAMID_FLOW_MINIFLUX", "frames": 9, "width": 1280, "height": 768}) == D("3.63")


@pytest.mark.parametrize(
    ("stages", "family", "count", "expected"),
    [
        ([diffusion(15)], None, 2, "1.2"),
        ([diffusion(15), {"imageToUpscaler": {"hrScale": 2, "hrSecondPassSteps": 10}}], None, 2, "2.0"),
        ([diffusion(25, 512, 768), upscaler(10, 1536, 2304)], None, 1, "2.4"),
        ([diffusion(20)], "flux-dev", 1, "1.6"),
        ([diffusion(20), upscaler(30, 1920, 1080)], "flux-dev", 1, "8.8"),
        ([{"imageToInpaint": {"diffusion": {"width": 512, "height": 768, "steps": 25}}}], None, 1, "0.5"),
        (
            [{"imageToUpscaler": {"hrScale": 2, "hrSecondPassSteps": 10, "diffusion": {"width": 512, "height": 512}}}],
            None,
            1,
            "0.4",
        ),
    ],
)
def test_stages_inherit_and_multiply(stages, family, count, expected):
    assert cost(*stages, count=count, family=family) == D(expected)


def test_where_the_page_says_two_things_the_price_is_a_range():
    made = plan(steps=40, detailers=(Detailer(),))
    price = PROVIDER.price(made, {})
    assert (price.low, price.high) == (D("0.006"), D("0.0072"))
    assert (price.credits, price.amount) == (D("2.4"), price.high)
    assert "ADETAILER" in price.reason


def test_an_unknown_family_is_assumed_and_said():
    price = PROVIDER.price(plan(steps=20), {})
    assert (price.basis, price.credits, price.amount) == ("assumed", D("0.8"), D("0.0024"))
    assert (price.checked_on, price.currency) == ("2026-11-21", "USD")
    known = PROVIDER.price(plan(model="@tams-private-page-checkpoint", steps=20), {})
    assert (known.basis, known.reason) == ("formula", "")


def test_each_call_has_its_own_price():
    price = PROVIDER.price(plan(n=6, steps=20), {})
    assert price.per_call == (D("0.0096"), D("0.0048")) and sum(price.per_call) == price.amount


@pytest.mark.parametrize(
    ("tier", "dollars"), [("10k", "0.003"), ("100k", "0.002857"), ("1000k", "0.002727"), ("10000k", "0.0024")]
)
def test_gifts_make_credits_cheaper(tier, dollars):
    assert round(settings.usd_per_credit({"tier": tier}), 6) == D(dollars)


def test_a_price_of_ones_own_wins_and_a_wrong_one_is_refused():
    assert settings.usd_per_credit({"tier": "100k", "usd_per_credit": "0.001"}) == D("0.001")
    for wrong in ("cheap", "-1", "NaN"):
        with pytest.raises(NotConfigured, match="usd_per_credit"):
            settings.usd_per_credit({"usd_per_credit": wrong})


def test_page_workflow_its_one_example_costs_the_sum_of_its_steps():
    node = {"class_type": "KSampler", "inputs": {"steps": 26}}
    made = plan(WorkflowRequest(graph={"3": node, "17": {"class_type": "KSampler", "inputs": {"steps": 30}}}))
    price = PROVIDER.price(made, {})
    assert (price.credits, price.basis) == (D("2.4"), "assumed")


def test_a_graph_of_other_nodes_has_no_price():
    made = plan(WorkflowRequest(graph={"3": {"class_type": "KSamplerAdvanced", "inputs": {"steps": 26}}}))
    price = PROVIDER.price(made, {})
    assert (price.amount, price.high, price.credits, price.basis) == (None, None, None, "unknown")


def test_a_video_of_a_model_that_the_table_does_not_name_is_assumed():
    made = plan(VideoRequest(prompt="x", model=MODEL, frames=7))
    assert (PROVIDER.price(made, {}).credits, PROVIDER.price(made, {}).basis) == (D("10.00"), "assumed")


@given(st.integers(1, 60), st.integers(64, 3000), st.integers(64, 3000))
def test_terms_are_exact_ceilings(steps, width, height):
    assert pricing.steps_term(steps) * 25 >= steps > pricing.steps_term(steps) * 25 - 5
    area = D(width * height) / (1024 * 1024)
    assert area <= pricing.area_term(width, height) < area + D("0.5")


@given(st.integers(1, 50), st.integers(1, 12), st.sampled_from([None, Upscale(scale=2), Upscale(scale=1.5)]))
def test_more_never_costs_less(steps, n, upscale):
    image = ImageInput(data=b"png")
    less = PROVIDER.price(plan(steps=steps, n=n), {}).amount
    more = PROVIDER.price(plan(steps=steps + 5, n=n + 1, upscale=upscale, init_image=image), {}).amount
    assert less is not None and more is not None and less < more


def random_words(dice):
    words = {"steps": dice.randint(1, 60), "n": dice.randint(1, 9), "seed": 1}
    words |= {"width": dice.randint(64, 192) * 8, "height": dice.randint(64, 192) * 8}
    if dice.random() < 0.5:
        scale = dice.choice([1, 1.25, 1.5, 2, 3, None])
        words["upscale"] = Upscale(scale=scale, steps=dice.choice([None, dice.randint(1, 40)]), upscaler="Lanczos")
    if dice.random() < 0.5:
        steps = [dice.choice([None, dice.randint(1, 40)]) for _ in range(dice.randint(1, 3))]
        words["detailers"] = tuple(Detailer(steps=one) for one in steps)
    if dice.random() < 0.4:
        words["init_image"] = ImageInput(data=b"png")
        first = dice.choice(["diffusion", "inpaint", "upscale", "detail"])
        words["mask_image"] = words["init_image"] if first == "inpaint" else None
        rest = [name for name in ("upscale", "detail") if name != first and dice.random() < 0.5]
        words["passes"] = (first, *dice.sample(rest, len(rest)))
    return words


def test_two_thousand_random_jobs_cost_what_the_emulator_charges():
    """The emulator reads the page with code of its own; where the page says two things it must lie between them."""
    from imagegen_tams.emulator import billing
    from imagegen_tams.emulator.messages import CreateJob
    from imagegen_tams.emulator.proto import Reading

    dice = random.Random(2026)
    for _ in range(2000):
        for call in plan(**random_words(dice)).paid_calls:
            charged = billing.job_credits(Reading().read(CreateJob, call.json))
            ours = pricing.job(call.json["stages"])
            assert ours.low <= charged <= ours.high, call.json
            assert ours.low != ours.high or charged == ours.low, call.json
