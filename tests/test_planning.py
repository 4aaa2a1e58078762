"""What a plan never does in silence: lose a vendor's options, or invent notes about what was never drafted."""

from __future__ import annotations

import json

import pytest

from imagegen import GenerationRequest, Interrogate, compare, plan, plugins
from imagegen.cli import main
from imagegen.errors import InvalidInput
from imagegen.provider import HasForms, LooksUp, NamesSamplers, PricesLive


def test_options_of_a_provider_that_nobody_knows_are_an_error_under_every_policy():
    for policy in ("strict", "balanced", "lenient"):
        request = GenerationRequest(
            prompt="x", provider_options={"tms": {"a": 1}, "bogus": {"b": 2}}, on_unsupported=policy
        )
        with pytest.raises(InvalidInput) as caught:
            plan(request, provider="tams")
        assert [fault.path for fault in caught.value.faults] == ["provider_options.tms", "provider_options.bogus"]
        assert "did you mean tams?" in caught.value.faults[0].message


def test_options_of_another_installed_provider_wait_for_it():
    request = GenerationRequest(prompt="x", provider_options={"tams": {"notifyUrl": "https://h.example"}})
    found = compare(request)
    assert all(not drafted.blockers for drafted, _ in found.values())
    assert any("provider_options" in note.field for note in found["tams"][0].notes)


def test_an_option_for_nobody_ends_the_command_with_bad_input(capsys):
    assert main(["plan", "x", "--provider", "tams", "--option", "bogus.foo=1", "--json"]) == 2
    assert "provider_options.bogus" in capsys.readouterr().out


def test_what_is_never_drafted_has_a_reason_and_no_notes(capsys):
    made = plan(GenerationRequest(prompt="x"), provider="modelslab", form="nonsense")
    assert [blocker.code for blocker in made.blockers] == ["unknown_form"] and made.notes == ()

    assert main(["plan", "x", "--provider", "modelslab", "--form", "nonsense"]) == 1
    told = capsys.readouterr().out
    assert "no form 'nonsense'" in told and "dropped" not in told and "Nothing comes out differently" not in told


def test_a_class_that_a_provider_does_not_take_is_said_without_an_article():
    made = plan(Interrogate(image="https://h.example/a.png"), provider="stablediffusionapi")
    assert "takes no Interrogate; it takes: " in made.blockers[0].reason and made.notes == ()


def test_side_by_side_nobody_asked_for_what_is_each_sides_default(capsys):
    assert main(["plan", "x", "--diff", "tams,modelslab", "--json"]) == 0
    rows = {row["field"]: row for row in json.loads(capsys.readouterr().out)["fields"]}
    assert rows["model"]["requested"] is None and not rows["model"]["same"]
    assert rows["prompt"]["requested"] == "x"


def test_a_price_without_a_figure_says_where_it_is_from_and_why_as_two_things(capsys):
    main(["quote", "x", "--provider", "tams", "--model", "600423083519508503"])
    told = " ".join(capsys.readouterr().out.split())
    assert "; the model's family is not known" in told


def test_what_a_provider_may_offer_besides_is_a_protocol_that_can_be_asked_for():
    tams, modelslab = (plugins.installed().provider(name) for name in ("tams", "modelslab"))
    for ability in (LooksUp, HasForms, PricesLive, NamesSamplers):
        assert isinstance(tams, ability)
    assert isinstance(modelslab, NamesSamplers) and not isinstance(modelslab, (HasForms, PricesLive))
