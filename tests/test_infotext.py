"""Infotext: what is written reads back exactly, and A1111 can read it."""

import io
import json
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from sd_parsers import ParserManager

from imagegen.infotext import Infotext, read, write

FIELDS = {
    "Steps": "30",
    "Sampler": "DPM++ 2M",
    "Schedule type": "Karras",
    "CFG scale": "7",
    "Seed": "42",
    "Size": "832x1216",
    "Lora hashes": "one: 1, two: 2",
}
LINES = st.sampled_from(["Negative prompt: x", "Negative prompt:", "Steps: 1, Sampler: a, Seed: 2", "a", "", " ", '"'])
PROMPTS = st.text() | st.lists(LINES | st.text(max_size=5), max_size=4).map("\n".join)
KEYS = st.sampled_from([*FIELDS, "Imagegen", "Imagegen format", "a", "", "a+b"]) | st.text(max_size=8)
INFOTEXTS = st.builds(Infotext, PROMPTS, PROMPTS, st.dictionaries(KEYS, PROMPTS, max_size=5))


def a1111(text):
    """`parse_generation_parameters` of A1111, shortened: the reference reader."""
    pattern = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
    prompt, negative, done = "", "", False
    *lines, last = text.strip().split("\n")
    if len(pattern.findall(last)) < 3:
        lines, last = [*lines, last], ""
    for line in lines:
        line = line.strip()
        if line.startswith("Negative prompt:"):
            done, line = True, line[16:].strip()
        if done:
            negative += ("" if negative == "" else "\n") + line
        else:
            prompt += ("" if prompt == "" else "\n") + line
    fields = {}
    for key, value in pattern.findall(last):
        try:
            fields[key] = json.loads(value) if value and value[0] == value[-1] == '"' else value
        except ValueError:
            fields[key] = value
    return prompt, negative, fields


def test_an_ordinary_picture_is_written_as_a1111_writes_it():
    assert write(Infotext("a (red:1.2) cat,\n8k", "bad, ugly", FIELDS)) == (
        "a (red:1.2) cat,\n8k\n"
        "Negative prompt: bad, ugly\n"
        "Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 832x1216, "
        'Lora hashes: "one: 1, two: 2"'
    )


@pytest.mark.parametrize(
    "prompt",
    [
        'says "hi", 50%: done\nsecond line 😀',
        "a\nNegative prompt: not really\nb",
        "a\nSteps: 20, Sampler: Euler, Seed: 1",
        "  outer blanks  ",
        "\n\nleading lines",
        "Negative prompt: x",
        "",
    ],
)
def test_difficult_prompts_survive_and_a1111_still_reads_the_fields(prompt):
    for infotext in (Infotext(prompt, "bad", FIELDS), Infotext("a", prompt, FIELDS), Infotext(prompt)):
        text = write(infotext)

        assert read(text) == infotext
        assert infotext.fields.items() <= a1111(text)[2].items()


def test_a_last_line_that_looks_like_fields_stays_prompt_for_a1111_too():
    prompt = "a\nSteps: 20, Sampler: Euler, Seed: 1"

    assert a1111(write(Infotext(prompt)))[:2] == (prompt, "")


def test_few_fields_are_padded_so_that_a1111_does_not_take_them_for_the_prompt():
    text = write(Infotext("a cat", "", {"Seed": "1"}))

    assert a1111(text)[0] == "a cat"
    assert a1111(text)[2]["Seed"] == "1"
    assert read(text) == Infotext("a cat", "", {"Seed": "1"})


def test_a_key_that_a1111_cannot_read_is_carried_in_our_own_field():
    infotext = Infotext("a", "", {**FIELDS, "a+b": "1", "Imagegen": "mine"})

    assert read(write(infotext)) == infotext
    assert FIELDS.items() <= a1111(write(infotext))[2].items()


@pytest.mark.parametrize(
    "value", ["[1]", "{}x", '{"prompt": 1}', '{"fields": {"a": 1}}', '{"else": ""}', "[" * 100_000]
)
def test_a_strangers_field_of_our_name_is_only_a_field(value):
    assert read(f"a\nSteps: 1, Seed: 2, Imagegen: {json.dumps(value)}").fields["Imagegen"] == value


def test_a_foreign_text_reads_as_in_a1111():
    text = 'a\nNegative prompt: b\nc\nSteps: 20, Sampler: "x: y", TI hashes: "broken\\", Size: 1x2, Version: v1.9'

    assert read(text) == Infotext(*a1111(text))


LINE = st.text("ab ,:;()[]\"'\\<>|%=0é猫😀", min_size=1, max_size=30).map(str.strip).filter(bool)


@settings(max_examples=200, deadline=None)
@given(prompt=st.lists(LINE, min_size=1, max_size=3).map("\n".join), negative=LINE)
@example("a cat", "dull")
def test_an_independent_reader_finds_the_same_where_it_is_right(prompt, negative):
    """sd-parsers 0.6 splits values at commas and colons, quoted or not; so fields with quotes are left out here."""
    text = write(Infotext(prompt, negative, {key: FIELDS[key] for key in list(FIELDS)[:6]}))
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("parameters", text)
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)

    parsed = ParserManager().parse(Image.open(io.BytesIO(file.getvalue())))

    assert [one.value for one in parsed.prompts] == [prompt]
    assert [one.value for one in parsed.negative_prompts] == [negative]
    (sampler,) = parsed.samplers
    assert (sampler.name, sampler.parameters["steps"], sampler.parameters["seed"]) == ("DPM++ 2M", "30", "42")


def test_a_long_line_without_a_colon_is_read_quickly():
    start = time.perf_counter()
    read("a" * 1_000_000)

    assert time.perf_counter() - start < 2


@given(INFOTEXTS)
@example(Infotext("a", "", {"Imagegen": "{}", "b": ""}))
@example(Infotext("", "", {}))
def test_what_is_written_reads_back_exactly(infotext):
    found = read(write(infotext))

    assert found == infotext
    assert list(found.fields) == list(infotext.fields)


@given(st.text() | PROMPTS | st.text(alphabet='ab:,"\\ \n', max_size=40))
def test_any_text_is_read_and_as_a1111_reads_it(text):
    found = read(text)

    if "Imagegen" not in found.fields and "Imagegen" not in text:
        assert (found.prompt, found.negative_prompt, found.fields) == a1111(text)
