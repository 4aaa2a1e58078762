"""Bringing models to the vendor: bodies, notes, waiting, and what a crash leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.errors import ImagegenError, JobFailed, VendorRefused
from imagegen.flow import Accepted, Call, Heard, Pause, Remember, Reply, Settled, Stored
from imagegen.provider import Record
from imagegen.redaction import without_secrets
from imagegen.request import GenerationRequest, Lora, ModelLoad
from imagegen.testing import play
from imagegen_stablediffusionapi.loading import loaded_id

HERE = "https://stablediffusionapi.com"
IMAGE = "https://cdn2.stablediffusionapi.com/generations/1a14cab3-cc79-4cee-ab28-29379bff766b-0.png"
CIVITAI = "https://civitai.com/api/download/models/132760?type=Model&format=SafeTensor&size=pruned&fp=fp16"
FILE = Stored(path="1.png", sha256="0" * 64, media_type="image/png", width=512, height=512)


def says(code: int = 200, /, **words: Any) -> Reply:
    return Reply(code, json.dumps(words).encode())


def lists(*entries: tuple[str, str]) -> Reply:
    return Reply(200, json.dumps([{"model_id": name, "status": state} for name, state in entries]).encode())


STARTED = says(status="success", message="model load started")
DONE = says(status="success", id=7, output=["https://r2.dev/7.png"])


# https://stablediffusionapi.com/docs, "Upload Model": both examples (in the first, the last of two equal names counts)
def test_the_civitai_example_of_the_page_is_a_model_load(shared, draft):
    load = ModelLoad(
        url=CIVITAI,
        model_id="stable-diffusion-1.0-inpainting-0.1",
        category="stable_diffusion_xl",
        format="safetensors",
        visibility="public",
        name="stable-diffusion-1.0-inpainting-0.1",
        image=IMAGE,
        revision="fp16",
        force_load=True,
        hf_upload=False,
    )
    call, wait = draft(shared, load).calls

    assert (call.method, call.url, call.pays, call.purpose) == ("POST", f"{HERE}/api/v3/load_model", True, "load")
    assert call.json == {
        "url": CIVITAI,
        "model_id": "stable-diffusion-1.0-inpainting-0.1",
        "force_load": "yes",
        "revision": "fp16",
        "model_category": "stable_diffusion_xl",
        "model_format": "safetensors",
        "model_visibility": "public",
        "model_name": "stable-diffusion-1.0-inpainting-0.1",
        "model_image": IMAGE,
        "hf_upload": "no",
    }
    assert (wait.url, wait.pays) == (f"{HERE}/api/v4/dreambooth/model_list", False)


def test_the_diffusers_example_of_the_page_is_a_model_load(shared, draft):
    load = ModelLoad(
        url="diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
        model_id="stable-diffusion-xl-1.0-inpainting-0.1",
        category="stable_diffusion_xl",
        format="diffusers",
        name="stable-diffusion-xl-1.0-inpainting-0.1",
        image=IMAGE,
        revision="fp16",
        force_load=True,
    )
    assert draft(shared, load).calls[0].json == {
        "url": "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
        "model_id": "stable-diffusion-xl-1.0-inpainting-0.1",
        "force_load": "yes",
        "revision": "fp16",
        "model_category": "stable_diffusion_xl",
        "model_format": "diffusers",
        "model_visibility": "public",
        "model_name": "stable-diffusion-xl-1.0-inpainting-0.1",
        "model_image": IMAGE,
        "hf_upload": "no",
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ("lora", None)),
        ({"base_url": "https://modelslab.com"}, ("stable_diffusion_xl", "lora")),
        ({"lora_category": "newer"}, ("stable_diffusion_xl", "lora")),
        ({"base_url": "https://modelslab.com", "lora_category": "page"}, ("lora", None)),
    ],
)
def test_a_lora_is_loaded_in_the_form_of_the_host_or_of_the_setting(shared, draft, settings, words):
    load = ModelLoad(url="https://x/a.safetensors", model_id="a", category="sdxl", subcategory="lora")
    body = draft(shared, load, **settings).calls[0].json

    assert (body["model_category"], body.get("model_subcategory")) == words


@pytest.mark.parametrize(
    ("category", "word"),
    [("embedding", "embeddings"), ("vae", "vae"), ("controlnet", "controlnet"), ("checkpoint", "stable_diffusion")],
)
def test_other_kinds_have_the_pages_words(shared, draft, category, word):
    load = ModelLoad(url="https://x/a.safetensors", model_id="a", category=category)

    assert draft(shared, load).calls[0].json["model_category"] == word


def test_a_load_is_not_repeated_by_the_vendor_unless_asked(shared, draft):
    plan = draft(shared, ModelLoad(url="https://x/a.safetensors", model_id="a"))

    assert plan.calls[0].json["force_load"] == "no"
    assert plan.note("force_load").code == "vendor_default"


def test_a_private_load_says_that_its_price_is_unknown(shared, draft):
    plan = draft(shared, ModelLoad(url="https://x/a.safetensors", model_id="a", visibility="private"))

    assert "no page gives" in plan.note("visibility").reason
    assert shared.price(plan, {"plan": "payg"}).amount is None


def test_a_format_or_category_that_the_service_does_not_load_is_a_blocker(shared, draft):
    assert draft(shared, ModelLoad(url="https://x/a.pt", model_id="a", format="pt")).blockers[0].field == "format"
    assert draft(shared, ModelLoad(url="https://x/a", model_id="a", category="shoe")).blockers


def test_a_download_token_never_shows_and_is_not_remembered(shared, draft):
    secret = "https://civitai.com/api/download/models/1?type=Model&token=hidden-word"
    plan = draft(shared, GenerationRequest(prompt="p", model=secret))

    shown = json.dumps(plan.as_dict()) + json.dumps(plan.to_record())
    assert "hidden-word" not in shown
    assert plan.facts["loads"][0]["source"] == "https://civitai.com/api/download/models/1?type=Model"
    assert plan.calls[0].json["url"].reveal() == secret


@given(st.text(max_size=40))
def test_the_id_of_a_loaded_model_is_stable_and_separates_nothing(source):
    assert loaded_id(source) == loaded_id(source)
    assert not set(loaded_id(source)) - set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert without_secrets(without_secrets(source)) == without_secrets(source)


# --- waiting -----------------------------------------------------------------------------------------------------


def test_a_load_is_accepted_then_asked_for_until_it_is_ready(shared, draft):
    plan = draft(shared, ModelLoad(url="hf:org/name", model_id="mine", format="diffusers"))
    replies = (STARTED, lists(("other", "model_ready")), lists(("mine", "loading")), lists(("mine", "model_ready")))
    steps, made = play(shared.flow(plan), *replies)

    assert steps == [
        plan.calls[0],
        Accepted("mine"),
        plan.calls[1],
        Heard(state="loading"),
        Pause(10.0),
        plan.calls[1],
        Heard(state="loading"),
        Pause(10.0),
        plan.calls[1],
        Remember(kind="model", key="hf:org/name", value="mine"),
        Settled(charged=None),
    ]
    assert plan.calls[0].json["url"] == "org/name"
    assert made.data == {"model_id": "mine", "source": "hf:org/name", "state": "model_ready"}


def test_a_load_without_waiting_ends_when_it_has_started(shared, draft):
    plan = draft(shared, ModelLoad(url="hf:org/name", model_id="mine", wait=False))
    steps, made = play(shared.flow(plan), STARTED)

    assert [type(step) for step in steps] == [Call, Accepted]
    assert made.data["state"] == "model load started"


def test_a_load_that_failed_or_never_ends_is_an_error_with_an_open_price(shared, draft):
    plan = draft(shared, ModelLoad(url="hf:org/name", model_id="mine"))
    with pytest.raises(JobFailed) as failed:
        play(shared.flow(plan), STARTED, lists(("mine", "model_failed")))
    with pytest.raises(JobFailed, match="not there after an hour"):
        play(shared.flow(plan), STARTED, *[lists()] * 360)

    assert (failed.value.charged, failed.value.vendor_job_id) == (None, "mine")


def test_a_refused_load_costs_nothing(shared, draft):
    plan = draft(shared, ModelLoad(url="hf:org/name", model_id="mine"))
    with pytest.raises(VendorRefused) as caught:
        play(shared.flow(plan), says(401, status="error", message="Invalid API key"))

    assert caught.value.kind == "unauthorized"


def test_an_accepted_load_is_only_waited_for_after_a_crash(shared, draft):
    plan = draft(shared, ModelLoad(url="hf:org/name", model_id="mine")).evolve(request={})
    steps, made = play(shared.resume(Record(plan=plan, job_id="mine")), lists(("mine", "model_ready")))

    assert [step.purpose for step in steps if isinstance(step, Call)] == ["wait"]
    assert made.data["state"] == "model_ready"


# --- loads before a picture --------------------------------------------------------------------------------------

REQUEST = GenerationRequest(prompt="p", model="midjourney", loras=(Lora(CIVITAI, 0.6),))


def test_an_address_that_is_not_loaded_yet_is_loaded_waited_for_and_used(shared, draft):
    plan = draft(shared, REQUEST)
    model_id = loaded_id(CIVITAI)

    assert [(c.purpose, c.pays) for c in plan.calls] == [("load", True), ("wait", False), ("generate", True)]
    assert plan.calls[0].json["model_category"] == "lora"
    assert plan.calls[2].json["lora_model"] == model_id
    note = plan.note("loras[0].model")
    assert (note.status, note.code, note.sent) == ("emulated", "load_model", model_id)
    steps, made = play(shared.flow(plan), STARTED, lists((model_id, "model_ready")), DONE, FILE)
    assert Remember(kind="model", key=CIVITAI, value=model_id) in steps
    assert [step.job_id for step in steps if isinstance(step, Accepted)] == [model_id, "7"]
    assert (made.files, made.data) == ((FILE,), None)


def test_what_the_account_is_known_to_have_is_not_loaded_again(shared, draft):
    plan = draft(shared, REQUEST, known={("model", CIVITAI): "my-lora"})

    assert [c.purpose for c in plan.calls] == ["generate"]
    assert plan.calls[0].json["lora_model"] == "my-lora"
    assert plan.note("loras[0].model").code == "loaded_before"


def test_one_address_in_two_places_is_loaded_once(shared, draft):
    plan = draft(shared, REQUEST.evolve(loras=(Lora(CIVITAI, 0.6), Lora(CIVITAI, 0.4))))

    assert [c.purpose for c in plan.calls] == ["load", "wait", "generate"]


def test_after_a_crash_between_load_and_picture_the_load_is_not_paid_again(shared, draft):
    plan = draft(shared, REQUEST)
    rest = plan.evolve(calls=plan.calls[1:], request={})  # as the engine resumes: all that is free, one that pays
    steps, _ = play(shared.flow(rest), lists((loaded_id(CIVITAI), "model_ready")), DONE, FILE)

    assert [step.purpose for step in steps if isinstance(step, Call)] == ["wait", "generate"]


def test_a_load_inside_a_picture_is_resumed_without_an_answer_of_its_own(shared, draft):
    record = Record(plan=draft(shared, REQUEST), index=0, job_id=loaded_id(CIVITAI))
    _, made = play(shared.resume(record), lists((loaded_id(CIVITAI), "model_ready")))

    assert made.data is None


def test_the_users_own_words_for_the_load_stay_out_of_the_picture(shared, draft):
    options = {"stablediffusionapi": {"load": {"model_visibility": "private"}}}
    plan = draft(shared, REQUEST.evolve(provider_options=options))

    assert plan.calls[0].json["model_visibility"] == "private"
    assert "load" not in plan.calls[2].json


# --- the enterprise load -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "settings", "path", "words"),
    [
        (
            {"url": "hf:org/m", "format": "diffusers"},
            {},
            "load_model",
            {"model_type": "huggingface", "from_safetensors": "no", "revision": "fp32"},
        ),
        (
            {"url": "https://x/a.safetensors", "category": "lora", "upcast_attention": True},
            {},
            "load_model",
            {"model_type": "lora", "from_safetensors": "yes", "upcast_attention": "yes"},
        ),
        (
            {"url": "https://x/a.safetensors", "category": "sdxl", "webhook": "https://me/w"},
            {"load_form": "load_model_v2"},
            "load_model_v2",
            {"model_category": "stable_diffusion_xl", "model_format": "safetensors", "webhook": "https://me/w"},
        ),
        (
            {"url": "https://x/a.pt", "category": "vae", "format": "pt"},
            {},
            "load_vae",
            {"vae_id": "mine", "vae_url": "https://x/a.pt", "vae_type": "pt"},
        ),
    ],
)
def test_an_enterprise_load_has_the_words_of_its_page(enterprise, draft, load, settings, path, words):
    plan = draft(enterprise, ModelLoad(model_id="mine", **load), **settings)

    assert plan.calls[0].url == f"https://modelslab.com/api/v1/enterprise/{path}"
    assert words.items() <= plan.calls[0].json.items()
    assert plan.calls[1].url == "https://modelslab.com/api/v1/enterprise/verify_model"
    assert plan.calls[1].json == {"model_id": "mine"}


def test_an_enterprise_load_is_verified_by_id(enterprise, draft):
    plan = draft(enterprise, ModelLoad(url="hf:org/m", model_id="mine", format="diffusers"))
    absent = says(404, status="error", message="Model does not exist on server")
    present = says(status="success", message="Model exists on server")
    _, made = play(enterprise.flow(plan), STARTED, absent, present)

    assert made.data["state"] == "model_ready"
    with pytest.raises(VendorRefused):
        play(enterprise.flow(plan), STARTED, says(401, status="error", message="Invalid API key"))


@given(st.lists(st.binary(max_size=60) | st.just(STARTED.body), min_size=3, max_size=3))
def test_any_answers_to_a_load_end_in_our_tree(shared, draft, bodies):
    flow = shared.flow(draft(shared, ModelLoad(url="hf:org/name", model_id="mine")))
    answers = iter([*bodies, lists(("mine", "model_ready")).body])
    step: Any = next(flow)
    try:
        while True:
            step = flow.send(Reply(200, next(answers)) if isinstance(step, Call) else None)
    except StopIteration as done:
        assert done.value.data["model_id"] == "mine"
    except ImagegenError as error:
        assert error.provider == "stablediffusionapi"
