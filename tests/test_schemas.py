"""What every command prints with `--json` is as docs/schemas says: real outputs, word for word, nothing unnamed."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from outsider import ROOT
from PIL import Image
from referencing import Registry, Resource

from imagegen import planning
from imagegen.cli import COMMANDS, main

SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in (ROOT / "docs" / "schemas").glob("*.json")}
REGISTRY = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items())
AT = ("--provider", "tams", "--emulated")
EVERYWHERE = ("--provider", "tams", "--provider", "modelslab")
LOAD = ("https://example.com/m.safetensors", "--as", "mine", "--provider", "stablediffusionapi", "--emulated")
ADD = ("--from", "https://civitai.com/models/1?modelVersionId=2", "--name", "mine", "--kind", "lora")

# (schema, the command line); {job}, {image}, {graph} and {out} are put in.
RUNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("results", ("generate", "a lighthouse [emu:steps=5]", "--label", "a=b", *EVERYWHERE, "--emulated")),
    ("results", ("generate", "", *AT)),
    ("results", ("generate", "[emu:fail]", *AT)),
    ("results", ("rerun", "{image}", *AT)),
    ("results", ("route", "a lighthouse", "--lora", "modelslab:add-detail", *EVERYWHERE, "--emulated")),
    ("results", ("route", "a lighthouse [emu:http=402]", *EVERYWHERE, "--emulated")),
    ("results", ("route", "a lighthouse", "--emulated")),
    ("route", ("route", "a lighthouse", "--lora", "modelslab:add-detail", *EVERYWHERE, "--plan", "--emulated")),
    ("results", ("video", "waves", "--model", "600423083519508503", "--size", "192x128", "--frames", "2", *AT)),
    ("plans", ("video", "waves", "--model", "600423083519508503", "--plan", *AT)),
    ("results", ("load-model", *LOAD)),
    ("results", ("interrogate", "{image}", *AT)),
    ("results", ("detect", "{image}", "--module", "canny", *AT)),
    ("results", ("workflow", "run", "{graph}", *AT)),
    ("results", ("template", "run", "676018193025756628", "--field", "27:text=1 girl", "--field", "25:image={image}", *AT)),
    ("results", ("jobs", "watch", "{job}")),
    ("checks", ("workflow", "check", "{graph}", *AT)),
    ("checks", ("template", "check", "676018193025756628", "--field", "27:text=1 girl", *AT)),
    ("template", ("template", "show", "676018193025756628", *AT)),
    ("plans", ("plan", "a lighthouse", "--clip-skip", "2", *EVERYWHERE)),
    ("plans", ("plan", "a lighthouse", "--lora", "@nobody", "--provider", "tams")),
    ("plan-diff", ("plan", "a lighthouse", "--diff", "tams,modelslab")),
    ("quotes", ("quote", "a lighthouse", *EVERYWHERE)),
    ("quotes", ("quote", "a lighthouse", "--live", *AT)),
    ("compare", ("compare", "a lighthouse", "--emulated")),
    ("compare", ("compare", "a lighthouse", "--emulated", "--live", "--run", "-o", "{out}", *EVERYWHERE)),
    ("grid", ("grid", "a lighthouse", "--x", "provider=tams,modelslab", "--y", "steps=21,31", "--emulated", "-o", "{out}")),
    ("inspection", ("inspect", "{image}")),
    ("samplers", ("samplers", "euler_a")),
    ("models", ("models", "list")),
    ("model", ("models", "show", "@demo-style")),
    ("resolutions", ("models", "resolve", "@demo-style")),
    ("resolutions", ("models", "resolve", "hf:org/nothing")),
    ("model-added", ("models", "add", *ADD)),
    ("jobs", ("jobs", "list")),
    ("job", ("jobs", "show", "{job}")),
    ("job-canceled", ("jobs", "cancel", "{job}")),
    ("error", ("jobs", "resolve", "{job}", "--charged")),
    ("error", ("jobs", "show", "ig-nobody")),
    ("compare", ("compare", "a lighthouse", "--provider", "nobody")),
    ("error", ("generate", "--no-such-flag")),
    ("job-list-full", ("jobs", "export")),
    ("jobs-pruned", ("jobs", "prune", "--older-than", "0d", "--yes")),
    ("reconciled", ("reconcile",)),
    ("reconciled", ("reconcile", "--emulated")),
    ("costs", ("costs", "--emulated")),
    ("costs", ("costs",)),
    ("budget-set", ("budget", "set", "5", "--per", "day")),
    ("budgets", ("budget", "show")),
    ("budget-removed", ("budget", "remove", "--per", "day")),
    ("prices", ("prices", "show")),
    ("prices-set", ("prices", "set", "modelslab", "0.0047", "--here")),
    ("providers", ("providers",)),
    ("provider", ("providers", "show", "tams")),
    ("provider", ("providers", "show", "stablediffusionapi")),
    ("config", ("config",)),
    ("findings", ("doctor", "--offline")),
    ("deviations", ("emulate", "--deviations")),
)  # fmt: skip
NOT_RUN = {
    "record": "pays, and writes a cassette; see tests/test_cassettes.py",
}


def say(*argv: str) -> Any:
    """Run a command line with --json; return what was on stdout."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        main([*argv, "--json"])
    return json.loads(out.getvalue())


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Run everything once, in one home, one after the other."""
    folder = tmp_path_factory.mktemp("json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGEGEN_HOME", str(folder / "home"))
        patch.setenv("IMAGEGEN_CONFIG", str(folder / "config"))
        patch.chdir(folder)
        planning.desk.cache_clear()
        first = say("generate", "a lighthouse", "--seed", "7", *AT)["results"][0]
        names = {
            "job": first["job_id"],
            "image": first["images"][0]["path"],
            "graph": str(graph(folder)),
            "out": str(folder / "out"),
        }
        return [say(*(word.format(**names) if "{" in word else word for word in argv)) for _, argv in RUNS]


def graph(folder: Path) -> Path:
    """Write a small ComfyUI graph."""
    nodes = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "600423083519508503"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["1", 1]}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["1", 1]}},
        "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
        "5": {
            "class_type": "KSampler",
            "inputs": {
                "model": ["1", 0],
                "positive": ["2", 0],
                "negative": ["3", 0],
                "latent_image": ["4", 0],
                "seed": 7,
                "steps": 20,
                "cfg": 7.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1.0,
            },
        },
        "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
        "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "x"}},
    }
    path = folder / "graph.json"
    path.write_text(json.dumps(nodes))
    return path


@pytest.mark.parametrize("number", range(len(RUNS)), ids=[" ".join(argv)[:60] for _, argv in RUNS])
def test_a_command_prints_what_its_schema_says(said: list[Any], number: int) -> None:
    schema = SCHEMAS[f"{RUNS[number][0]}.json"]
    validator = Draft202012Validator(schema, registry=REGISTRY)

    faults = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(said[number])]

    assert faults == []


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_one_and_is_used(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["description"]
    assert name.removesuffix(".json") in {"common", *(schema for schema, _ in RUNS)}


def test_every_command_is_run() -> None:
    assert {name for name, *_ in COMMANDS} == {argv[0] for _, argv in RUNS} | set(NOT_RUN)


def test_no_picture_was_needed_from_outside(said: list[Any]) -> None:
    with Image.open(said[0]["results"][0]["images"][0]["path"]) as image:
        assert image.size == (512, 512)
