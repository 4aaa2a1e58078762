"""
What comes out differently is said before the money and after it: the claims a user relies on when changing vendors.

Every claim here is shown at the emulator or in a plan; the long properties stand in `test_no_silent_drop.py`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from imagegen import Client, GenerationRequest, Lora, plan
from imagegen.cli import main
from imagegen.foreign import read_request
from imagegen.infotext import read
from imagegen.plans import Note
from imagegen.plugins import installed
from imagegen.samplers import a1111_name, parse
from imagegen_modelslab.wire import SCHEDULERS

PROVIDERS = tuple(installed().providers)
ECHOES = tuple(name for name in PROVIDERS if name != "tams")  # whose answers repeat the request (`meta`)
NAMES = json.loads(files("imagegen").joinpath("data/sampler_names.json").read_text("utf-8"))
BIG = 2**64 - 1


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(emulated=True, home=tmp_path / "home") as client:
        yield client


# --- after the call ------------------------------------------------------------------------------------------------


def seen(client: Client, provider: str, mark: str) -> dict[str, Note]:
    """What the vendor's answer proved, when the emulator is told to do otherwise than it was asked."""
    request = GenerationRequest(
        prompt=f"a cat [emu:{mark}]", width=512, height=512, steps=31, seed=7, loras=(Lora("@demo-style", 0.6),)
    )
    return {note.field: note for note in client.generate(request, provider).notes if note.verified}


@pytest.mark.parametrize("provider", ECHOES)
@pytest.mark.parametrize(
    ("mark", "field", "sent", "code"),
    [("ignore_loras", "loras", None, "vendor_ignored"), ("steps=30", "steps", 30, "vendor_changed")],
)
def test_a_vendor_that_ignores_a_lora_or_draws_other_steps_is_caught(
    client: Client, provider: str, mark: str, field: str, sent: Any, code: str
) -> None:
    found = seen(client, provider, mark)

    assert set(found) == {field}
    assert (found[field].status, found[field].sent, found[field].code) == ("approximated", sent, code)
    assert "came back" in found[field].reason or "was ignored" in found[field].reason


@pytest.mark.parametrize("provider", PROVIDERS)
def test_another_seed_than_asked_for_is_caught_and_the_true_one_reported(client: Client, provider: str) -> None:
    request = GenerationRequest(prompt="a cat [emu:seed=99]", width=512, height=512, steps=31, seed=7)
    result = client.generate(request, provider)
    (note,) = [note for note in result.notes if note.verified]

    assert (note.field, note.requested, note.sent) == ("seed", 7, 99)
    assert result.images[0].seed == 99


@pytest.mark.parametrize("mark", ["ignore_loras", "steps=30"])
def test_tams_reports_only_seed_and_size_so_nothing_more_is_claimed(client: Client, mark: str) -> None:
    assert seen(client, "tams", mark) == {}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_vendor_that_did_as_asked_gets_no_verified_note(client: Client, provider: str) -> None:
    assert seen(client, provider, "queue") == {}


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ECHOES)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_listed_scheduler_is_sent_as_it_was_said_or_refused_by_name(provider: str, name: str) -> None:
    assert len(SCHEDULERS) == 18
    made = plan(GenerationRequest(prompt="x", sampler=name, steps=31, width=512, height=512), provider)

    if made.possible:
        assert made.calls[-1].json["scheduler"] == name
        assert installed().provider(provider).samplers().parse(name)[0] in (parse(name)[0], "unipc")  # two of its pairs
    else:  # four of the list cannot make a picture from words
        assert name in {"DDIMInverseScheduler", "IPNDMScheduler", "KarrasVeScheduler", "ScoreSdeVeScheduler"}
        assert made.blockers[0].reason.startswith(name)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", NAMES["samplers"]["a1111"]["values"])
def test_every_a1111_name_reads_back_and_is_never_sent_as_something_unsaid(provider: str, name: str) -> None:
    sampler, schedule = parse(name)
    written = a1111_name(sampler, schedule)
    assert written is not None
    assert written[0] == name
    assert parse(*written)[0] == sampler

    made = plan(GenerationRequest(prompt="x", sampler=name, width=512, height=512), provider)
    table = installed().provider(provider).samplers()
    found = table.find(sampler, schedule)
    if made.possible and made.note("sampler").status == "exact":
        assert found is None or found.sampler == sampler
    elif made.possible:
        assert made.note("sampler").reason
    else:
        assert made.blockers[0].field == "sampler"
        assert made.blockers[0].reason


