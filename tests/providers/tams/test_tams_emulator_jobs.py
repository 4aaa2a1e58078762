"""The life of an emulated TAMS job, on a clock moved by hand."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from tams_emulated import MODEL, Tams, diffusion, new_world, stage_job, text2img

from imagegen.emulator import KEY, account, outbox
from imagegen.emulator.draw import facts_of
from imagegen.emulator.world import Rules, World


def test_a_job_is_created_then_waits_then_runs_then_succeeds() -> None:
    tams = Tams()
    created = tams.post("/v1/jobs", text2img())
    waiting = tams.job(created["job"]["id"])
    tams.world.advance(0.9)
    running = tams.job(created["job"]["id"])
    done = tams.finish(created)

    job_id = created["job"]["id"]
    assert created == {"job": {"id": job_id, "status": "CREATED"}}
    assert job_id.isdigit() and len(job_id) == 18
    waits = {"queueRank": "1", "queueLen": "4"}
    assert waiting == {"id": job_id, "status": "WAITING", "credits": 0.8, "waitingInfo": waits}
    runs = {"processingImages": [{"resourceImage": {}, "progress": 50}]}
    assert running == {"id": job_id, "status": "RUNNING", "credits": 0.8, "runningInfo": runs}
    assert (done["status"], done["credits"], done["successInfo"]["runtime"]) == ("SUCCESS", 0.8, "1")


def test_a_result_says_where_it_is_and_what_its_seed_was() -> None:
    tams = Tams()
    info = tams.finish(tams.post("/v1/jobs", text2img(start={"seed": "7", "count": "2"})))["successInfo"]

    first, second = info["images"]
    assert {**first, "url": ""} == {
        "id": first["id"],
        "url": "",
        "expiredIn": "3600",
        "meta": {"image": {"width": 512, "height": 512}},
    }
    exif = info["imageExifMetaMap"]
    assert [exif[image["id"]]["meta"]["Seed"] for image in (first, second)] == ["7", "8"]
    assert exif[first["id"]]["meta"].keys() == {"FileSize", "ImageSize", "MIMEType", "Seed"}
    assert facts_of(tams.fetch(second["url"]))["scene"]["seed"] == 8


def test_equal_worlds_make_equal_bytes_also_when_the_seed_is_random() -> None:
    body = text2img(start={"seed": -1})

    assert Tams().make(body) == Tams().make(body)


def test_a_queued_job_counts_its_rank_down() -> None:
    tams = Tams()
    job = tams.post("/v1/jobs", text2img(prompts=[{"text": "a cat [emu:queue]"}]))["job"]
    ranks = []
    for _ in range(3):
        ranks.append(int(tams.job(job["id"])["waitingInfo"]["queueRank"]))
        tams.world.advance(2)

    assert ranks == [12, 8, 4]
    assert tams.job(job["id"])["status"] == "RUNNING"


def test_everything_queues_when_the_world_says_so() -> None:
    tams = Tams(new_world(queue=True))
    job = tams.post("/v1/jobs", text2img())["job"]
    tams.world.advance(5)

    assert tams.job(job["id"])["status"] == "WAITING"


def test_the_same_request_id_is_the_same_job_and_paid_once() -> None:
    tams = Tams()
    first, second = (tams.post("/v1/jobs", text2img())["job"]["id"] for _ in range(2))

    assert first == second
    assert len(tams.world.books()) == 1


def test_the_same_request_id_with_another_body_is_refused() -> None:
    tams = Tams()
    tams.post("/v1/jobs", text2img())
    status, answer = tams.call("POST", "/v1/jobs", text2img(steps=30))

    assert (status, answer["code"]) == (409, 6)
    assert len(tams.world.books()) == 1


def test_many_threads_with_one_request_id_get_one_job(tmp_path: Path) -> None:
    tams = Tams(World(path=str(tmp_path / "emulator.sqlite3"), rules=Rules()))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: tams.post("/v1/jobs", text2img()), range(40)))

    assert len({answer["job"]["id"] for answer in answers}) == 1
    assert [row["credits"] for row in tams.world.books()] == ["0.8"]
    tams.world.close()


def test_a_failed_job_says_why_and_costs_nothing() -> None:
    tams = Tams()
    job = tams.finish(tams.post("/v1/jobs", text2img(prompts=[{"text": "a cat [emu:fail=transitory]"}])))

    failed = {"reason": "emulated failure", "code": "TRANSITORY_ERROR"}
    assert job == {"id": job["id"], "status": "FAILED", "failedInfo": failed}
    assert [(row["state"], row["credits"]) for row in tams.world.books()] == [("failed", "0")]
    assert account.balance(tams.world, "tams") == Decimal(1_000_000)


def test_what_the_safety_checker_catches_fails_for_good() -> None:
    tams = Tams()
    job = tams.finish(tams.post("/v1/jobs", text2img(prompts=[{"text": "a cat [emu:nsfw]"}])))

    assert (job["status"], job["failedInfo"]["code"]) == ("FAILED", "FATAL_ERROR")


def test_a_waiting_job_is_canceled_for_nothing() -> None:
    tams = Tams()
    job_id = tams.post("/v1/jobs", text2img())["job"]["id"]
    canceled = tams.call("DELETE", f"/v1/jobs/{job_id}")

    assert canceled == (200, {"jobId": job_id})
    assert tams.job(job_id) == {"id": job_id, "status": "CANCELED"}
    assert [(row["state"], row["credits"]) for row in tams.world.books()] == [("canceled", "0")]


def test_a_finished_job_is_not_canceled() -> None:
    tams = Tams()
    job = tams.finish(tams.post("/v1/jobs", text2img()))
    status, answer = tams.call("DELETE", f"/v1/jobs/{job['id']}")

    assert (status, answer["code"], tams.job(job["id"])["status"]) == (400, 9, "SUCCESS")


def test_a_lost_answer_is_charged_and_found_again_by_its_request_id() -> None:
    tams = Tams()
    body = text2img(prompts=[{"text": "a cat [emu:drop]"}])
    lost = tams.send("POST", "/tams/v1/jobs", json.dumps(body).encode(), authorization=f"Bearer {KEY}")
    found = tams.post("/v1/jobs", body)

    assert lost.drop
    assert [row["id"] for row in tams.world.books()] == [found["job"]["id"]]


def test_a_refusal_asked_for_comes_in_the_vendors_envelope_and_is_free() -> None:
    tams = Tams()
    refused = tams.call("POST", "/v1/jobs", text2img(prompts=[{"text": "a cat [emu:http=429]"}]))

    assert refused == (429, {"code": 8, "message": "Request exceeds frequency limit"})
    assert tams.world.books() == []


def test_a_slow_job_takes_that_much_longer() -> None:
    tams = Tams()
    job = tams.post("/v1/jobs", text2img(prompts=[{"text": "a cat [emu:slow=3]"}]))["job"]
    tams.world.advance(4.3)
    before = tams.job(job["id"])["status"]
    tams.world.advance(0.2)

    assert (before, tams.job(job["id"])["status"]) == ("RUNNING", "SUCCESS")


def test_a_truncated_picture_is_half_a_file() -> None:
    tams = Tams()
    whole = tams.make(text2img(request_id="whole"))[0]
    cut = tams.make(text2img(request_id="cut", prompts=[{"text": "a lighthouse [emu:truncate]"}]))[0]

    assert cut == whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("mark", "field", "value"), [("steps=13", "steps", 13), ("seed=99", "seed", 99), ("ignore_loras", "loras", [])]
)
def test_a_vendor_that_does_other_than_told_shows_it_in_the_picture(mark: str, field: str, value: object) -> None:
    tams = Tams()
    loras = {"items": [{"loraModel": "661652545330040294", "weight": 1.1}]}
    picture = tams.make(text2img(prompts=[{"text": f"a cat [emu:{mark}]"}], lora=loras))[0]

    assert facts_of(picture)["scene"][field] == value


def test_links_die_after_an_hour_and_the_job_has_fresh_ones() -> None:
    tams = Tams()
    job_id = tams.post("/v1/jobs", text2img())["job"]["id"]
    tams.world.advance(100)
    old = tams.job(job_id)["successInfo"]["images"][0]["url"]
    picture = tams.fetch(old)
    tams.world.advance(3601)
    fresh = tams.job(job_id)["successInfo"]["images"][0]["url"]

    assert tams.send("GET", old.removeprefix("http://emulator.invalid").partition("?")[0]).status == 403
    assert (fresh != old, tams.fetch(fresh)) == (True, picture)


def test_expired_links_are_dead_at_once() -> None:
    tams = Tams()
    job = tams.finish(tams.post("/v1/jobs", text2img(prompts=[{"text": "a cat [emu:expired]"}])))
    url = job["successInfo"]["images"][0]["url"]

    assert tams.send("GET", url.removeprefix("http://emulator.invalid")).status == 403


def test_an_empty_account_makes_nothing() -> None:
    tams = Tams(new_world(credits=Decimal("0.7")))
    status, answer = tams.call("POST", "/v1/jobs", text2img())

    assert (status, answer["code"], tams.world.books()) == (400, 9, [])
    assert answer["message"] == "insufficient credits: 0.8 needed, 0.7 left"


def test_a_webhook_is_queued_for_the_jobs_end() -> None:
    tams = Tams()
    job_id = tams.post("/v1/jobs", {**text2img(), "notifyUrl": "http://127.0.0.1:1/hook"})["job"]["id"]

    (call,) = outbox.listed(tams.world)
    assert (call["url"], call["body"]) == ("http://127.0.0.1:1/hook", {"job": {"id": job_id, "status": "SUCCESS"}})
    assert call["due"] == pytest.approx(tams.world.now() + 1.4)


def test_access_keys_are_not_kept() -> None:
    tams = Tams()
    tams.post("/v1/jobs", text2img(modelAccessKey="canary-7351"))

    assert "canary-7351" not in str(tams.world.all("tams_job")) + str(tams.world.journal())


def test_an_unknown_field_is_told_in_the_journal() -> None:
    tams = Tams()
    tams.post("/v1/jobs", text2img(maskImageResourceId="x"))

    assert tams.world.journal()[-1]["warnings"] == ["unknown field stages[1].diffusion.maskImageResourceId"]


def test_an_unknown_field_is_refused_by_a_strict_world() -> None:
    tams = Tams(new_world(strict=True))
    refused = tams.call("POST", "/v1/jobs", text2img(maskImageResourceId="x"))

    field = "stages[1].diffusion.maskImageResourceId"
    assert refused == (400, {"code": 3, "message": f'proto: unknown field "{field}"'})


@pytest.mark.parametrize("model", ["invalid_model_name", "missing-123456789012345", "12345678901234"])
def test_a_model_that_is_not_there_is_refused(model: str) -> None:
    status, answer = Tams().call("POST", "/v1/jobs", text2img(sdModel=model))

    assert (status, answer["code"], model in answer["message"]) == (404, 5, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"width": 500}, "invalid_height_or_width: Height and width must be specified in increments of 64"),
        ({"width": "wide"}, "invalid value for number field stages[1].diffusion.width: 'wide'"),
        ({"prompts": []}, "prompts is required"),
        ({"steps": -1}, "steps is out of range"),
        ({"sdModel": ""}, "model id is required"),
    ],
)
def test_bad_parameters_are_refused_with_the_reason(words: dict[str, object], message: str) -> None:
    status, answer = Tams().call("POST", "/v1/jobs", text2img(**words))

    assert (status, answer["code"], answer["message"]) == (400, 3, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"requestId": "r"}, "stages is required"),
        ({"requestId": "r", "stages": [{"type": "DEFAULT"}]}, "unsupported stage type DEFAULT"),
        ({"requestId": "r", "stages": [{"type": "DIFFUSION"}]}, "diffusion is required"),
        ({**text2img(), "requestId": ""}, "requestId is required"),
        (text2img(start={"count": 5}), "invalid_samples: Sample count may only be greater then 1"),
        (text2img(start={"seed": 4294967296}), "seed must not exceed 4294967295"),
        (
            stage_job(
                {"type": "IMAGE_TO_ADETAILER", "imageToAdetailer": {"args": [{}], "diffusion": diffusion()}},
                start={"count": 2, "imageResourceId": "f204c24a-52dc-4cf4-930a-9b8f73969414"},
            ),
            "count can only be 1 without a DIFFUSION stage",
        ),
        ([1], "invalid value for object field the body: '[1]'"),
    ],
)
def test_bad_jobs_are_refused_with_the_reason(body: object, message: str) -> None:
    status, answer = Tams().call("POST", "/v1/jobs", body)

    assert (status, answer["code"], answer["message"]) == (400, 3, message)


def test_a_model_is_described_by_its_id() -> None:
    status, answer = Tams().call("GET", f"/v1/models/{MODEL}")

    assert (status, answer["model"]["id"], answer["model"]["baseModel"]) == (200, MODEL, "SD 1")
    assert Tams().call("GET", "/v1/models/123")[0] == 404


def test_what_no_page_describes_is_not_found() -> None:
    assert Tams().call("POST", "/v1/jobs/1/cancel") == (404, {"code": 5, "message": "Not Found"})
    assert Tams().call("GET", "/v1/jobs/1") == (404, {"code": 5, "message": "job not found: 1"})


def test_the_sixth_call_of_a_second_is_too_much_when_limits_are_kept() -> None:
    tams = Tams(new_world(limits=True))
    answers = [tams.call("GET", f"/v1/models/{MODEL}")[0] for _ in range(6)]

    assert answers == [200] * 5 + [429]
