"""The emulated ModelsLab: what a client meets, decided in process on a clock that is moved by hand."""

from __future__ import annotations

import ast
import base64
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

import imagegen_modelslab.emulator as package
from imagegen.emulator import KEY, Request, Response, outbox
from imagegen.emulator.chassis import Chassis
from imagegen.emulator.clock import Clock
from imagegen.emulator.draw import facts_of
from imagegen.emulator.world import Rules, World
from imagegen_modelslab.emulator import EMULATOR
from imagegen_modelslab.emulator.words import Reader

OUTSIDE = {"attrs", "PIL", "imagegen"}
BASE = "http://127.0.0.1:8085"
CAT = {"model_id": "midjourney", "prompt": "a cat", "enhance_prompt": "no", "width": 64, "height": 64}


class Vendor:
    """The emulated vendor as a client sees it."""

    def __init__(self, **rules: Any) -> None:
        self.world = World(rules=Rules(**rules), clock=Clock(manual=True, start=1_700_000_000.0))
        self.chassis = Chassis(self.world, [EMULATOR])

    def send(self, path: str, body: Any = None, *, method: str = "POST", headers: Any = None, **query: str) -> Response:
        data = b"" if body is None else json.dumps(body).encode()
        target = f"/modelslab/api/{path}"
        request = Request(
            method=method, path=target, target=target, base=BASE, query=query, headers=headers or {}, body=data
        )
        return self.chassis.handle(request)

    def post(self, path: str, **body: Any) -> Any:
        return json.loads(self.send(path, {"key": KEY, **body}).body)

    def text2img(self, **words: Any) -> Any:
        return self.post("v6/images/text2img", **{**CAT, **words})

    def download(self, link: str) -> Response:
        assert link.startswith(f"{BASE}/files/")
        return self.chassis.handle(Request(method="GET", path=urlsplit(link).path, base=BASE))

    def picture(self, link: str) -> Image.Image:
        return Image.open(io.BytesIO(self.download(link).body)).convert("RGB")

    def scene(self, answer: Any, number: int = 0) -> dict[str, Any]:
        return facts_of(self.download(answer["output"][number]).body)["scene"]

    def warnings(self) -> list[str]:
        return self.world.journal()[-1]["warnings"]


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def png(width: int = 64, height: int = 64, colour: str = "navy") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def as_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


# --- an answer at once ---------------------------------------------------------------------------------------------


def test_a_success_has_the_fields_of_the_lora_page(vendor):
    answer = vendor.text2img(samples="2", num_inference_steps="31", lora_model="cake", lora_strength="0.45", seed="7")

    assert {**answer, "output": 2, "proxy_links": 2, "meta": set(answer["meta"])} == {
        "status": "success",
        "generationTime": 3.1,
        "id": 95120262,
        "output": 2,
        "proxy_links": 2,
        "nsfw_content_detected": False,
        "webhook_status": "",
        "tip": "Get 20x faster image generation using enterprise plan. Click here : https://modelslab.com/enterprise",
        "meta": {
            "prompt",
            "model_id",
            "negative_prompt",
            "scheduler",
            "safety_checker",
            "W",
            "H",
            "guidance_scale",
            "seed",
            "steps",
            "n_samples",
            "full_url",
            "instant_response",
            "tomesd",
            "ip_adapter_id",
            "ip_adapter_scale",
            "ip_adapter_image",
            "free_u",
            "upscale",
            "panorama",
            "self_attention",
            "use_karras_sigmas",
            "algorithm_type",
            "safety_checker_type",
            "embeddings",
            "vae",
            "lora",
            "lora_strength",
            "clip_skip",
            "temp",
            "base64",
            "file_prefix",
        },
    }
    meta = answer["meta"]
    assert (meta["steps"], meta["seed"], meta["lora"], meta["lora_strength"]) == (31, 7, "cake", "0.45")
    assert answer["output"][1].endswith(f"/generations/1-{meta['file_prefix']}")


