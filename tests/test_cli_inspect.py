"""`imagegen inspect`, `rerun` and `models add`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagegen import catalogue, containers
from imagegen.cli import main
from imagegen.plugins import installed

Capture = pytest.CaptureFixture[str]
PROVIDERS = tuple(installed().providers)


def model_of(provider: str) -> str:
    return catalogue.load(installed()).entries["demo-checkpoint"].vendor[provider].id


def run(capsys: Capture, *tokens: str) -> tuple[int, Any]:
    """Run a command with `--json`; its exit code and what it printed."""
    code = main([*tokens, "--json"])
    return code, json.loads(capsys.readouterr().out)


def generate(capsys: Capture, provider: str, *tokens: str, model: str = "") -> Path:
    who = ("--emulated", "--provider", provider, "--model", model or model_of(provider))
    code, made = run(capsys, "generate", "a (red:1.2) cat", *who, *tokens)
    assert code == 0, made
    return Path(made["results"][0]["images"][0]["path"])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_was_made_is_read_back_and_made_again_byte_for_byte(provider: str, capsys: Capture) -> None:
    file = generate(capsys, provider, "--steps", "21", "--sampler", "Euler a")
    code, found = run(capsys, "inspect", str(file))

    assert code == 0
    assert (found["source"], found["provider"], found["missing"]) == ("imagegen", provider, [])
    assert (found["request"]["prompt"], found["request"]["steps"]) == ("a (red:1.2) cat", 21)
    code, again = run(capsys, "rerun", str(file), "--emulated", "--provider", provider)
    assert code == 0
    assert again["results"][0]["images"][0]["path"] == str(file)


def test_a_request_file_comes_out_for_generate(capsys: Capture, tmp_path: Path) -> None:
    file = generate(capsys, PROVIDERS[0])
    assert main(["inspect", str(file), "--toml"]) == 0
    (tmp_path / "again.toml").write_text(capsys.readouterr().out, "utf-8")

    code, made = run(capsys, "generate", "again.toml", "--emulated", "--provider", PROVIDERS[0])
    assert (code, made["results"][0]["images"][0]["path"]) == (0, str(file))


def test_elsewhere_an_unmapped_model_is_refused_and_flags_change_it(capsys: Capture) -> None:
    here, there = PROVIDERS[0], PROVIDERS[-1]
    file = generate(capsys, here, model="my-own-model")

    code, refused = run(capsys, "rerun", str(file), "--emulated", "--provider", there)
    assert (code, refused["results"]) == (1, [])
    assert f"is {here}'s id" in refused["errors"][0]["message"]
    code, made = run(capsys, "rerun", str(file), "--emulated", "--provider", there, "--model", "@demo-checkpoint")
    assert code == 0
    notes = {note["field"]: note for note in made["results"][0]["notes"]}
    assert notes["model"]["status"] == "approximated"


def test_a_picture_that_went_in_has_to_be_given_again(capsys: Capture) -> None:
    start = generate(capsys, PROVIDERS[0])
    file = generate(capsys, PROVIDERS[0], "--init-image", str(start), "--strength", "0.5")

    code, refused = run(capsys, "rerun", str(file), "--emulated", "--provider", PROVIDERS[0])
    assert (code, refused["error"]["kind"]) == (2, "invalid_input")
    assert "--init-image" in refused["error"]["message"]
    code, made = run(capsys, "rerun", str(file), "--emulated", "--provider", PROVIDERS[0], "--init-image", str(start))
    assert (code, made["results"][0]["images"][0]["path"]) == (0, str(file))


def test_for_people_the_remarks_go_to_stderr(capsys: Capture) -> None:
    file = generate(capsys, PROVIDERS[0])
    assert main(["inspect", str(file)]) == 0
    said = capsys.readouterr()

    assert "a (red:1.2) cat" in said.out
    assert f"made by {PROVIDERS[0]}" in said.err


@pytest.mark.parametrize("name", ["missing.png", "text.png"])
def test_a_file_that_says_nothing_is_bad_input(name: str, capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello", "utf-8")
    code, told = run(capsys, "inspect", str(tmp_path / name))

    assert (code, told["error"]["kind"]) == (2, "invalid_input")
    assert name in told["error"]["message"]


def test_nothing_of_this_run_is_in_the_file(capsys: Capture) -> None:
    file = generate(capsys, PROVIDERS[0])
    job = json.loads(file.with_suffix(".json").read_text("utf-8"))["job_id"]
    found = containers.read(file.read_bytes())

    assert job not in (found.imagegen or "") + (found.parameters or "")


def test_a_model_that_was_added_is_known_by_its_name(capsys: Capture) -> None:
    provider = PROVIDERS[-1]
    added = ("--from", "hf:org/some-model", "--name", "mine", "--id", f"{provider}={model_of(provider)}")
    code, made = run(capsys, "models", "add", *added)
    assert code == 0
    assert Path(made["file"]).is_file()

    from imagegen import planning

    planning.desk.cache_clear()
    code, found = run(capsys, "models", "resolve", "@mine", "--provider", provider)
    assert (code, found[provider]["id"]) == (0, model_of(provider))
    code, told = run(capsys, "models", "add", *added, "--kind", "lora")
    assert (code, told["error"]["kind"]) == (2, "invalid_input")


def test_a_broken_sidecar_is_as_good_as_none(capsys: Capture) -> None:
    file = generate(capsys, PROVIDERS[0])
    for broken in ("[" * 100_000, "[1]", "no json"):
        file.with_suffix(".json").write_text(broken, "utf-8")
        code, found = run(capsys, "inspect", str(file))
        assert (code, found["source"]) == (0, "imagegen")
