"""The emulated stablediffusionapi.com: the older versions' words, models that load, dedicated servers."""

from __future__ import annotations

import base64
import io
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from imagegen.emulator import KEY, Request, Response
from imagegen.emulator.chassis import Chassis
from imagegen.emulator.clock import Clock
from imagegen.emulator.draw import facts_of
from imagegen.emulator.world import Rules, World
from imagegen_modelslab.emulator import EMULATOR as MODELSLAB
from imagegen_stablediffusionapi.emulator import EMULATOR

BASE = "http://127.0.0.1:8085"
CAT = {"model_id": "midjourney", "prompt": "a cat", "enhance_prompt": "no", "width": 64, "height": 64}
LOAD = {
    "url": "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
    "model_id": "missing-until-loaded",
    "model_category": "lora",
    "model_format": "diffusers",
    "model_visibility": "public",
    "model_name": "one of mine",
}
SERVER_LOAD = {"url": "wavymulder/Analog-Diffusion", "model_id": "missing-analog", "model_type": "huggingface"}
DAY = 24 * 3600


class Vendor:
    """The emulated vendor as a client sees it."""

    def __init__(self, **rules: Any) -> None:
        self.world = World(rules=Rules(**rules), clock=Clock(manual=True, start=1_700_000_000.0))
        self.chassis = Chassis(self.world, [EMULATOR, MODELSLAB])

    def send(self, path: str, *, method: str = "POST", host: str = "stablediffusionapi", **body: Any) -> Response:
        data = json.dumps({"key": KEY, **body}).encode()
        return self.chassis.handle(Request(method=method, path=f"/{host}/api/{path}", base=BASE, body=data))

    def post(self, path: str, **body: Any) -> Any:
        return json.loads(self.send(path, **body).body)

    def download(self, link: str) -> Response:
        return self.chassis.handle(Request(method="GET", path=urlsplit(link).path, base=BASE))

    def scene(self, link: str) -> dict[str, Any]:
        return facts_of(self.download(link).body)["scene"]


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def picture(width: int = 40, height: int = 30) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "navy").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


# --- the older versions ------------------------------------------------------------------------------------------


def test_v3_text2img_answers_as_its_page(vendor):
    answer = vendor.post("v3/text2img", **{**CAT, "model_id": None}, num_inference_steps="20", seed=3499575229)

    assert set(answer) == {"status", "generationTime", "id", "output", "meta"}
    assert {**answer["meta"], "file_prefix": "", "prompt": ""} == {
        "H": 64,
        "W": 64,
        "enable_attention_slicing": "true",
        "file_prefix": "",
        "guidance_scale": 7.5,
        "model": "runwayml/stable-diffusion-v1-5",
        "n_samples": 1,
        "negative_prompt": "",
        "outdir": "out",
        "prompt": "",
        "revision": "fp16",
        "safetychecker": "yes",
        "seed": 3499575229,
        "steps": 20,
        "vae": "stabilityai/sd-vae-ft-mse",
    }
    assert answer["output"][0].endswith(f"/generations/{answer['meta']['file_prefix']}-0.png")
    assert vendor.scene(answer["output"][0])["labels"] == ["stablediffusionapi emulator"]


@pytest.mark.parametrize("fetch", ["v3/dreambooth/fetch/{}", "v3/fetch/{}", "v4/dreambooth/fetch"])
def test_a_v4_job_carries_a_v3_link_and_every_fetch_finds_it(vendor, fetch):
    taken = vendor.post("v4/dreambooth", **{**CAT, "prompt": "a cat [emu:queue]"})
    body = {} if "{}" in fetch else {"request_id": str(taken["id"])}
    pending = vendor.post(fetch.format(taken["id"]), **body)
    vendor.world.advance(taken["eta"])
    done = vendor.post(fetch.format(taken["id"]), **body)

    assert taken["fetch_result"] == f"{BASE}/stablediffusionapi/api/v3/dreambooth/fetch/{taken['id']}"
    assert (taken["messege"], taken["output"]) == ("Try to fetch request after seconds estimated", [])
    assert (taken["meta"]["lora"], taken["meta"]["lora_strength"]) == (None, 1)
    assert (pending["status"], pending["messege"], pending["output"]) == ("processing", "try again later.", "")
    assert done == {"status": "success", "id": taken["id"], "output": taken["future_links"]}