# --- foreign files -------------------------------------------------------------------------------------------------

A1111 = (
    'a (red:1.2) cat, says "hi": 😀 <lora:grain:0.6>\nNegative prompt: bad, ugly\n'
    "Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 18446744073709551615, "
    "Size: 832x1216, Model hash: 6ce0161689, Model: v1-5-pruned, Clip skip: 2, Version: v1.9.4"
)
COMFY = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl.safetensors"}},
    "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 832, "height": 1216, "batch_size": 1}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a (lighthouse:1.2)", "clip": ["1", 1]}},
    "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly", "clip": ["1", 1]}},
    "5": {
        "class_type": "KSampler",
        "inputs": {
            "seed": BIG,
            "steps": 25,
            "cfg": 6.5,
            "sampler_name": "dpmpp_2m",
            "scheduler": "karras",
            "denoise": 1.0,
            "model": ["1", 0],
            "positive": ["3", 0],
            "negative": ["4", 0],
            "latent_image": ["2", 0],
        },
    },
    "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
    "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "x"}},
}


def png(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


@pytest.mark.parametrize("texts", [{"parameters": A1111}, {"prompt": json.dumps(COMFY)}], ids=["a1111", "comfyui"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_strangers_picture_becomes_a_request_that_plans_with_its_64_bit_seed(
    provider: str, texts: dict[str, str]
) -> None:
    found = read_request(png(**texts)).request
    request = found.evolve(model="@demo-checkpoint", loras=(), on_unsupported="lenient")
    made = plan(request, provider)

    assert (found.seed, found.width, found.height) == (BIG, 832, 1216)
    assert (found.sampler, found.schedule) == ("dpmpp_2m", "karras")
    assert made.possible
    assert (made.note("seed").status, made.note("seed").requested) == ("approximated", BIG)


def test_the_last_prompt_of_a_picture_of_ours_reads_as_it_was_written(client: Client) -> None:
    prompt = 'says "hi", 50%: done\nNegative prompt: no, really\n😀'
    made = client.generate(GenerationRequest(prompt=prompt, seed=5, width=64, height=64, steps=21), "modelslab")

    with Image.open(io.BytesIO(made.images[0].bytes())) as picture:
        assert read(picture.text["parameters"]).prompt == prompt


# --- reasons that a person understands -----------------------------------------------------------------------------

CATALOGUE = """
schema = 1
[[entry]]
name = "xl"
kind = "checkpoint"
family = "sdxl"
vendor = { tams = { id = "600423083519508503" }, modelslab = { id = "xl" } }
[[entry]]
name = "old-grain"
kind = "lora"
family = "sd15"
vendor = { tams = { id = "600423083519508504" }, modelslab = { id = "old-grain" } }
"""


@pytest.mark.parametrize(
    ("flags", "provider", "sentence"),
    [
        (["--model", "@xll"], "tams", "@xll is not in the catalogue as checkpoint; did you mean @xl"),
        (
            ["--model", "@xl", "--lora", "@old-grain"],
            "tams",
            "LoRA @old-grain was made for sd15, the model is sdxl: it cannot act on it",
        ),
        (
            ["--model", "@xl", "--clip-skip", "2"],
            "tams",
            "the penultimate layer is built into sdxl: 1 and 2 draw the same picture",
        ),
        (
            ["--sampler", "Euler a Karras"],
            "modelslab",
            "EulerAncestralDiscreteScheduler has no Karras sigmas and would ignore the flag; "
            "take euler_a with schedule uniform, or euler with karras",
        ),
    ],
    ids=["unknown alias", "SD1.5 LoRA on SDXL", "clip skip 2 on SDXL", "karras with euler_a"],
)
def test_the_reason_is_a_sentence(
    flags: list[str], provider: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "catalogue.toml").write_text(CATALOGUE, "utf-8")
    main(["plan", "x", "--provider", provider, "--json", *flags])
    (made,) = json.loads(capsys.readouterr().out)["plans"]

    reasons = [one["reason"] for one in (*made["blockers"], *made["notes"])]
    assert any(sentence in reason for reason in reasons), reasons


def test_two_vendors_stand_side_by_side_field_by_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "x", "--steps", "30", "--size", "512x512", "--diff", "tams,modelslab", "--json"]) == 0
    rows = {row["field"]: row for row in json.loads(capsys.readouterr().out)["fields"]}

    assert [side["sent"] for side in rows["steps"]["sides"]] == [30, 31]
    assert (rows["steps"]["same"], rows["width"]["same"]) == (False, True)
