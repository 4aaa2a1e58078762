"""
The first picture, as a stranger meets it: one request at four providers, bad input, an emulator that dies, a broken plugin.

What each vendor's page documents is shown beside the provider it belongs to (`tests/providers`).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from imagegen import Client, GenerationRequest, ImagegenError, Lora, plan
from imagegen.cli import main
from imagegen.plugins import installed

ROOT = Path(__file__).parents[1]
PROVIDERS = tuple(installed().providers)
IMAGEGEN = (sys.executable, "-m", "imagegen")


# --- one request, every vendor -------------------------------------------------------------------------------------


def demo(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What `make demo` leaves, by name."""
    monkeypatch.setenv("IMAGEGEN_HOME", str(folder / "home"))
    everywhere = [word for name in PROVIDERS for word in ("--provider", name)]
    file, out = str(ROOT / "examples" / "lighthouse.toml"), folder / "out"
    assert main(["generate", file, "--emulated", *everywhere, "-o", str(out), "--sheet", str(out / "sheet.png")]) == 0
    return {path.name: path.read_bytes() for path in out.glob("*.png")}


def test_the_demo_leaves_a_picture_per_provider_and_a_sheet_the_same_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (demo(tmp_path / name, monkeypatch) for name in ("first", "second"))

    assert first == second
    assert len(set(first.values())) == len(PROVIDERS) + 1
    for name in first.keys() - {"sheet.png"}:
        with Image.open(tmp_path / "first" / "out" / name) as picture:
            picture.load()
            assert picture.size == (768, 512)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_three_odd_lora_weights_get_one_note_each_before_any_network(provider: str) -> None:
    names = ("600423083519508503", "600423083519508504", "600423083519508505")
    loras = tuple(Lora(name, weight) for name, weight in zip(names, (-0.5, 0.05, 1.1), strict=True))
    made = plan(GenerationRequest(prompt="x", width=512, height=512, loras=loras), provider)
    told = [[note for note in made.notes if note.field == f"loras[{index}].weight"] for index in range(3)]

    assert [len(notes) for notes in told] == [1, 1, 1]
    assert [note.requested for (note,) in told] == [-0.5, 0.05, 1.1]
    assert told[0][0].status != "exact"  # no vendor documents a negative weight
    assert told[0][0].reason


def test_six_pictures_where_four_are_the_limit_are_two_calls_and_no_seed_is_invented(tmp_path: Path) -> None:
    request = GenerationRequest(prompt="x", width=512, height=512, steps=21, n=6, seed=40)
    with Client(emulated=True, home=tmp_path) as client:
        planned = client.plan(request, "modelslab")
        result = client.generate(request, "modelslab")

    assert [(call.json["samples"], call.json["seed"]) for call in planned.paid_calls] == [(4, 40), (2, 44)]
    assert len({image.sha256 for image in result.images}) == 6
    assert [image.seed for image in result.images] == [40, None, None, None, 44, None]  # one is reported per call


# --- bad input -----------------------------------------------------------------------------------------------------

WRONG = """
prompt = ""
widht = 5
width = 0
steps = "many"
sampler = "no such sampler"
schedule = "no such schedule"
[[loras]]
weight = 0.5
[[loras]]
model = "@x"
wieght = 2
[inpaint]
fill = "lava"
"""
PATHS = [
    "inpaint.fill",
    "loras[0].model",
    "loras[1].wieght",
    "prompt",
    "sampler",
    "schedule",
    "steps",
    "widht",
    "width",
]


