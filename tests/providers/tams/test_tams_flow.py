"""The order of things at TAMS, played by hand: no network, no clock, no ledger."""

import json
from decimal import Decimal

import pytest
from tams_desk import MODEL, PROVIDER, blob, plan

from imagegen.errors import InvalidInput, JobFailed, ProviderError, ResultError, VendorRefused
from imagegen.flow import Accepted, Call, Download, Heard, Pause, Recall, Remember, Reply, Settled, Stored, Upload
from imagegen.provider import Record, WebhookCall
from imagegen.request import (
    DetectControl,
    ImageInput,
    Inpaint,
    Interrogate,
    Lora,
    TemplateRequest,
    VideoRequest,
    WorkflowRequest,
)
from imagegen.testing import play

BASE = "https://ap-east-1.tensorart.cloud"
ID = "881417947308949275"
IMAGE = ImageInput(data=b"png")


def reply(data, status=200):
    return Reply(status, json.dumps(data).encode())


def job(status, **words):
    return reply({"job": {"id": ID, "status": status, **words}})


def success(seed="7", images=1, size=512):
    found = [
        {"id": f"i{n}", "url": f"http://x.test/{n}.png", "expiredIn": "3600", "meta": {"image": {"width": size}}}
        for n in range(images)
    ]
    exif = {f"i{n}": {"meta": {"Seed": str(int(seed) + n)}} for n in range(images)} if seed else {}
    return job("SUCCESS", credits=0.8, successInfo={"images": found, "imageExifMetaMap": exif, "runtime": "13"})


def stored(seed=None, width=512, height=512):
    return Stored(path="p", sha256="s", media_type="image/png", width=width, height=height, seed=seed)


def bound(index=0, **words):
    made = plan(**words)
    return made.bound({"seed": 7, "requestId": f"r{index}"})


def kinds(steps):
    return [type(step).__name__ for step in steps]


def test_a_job_is_accepted_before_the_first_pause_and_settled_after_the_download():
    waiting = job("WAITING", credits=0.8, waitingInfo={"queueRank": "3", "queueLen": "12"})
    running = job("RUNNING", runningInfo={"processingImages": [{"progress": 40}]})
    ready = bound()
    steps, made = play(PROVIDER.flow(ready), job("CREATED"), waiting, running, success(), stored(7))
    poll = Call(method="GET", url=f"{BASE}/v1/jobs/{ID}", purpose="poll")
    assert steps[1:] == [
        Accepted(ID),
        Heard(state="CREATED"),
        Pause(2.0),
        poll,
        Heard(state="WAITING", queue=3),
        Pause(2.0),
        poll,
        Heard(state="RUNNING", progress=0.4),
        Pause(2.0),
        poll,
        Heard(state="SUCCESS", progress=1.0),
        Download(url="http://x.test/0.png", width=512, height=512, seed=7),
        Settled(credits=Decimal("0.8")),
    ]
    assert (made.files, made.notes) == ((stored(7),), ())
    assert made.echo == {"job": ID, "credits": "0.8", "runtime": "13", "seeds": {"i0": 7}}


def test_a_drawn_seed_leaves_as_text():
    steps, _ = play(PROVIDER.flow(bound()), success(), stored())
    assert steps[0].json["stages"][0]["inputInitialize"] == {"seed": "7", "count": 1}
    assert steps[0].json["requestId"] == "r0"


def test_a_finished_graph_in_a_running_job_is_not_the_end():
    """Page "workflow": RUNNING beside a workflowFinishItem that says SUCCESS."""
    outputs = {"images": [{"filename": "http://x.test/a.png?Expires=1", "imageResourceId": "94e1", "width": 1024}]}
    item = {
        "status": "SUCCESS",
        "nodes": {"16": {"status": "SUCCESS"}, "9": {"status": "SUCCESS", "outputUi": outputs}},
    }
    running = job("RUNNING", credits=2.4, runningInfo={"workflowFinishItem": item})
    done = job("SUCCESS", credits=2.4, successInfo={"workflowFinishItem": item})
    graph = {"1": {"class_type": "SaveImage", "inputs": {}}}
    ready = plan(WorkflowRequest(graph=graph)).bound({"requestId": "r"})
    steps, made = play(
        PROVIDER.flow(ready), reply({"valid": True, "credits": 2.4}), job("CREATED"), running, done, stored()
    )
    assert [step.url for step in steps if isinstance(step, Download)] == ["http://x.test/a.png?Expires=1"]
    assert len(made.files) == 1


