"""Pictures of the shared service and of the enterprise API: where they are asked for, and in which words."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from imagegen.errors import InvalidInput
from imagegen.flow import Accepted, Call, Reply, Stored
from imagegen.images import inspect_input
from imagegen.placeholders import Secret, reveal
from imagegen.provider import Credentials
from imagegen.request import Control, GenerationRequest, Lora
from imagegen.testing import play
from imagegen_modelslab import wire
from imagegen_modelslab.calls import VendorCall
from imagegen_modelslab.operations import Other
from imagegen_stablediffusionapi import operations
from imagegen_stablediffusionapi.wire import EnterpriseInpaint

FILE = Stored(path="1.png", sha256="0" * 64, media_type="image/png", width=512, height=512)
URL = "https://example.com/cat.png"
# The attributes of https://docs.modelslab.com/enterprise-api/text-to-image (inpaint), and the note's loadbalancer
ENTERPRISE_PAGE = {
    "model_id",
    "prompt",
    "negative_prompt",
    "init_image",
    "mask_image",
    "width",
    "height",
    "samples",
    "num_inference_steps",
    "safety_checker",
    "safety_checker_type",
    "enhance_prompt",
    "guidance_scale",
    "strength",
    "tomesd",
    "use_karras_sigmas",
    "algorithm_type",
    "vae",
    "lora_strength",
    "lora_model",
    "scheduler",
    "seed",
    "webhook",
    "track_id",
    "clip_skip",
    "base64",
    "temp",
    "loadbalancer",
}


def says(code: int = 200, /, **words: Any) -> Reply:
    return Reply(code, json.dumps(words).encode())


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({}, "/api/v4/dreambooth"),
        ({"init_image": URL}, "/api/v4/dreambooth/img2img"),
        ({"init_image": URL, "mask_image": URL}, "/api/v4/dreambooth/inpaint"),
        ({"controls": (Control(image=URL, model="canny"),)}, "/api/v5/controlnet"),
    ],
)
def test_the_shared_service_is_asked_by_its_own_paths(shared, draft, changes, path):
    plan = draft(shared, GenerationRequest(prompt="p", model="midjourney", **changes))

    assert [call.url for call in plan.calls] == [f"https://stablediffusionapi.com{path}"]
    assert plan.possible


@pytest.mark.parametrize(
    ("style", "path", "fetch"),
    [
        ("text2img", "/api/v1/enterprise/text2img", "/api/v1/enterprise/fetch"),
        ("images/text2img", "/api/v1/enterprise/images/text2img", "/api/v1/enterprise/images/fetch/{id}"),
    ],
)
def test_the_enterprise_api_has_two_path_styles(enterprise, draft, style, path, fetch):
    plan = draft(enterprise, GenerationRequest(prompt="p", model="m"), path_style=style)

    assert plan.calls[0].url == f"https://modelslab.com{path}"
    assert plan.facts["fetch"]["url"] == f"https://modelslab.com{fetch}"


def test_every_attribute_of_the_enterprise_page_is_a_typed_field():
    assert set(wire.fields(EnterpriseInpaint)) == ENTERPRISE_PAGE


def test_karras_and_the_algorithm_are_always_said_because_their_defaults_differ(enterprise, draft):
    sent = []
    for sampler in ("Euler", "DPM++ 2M SDE Karras"):
        body = draft(enterprise, GenerationRequest(prompt="p", model="m", sampler=sampler)).calls[0].json
        sent.append((body["scheduler"], body["use_karras_sigmas"], body["algorithm_type"]))

    assert sent == [
        ("EulerDiscreteScheduler", "no", "none"),
        ("DPMSolverMultistepScheduler", "yes", "dpmsolver+++"),
    ]


def test_the_load_balancer_is_only_asked_for_when_it_is_set(enterprise, draft):
    request = GenerationRequest(prompt="p", model="m")

    assert "loadbalancer" not in draft(enterprise, request).calls[0].json
    assert draft(enterprise, request, loadbalancer="yes").calls[0].json["loadbalancer"] == "yes"
    assert "more than one server" in next(s.help for s in enterprise.settings if s.name == "loadbalancer")


def test_three_lora_weights_get_one_note_each_here_too(shared, enterprise, draft):
    loras = (Lora("a", -0.5), Lora("b", 0.05), Lora("c", 1.1))
    for provider in (shared, enterprise):
        plan = draft(provider, GenerationRequest(prompt="p", model="m", loras=loras))
        assert [plan.note(f"loras[{i}].weight").status for i in range(3)] == ["dropped", "adjusted", "adjusted"]


def test_a_job_is_asked_for_where_the_answer_says_else_with_its_id_in_the_body(shared, draft):
    plan = draft(shared, GenerationRequest(prompt="p", model="midjourney"))
    named = "https://stablediffusionapi.com/api/v3/dreambooth/fetch/32798037"  # a v4 job carries a v3 address
    done = says(status="success", id=32798037, output=["https://x/1.png"])
    for words, asked in (
        ({"fetch_result": named}, (named, {})),
        ({}, ("https://stablediffusionapi.com/api/v4/dreambooth/fetch", {"request_id": "32798037"})),
    ):
        first = says(status="processing", eta=20.9, id=32798037, output=[], **words)
        steps, _ = play(shared.flow(plan), first, done, FILE)
        poll = [step for step in steps if isinstance(step, Call)][1]
        assert (poll.url, poll.json) == asked


def test_the_enterprise_flux_answer_without_an_id_is_kept(enterprise, draft):
    plan = draft(enterprise, GenerationRequest(prompt="p", model="m"))
    steps, made = play(enterprise.flow(plan), says(status="success", output=["https://x/1.png"], meta={}), FILE)

    assert made.files == (FILE,)
    assert not [step for step in steps if isinstance(step, Accepted)]


def test_a_local_picture_goes_by_the_services_own_intake(shared, enterprise, draft):
    data = png()
    request, images = GenerationRequest(prompt="p", model="m", init_image=data), {"init_image": inspect_input(data)}
    crop, upload = (reveal(draft(p, request, images=images).calls[0].json) for p in (shared, enterprise))

    assert (crop["crop"], crop["image"][:22]) == ("false", "data:image/png;base64,")
    assert (upload["image_type"], upload["base64_image"][:4]) == ("png", "iVBO")
    link = says(status="success", messege="image uploaded", link="https://x/27.png", request_id=2398)
    done = says(status="success", id=7, output=["https://x/1.png"])
    steps, _ = play(shared.flow(draft(shared, request, images=images)), None, link, done, FILE)
    assert next(step for step in steps if isinstance(step, Call) and step.pays).json["init_image"] == "https://x/27.png"


def test_each_service_has_its_own_key_and_host(shared, enterprise):
    keys = [next(s.env for s in p.settings if s.name == "api_key") for p in (shared, enterprise)]
    here = Credentials(settings={"base_url": "https://modelslab.com", "api_key": Secret("k")}, now=0.0, nonce="")

    assert keys == ["STABLEDIFFUSIONAPI_KEY", "STABLEDIFFUSIONAPI_ENTERPRISE_KEY"]
    with pytest.raises(InvalidInput):
        enterprise.authorize(Call(method="POST", url="https://stablediffusionapi.com/api/v3/x", json={}), here)


def test_a_flat_fee_has_no_price_per_picture_until_somebody_says_how_many(enterprise, draft):
    plan = draft(enterprise, GenerationRequest(prompt="p", model="m"))

    assert enterprise.price(plan, {"plan": "enterprise-basic"}).amount is None
    shared_out = enterprise.price(plan, {"plan": "enterprise-basic", "monthly_images": "24900"})
    assert (shared_out.amount, shared_out.basis) == (Decimal("0.01"), "plan")


def test_secrets_of_vendor_calls_never_show(enterprise, draft):
    keys = operations.UpdateS3(
        deploy_type="text_to_image",
        public_url="https://p",
        region_name="r",
        endpoint_url="https://e",
        aws_access_key_id="hidden-one",
        aws_secret_access_key="hidden-two",
    )
    plan = draft(enterprise, VendorCall(keys))

    assert "hidden" not in repr(plan) + json.dumps(plan.as_dict()) + json.dumps(plan.to_record())
    assert reveal(plan.calls[0].json)["aws_access_key_id"] == "hidden-one"


@pytest.mark.parametrize("cls", [*operations.SHARED, *operations.ENTERPRISE_CALLS])
def test_every_endpoint_class_has_a_path_and_a_sentence(cls):
    assert cls.endpoint.path.startswith("/api/")
    assert (cls.__doc__ or "").strip()


def test_an_endpoint_of_the_other_service_is_refused(shared, draft):
    assert draft(shared, VendorCall(operations.ClearQueue())).blockers[0].code == "not_offered"


def test_a_documented_path_without_a_class_is_asked_in_words_of_ones_own(shared, draft):
    older = Other(path="/api/v3/text2img", words={"prompt": "a cat"}, pictures=True, fetch="/api/v3/fetch/{id}")
    plan = draft(shared, VendorCall(older))

    assert (plan.calls[0].url, plan.calls[0].json) == (
        "https://stablediffusionapi.com/api/v3/text2img",
        {"prompt": "a cat"},
    )
    assert (plan.calls[0].pays, plan.facts["pictures"], plan.possible) == (True, True, True)
    assert {note.status for note in plan.notes} == {"exact"}
    with pytest.raises(InvalidInput, match="must begin with /api/"):
        Other(path="https://elsewhere.example/")
