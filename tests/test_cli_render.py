"""How things read: notes, prices, errors, progress, the contact sheet.  Pure."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagegen.cli import output, progress, render
from imagegen.cli.doctor import clock_finding
from imagegen.cli.jobs import read_age
from imagegen.cli.jobview import ago
from imagegen.cli.providers import describe
from imagegen.cli.results import data_text
from imagegen.errors import (
    ImagegenError,
    InvalidInput,
    JobFailed,
    NotConfigured,
    OutcomeUnknown,
    Refused,
    VendorRefused,
)
from imagegen.events import Event
from imagegen.plans import Note
from imagegen.provider import Choice, Quote, Range, Switch
from imagegen.result import Cost
from imagegen.sheet import Cell, contact_sheet


def note(field="steps", status="adjusted", requested=30, sent=31, reason="only 31", **words):
    return Note(field=field, status=status, requested=requested, sent=sent, reason=reason, **words)


# -- notes --


def test_what_is_lost_stands_before_what_is_only_another_number():
    notes = [
        note(),
        note(field="vae", status="dropped"),
        note(field="n", status="exact"),
        note(field="x", status="emulated"),
    ]

    assert [status for status, _ in render.group_notes(notes)] == ["dropped", "emulated", "adjusted"]


def test_notes_that_say_the_same_stand_together():
    notes = [
        note(field=f"loras[{i}].model", status="approximated", sent=name, reason=f"{name} is another model")
        for i, name in enumerate(["cake", "more"])
    ]

    ((status, found),) = render.group_notes(notes)

    assert (status, [n.field for n in found]) == ("approximated", ["loras[0].model", "loras[1].model"])
    assert render.why(found[0]) == "it is another model"


def test_a_change_shows_before_and_after():
    assert render.change(note()) == "steps 30 → 31"
    assert render.change(note(status="dropped")) == "steps 30"
    assert render.change(note(requested=2, sent=2)) == "steps 2"


@given(st.text(), st.integers(min_value=2, max_value=80))
def test_a_short_value_is_one_line_and_short(text, most):
    made = render.short(text, most)
    assert len(made) <= most and "\n" not in made


# -- money --


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.0042", "$0.0042"),
        ("1", "$1.00"),
        ("0.5", "$0.50"),
        ("0.00000001", "$0.00000001"),
        ("12.3456789", "$12.345679"),
    ],
)
def test_money_keeps_its_cents(amount, text):
    assert render.money(Decimal(amount)) == text


def test_an_unknown_price_never_reads_as_nothing():
    assert render.money(None) == "unknown"
    assert render.price_text(Quote()) == "unknown"
    assert render.price_text(Quote(amount=Decimal(0))) == "free"
    assert "unknown" in render.cost_text(Cost())


def test_an_ambiguous_price_shows_both_ends():
    price = Quote(amount=Decimal("0.004"), low=Decimal("0.003"), high=Decimal("0.005"), credits=Decimal("1.20"))
    assert render.price_text(price) == "$0.004 ($0.003 to $0.005), 1.2 credits"


def test_emulated_spend_is_no_spend():
    assert (
        render.cost_text(Cost(estimated=Decimal("0.1"), emulated=True))
        == "nothing, it is emulated (at the vendor about $0.10)"
    )


# -- exit codes --

VENDOR_SAID_NO = VendorRefused("no", kind="unauthorized", provider="a")
IN_DOUBT = OutcomeUnknown("lost", provider="a", job_id="j")
LATE = ImagegenError("late", kind="deadline_exceeded", job_id="j")
LATE.charged = None


@pytest.mark.parametrize(
    ("made", "errors", "code"),
    [
        (2, [], 0),
        (0, [VENDOR_SAID_NO], 1),
        (0, [Refused("blocked")], 1),
        (0, [InvalidInput("bad")], 2),
        (0, [NotConfigured("no key"), InvalidInput("bad")], 2),
        (0, [NotConfigured("no key"), VENDOR_SAID_NO], 1),
        (1, [VENDOR_SAID_NO], 3),
        (1, [NotConfigured("no key")], 3),
        (0, [IN_DOUBT], 4),
        (1, [IN_DOUBT], 4),
        (0, [LATE], 4),
        (0, [JobFailed("gave up", job_id="j")], 1),
    ],
)
def test_exit_codes_say_what_a_script_must_know(made, errors, code):
    assert output.exit_code_of(made, errors) == code


def test_json_is_wanted_even_where_the_rest_is_nonsense():
    assert output.wants_json(["generate", "--bogus", "--json"])
    assert not output.wants_json(["generate", "--", "--json"])


def test_an_error_of_the_vendor_reads_as_sentences(capsys):
    error = VendorRefused(
        "says no", provider="acme", kind="forbidden", vendor_message="not you", job_id="j1", hint="Ask."
    )

    code = output.tell(error, as_json=False)

    assert (code, capsys.readouterr().err) == (
        1,
        "Error: acme: says no. The vendor said: not you. Job j1.\n       Ask.\n",
    )


def test_an_unexpected_fault_is_one_line_and_says_how_to_report_it(capsys):
    code = output.tell(ZeroDivisionError("by\nzero"), as_json=False)

    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith("Error: unexpected ZeroDivisionError: by zero. This is a fault in imagegen.")
    assert said.count("\n") == 1


def test_an_unexpected_fault_shows_its_trace_when_asked(capsys, monkeypatch):
    monkeypatch.setenv("IMAGEGEN_DEBUG", "1")
    output.tell(ZeroDivisionError("x"), as_json=True)

    said = capsys.readouterr()
    assert "Traceback" not in said.out and "ZeroDivisionError" in said.err
    assert json.loads(said.out)["error"]["kind"] == "internal_error"


# -- progress --


def event(kind, **words):
    return Event(kind=kind, provider="acme", job_id="j", **words)


@pytest.mark.parametrize(
    ("news", "text"),
    [
        (event("submitting", message="load"), "sends the load call"),
        (event("accepted", message="77"), "accepted as 77"),
        (event("state", state="RUNNING", progress=0.4), "RUNNING, 40%"),
        (event("state", state="WAITING", queue=3, eta=12.4), "WAITING, place 3 in the queue, about 12 s to go"),
        (event("retrying", seconds=1.5, message="acme: busy"), "tries again in 1.5 s: busy"),
        (event("planned", message="2 calls"), ""),
    ],
)
def test_progress_is_the_vendors_own_word(news, text):
    assert progress.words(news) == text


def test_without_a_terminal_progress_is_plain_lines_and_nothing_twice(capsys):
    with progress.Progress() as shown:
        for news in (
            event("accepted", message="7"),
            event("state", state="RUN"),
            event("state", state="RUN"),
            event("done"),
        ):
            shown.hear(news)

    assert capsys.readouterr().err == "acme: accepted as 7\nacme: RUN\nacme: done\n"
    assert shown.running() == []


def test_a_job_that_is_not_over_is_remembered_with_both_ids():
    shown = progress.Progress(quiet=True)
    shown.hear(event("accepted", message="77"))

    (row,) = shown.running()
    assert (row.job_id, row.vendor_job_id) == ("j", "77")


# -- small words --


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (Range(1, 2**32 - 1, 1), "1 to 4294967295"),
        (Range(64, 1024, 8), "64 to 1024, in steps of 8"),
        (Range(1, None), "from 1"),
        (Range(None, 1.5), "up to 1.5"),
        (Range(), "any number"),
        (Choice(("a", "b")), "a, b"),
        (Switch(), "yes"),
        (Switch("only X"), "only X"),
    ],
)
def test_capabilities_read_as_words(what, text):
    assert describe(what) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s ago"), (90, "1 min ago"), (7200, "2 h ago"), (200000, "2 d ago")]
)
def test_ages_are_words(seconds, text):
    assert ago(seconds) == text


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43200), ("90d", 7776000), ("1.5 m", 90)])
def test_an_age_is_read(text, seconds):
    assert read_age(text) == seconds


def test_an_age_without_a_unit_is_refused():
    with pytest.raises(InvalidInput, match="--older-than must look like"):
        read_age("90")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("words", "words"),
        ({"prompts": ["a", "b"]}, "a\nb"),
        ({"caption": "x"}, "x"),
        ({}, ""),
        ({"a": 1, "b": 2}, None),
    ],
)
def test_what_a_job_answers_in_words_is_shown_plainly(data, text):
    assert data_text(data) == (render.pretty_json(data) if text is None else text)


def test_a_clock_that_is_off_is_told_from_a_hosts_date():
    (found,) = clock_finding("acme", "Thu, 01 Jan 2026 00:00:00 GMT", 1767225600 + 300)
    assert (found.verdict, found.words) == ("bad", "this machine's clock is 300 s ahead of the host's")
    assert clock_finding("acme", "Thu, 01 Jan 2026 00:00:00 GMT", 1767225600 + 5) == []
    assert clock_finding("acme", None, 0.0) == []


# -- the sheet --


def picture(color, size=(96, 64)):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


def test_equal_pictures_give_an_equal_sheet():
    cells = [Cell(picture=picture("red"), title="one", detail="96 x 64"), Cell(picture=picture("blue"), title="two")]
    assert contact_sheet(cells) == contact_sheet(cells)


@given(st.integers(1, 9), st.sampled_from([(96, 64), (64, 96), (64, 64), (2000, 100)]))
def test_a_sheet_holds_every_picture(count, size):
    cells = [Cell(picture=picture((10 + 20 * i, 0, 0), size), title=f"p{i}") for i in range(count)]

    with Image.open(io.BytesIO(contact_sheet(cells, largest=120))) as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 20)}

    assert {(10 + 20 * i, 0, 0) for i in range(count)} <= colours


def test_a_caption_that_is_too_long_is_cut():
    long = [Cell(picture=picture("red"), title="x" * 500, detail="y" * 500)]
    with Image.open(io.BytesIO(contact_sheet(long))) as sheet:
        assert sheet.width == 96 + 2 * 24


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])
