"""What a model's family says about a plan, at every provider, and what of a prompt is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from strategies import prompts

from imagegen import catalogue, plugins
from imagegen import prompts as syntax
from imagegen import settings as configuration
from imagegen.dialects import lift_loras, say
from imagegen.errors import InvalidInput
from imagegen.planning import Desk, draft
from imagegen.plans import Notebook, Plan
from imagegen.request import GenerationRequest, Lora

MODELS = {
    "xl": ("checkpoint", "sdxl"),
    "flux": ("checkpoint", "flux-dev"),
    "turbo": ("checkpoint", "sdxl-turbo"),
    "old": ("checkpoint", "sd15"),
    "grain": ("lora", "sd15"),
    "pony-lora": ("lora", "pony"),
    "easy": ("embedding", "sd15"),
    "plain": ("checkpoint", None),
}
PROVIDERS = tuple(plugins.installed().providers)


def layer() -> str:
    lines = []
    for number, (name, (kind, family)) in enumerate(MODELS.items()):
        lines += ["[[entry]]", f'name = "{name}"', f'kind = "{kind}"', f'family = "{family}"' if family else ""]
        for provider in PROVIDERS:
            lines += [f"[entry.vendor.{provider}]", f'id = "{600423083519508500 + number}"', 'match = "same-file"']
    return "\n".join(lines)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    registry = plugins.installed()
    config = configuration.Config(home=tmp_path)
    return Desk(registry=registry, config=config, catalogue=catalogue.merge([("test", layer())], registry.providers))


def plan(desk: Desk, provider: str, **words: Any) -> Plan:
    return draft(GenerationRequest(**{"prompt": "a cat", **words}), desk.registry.provider(provider), desk)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_lora_of_another_family_is_refused_with_the_reason(provider: str, desk: Desk) -> None:
    made = plan(desk, provider, model="@xl", loras=["@grain"])

    assert [str(blocker) for blocker in made.blockers] == [
        "loras[0].model: LoRA @grain was made for sd15, the model is sdxl: it cannot act on it"
    ]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_lenient_only_notes_it(provider: str, desk: Desk) -> None:
    made = plan(desk, provider, model="@xl", loras=["@grain"], on_unsupported="lenient")

    assert made.possible
    assert (made.note("loras[0].model").status, made.note("loras[0].model").code) == ("approximated", "family_mismatch")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_lora_of_kin_acts_less_true_and_one_of_the_family_is_exact(provider: str, desk: Desk) -> None:
    near = plan(desk, provider, model="@xl", loras=["@pony-lora"]).note("loras[0].model")
    own = plan(desk, provider, model="@old", loras=["@grain"]).note("loras[0].model")

    assert (near.status, near.code, own.status) == ("approximated", "family_near", "exact")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_clip_skip_2_on_sdxl_says_that_it_changes_nothing(provider: str, desk: Desk) -> None:
    note = plan(desk, provider, model="@xl", clip_skip=2).note("clip_skip")

    assert note.status == "exact"
    assert "1 and 2 draw the same picture" in note.reason


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_larger_clip_skip_on_sdxl_is_what_engines_disagree_about(provider: str, desk: Desk) -> None:
    note = plan(desk, provider, model="@xl", clip_skip=3).note("clip_skip")

    assert (note.status, note.code) == ("approximated", "family_clip_skip")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_family_without_guidance_gets_none_unless_asked(provider: str, desk: Desk) -> None:
    assert plan(desk, provider, model="@turbo").request.cfg_scale == 1.0
    flux = plan(desk, provider, model="@flux")
    assert (flux.request.cfg_scale, flux.request.distilled_guidance) == (1.0, 3.5)
    asked = plan(desk, provider, model="@turbo", cfg_scale=7.0).note("cfg_scale")
    assert (asked.status, asked.code) == ("approximated", "family_guidance")


def test_a_negative_prompt_without_cfg_is_told_to_have_no_effect(desk: Desk) -> None:
    for provider in PROVIDERS:
        note = plan(desk, provider, model="@turbo", negative_prompt="bad").note("negative_prompt")
        assert note.status in ("approximated", "dropped")


def test_sizes_that_a_family_cannot_draw_are_told(desk: Desk) -> None:
    notes = [plan(desk, name, model="@xl", width=256, height=1024).note("width") for name in PROVIDERS]

    assert all(note.reason for note in notes)
    assert any("trained at 1024" in note.reason for note in notes)


def test_nothing_is_said_of_a_model_that_nobody_knows(desk: Desk) -> None:
    for model in ("@plain", "600423083519508999"):
        made = plan(desk, PROVIDERS[0], model=model, loras=["@grain"], clip_skip=1)
        assert made.note("loras[0].model").status == "exact"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_unknown_alias_names_what_is_near(provider: str, desk: Desk) -> None:
    assert "did you mean @flux?" in plan(desk, provider, model="@flx").blockers[0].reason


# --- prompts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_lora_in_the_prompt_joins_the_stack_and_the_prompt_says_so(provider: str, desk: Desk) -> None:
    made = plan(desk, provider, prompt="a cat <lora:grain:0.6>", model="@old", loras=["@grain"])

    assert made.request.loras == (Lora("@grain"), Lora("@grain", 0.6))
    assert made.note("loras[1].weight").status == "exact"
    note = made.note("prompt")
    assert (note.status, note.requested, note.sent) == ("adjusted", "a cat <lora:grain:0.6>", "a cat ")


def test_both_weights_of_a_tag_are_kept() -> None:
    assert lift_loras(GenerationRequest(prompt="a <lora:x:0.2:0.9>")).loras == (Lora("x", 0.9, 0.2),)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [("a <lora:x:many>", "is not a number"), ("a <lora:>", "names no LoRA"), ("<lora:x:1>", "nothing but")],
)
def test_a_tag_that_cannot_be_read_is_a_fault_of_the_prompt(prompt: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        lift_loras(GenerationRequest(prompt=prompt))
    assert caught.value.faults[0].path == "prompt"


@pytest.mark.parametrize(
    ("dialect", "text", "sent", "status"),
    [
        ("a1111", "a (b:1.2) BREAK [c|d]", "a (b:1.2) BREAK [c|d]", "exact"),
        ("comfy", "a [b]", "a (b:0.909)", "adjusted"),
        ("comfy", "a BREAK b", "a BREAK b", "approximated"),
        ("comfy", "plain words", "plain words", "exact"),
        ("plain", "a (b:1.2)", "a b", "approximated"),
        ("plain", "a b", "a b", "exact"),
        ("unverified", "a (b:1.2)", "a (b:1.2)", "exact"),
        ("unverified", "[a:b:0.5]", "[a:b:0.5]", "approximated"),
    ],
)
def test_a_prompt_is_said_in_the_vendors_dialect_and_told(dialect: Any, text: str, sent: str, status: str) -> None:
    book = Notebook(GenerationRequest(prompt=text), "somebody")

    assert say(book, "prompt", text, dialect, "prompt") == sent
    note = book.finish()[0]
    assert (note.status, note.sent, bool(note.reason) or status == "exact") == (status, sent, True)


@given(prompts)
def test_plain_engines_never_see_a_weight_that_is_not_told(text: str) -> None:
    book = Notebook(GenerationRequest(prompt=text), "somebody")
    sent = say(book, "prompt", text, "plain", "prompt")

    weighted = any(span.weight != 1 for span in syntax.parse(text))
    assert (book.finish()[0].status == "approximated") >= weighted
    assert sent == syntax.to_plain(syntax.parse(text))[0]
