"""Money is read in one way and written in two, wherever it comes from and wherever it goes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from imagegen import Client, GenerationRequest, Route
from imagegen.cli import main
from imagegen.errors import InvalidInput
from imagegen.money import amount_or_none, as_text, for_people, read_amount
from imagegen.result import Cost

D = Decimal
WRONG = ["", "five", "nan", "inf", "-1", "1/0", "1e30", True, [], None, D("NaN")]


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0.002", "0.002"), ("3/4", "0.75"), (0, "0"), ("$5", "5"), (" 2.50 ", "2.5"), (0.05, "0.05"), (D(1), "1")],
)
def test_amounts_are_exact(text, amount):
    assert read_amount(text) == D(amount)


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_amount_is_refused_under_its_path(wrong):
    with pytest.raises(InvalidInput) as caught:
        read_amount(wrong, "max_price")
    assert caught.value.faults[0].path == "max_price" and "must be an amount" in str(caught.value)


def test_what_is_not_said_stays_unknown():
    assert amount_or_none(None) is None


@pytest.mark.parametrize("limit", ["five", "nan", "inf", "-1"])
def test_every_door_refuses_a_limit_that_is_no_amount(limit, capsys):
    with pytest.raises(InvalidInput, match="max_price"):
        Route(["tams"], max_price=limit)
    with Client(emulated=True) as client, pytest.raises(InvalidInput, match="max_price"):
        client.generate(GenerationRequest(prompt="x"), provider="tams", max_price=limit)
    assert main(["generate", "x", "--provider", "tams", "--emulated", f"--max-price={limit}"]) == 2
    assert main(["budget", "set", "--per", "day", "--", limit]) == 2
    assert main(["prices", "set", "--here", "tams", f"usd_per_credit={limit}"]) == 2
    assert capsys.readouterr().err.count("must be an amount") == 3


@pytest.mark.parametrize(("amount", "text"), [("1E-7", "0.0000001"), ("1E+2", "100"), ("0.50", "0.50"), ("0", "0")])
def test_for_programs_all_digits_are_written_and_no_exponent(amount, text):
    assert as_text(D(amount)) == text
    cost = Cost(estimated=D(amount), billed=D(amount), credits=D(amount)).as_dict()
    assert [cost[name] for name in ("estimated", "billed", "credits")] == [text] * 3
    assert as_text(None) is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("12.345678", "$12.345678"),
        ("0.00999999", "$0.01"),
        ("1E+2", "$100.00"),
        ("1E-9", "$0.000000001"),
        ("-0.5", "-$0.50"),
        ("0", "$0.00"),
    ],
)
def test_people_see_one_form_in_the_terminal_and_in_the_report(amount, text):
    from imagegen import report
    from imagegen.cli import render

    assert for_people(D(amount)) == text
    assert render.money is report.for_people is for_people
    assert for_people(None) == "unknown" and for_people(D(1), "EUR") == "1.00 EUR"
