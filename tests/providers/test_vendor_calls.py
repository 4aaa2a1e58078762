"""Every documented endpoint as a typed call, at the three services of the family: planned, and taken by the emulator."""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest

from imagegen import Client
from imagegen.errors import VendorRefused
from imagegen.planning import plan
from imagegen.plugins import installed
from imagegen_modelslab import editing, model_calls, newer
from imagegen_modelslab.calls import VendorCall
from imagegen_modelslab.wire import fields
from imagegen_stablediffusionapi import older, servers

LINK = "https://example.com/in.png"
NAMES = ("modelslab", "stablediffusionapi", "stablediffusionapi-enterprise")
CALLS = [(name, cls) for name in NAMES for cls in installed().provider(name).operations]
EMULATED = {editing.EditingInpaint, editing.SuperResolution, editing.Caption}
NOT_EMULATED = {*editing.EDITING} - EMULATED  # see: imagegen emulate --deviations
PICTURES = [case for case in CALLS if case[1].endpoint.pictures and case[1] not in NOT_EMULATED]


def filled(cls: Any, **words: Any) -> Any:
    """Return a call with everything in it that is required."""
    named = {"init_image": LINK, "mask_image": LINK, "url": LINK, "model_id": "midjourney", "prompt": "a cat"}
    required = [field for field in fields(cls).values() if field.default is attrs.NOTHING and field.name not in words]
    given = {field.name: (*field.metadata["choices"], named.get(field.name, "1"))[0] for field in required}
    return cls(**given, **words)


def name_of(case: Any) -> str:
    return case if isinstance(case, str) else case.__name__


@pytest.mark.parametrize(("name", "cls"), CALLS, ids=name_of)
def test_every_call_says_what_it_does_and_its_path_is_offered_once(name: str, cls: Any) -> None:
    offered = [(other.endpoint.method, other.endpoint.path) for other in installed().provider(name).operations]

    assert re.fullmatch(r"/api/[\w/{}-]+", cls.endpoint.path)
    assert (cls.__doc__ or "").strip()
    assert offered.count((cls.endpoint.method, cls.endpoint.path)) == 1


@pytest.mark.parametrize("cls", [*newer.NEWER, *editing.EDITING, *older.OLDER, *servers.FAMILY_CALLS], ids=name_of)
def test_a_call_in_the_vendors_words_has_no_neutral_ones(cls: Any) -> None:
    assert {field.metadata["via"] for field in fields(cls).values()} <= {""}


@pytest.mark.parametrize(("name", "cls"), PICTURES, ids=name_of)
def test_a_call_for_pictures_gives_pictures(name: str, cls: Any) -> None:
    with Client(emulated=True) as client:
        made = client.run(VendorCall(filled(cls)), provider=name)

    assert made.images
    assert {note.status for note in made.notes if note.field.startswith("call")} <= {"exact"}


def test_a_queued_job_of_a_family_is_asked_for_at_the_familys_own_server() -> None:
    call = filled(servers.FamilyText2Img, family="qwen", prompt="a cat [emu:queue]")
    planned = plan(VendorCall(call), "stablediffusionapi-enterprise")
    with Client(emulated=True) as client:
        made = client.run(VendorCall(call), provider="stablediffusionapi-enterprise")

    assert planned.calls[0].url.endswith("/api/v1/enterprise/qwen/text2img")
    assert "family" not in planned.calls[0].json
    assert planned.facts["fetch"]["url"].endswith("/api/v1/enterprise/qwen/fetch/{id}")
    assert len(made.images) == 1


@pytest.mark.parametrize("cls", [c for c in servers.FAMILY_CALLS if not c.endpoint.pays], ids=name_of)
@pytest.mark.parametrize("family", servers.SERVERS)
def test_every_familys_server_is_managed_by_the_same_calls(cls: Any, family: str) -> None:
    planned = plan(VendorCall(filled(cls, family=family)), "stablediffusionapi-enterprise")

    assert (planned.possible, planned.paid_calls) == (True, ())
    assert f"/api/v1/enterprise/{family}/" in planned.calls[0].url


def test_a_family_that_has_no_such_operation_is_refused_before_anything_is_sent() -> None:
    planned = plan(VendorCall(filled(servers.FamilyInpaint, family="flux")), "stablediffusionapi-enterprise")

    assert [blocker.field for blocker in planned.blockers] == ["call.family"]


def test_several_pictures_travel_as_a_list() -> None:
    call = filled(servers.FamilyImg2Img, family="flux_klein", init_image=(LINK, LINK))

    assert plan(VendorCall(call), "stablediffusionapi-enterprise").calls[0].json["init_image"] == [LINK, LINK]


def test_a_number_out_of_a_closed_list_is_told_with_the_list() -> None:
    planned = plan(VendorCall(filled(editing.HeadShot, num_inference_steps=20)), "modelslab")

    assert [str(blocker) for blocker in planned.blockers] == [
        "call.num_inference_steps: must be one of 21, 31, 41, not 20"
    ]


def test_one_model_of_the_catalogue_is_asked_for_by_its_id_in_the_path() -> None:
    call = plan(VendorCall(model_calls.ModelSearchOne(modelId="flux")), "modelslab").calls[0]

    assert (call.method, call.params, call.json) == ("GET", {}, None)
    assert call.url == "https://modelslab.com/api/v6/model-search/flux"


def test_what_is_not_emulated_is_refused_and_not_guessed() -> None:
    with Client(emulated=True) as client, pytest.raises(VendorRefused, match="refused"):
        client.run(VendorCall(filled(editing.Outpaint)), provider="modelslab")
