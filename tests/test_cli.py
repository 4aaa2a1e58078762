"""The command line as a stranger uses it: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from imagegen import plugins
from imagegen.cli import COMMANDS, main
from imagegen.emulator.asgi import serving
from imagegen.emulator.chassis import open_chassis
from imagegen.emulator.world import Rules
from imagegen.hookspecs import hookimpl

EMULATED = ("--emulated", "--provider", "tams")
GRAPH = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "600423083519508503"}},
    "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["1", 1]}},
    "4": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 5,
            "steps": 20,
            "cfg": 7,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1,
            "model": ["1", 0],
            "positive": ["3", 0],
            "negative": ["3", 0],
            "latent_image": ["2", 0],
        },
    },
    "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
    "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "x"}},
}


@pytest.fixture
def run(capsys):
    """Run a command line; gives (exit code, stdout, stderr)."""

    def call(*argv):
        code = main([str(word) for word in argv])
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return call


@pytest.fixture
def run_json(run):
    def call(*argv):
        code, out, _ = run(*argv, "--json")
        return code, json.loads(out)

    return call


# -- the group --


@pytest.mark.parametrize("name", [name for name, *_ in COMMANDS])
def test_every_command_has_help(run, name):
    code, out, _ = run(name, "--help")
    assert code == 0 and f"imagegen {name}" in out


def test_the_group_lists_every_command(run):
    code, out, _ = run("--help")
    assert code == 0 and all(name in out for name, *_ in COMMANDS)


def test_importing_the_group_imports_nothing_heavy():
    code = "import sys, imagegen.cli; print(sorted({'httpx', 'PIL', 'rich', 'cyclopts', 'cattrs'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "argv",
    [
        ("bogus",),
        ("generate",),
        ("generate", "x", "--bogus"),
        ("generate", "x", "--timeout", "soon"),
        ("emulate", "--port", "99999"),
        ("emulate", "--speed", "0"),
        ("jobs", "list", "--state", "happy"),
        ("jobs", "show", "ig-nothing"),
        ("jobs", "resolve", "ig-nothing"),
        ("jobs", "prune", "--older-than", "long"),
        ("providers", "show", "nobody"),
        ("models", "show", "@nothing"),
        ("models", "list", "--kind", "car"),
        ("samplers", "no such sampler"),
        ("workflow", "run", "nothing.json", *EMULATED),
        ("template", "run", "676018193025756628", "--field", "25", *EMULATED),
        ("interrogate", "nothing.png", *EMULATED),
        ("plan", "x", "--diff", "tams"),
        ("generate", "x", "--max-price", "much", *EMULATED),
        ("load-model", "", "--as", "x", "--emulated", "--provider", "stablediffusionapi"),
    ],
)
def test_bad_input_ends_with_2_and_says_so_in_words_and_in_json(run, argv):
    code, out, err = run(*argv)
    assert (code, out) == (2, "") and err.startswith("Error: ")

    code, out, _ = run(*argv, "--json")
    assert code == 2 and json.loads(out)["error"]["kind"] in ("invalid_input", "not_configured")


def test_a_plugin_may_bring_a_command_and_a_broken_one_is_named(run, monkeypatch):
    class Good:
        @hookimpl
        def imagegen_commands(self, app):
            app.command(lambda: print("hello from afar"), name="hello")

    class Bad:
        @hookimpl
        def imagegen_commands(self, app):
            raise RuntimeError("no")

    registry = plugins.load([("good", Good()), ("bad", Bad())])
    monkeypatch.setattr(plugins, "installed", lambda: registry)

    code, out, err = run("hello")

    assert (code, out) == (0, "hello from afar\n")
    assert "Plugin bad could not add its commands: no" in err


# -- generate --


def test_one_picture_is_made_and_told(run, tmp_path):
    code, out, err = run("generate", "a lighthouse", "--size", "512x512", "--seed", "7", *EMULATED, "-o", "out")

    (file,) = Path("out").glob("*.png")
    assert code == 0
    assert f"{file}  512x512, seed 7" in out
    assert "it is emulated" in out
    assert "tams: accepted as" in err


def test_the_json_of_generate_is_the_documented_one(run_json):
    code, said = run_json("generate", "a lighthouse", "--seed", "7", *EMULATED, "-o", "out")

    (result,) = said["results"]
    (image,) = result["images"]
    assert (code, said["errors"]) == (0, [])
    assert {"provider", "job_id", "images", "notes", "seconds"} <= result.keys()
    assert {"path", "sha256", "width", "height", "seed", "source_url"} <= image.keys()
    assert (result["provider"], image["seed"]) == ("tams", 7)
    assert Path(image["path"]).is_file()


def test_several_providers_are_asked_side_by_side_and_a_failure_stops_nobody(run_json):
    code, said = run_json(
        "generate",
        "a lighthouse",
        *EMULATED,
        "--provider",
        "modelslab",
        "--lora",
        "tams:123456789012345678",
        "-o",
        "out",
    )

    assert code == 3
    assert [result["provider"] for result in said["results"]] == ["tams"]
    assert [error["provider"] for error in said["errors"]] == ["modelslab"]


def test_a_sheet_shows_all_pictures_and_is_the_same_twice(run):
    argv = ("generate", "a lighthouse", "--seed", "7", *EMULATED, "--provider", "modelslab", "-o", "out", "--sheet")

    assert run(*argv, "one.png")[0] == run(*argv, "two.png")[0] == 0

    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()


def test_what_a_vendor_refuses_is_said_once(run):
    Image.new("RGB", (64, 64)).save("guide.png")
    code, _, err = run("detect", "guide.png", "--module", "bogus", *EMULATED)
    assert code == 1 and err.count("bogus") == 1


def test_a_recording_is_never_told_to_be_emulated(run):
    code, _, err = run("record", "x", "--provider", "tams", "-o", "x.yaml")
    assert code == 2 and "--emulated" not in err and "imagegen providers show tams" in err


def test_what_comes_out_differently_is_told_in_groups(run):
    code, out, _ = run("generate", "x", "--steps", "30", "--emulated", "--provider", "modelslab", "-o", "out")
    assert code == 0 and "steps 30 → 31" in out


def test_every_fault_is_listed_by_its_path(run):
    code, _, err = run("generate", "", "--size", "0x0", "--steps", "no", "--lora", "=1", *EMULATED)

    assert code == 2
    for path in ("prompt:", "width:", "height:", "steps:", "loras[0].model:"):
        assert f"\n  {path}" in err


def test_bad_input_keeps_the_shape_of_generates_json(run_json):
    code, said = run_json("generate", "x", "--steps", "no", *EMULATED)
    assert (code, said["results"], said["errors"][0]["kind"]) == (2, [], "invalid_input")
    assert said["error"]["faults"] == [{"path": "steps", "message": "must be a whole number, not 'no'"}]


def test_nothing_made_ends_with_1(run_json):
    code, said = run_json("generate", "x [emu:fail]", *EMULATED)
    assert (code, said["results"], said["errors"][0]["kind"]) == (1, [], "job_failed")


def test_without_a_provider_it_says_whom_to_name(run):
    code, _, err = run("generate", "x", "--emulated")
    assert code == 2 and "these can be emulated: modelslab, stablediffusionapi" in err and "--provider NAME" in err

    code, _, err = run("generate", "x")
    assert code == 2 and "none has a key" in err and "TAMS_API_KEY" in err


def test_the_configured_default_is_taken(run, tmp_path):
    Path("imagegen.toml").write_text('default_provider = "tams"\n')
    assert run("generate", "x", "--emulated", "-o", "out")[0] == 0


def test_the_same_idempotency_key_is_the_same_job(run_json):
    argv = ("generate", "x", *EMULATED, "-o", "out", "--idempotency-key", "scene-1")
    first, second = run_json(*argv)[1], run_json(*argv)[1]
    assert first["results"][0]["job_id"] == second["results"][0]["job_id"]


# -- money --


def test_where_nobody_can_be_asked_spending_needs_a_word(run, monkeypatch):
    monkeypatch.setenv("TAMS_API_KEY", "a-real-one")

    code, _, err = run("generate", "x", "--provider", "tams")

    assert code == 2
    assert "this costs money ($0.0042)" in err and "--yes, or --max-price" in err and "Nothing was sent" in err


def test_a_price_above_the_limit_is_refused_before_anything_is_sent(run, monkeypatch):
    monkeypatch.setenv("TAMS_API_KEY", "a-real-one")
    code, _, err = run("generate", "x", "--provider", "tams", "--max-price", "0.001")
    assert code == 1 and "more than --max-price 0.001" in err


def test_a_limit_refuses_what_has_no_known_price(run, monkeypatch):
    monkeypatch.setenv("MODELSLAB_API_KEY", "a-real-one")
    code, _, err = run("generate", "x", "--provider", "modelslab", "--max-price", "1")
    assert code == 1 and "no known price" in err and "--allow-unpriced" in err


def test_the_emulator_is_never_asked_about_money(run):
    assert run("generate", "x", *EMULATED, "-o", "out")[0] == 0


# -- looking --


def test_a_plan_shows_the_calls_and_the_notes_and_sends_nothing(run):
    code, out, err = run("plan", "a lighthouse", "--steps", "30", "--provider", "tams", "--provider", "modelslab")

    assert (code, err) == (0, "")
    assert "POST https://ap-east-1.tensorart.cloud/v1/jobs" in out and '"requestId": "<requestId>"' in out
    assert "steps 30 → 31" in out and "price: $" in out and "price: unknown" in out


def test_a_plan_as_json_is_the_librarys(run_json):
    import imagegen

    code, said = run_json("plan", "a lighthouse", "--provider", "tams")
    request = imagegen.GenerationRequest(prompt="a lighthouse")

    (plan,) = said["plans"]
    price = plan.pop("price")
    assert code == 0 and plan == json.loads(json.dumps(imagegen.plan(request, provider="tams").as_dict()))
    assert price["amount"] is not None


def test_a_plan_that_is_blocked_says_why_once_and_ends_with_1(run):
    code, out, _ = run("plan", "x", "--lora", "@nothing", "--provider", "tams")
    assert code == 1 and out.count("cannot do this: loras[0].model") == 1


def test_two_plans_stand_side_by_side(run, run_json):
    code, out, _ = run("plan", "x", "--steps", "30", "--diff", "tams,modelslab")
    assert code == 0 and "asked for" in out and "adjusted" in out

    _, said = run_json("plan", "x", "--steps", "30", "--diff", "tams,modelslab")
    steps = next(row for row in said["fields"] if row["field"] == "steps")
    assert [side["sent"] for side in steps["sides"]] == [30, 31] and steps["same"] is False


def test_a_quote_says_unknown_and_never_0(run, run_json):
    code, out, _ = run("quote", "x", "--provider", "modelslab")
    assert code == 0 and "unknown" in out

    _, said = run_json("quote", "x", "--provider", "modelslab", "--provider", "tams")
    assert [quote["amount"] is None for quote in said["quotes"]] == [True, False]


def test_providers_are_listed_with_what_they_need(run, run_json, monkeypatch):
    monkeypatch.setenv("TAMS_API_KEY", "k")
    _, said = run_json("providers")
    assert {one["name"]: one["ready"] for one in said["providers"]}["tams"] is True

    code, out, _ = run("providers")
    assert code == 0 and "modelslab needs MODELSLAB_API_KEY" in out


def test_all_of_one_provider_can_be_read(run, run_json):
    code, out, _ = run("providers", "show", "tams")
    assert code == 0 and "TAMS_API_KEY" in out and "GenerationRequest" in out

    _, said = run_json("providers", "show", "tams")
    assert said["capabilities"]["GenerationRequest"]["width"] == "512 to 1536, in steps of 64"


def test_a_broken_plugin_is_named(run_json, monkeypatch):
    registry = plugins.load([])
    broken = plugins.Registry(
        manager=registry.manager, providers={}, broken=(plugins.Broken(name="acme", reason="ImportError: no"),)
    )
    monkeypatch.setattr(plugins, "installed", lambda: broken)
    assert run_json("providers")[1]["broken"] == [{"name": "acme", "reason": "ImportError: no"}]


def test_config_tells_origins_and_no_secret(run, run_json, monkeypatch):
    monkeypatch.setenv("TAMS_API_KEY", "canary-4711")
    Path("imagegen.toml").write_text('[providers.modelslab]\napi_key = "canary-4712"\n')

    _, out, _ = run("config")
    _, said = run_json("config")

    assert "canary" not in out + json.dumps(said)
    assert said["providers"]["tams"]["api_key"] == {"value": "env:TAMS_API_KEY", "origin": "environment TAMS_API_KEY"}
    assert said["providers"]["modelslab"]["api_key"]["value"] == "<secret>"


def test_a_sampler_is_shown_in_every_tongue(run, run_json):
    code, out, _ = run("samplers", "DPM++ 2M Karras", "--provider", "tams")
    assert code == 0 and "DPMSolverMultistepScheduler" in out and "exact" in out

    _, said = run_json("samplers", "--provider", "tams")
    assert len(said) > 40 and all("tams" in row["providers"] for row in said)


def test_a_reference_is_resolved_everywhere(run_json):
    code, said = run_json("models", "resolve", "@demo-style")
    assert code == 0 and said["tams"]["id"] and said["tams"]["match"] == "substitute"

    code, said = run_json("models", "resolve", "@demo-stile")
    assert code == 1 and all(one["id"] is None and one["problem"] for one in said.values())


def test_the_catalogue_is_listed_and_shown(run, run_json):
    assert "@demo-style" in run("models", "list")[1]
    assert [one["kind"] for one in run_json("models", "list", "--kind", "lora")[1]].count("checkpoint") == 0
    assert run_json("models", "show", "@demo-style")[1]["vendor"]["tams"]["id"]
    assert run_json("models", "show", "600423083519508503", *EMULATED)[1]["tams"]["id"] == "600423083519508503"


# -- other things to make --


def test_a_graph_is_checked_free_of_charge_and_run(run, run_json, tmp_path):
    Path("g.json").write_text(json.dumps({"prompt": GRAPH}))

    code, said = run_json("workflow", "check", "g.json", *EMULATED)
    assert code == 0 and said["checks"][0]["checked"]["total"]
    assert run("workflow", "run", "g.json", *EMULATED, "-o", "out")[0] == 0


def test_a_broken_graph_is_named_by_its_node(run, run_json):
    graph = json.loads(json.dumps(GRAPH))
    graph["4"]["inputs"]["model"] = ["44", 0]
    Path("g.json").write_text(json.dumps(graph))

    code, out, _ = run("workflow", "check", "g.json", *EMULATED)
    assert code == 1 and "graph.4.inputs.model" in out


def test_a_graph_of_the_editor_is_told_apart(run):
    Path("g.json").write_text('{"nodes": [], "links": []}')
    code, _, err = run("workflow", "run", "g.json", *EMULATED)
    assert code == 2 and "export it in API format" in err


def test_a_template_is_shown_and_its_missing_field_is_named(run, run_json):
    _, said = run_json("template", "show", "676018193025756628", *EMULATED)
    assert {field["field"] for field in said["tams"]["fields"]} == {"25:image", "27:text"}

    code, _, err = run("template", "check", "676018193025756628", "--field", "27:text=1 girl", *EMULATED)
    assert code == 1 and "25:image" in err


def test_a_picture_is_put_into_words(run, run_json):
    _, said = run_json("generate", "a lighthouse", *EMULATED, "-o", "out")
    file = said["results"][0]["images"][0]["path"]

    code, out, _ = run("interrogate", file, *EMULATED)
    assert code == 0 and "a lighthouse" in out
    code, said = run_json("detect", file, "--module", "canny", *EMULATED)
    assert code == 0 and said["results"][0]["provider"] == "tams"


def test_a_loaded_model_is_remembered_by_the_emulator(run, run_json):
    where = ("--emulated", "--provider", "stablediffusionapi")
    load = ("load-model", "https://civitai.com/api/download/models/119057", "--as", "meina", *where)

    assert run(*load)[0] == 0
    assert run("generate", "a cat", "--model", "meina", *where, "-o", "out")[0] == 0


# -- jobs --


def test_jobs_are_listed_shown_exported_and_pruned(run, run_json):
    made = run_json("generate", "a lighthouse", "--label", "project=film", *EMULATED, "-o", "out")[1]
    job = made["results"][0]["job_id"]

    (listed,) = run_json("jobs", "list", "--label", "project=film")[1]
    assert {"id", "provider", "state", "cost"} <= listed.keys()
    assert (listed["id"], listed["state"]) == (job, "succeeded")
    assert run_json("jobs", "list", "--real")[1] == []
    assert job in run("jobs", "list")[1] and "a lighthouse" in run("jobs", "show", job[:8])[1]
    assert run_json("jobs", "watch", job)[1]["results"][0]["job_id"] == job
    assert json.loads(run("jobs", "export")[1])["id"] == job
    assert run_json("jobs", "cancel", job)[1] == {"id": job, "state": "succeeded", "confirmed": False}
    assert run_json("jobs", "prune", "--older-than", "0s")[1] == {"pruned": 0, "would_prune": 1}
    assert run_json("jobs", "prune", "--older-than", "0s", "--yes")[1]["pruned"] == 1
    assert run("jobs", "list")[1] == "no jobs\n"


def test_only_an_unknown_job_can_be_resolved(run, run_json):
    made = run_json("generate", "x", *EMULATED, "-o", "out")[1]
    code, _, err = run("jobs", "resolve", made["results"][0]["job_id"], "--not-charged")
    assert code == 2 and "nothing to resolve" in err


def test_an_unknown_outcome_ends_with_4_and_a_person_decides(run, run_json):
    code, said = run_json("generate", "x [emu:drop]", "--emulated", "--provider", "modelslab", "-o", "out")
    job = said["errors"][0]["job_id"]

    assert (code, said["error"]["kind"]) == (4, "outcome_unknown")
    assert run("jobs", "show", job)[0] == 4
    code, out, _ = run("reconcile", "--emulated")
    assert code == 4 and f"imagegen jobs resolve {job} --charged" in out
    assert run_json("jobs", "resolve", job, "--charged")[1]["state"] == "failed"
    assert run("reconcile", "--emulated")[0] == 0

    code, _, err = run("jobs", "watch", job)
    assert code == 1 and "a person looked at the vendor's site: it was charged" in err
    code, out, _ = run("jobs", "show", job)
    assert code == 0 and "comes out differently" not in out


def test_nothing_to_pick_up_is_said(run):
    assert run("reconcile")[:2] == (0, "nothing to pick up\n")


def test_the_doctor_finds_a_damaged_ledger(run_json, run):
    run("generate", "x", *EMULATED, "-o", "out")
    code, said = run_json("doctor", "--offline")
    assert code == 0 and said["good"]

    ledger = next(Path().glob("**/ledger.sqlite3"))
    ledger.write_bytes(b"not a database" * 1000)
    code, said = run_json("doctor", "--offline")
    assert code == 2 and any(one["what"] == "ledger" and one["verdict"] == "bad" for one in said["findings"])


def test_the_doctor_finds_a_secret_that_is_not_there(run_json):
    Path("imagegen.toml").write_text('[providers.tams]\napi_key = "env:NOT_SET"\n')
    code, said = run_json("doctor", "--offline")
    assert (
        code == 2 and {"what": "tams key", "verdict": "bad", "words": "no value behind env:NOT_SET"} in said["findings"]
    )


# -- the served emulator --


def test_deviations_are_listed_per_emulator(run_json):
    assert {"tams", "modelslab", "stablediffusionapi"} <= run_json("emulate", "--deviations")[1].keys()


def test_hosts_are_seen_to_answer_or_not(run_json, monkeypatch):
    for name in ("MODELSLAB", "STABLEDIFFUSIONAPI", "STABLEDIFFUSIONAPI_ENTERPRISE"):
        monkeypatch.setenv(f"{name}_BASE_URL", "http://127.0.0.1:9")
    with serving(open_chassis()) as url:
        monkeypatch.setenv("TAMS_BASE_URL", f"{url}/tams")
        code, said = run_json("doctor")

    verdicts = {one["what"]: one["verdict"] for one in said["findings"]}
    assert (code, verdicts["tams host"], verdicts["modelslab host"]) == (2, "good", "bad")


def test_ctrl_c_ends_with_130_and_says_how_to_pick_it_up(monkeypatch, run_json):
    with serving(open_chassis(rules=Rules(queue=True))) as url:
        monkeypatch.setenv("TAMS_BASE_URL", f"{url}/tams")
        monkeypatch.setenv("TAMS_API_KEY", "emulator-key")
        argv = [sys.executable, "-c", "import sys; from imagegen.cli import main; sys.exit(main())"]
        argv += ["generate", "x [emu:slow=60]", "--provider", "tams", "-o", "out"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while (line := process.stderr.readline()) and "accepted" not in line:
                pass  # an empty line is the end: the process is over, and the test fails below
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
        (job,) = run_json("jobs", "list")[1]

        assert process.returncode == 130
        assert "Interrupted." in err and "imagegen reconcile" in err and "Traceback" not in err
        assert f"imagegen jobs cancel {job['id']}" in err
        assert job["state"] in ("submitted", "running")
        assert run_json("jobs", "cancel", job["id"])[1]["confirmed"] is True
