"""
The cassettes, replayed through the real client and httpx: every provider's success, queue, refusals and nonsense.

Nothing here touches a network or waits, and no cassette holds a key.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import tapes
from hypothesis import given
from hypothesis import strategies as st
from tapes import FOLDER, REAL, TAPES, Tape

from imagegen import Client, GenerationRequest, ImagegenError
from imagegen.cli import main
from imagegen.emulator.asgi import serving
from imagegen.emulator.chassis import Chassis, open_chassis
from imagegen.emulator.clock import Clock
from imagegen.placeholders import Secret
from imagegen.recording import STAND_IN, Scrubber, job_of, options, recorded

SHAPES = {"success", "queued-then-success", "vendor-error", "bad-key", "rate-limit", "malformed"}
CANARY = "CANARY+key/0123456789=ä"


@pytest.fixture
def tape(request: pytest.FixtureRequest) -> Tape:
    found: Tape = request.param
    return found


@pytest.fixture
def vcr_config() -> dict[str, Any]:
    return {"record_mode": "none", **options(Scrubber.of())}


@pytest.fixture
def default_cassette_name(tape: Tape) -> str:
    return str(tape.file.with_suffix(""))


def each(*wanted: Tape) -> Any:
    return pytest.mark.parametrize("tape", wanted, indirect=True, ids=lambda tape: f"{tape.provider} {tape.name}")


@pytest.mark.vcr
@pytest.mark.block_network
@each(*TAPES)
def test_a_replay_ends_as_the_exchange_did(tape: Tape, vcr: Any, tmp_path: Path) -> None:
    naps: list[float] = []
    with tapes.replaying(tape, tmp_path, naps.append) as client:
        try:
            result = client.generate(tape.request, tape.provider)
        except ImagegenError as error:
            assert (error.kind, tape.words in str(error)) == (tape.expect, True)
            assert error.charged is (None if error.kind == "outcome_unknown" else False)
        else:
            assert len(result.images) == tape.expect
            assert [image.path.is_file() for image in result.images] == [True] * len(result.images)
    assert vcr.all_played
    assert bool(naps) is ("queued" in tape.name or (tape.provider == "tams" and tape.name == "success"))


@pytest.mark.vcr
@pytest.mark.block_network
@each(*(tape for tape in TAPES if (tape.provider, tape.name) == ("modelslab", "success")))
def test_what_the_page_prints_of_a_run_is_noted_as_seen(tape: Tape, vcr: Any, tmp_path: Path) -> None:
    with tapes.replaying(tape, tmp_path, lambda _: None) as client:
        result = client.generate(tape.request, tape.provider)
    seen = {note.field: (note.requested, note.sent) for note in result.notes if note.verified}

    assert seen["steps"] == (31, 30)  # the page sends 31 and prints 30
    assert result.images[0].seed == 1224445153


@pytest.mark.vcr
@pytest.mark.block_network
@each(*(tape for tape in TAPES if (tape.provider, tape.name) == ("tams", "success")))
def test_a_request_that_differs_is_not_answered(tape: Tape, vcr: Any, tmp_path: Path) -> None:
    request = GenerationRequest(prompt="a dog", width=512, height=512, seed=5)
    with (
        tapes.replaying(tape, tmp_path, lambda _: None) as client,
        pytest.raises(Exception, match="no recorded interaction") as no,
    ):
        client.generate(request, tape.provider)
    assert type(no.value).__name__ == "CannotOverwriteExistingCassetteException"


def test_every_provider_has_every_shape() -> None:
    for provider in REAL:
        assert {tape.name for tape in TAPES if tape.provider == provider} >= SHAPES
    assert {tape.file for tape in TAPES} == set(FOLDER.glob("*/*.yaml"))


@each(*TAPES)
def test_the_first_line_says_where_a_cassette_comes_from(tape: Tape) -> None:
    first, second, *_ = tape.file.read_text("utf-8").splitlines()
    if tape.printed is None:
        assert re.fullmatch(r"# origin: recorded from imagegen's emulator on \d{4}-\d{2}-\d{2}", first)
    else:
        assert first == f"# origin: transcribed from {tape.printed.page}; never seen a server"
        assert "https://" in first or "GitHub " in first
    assert second == f"# job: {job_of(tape.file)}"


@each(*TAPES)
def test_no_cassette_holds_a_key_or_a_signature(tape: Tape) -> None:
    text = tape.file.read_text("utf-8")
    assert not any(word in text for word in ("emulator-key", "no-such-key", "authorization", "Bearer", "cookie"))
    assert set(re.findall(r'"key": ?"([^"]*)"', text)) <= {STAND_IN}
    assert set(re.findall(r"(?:auth_key|Signature)=([^\s\"&]*)", text)) <= {STAND_IN, "..."}


# --- recording -----------------------------------------------------------------------------------------------------


@pytest.fixture
def served() -> Iterator[tuple[str, Chassis]]:
    chassis = open_chassis(None, clock=Clock(speed=100))
    with serving(chassis) as url:
        yield url, chassis
    chassis.close()


def forms(secret: str) -> set[str]:
    """How a key may look: plain, URL-encoded, in JSON, in base64 alone or between other text."""
    raw = secret.encode()
    coded = {base64.b64encode(b"x" * n + raw + b"y").decode() for n in range(3)} | {base64.b64encode(raw).decode()}
    quoted = {quote(secret), quote(secret, safe="")}
    small = {re.sub("%..", lambda match: match[0].lower(), text) for text in quoted}
    return {secret, json.dumps(secret)[1:-1], *quoted, *small, *coded}


@pytest.mark.parametrize("provider", REAL)
def test_imagegen_record_makes_a_cassette_without_the_key(
    provider: str, served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    url, _ = served
    canary = "CANARY-key-0123456789"
    short = provider.upper().replace("-", "_")
    env = {"TAMS": "TAMS_API_KEY", "MODELSLAB": "MODELSLAB_API_KEY"}.get(short, f"{short}_KEY")
    monkeypatch.setenv(env, canary)
    monkeypatch.setenv(f"{short}_BASE_URL", f"{url}/{tapes.MOUNTS[provider]}")
    monkeypatch.setenv("IMAGEGEN_HOME", str(tmp_path))
    file = tmp_path / "made.yaml"
    size = [] if provider == "tams" else ["--size", "128x128"]
    code = main(["record", f"a cat that says {canary}", "--provider", provider, "-o", str(file), "--yes", *size])
    text = file.read_text("utf-8")

    assert code == 0
    assert "unauthorized" in capsys.readouterr().out  # the canary opens nothing; a refusal is recorded too
    assert not [form for form in forms(canary) if form.lower() in text.lower()]
    assert text.startswith(f"# origin: recorded from {url.removeprefix('http://')} on ")
    assert STAND_IN in text and job_of(file).startswith("ig-")


def test_a_recording_can_be_replayed_without_server_and_key(served: Any, tmp_path: Path, capsys: Any) -> None:
    """The whole way of a maintainer: record with a key, give the file away, replay without one."""
    import random

    import vcr

    url, chassis = served
    file, base = tmp_path / "made.yaml", f"{url}/modelslab"
    request = GenerationRequest(prompt="a cat", width=128, height=128)  # the seed is drawn

    def client(home: str, key: str) -> Client:
        made = Client(
            home=tmp_path / home,
            settings={"modelslab": {"api_key": key, "base_url": base}},
            dice=random.Random("ig-1"),
        )
        made.session.new_id = lambda: "ig-1"
        return made

    with client("first", "emulator-key") as first:
        scrubber = Scrubber.of(first.session.values(first.session.provider("modelslab")))
        with recorded(file, scrubber, origin="recorded from a test", job_id="ig-1"):
            made = first.generate(request, "modelslab")
    again = vcr.VCR(**options(Scrubber.of())).use_cassette(str(file), record_mode="none")
    with client("second", STAND_IN) as second, again:
        replayed = second.generate(request, "modelslab")

    assert replayed.images[0].sha256 == made.images[0].sha256
    assert len(chassis.world.books()) == 1


@pytest.mark.parametrize("place", sorted(forms(CANARY)))
def test_the_key_is_taken_out_of_everything_that_echoes_it(place: str) -> None:
    scrubber = Scrubber.of({"api_key": Secret(CANARY)})
    echo = {"message": f"your key {place} is wrong", "nested": [{"deep": place}], place: 1, "auth": "Basic " + place}
    told = [
        scrubber.body(json.dumps(echo).encode()).decode(),
        scrubber.body(json.dumps(echo, ensure_ascii=False).encode()[:-1]).decode(),  # cut short: no JSON any more
        scrubber.body(b"\x89PNG\xff\xfe" + place.encode("utf-8") + b"\xff").decode("latin-1"),
        scrubber.text(f"https://example.com/{place}?q={place}&key={place}"),
    ]
    for text in told:
        assert not [form for form in forms(CANARY) if form in text or form.encode("utf-8").decode("latin-1") in text]
    assert scrubber.headers({"Authorization": [f"Bearer {place}"], "Set-Cookie": [place], "Content-Type": ["a/b"]}) == {
        "content-type": ["a/b"]
    }


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_base64_hides_nothing_at_any_offset(before: bytes, after: bytes) -> None:
    secret = "an-entirely-secret-key"
    hidden = base64.b64encode(before + secret.encode() + after).decode()
    shown = Scrubber.of({"k": Secret(secret)}).text(hidden)

    assert STAND_IN in shown
    assert max(len(part) for part in shown.split(STAND_IN)) <= len(hidden) - len(secret)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda kids: st.lists(kids, max_size=3)))
def test_a_body_without_secrets_is_kept_to_the_byte(data: Any) -> None:
    body = json.dumps(data, indent=3).encode()
    assert Scrubber.of({"k": Secret("an-entirely-secret-key")}).body(body) == body


def test_recording_without_vcrpy_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vcr", None)
    with pytest.raises(ImagegenError, match="vcrpy") as error, recorded(tmp_path / "x.yaml", Scrubber.of(), origin="-"):
        pass
    assert error.value.kind == "not_configured"
