"""What a program may ask for, and how it is told what is wrong."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen import Control, GenerationRequest, ImageInput, InvalidInput, Lora, ModelRef, Secret, Upscale, VideoRequest
from imagegen.request import leaves


def faults_of(data: dict) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        GenerationRequest.from_dict(data)
    return [str(fault) for fault in caught.value.faults]


def test_every_fault_of_every_level_is_told_at_once_by_path():
    found = faults_of({"prompt": "", "width": 0, "loras": [{"model": ""}, {"modle": "x"}], "bogus": 1})

    assert found == [
        "prompt: must not be empty",
        "width: must be a whole number from 8 to 16384, not 0",
        "loras[0].model: must not be empty",
        "loras[1].model: is required",
        "loras[1].modle: is not a field; did you mean model?",
        "bogus: is not a field",
    ]


def test_python_callers_get_the_same_list():
    with pytest.raises(InvalidInput) as caught:
        GenerationRequest(prompt=" ", height=-1, loras=[{"weight": "heavy"}], sampler="dpmp 2m")

    paths = {fault.path for fault in caught.value.faults}
    assert paths == {"prompt", "height", "sampler", "loras[0].model", "loras[0].weight"}


def test_what_single_fields_cannot_know_is_checked_together():
    assert faults_of({"prompt": "a", "strength": 0.5, "mask_image": "m.png"}) == [
        "mask_image: needs an init_image to paint on",
        "strength: needs an init_image",
    ]


@pytest.mark.parametrize(
    ("given_words", "ours"),
    [
        ({"num_inference_steps": 20}, {"steps": 20}),
        ({"guidance_scale": 5}, {"cfg_scale": 5.0}),
        ({"size": "832x1216"}, {"width": 832, "height": 1216}),
        ({"num_images": 3}, {"n": 3}),
        ({"sampler_name": "DPM++ 2M Karras"}, {"sampler": "dpmpp_2m", "schedule": "karras"}),
        ({"scheduler": "EulerAncestralDiscreteScheduler"}, {"sampler": "euler_a"}),
        ({"sampler": "euler", "scheduler": "karras"}, {"sampler": "euler", "schedule": "karras"}),
        ({"seed": -1}, {"seed": None}),
        ({"seed": str(2**64 - 1)}, {"seed": 2**64 - 1}),
        ({"lora": "@film-grain=0.6"}, {"loras": (Lora("@film-grain", 0.6),)}),
        ({"lora": "urn:air:sd1:lora:civitai:1@2"}, {"loras": (Lora("urn:air:sd1:lora:civitai:1@2"),)}),
    ],
)
def test_the_spellings_of_the_ecosystem_are_read(given_words, ours):
    request = GenerationRequest.from_dict({"prompt": "a", **given_words})

    assert {name: getattr(request, name) for name in ours} == ours


def test_a_video_takes_its_loras_as_a_picture_does():
    assert VideoRequest(prompt="a", loras=["@x=0.5"]).loras == (Lora("@x", 0.5),)
    with pytest.raises(InvalidInput, match=r"loras\[0\]\.model"):
        VideoRequest(prompt="a", loras=({"model": ""},))


def test_one_thing_said_twice_is_a_fault():
    assert faults_of({"prompt": "a", "steps": 20, "num_inference_steps": 30}) == [
        "num_inference_steps: says steps a second time"
    ]


def test_a_key_goes_into_files_as_its_reference_only():
    request = GenerationRequest(
        prompt="a", model=ModelRef("1", access_key="env:KEY"), loras=[Lora("x", access_key="s3cret!")]
    )

    text = request.to_toml() + request.to_json() + repr(request) + str(request.to_dict())

    assert "s3cret!" not in text
    assert GenerationRequest.from_toml(request.evolve(loras=()).to_toml()) == request.evolve(loras=())


def test_a_pickle_of_a_secret_holds_no_secret():
    assert b"s3cret!" not in pickle.dumps(Secret("s3cret!"))


def test_a_secret_read_back_from_a_file_that_never_held_it_says_so():
    with pytest.raises(LookupError, match="give it again"):
        Secret(str(Secret("s3cret!"))).reveal()


def test_paths_in_a_file_count_from_the_file(tmp_path: Path):
    folder = tmp_path / "shots"
    folder.mkdir()
    (folder / "a.toml").write_text('prompt = "a"\ninit_image = "in.png"\n')

    assert GenerationRequest.load(folder / "a.toml").init_image == ImageInput(str(folder / "in.png"))


def test_an_upscale_says_a_size_or_a_scale_not_both():
    with pytest.raises(InvalidInput, match="not both"):
        Upscale(width=1024, height=1024, scale=2)
    assert Upscale().size(512, 768) == (1024, 1536)


def test_leaves_are_what_is_set():
    request = GenerationRequest(
        prompt="a",
        loras=["@x=0.5"],
        controls=(Control(module="canny", image=b"png"),),
        provider_options={"p": {"w": 1}},
    )

    assert set(leaves(request, "p")) == {
        "prompt",
        "n",
        "loras[0].model",
        "loras[0].weight",
        "controls[0].image",
        "controls[0].module",
        "controls[0].weight",
        "controls[0].start",
        "controls[0].end",
        "provider_options.p.w",
    }


text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.strip)
requests = st.builds(
    GenerationRequest,
    prompt=text,
    negative_prompt=st.none() | text,
    model=st.none() | st.builds(ModelRef, text),
    width=st.none() | st.integers(8, 4096),
    steps=st.none() | st.integers(1, 150),
    cfg_scale=st.none() | st.floats(0, 100),
    seed=st.none() | st.integers(0, 2**63 - 1),
    loras=st.lists(st.builds(Lora, text, st.floats(-3, 3)), max_size=3),
    init_image=st.none() | st.binary(min_size=1, max_size=20),
    labels=st.dictionaries(text, text, max_size=2),
    sampler=st.none() | st.sampled_from(["euler", "DPM++ 2M Karras", "heun"]),
)


@given(requests)
def test_json_and_toml_bring_back_an_equal_request(request):
    assert GenerationRequest.from_json(request.to_json()) == request
    assert GenerationRequest.from_toml(request.to_toml()) == request
    assert json.loads(request.to_json()) == request.to_dict()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_data_is_read_or_refused_with_reasons(data):
    try:
        GenerationRequest.from_dict({"prompt": data, "loras": data, "upscale": data, "model": data})
    except InvalidInput as error:
        assert error.faults