def test_an_unknown_state_still_goes_on():
    steps, made = play(PROVIDER.flow(bound()), job("BREWING"), job("DEFAULT"), success(), stored())
    assert [step.state for step in steps if isinstance(step, Heard)] == ["BREWING", "DEFAULT", "SUCCESS"]
    assert made.files


def test_polling_slows_down():
    steps, _ = play(PROVIDER.flow(bound()), *[job("WAITING")] * 8, success(), stored())
    assert [step.seconds for step in steps if isinstance(step, Pause)] == [2.0] * 5 + [5.0] * 3


@pytest.mark.parametrize(("code", "again"), [("TRANSITORY_ERROR", True), ("FATAL_ERROR", False)])
def test_a_failed_job_is_not_charged(code, again):
    failed = job("FAILED", credits=0.8, failedInfo={"reason": "out of memory", "code": code})
    flow = PROVIDER.flow(bound())
    with pytest.raises(JobFailed, match="out of memory") as caught:
        play(flow, job("CREATED"), failed)
    assert (caught.value.charged, caught.value.retry_same, caught.value.vendor_job_id) == (False, again, ID)


def test_nobody_knows_what_a_canceled_job_cost():
    with pytest.raises(JobFailed) as caught:
        play(PROVIDER.flow(bound()), job("CREATED"), job("CANCELED"))
    assert (caught.value.kind, caught.value.charged) == ("job_canceled", None)


def test_an_expired_address_is_asked_for_once_more():
    gone = ResultError("gone", kind="result_expired")
    fresh = job("SUCCESS", credits=0.8, successInfo={"images": [{"id": "i0", "url": "http://x.test/fresh.png"}]})
    steps, made = play(PROVIDER.flow(bound()), success(), gone, fresh, stored())
    assert [step.url for step in steps if isinstance(step, Download)] == [
        "http://x.test/0.png",
        "http://x.test/fresh.png",
    ]
    assert made.files
    with pytest.raises(ResultError):
        play(PROVIDER.flow(bound()), success(), gone, fresh, gone)


def test_seeds_come_from_the_vendor_or_not_at_all():
    steps, _ = play(PROVIDER.flow(bound(n=2)), success(images=2), stored(), stored())
    assert [step.seed for step in steps if isinstance(step, Download)] == [7, 8]
    steps, _ = play(PROVIDER.flow(bound(n=2)), success(seed=None, images=2), stored(), stored())
    assert [step.seed for step in steps if isinstance(step, Download)] == [None, None]
    steps, _ = play(PROVIDER.flow(bound()), success(seed=None), stored())
    assert [step.seed for step in steps if isinstance(step, Download)] == [7]


def test_what_came_out_differently_is_a_verified_note():
    _, made = play(PROVIDER.flow(bound(n=2)), success(seed="99"), stored(width=768))
    notes = {note.field: (note.requested, note.sent, note.verified) for note in made.notes}
    assert notes == {"width": (512, 768, True), "seed": (7, 99, True), "n": (2, 1, True)}


