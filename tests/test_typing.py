"""The public API under a strict type checker: what people write must pass, what is wrong must not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from outsider import ACME, ROOT

WRONG = """
from imagegen import GenerationRequest, Lora, plan

GenerationRequest(prompt="x", steps="30")  # a number
GenerationRequest(prompt="x", colour="red")  # no such field
Lora("@style", weight="heavy")  # a number
plan(GenerationRequest(prompt="x"))  # which provider?
"""


def mypy(*paths: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("mypy", path=str(Path(sys.executable).parent)) is None:
        pytest.fail("mypy is missing: pip install --group dev")
    cache = ROOT / ".mypy_cache" / "typing"  # apart from that of `mypy` itself, which may be running
    command = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={cache}", "--config-file=", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_what_a_program_may_write_is_well_typed() -> None:
    checked = mypy(ROOT / "tests" / "typing" / "public_api.py", ROOT / "examples" / "first.py")

    assert checked.returncode == 0, checked.stdout


def test_the_plugin_of_the_tutorial_is_well_typed() -> None:
    checked = mypy(ACME)

    assert checked.returncode == 0, checked.stdout


def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(WRONG)

    lines = [line.split(":")[1] for line in mypy(file).stdout.splitlines() if ": error:" in line]

    assert lines == ["4", "5", "6", "7"]
