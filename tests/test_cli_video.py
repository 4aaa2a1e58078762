"""`imagegen video`: from words, pictures or a file to a video on disk, and what is said about it before and after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from imagegen import InvalidInput, Lora, VideoRequest
from imagegen.cli import main
from imagegen.cli.video import VideoFlags, read_video

MODEL = "600423083519508503"
AT = ("--provider", "tams", "--emulated")
SMALL = ("--model", MODEL, "--size", "192x128", "--frames", "4", "--fps", "6")


@pytest.fixture
def run(capsys):
    """Run `imagegen video`; gives (exit code, stdout, stderr)."""

    def call(*argv):
        code = main(["video", *(str(word) for word in argv)])
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


def picture(path: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((192, 128), 80).convert("RGB").save(path)
    return path


# -- made --


def test_a_video_is_made_and_moves(run, run_json):
    code, out, _ = run("waves", *SMALL, *AT, "-o", "out")

    (file,) = Path("out").glob("*.webp")
    with Image.open(file) as video:
        assert (video.size, video.n_frames) == ((192, 128), 4)
    assert code == 0
    assert f"{file}  192x128" in out and "it is emulated" in out

    (result,) = run_json("waves", *SMALL, *AT)[1]["results"]
    assert (result["images"], len(result["videos"])) == ([], 1)
    assert result["videos"][0]["media_type"] == "image/webp"


def test_it_begins_with_a_picture_under_either_name(run_json):
    for name in ("--start-image", "--init-image"):
        code, said = run_json("waves", name, picture("first.png"), *SMALL, *AT)
        notes = {note["field"]: note["status"] for note in said["results"][0]["notes"]}
        assert (code, notes["start_image"]) == (0, "exact")


def test_the_faster_way_costs_less(run_json):
    argv = ("waves", "--model", "@v", "--plan", "--provider", "tams")
    Path("catalogue.toml").write_text(
        f'schema = 1\n[[entry]]\nname = "v"\ntitle = "HUNYUANVIDEO"\nkind = "checkpoint"\n'
        f'[entry.vendor.tams]\nid = "{MODEL}"\n'
    )

    usual, fast = (float(run_json(*argv, *more)[1]["plans"][0]["price"]["amount"]) for more in ((), ("--fast",)))

    assert fast < usual


# -- looked at --


def test_a_plan_shows_the_call_and_the_price_and_sends_nothing(run, capsys):
    code, out, err = run("waves", *SMALL, "--plan", "--provider", "tams")

    assert (code, err) == (0, "")
    assert '"videoDiffusion"' in out and '"totalFrames": 4' in out and "price: $" in out
    main(["jobs", "list", "--emulated", "--json"])
    assert json.loads(capsys.readouterr().out) == []


def test_who_makes_no_videos_says_what_it_makes(run):
    code, out, _ = run("waves", *SMALL, "--plan", "--provider", "modelslab")

    assert code == 1
    assert "VideoRequest; it takes: GenerationRequest" in " ".join(out.split())


def test_without_a_model_it_is_not_made(run):
    code, out, err = run("waves", *AT)

    assert (code, out) == (1, "")
    assert "a video needs a model" in err


def test_spending_needs_a_word_where_nobody_can_be_asked(run, monkeypatch):
    monkeypatch.setenv("TAMS_API_KEY", "a-real-one")
    code, _, err = run("waves", *SMALL, "--provider", "tams")

    assert code == 2
    assert "this costs money ($" in err and "Nothing was sent" in err


# -- from words to a request --


def test_flags_say_what_a_request_says():
    flags = VideoFlags(
        negative="people",
        size="640x384",
        frames="10",
        fps="12",
        fast=True,
        model="@m",
        lora=("@grain=0.6",),
        start_image="a.png",
        end_image="b.png",
        control_video="tams:94e1cbc2-871e",
        control_module="depth",
        on_unsupported="strict",
        option=("acme.tint=3",),
        label=("project=film",),
    )

    assert read_video("waves", flags) == VideoRequest(
        prompt="waves",
        negative_prompt="people",
        width=640,
        height=384,
        frames=10,
        fps=12,
        fast=True,
        model="@m",
        loras=(Lora("@grain", 0.6),),
        start_image="a.png",
        end_image="b.png",
        control_video="tams:94e1cbc2-871e",
        control_module="depth",
        on_unsupported="strict",
        provider_options={"acme": {"tint": 3}},
        labels={"project": "film"},
    )


@pytest.mark.parametrize("name", ["wave.toml", "wave.json"])
def test_a_file_is_overridden_by_flags_and_its_pictures_lie_beside_it(tmp_path, name):
    words = {"prompt": "waves", "frames": 8, "start_image": "a.png", "labels": {"project": "film", "scene": "1"}}
    lines = 'prompt = "waves"\nframes = 8\nstart_image = "a.png"\nlabels = {project = "film", scene = "1"}\n'
    file = tmp_path / "films" / name
    file.parent.mkdir()
    file.write_text(lines if name.endswith("toml") else json.dumps(words))

    made = read_video(str(file), VideoFlags(frames="4", label=("scene=2",)))

    assert (made.prompt, made.frames, made.fps) == ("waves", 4, 8)
    assert made.labels == {"project": "film", "scene": "2"}
    assert made.start_image.source == str(tmp_path / "films" / "a.png")


def test_every_fault_of_a_command_line_is_said_at_once():
    flags = VideoFlags(size="big", frames="0", fps="many", lora=("=1",), option=("x=1",))

    with pytest.raises(InvalidInput) as caught:
        read_video("", flags)

    assert [fault.path for fault in caught.value.faults] == [
        "prompt",
        "frames",
        "fps",
        "loras[0].model",
        "size",
        "option",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompt = ", "wave.toml"),
        ('prompt = "x"\nsteps = 3\n', "steps: is not a field"),
        ("prompt = 'x'\nfast = 3", "fast"),
    ],
)
def test_a_file_that_is_wrong_is_named(run, text, said):
    Path("wave.toml").write_text(text)

    code, out, err = run("wave.toml", *AT)

    assert (code, out) == (2, "") and said in err


@pytest.mark.parametrize(
    "argv", [("nothing.toml", *AT), ("", *AT), ("x", "--frames", "none", *AT), ("x", "--sharp", *AT)]
)
def test_bad_input_ends_with_2_and_keeps_its_shape_as_json(run, run_json, argv):
    assert run(*argv)[0] == 2
    assert run_json(*argv)[1]["error"]["kind"] == "invalid_input"
