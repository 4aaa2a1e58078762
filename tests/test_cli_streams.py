"""Where a command tells what it did may be narrow, closed, full or without a letter; what it did is never lost by that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagegen.cli import main, output
from imagegen.cli.render import table, whole

FULL = Path("/dev/full")
MAKE = ("generate", "a lighthouse", "--size", "128x128", "--emulated", "--provider", "tams", "-o")


def run(*argv, out=subprocess.PIPE, shell="", **environ):
    """Run the command line in a process of its own, as a shell would."""
    words = [sys.executable, "-m", "imagegen", *map(str, argv)]
    if shell:
        words = ["sh", "-c", f'"$@" {shell}', "sh", *words]
    env = {**os.environ, **environ}
    env.pop("PYTHONUNBUFFERED", None)  # who develops may have it; who uses this has not
    return subprocess.run(words, stdout=out, stderr=subprocess.PIPE, env=env, timeout=120)


@pytest.mark.parametrize("columns", ["20", "80"])
def test_a_result_path_is_whole_at_any_width(columns):
    folder = Path("pictures") / ("a-long-name-" * 12)

    said = run(*MAKE, folder, COLUMNS=columns)

    (file,) = folder.glob("*.png")
    assert said.returncode == 0 and str(file) in said.stdout.decode()


def test_a_job_shows_its_files_whole(capsys, monkeypatch):
    folder = Path("a-long-name-" * 12)
    assert main([*MAKE, str(folder)]) == 0
    monkeypatch.setenv("COLUMNS", "40")
    (file,) = folder.glob("*.png")
    capsys.readouterr()

    main(["jobs", "show", "ig-"])

    assert str(file) in capsys.readouterr().out


def test_an_encoding_without_arrows_shows_everything_else():
    words = ("generate", "x", "--steps", "30", "--size", "128x128", "--emulated", "--provider", "modelslab", "-o", "o")

    said = run(*words, PYTHONIOENCODING="cp1252")

    assert said.returncode == 0
    assert b"steps 30 ? 31" in said.stdout and b"it is emulated" in said.stdout


def test_json_loses_nothing_in_an_encoding_without_the_letters():
    said = run("plan", "a → b", "--emulated", "--provider", "tams", "--json", PYTHONIOENCODING="cp1252")
    assert "a → b" in json.dumps(json.loads(said.stdout), ensure_ascii=False)


def test_a_closed_stdout_is_no_fault():
    said = run("prices", "show", shell=">&-")
    assert (said.returncode, said.stderr) == (0, b"")


def test_with_a_closed_stdin_nobody_is_asked_and_nothing_is_spent():
    said = run("generate", "x", "--provider", "tams", shell="<&-", TAMS_API_KEY="not-the-emulators")
    assert said.returncode == 2 and b"nobody can be asked here" in said.stderr


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [("jobs", "list", "--json"), ("jobs", "list"), ("bogus", "--json")])
def test_a_full_disk_behind_stdout_is_said_without_a_traceback(words):
    said = run(*words, shell=">/dev/full")
    assert said.returncode in (1, 2)
    assert said.stderr.startswith(b"Error: ") and b"Traceback" not in said.stderr and b"Exception" not in said.stderr


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_pictures_that_cannot_be_told_of_are_made_all_the_same():
    said = run(*MAKE, "o", shell=">/dev/full")
    assert said.returncode == output.PARTLY and len(list(Path("o").glob("*.png"))) == 1
    assert b"No space left" in said.stderr


@pytest.mark.parametrize("words", [("bogus", "--json"), ("generate", "x", "--json"), (*MAKE, "o")])
def test_a_reader_who_left_sees_no_traceback(words):
    read, write = os.pipe()
    os.close(read)

    said = run(*words, out=write)

    os.close(write)
    assert b"Traceback" not in said.stderr and b"Exception" not in said.stderr


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_news_that_nobody_can_hear_end_no_job():
    said = run(*MAKE, "o", shell="2>/dev/full")
    assert said.returncode == 0 and len(list(Path("o").glob("*.png"))) == 1


def test_a_reader_who_is_gone_changes_no_exit_code():
    command = f'{sys.executable} -m imagegen {MAKE[0]} "a lighthouse" --emulated --provider tams --size 128x128 -o o'
    said = subprocess.run(
        ["bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}"], stderr=subprocess.PIPE, timeout=120
    )
    assert said.returncode == 0 and len(list(Path("o").glob("*.png"))) == 1


def test_no_columns_at_all_is_as_wide_as_a_pipe():
    assert run("samplers", COLUMNS="0").stdout == run("samplers", COLUMNS="120").stdout != b""


@pytest.mark.parametrize("argv", [("--json", "jobs", "list"), ("jobs", "--json", "list")])
def test_json_may_stand_before_the_command(capsys, argv):
    assert main(list(argv)) == 0
    assert json.loads(capsys.readouterr().out) == []


# -- files that cannot be written --


@pytest.fixture
def shut() -> Path:
    """A path that nobody can write to, root included."""
    Path("taken").write_text("a file, not a folder")
    return Path("taken/x.png")


@pytest.mark.parametrize("flag", ["--sheet", "-o"])
def test_what_cannot_be_written_is_said_before_anything_is_made(capsys, shut, flag):
    assert main(["generate", "x", "--emulated", "--provider", "tams", flag, str(shut)]) in (1, 2)

    said = capsys.readouterr()
    assert "taken" in said.err and "fault in imagegen" not in said.err
    assert main(["jobs", "list"]) == 0 and capsys.readouterr().out == "no jobs\n"


def test_a_sheet_that_fails_at_the_end_hides_no_picture(capsys):
    Path("sheet.png").mkdir()

    assert main([*MAKE, "o", "--sheet", "sheet.png"]) == output.PARTLY

    said = capsys.readouterr()
    (file,) = Path("o").glob("*.png")
    assert str(file) in said.out and "sheet.png cannot be written" in said.err


def test_where_the_sheet_is_is_said(capsys):
    assert main([*MAKE, "o", "--sheet", "made/sheet.png"]) == 0
    assert "sheet: made/sheet.png" in capsys.readouterr().out


# -- tables --


def test_a_table_that_is_too_wide_loses_no_column(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    from imagegen.cli.render import show

    rows = table("provider", "price", "per thousand", "seconds", right=("price",))
    rows.add_row("stablediffusionapi-enterprise", "$0.0042", "$4.20", "12.5")
    show(rows)

    said = capsys.readouterr().out
    assert all(word in said for word in ("stablediffusionapi-enterprise", "$0.0042", "per thousand", "$4.20", "12.5"))


def test_a_whole_line_stays_whole_also_when_it_is_moved(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "10")
    from imagegen.cli.render import indented, show

    show(indented(whole("/a/very/long/path/to a/picture.png")))

    assert capsys.readouterr().out == "  /a/very/long/path/to a/picture.png\n"


def test_samplers_are_readable_on_a_narrow_screen(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["samplers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["sampler", "schedule", "how", "close"]
    assert any("exact tams" in line for line in lines)


# -- the ledger's folder --


@pytest.mark.parametrize("words", [("generate", "x", "--emulated", "--provider", "tams"), ("jobs", "list")])
def test_a_ledger_that_cannot_be_kept_is_no_fault_of_ours(capsys, monkeypatch, words):
    Path("taken").write_text("a file, not a folder")
    monkeypatch.setenv("IMAGEGEN_HOME", str(Path("taken").absolute()))
    assert main(list(words)) in (1, 2)
    said = capsys.readouterr().err
    assert "taken" in said and "fault in imagegen" not in said


@pytest.mark.parametrize(
    "words",
    [
        ("costs", "--svg", "taken/x.svg"),
        ("costs", "--html", "taken/x.html"),
        ("jobs", "export", "-o", "taken/x"),
        ("emulate", "--state", "taken/x"),
        ("grid", "x", "--x", "seed=1,2", "--emulated", "--provider", "tams", "--sheet", "taken/x.png"),
        ("compare", "x", "--emulated", "--provider", "tams", "--run", "-o", "taken/x"),
    ],
)
def test_a_file_that_cannot_be_written_is_named(capsys, shut, words):
    assert main(list(words)) in (1, 2)
    said = capsys.readouterr().err
    assert "taken/x" in said and "fault in imagegen" not in said