def test_six_pictures_are_two_jobs_one_after_the_other():
    made = plan(n=6)
    calls = [call.evolve(json={**call.json, "requestId": f"r{n}"}) for n, call in enumerate(made.calls)]
    ready = made.evolve(calls=tuple(calls)).bound({"seed": 7})
    answers = [success(images=4), *[stored()] * 4, success(seed="11", images=2), *[stored()] * 2]
    steps, result = play(PROVIDER.flow(ready), *answers)
    sent = [step.json for step in steps if isinstance(step, Call) and step.pays]
    assert [body["requestId"] for body in sent] == ["r0", "r1"]
    assert [body["stages"][0]["inputInitialize"]["seed"] for body in sent] == ["7", "11"]
    assert len(result.files) == 6 and kinds(steps).count("Settled") == 2
    assert [part["credits"] for part in result.echo["jobs"]] == ["0.8", "0.8"]


def test_success_without_a_result_is_an_error_with_the_job_id():
    with pytest.raises(ResultError, match="no result") as caught:
        play(PROVIDER.flow(bound()), job("SUCCESS", credits=0.8, successInfo={}))
    assert caught.value.vendor_job_id == ID


@pytest.mark.parametrize("body", [{}, {"job": {}}, {"job": {"status": "CREATED"}}, [], {"job": "x"}])
def test_an_answer_without_a_job_is_an_error(body):
    with pytest.raises(ProviderError):
        play(PROVIDER.flow(bound()), reply(body))


def test_a_refusal_is_raised():
    with pytest.raises(VendorRefused):
        play(PROVIDER.flow(bound()), reply({"code": 3, "message": "bad"}, 400))


# --- pictures that go in

PLACE = {"resourceId": "res-1", "putUrl": "https://oss.test/put?sig=1", "headers": {"Content-Type": "image/png"}}


def inpaint(sha256="a" * 64):
    images = {"init_image": blob(sha256=sha256), "mask_image": blob(sha256="b" * 64)}
    return bound(init_image=IMAGE, mask_image=IMAGE, inpaint=Inpaint(), images=images)


def test_pictures_are_uploaded_with_the_headers_given_and_remembered_for_six_days():
    answers = [None, reply(PLACE), Reply(200), "known-mask", success(), stored()]
    steps, _ = play(PROVIDER.flow(inpaint()), *answers)
    assert steps[:6] == [
        Recall("resource", "a" * 64),
        Call(method="POST", url=f"{BASE}/v1/resource/image", json={"expireSec": "3600"}, purpose="upload"),
        Upload(image="init_image", url=PLACE["putUrl"], headers=PLACE["headers"]),
        Remember(kind="resource", key="a" * 64, value="res-1", seconds=518400.0),
        Recall("resource", "b" * 64 + ":mask-jpeg"),
        steps[5],
    ]
    stages = steps[5].json["stages"]
    assert stages[0]["inputInitialize"]["imageResourceId"] == "res-1"
    assert stages[1]["imageToInpaint"]["maskImageResourceId"] == "known-mask"


def test_a_refused_upload_ends_before_anything_is_paid():
    flow = PROVIDER.flow(inpaint())
    with pytest.raises(VendorRefused):
        play(flow, None, reply(PLACE), Reply(403, b"<Error/>"))


# --- back onto a job, and away from it


def record(job_id=ID):
    return Record(plan=bound(), index=0, job_id=job_id)


def test_resume_only_asks_and_fetches():
    steps, made = play(PROVIDER.resume(record()), job("RUNNING"), success(), stored(7))
    assert not any(isinstance(step, Call) and step.pays for step in steps)
    assert kinds(steps) == ["Call", "Heard", "Pause", "Call", "Heard", "Download", "Settled"]
    assert made.files == (stored(7),)


@pytest.mark.parametrize(
    ("answer", "done"),
    [(reply({"jobId": ID}), True), (Reply(404, b"no"), False), (Reply(405), False), (Reply(501), False)],
)
def test_cancel_is_best_effort(answer, done):
    steps, confirmed = play(PROVIDER.cancel(record()), answer)
    assert (steps[0].method, steps[0].url, confirmed) == ("DELETE", f"{BASE}/v1/jobs/{ID}", done)


