"""Webhooks in: a call is a hint, the job is fetched again; replays and forgeries change nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen import Client, GenerationRequest, ImagegenError
from imagegen.emulator import outbox
from imagegen.provider import WebhookCall
from imagegen.webhooks import Heard, WebhookApp, address, job_of, receive, token_of

PROVIDERS = ("tams", "modelslab", "stablediffusionapi", "stablediffusionapi-enterprise")
BASE = "https://me.example/hooks/"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    settings = {name: {"webhook": BASE} for name in PROVIDERS}
    with Client(emulated=True, home=tmp_path, settings=settings) as client:
        yield client


def left_behind(client: Client, provider: str) -> str:
    """Start a job and go away before it is over; returns its id."""
    request = GenerationRequest(prompt="a cat [emu:queue]", width=512, height=512, seed=5)
    with pytest.raises(ImagegenError) as gone:
        client.generate(request, provider, timeout=1)
    assert gone.value.kind == "deadline_exceeded"
    assert gone.value.job_id is not None
    return gone.value.job_id


def the_call(client: Client) -> tuple[WebhookCall, str]:
    """Return what the vendor posts when the job is over, and the last part of the address."""
    assert client.world is not None
    client.world.sleep(200)
    (posted,) = outbox.listed(client.world.chassis.world)
    assert posted["url"].startswith(BASE)
    body = json.dumps(posted["body"]).encode()
    return WebhookCall(method="POST", path=posted["url"], headers={}, body=body), posted["url"].rpartition("/")[2]


def state(client: Client, job_id: str) -> Any:
    row = client.row(job_id)
    return row.state, [call.state for call in row.calls], [file.sha256 for file in row.files]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_call_fetches_the_job_and_a_replay_changes_nothing(client: Client, provider: str) -> None:
    job_id = left_behind(client, provider)
    call, token = the_call(client)

    assert receive(client, call, token) == Heard(job_id=job_id, state="succeeded", looked=True)
    done = state(client, job_id)
    assert receive(client, call, token) == Heard(job_id=job_id, state="succeeded")
    assert state(client, job_id) == done
    assert len(done[2]) == 1
    assert client.world is not None
    assert len(client.world.chassis.world.books()) == 1  # looked after, not paid again


def test_what_a_call_says_is_not_believed(client: Client) -> None:
    job_id = left_behind(client, "modelslab")
    lie = {
        "status": "success",
        "id": client.row(job_id).calls[0].vendor_job_id,
        "output": ["https://evil.example/x.png"],
    }
    token = token_of(client.session.desk.config.home, job_id)
    call = WebhookCall(method="POST", path="/", headers={}, body=json.dumps(lie).encode())
    heard = receive(client, call, token)  # the vendor is asked; it takes its time, and then has its own picture

    assert (heard.job_id, heard.looked) == (job_id, True)
    assert [file for file in client.row(job_id).files if "evil" in file.source_url] == []


def test_forgeries_change_nothing(client: Client) -> None:
    job_id = left_behind(client, "tams")
    before = state(client, job_id)
    call, token = the_call(client)
    other = WebhookCall(method="POST", path="/", headers={}, body=b'{"jobId": "123456789012345678"}')

    assert receive(client, call, f"{job_id}.{'0' * 32}") == Heard()
    assert receive(client, call, "ig-000000000000." + token.partition(".")[2]) == Heard()
    assert receive(client, call, job_id) == Heard()
    assert receive(client, other, token) == Heard(job_id=job_id, state=before[0])
    assert state(client, job_id) == before


@given(st.text())
def test_nobody_guesses_a_token(tmp_path_factory: pytest.TempPathFactory, token: str) -> None:
    assert job_of(tmp_path_factory.getbasetemp() / "guessed", token) == ""


def test_tokens_belong_to_one_job_and_one_home(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    token = token_of(here, "ig-1")

    assert address(here, "https://me.example/hooks/", "ig-1") == f"https://me.example/hooks/{token}"
    assert (job_of(here, token), job_of(there, token)) == ("ig-1", "")
    assert token_of(here, "ig-1") == token != token_of(here, "ig-2")
    assert (here / "webhook.key").stat().st_mode & 0o077 == 0
    assert [file.name for file in here.iterdir()] == ["webhook.key"]


def test_the_address_is_no_part_of_a_plan_and_each_job_has_its_own(client: Client) -> None:
    plan = client.plan(GenerationRequest(prompt="a cat"), "modelslab")
    first, second = left_behind(client, "modelslab"), left_behind(client, "modelslab")
    assert client.world is not None
    told = [posted["url"].rpartition("/")[2] for posted in outbox.listed(client.world.chassis.world)]

    assert plan.calls[-1].json["webhook"] == "<webhook>"
    assert [job_of(client.session.desk.config.home, token) for token in told] == [first, second]


# --- the application -----------------------------------------------------------------------------------------------


def post(app: WebhookApp, path: str, body: bytes, method: str = "POST") -> int:
    sent: list[dict[str, Any]] = []
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def read() -> Any:
        return next(parts)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app({"type": "http", "method": method, "path": path, "headers": [(b"Host", b"me")]}, read, send))
    return int(sent[0]["status"])


def test_the_application_answers_and_then_looks(client: Client) -> None:
    job_id = left_behind(client, "modelslab")
    call, token = the_call(client)
    app = WebhookApp(client)

    assert post(app, f"/hooks/{job_id}.{'0' * 32}", call.body) == 404
    assert post(app, f"/hooks/{token}", call.body, method="GET") == 404
    assert post(app, f"/hooks/{token}", b"x" * (1024 * 1024 + 1)) == 404
    assert client.row(job_id).state != "succeeded"
    assert post(app, f"/hooks/{token}", call.body) == 204
    assert client.row(job_id).state == "succeeded"


def test_the_application_lives_as_its_server_does(client: Client) -> None:
    told: list[str] = []
    asked = iter(["lifespan.startup", "lifespan.shutdown"])

    async def read() -> Any:
        return {"type": next(asked)}

    async def send(message: Any) -> None:
        told.append(message["type"])

    asyncio.run(WebhookApp(client)({"type": "lifespan"}, read, send))
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
