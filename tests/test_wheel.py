"""What people install: the wheel holds what it must, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"imagegen", "imagegen_tams", "imagegen_modelslab", "imagegen_stablediffusionapi"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    [path] = out.glob("*.whl")
    with zipfile.ZipFile(path) as file:
        yield file


def text(wheel: zipfile.ZipFile, name: str) -> str:
    [path] = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode("utf-8")


def test_the_wheel_holds_exactly_the_expected_top_level_names(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert len(tops) == len(PACKAGES) + 1


def test_the_wheel_holds_every_tracked_file_of_the_packages_and_no_other(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "imagegen", "providers"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    expected = {re.sub(r"^providers/", "", name) for name in tracked if (ROOT / name).exists()}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert expected - held == set()
    assert {name for name in held if "__pycache__" in name or name.endswith(".pyc")} == set()


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_each_import_package_is_typed(wheel, package):
    assert f"{package}/py.typed" in wheel.namelist()


def test_the_entry_points_are_the_command_and_the_providers(wheel):
    points = text(wheel, "entry_points.txt")

    assert "[console_scripts]\nimagegen = imagegen.cli:main" in points
    for package in sorted(PACKAGES - {"imagegen"}):
        assert f"{package.removeprefix('imagegen_')} = {package}" in points


def test_the_metadata_has_readme_licence_and_the_dependencies_of_the_design(wheel):
    metadata = message_from_string(text(wheel, "METADATA"))
    needed = {
        re.split(r"[ <>=!;]", word)[0].lower()
        for word in metadata.get_all("Requires-Dist", ())
        if "extra ==" not in word
    }

    assert metadata["Name"] == "imagegen" and metadata["Requires-Python"] == ">=3.11"
    assert "# imagegen" in str(metadata.get_payload())
    assert needed == {
        *("attrs", "cattrs", "cyclopts", "httpx", "pillow", "platformdirs", "pluggy", "rich", "sniffio", "tomli-w")
    }
    assert set(metadata.get_all("Provides-Extra")) == {"server", "rsa", "keyring"}
    assert "MIT" in text(wheel, "licenses/LICENSE")