def test_the_picture_says_what_was_understood(vendor):
    answer = vendor.text2img(
        lora_model="a, b,", lora_strength="0.45,0.5,", clip_skip="2", scheduler="DDIMScheduler", seed=5, samples=2
    )
    scene = vendor.scene(answer, 1)

    assert vendor.picture(answer["output"][0]).size == (64, 64)
    assert (scene["seed"], scene["clip_skip"], scene["sampler"]) == (6, 2, "DDIMScheduler")
    assert (scene["loras"], scene["labels"]) == ([["a", 0.45], ["b", 0.5]], ["ModelsLab emulator"])


def test_numbers_as_text_and_flags_of_every_kind_draw_the_same_picture(vendor):
    loose = {
        "width": "64",
        "height": "64",
        "seed": "9",
        "guidance_scale": "7",
        "safety_checker": "no",
        "upscale": "yes",
    }
    typed = {"width": 64, "height": 64, "seed": 9, "guidance_scale": 7.0, "safety_checker": False, "upscale": True}
    first, second = vendor.text2img(**loose), vendor.text2img(**typed)

    assert vendor.download(first["output"][0]).body == vendor.download(second["output"][0]).body
    assert vendor.picture(first["output"][0]).size == (128, 128)


def test_enhancement_is_the_default_and_rewrites_both_prompts(vendor):
    meta = vendor.post("v6/images/text2img", model_id="m", prompt="a cat", negative_prompt="dogs")["meta"]

    assert meta["prompt"].startswith(" a cat hyperrealistic, full body")
    assert meta["negative_prompt"].startswith("dogs (child:1.5), ((((underage))))")
    assert vendor.text2img(negative_prompt="dogs")["meta"]["prompt"] == "a cat"


def test_a_seed_that_was_not_sent_is_told(vendor):
    answer = vendor.text2img(seed=None)

    assert vendor.scene(answer)["seed"] == answer["meta"]["seed"] < 2**32
    assert vendor.text2img(seed=None)["meta"]["seed"] != answer["meta"]["seed"]


def test_base64_is_a_link_to_text(vendor):
    link = vendor.text2img(base64="yes")["output"][0]
    response = vendor.download(link)

    assert "/temp/" in link and link.endswith("-0.base64")
    assert Image.open(io.BytesIO(base64.b64decode(response.body))).size == (64, 64)


def test_a_temporary_link_is_dead_after_a_day_and_others_live(vendor):
    temporary, kept = vendor.text2img(temp="yes")["output"][0], vendor.text2img()["output"][0]
    vendor.world.advance(24 * 3600 + 1)

    assert [vendor.download(link).status for link in (temporary, kept)] == [403, 200]


def test_flux_answers_in_its_own_words_and_enhances_nothing(vendor):
    meta = vendor.post("v6/images/text2img", model_id="flux", prompt="a cat", num_inference_steps=20, width=64)["meta"]

    assert (meta["prompt"], meta["width"], meta["num_inference_steps"]) == ("a cat", 64, 20)
    assert "W" not in meta


# --- the queue -----------------------------------------------------------------------------------------------------


def test_a_queued_job_is_fetched_when_its_time_has_come(vendor):
    taken = vendor.text2img(prompt="a cat [emu:queue]", num_inference_steps=20)
    link, number = taken["future_links"][0], taken["id"]
    pending = vendor.post(f"v6/images/fetch/{number}")
    early = vendor.download(link).status
    vendor.world.advance(taken["eta"])
    done = vendor.post("v6/images/fetch", request_id=str(number))

    assert (taken["status"], taken["eta"], taken["output"]) == ("processing", 1.0, [])
    assert taken["messege"] == "Try to fetch request after seconds estimated"
    assert taken["fetch_result"] == f"{BASE}/modelslab/api/v6/images/fetch/{number}"
    assert taken["meta"]["id"] == str(number)
    assert (pending["messege"], pending["output"]) == ("try again later.", "")
    assert done == {"status": "success", "id": number, "output": [link]}
    assert (early, vendor.download(link).status) == (404, 200)


