"""The pages are true: commands and Python lines run, links lead somewhere, everything that can be set or hooked is named."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from outsider import ACME, ROOT, module_of

from imagegen import hookspecs, planning
from imagegen.cli import COMMANDS, build, main
from imagegen.defaults import DEFAULTS
from imagegen.emulator.control import DOORS
from imagegen.emulator.faults import KNOWN
from imagegen.errors import KINDS
from imagegen.plugins import installed
from imagegen.request import (
    SPELLINGS,
    DetectControl,
    GenerationRequest,
    Interrogate,
    ModelLoad,
    TemplateRequest,
    VideoRequest,
    WorkflowRequest,
)
from imagegen.settings import CORE_WORDS, OWN
from imagegen.testing.conformance import CLAUSES

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUBCOMMANDS = ("jobs", "workflow", "template", "models", "budget", "prices", "providers")


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(name: str, language: str) -> list[str]:
    return [body for found, body in FENCE.findall(page(name)) if found == language]


def commands(name: str) -> Iterator[list[str]]:
    """Yield the `imagegen` command lines of a page: in console blocks, and indented by four."""
    for line in page(name).splitlines():
        found = re.match(r"(?:\$ |    )imagegen (.+?)(?:\s{2,}#.*)?$", line)
        if found and "emulate " not in line and "NAME" not in line:
            yield shlex.split(found[1])


def undocumented(text: str, words: Iterator[str] | list[str]) -> list[str]:
    return [word for word in words if f"`{word}" not in text and f"{word}`" not in text]


# --- what is shown runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", list(commands("README.md")), ids=" ".join)
def test_a_command_of_the_readme_runs(line: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    said, told = io.StringIO(), io.StringIO()

    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        code = main(line)

    assert code == 0, told.getvalue()
    assert said.getvalue().strip()


@pytest.mark.parametrize(
    ("number", "start"), [(0, "from imagegen import Client, GenerationRequest, Lora"), (1, "from")]
)
def test_the_python_lines_of_the_readme_run(number: int, start: str, capsys: pytest.CaptureFixture[str]) -> None:
    body = blocks("README.md", "python")[number]
    assert body.startswith(start)

    exec(compile(body, "README.md", "exec"), {})

    said = capsys.readouterr().out.splitlines()
    if number == 0:
        [shown] = blocks("README.md", "text")
        notes = [line for line in said if re.match(r"[\w\[\].]+: (?!exact)[a-z]+ ", line)]
        assert notes == shown.splitlines()
        assert [line.split()[0] for line in said[-2:]] == ["tams", "modelslab"]
    else:
        assert said[0].startswith("tams 0.")


def test_the_ten_lines_are_the_example() -> None:
    assert page("examples/first.py").split("\n\n", 1)[1] == blocks("README.md", "python")[0]


def test_the_faults_on_the_page_of_the_request_are_what_python_says(capsys: pytest.CaptureFixture[str]) -> None:
    [code], [shown] = blocks("docs/request.md", "python"), blocks("docs/request.md", "text")

    exec(compile(code, "request.md", "exec"), {})

    assert capsys.readouterr().out == shown


def test_the_settings_file_on_the_page_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [example] = blocks("docs/settings.md", "toml")
    (tmp_path / "imagegen.toml").write_text(example)
    planning.desk.cache_clear()

    assert main(["config"]) == 0
    assert "env:TAMS_API_KEY" in capsys.readouterr().out


def test_every_target_of_make_that_the_readme_names_is_one() -> None:
    named = set(re.findall(r"^    make (\w+)", page("README.md"), re.MULTILINE))

    assert named == {"demo", "test"}
    assert named <= set(re.findall(r"^(\w+):", page("Makefile"), re.MULTILINE))


# --- the tutorial ------------------------------------------------------------------------------------------------


def test_the_tutorial_shows_the_plugin_as_it_is() -> None:
    *shown, test = blocks("docs/providers.md", "python")
    module = ACME.read_text("utf-8")

    assert [block for block in shown if block not in module] == []
    assert blocks("docs/providers.md", "toml") == [(ACME.parent / "pyproject.toml").read_text("utf-8")]
    assert "conformance(" in test


def test_the_test_of_the_tutorial_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imagegen_acme", module_of(ACME))
    names: dict[str, object] = {}

    exec(compile(blocks("docs/providers.md", "python")[-1], "providers.md", "exec"), names)

    [mark] = names["test_acme_keeps_the_contract"].pytestmark  # type: ignore[attr-defined]
    for check in mark.args[1]:
        check()


def test_every_hook_and_every_check_is_in_the_tutorial() -> None:
    text = page("docs/providers.md")

    assert undocumented(text, [name for name in vars(hookspecs) if name.startswith("imagegen_")]) == []
    assert undocumented(text, list(CLAUSES)) == []


# --- everything is named -----------------------------------------------------------------------------------------


def test_every_command_is_on_the_page_of_the_command_line() -> None:
    text = page("docs/cli.md")

    assert undocumented(text, [name for name, *_ in COMMANDS]) == []


@pytest.mark.parametrize("group", SUBCOMMANDS)
def test_every_command_of_a_group_is_on_the_page(group: str) -> None:
    text = page("docs/cli.md")
    names = [name for name in build()[group] if not name.startswith("-")]

    assert names
    assert [name for name in names if not re.search(rf"\b{group}\b[^`]*\b{name}\b", text)] == []


def test_every_setting_is_on_its_page() -> None:
    text = page("docs/settings.md")
    settings = [setting for provider in installed().providers.values() for setting in provider.settings]

    assert undocumented(text, [word for s in settings for word in (s.name, s.env) if word]) == []
    assert undocumented(text, [setting.name for setting in OWN]) == []
    assert [word for word in CORE_WORDS if word not in text] == []
    assert [name for name in installed().providers if f"`{name}`" not in text] == []


def test_every_field_spelling_default_and_error_is_on_the_page_of_the_request() -> None:
    text = page("docs/request.md")
    classes = (
        *(GenerationRequest, VideoRequest, WorkflowRequest, TemplateRequest, ModelLoad, Interrogate, DetectControl),
    )

    assert undocumented(text, [field.name for cls in classes for field in attrs.fields(cls)]) == []
    assert undocumented(text, [cls.__name__ for cls in classes]) == []
    assert undocumented(text, sorted(KINDS)) == []
    assert undocumented(text, [*SPELLINGS, "size", "scheduler", "init_images"]) == []
    rows = dict(re.findall(r"^\| `(\w+)`[^|]*\| ([^|]*) \|", text, re.MULTILINE))
    rows["height"] = rows["width"]
    assert [name for name, value in DEFAULTS.items() if str(value) not in rows[name]] == []


def test_every_fault_and_door_of_the_emulator_is_on_its_page() -> None:
    text = page("docs/emulator.md")

    assert [fault for fault in KNOWN if f"[emu:{fault}" not in text] == []
    assert [door for _, door in DOORS if f"/_emulator/{door}" not in text] == []


def test_every_page_and_schema_is_in_an_index() -> None:
    index, schemas = page("docs/README.md"), page("docs/schemas/README.md")

    pages = {str(path.relative_to(ROOT / "docs")) for path in PAGES if path.is_relative_to(ROOT / "docs")}
    assert {name for name in pages - {"README.md"} if f"({name})" not in index} == set()
    assert [p.name for p in (ROOT / "docs" / "schemas").glob("*.json") if f"({p.name})" not in schemas] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", path.read_text("utf-8")))
    lost = [
        link
        for link in links
        if not link.startswith(("http", "#", "mailto:")) and not (path.parent / link.split("#")[0]).exists()
    ]

    assert lost == []