def test_a_v5_job_has_no_output_list_while_it_is_pending():
    vendor = Vendor(queue=True)
    taken = vendor.post("v5/controlnet", **CAT, init_image=picture(), controlnet_model="canny")

    assert taken["output"] == ""
    assert taken["fetch_result"].endswith(f"/stablediffusionapi/api/v3/fetch/{taken['id']}")
    got = vendor.send(f"v5/images/fetch/{taken['id']}", method="GET")
    assert json.loads(got.body)["status"] == "processing"


def test_faults_of_a_body_are_listed_by_field_under_http_200(vendor):
    response = vendor.send("v4/dreambooth", width="wide")

    assert response.status == 200
    assert json.loads(response.body) == {
        "status": "error",
        "message": {
            "model_id": ["The model id field is required."],
            "prompt": ["The prompt field is required."],
            "width": ["The width must be an integer."],
        },
    }


def test_an_unknown_model_and_a_wrong_key_have_the_older_words(vendor):
    unknown = vendor.send("v4/dreambooth", **{**CAT, "model_id": "invalid_model_name"})
    wrong = vendor.send("v4/dreambooth", **{**CAT, "key": "nope"})

    assert json.loads(unknown.body) == {"status": "error", "message": "Model id not found"}
    assert (wrong.status, json.loads(wrong.body)["message"]) == (401, "Invalid Api Key")
    assert json.loads(wrong.body)["tip"].startswith("1. Make sure you are passing Content-Type")


def test_the_spam_filter_wants_thirty_seconds_between_equal_requests():
    vendor = Vendor(limits=True)
    vendor.post("v4/dreambooth", **CAT)
    again, other = vendor.send("v4/dreambooth", **CAT), vendor.post("v4/dreambooth", **{**CAT, "seed": 1})
    vendor.world.advance(30)

    assert (again.status, json.loads(again.body)["message"]) == (429, "Rate limit exceeded")
    assert "please wait for 30 seconds" in json.loads(again.body)["tips"]
    assert other["status"] == vendor.post("v4/dreambooth", **CAT)["status"] == "success"


def test_the_systems_load_is_ok(vendor):
    vendor.post("v4/dreambooth", **{**CAT, "prompt": "[emu:queue]"}, num_inference_steps=20)

    assert vendor.post("v3/system_load") == {"queue_num": 1, "queue_time": 1.0, "status": "ok"}


def test_the_oldest_names_of_fields_still_work(vendor):
    answer = vendor.post("v3/dreambooth", **CAT, lora="cake", embeddings="word")
    scene = vendor.scene(answer["output"][0])

    assert (scene["loras"], scene["embeddings"]) == ([["cake", 1.0]], ["word"])
    old = vendor.post("v3/img2img", **CAT, init_image=picture(), prompt_strength="0.3")
    assert vendor.scene(old["output"][0])["strength"] == 0.3


# --- models that load --------------------------------------------------------------------------------------------


def listed(vendor: Vendor, path: str = "v4/dreambooth/model_list") -> dict[str, str]:
    models = vendor.post(path)
    return {model["model_id"]: model["status"] for model in (models if isinstance(models, list) else models["data"])}


def test_a_model_is_ready_some_seconds_after_its_load_was_started(vendor):
    words = {**CAT, "lora_model": LOAD["model_id"]}
    before = vendor.post("v4/dreambooth", **words)
    started = vendor.post("v3/load_model", **LOAD)
    meanwhile, loading = vendor.post("v4/dreambooth", **words), listed(vendor)
    vendor.world.advance(5)

    assert started == {"status": "success", "message": "model load started"}
    assert before == meanwhile == {"status": "error", "message": "Model id not found"}
    assert loading == {"midjourney": "model_ready", "anything-v3": "model_ready", LOAD["model_id"]: "processing"}
    assert listed(vendor)[LOAD["model_id"]] == listed(vendor, "v3/finetune_list")[LOAD["model_id"]] == "model_ready"
    assert vendor.post("v4/dreambooth", **words)["status"] == "success"


def test_models_of_the_two_hosts_are_apart(vendor):
    vendor.post("v3/load_model", **LOAD)
    vendor.world.advance(5)

    answer = json.loads(
        vendor.send("v6/images/text2img", host="modelslab", **{**CAT, "model_id": LOAD["model_id"]}).body
    )
    assert answer["message"] == f"Model not found: {LOAD['model_id']}"


@pytest.mark.parametrize(
    ("category", "subcategory"), [("lora", None), ("stable_diffusion_xl", "lora"), ("embeddings", None), ("vae", None)]
)
def test_both_ways_of_naming_a_category_are_taken(vendor, category, subcategory):
    answer = vendor.post("v3/load_model", **{**LOAD, "model_category": category, "model_subcategory": subcategory})

    assert answer["status"] == "success"


