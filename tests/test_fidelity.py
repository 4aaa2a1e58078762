"""How close a plan comes, and the page that says it for everything."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import names_of_fields

from imagegen.fidelity import differences, score, table
from imagegen.flow import Call
from imagegen.plans import STATUSES, Blocker, Note, Plan
from imagegen.request import Control, Detailer, Embedding, GenerationRequest, ImageInput, Inpaint, Lora, Upscale, leaves

DOCS = Path(__file__).parent.parent / "docs"
CALL = Call(method="POST", url="https://example.com", pays=True)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module
    spec.loader.exec_module(module)
    return module


def note(field: str, status: Any, requested: Any = 1, sent: Any = 1, code: str = "") -> Note:
    return Note(field=field, status=status, requested=requested, sent=sent, code=code)


def plan(*notes: Note, blockers: tuple[Blocker, ...] = ()) -> Plan:
    return Plan(provider="somebody", request=None, calls=(CALL,), notes=notes, blockers=blockers)


def test_nothing_different_is_one_and_a_blocked_plan_is_zero() -> None:
    assert score(plan(note("prompt", "exact"))) == 1.0
    assert score(plan()) == 1.0
    assert score(plan(note("prompt", "exact"), blockers=(Blocker(field="prompt", reason="no"),))) == 0.0


def test_a_lost_model_weighs_more_than_a_lost_clip_skip_than_a_lost_padding() -> None:
    fields = ("model", "clip_skip", "inpaint.padding")
    scores = [score(plan(*(note(f, "dropped" if f == lost else "exact") for f in fields))) for lost in fields]

    assert scores == [0.5, 0.6667, 0.8333]


def test_a_number_loses_as_much_as_it_was_moved() -> None:
    def moved(requested: Any, sent: Any) -> float:
        return score(plan(note("steps", "adjusted", requested, sent)))

    assert moved(30, 31) == pytest.approx(1 - 1 / 31, abs=1e-4)
    assert moved(1000, 1) == 0.5
    assert moved(0, 0) == 1.0
    assert moved("a.png", "<resource>") == 1 - table()["share"]["adjusted"]


def test_near_is_closer_than_approximated() -> None:
    near = score(plan(note("sampler", "approximated", code="near")))

    assert near > score(plan(note("sampler", "approximated", code="approx")))


def test_differences_come_with_the_heaviest_first() -> None:
    made = plan(
        note("steps", "dropped"), note("prompt", "exact"), note("loras[3].model", "dropped"), note("n", "adjusted")
    )

    assert [(one.note.field, one.weight, one.lost) for one in differences(made)] == [
        ("loras[3].model", 3.0, 3.0),
        ("steps", 1.0, 1.0),
    ]


def test_a_key_that_a_vendor_does_not_need_is_no_difference() -> None:
    assert score(plan(note("loras[0].access_key", "dropped"), note("prompt", "exact"))) == 1.0


def test_what_a_vendor_says_of_its_own_defaults_does_not_water_it_down() -> None:
    lost = note("model", "dropped")

    assert score(plan(lost, note("enhance_prompt", "exact", requested=None))) == score(plan(lost)) == 0.0


@given(
    st.lists(st.tuples(st.sampled_from(["prompt", "sampler", "steps", "loras[0].weight"]), st.sampled_from(STATUSES)))
)
def test_a_score_is_always_between_nought_and_one(notes: list[tuple[str, Any]]) -> None:
    assert 0 <= score(plan(*(note(field, status, 3, 4) for field, status in notes))) <= 1


# --- docs/fidelity.md ----------------------------------------------------------------------------------------------


def test_the_page_is_up_to_date(generate: ModuleType) -> None:
    written = (DOCS / "fidelity.md").read_text("utf-8")

    assert generate.fidelity_page() == written, "run: python docs/generate.py"


def test_the_page_shows_every_neutral_leaf(generate: ModuleType) -> None:
    picture = ImageInput("a.png")
    every = GenerationRequest(
        prompt="a",
        negative_prompt="b",
        model={"ref": "m", "access_key": "k"},
        width=512,
        height=512,
        steps=31,
        cfg_scale=7,
        distilled_guidance=3,
        sampler="euler",
        schedule="karras",
        seed=1,
        clip_skip=1,
        loras=(Lora("l", 1, 1, access_key="k"),),
        embeddings=(Embedding("e", access_key="k"),),
        vae="v",
        init_image=picture,
        strength=0.5,
        mask_image=picture,
        inpaint=Inpaint(),
        controls=(Control(image=picture, module="canny", model="canny"),),
        upscale=Upscale(scale=2, steps=1, strength=0.5, upscaler="u"),
        detailers=(
            Detailer(
                model="m", steps=1, prompt="p", negative_prompt="n", strength=1, confidence=1, dilate=1, padding=1
            ),
        ),
    )
    sized = GenerationRequest(prompt="a", upscale=Upscale(width=512, height=512))

    assert {name.split("[")[0].split(".")[0] for name in leaves(every)} == names_of_fields() - {
        "on_unsupported",
        "labels",
        "provider_options",
        "passes",
    }
    assert generate.leaf_names(every) | generate.leaf_names(sized) <= generate.covered()


def test_every_weight_is_of_a_leaf_that_exists(generate: ModuleType) -> None:
    assert set(table()["weight"]) <= generate.covered()
    assert set(table()["share"]) - {"near"} == set(STATUSES)
