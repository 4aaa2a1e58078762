"""The emulated ModelsLab's books, webhooks and words, and what its package may import."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modelslab_vendor import CAT, Vendor

import imagegen_modelslab.emulator as package
from imagegen.emulator import KEY, outbox
from imagegen_modelslab.emulator import EMULATOR
from imagegen_modelslab.emulator.words import Reader

OUTSIDE = {"attrs", "PIL", "imagegen"}

# --- money and the account ---------------------------------------------------------------------------------------


def test_every_picture_is_in_the_books_from_the_moment_it_is_accepted(vendor):
    taken = vendor.text2img(prompt="a cat [emu:queue]", samples=3)
    (job,) = vendor.world.books()

    assert {name: job[name] for name in ("provider", "id", "prompt", "state", "credits")} == {
        "provider": "modelslab",
        "id": str(taken["id"]),
        "prompt": "a cat [emu:queue]",
        "state": "accepted",
        "credits": "0.006",
    }
    balance = vendor.post("wallet_balance")["data"]
    assert balance == {"balance": 999_999.994, "currency": "USD"}


def test_without_credit_nothing_is_made():
    vendor = Vendor(credits=0)

    response = vendor.send("v6/images/text2img", {"key": KEY, **CAT})
    assert (response.status, vendor.world.books()) == (402, [])


def test_the_account_can_be_asked(vendor):
    vendor.text2img(prompt="[emu:queue] a cat")
    done = vendor.text2img()

    assert vendor.post("v6/processing/request_count") == {
        "status": "success",
        "processing_count": 1,
        "message": "Current processing request count retrieved successfully",
    }
    products = json.loads(vendor.send("subscribed_products", {"key": KEY}, method="GET").body)
    assert products["data"]["imagen"]["percentage_used"] == 1
    history = vendor.post("v6/assets_generated", type="image", per_page=15)
    assert history["data"] == [{"id": done["id"], "output": done["output"]}]
    assert history["pagination"]["total"] == 1


def test_a_webhook_is_queued_for_the_moment_the_job_is_done(vendor):
    taken = vendor.text2img(prompt="a cat [emu:queue]", webhook="http://127.0.0.1:9/hook", track_id="shot-3")
    (call,) = outbox.listed(vendor.world)

    assert call["due"] == pytest.approx(vendor.world.now() + taken["eta"])
    assert call["body"]["id"] == str(taken["id"])
    assert (call["body"]["track_id"], call["body"]["output"]) == ("shot-3", taken["future_links"])


# --- words -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**63), st.sampled_from([str, int, lambda number: f" {number} "]))
@settings(max_examples=50)
def test_a_number_is_read_alike_however_it_is_written(number, write):
    reader = Reader({"seed": write(number)})

    assert (reader.integer("seed", -1), reader.faults) == (number, {})


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
@settings(max_examples=100)
def test_no_value_breaks_a_reader(value):
    reader = Reader({"x": value})
    read = [reader.integer("x", 1, 0, 9), reader.number("x", 1.0, 0, 9), reader.flag("x", False), reader.names("x")]

    assert 0 <= read[0] <= 9 and 0 <= read[1] <= 9
    reader.strengths("x")


def test_deviations_are_sentences():
    assert all(text.endswith(".") and len(text) > 20 for text in EMULATOR.deviations)
    assert len(set(EMULATOR.deviations)) == len(EMULATOR.deviations) > 20


def test_the_emulator_shares_no_code_with_the_provider_that_it_tests():
    imported = [
        node.module or ""
        for path in Path(package.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level != 1
    ]

    assert {name.split(".")[0] for name in imported} <= {"__future__", "collections", "typing", "decimal", *OUTSIDE}
    assert [name for name in imported if name.startswith("imagegen") and not name.startswith("imagegen.emulator")] == []