def test_a_slow_job_outlives_its_eta(vendor):
    taken = vendor.text2img(prompt="a cat [emu:queue] [emu:slow=3]")
    vendor.world.advance(taken["eta"])
    early = vendor.post(f"v6/images/fetch/{taken['id']}")["status"]
    vendor.world.advance(3)

    assert (early, vendor.post(f"v6/images/fetch/{taken['id']}")["status"]) == ("processing", "success")


def test_realtime_speaks_its_own_dialect():
    vendor = Vendor(queue=True)
    taken = vendor.post("v6/realtime/text2img", prompt="a cat", width=64, height=64)
    pending = vendor.post(f"v6/realtime/fetch/{taken['id']}")

    assert taken["message"] == "Try to fetch request after seconds estimated"
    assert taken["fetch_result"].endswith(f"/modelslab/api/v6/realtime/fetch/{taken['id']}")
    assert taken["proxy_links"] == taken["future_links"]
    assert pending["message"] == "try again later."
    assert (taken["meta"]["width"], taken["meta"]["prompt"]) == (64, "a cat")


def test_jobs_survive_the_process_and_two_worlds_on_one_file_agree(tmp_path):
    path = str(tmp_path / "world.sqlite3")
    first, second = (World(path=path, clock=Clock(manual=True, start=1e9)) for _ in range(2))
    ask = Request(method="POST", path="/api/v6/images/text2img", body=json.dumps({**CAT, "key": KEY}).encode())
    number = json.loads(EMULATOR.handle(ask, first).body)["id"]
    fetch = Request(method="POST", path=f"/api/v6/images/fetch/{number}", body=json.dumps({"key": KEY}).encode())

    assert json.loads(EMULATOR.handle(fetch, second).body)["status"] == "success"
    first.close()
    second.close()


def test_a_job_whose_input_expires_in_the_queue_fails_and_nothing_else_does(vendor):
    link = vendor.post("v6/base64_to_url", base64_string=as_uri(png()))["output"][0]
    taken = vendor.post("v6/images/img2img", **{**CAT, "prompt": "[emu:queue]"}, init_image=link)
    vendor.world.advance(2 * 24 * 3600)

    assert vendor.post(f"v6/images/fetch/{taken['id']}")["message"] == "Failed, Try Again"
    assert vendor.text2img()["status"] == "success"


def test_an_unknown_request_is_not_found(vendor):
    assert vendor.send("v6/images/fetch/5", {"key": KEY}).status == 404
    assert vendor.post("v6/images/fetch", request_id="5")["message"] == "Request not found"


def test_the_queue_has_five_places_under_limits():
    vendor = Vendor(limits=True, queue=True)
    taken = [vendor.text2img()["status"] for _ in range(5)]
    sixth = vendor.send("v6/images/text2img", {"key": KEY, **CAT})
    vendor.world.advance(60)

    assert taken == ["processing"] * 5
    assert (sixth.status, json.loads(sixth.body)) == (
        429,
        {
            "status": "error",
            "message": "Rate limit exceeded. Maximum 5 queued requests allowed.",
            "retry_after": 30,
        },
    )
    assert vendor.text2img()["status"] == "processing"


# --- faults --------------------------------------------------------------------------------------------------------


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


# --- refusals ------------------------------------------------------------------------------------------------------


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


# --- pictures that go in -------------------------------------------------------------------------------------------


def test_img2img_has_the_size_of_its_init_image_and_blends_by_strength(vendor):
    words = {**CAT, "init_image": as_uri(png(96, 80)), "seed": 1, "width": 64}
    faint = vendor.post("v6/images/img2img", **words, strength=0.1)
    strong = vendor.post("v6/images/img2img", **words, strength="0.9")
    navy = Image.open(io.BytesIO(png(96, 80)))

    def distance(answer: Any) -> int:
        grey = ImageChops.difference(vendor.picture(answer["output"][0]), navy).convert("L")
        return sum(grey.tobytes())

    assert vendor.picture(faint["output"][0]).size == (96, 80)
    assert (faint["meta"]["W"], faint["meta"]["strength"]) == (96, 0.1)
    assert distance(faint) < distance(strong)


