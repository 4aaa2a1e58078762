"""The emulated ModelsLab says no: faults on demand, and what it refuses by itself."""

from __future__ import annotations

import json

import pytest
from modelslab_vendor import CAT, Vendor
from PIL import ImageChops

from imagegen.emulator import KEY, Request

# --- faults ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "status", "message"),
    [
        ("http=402", 402, "Insufficient credits. Please add more credits to continue."),
        ("http=429", 429, "Rate limit exceeded. Maximum 5 queued requests allowed."),
        ("http=500", 500, "Internal server error. Please try again."),
        ("http=503", 503, "Service temporarily unavailable. Please try again later."),
    ],
)
def test_an_http_mark_is_said_in_the_vendors_words_and_charges_nothing(vendor, mark, status, message):
    response = vendor.send("v6/images/text2img", {"key": KEY, **CAT, "prompt": f"a cat [emu:{mark}]"})

    assert (response.status, json.loads(response.body)["message"]) == (status, message)
    assert vendor.world.books() == []


def test_a_dropped_answer_has_been_charged(vendor):
    response = vendor.send("v6/images/text2img", {"key": KEY, **CAT, "prompt": "a cat [emu:drop]"})

    assert response.drop
    assert [job["state"] for job in vendor.world.books()] == ["succeeded"]


def test_a_job_that_fails_says_so_at_once_or_when_fetched(vendor):
    gave_up = {"status": "failed", "id": "", "message": "Failed, Try Again", "output": ""}
    taken = vendor.text2img(prompt="[emu:queue] [emu:fail]")
    vendor.world.advance(60)

    assert vendor.text2img(prompt="[emu:fail]") == gave_up
    assert vendor.post(f"v6/images/fetch/{taken['id']}") == gave_up
    assert [(job["id"], job["state"]) for job in vendor.world.books()] == [(str(taken["id"]), "failed")]


def test_a_picture_can_be_cut_short_or_gone(vendor):
    whole = len(vendor.download(vendor.text2img()["output"][0]).body)
    cut = vendor.download(vendor.text2img(prompt="a cat [emu:truncate]")["output"][0])
    gone = vendor.download(vendor.text2img(prompt="a cat [emu:expired]")["output"][0])

    assert len(cut.body) < whole
    assert gone.status == 403


def test_the_safety_checker_replaces_the_picture(vendor):
    answer = vendor.text2img(prompt="a cat [emu:nsfw]", safety_checker_type="black")

    assert answer["status"] == "success" and answer["nsfw_content_detected"]
    assert vendor.picture(answer["output"][0]).getextrema() == ((0, 0), (0, 0), (0, 0))


@pytest.mark.parametrize("way", ["blur", "pixelate", "sensitive_content_text", "black"])
def test_every_way_of_censoring_hides_the_picture(vendor, way):
    plain = vendor.picture(vendor.text2img(seed=1)["output"][0])
    hidden = vendor.picture(vendor.text2img(seed=1, prompt="a cat [emu:nsfw]", safety_checker_type=way)["output"][0])

    assert hidden.size == plain.size
    assert ImageChops.difference(plain, hidden).getbbox()


def test_the_vendor_can_do_other_than_it_was_told(vendor):
    answer = vendor.text2img(
        prompt="a cat [emu:steps=30] [emu:seed=99] [emu:ignore_loras]", num_inference_steps=31, seed=1, lora_model="a"
    )
    scene = vendor.scene(answer)

    meta = answer["meta"]
    assert (meta["steps"], meta["seed"], meta["lora"]) == (30, 99, None)
    assert (scene["steps"], scene["seed"], scene["loras"], scene["prompt"]) == (30, 99, [], "a cat")


def test_a_proxys_page_can_stand_in_for_the_answer(vendor):
    response = vendor.send("v6/images/text2img", {"key": KEY, **CAT, "prompt": "a cat [emu:html]"})

    assert response.body.startswith(b"<!DOCTYPE html>")