def test_without_an_id_there_is_nothing_to_cancel():
    assert play(PROVIDER.cancel(record(None))) == ([], False)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"job":{"id":"5"}}', "5"),
        (b'{"jobId":7}', "7"),
        (b'{"id":"9"}', "9"),
        (b"[]", None),
        (b"\xff", None),
        (b'{"id":{}}', None),
    ],
)
def test_a_webhook_is_only_a_hint(body, found):
    hint = PROVIDER.read_webhook(WebhookCall(method="POST", path="/", headers={}, body=body))
    assert hint.vendor_job_id == found


# --- templates and tools

TEMPLATE = TemplateRequest(template="676018193025756628", fields={"25:image": IMAGE, "27:text": "1 girl"})


def test_a_template_is_checked_before_it_is_paid():
    ready = plan(TEMPLATE, images={"fields.25:image": blob()}).bound({"requestId": "r"})
    answers = ["res-9", reply({"valid": True, "credits": 1}), job("CREATED"), success(seed=None), stored()]
    steps, made = play(PROVIDER.flow(ready), *answers)
    calls = [step for step in steps if isinstance(step, Call)]
    assert [call.url.removeprefix(BASE) for call in calls] == [
        "/v1/workflows/template/check",
        "/v1/jobs/workflow/template",
        f"/v1/jobs/{ID}",
    ]
    assert calls[1].json["fields"]["fieldAttrs"][0] == {"nodeId": "25", "fieldName": "image", "fieldValue": "res-9"}
    assert made.files


def test_a_check_that_says_invalid_ends_before_the_job():
    ready = plan(TEMPLATE, images={"fields.25:image": blob()}).bound({"requestId": "r"})
    with pytest.raises(VendorRefused, match="not valid"):
        play(PROVIDER.flow(ready), "res-9", reply({"valid": False}))


@pytest.mark.parametrize(
    ("request_", "answer", "data", "sent"),
    [
        (
            Interrogate(image=IMAGE, natural=True),
            {"prompts": ["a cat"]},
            {"prompts": ["a cat"]},
            {"resourceId": "r1", "tagger": "llm"},
        ),
        (Interrogate(image=IMAGE), {"prompts": ["cat, sofa"]}, {"prompts": ["cat, sofa"]}, {"resourceId": "r1"}),
        (
            DetectControl(image=IMAGE, module="openpose"),
            {"result": {"a": 1}},
            {"result": {"a": 1}},
            {"controlnetModule": "openpose", "resourceId": "r1"},
        ),
    ],
)
def test_tools_upload_and_ask_for_nothing(request_, answer, data, sent):
    ready = plan(request_, images={"image": blob()})
    steps, made = play(PROVIDER.flow(ready), "r1", reply(answer))
    assert made.data == data and steps[-1].json == sent
    assert PROVIDER.price(ready, {}).amount == 0


def test_the_vendor_can_be_asked_for_the_price():
    steps, costs = play(PROVIDER.live_price(plan(n=6)), reply({"credits": 3.2}), reply({"credits": 1.6}))
    assert costs == (Decimal("3.2"), Decimal("1.6"))
    assert [step.url for step in steps] == [f"{BASE}/v1/jobs/credits"] * 2
    assert set(steps[0].json) == {"stages"} and not any(step.pays for step in steps)


def test_models_and_templates_can_be_looked_up():
    combo = {
        "nodeId": "3",
        "fieldName": "style",
        "fieldValue": "a",
        "nodeName": "Combo",
        "inputString": '{"options": {"values": ["a", "b"]}}',
    }
    page = {
        "templateId": "676018193025756628",
        "name": "二次元转真实",
        "fields": {"fieldAttrs": [{"nodeId": "25", "fieldName": "image", "fieldValue": ""}, combo]},
    }
    steps, found = play(PROVIDER.look_up("template", "tams:676018193025756628", {}), reply(page))
    assert steps[0].url == f"{BASE}/v1/workflows/676018193025756628"
    assert found["fields"] == [
        {"field": "25:image", "value": ""},
        {"field": "3:style", "value": "a", "node": "Combo", "options": ["a", "b"]},
    ]
    steps, model = play(
        PROVIDER.look_up("model", f"https://tensor.art/models/{MODEL}", {}),
        reply({"model": {"id": MODEL, "baseModel": "SD 1"}}),
    )
    assert steps[0].url == f"{BASE}/v1/models/{MODEL}" and model["base_model"] == "SD 1"