def test_inpaint_changes_only_what_is_white_in_the_mask(vendor):
    mask = Image.new("L", (128, 128), 0)
    mask.paste(255, (32, 32, 96, 96))
    file = io.BytesIO()
    mask.save(file, "PNG")
    before = Image.open(io.BytesIO(png(128, 128)))
    answer = vendor.post(
        "v6/images/inpaint", **{**CAT, "width": 128, "height": 128}, init_image=as_uri(png(128, 128)),
        mask_image=base64.b64encode(file.getvalue()).decode(), strength=1,
    )  # fmt: skip
    box = ImageChops.difference(vendor.picture(answer["output"][0]), before).getbbox()

    assert box and box[0] >= 32 and box[1] >= 32 and box[2] <= 96 and box[3] <= 96


def test_a_control_net_shows_in_the_picture(vendor):
    words = {**CAT, "seed": 1, "init_image": as_uri(png())}
    canny = vendor.post("v6/images/controlnet", **words, controlnet_model="canny")
    both = vendor.post("v5/controlnet", **words, controlnet_model="canny,depth", controlnet_conditioning_scale="0.5")

    assert vendor.scene(canny)["controls"] == [["canny", 1.0]]
    assert vendor.scene(both)["controls"] == [["canny", 0.5], ["depth", 0.5]]
    wrong = vendor.post("v6/images/controlnet", **words, controlnet_model="magic")
    assert wrong["message"] == "controlnet_model is invalid: magic"


@pytest.mark.parametrize("image", ["data:image/png;base64,AAAA", "not base64!"])
def test_an_image_that_cannot_be_read_is_refused(vendor, image):
    answer = vendor.post("v6/images/img2img", **CAT, init_image=image)

    assert answer["message"] == "Unable to fetch image from provided URL"


def test_an_uploaded_picture_can_be_used_for_a_day(vendor):
    up = vendor.post("v6/base64_to_url", base64_string=as_uri(png(80, 80)))
    again = vendor.post("v6/image_editing/base64_to_url", init_image=as_uri(png(80, 80)))
    fresh = vendor.post("v6/images/img2img", **CAT, init_image=up["output"][0])
    vendor.world.advance(24 * 3600 + 1)
    stale = vendor.post("v6/images/img2img", **CAT, init_image=up["output"][0])

    assert (up["status"], up["id"], again["id"]) == ("success", 1047, 1048)
    assert fresh["meta"]["W"] == 80
    assert stale["message"] == "Unable to fetch image from provided URL"


def test_more_than_five_megabytes_are_refused(vendor):
    message = vendor.post("v6/base64_to_url", base64_string="A" * 7_000_001)["message"]

    assert message == "base64_string must not be greater than 5 MB"


def test_base64_crop_cuts_a_square_and_delete_image_removes_it(vendor):
    up = vendor.post("v3/base64_crop", image=as_uri(png(80, 60)), crop="true")
    size = vendor.picture(up["link"]).size
    gone = vendor.post("v3/delete_image", request_id=up["request_id"], type="image")

    assert (up["messege"], size, gone) == (
        "image uploaded",
        (60, 60),
        {"status": "success", "messege": "image deleted"},
    )
    assert vendor.download(up["link"]).status == 403


# --- editing -------------------------------------------------------------------------------------------------------


def test_super_resolution_enlarges(vendor):
    answer = vendor.post("v6/image_editing/super_resolution", init_image=as_uri(png(40, 30)), scale="2")

    assert vendor.picture(answer["output"][0]).size == (80, 60)
    assert answer["meta"]["upscale_factor"] == 2


def test_super_resolution_can_queue(vendor):
    vendor = Vendor(queue=True)
    taken = vendor.post("v6/image_editing/super_resolution", init_image=as_uri(png(40, 30)), track_id=7)
    vendor.world.advance(taken["eta"])

    assert taken["fetch_result"].endswith(f"/api/v6/image_editing/fetch/{taken['id']}")
    done = vendor.post(f"v6/image_editing/fetch/{taken['id']}")
    assert vendor.picture(done["output"][0]).size == (120, 90)