# --- refusals ----------------------------------------------------------------------------------------------------


def test_the_key_is_taken_from_wherever_official_clients_put_it(vendor):
    body = dict(CAT)
    ways = [
        vendor.send("v6/images/text2img", {**body, "key": KEY}),
        vendor.send("v6/images/text2img", body, headers={"authorization": f"Bearer {KEY}"}),
        vendor.send("v6/images/text2img", body, headers={"key": KEY}),
        vendor.send("v6/images/text2img", body, key=KEY),
    ]

    assert [response.status for response in ways] == [200] * 4


@pytest.mark.parametrize(("key", "message"), [("", "API key required"), ("wrong", "Invalid API key")])
def test_a_missing_and_a_wrong_key_are_told_apart(vendor, key, message):
    response = vendor.send("v6/images/text2img", {**CAT, "key": key})

    assert (response.status, json.loads(response.body)) == (401, {"status": "error", "message": message})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"prompt": None}, "prompt is required"),
        ({"model_id": ""}, "model_id is required"),
        ({"model_id": "invalid_model_name"}, "Model not found: invalid_model_name"),
        ({"lora_model": "a,missing-lora"}, "Model not found: missing-lora"),
        ({"vae": "missing-vae"}, "Model not found: missing-vae"),
        ({"embeddings_model": "missing-word"}, "Model not found: missing-word"),
        ({"width": 1025}, "width must not be greater than 1024"),
        ({"height": 8}, "height must be at least 64"),
        ({"width": "wide"}, "width must be an integer"),
        ({"samples": 5}, "samples must not be greater than 4"),
        ({"guidance_scale": 21}, "guidance_scale must not be greater than 20"),
        ({"num_inference_steps": 0}, "num_inference_steps must be at least 1"),
        ({"clip_skip": 9}, "clip_skip must not be greater than 8"),
        ({"scheduler": "Euler a"}, "scheduler is invalid"),
        ({"lora_model": "a", "lora_strength": "1.1"}, "lora_strength must be between 0.1 and 1"),
        ({"lora_model": "a,b", "lora_strength": "0.1,0.2,0.3"}, "lora_strength must have as many values as lora_model"),
        ({"enhance_prompt": "maybe"}, "enhance_prompt must be yes or no"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"guidance_scale": "NaN"}, "guidance_scale must be a number"),
    ],
)
def test_what_is_wrong_is_refused_and_costs_nothing(vendor, words, message):
    response = vendor.send("v6/images/text2img", {"key": KEY, **CAT, **words})

    assert (response.status, json.loads(response.body)) == (400, {"status": "error", "message": message})
    assert vendor.world.books() == []


def test_z_image_turbo_may_be_wider(vendor):
    assert vendor.text2img(model_id="z-image-turbo", width=1488)["meta"]["W"] == 1488


def test_a_body_that_is_no_json_object_is_an_invalid_request(vendor):
    request = Request(method="POST", path="/modelslab/api/v6/images/text2img", body=b"{,}")

    assert json.loads(vendor.chassis.handle(request).body)["message"] == "Invalid API Request"
    assert vendor.send("v6/images/text2img", [1]).status == 400


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("v6/images/text3img", "POST", 404), ("v9/images/fetch/1", "POST", 404), ("v6/images/text2img", "GET", 405)],
)
def test_what_no_page_describes_is_not_there(vendor, path, method, status):
    response = vendor.send(path, {"key": KEY}, method=method)

    assert (response.status, json.loads(response.body)["status"]) == (status, "error")


def test_unknown_fields_are_accepted_and_listed(vendor):
    answer = vendor.text2img(colour="blue")

    assert answer["status"] == "success"
    assert vendor.warnings() == ["unknown field colour"]


def test_under_strict_rules_unknown_fields_are_refused():
    vendor = Vendor(strict=True)

    assert vendor.text2img(colour="blue") == {"status": "error", "message": "colour field is not supported"}
    assert vendor.text2img()["status"] == "success"