@pytest.mark.parametrize("command", ["generate", "plan", "quote", "compare"])
def test_every_fault_of_a_file_is_told_at_once_by_its_path(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong.toml").write_text(WRONG, "utf-8")
    code = main([command, "wrong.toml", "--emulated", "--provider", PROVIDERS[0]])
    said = capsys.readouterr()
    found = sorted(line.strip().partition(": ")[0] for line in said.err.splitlines() if line.startswith("  "))

    assert (code, found, said.out) == (2, PATHS, "")
    assert said.err.startswith("Error: 9 faults in wrong.toml:")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("cut.toml", 'prompt = "x\n', "cut.toml: is not TOML"),
        ("list.json", "[1]", "list.json: GenerationRequest must be a table"),
        (
            "bound.toml",
            'prompt = "x"\nseed = -5',
            "seed: must be a whole number from 0 to 18446744073709551615, not -5",
        ),
    ],
)
def test_a_file_that_is_no_request_is_named(
    name: str, text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(text, "utf-8")

    assert main(["plan", name, "--provider", PROVIDERS[0]]) == 2
    assert told in capsys.readouterr().err


def test_strict_tells_each_reason_once_with_all_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--sampler", "DPM++ SDE Karras", "--clip-skip", "2", "--on-unsupported", "strict")
    code = main(["generate", "x", "--emulated", "--provider", "modelslab", *flags])
    told = capsys.readouterr().err

    assert code == 1
    assert "\n  sampler, schedule: approximated: " in told
    assert "\n  clip_skip: approximated: " in told
    assert told.count("DPMSolverSDEScheduler is not offered") == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_models_download_token_is_in_no_plan_for_people(provider: str, capsys: pytest.CaptureFixture[str]) -> None:
    link = "https://models.example/grain.safetensors?token=canary-9f27"
    for argv in (
        ["plan", "x", "--lora", link],
        ["plan", "x", "--lora", link, "--json"],
        ["generate", "x", "--lora", link],
    ):
        main([*argv, "--emulated", "--provider", provider])
        said = capsys.readouterr()
        assert "canary-9f27" not in said.out + said.err


# --- an emulator that dies, a plugin that is broken ----------------------------------------------------------------


@pytest.fixture
def served() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`imagegen emulate`, as a process of its own."""
    command = [*IMAGEGEN, "emulate", "--port", "0", "--queue"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        url = next(word for word in process.stdout.readline().split() if word.startswith("http://"))
        yield process, url
        process.kill()


class Hasty(random.Random):
    """Draws the shortest of all waits."""

    def uniform(self, a: float, b: float) -> float:
        return a


def test_a_vendor_that_dies_in_mid_job_is_an_error_with_the_job_before_the_deadline(
    served: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, url = served
    settings = {"tams": {"api_key": "emulator-key", "base_url": f"{url}/tams"}}
    heard: list[str] = []

    def end_it(event: object) -> None:
        heard.append(type(event).__name__)
        if any(job for job in client.jobs() if job.state in ("submitted", "running")):
            os.kill(process.pid, signal.SIGKILL)

    with Client(settings=settings, home=tmp_path, dice=Hasty(), on_event=end_it) as client:
        start = time.monotonic()
        job = client.submit(GenerationRequest(prompt="x [emu:slow=60]", width=128, height=128), provider="tams")
        with pytest.raises(ImagegenError) as caught:
            job.result(timeout=30)

    assert time.monotonic() - start < 30
    assert caught.value.job_id == job.id
    assert (caught.value.kind, caught.value.charged) == ("service_unavailable", None)


@pytest.fixture
def broken_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with an entry point whose module cannot be imported."""
    info = tmp_path / "site" / "imagegen_broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: imagegen-broken\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[imagegen]\nbroken = imagegen_broken\n", "utf-8")
    (tmp_path / "site" / "imagegen_broken.py").write_text("import no_such_library\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


@pytest.mark.usefixtures("broken_plugin")
def test_a_plugin_that_cannot_be_imported_is_named_and_does_no_harm() -> None:
    listed = subprocess.run([*IMAGEGEN, "providers", "--json"], capture_output=True, text=True, check=True)
    said = json.loads(listed.stdout)

    reason = "ModuleNotFoundError: No module named 'no_such_library'"
    assert said["broken"] == [{"name": "broken", "reason": reason}]
    assert [one["name"] for one in said["providers"]] == list(PROVIDERS)
    made = subprocess.run(
        [*IMAGEGEN, "generate", "x", "--emulated", "--provider", PROVIDERS[0], "--size", "128x128"], capture_output=True
    )
    assert made.returncode == 0
