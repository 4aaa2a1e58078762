"""The emulated ModelsLab answers: at once, or when a queued job is fetched."""

from __future__ import annotations

import base64
import io
import json

from modelslab_vendor import BASE, CAT, Vendor, as_uri, png
from PIL import Image

from imagegen.emulator import KEY, Request
from imagegen.emulator.clock import Clock
from imagegen.emulator.world import World
from imagegen_modelslab.emulator import EMULATOR

# --- an answer at once -------------------------------------------------------------------------------------------


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


# --- the queue ---------------------------------------------------------------------------------------------------


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
