"""X/Y grids: A1111's value syntax, the cells of a grid, and the sheet of them."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagegen import GenerationRequest, InvalidInput, Lora
from imagegen.cli import main
from imagegen.cli.grid import UnderWay
from imagegen.events import Event
from imagegen.grid import NOBODY, Axis, Drawn, cells, draw, expand, told
from imagegen.plans import Note

REQUEST = GenerationRequest(prompt="a cat in the fog", steps=21, seed=1, loras=(Lora("@one", 0.5),))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("21,31,41", "21 31 41"),
        ("1-5", "1 2 3 4 5"),
        ("1-5(+2)", "1 3 5"),
        ("1-5 (+2)", "1 3 5"),
        ("10-5 (-3)", "10 7"),
        ("-3--1", "-3 -2 -1"),
        ("5-6(+0.5)", "5 5.5 6"),
        ("0.1-0.3(+0.1)", "0.1 0.2 0.3"),
        ("0-1[3]", "0 0.5 1"),
        ("7", "7"),
        ("1-3, 10, 3", "1 2 3 10"),
    ],
)
def test_values_as_a1111_writes_them(text, values):
    assert expand(text) == tuple(values.split())


def test_evenly_spaced_whole_numbers_are_cut_as_a1111_does():
    assert expand("10-50[5]", whole=True) == ("10", "20", "30", "40", "50")
    assert expand("1-10 [4]", whole=True) == ("1", "4", "7", "10")
    assert expand("1-2[3]", whole=True) == ("1", "2")


def test_words_are_no_ranges_and_quotes_keep_a_comma():
    assert expand('1-5, "a, b"', words_only=True) == ("1-5", "a, b")


@pytest.mark.parametrize("wrong", ["", "1,,2", "5-1", "1-5(-1)", "1-5(0)", "1-100000", "1-5[0]", "1-5[9999]"])
def test_what_leads_nowhere_is_said(wrong):
    with pytest.raises(InvalidInput):
        expand(wrong)


@given(st.integers(-99, 99), st.integers(0, 50), st.integers(1, 9))
def test_a_range_has_both_ends_when_the_step_fits(first, count, step):
    last = first + count * step
    values = expand(f"{first}-{last}(+{step})")
    assert [int(value) for value in values] == list(range(first, last + 1, step))


def test_cells_go_row_by_row_over_providers_and_fields():
    made = cells(REQUEST, Axis.of("provider=a,b", "x"), Axis.of("steps=21,31", "y"))
    assert [(one.column, one.row, one.provider, one.request.steps) for one in made] == [
        (0, 0, "a", 21),
        (1, 0, "b", 21),
        (0, 1, "a", 31),
        (1, 1, "b", 31),
    ]


@pytest.mark.parametrize(
    ("axis", "read"),
    [
        ("loras[0].weight=0.2", lambda request: request.loras[0].weight == 0.2),
        ("size=256x512", lambda request: (request.width, request.height) == (256, 512)),
        ("guidance_scale=4", lambda request: request.cfg_scale == 4),
        ("replace=fog,rain", lambda request: request.prompt == "a cat in the rain"),
        ("sampler=euler", lambda request: request.sampler == "euler"),
        ("seed=7", lambda request: request.seed == 7),
    ],
)
def test_any_field_can_vary_in_any_spelling(axis, read):
    assert read(cells(REQUEST, Axis.of(axis, "x"))[-1].request)


def test_every_fault_of_every_value_is_said_once():
    with pytest.raises(InvalidInput) as caught:
        cells(REQUEST, Axis.of("steps=0,21,500", "x"), Axis.of("lorus=1,2", "y"))
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ("steps", "seed=1", "must look like steps="),
        ("steps=1", "steps=2", "as x does"),
        ("replace=mist,rain", "seed=1", "no 'mist'"),
        ("loras[3].weight=1", "seed=1", "is not in this request"),
        ("seed=1-300", "steps=1-3", "more than 400 pictures"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(x, y, said):
    with pytest.raises(InvalidInput, match=said):
        cells(REQUEST, Axis.of(x, "x"), Axis.of(y, "y"))


def test_one_axis_is_a_grid_too():
    assert len(cells(REQUEST, Axis.of("seed=1-3", "x"), NOBODY)) == 3


def test_the_sheet_has_room_for_every_cell_and_says_why_one_is_empty():
    out = io.BytesIO()
    Image.new("RGB", (64, 32), "red").save(out, "PNG")
    x, y = Axis.of("provider=a,b", "x"), Axis.of("steps=21,31", "y")
    drawn = [Drawn(column=0, row=0, picture=out.getvalue()), Drawn(column=1, row=1, words="b: cannot")]
    made = draw("a cat", x, y, drawn)
    sheet = Image.open(io.BytesIO(made))
    assert sheet.width > 2 * 64 and sheet.height > 2 * 32
    assert (255, 0, 0) in {colour for _, colour in sheet.getcolors(1 << 20)}
    assert made == draw("a cat", x, y, drawn)


def test_the_command_makes_every_cell_and_one_sheet(tmp_path, capsys):
    words = ["grid", "a cat", "--x", "provider=tams,modelslab", "--y", "steps=21,31", "--size", "128x128"]
    assert main([*words, "--emulated", "-o", str(tmp_path / "out"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(c["column"], c["row"], c["provider"]) for c in told["cells"]] == [
        (0, 0, "tams"),
        (1, 0, "modelslab"),
        (0, 1, "tams"),
        (1, 1, "modelslab"),
    ]
    assert len({c["result"]["images"][0]["seed"] for c in told["cells"]}) == 1
    with Image.open(told["sheet"]) as sheet:
        assert sheet.format == "PNG"


def test_a_cell_that_fails_leaves_the_others(tmp_path, capsys):
    words = ["grid", "a cat", "--x", "replace=cat,[emu:fail]", "--provider", "tams", "--size", "128x128"]
    assert main([*words, "--emulated", "-o", str(tmp_path / "out")]) == 3
    assert "1 of 2 made" in capsys.readouterr().out


def test_the_total_is_asked_before_anything_is_spent(monkeypatch, capsys):
    monkeypatch.setenv("TAMS_API_KEY", "not-the-emulators")
    assert main(["grid", "a cat", "--x", "steps=20,30", "--provider", "tams"]) == 2
    said = capsys.readouterr().err
    assert "2 jobs, $0.006 in all." in said and "Nothing was sent." in said


def test_a_second_provider_is_never_dropped_in_silence(capsys):
    words = ["grid", "a cat", "--x", "steps=21,31", "--provider", "tams", "--provider", "modelslab", "--emulated"]
    assert main(words) == 2
    assert "--x provider=tams,modelslab" in capsys.readouterr().err


def test_the_sheet_says_what_was_sent_and_two_cells_of_one_call_are_told_before(tmp_path, capsys):
    words = ["grid", "a cat", "--x", "steps=28,30", "--provider", "modelslab", "--size", "128x128", "--emulated"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("modelslab: steps 28 and steps 30 are the same call")
    assert "steps 28 → 31" in said.out and "steps 30 → 31" in said.out


def test_what_became_of_a_varied_field_stands_below_its_picture():
    out = io.BytesIO()
    Image.new("RGB", (64, 32), "red").save(out, "PNG")
    x = Axis.of("steps=28", "x")
    notes = [Note(field="steps", status="adjusted", requested=28, sent=31), Note(field="n", status="dropped")]

    words = told((x, NOBODY), notes)

    assert words == "steps 28 -> 31"
    bare = Image.open(io.BytesIO(draw("a", x, NOBODY, [Drawn(column=0, row=0, picture=out.getvalue())])))
    said = Image.open(io.BytesIO(draw("a", x, NOBODY, [Drawn(column=0, row=0, picture=out.getvalue(), words=words)])))
    assert said.height > bare.height


def test_a_grid_of_which_nothing_was_made_has_no_sheet(tmp_path, capsys):
    words = ["grid", "a cat", "--x", "replace=cat,[emu:fail]", "--y", "prompt=cat [emu:fail]", "--provider", "tams"]
    assert main([*words, "--emulated", "-o", str(tmp_path / "out")]) != 0
    said = capsys.readouterr()
    assert "sheet" not in said.out + said.err and not (tmp_path / "out" / "grid.png").exists()


def test_a_sheet_that_cannot_be_written_hides_no_result(tmp_path, capsys):
    (tmp_path / "sheet.png").mkdir()
    words = ["grid", "a cat", "--x", "seed=1,2", "--provider", "tams", "--size", "128x128", "--emulated"]
    assert main([*words, "-o", str(tmp_path / "out"), "--sheet", str(tmp_path / "sheet.png")]) == 3
    said = capsys.readouterr()
    assert "2 of 2 made" in said.out and f"{tmp_path / 'sheet.png'} cannot be written" in said.err


def test_an_interrupted_grid_names_the_jobs_that_go_on():
    heard = UnderWay()
    for kind, job, message in [("submitting", "ig-1", ""), ("accepted", "ig-1", "v-1"), ("submitting", "ig-2", "")]:
        heard.hear(Event(kind=kind, provider="a", job_id=job, message=message))
    heard.hear(Event(kind="done", provider="a", job_id="ig-2"))
    assert heard.jobs == {"ig-1": {"provider": "a", "job_id": "ig-1", "vendor_job_id": "v-1"}}
