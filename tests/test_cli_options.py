"""From a command line's words to a request: pure."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.cli.money import read_price
from imagegen.cli.options import RequestFlags, read_options, read_request, split_pair
from imagegen.errors import InvalidInput
from imagegen.request import GenerationRequest, Inpaint, Lora


def faults(call, *args):
    with pytest.raises(InvalidInput) as caught:
        call(*args)
    return [str(fault) for fault in caught.value.faults]


def test_flags_say_what_a_request_says():
    flags = RequestFlags(
        negative="text",
        model="@sd15",
        lora=("@grain=0.6", "@glow"),
        size="768x512",
        n="2",
        steps="30",
        cfg_scale="6.5",
        sampler="DPM++ 2M Karras",
        seed="42",
        clip_skip="2",
        vae="@vae",
        on_unsupported="strict",
        label=("project=film",),
    )

    assert read_request("a lighthouse", flags) == GenerationRequest(
        prompt="a lighthouse",
        negative_prompt="text",
        model="@sd15",
        loras=(Lora("@grain", 0.6), Lora("@glow")),
        width=768,
        height=512,
        n=2,
        steps=30,
        cfg_scale=6.5,
        sampler="dpmpp_2m",
        schedule="karras",
        seed=42,
        clip_skip=2,
        vae="@vae",
        on_unsupported="strict",
        labels={"project": "film"},
    )


def test_every_fault_of_a_command_line_is_said_at_once():
    flags = RequestFlags(size="big", steps="many", lora=("=0.5",), upscale="huge", option=("x=1",), label=("k",))

    assert faults(read_request, "", flags) == [
        "prompt: must not be empty",
        "steps: must be a whole number, not 'many'",
        "loras[0].model: must not be empty",
        "size: must look like 768x512, not 'big'",
        "upscale: must look like 2 or 1536x1024, not 'huge'",
        "option: must look like PROVIDER.WORD=VALUE, not 'x=1'",
        "label: must look like NAME=VALUE, not 'k'",
    ]


def test_flags_override_the_file_and_leave_the_rest(tmp_path):
    file = tmp_path / "request.toml"
    file.write_text(
        'prompt = "a cat"\nsize = "512x512"\nsampler = "Euler a"\nsteps = 20\n'
        '[labels]\nproject = "film"\nscene = "1"\n[provider_options.acme]\nhue = 1\n'
    )
    flags = RequestFlags(size="768x512", sampler="DPM++ 2M Karras", label=("scene=2",), option=("acme.tint=3",))

    made = read_request(str(file), flags)

    assert (made.prompt, made.width, made.height, made.steps) == ("a cat", 768, 512, 20)
    assert (made.sampler, made.schedule) == ("dpmpp_2m", "karras")
    assert made.labels == {"project": "film", "scene": "2"}
    assert made.provider_options == {"acme": {"hue": 1, "tint": 3}}


def test_a_file_that_is_not_there_is_no_prompt():
    assert faults(read_request, "nope.toml", RequestFlags()) == ["there is no file nope.toml"]


def test_a_prompt_may_hold_dots_and_slashes():
    assert read_request("a/b.c, 16:9", RequestFlags()).prompt == "a/b.c, 16:9"


def test_seed_minus_one_means_drawn(tmp_path):
    file = tmp_path / "r.json"
    file.write_text('{"prompt": "x", "seed": 5}')
    assert read_request(str(file), RequestFlags(seed="-1")).seed is None


@pytest.mark.parametrize(
    ("text", "model", "weight"),
    [
        ("@grain", "@grain", 1.0),
        ("@grain=-0.5", "@grain", -0.5),
        ("urn:air:sd1:lora:civitai:1@2=0.3", "urn:air:sd1:lora:civitai:1@2", 0.3),
        ("https://x.example/file?id=a", "https://x.example/file?id=a", 1.0),
        ("https://x.example/file?id=a=0.5", "https://x.example/file?id=a", 0.5),
    ],
)
def test_a_lora_is_a_reference_and_perhaps_a_weight(text, model, weight):
    assert read_request("x", RequestFlags(lora=(text,))).loras == (Lora(model, weight),)


def test_a_weight_that_is_no_number_is_named_by_its_path():
    assert faults(read_request, "x", RequestFlags(lora=("@a=1", "@b=strong"))) == [
        "loras[1].weight: must be a number, not 'strong'"
    ]


def test_further_passes_and_guides_are_read():
    flags = RequestFlags(init_image="a.png", strength="0.5", control=("canny=b.png",), upscale="2", detail=("face",))

    made = read_request("x", flags)

    assert made.init_image.source == "a.png"
    assert (made.controls[0].module, made.controls[0].image.source) == ("canny", "b.png")
    assert made.upscale.scale == 2.0
    assert made.detailers[0].model == "face"
    assert read_request("x", RequestFlags(upscale="1536x1024")).upscale.size(768, 512) == (1536, 1024)


def test_how_a_mask_is_filled_and_the_order_of_passes_are_read(tmp_path):
    words = ("fill=noise", "mask_blur=8", "only_masked=yes", "padding=16", "invert=true")
    flags = RequestFlags(
        init_image="a.png", mask="m.png", inpaint=words, passes="inpaint, detail", distilled_guidance="3.5"
    )

    made = read_request("x", flags)

    assert made.inpaint == Inpaint(fill="noise", mask_blur=8, only_masked=True, padding=16, invert=True)
    assert (made.passes, made.distilled_guidance) == (("inpaint", "detail"), 3.5)

    file = tmp_path / "r.json"
    file.write_text(made.to_json())
    assert read_request(str(file), RequestFlags(inpaint=("padding=1",))).inpaint == attrs.evolve(
        made.inpaint, padding=1
    )


def test_what_is_wrong_with_a_mask_or_a_pass_is_named_by_its_path():
    flags = RequestFlags(init_image="a.png", mask="m.png", inpaint=("fill=red", "blur=1"), passes="paint")

    assert faults(read_request, "x", flags) == [
        "inpaint.fill: must be one of original, blur, noise, zero, not 'red'",
        "inpaint.blur: is not a field; did you mean mask_blur?",
        "passes: must name each of diffusion, inpaint, upscale, detail at most once",
    ]
    assert faults(read_request, "x", RequestFlags(inpaint=("fill",))) == [
        "inpaint: must look like NAME=VALUE, not 'fill'"
    ]


def test_every_field_of_a_request_has_a_flag():
    known = {field.name for field in attrs.fields(RequestFlags)}
    named = {
        "negative_prompt": "negative", "width": "size", "height": "size", "loras": "lora", "embeddings": "embedding",
        "mask_image": "mask", "controls": "control", "detailers": "detail", "provider_options": "option", "labels": "label",
    }  # fmt: skip
    fields = {field.name for field in attrs.fields(GenerationRequest)} - {"prompt"}
    assert {named.get(name, name) for name in fields} == known


def test_options_go_as_deep_as_their_dots_and_keep_json_types():
    assert read_options(["a.b.c=1", "a.b.d=yes", 'a.e=["x"]', "z.on=true"]) == {
        "a": {"b": {"c": 1, "d": "yes"}, "e": ["x"]},
        "z": {"on": True},
    }


def test_an_option_cannot_be_a_word_and_a_table():
    assert faults(read_options, ["a.b=1", "a.b.c=2"]) == ["'a.b.c=2' says b a second time"]


@given(st.text(min_size=1).filter(lambda s: s.strip() and "=" not in s), st.text())
def test_a_pair_splits_at_its_first_equals(name, value):
    assert split_pair(f"{name}={value}") == (name.strip(), value)


@pytest.mark.parametrize(("text", "amount"), [("0.05", "0.05"), ("$1", "1"), (" 2.50 ", "2.50"), ("0", "0")])
def test_a_price_limit_is_exact(text, amount):
    assert read_price(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf", ""])
def test_a_price_limit_that_is_none_is_refused(text):
    assert "--max-price: must be an amount" in faults(read_price, text)[0]
