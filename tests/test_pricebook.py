"""The price book: rows are read whole or refused whole, what the user says wins, and unknown is never 0."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest
import toy
from hypothesis import given
from hypothesis import strategies as st
from toy import Toy

from imagegen import (
    GenerationRequest,
    InvalidInput,
    NotConfigured,
    compare,
    hookimpl,
    planning,
    plugins,
    pricebook,
    quote,
)
from imagegen.catalogue import Catalogue
from imagegen.cli import main
from imagegen.plugins import installed
from imagegen.pricebook import PriceBook, Row, from_vendor, priced, read_rows, read_words, split
from imagegen.provider import Quote
from imagegen.settings import load
from imagegen_modelslab.pricing import PRESETS
from imagegen_tams.settings import TIERS

D = Decimal
ROW = {
    "provider": "toy",
    "unit": "image",
    "amount": "0.02",
    "source": "https://toy.example",
    "checked_on": "2026-11-01",
}
REQUEST = GenerationRequest(prompt="a cat", steps=21)


def plan_of(provider: Toy, n: int = 1, **settings: str):
    registry = plugins.load([("toys", toy.Plugin(provider))])
    desk = planning.Desk(registry=registry, config=load({}), catalogue=Catalogue({}))
    values = desk.settings(provider, settings or {"api_key": "k"})
    return planning.draft(REQUEST.evolve(n=n), provider, desk, values=values)


# --- rows --------------------------------------------------------------------------------------------------------


def test_a_row_is_read_with_its_columns():
    row = Row.of({**ROW, "when": "plan=payg", "what": "SDXL"})
    assert (row.provider, row.amount, row.currency) == (("toy",), D("0.02"), "USD")
    assert row.holds({"plan": "payg"}) and not row.holds({"plan": "other"}) and not row.holds({})
    assert json.loads(json.dumps(row.as_dict()))["amount"] == "0.02"


def test_every_fault_of_a_row_is_named():
    with pytest.raises(InvalidInput) as caught:
        Row.of({"unit": "image", "amount": 0.02, "checked_on": "last week", "cost": 1})
    paths = [fault.path for fault in caught.value.faults]
    assert paths == ["cost", "provider", "source", "amount", "checked_on"]


@pytest.mark.parametrize("wrong", [5, [5], {"a": 1}])
def test_whom_a_row_is_about_is_a_name_or_names(wrong):
    with pytest.raises(InvalidInput, match="a list of names"):
        Row.of({**ROW, "provider": wrong})


def test_an_unknown_amount_stays_unknown():
    assert Row.of({**ROW, "amount": None}).as_dict()["amount"] is None


class Offering:
    def __init__(self, *rows: object) -> None:
        self.rows = rows

    @hookimpl
    def imagegen_price_book(self) -> tuple[object, ...]:
        return self.rows


def test_a_plugin_with_bad_rows_is_named_and_the_others_stand():
    book = pricebook.load(plugins.load([("good", Offering(ROW)), ("bad", Offering({"unit": "image"}))]))
    assert [row.provider for row in book.rows] == [("toy",)]
    assert len(book.broken) == 1 and book.broken[0].startswith("bad: ")


def test_every_row_of_the_installed_providers_has_a_source_and_a_day():
    book = pricebook.load(installed())
    assert book.broken == ()
    assert {name for row in book.rows for name in row.provider} == set(installed().providers)
    assert all("https://" in row.source and row.checked_on >= "2026" for row in book.rows)


def test_the_setting_of_every_row_is_one_that_the_provider_has():
    for provider in installed().providers.values():
        for row in pricebook.load(installed()).of(provider.name):
            name, _, value = row.when.partition("=")
            assert not row.when or value in pricebook.price_settings(provider)[name].choices


def test_presets_and_tiers_are_the_rows():
    assert PRESETS["payg"].per_image == D("0.002") and PRESETS["payg"].per_image_sdxl == D("0.004")
    assert PRESETS["unlimited-29"].per_month == 29 and PRESETS["enterprise-basic"].per_month == 249
    assert {tier: round(price, 6) for tier, price in TIERS.items()} == {
        "10k": D("0.003"),
        "100k": D("0.002857"),
        "1000k": D("0.002727"),
        "10000k": D("0.0024"),
    }


def test_toml_without_prices_is_an_empty_book():
    assert read_rows("") == ()


# --- pricing -----------------------------------------------------------------------------------------------------


def test_the_providers_own_price_stands_when_the_user_says_nothing():
    maker = Toy("toy")
    made = plan_of(maker, n=2)
    assert priced(PriceBook(), maker, made, {}) == maker.price(made, {})


def test_a_row_per_image_prices_a_provider_that_knows_none():
    maker = Toy("toy", price=None)
    price = priced(PriceBook(rows=(Row.of(ROW),)), maker, plan_of(maker, n=3), {})
    assert (price.amount, price.per_call) == (D("0.06"), (D("0.02"),) * 3)
    assert (price.basis, price.source, price.checked_on) == ("table", "https://toy.example", "2026-11-01")


def test_without_any_row_the_price_is_unknown_and_not_0():
    maker = Toy("toy", price=None)
    price = priced(PriceBook(), maker, plan_of(maker), {})
    assert (price.amount, price.high, price.per_call) == (None, None, (None,))


def test_a_row_of_other_work_or_not_in_force_prices_nothing():
    maker = Toy("toy", price=None)
    rows = (Row.of({**ROW, "what": "SDXL"}), Row.of({**ROW, "when": "plan=gold"}), Row.of({**ROW, "unit": "month"}))
    assert priced(PriceBook(rows=rows), maker, plan_of(maker), {}).amount is None


def test_what_the_user_pays_wins_over_all_and_is_signed():
    maker = Toy("toy")
    values = {"usd_per_image": "0.5", "price_source": "my contract", "price_checked_on": "2026-01-02"}
    price = priced(PriceBook(rows=(Row.of(ROW),)), maker, plan_of(maker, n=2), values)
    assert (price.amount, price.source, price.checked_on) == (D(1), "my contract", "2026-01-02")


def test_a_price_of_ones_own_that_is_none_is_refused():
    maker = Toy("toy")
    with pytest.raises(NotConfigured, match="usd_per_image must be an amount"):
        priced(PriceBook(), maker, plan_of(maker), {"usd_per_image": "cheap"})


def test_a_price_per_image_says_nothing_about_calls_that_make_none():
    maker = Toy("toy")
    made = plan_of(maker, n=2)
    made = made.evolve(calls=(made.calls[0], made.calls[1].evolve(purpose="upscale")))
    price = priced(PriceBook(), maker, made, {"usd_per_image": "0.5"})
    assert (price.amount, price.per_call, price.basis) == (None, (D("0.5"), None), "unknown")


@given(st.integers(1, 200), st.integers(1, 9))
def test_pictures_split_over_calls_are_all_counted(n, most):
    parts = list(split(n, most))
    assert sum(parts) == n and max(parts) <= most and len(parts) == -(-n // most)


@given(st.integers(1, 12))
def test_the_parts_of_a_price_add_up_at_every_provider(n):
    for made, price in compare(REQUEST.evolve(n=n)).values():
        if price.amount is not None:
            assert sum(price.per_call) == price.amount
            assert price.low <= price.amount <= price.high
        assert len(price.per_call) in (0, len(made.paid_calls))


def test_the_vendors_own_figure_becomes_money_at_the_rate_of_our_quote():
    maker = Toy("toy")
    offline = Quote(amount=D("0.0036"), credits=D("1.2"), basis="assumed")
    price = from_vendor(PriceBook(), maker, offline, {}, (D(1), D("0.4")))
    assert (price.credits, price.amount, price.per_call) == (D("1.4"), D("0.0042"), (D("0.003"), D("0.0012")))
    assert price.basis == "vendor"


def test_without_a_quote_the_books_price_of_a_unit_is_the_rate_and_without_that_money_stays_unknown():
    maker = Toy("toy")
    book = PriceBook(rows=(Row.of({**ROW, "unit": "image", "amount": "0.02"}),))
    assert from_vendor(book, maker, Quote(), {}, (D(2),)).amount == D("0.04")
    assert from_vendor(book, maker, Quote(), {"usd_per_image": "1"}, (D(2),)).amount == 2
    unknown = from_vendor(PriceBook(), maker, Quote(), {}, (D(2),))
    assert (unknown.credits, unknown.amount, unknown.per_call) == (2, None, (None,))


# --- what the user sets ------------------------------------------------------------------------------------------


def test_an_amount_alone_is_per_unit_of_the_provider():
    tams, modelslab = (installed().provider(name) for name in ("tams", "modelslab"))
    assert read_words(tams, ["0.0025"]) == {"usd_per_credit": "0.0025"}
    assert read_words(modelslab, ["$0.0047", "plan=payg"]) == {"usd_per_image": "0.0047", "plan": "payg"}


def test_every_fault_of_the_words_is_named():
    with pytest.raises(InvalidInput) as caught:
        read_words(
            installed().provider("modelslab"), ["api_key=k", "plan=gold", "usd_per_image=x", "price_checked_on=now"]
        )
    assert [fault.path for fault in caught.value.faults] == ["api_key", "plan", "usd_per_image", "price_checked_on"]


def test_what_prices_set_writes_is_in_force_everywhere(tmp_path, capsys):
    assert quote(REQUEST, provider="modelslab").amount is None
    assert main(["prices", "set", "modelslab", "0.0047", "--source", "invoice of October"]) == 0
    planning.desk.cache_clear()
    price = quote(REQUEST, provider="modelslab")
    assert (price.amount, price.source) == (D("0.0047"), "invoice of October")
    assert price.checked_on.startswith("20")
    assert (tmp_path / "config" / "prices.toml").is_file()


def test_prices_toml_is_stronger_than_imagegen_toml_beside_it_and_tells_only_prices(tmp_path):
    (tmp_path / "imagegen.toml").write_text('[providers.modelslab]\nusd_per_image = "1"\nmodel = "a"\n')
    (tmp_path / "prices.toml").write_text('[providers.modelslab]\nusd_per_image = "2"\nmodel = "b"\n')
    values = load({}, folder=tmp_path).values(installed().provider("modelslab"))
    assert (values["usd_per_image"], values["model"]) == ("2", "a")


def test_an_empty_value_takes_a_price_back(tmp_path):
    main(["prices", "set", "modelslab", "0.0047"])
    main(["prices", "set", "modelslab", "usd_per_image="])
    assert "price_checked_on" not in (tmp_path / "config" / "prices.toml").read_text()
    planning.desk.cache_clear()
    assert quote(REQUEST, provider="modelslab").amount is None


def test_prices_show_tells_every_row_and_which_are_in_force(capsys):
    assert main(["prices", "set", "modelslab", "plan=payg"]) == 0
    planning.desk.cache_clear()
    capsys.readouterr()
    assert main(["prices", "show", "modelslab", "--json"]) == 0
    [shown] = json.loads(capsys.readouterr().out)["providers"]
    in_force = [(row["what"], row["amount"]) for row in shown["rows"] if row["in_force"]]
    assert in_force == [("SD 1.5, SD 2.1", "0.002"), ("SDXL and later", "0.004")]
    assert shown["settings"]["plan"]["value"] == "payg"


def test_a_wrong_price_is_refused_by_the_command(capsys):
    assert main(["prices", "set", "tams", "tier=gold"]) == 2
    assert "tier: must be one of 10k, 100k, 1000k, 10000k, not 'gold'" in capsys.readouterr().err


# --- many prices -------------------------------------------------------------------------------------------------


def test_no_known_price_is_ever_0_for_work_that_pays():
    dice = random.Random(6)
    for _ in range(200):
        request = REQUEST.evolve(
            n=dice.randint(1, 6), steps=dice.choice([1, 21, 31, 41]), width=dice.randrange(256, 1025, 8)
        )
        for made, price in compare(request).values():
            assert price.amount != 0 or not made.paid_calls