def test_a_load_that_lacks_fields_is_refused_with_a_code(vendor):
    response = vendor.send("v3/load_model", url="x")

    assert (response.status, json.loads(response.body)) == (
        400,
        {"status": "error", "message": "model_id is required", "code": 400},
    )


def test_a_load_can_fail(vendor):
    vendor.post("v3/load_model", **{**LOAD, "url": "https://example.org/missing-file.safetensors"})
    vendor.world.advance(60)

    assert listed(vendor)[LOAD["model_id"]] == "model_failed"
    assert vendor.post("v4/dreambooth/model_reload", model_id=LOAD["model_id"])["status"] == "error"


def test_only_a_private_load_stands_in_the_books(vendor):
    vendor.post("v3/load_model", **LOAD)
    vendor.post("v3/load_model", **{**LOAD, "model_visibility": "private"})

    (job,) = vendor.world.books()
    assert (job["provider"], job["prompt"], job["credits"]) == ("stablediffusionapi", LOAD["model_id"], "0")


def test_a_model_that_nobody_uses_for_a_week_has_to_be_reloaded(vendor):
    words = {**CAT, "model_id": LOAD["model_id"]}
    vendor.post("v3/load_model", **LOAD)
    vendor.world.advance(5 * DAY)
    used = vendor.post("v4/dreambooth", **words)["status"]
    vendor.world.advance(5 * DAY)
    still = vendor.post("v4/dreambooth", **words)["status"]
    vendor.world.advance(8 * DAY)
    idle = vendor.post("v4/dreambooth", **words)["status"]
    reloading = vendor.post("v4/dreambooth/model_reload", model_id=LOAD["model_id"])["status"]
    vendor.world.advance(120)

    assert (used, still, idle, reloading) == ("success", "success", "error", "processing")
    assert vendor.post("v4/dreambooth", **words)["status"] == "success"


# --- dedicated servers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["v1/enterprise/text2img", "v1/enterprise/images/text2img"])
def test_both_path_styles_draw_and_cost_nothing_each(vendor, path):
    answer = vendor.post(path, **CAT, clip_skip="2")

    assert {"revision", "safetychecker", "enable_attention_slicing", "outdir"} < set(answer["meta"])
    assert (answer["meta"]["steps"], answer["meta"]["use_karras_sigmas"]) == (21, "yes")
    (job,) = vendor.world.books()
    assert (job["provider"], job["id"], job["credits"]) == ("stablediffusionapi-enterprise", str(answer["id"]), "0")


def test_a_queued_job_of_a_server_is_fetched_in_both_forms(vendor):
    taken = vendor.post("v1/enterprise/text2img", **{**CAT, "prompt": "[emu:queue]"})
    vendor.world.advance(taken["eta"])
    done = {"status": "success", "id": taken["id"], "output": taken["future_links"]}

    assert taken["fetch_result"] == f"{BASE}/stablediffusionapi/api/v1/enterprise/fetch/{taken['id']}"
    assert vendor.post("v1/enterprise/fetch", request_id=str(taken["id"])) == done
    assert vendor.post(f"v1/enterprise/images/fetch/{taken['id']}") == done


def test_a_servers_model_is_verified_listed_and_deleted(vendor):
    model = SERVER_LOAD["model_id"]
    before = vendor.post("v1/enterprise/verify_model", model_id=model)
    started = vendor.post("v1/enterprise/load_model", **SERVER_LOAD)
    meanwhile = vendor.post("v1/enterprise/verify_model", model_id=model)
    vendor.world.advance(5)

    assert started == {"message": "model load started", "status": "success"}
    assert before == meanwhile == {"status": "error", "message": "Model not found on server"}
    assert vendor.post("v1/enterprise/verify_model", model_id=model)["message"] == "Model exists on server"
    assert vendor.post("v1/enterprise/get_all_models") == {
        "models": [{"load_data": "11/14/2023 22:13:24", "model_id": model}],
        "status": "success",
    }
    assert vendor.post("v1/enterprise/sync_models", sync_key="other")["message"] == "1 Models synced successfully"
    assert vendor.post("v1/enterprise/delete_model", model_id=model)["message"] == "Model deleted on server"
    assert vendor.post("v1/enterprise/text2img", **{**CAT, "model_id": model})["status"] == "error"


