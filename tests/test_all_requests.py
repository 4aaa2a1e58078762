"""Every request class: to and from TOML and JSON without loss, and no value that ends in anything but our own error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from imagegen import (
    Control,
    DetectControl,
    GenerationRequest,
    ImageInput,
    Interrogate,
    Lora,
    ModelLoad,
    ModelRef,
    TemplateRequest,
    Upscale,
    VideoRequest,
    WorkflowRequest,
)
from imagegen.errors import InvalidInput
from imagegen.request import AnyRequest

COMMON: dict[str, Any] = {
    "provider_options": {"tams": {"notifyUrl": "https://h.example"}},
    "on_unsupported": "lenient",
    "labels": {"shot": "12"},
}
PICTURE = ImageInput(data=b"\x89PNG")
EVERY: tuple[AnyRequest, ...] = (
    GenerationRequest(
        prompt="a cat",
        model=ModelRef("m", access_key="env:KEY"),
        loras=[Lora("@grain", 0.6)],
        init_image="a.png",
        controls=[Control(image=PICTURE, module="canny")],
        upscale=Upscale(scale=2),
        sampler="DPM++ 2M Karras",
        passes=["upscale", "diffusion"],
        **COMMON,
    ),
    VideoRequest(prompt="a cat", loras=[Lora("x")], start_image="a.png", fast=True, **COMMON),
    WorkflowRequest(graph={"1": {"class_type": "LoadImage", "inputs": {"image": PICTURE, "n": [1, 2.5]}}}, **COMMON),
    TemplateRequest(template="1", fields={"a": Path("a.png"), "b": "a.png", "c": PICTURE}, **COMMON),
    ModelLoad(url="hf:a/b", model_id="mine", visibility="private", wait=False, **COMMON),
    Interrogate(image="https://h.example/a.png", natural=True, **COMMON),
    DetectControl(image="a.png", module="canny", **COMMON),
)
NAMES = [type(request).__name__ for request in EVERY]
JUNK: tuple[Any, ...] = (
    5,
    -1,
    1.5,
    float("nan"),
    True,
    "x",
    "",
    b"x",
    [1],
    ["x"],
    [["x"]],
    {"a": 1},
    {"a": {}},
    object(),
    {1: 2},
)


@pytest.mark.parametrize("request_", EVERY, ids=NAMES)
def test_a_request_comes_back_from_json_and_toml_as_it_was(request_: AnyRequest, tmp_path: Path) -> None:
    cls = type(request_)
    assert cls.from_dict(request_.to_dict()) == request_
    assert cls.from_json(request_.to_json()) == request_
    assert cls.from_toml(request_.to_toml()) == request_


@pytest.mark.parametrize("request_", EVERY, ids=NAMES)
def test_in_a_file_relative_pictures_count_from_its_folder(request_: AnyRequest, tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(request_.to_toml(), "utf-8")
    (tmp_path / "one.json").write_text(request_.to_json(), "utf-8")
    loaded = type(request_).load(tmp_path / "one.toml")
    assert loaded == type(request_).load(tmp_path / "one.json")
    assert (str(tmp_path / "a.png") in repr(loaded)) == ("ImageInput(source='a.png'" in repr(request_))


@pytest.mark.parametrize("request_", EVERY, ids=NAMES)
def test_what_a_request_is_about_is_written_before_what_all_have(request_: AnyRequest) -> None:
    assert list(request_.to_dict())[-3:] == ["provider_options", "on_unsupported", "labels"]


@pytest.mark.parametrize("request_", EVERY, ids=NAMES)
def test_no_value_of_a_field_ends_in_anything_but_a_fault_under_its_name(request_: AnyRequest) -> None:
    cls = type(request_)
    given = {field.name: getattr(request_, field.name) for field in attrs.fields(cls)}
    for name in given:
        for junk in JUNK:
            for build, words in ((lambda words: cls(**words), given), (cls.from_dict, request_.to_dict())):
                try:
                    build({**words, name: junk})
                except InvalidInput as error:
                    assert str(error), (name, junk)


def test_faults_name_the_field_in_python_and_in_json_alike() -> None:
    for wrong in ({"loras": 5}, {"passes": 5}, {"prompt": 5}, {"negative_prompt": 5}, {"inpaint": 5}):
        (name,) = wrong
        with pytest.raises(InvalidInput) as python:
            GenerationRequest(**{"prompt": "x", **wrong})
        with pytest.raises(InvalidInput) as data:
            GenerationRequest.from_dict({"prompt": "x", **wrong})
        assert name in str(python.value) and name in str(data.value)
    with pytest.raises(InvalidInput, match="must be text"):
        GenerationRequest(prompt=5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="must be text"):
        GenerationRequest.from_json('{"prompt": 5}')


def test_an_id_that_a_careless_writer_gives_as_a_number_is_text() -> None:
    request = GenerationRequest.from_json('{"prompt": "x", "model": 600423083519508503, "loras": [{"model": 600}]}')
    assert request.model is not None
    assert (request.model.ref, request.loras[0].model) == ("600423083519508503", "600")


def test_text_that_never_ends_is_refused_in_words() -> None:
    for cls in map(type, EVERY):
        with pytest.raises(InvalidInput, match="too deeply"):
            cls.from_json("[" * 100_000)