@pytest.mark.parametrize(("what", "ref"), [("models", "anime"), ("model", "juggernaut"), ("template", "../jobs")])
def test_what_cannot_be_looked_up_is_said_before_anything_is_sent(what, ref):
    with pytest.raises(InvalidInput):
        play(PROVIDER.look_up(what, ref, {}))


def test_the_data_of_a_form_upload_can_be_had():
    from imagegen_tams.uploads import sts_address

    steps, found = play(sts_address(BASE), reply({"resourceId": "r", "accessId": "a", "securityToken": "t"}))
    assert steps[0].url == f"{BASE}/v1/resource/image/sts"
    assert (found.resource_id, found.access_id, found.security_token) == ("r", "a", "t")


def test_a_moving_picture_of_a_diffusion_is_kept_as_a_video():
    """animateDiff: the page "v1/jobs" shows it in `diffusion`, and the result comes under `videos`."""
    done = job("SUCCESS", successInfo={"videos": [{"id": "v", "url": "http://x.test/v.mp4"}]})
    steps, _ = play(PROVIDER.flow(bound()), done, stored())
    assert [step.kind for step in steps if isinstance(step, Download)] == ["video"]


def test_a_video_is_a_stage_whose_name_is_a_guess():
    wish = VideoRequest(
        prompt="waves",
        model=MODEL,
        width=512,
        height=512,
        fast=True,
        start_image=IMAGE,
        loras=(Lora("661652545330040294", 0.5),),
    )
    made = plan(wish, images={"start_image": blob()})
    payload = made.calls[0].json["stages"][1]
    assert payload["type"] == "VIDEO_DIFFUSION" and made.note("stage").code == "inferred"
    assert payload["videoDiffusion"] == {
        "sdModel": MODEL,
        "lora": {"items": [{"loraModel": "661652545330040294", "weight": 0.5}]},
        "generationMode": "FAST",
        "width": 512,
        "height": 512,
        "fps": 8,
        "totalFrames": 30,
        "prompts": [{"text": "waves"}],
        "inp": {"args": [{"startImageResourceId": "<resource:start_image>"}]},
    }
    done = job("SUCCESS", credits=9, successInfo={"videos": [{"id": "v", "url": "http://x.test/v.mp4"}]})
    steps, _ = play(PROVIDER.flow(made.bound({"seed": 7, "requestId": "r"})), "res", done, stored())
    assert steps[1].json["stages"][0]["inputInitialize"] == {"seed": "7", "count": 1}
    assert [step.kind for step in steps if isinstance(step, Download)] == ["video"]


def test_a_guide_video_must_lie_at_the_vendor():
    wish = VideoRequest(prompt="x", model=MODEL, control_video="https://x.test/v.mp4")
    assert [blocker.code for blocker in plan(wish).blockers] == ["no_video_upload"]
    wish = VideoRequest(prompt="x", model=MODEL, control_video="tams:94e1cbc2-871e", control_module="depth")
    guide = plan(wish).calls[0].json["stages"][1]["videoDiffusion"]["controlnet"]
    assert guide == {"args": [{"inputVideoResourceId": "94e1cbc2-871e", "preprocessor": "depth"}]}


def test_every_endpoint_has_its_classes():
    from imagegen_tams.endpoints import ENDPOINTS

    assert len({(one.method, one.path) for one in ENDPOINTS}) == len(ENDPOINTS) == 14
    assert all(one.gives is not None and (one.takes is not None) == (one.method == "POST") for one in ENDPOINTS)