def test_a_servers_models_are_not_those_of_the_shared_service(vendor):
    vendor.post("v3/load_model", **LOAD)
    vendor.world.advance(5)

    assert vendor.post("v1/enterprise/verify_model", model_id=LOAD["model_id"])["status"] == "error"


def test_a_vae_can_be_loaded(vendor):
    body = {"vae_id": "missing-vae", "vae_url": "bullhug/kl-f8-anime2", "vae_type": "diffusers"}
    answer = vendor.post("v1/enterprise/load_vae", **body)
    vendor.world.advance(5)

    assert answer == {"status": "success", "message": "VAE load started"}
    assert vendor.post("v1/enterprise/text2img", **CAT, vae="missing-vae")["meta"]["vae"] == "missing-vae"


def test_a_servers_super_resolution_answers_one_link(vendor):
    answer = vendor.post("v1/enterprise/super_resolution", url=picture(), scale=2)

    assert isinstance(answer["output"], str)
    assert Image.open(io.BytesIO(vendor.download(answer["output"]).body)).size == (80, 60)


def test_an_upload_can_be_used(vendor):
    link = vendor.post("v1/enterprise/upload_image", base64_image=picture(), image_type="png")["image_url"]
    answer = vendor.post("v1/enterprise/img2img", **CAT, init_image=link, strength=0.5)

    assert (answer["meta"]["init_image"], answer["meta"]["strength"], answer["meta"]["W"]) == (link, 0.5, 64)


def test_results_of_a_server_live_a_day_unless_they_go_to_a_bucket(vendor):
    bucket = dict.fromkeys(
        ("public_url", "region_name", "endpoint_url", "aws_access_key_id", "aws_secret_access_key"), "AKIA-secret"
    )
    first = vendor.post("v1/enterprise/text2img", **CAT)["output"][0]
    vendor.post("v1/enterprise/update_s3", deploy_type="text_to_image", **bucket)
    second = vendor.post("v1/enterprise/text2img", **CAT)["output"][0]
    vendor.world.advance(DAY + 1)

    assert [vendor.download(link).status for link in (first, second)] == [403, 200]
    assert "AKIA-secret" not in json.dumps(vendor.world.journal())


def test_clearing_the_queue_gives_up_what_is_in_it(vendor):
    taken = vendor.post("v1/enterprise/text2img", **{**CAT, "prompt": "[emu:queue]"})
    shared = vendor.post("v4/dreambooth", **{**CAT, "prompt": "[emu:queue]"})
    waiting = vendor.post("v1/enterprise/system_details")["queue_time"]
    cleared = vendor.post("v1/enterprise/clear_queue")
    vendor.world.advance(60)

    assert waiting == 1.05
    assert cleared == {"status": "success", "message": "Queue cleared, server is restarting"}
    assert vendor.post("v1/enterprise/fetch", request_id=taken["id"])["message"] == "Failed, Try Again"
    assert vendor.post(f"v3/fetch/{shared['id']}")["status"] == "success"


def test_the_schedulers_of_a_server_are_seventeen(vendor):
    answer = vendor.post("v1/enterprise/schedulers_list")

    assert set(answer) == {"schedulers"} and len(answer["schedulers"]) == 17


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("system_details", {"model_count": 0, "queue_time": 0, "status": "ok"}),
        ("images/system_details", {"model_count": 0, "queue_time": 0, "status": "ok"}),
        ("realtime/system_details", {"model_count": 0, "queue_time": 0, "status": "ok"}),
        ("restart_server", {"message": "server restarting", "status": "success"}),
        ("update_server", {"message": "server updating", "status": "success"}),
        ("images/update", {"message": "server updating", "status": "success"}),
        ("clear_cache", {"status": "success", "message": "Cache cleared successfully"}),
        ("flux/clear_queue", {"status": "success", "message": "Queue cleared, server is restarting"}),
    ],
)
def test_what_a_server_says_about_itself(vendor, path, answer):
    assert vendor.post(f"v1/enterprise/{path}") == answer


def test_a_flux_server_answers_without_an_id(vendor):
    answer = vendor.post("v1/enterprise/flux/text2img", prompt="a cat", width=64, height=64, num_inference_steps=10)

    assert "id" not in answer and answer["status"] == "success"


def test_enterprise_refuses_in_the_words_of_v6(vendor):
    response = vendor.send("v1/enterprise/text2img", model_id="x")

    assert (response.status, json.loads(response.body)["message"]) == (400, "prompt is required")