def test_a_caption_of_our_own_picture_is_its_prompt(vendor):
    ours = vendor.text2img(prompt="a red boat on a quiet lake at noon")["output"][0]

    short = vendor.post("v6/image_editing/caption", init_image=ours, length="short")["output"]
    assert short == ["a red boat on a quiet"]
    assert "picture of 64 by 64" in vendor.post("v6/image_editing/caption", init_image=as_uri(png()))["output"][0]


# --- money and the account -----------------------------------------------------------------------------------------


def test_every_picture_is_in_the_books_from_the_moment_it_is_accepted(vendor):
    taken = vendor.text2img(prompt="a cat [emu:queue]", samples=3)
    (job,) = vendor.world.books()

    assert {name: job[name] for name in ("provider", "id", "prompt", "state", "credits")} == {
        "provider": "modelslab",
        "id": str(taken["id"]),
        "prompt": "a cat [emu:queue]",
        "state": "accepted",
        "credits": "0.006",
    }
    balance = vendor.post("wallet_balance")["data"]
    assert balance == {"balance": 999_999.994, "currency": "USD"}


def test_without_credit_nothing_is_made():
    vendor = Vendor(credits=0)

    response = vendor.send("v6/images/text2img", {"key": KEY, **CAT})
    assert (response.status, vendor.world.books()) == (402, [])


def test_the_account_can_be_asked(vendor):
    vendor.text2img(prompt="[emu:queue] a cat")
    done = vendor.text2img()

    assert vendor.post("v6/processing/request_count") == {
        "status": "success",
        "processing_count": 1,
        "message": "Current processing request count retrieved successfully",
    }
    products = json.loads(vendor.send("subscribed_products", {"key": KEY}, method="GET").body)
    assert products["data"]["imagen"]["percentage_used"] == 1
    history = vendor.post("v6/assets_generated", type="image", per_page=15)
    assert history["data"] == [{"id": done["id"], "output": done["output"]}]
    assert history["pagination"]["total"] == 1


def test_a_webhook_is_queued_for_the_moment_the_job_is_done(vendor):
    taken = vendor.text2img(prompt="a cat [emu:queue]", webhook="http://127.0.0.1:9/hook", track_id="shot-3")
    (call,) = outbox.listed(vendor.world)

    assert call["due"] == pytest.approx(vendor.world.now() + taken["eta"])
    assert call["body"]["id"] == str(taken["id"])
    assert (call["body"]["track_id"], call["body"]["output"]) == ("shot-3", taken["future_links"])


# --- words ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**63), st.sampled_from([str, int, lambda number: f" {number} "]))
@settings(max_examples=50)
def test_a_number_is_read_alike_however_it_is_written(number, write):
    reader = Reader({"seed": write(number)})

    assert (reader.integer("seed", -1), reader.faults) == (number, {})


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
@settings(max_examples=100)
def test_no_value_breaks_a_reader(value):
    reader = Reader({"x": value})
    read = [reader.integer("x", 1, 0, 9), reader.number("x", 1.0, 0, 9), reader.flag("x", False), reader.names("x")]

    assert 0 <= read[0] <= 9 and 0 <= read[1] <= 9
    reader.strengths("x")


def test_deviations_are_sentences():
    assert all(text.endswith(".") and len(text) > 20 for text in EMULATOR.deviations)
    assert len(set(EMULATOR.deviations)) == len(EMULATOR.deviations) > 20


def test_the_emulator_shares_no_code_with_the_provider_that_it_tests():
    imported = [
        node.module or ""
        for path in Path(package.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level != 1
    ]

    assert {name.split(".")[0] for name in imported} <= {"__future__", "collections", "typing", "decimal", *OUTSIDE}
    assert [name for name in imported if name.startswith("imagegen") and not name.startswith("imagegen.emulator")] == []
