"""ModelsLab's job life, played by hand: no network, no clock, no mock."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagegen.errors import (
    ImagegenError,
    InvalidInput,
    JobFailed,
    NotConfigured,
    OutcomeUnknown,
    ProviderError,
    ResultError,
    VendorRefused,
)
from imagegen.flow import Accepted, Call, Download, Heard, Pause, Recall, Remember, Reply, Settled, Stored
from imagegen.images import inspect_input
from imagegen.placeholders import Secret, Slot
from imagegen.provider import Credentials, Record, WebhookCall, WebhookHint
from imagegen.request import GenerationRequest
from imagegen.testing import play
from imagegen_modelslab.calls import VendorCall
from imagegen_modelslab.echo import compare
from imagegen_modelslab.editing import SuperResolution
from imagegen_modelslab.model_calls import ModelList
from imagegen_modelslab.operations import BuyModel, DeleteImage, WalletBalance

BASE = "https://modelslab.com"
FETCH = f"{BASE}/api/v6/images/fetch/134701497"
REQUEST = GenerationRequest(prompt="cat", model="m", seed=5)
FILE = Stored(path="1.png", sha256="0" * 64, media_type="image/png", width=512, height=512)


def says(code: int = 200, /, **words: Any) -> Reply:
    return Reply(code, json.dumps(words).encode())


DONE = says(status="success", id=7, output=["https://r2.dev/7.png"], generationTime=11.08, meta={"seed": 5})


def queued(**words: Any) -> Reply:
    body = {"status": "processing", "eta": 2.75, "id": 134701497, "fetch_result": FETCH, "output": [], **words}
    return Reply(200, json.dumps(body).encode())


def test_a_picture_that_is_done_at_once_is_accepted_kept_and_settled(modelslab, draft):
    plan = draft(REQUEST)
    steps, made = play(modelslab.flow(plan), DONE, FILE)

    assert steps == [
        plan.calls[0],
        Accepted("7"),
        Download(url="https://r2.dev/7.png", width=512, height=512, seed=5),
        Settled(charged=True),
    ]
    assert made.files == (FILE,)
    assert made.echo["calls"][0]["generationTime"] == 11.08


def test_a_queued_job_is_accepted_before_the_first_pause_and_keeps_the_first_echo(modelslab, draft):
    later = says(status="success", id=134701497, output=["https://r2.dev/a.png"])
    wait = says(status="processing", messege="try again later.", output="")
    plan = draft(REQUEST)
    steps, made = play(modelslab.flow(plan), queued(meta={"seed": 5, "steps": 30}), wait, later, FILE)

    ask = Call(method="POST", url=FETCH, json={}, purpose="poll")
    assert steps == [
        plan.calls[0],
        Accepted("134701497"),
        Heard(state="processing", eta=2.75),
        Pause(2.75),
        ask,
        Heard(state="processing"),
        Pause(2.0),
        ask,
        Download(url="https://r2.dev/a.png", width=512, height=512, seed=5),
        Settled(charged=True),
    ]
    assert [(n.field, n.requested, n.sent, n.code, n.verified) for n in made.notes] == [
        ("steps", 31, 30, "vendor_changed", True)
    ]


@pytest.mark.parametrize(("eta", "pause"), [(0.25, 1.0), (146.5, 30.0), (20, 20), ("soon", 2.0), (None, 2.0)])
def test_the_pause_follows_the_eta_within_bounds(modelslab, draft, eta, pause):
    steps, _ = play(modelslab.flow(draft(REQUEST)), queued(eta=eta), DONE, FILE)

    assert [step for step in steps if isinstance(step, Pause)] == [Pause(pause)]


@pytest.mark.parametrize("where", ["https://evil.example/fetch/1", "http://modelslab.com/api/v6/images/fetch/1", "x"])
def test_the_key_is_never_sent_to_another_address_that_an_answer_names(modelslab, draft, where):
    steps, _ = play(modelslab.flow(draft(REQUEST)), queued(fetch_result=where), DONE, FILE)

    assert [step.url for step in steps if isinstance(step, Call)][1] == FETCH


def test_a_job_that_is_not_known_yet_is_asked_for_again(modelslab, draft):
    unknown = says(status="failed", id="", message="Request not found", output="")
    _, made = play(modelslab.flow(draft(REQUEST)), queued(), unknown, unknown, DONE, FILE)

    assert made.files == (FILE,)


def test_a_job_that_stays_unknown_leaves_the_predicted_address_or_an_error(modelslab, draft):
    unknown = [says(status="failed", id="", message="Request not found", output="")] * 6
    predicted = queued(future_links=["https://r2.dev/soon.png"])
    _, made = play(modelslab.flow(draft(REQUEST)), predicted, *unknown, FILE)

    assert made.files == (FILE,)
    with pytest.raises(JobFailed) as caught:
        play(modelslab.flow(draft(REQUEST)), queued(), *unknown)
    assert (caught.value.charged, caught.value.vendor_job_id) == (None, "134701497")


def test_a_page_of_a_proxy_does_not_lose_a_queued_job(modelslab, draft):
    page = Reply(502, b"<!DOCTYPE html>")
    _, made = play(modelslab.flow(draft(REQUEST)), queued(), page, page, DONE, FILE)

    assert made.files == (FILE,)


def test_a_refusal_of_the_first_call_costs_nothing(modelslab, draft):
    refused = says(402, status="error", message="Insufficient credits. Please add more credits to continue.")
    with pytest.raises(VendorRefused) as caught:
        play(modelslab.flow(draft(REQUEST)), refused)

    assert (caught.value.kind, caught.value.charged) == ("insufficient_credits", False)


def test_a_job_that_fails_later_may_have_been_charged(modelslab, draft):
    failed = says(status="failed", id="", message="Failed, Try Again", output="")
    with pytest.raises(JobFailed) as caught:
        play(modelslab.flow(draft(REQUEST)), queued(), failed)

    assert caught.value.charged is None
    assert caught.value.vendor_message == "Failed, Try Again"


def test_a_job_without_any_way_to_ask_for_it_is_an_open_outcome(modelslab, draft):
    with pytest.raises(OutcomeUnknown):
        play(modelslab.flow(draft(REQUEST)), says(status="processing", messege="Request processing"))


def test_four_pictures_keep_their_order_and_only_one_reported_seed(modelslab, draft):
    links = [f"https://r2.dev/{i}.png" for i in range(4)]
    reply = says(status="success", id=1, output=links, proxy_links=links[::-1], meta={"seed": 9})
    steps, _ = play(modelslab.flow(draft(REQUEST.evolve(n=4))), reply, *[FILE] * 4)
    downloads = [step for step in steps if isinstance(step, Download)]

    assert [d.url for d in downloads] == links
    assert [d.seed for d in downloads] == [9, None, None, None]
    assert downloads[0].mirrors == (links[3],)


def test_six_pictures_are_two_accepted_jobs(modelslab, draft):
    first = says(status="success", id=1, output=["https://r2.dev/a.png"] * 4)
    second = says(status="success", id=2, output=["https://r2.dev/b.png"] * 2)
    steps, made = play(modelslab.flow(draft(REQUEST.evolve(n=6))), first, *[FILE] * 4, second, *[FILE] * 2)

    assert [step.job_id for step in steps if isinstance(step, Accepted)] == ["1", "2"]
    assert [step.json["seed"] for step in steps if isinstance(step, Call)] == [5, 9]
    assert len(made.files) == 6


def test_fewer_pictures_than_asked_for_are_kept_and_told(modelslab, draft):
    reply = says(status="success", id=1, output=["https://r2.dev/a.png"])
    _, made = play(modelslab.flow(draft(REQUEST.evolve(n=2))), reply, FILE)

    assert [(n.field, n.requested, n.sent) for n in made.notes] == [("n", 2, 1)]


@pytest.mark.parametrize(
    ("output", "download"),
    [
        ("https://r2.dev/temp/0.base64", Download(url="https://r2.dev/temp/0.base64", kind="base64")),
        ("data:image/png;base64,iVBO", Download(data="data:image/png;base64,iVBO")),
        ("iVBORw0KGgo=", Download(data="iVBORw0KGgo=")),
    ],
)
def test_base64_results_come_in_three_shapes(modelslab, draft, output, download):
    steps, _ = play(modelslab.flow(draft(REQUEST)), says(status="success", id=1, output=[output]), FILE)

    kept = next(step for step in steps if isinstance(step, Download))
    assert (kept.url, kept.data, kept.kind) == (download.url, download.data, download.kind)


def test_a_link_that_is_too_old_is_asked_for_again(modelslab, draft):
    expired = ResultError("the link answers HTTP 403", kind="result_expired")
    fresh = says(status="success", id=7, output=["https://r2.dev/fresh.png"])
    steps, _ = play(modelslab.flow(draft(REQUEST)), DONE, expired, fresh, FILE)

    assert [step.url for step in steps if isinstance(step, Download)] == [
        "https://r2.dev/7.png",
        "https://r2.dev/fresh.png",
    ]


def test_a_success_without_a_picture_is_an_error_that_was_paid(modelslab, draft):
    with pytest.raises(ResultError) as caught:
        play(modelslab.flow(draft(REQUEST)), says(status="success", id=1, output=""))

    assert caught.value.charged is True


def test_an_unsafe_picture_is_called_so(modelslab, draft):
    reply = says(status="success", id=1, output=["https://r2.dev/a.png"], nsfw_content_detected=True)
    _, made = play(modelslab.flow(draft(REQUEST)), reply, FILE)

    assert [(n.field, n.code) for n in made.notes] == [("safety_checker", "nsfw_detected")]


@pytest.mark.parametrize("known", [None, "https://r2.dev/temp/in.png"])
def test_a_local_picture_is_uploaded_once_and_remembered(modelslab, draft, known):
    data = _png()
    images = {"init_image": inspect_input(data)}
    plan = draft(REQUEST.evolve(init_image=data), images=images)
    key = f"{images['init_image'].sha256}:image:64x64"
    upload = says(status="success", id=1047, output=["https://r2.dev/temp/in.png"])
    answers = [known, DONE, FILE] if known else [None, upload, DONE, FILE]
    steps, _ = play(modelslab.flow(plan), *answers)

    kept = Remember(kind="resource", key=key, value="https://r2.dev/temp/in.png", seconds=23 * 3600.0)
    assert steps[0] == Recall("resource", key)
    assert steps[1:3] == ([steps[1], Accepted("7")] if known else [plan.calls[0], kept])
    paid = next(step for step in steps if isinstance(step, Call) and step.pays)
    assert plan.calls[1].json["init_image"] == Slot("resource:init_image")
    assert paid.json["init_image"] == "https://r2.dev/temp/in.png"


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    return out.getvalue()


def test_an_accepted_job_is_asked_for_again_after_a_crash(modelslab, draft):
    plan = draft(REQUEST).evolve(request={})  # the ledger gives no request object back
    answer = json.loads(DONE.body)
    steps, made = play(modelslab.resume(Record(plan=plan, job_id="7", answer=answer)), DONE, FILE)

    assert isinstance(steps[1], Call)
    assert steps[1].url == f"{BASE}/api/v6/images/fetch/7"
    assert made.files == (FILE,)


def test_a_finished_job_that_the_vendor_forgot_still_has_its_recorded_address(modelslab, draft):
    unknown = [says(status="failed", id="", message="Request not found", output="")] * 6
    record = Record(plan=draft(REQUEST), job_id="7", answer=json.loads(DONE.body))
    _, made = play(modelslab.resume(record), *unknown, FILE)

    assert made.files == (FILE,)


def test_cancelling_is_not_offered(modelslab, draft):
    assert play(modelslab.cancel(Record(plan=draft(REQUEST), job_id="7"))) == ([], False)


@given(st.lists(st.binary(max_size=60) | st.sampled_from([DONE.body, queued().body]), min_size=1, max_size=4))
def test_any_answers_end_in_a_picture_or_in_an_error_of_our_tree(modelslab, draft, bodies):
    flow = modelslab.flow(draft(REQUEST))
    answers = iter([*bodies, *[b'{"status":"failed","message":"no"}'] * 9])
    step = next(flow)
    try:
        while True:
            match step:
                case Call():
                    step = flow.send(Reply(200, next(answers)))
                case Download():
                    step = flow.send(FILE)
                case _:
                    step = flow.send(None)
    except StopIteration as done:
        assert done.value.files
    except ImagegenError as error:
        assert isinstance(error, ProviderError)


# --- the echo ----------------------------------------------------------------------------------------------------


def test_the_pages_own_example_shows_what_the_vendor_changes():
    # https://docs.modelslab.com/image-generation/community-models/dreamboothlora: request and answer of the example
    sent = {
        "prompt": "actual 8K",
        "negative_prompt": "painting",
        "num_inference_steps": "31",
        "guidance_scale": 7.5,
        "lora_model": "xl-realistic-cake-art-sty",
        "lora_strength": "0.45",
        "scheduler": "UniPCMultistepScheduler",
        "width": "512",
    }
    meta = {
        "prompt": " actual 8K hyperrealistic, full body",
        "negative_prompt": "painting (child:1.5)",
        "steps": 30,
        "guidance_scale": 7.5,
        "lora": "xl-realistic-cake-art-sty",
        "lora_strength": "0.45",
        "scheduler": "UniPCMultistepScheduler",
        "W": 512,
    }
    assert [(n.field, n.code) for n in compare(sent, meta)] == [
        ("prompt", "vendor_injected"),
        ("negative_prompt", "vendor_injected"),
        ("steps", "vendor_changed"),
    ]


@pytest.mark.parametrize(
    ("sent", "meta", "fields"),
    [
        (
            {"lora_model": "a,b", "lora_strength": "0.5,1"},
            {"lora": None, "lora_strength": 1},
            ["loras"],
        ),
        ({"lora_model": "a", "lora_strength": "0.6"}, {"lora": "a", "lora_strength": 1}, ["loras.weight"]),
        ({"lora_model": "a", "lora_strength": "1"}, {"lora": "a", "lora_strength": 1}, []),
        ({"algorithm_type": "none"}, {"algorithm_type": "no"}, []),
        ({"algorithm_type": "dpmsolver+++"}, {"algorithm_type": "no"}, ["algorithm_type"]),
        ({"use_karras_sigmas": "yes"}, {"use_karras_sigmas": "no"}, ["schedule"]),
        ({"seed": 5}, {"seed": 6}, ["seed"]),
        ({"seed": 5}, {"seed": "5"}, []),
        ({"width": 512, "upscale": "yes"}, {"W": 1024}, []),
        ({"width": 512}, {"width": 1024}, ["width"]),
        ({"clip_skip": 2}, {"clip_skip": 1}, ["clip_skip"]),
        ({"prompt": "a"}, {}, []),
    ],
)
def test_a_field_is_judged_by_what_it_means(sent, meta, fields):
    assert [note.field for note in compare(sent, meta)] == fields


# --- key, webhook, other endpoints, price ------------------------------------------------------------------------


def credentials(**settings: Any) -> Credentials:
    return Credentials(settings={"base_url": BASE, **settings}, now=0.0, nonce="n")


def test_the_key_goes_into_the_body_at_the_last_moment_and_only_to_the_configured_address(modelslab, draft):
    call = draft(REQUEST).calls[0]
    signed = modelslab.authorize(call, credentials(api_key=Secret("sk-1")))

    assert signed.json == {"key": "sk-1", **call.json}
    assert "sk-1" not in repr(draft(REQUEST, api_key=Secret("sk-1")))
    for url in ("https://evil.example/x", "http://modelslab.com/x", "https://modelslab.com:444/x"):
        with pytest.raises(InvalidInput):
            modelslab.authorize(call.evolve(url=url), credentials(api_key=Secret("sk-1")))
    assert modelslab.hosts({"base_url": "http://127.0.0.1:8085/modelslab"}) == {"127.0.0.1:8085"}


def test_a_missing_key_says_where_to_put_one(modelslab, draft):
    with pytest.raises(NotConfigured, match="MODELSLAB_API_KEY"):
        modelslab.authorize(draft(REQUEST).calls[0], credentials())


def test_a_webhook_call_is_read_as_a_hint_and_anything_else_as_none(modelslab):
    def hint(body: bytes) -> WebhookHint:
        return modelslab.read_webhook(WebhookCall(method="POST", path="/w", headers={}, body=body))

    # https://docs.modelslab.com/webhooks
    assert hint(b'{"status":"success","id":"abc123-def456","track_id":"video_001"}') == WebhookHint(
        vendor_job_id="abc123-def456", track_id="video_001"
    )
    assert hint(b"<html>") == hint(b"[]") == hint(b"\xff") == WebhookHint()


def test_any_documented_endpoint_can_be_called(modelslab, draft):
    plan = draft(VendorCall(DeleteImage(request_id=2398, type="image")))
    _, made = play(modelslab.flow(plan), says(status="success", messege="image deleted"))

    assert [(c.url, c.json, c.pays) for c in plan.calls] == [
        (f"{BASE}/api/v3/delete_image", {"request_id": 2398, "type": "image"}, False)
    ]
    assert made.data == {"status": "success", "messege": "image deleted"}
    assert [note.field for note in plan.notes] == ["call.request_id", "call.type"]


def test_a_list_without_a_status_is_an_answer(modelslab, draft):
    listing = [{"model_id": "midjourney", "status": "model_ready"}]
    _, made = play(modelslab.flow(draft(VendorCall(ModelList()))), Reply(200, json.dumps(listing).encode()))

    assert made.data == listing


def test_an_endpoint_that_makes_pictures_keeps_them(modelslab, draft):
    plan = draft(VendorCall(SuperResolution(init_image="https://x/a.png", scale=2)))
    queue = says(status="processing", eta=5, id=235706, output=[], future_links=["https://x/f.png"], proxy_links="")
    done = says(status="success", id=235706, output=["https://x/out.png"])
    steps, made = play(modelslab.flow(plan), queue, done, FILE)

    assert [step.url for step in steps if isinstance(step, Call)][1] == f"{BASE}/api/v6/image_editing/fetch/235706"
    assert made.files == (FILE,)


def test_a_wrong_endpoint_word_or_class_is_refused(modelslab, draft):
    assert draft(VendorCall(DeleteImage(request_id=1, type="shoe"))).blockers[0].field == "call.type"
    with pytest.raises(InvalidInput):
        VendorCall("text")


@pytest.mark.parametrize(
    ("settings", "amount", "low", "basis"),
    [
        ({}, None, None, "unknown"),
        ({"plan": "payg"}, "0.024", "0.012", "assumed"),
        ({"plan": "payg-third-party"}, "0.09", "0.09", "table"),
        ({"plan": "unlimited-29"}, None, None, "unknown"),
        ({"plan": "unlimited-29", "monthly_images": "2900"}, "0.06", "0.06", "plan"),
        ({"usd_per_image": "0.01"}, "0.06", "0.06", "plan"),
    ],
)
def test_six_pictures_cost_what_the_chosen_preset_says(modelslab, draft, settings, amount, low, basis):
    price = modelslab.price(draft(REQUEST.evolve(n=6)), settings)

    assert price.amount == (None if amount is None else Decimal(amount))
    assert price.low == (None if low is None else Decimal(low))
    assert price.basis == basis
    assert len(price.per_call) == 2


def test_free_questions_cost_nothing_and_an_unpriced_purchase_is_unknown(modelslab, draft):
    assert modelslab.price(draft(VendorCall(WalletBalance())), {}).amount == Decimal(0)
    assert modelslab.price(draft(VendorCall(BuyModel(quantity="1"))), {"plan": "payg"}).amount is None


def test_a_price_setting_that_is_no_number_is_named(modelslab, draft):
    with pytest.raises(NotConfigured, match="usd_per_image"):
        modelslab.price(draft(REQUEST), {"usd_per_image": "cheap"})
