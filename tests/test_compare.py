"""
Side by side: an unknown price never sorts first and never reads 0, and the page loads nothing from outside.

`make browser` looks at the same page in a real browser; here the standard library reads it.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagegen import GenerationRequest
from imagegen.charts import Bar, bars
from imagegen.cli import costs, main
from imagegen.comparison import lines
from imagegen.ledger import Spend
from imagegen.plans import Blocker, Note, Plan
from imagegen.provider import Quote
from imagegen.report import Page, for_people, html, percent
from imagegen.router import Candidate
from imagegen.work import Order

D = Decimal
REQUEST = GenerationRequest(prompt="a lighthouse <at> dusk & fog", n=2)
LIGHTHOUSE = str(Path(__file__).parent.parent / "examples" / "lighthouse.toml")
VOID = {"meta", "img", "br", "link", "input", "rect"}


def candidate(
    name: str, price: str | None = None, number: int = 0, *, blocked: bool = False, **words: Any
) -> Candidate:
    amount = None if price is None else D(price)
    note = Note(field="steps", status="adjusted", requested=30, sent=31, reason="only some counts")
    blockers = (Blocker(field="", reason="it cannot"),) if blocked else ()
    provider: Any = SimpleNamespace(name=name, title=name.upper(), unit="credit")
    plan = Plan(provider=name, request=REQUEST, notes=(note,), blockers=blockers)
    order = Order(provider=provider, plan=plan, price=Quote(amount=amount), request=REQUEST)
    return Candidate(order=order, rank=number, fidelity=words.pop("fidelity", 0.9), **words)


# --- lines -------------------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.none(), st.decimals("0.0001", 1, places=4)), min_size=1, max_size=6))
def test_an_unknown_price_never_sorts_first_never_reads_0_and_is_never_the_cheapest(amounts):
    made = lines([candidate(f"p{n}", None if a is None else str(a), n) for n, a in enumerate(amounts)])
    shown = [line.as_dict()["amount"] for line in made]
    known = sorted(a for a in amounts if a is not None)
    assert [None if text is None else D(text) for text in shown] == known + [None] * (len(amounts) - len(known))
    for line in made:
        data = line.as_dict()
        unknown = line.price.amount is None
        assert (data["per_thousand"] is None) == unknown
        assert not (unknown and "cheapest" in line.marks)
        assert (for_people(line.price.amount) == "unknown") == unknown


def test_marks_go_to_the_best_and_equals_share_them():
    made = lines(
        [
            candidate("a", "0.002", 0, fidelity=0.5, seconds=9.0),
            candidate("b", "0.002", 1, fidelity=0.9),
            candidate("c", None, 2, fidelity=0.9, seconds=1.0),
        ]
    )
    assert {line.name: line.marks for line in made} == {
        "a": ("cheapest",),
        "b": ("cheapest", "closest"),
        "c": ("fastest", "closest"),
    }


def test_one_alone_is_best_at_nothing():
    assert lines([candidate("a", "0.1"), candidate("b", blocked=True)])[0].marks == ()


def test_who_cannot_do_it_stands_last_and_says_why():
    made = lines([candidate("cannot", "0", blocked=True), candidate("dear", "5", 1)])
    assert [(line.name, line.possible) for line in made] == [("dear", True), ("cannot", False)]
    assert made[1].as_dict()["blocked"] == "it cannot"


def test_a_thousand_pictures_cost_a_thousand_times_one_picture():
    assert lines([candidate("a", "0.004")])[0].per_thousand == 2  # two pictures are asked for


def test_the_vendors_own_price_takes_the_place_of_ours_and_the_difference_is_kept():
    [line] = lines([candidate("a", "0.004")], {"a": Quote(amount=D("0.005"), credits=D(2))})
    assert (line.price.amount, line.offline.amount, line.gap) == (D("0.005"), D("0.004"), D("0.001"))
    assert line.as_dict()["live"] == {"credits": "2", "amount": "0.005", "difference": "0.001"}


def test_a_vendor_that_names_units_of_unknown_worth_leaves_our_price():
    [line] = lines([candidate("a", "0.004")], {"a": Quote(credits=D(2))})
    assert (line.price.amount, line.gap) == (D("0.004"), None)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(None, "unknown"), ("0", "$0.00"), ("0.0034", "$0.0034"), ("3.6", "$3.60"), ("0.00001", "$0.00001")],
)
def test_money_in_words(amount, text):
    assert for_people(None if amount is None else D(amount)) == text


@pytest.mark.parametrize(("share", "text"), [(1.0, "100 %"), (0.99999, "99.9 %"), (0.829, "82.9 %"), (0.0, "0.0 %")])
def test_only_what_is_alike_is_a_hundred_percent(share, text):
    assert percent(share) == text


# --- the page ----------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Checks that elements nest, and collects what a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        words = dict(attrs)
        self.found.append((tag, words))
        self.loads += [str(words[name]) for name in ("src", "srcset", "poster", "data", "action") if name in words]
        if tag == "link":
            self.loads.append(str(words.get("href")))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [words for tag, words in self.found if tag == name]


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


def check_page(text: str) -> Reader:
    reader = read(text)
    assert all(address.startswith("data:") for address in reader.loads)
    assert not re.search(r"@import|url\((?!data:)", text), "styles load nothing either"
    assert not reader.tags("script") and not reader.tags("link") and not reader.tags("iframe")
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in reader.tags("meta")
    assert reader.tags("html") == [{"lang": "en"}]
    assert "prefers-color-scheme:dark" in text
    css = text.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"(?<![-\w])(?:min-)?width:\s*(?:\d{2,}(?:\.\d+)?(?:px|pt|cm))", css), "no width is fixed"
    assert all(words.get("alt") for words in reader.tags("img"))
    return reader


def test_a_page_loads_nothing_and_escapes_what_it_is_told():
    evil = candidate('<script>alert("x")</script>', "0.004")
    page = Page(request=REQUEST, lines=lines([evil]), failures={evil.name: "<b>it broke</b>"})
    text = html(page)
    check_page(text)
    assert "<script" not in text and "<b>it broke" not in text
    assert "a lighthouse &lt;at&gt; dusk &amp; fog" in text


def test_a_page_says_unknown_and_never_0_for_what_is_not_known():
    made = lines([candidate("dear", "5"), candidate("unsaid", None, 1)])
    reader = check_page(html(Page(request=REQUEST, lines=made)))
    text = html(Page(request=REQUEST, lines=made))
    row = text.partition('<th scope="row">unsaid')[2].partition("</tr>")[0]
    assert row.count("unknown") == 4 and "$0" not in row
    assert len(reader.tags("svg")) == 1


def test_a_page_tells_field_by_field_what_differs():
    text = html(Page(request=REQUEST, lines=lines([candidate("a", "1"), candidate("b", "2", 1)])))
    assert text.count('class="side adjusted"') == 2
    assert "asked: 30" in text and "only some counts" in text


def test_a_source_becomes_a_link_and_only_links_lead_out():
    one = candidate("a", "1")
    order = evolve(one.order, price=evolve(one.order.price, source="https://a.example/prices; my contract"))
    reader = check_page(html(Page(request=REQUEST, lines=lines([evolve(one, order=order)]))))
    assert reader.tags("a") == [{"href": "https://a.example/prices"}]


# --- charts ------------------------------------------------------------------------------------------------------


def rects(chart: str, kind: str) -> list[float]:
    root = ElementTree.fromstring(chart)
    return [
        float(one.get("width", "0"))
        for one in root.iter("{http://www.w3.org/2000/svg}rect")
        if one.get("class") == kind
    ]


def test_bars_are_as_long_as_what_they_say():
    chart = bars("Prices", [Bar(label="a", parts=(D(4),), figure="4"), Bar(label="b", parts=(D(1),), figure="1")])
    long, short = rects(chart, "one")
    assert long == pytest.approx(4 * short)


def test_an_unknown_figure_is_an_outline_and_words_and_no_bar():
    chart = bars("Prices", [Bar(label="a", parts=(None,), figure="unknown")])
    assert rects(chart, "one") == [] and len(rects(chart, "unknown")) == 1
    assert 'aria-label="Prices. a: unknown"' in chart


def test_stacked_parts_fill_the_bar_end_to_end():
    chart = bars("Time", [Bar(label="a", parts=(1.0, 2.0, 1.0), figure="4 s")], keys=("queue", "run", "download"))
    found = [rects(chart, kind)[-1] for kind in ("grey", "one", "two")]
    assert sum(found) == pytest.approx(rects(chart, "rail")[0], abs=0.2)


@given(st.text(max_size=20))
def test_any_label_makes_sound_xml(label):
    clean = "".join(c for c in label if c.isprintable() and not 0xD800 <= ord(c) < 0xE000)
    ElementTree.fromstring(bars(clean, [Bar(label=clean, parts=(1.0,), figure=clean)]))


# --- the command -------------------------------------------------------------------------------------------------


def test_compare_writes_every_picture_the_sheet_and_the_report(tmp_path, capsys):
    folder = tmp_path / "out"
    assert main(["compare", LIGHTHOUSE, "--emulated", "--run", "-o", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    names = [line["provider"] for line in told["lines"]]
    assert sorted(names) == ["modelslab", "stablediffusionapi", "stablediffusionapi-enterprise", "tams"]
    assert names[0] == "tams", "the only known price"
    assert [line["amount"] for line in told["lines"][1:]] == [None] * 3
    assert len(list(folder.glob("*.png"))) == len(names) + 1
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.width > 768
    text = (folder / "report.html").read_text("utf-8")
    reader = check_page(text)
    assert len(reader.tags("img")) == len(names)
    assert "emulator-key" not in text
    assert "&quot;requestId&quot;" in text, "the exact wire body"


def test_the_table_reads_unknown_where_no_price_is_known(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["compare", "a cat", "--emulated"]) == 0
    table = capsys.readouterr().out
    rows = {line.split()[0]: line for line in table.splitlines() if line.strip()}
    assert "$" in rows["tams"]
    assert "unknown" in rows["modelslab"] and "$0" not in rows["modelslab"]
    assert table.index("tams") < table.index("modelslab")


def test_compare_without_run_sends_nothing_and_writes_nothing(tmp_path, capsys):
    assert main(["compare", "a cat", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["lines"]) == 4 and told["errors"] == []
    assert not list(tmp_path.glob("comparison*"))


def test_live_asks_the_vendors_that_can_be_asked(capsys):
    assert main(["compare", LIGHTHOUSE, "--emulated", "--live", "--json"]) == 0
    found = {line["provider"]: line["live"] for line in json.loads(capsys.readouterr().out)["lines"]}
    assert found["tams"] == {"credits": "1.2", "amount": "0.0036", "difference": "0.0000"}
    assert found["modelslab"] is None


def test_quote_live_shows_the_difference(capsys):
    assert main(["quote", "a cat", "--provider", "tams", "--emulated", "--live"]) == 0
    assert "tams was asked: 1.4 credits, as quoted" in capsys.readouterr().out


def test_quote_live_says_that_the_key_is_missing(capsys):
    assert main(["quote", "a cat", "--provider", "tams", "--live"]) == 0
    assert "tams was not asked for its price: no key is set" in capsys.readouterr().out


def test_costs_say_how_much_is_not_billed_yet():
    row = Spend(group="a", jobs=3, images=3, estimated=Decimal(3), billed=Decimal(2), unknown_price=0)
    assert costs.gap_text(evolve(row, expected=Decimal(2))) == "as estimated; $1.00 not billed yet"
    assert costs.gap_text(evolve(row, expected=Decimal(3))) == "-$1.00"


def test_run_without_any_key_makes_nothing_and_writes_nothing(tmp_path, capsys):
    assert main(["compare", "a cat", "--run", "--yes", "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert "no key is set" in said.err and "estimated" not in said.out
    assert not (tmp_path / "out").exists()


def test_flags_that_mean_nothing_without_run_are_refused(capsys):
    assert main(["compare", "a cat", "--max-price", "0.01", "--yes"]) == 2
    assert "--yes, --max-price only means something with --run" in capsys.readouterr().err


def test_run_with_a_key_asks_for_the_money_first(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TAMS_API_KEY", "not-the-emulators")
    assert main(["compare", "a cat", "--provider", "tams", "--run", "-o", str(tmp_path / "out")]) == 2
    assert "nobody can be asked here" in capsys.readouterr().err


def test_costs_hold_the_bill_against_the_estimate(tmp_path, capsys):
    main(["compare", "a cat", "--size", "128x128", "--emulated", "--run", "-o", str(tmp_path / "out"), "--json"])
    capsys.readouterr()
    svg, page = tmp_path / "costs.svg", tmp_path / "costs.html"
    assert main(["costs", "--emulated", "--by", "provider", "--svg", str(svg), "--html", str(page), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = {row["group"]: row for row in told["rows"]}
    assert (rows["tams"]["estimated"], rows["tams"]["billed"], rows["tams"]["difference"]) == (
        "0.0042",
        "0.0042",
        "0.0000",
    )
    assert (rows["modelslab"]["billed"], rows["modelslab"]["unknown_price"]) == (None, 1)
    [total] = told["totals"]
    assert (total["jobs"], total["billed"], total["difference"], total["unknown_price"]) == (4, "0.0042", "0.0000", 3)
    ElementTree.parse(svg)
    check_page(page.read_text("utf-8"))


@pytest.mark.parametrize("by", ["provider", "model", "day", "label", "job"])
def test_costs_of_nothing_are_nothing(by, capsys):
    assert main(["costs", "--by", by]) == 0
    assert "no paid job" in capsys.readouterr().out


def test_emulated_jobs_are_no_costs(tmp_path, capsys):
    main(["generate", "a cat", "--size", "128x128", "--provider", "tams", "--emulated", "-o", str(tmp_path), "--json"])
    capsys.readouterr()
    main(["costs", "--json"])
    assert json.loads(capsys.readouterr().out) == {"by": "provider", "rows": [], "totals": []}


def test_a_budget_is_set_shown_and_removed(capsys):
    assert main(["budget", "set", "$5", "--per", "day"]) == 0
    assert main(["budget", "set", "2.5", "--label", "project=film"]) == 0
    capsys.readouterr()
    main(["budget", "show", "--json"])
    shown = json.loads(capsys.readouterr().out)["budgets"]
    assert [(b["per"], b["label"], b["limit"], b["spent"]) for b in shown] == [
        ("day", "", "5", "0"),
        ("label", "project=film", "2.5", "0"),
    ]
    assert main(["budget", "remove", "--per", "day"]) == 0
    assert main(["budget", "remove", "--per", "day"]) == 1


@pytest.mark.parametrize(
    "wrong", [["5"], ["5", "--per", "day", "--label", "a=b"], ["much", "--per", "day"], ["-1", "--per", "day"]]
)
def test_a_budget_that_makes_no_sense_is_bad_input(wrong, capsys):
    assert main(["budget", "set", *wrong]) == 2
