"""
`docs/coverage.md` against the vendors' documents: every documented field has an attribute and a way to be reached, and what
the page promises is true.
"""

from __future__ import annotations

import importlib
import json
import tomllib
from functools import cache
from typing import Any

import attrs
import covering
import generate
import pytest
from pages import FOLDER

from imagegen.placeholders import reveal
from imagegen.planning import draft, inputs
from imagegen.request import GenerationRequest
from imagegen.wire import camel
from imagegen_modelslab import wire as family
from imagegen_modelslab.provider import SERVICE
from imagegen_stablediffusionapi.provider import ENTERPRISE, SHARED
from imagegen_tams import wire as tams

DOCUMENTED = tomllib.loads((FOLDER / "fields.toml").read_text("utf-8"))["object"]


def named(documented: dict[str, Any]) -> str:
    return " ".join(filter(None, [documented["provider"], documented["endpoint"], documented.get("object", "")]))


def wire_class(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def missing(documented: dict[str, Any], cls: Any) -> set[str]:
    """Return the documented fields that a wire class does not have, in any of its spellings."""
    have = {key for a in attrs.fields(cls) for key in (a.name, camel(a.name), *a.metadata.get("wire", ()))}
    return set(documented["fields"]) - have


@cache
def rows() -> tuple[covering.Row, ...]:
    notes = [*generate.every_note(), *covering.video_notes()]
    return (*covering.tams_rows(notes), *covering.family_rows(notes))


@cache
def doors() -> tuple[covering.Door, ...]:
    return (*covering.tams_doors(), *covering.family_doors())


# --- complete ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("documented", DOCUMENTED, ids=named)
def test_every_documented_field_has_an_attribute(documented: dict[str, Any]) -> None:
    assert missing(documented, wire_class(documented["wire"])) == set()


@pytest.mark.parametrize("documented", DOCUMENTED, ids=named)
def test_removing_one_field_from_a_wire_class_is_noticed(documented: dict[str, Any]) -> None:
    cls = wire_class(documented["wire"])
    for name in documented["fields"]:
        kept = {
            a.name: attrs.field(default=None, metadata=a.metadata)
            for a in attrs.fields(cls)
            if name not in (a.name, camel(a.name), *a.metadata.get("wire", ()))
        }
        assert missing(documented, attrs.make_class("Less", kept)) == {name}


@pytest.mark.parametrize("documented", DOCUMENTED, ids=named)
def test_every_documented_endpoint_and_field_of_a_body_is_a_row_of_the_page(documented: dict[str, Any]) -> None:
    provider, endpoint = documented["provider"], documented["endpoint"]
    assert endpoint in {door.endpoint for door in doors() if door.provider == provider}
    if documented.get("object", "").startswith("answer"):
        return
    here = {row.field for row in rows() if (row.provider, row.endpoint) == (provider, endpoint)}
    last = {place.replace("[]", "").replace(".<node>", "").rpartition(".")[2] for place in here}

    assert here == {"stages[]"} or set(documented["fields"]) <= last


def test_every_class_of_a_request_body_is_documented() -> None:
    documented = {wire_class(one["wire"]) for one in DOCUMENTED}
    ours = {cls for cls in tams.WireObject.__subclasses__() if cls.__module__ == tams.__name__}
    family_ours = {getattr(s, kind) for s in (SERVICE, SHARED, ENTERPRISE) for kind in covering._WHEN}

    assert ours - documented == set()
    # The shared service documents its ControlNet by the page of its sibling.
    assert family_ours - documented == set()


# --- true ----------------------------------------------------------------------------------------------------------


def test_the_page_is_up_to_date() -> None:
    written = (generate.FOLDER / "coverage.md").read_text("utf-8")
    assert generate.coverage_page() == written, "run: python docs/generate.py"


def test_no_row_is_empty_and_none_is_a_promise() -> None:
    page = (generate.FOLDER / "coverage.md").read_text("utf-8").lower()

    assert [row for row in (*rows(), *doors()) if not row.reach] == []
    assert not any(word in page for word in ("planned", "todo", "not yet"))


def pictured(provider: str, operation: str, **words: Any) -> Any:
    """Plan a request of an operation at a provider and return the body of its last call."""
    found = next(p for p in generate.desk().registry.providers.values() if p.name == provider)
    changes = {"prompt": "a cat", "model": "MODEL", **generate.OPERATIONS[operation], **words}
    request = GenerationRequest.from_dict(
        {**generate._named(changes, generate._ids(provider)), "on_unsupported": "lenient"}
    )
    images = dict.fromkeys(inputs(request), generate._picture())
    return reveal(draft(request, found, generate.desk(), images=images).calls[-1].json)


STAGES = {
    "inputInitialize": (tams.InputInitialize, "text to image"),
    "diffusion": (tams.Diffusion, "text to image"),
    "imageToUpscaler": (tams.ImageToUpscaler, "upscale"),
    "imageToAdetailer": (tams.ImageToAdetailer, "detail"),
    "imageToInpaint": (tams.ImageToInpaint, "inpaint"),
}


@pytest.mark.parametrize("payload", STAGES)
def test_every_field_of_a_stage_is_reached_by_the_vendors_own_word(payload: str) -> None:
    cls, operation = STAGES[payload]
    for field in attrs.fields(cls):
        if field.name != "extra":
            name = camel(field.name)
            body = pictured("tams", operation, provider_options={"tams": {payload: {name: "a value of ours"}}})
            assert [s[payload][name] for s in body["stages"] if payload in s] == ["a value of ours"]


def acceptable(field: Any) -> Any:
    """Return a value within the documented limits of a field."""
    limits = field.metadata
    if limits["choices"]:
        return limits["choices"][0]
    return limits["low"] if limits["low"] is not None else "words"


SERVICES = {"modelslab": SERVICE, "stablediffusionapi": SHARED, "stablediffusionapi-enterprise": ENTERPRISE}


@pytest.mark.parametrize("provider", SERVICES)
@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("text2img", "text to image"),
        ("img2img", "image to image"),
        ("inpaint", "inpaint"),
        ("controlnet", "ControlNet"),
    ],
)
def test_every_field_of_a_picture_is_reached_by_the_vendors_own_word(provider: str, kind: str, operation: str) -> None:
    for field in family.fields(getattr(SERVICES[provider], kind)).values():
        value = acceptable(field)
        body = pictured(provider, operation, provider_options={provider: {field.name: value}})
        assert body[field.name] == value, field.name


def test_the_neutral_words_of_the_page_are_fields_of_a_request() -> None:
    known = {a.name for a in attrs.fields(GenerationRequest)}
    for name, service in SERVICES.items():
        for kind in covering._WHEN:
            for field in family.fields(getattr(service, kind)).values():
                via = field.metadata["via"]
                assert not via or via.partition("[")[0] in known, (name, field.name)


def test_bodies_of_plans_have_no_field_that_the_page_lacks() -> None:
    for provider in SERVICES:
        for operation in ("text to image", "image to image", "inpaint", "ControlNet"):
            body = pictured(provider, operation)
            shown = {row.field for row in rows() if row.provider == provider}
            assert set(json.loads(json.dumps(body))) <= shown
