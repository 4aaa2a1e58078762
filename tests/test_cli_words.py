"""What a command line means before anything happens: a prompt or a file, and flags that would do nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from imagegen.cli import main
from imagegen.cli.options import RequestFlags, read_request
from imagegen.errors import InvalidInput

# -- what is a prompt, and what a file --


@pytest.mark.parametrize("subject", ["note.txt", "nothing.yaml", "grid.png", "folder.toml", "nothing.json", "folder/"])
def test_what_looks_like_a_file_is_never_paid_as_a_prompt(subject):
    Path("note.txt").write_text("a lighthouse")
    Path("folder").mkdir()
    Path("folder.toml").mkdir()
    with pytest.raises(InvalidInput):
        read_request(subject, RequestFlags())


@pytest.mark.parametrize("prompt", ["a cat. in a hat", "a/b", "folder", "my photo.png of a cat", "x" * 500, "a\0b"])
def test_a_prompt_stays_a_prompt(prompt):
    Path("folder").mkdir()
    assert read_request(prompt, RequestFlags()).prompt == prompt


def test_a_prompt_may_come_from_stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("a lighthouse\nat dusk\n"))
    assert read_request("-", RequestFlags()).prompt == "a lighthouse\nat dusk"
    with pytest.raises(InvalidInput, match="held no prompt"):
        read_request("-", RequestFlags())


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("plan", "--bogus"), "Unknown option"),
        (("plan", "x", "--max-price", "0.0001"), "--max-price"),
        (("quote", "x", "--yes"), "--yes"),
        (("generate", "x", "--timeout", "-5"), "--timeout"),
        (("generate", "x", "--timeout", "nan"), "--timeout"),
        (("jobs", "watch", "ig-1", "--timeout", "-1"), "--timeout"),
        (("jobs", "list", "--limit", "-3"), "--limit"),
        (("jobs", "list", "--label", "foo"), "--label"),
    ],
)
def test_a_flag_that_means_nothing_is_named(capsys, argv, said):
    assert main([*argv]) == 2
    assert said in capsys.readouterr().err


def test_an_argument_of_broken_bytes_is_named_before_anything_happens(capsys):
    assert main(["generate", "T\udcfcrm", "--provider", "tams", "--emulated"]) == 2
    assert "not UTF-8" in capsys.readouterr().err


def test_nobody_waits_for_a_job_of_which_nothing_was_sent(capsys):
    assert main(["budget", "set", "0.001", "--per", "day"]) == 0
    main(["generate", "x", "--provider", "tams", "--emulated", "--json"])
    job = json.loads(capsys.readouterr().out.split("\n", 1)[1])["errors"][0]["job_id"]
    main(["budget", "remove", "--per", "day"])

    assert main(["jobs", "watch", job]) == 2
    assert main(["jobs", "cancel", job]) == 0
    assert "nothing of it was sent" in capsys.readouterr().out
    assert main(["jobs", "watch", job]) == 1


def test_a_new_price_does_not_keep_the_source_of_the_old_one(capsys):
    main(["prices", "set", "modelslab", "0.0047", "--source", "invoice of October"])
    capsys.readouterr()
    main(["prices", "set", "modelslab", "0.009", "--json"])
    assert "price_source" not in json.loads(capsys.readouterr().out)["prices"]


def test_a_grid_is_not_begun_when_a_provider_is_unknown(capsys):
    assert main(["grid", "x", "--x", "provider=tams,tmas", "--emulated"]) == 2
    assert list(Path().rglob("*.png")) == []
    assert "did you mean tams" in capsys.readouterr().err
