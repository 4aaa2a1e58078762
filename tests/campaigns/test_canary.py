"""
A key that sings: it must occur nowhere that somebody may read, in no spelling.

Every command is run against a served emulator that takes the canary for its key, well and badly; then all that was printed,
logged and written is searched for it: raw, URL-encoded, escaped as in JSON, and in base64 at any offset.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from PIL import Image

from imagegen import Client, GenerationRequest, ImagegenError, Lora
from imagegen.cli import COMMANDS, build, main
from imagegen.emulator.asgi import serve
from imagegen.emulator.chassis import open_chassis
from imagegen.emulator.clock import Clock

from . import yard

CANARY = "canary-7f3a9c/+Zq=&singing"
ACCESS = "canary-access-51d2/+==&x"
ENVIRONMENT = {
    "tams": ("TAMS_API_KEY", "TAMS_BASE_URL"),
    "modelslab": ("MODELSLAB_API_KEY", "MODELSLAB_BASE_URL"),
    "stablediffusionapi": ("STABLEDIFFUSIONAPI_KEY", "STABLEDIFFUSIONAPI_BASE_URL"),
    "stablediffusionapi-enterprise": ("STABLEDIFFUSIONAPI_ENTERPRISE_KEY", "STABLEDIFFUSIONAPI_ENTERPRISE_BASE_URL"),
}
PROMPTS = (
    "a lighthouse", "a lighthouse [emu:queue]", "a lighthouse [emu:http=401]", "a lighthouse [emu:http=500]", "a lighthouse [emu:fail]",
    "a lighthouse [emu:nsfw]", "a lighthouse [emu:drop]",
)  # fmt: skip
GRAPH = {
    "1": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["2", 0]}},
    "2": {"class_type": "Unknown", "inputs": {}},
}


def spellings(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    yield from (form.encode() for form in (quote(secret, safe=""), quote(secret), quote_plus(secret)))
    yield json.dumps(secret).encode()[1:-1].replace(b"/", rb"\/")
    for shift in range(3):  # base64 of a longer text around it: the part that does not depend on the neighbours
        coded = base64.b64encode(bytes(shift) + secret.encode())
        yield coded[4:-4]
        yield coded[4:-4].replace(b"+", b"-").replace(b"/", b"_")


def singing(text: bytes) -> list[bytes]:
    return [form for secret in (CANARY, ACCESS) for form in spellings(secret) if form in text]


def _serve(pipe: Any, state: Path) -> None:
    for module in [module for name, module in sys.modules.items() if name.startswith("imagegen")]:
        if getattr(module, "KEY", None) == "emulator-key":
            module.KEY = CANARY
    serve(open_chassis(state, clock=Clock(speed=yard.SPEED)), port=0, ready=pipe.send)


@pytest.fixture
def emulated(tmp_path):
    yard.warm()
    ours, theirs = yard.FORK.Pipe()
    process = yard.fork(_serve, theirs, tmp_path / "emulator.sqlite3")
    yield yard.Emulator(ours.recv())
    process.kill()
    process.join()


@pytest.fixture
def configured(emulated, monkeypatch):
    for provider, (key, base_url) in ENVIRONMENT.items():
        monkeypatch.setenv(key, CANARY)
        monkeypatch.setenv(base_url, emulated.url + yard.SERVED[provider])
    return emulated


def commands(provider: str, picture: str, graph: str, job: str, made: str) -> list[list[str]]:
    at = ["--provider", provider]
    small = ["--size", "128x128", "--steps", "1", "--timeout", "20", "--yes", *at]
    other = "modelslab" if provider == "tams" else "tams"
    first = ["--size", "128x128", "--steps", "1", "--deadline", "20", "--yes", *at, "--provider", other]
    short = ["--model", "600423083519508503", "--size", "128x128", "--frames", "2", "--timeout", "20", "--yes", *at]
    template = ["676018193025756628", "--field", "27:text=1 girl", "--field", f"25:image={picture}"]
    return [
        *[["generate", prompt, *small] for prompt in PROMPTS],
        ["generate", "a lighthouse", "--init-image", picture, "--strength", "0.5", *small],
        *[["route", prompt, *first] for prompt in PROMPTS],
        ["route", "a lighthouse [emu:http=500]", "--may-pay-twice", *first], ["route", "a lighthouse", "--plan", *first],
        *[["video", prompt, *short] for prompt in PROMPTS], ["video", "waves", "--plan", *short],
        ["video", "waves", "--start-image", picture, *short],
        ["grid", "a lighthouse", "--x", "steps=21,31", "--sheet", f"{provider}.png", *small],
        ["rerun", made, *small], ["inspect", made],
        ["record", "a lighthouse", "--output", f"{provider}.yaml", *small],
        ["record", "a lighthouse [emu:http=401]", "--output", f"{provider}-401.yaml", *small],
        ["plan", "a lighthouse", *at], ["quote", "a lighthouse", *at], ["compare", "a lighthouse", *at],
        ["interrogate", picture, "--yes", *at], ["detect", picture, "--module", "canny", "--yes", *at],
        ["load-model", "https://civitai.com/api/download/models/1", "--as", "canary-model", "--yes", *at],
        ["workflow", "check", graph, *at], ["workflow", "run", graph, "--yes", *at],
        ["template", "show", "676018193025756628", *at], ["template", "check", *template, *at],
        ["template", "run", *template, "--yes", *at],
        ["models", "list", "--live", *at], ["models", "show", "1", *at],
        ["providers", "show", provider], ["prices", "set", provider, "0.0047", "--here"],
        ["jobs", "show", job], ["jobs", "watch", job], ["jobs", "cancel", job], ["jobs", "resolve", job, "--charged"],
    ]  # fmt: skip


COMMON = [
    ["jobs", "list"], ["jobs", "export"], ["jobs", "prune", "--older", "0d"], ["reconcile", "--no-wait"], ["costs"],
    ["budget", "set", "5", "--per", "day"], ["budget", "show"], ["budget", "remove", "--per", "day"], ["prices", "show"],
    ["samplers"], ["config"], ["providers", "list"], ["doctor"], ["emulate", "--deviations"],
    ["models", "add", "--from", "https://civitai.com/models/1?modelVersionId=2", "--name", "mine", "--kind", "lora"],
    ["models", "list"], ["models", "resolve", "@mine"], ["generate", "a lighthouse", "--nonsense"],
]  # fmt: skip


def test_every_command_is_in_the_list() -> None:
    words = [*commands("tams", "in.png", "graph.json", "ig-1", "out.png"), *COMMON]
    groups = [name for name, where, *_ in COMMANDS if where.endswith(":app")]
    parts = {(name, part) for name in groups for part in build()[name] if not part.startswith("-")}

    assert {line[0] for line in words} == {name for name, *_ in COMMANDS}
    assert parts - {tuple(line[:2]) for line in words} == set()


@pytest.mark.campaign
def test_no_command_lets_the_canary_out(configured, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    Image.effect_noise((64, 64), 90).save(tmp_path / "in.png")
    (tmp_path / "graph.json").write_text(json.dumps(GRAPH))
    ran = codes = 0
    for provider in yard.SERVED:
        main(["generate", "first", "--size", "128x128", "--steps", "1", "--yes", "--json", "--provider", provider])
        first = json.loads(capfd.readouterr().out)["results"][0]
        names = (str(tmp_path / "in.png"), str(tmp_path / "graph.json"), first["job_id"], first["images"][0]["path"])
        for words in commands(provider, *names):
            if not yard.FULL and random.Random(f"{provider} {words}").random() < 0.5 and words[0] != "record":
                continue
            for more in ([], ["--json"]):
                codes += main([*words, *more]) == 0
                ran += 1
                said = capfd.readouterr()
                assert not singing((said.out + said.err).encode()), f"{words}: {said}"
    for words in COMMON:
        for more in ([], ["--json"]):
            main([*words, *more])
            said = capfd.readouterr()
            assert not singing((said.out + said.err).encode()), f"{words}: {said}"

    assert codes > ran / 3, "most commands should have worked"
    assert not singing("\n".join(record.getMessage() for record in caplog.records).encode())
    for door in ("requests", "jobs", "webhooks", "books"):
        assert not singing(json.dumps(configured.ask(door)).encode()), door
    assert list(tmp_path.glob("*.yaml"))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert not singing(path.read_bytes()), path


@pytest.mark.campaign
@pytest.mark.parametrize("provider", list(yard.SERVED))
def test_no_error_event_or_repr_holds_the_canary(configured, provider, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    heard: list[Any] = []
    with Client(home=tmp_path / "home", output=tmp_path / "out", on_event=heard.append) as mine:
        sleep = mine.shell.transport.sleep
        mine.shell.transport.sleep = lambda seconds: sleep(seconds / yard.SPEED)
        shown = [repr(mine.session), repr(mine.session.desk.config), repr(mine.session.desk.config.tables)]
        for prompt in PROMPTS:
            asked = GenerationRequest(prompt=prompt, width=128, height=128, steps=1, seed=5)
            with_access = asked.evolve(loras=(Lora("7700000000000000001", 0.5, access_key=ACCESS),))
            for request in (asked, with_access):
                shown += _told(mine, request, provider)
        shown += [repr(row) for row in mine.jobs()] + [repr(event) + str(event.as_dict()) for event in heard]

    assert heard
    assert not singing("\n".join(shown).encode())
    assert not singing("\n".join(record.getMessage() for record in caplog.records).encode())
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert not singing(path.read_bytes()), path
    assert not singing(json.dumps(configured.ask("requests")).encode())


def _told(mine: Client, request: GenerationRequest, provider: str) -> list[str]:
    plan = mine.plan(request, provider)
    shown = [repr(request), repr(plan), str(plan.to_record()), repr(mine.quote(request, provider))]
    try:
        result = mine.generate(request, provider, timeout=20)
        shown += [repr(result), str(result.as_dict())]
    except ImagegenError as error:
        frames = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown += [repr(error), str(error.as_dict()), *_of_the_library(frames)]
    return shown


def _of_the_library(frames: traceback.TracebackException) -> Iterator[str]:
    """Frames of this test hold what the test was given; those of the library must not."""
    while frames is not None:
        yield from (str(frame.locals) for frame in frames.stack if "campaigns" not in frame.filename)
        frames = frames.__cause__ or frames.__context__


def test_the_search_finds_what_it_is_made_for():
    auth = base64.b64encode(f"user:{CANARY}".encode())
    for text in (CANARY, quote(CANARY, safe=""), json.dumps({"key": CANARY})):
        assert singing(f"...{text}...".encode())
    assert singing(b"Basic " + auth)
    assert not singing(b"nothing of the kind")
