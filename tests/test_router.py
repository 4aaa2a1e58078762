"""Who makes it and who is next: pure decisions first, then routes over toy vendors."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import toy
from hypothesis import given
from hypothesis import strategies as st
from toy import Shop, Toy, saying

from imagegen import Client, GenerationRequest, ImagegenError, InvalidInput, JobFailed, Route, hookimpl, plugins
from imagegen.effects import TransportError
from imagegen.errors import KINDS, LedgerError, OutcomeUnknown, ProviderError, Unreachable, VendorRefused
from imagegen.plans import Plan
from imagegen.provider import Quote
from imagegen.router import Candidate, moves_on, rank
from imagegen.shells import Shell
from imagegen.transport import Local
from imagegen.work import Order

REQUEST = GenerationRequest(prompt="a cat", seed=5)
D = Decimal


def candidate(
    name: str, *, price: str | None = None, number: int = 0, fidelity: float = 1.0, **words: Any
) -> Candidate:
    amount = None if price is None else D(price)
    order = Order(
        provider=SimpleNamespace(name=name),  # type: ignore[arg-type]
        plan=Plan(provider=name, request=REQUEST),
        price=Quote(amount=amount),
    )
    return Candidate(order=order, rank=number, fidelity=fidelity, **words)


def names(candidates: list[Candidate]) -> list[str]:
    return [one.name for one in candidates]


# --- ranking -----------------------------------------------------------------------------------------------------

prices = st.one_of(st.none(), st.decimals(0, 1, places=4))


@given(st.lists(prices, min_size=1, max_size=6))
def test_an_unknown_price_never_comes_before_a_known_one(amounts):
    made = [candidate(str(n), price=None if a is None else str(a), number=n) for n, a in enumerate(amounts)]
    ranked = [one.amount for one in rank(made, "cheapest")]
    known = [amount for amount in ranked if amount is not None]
    assert ranked == [*sorted(known), *[None] * (len(ranked) - len(known))]


def test_each_preference_has_its_own_order_and_the_route_breaks_ties():
    slow = candidate("slow", price="0.001", number=0, fidelity=0.5, seconds=9.0)
    fast = candidate("fast", price="0.005", number=1, fidelity=0.9, seconds=1.0)
    new = candidate("new", number=2, fidelity=0.9)
    made = [slow, fast, new]
    assert names(rank(made, "order")) == ["slow", "fast", "new"]
    assert names(rank(made, "cheapest")) == ["slow", "fast", "new"]
    assert names(rank(made, "fastest")) == ["fast", "slow", "new"]
    assert names(rank(made, "closest")) == ["fast", "new", "slow"]


def test_an_open_circuit_stands_behind_all_others_and_stays_in():
    made = [candidate("down", price="0.001", open_circuit=True), candidate("up", number=1)]
    assert names(rank(made, "cheapest")) == ["up", "down"]


def test_who_is_left_out_is_not_ranked():
    assert names(rank([candidate("a", excluded="no key"), candidate("b", number=1)], "order")) == ["b"]


# --- moving on ---------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(KINDS)), st.booleans())
def test_nobody_moves_on_while_money_is_in_doubt_whatever_the_route_says(kind, try_next):
    error = ProviderError("?", kind=kind, charged=None)
    error.try_next = try_next
    assert not moves_on(error, Route(["a", "b"], on_error={kind: "next"}))
    assert moves_on(error, Route(["a", "b"], on_error={kind: "next"}, may_pay_twice=True))


@pytest.mark.parametrize(
    ("error", "moves"),
    [
        (Unreachable("down"), True),
        (VendorRefused("later", kind="rate_limited"), True),
        (VendorRefused("broke", kind="insufficient_credits"), True),
        (VendorRefused("who?", kind="model_not_found"), True),
        (VendorRefused("no", kind="content_policy"), False),
        (VendorRefused("what?", kind="invalid_input"), False),
        (JobFailed("broken", charged=False), True),
        (OutcomeUnknown("?"), False),
        (InvalidInput("bad"), False),
    ],
)
def test_the_table_of_errors(error, moves):
    assert moves_on(error, Route(["a", "b"])) is moves


def test_a_route_is_stronger_than_the_table():
    error = VendorRefused("broke", kind="insufficient_credits")
    assert not moves_on(error, Route(["a", "b"], on_error={"insufficient_credits": "stop"}))


def test_a_route_names_every_fault():
    with pytest.raises(InvalidInput) as caught:
        Route([], prefer="nicest", deadline=-1, min_fidelity=2, on_error={"bad_luck": "next"})  # type: ignore[arg-type]
    paths = [fault.path for fault in caught.value.faults]
    assert paths == ["providers", "prefer", "deadline", "min_fidelity", "on_error"]


@pytest.mark.parametrize(
    "words",
    [
        {"may_pay_twice": "no"},
        {"allow_unpriced": "no"},
        {"deadline": "10"},
        {"min_fidelity": "a"},
        {"on_error": "stop"},
    ],
)
def test_a_word_of_the_wrong_kind_is_not_taken_for_true(words):
    with pytest.raises(InvalidInput) as caught:
        Route(["a"], **words)
    assert {fault.path for fault in caught.value.faults} == set(words)


def test_a_budget_that_one_vendor_would_break_leads_on_to_the_next():
    error = LedgerError("the budget is 1 USD", kind="budget_exceeded")
    assert moves_on(error, Route(["a", "b"]))
    assert not moves_on(error, Route(["a", "b"], on_error={"budget_exceeded": "stop"}))


def test_a_route_reads_plain_numbers_and_names_nobody_twice():
    route = Route(["a", "b", "a"], max_price="0.05")  # type: ignore[arg-type]
    assert (route.providers, route.max_price) == (("a", "b"), D("0.05"))


# --- routes over toys --------------------------------------------------------------------------------------------


class Likes:
    """A plugin with an opinion."""

    def __init__(self, *order: str) -> None:
        self.order, self.saw = order, []

    @hookimpl
    def imagegen_rank(self, request: Any, candidates: Any) -> tuple[str, ...]:
        self.saw.append(names(candidates))
        return self.order


class Toys:
    """A client over toy vendors that share one shop."""

    def __init__(self, tmp_path: Path, *toys: Toy, extra: Any = None, without_key: tuple[str, ...] = ()) -> None:
        self.shop = Shop()
        offered = [("toys", toy.Plugin(*toys))] + ([("extra", extra)] if extra else [])
        registry = plugins.load(offered)
        settings = {name: {"api_key": "k"} for name in registry.providers if name not in without_key}
        self.client = Client(
            registry=registry, home=tmp_path / "h", output=tmp_path / "o", settings=settings, dice=random.Random(1)
        )
        self.client.shell.transport.close()
        object.__setattr__(self.client.session.means, "clock", lambda: self.shop.now)
        self.client.shell = Shell(Local(self.shop.send, self.shop.sleep), self.client._tell)

    def make(self, **words: Any) -> list[tuple[str, str]]:
        wishes = {name: words.pop(name) for name in ("idempotency_key", "max_price") if name in words}
        providers = words.pop("providers", tuple(self.client.session.desk.registry.providers))
        result = self.client.generate(REQUEST, route=Route(providers, **words), **wishes)
        return [(one.provider, one.outcome) for one in result.attempts]


@pytest.fixture
def open_toys(tmp_path):
    made: list[Toys] = []

    def build(*toys: Toy, **words: Any) -> Toys:
        made.append(Toys(tmp_path, *toys, **words))
        return made[-1]

    yield build
    for one in made:
        one.client.close()


def test_the_cheapest_known_price_makes_it(open_toys):
    toys = open_toys(Toy("a", price=None), Toy("b", price=D("0.02")), Toy("c", price=D("0.01")))
    assert toys.make(prefer="cheapest") == [("c", "made")]


def test_what_is_too_dear_or_has_no_price_under_a_limit_is_left_out_and_said(open_toys):
    toys = open_toys(Toy("a", price=None), Toy("b", price=D("0.02")), Toy("c", price=D("0.01")))
    assert toys.make(max_price=D("0.015")) == [("a", "left out"), ("b", "left out"), ("c", "made")]
    assert toys.shop.count("/make") == 1


def test_unpriced_work_can_be_allowed(open_toys):
    toys = open_toys(Toy("a", price=None), Toy("b"))
    assert toys.make(max_price=D("0.001"), allow_unpriced=True) == [("b", "left out"), ("a", "made")]


def test_who_has_no_key_is_left_out(open_toys):
    toys = open_toys(Toy("a"), Toy("b"), without_key=("a",))
    assert toys.make() == [("a", "left out"), ("b", "made")]


def test_when_nobody_can_everybody_says_why(open_toys):
    toys = open_toys(Toy("a"), Toy("b"), without_key=("a", "b"))
    with pytest.raises(ImagegenError, match=r"a: no api key is set.*b: no api key is set") as caught:
        toys.make()
    assert [one.outcome for one in caught.value.attempts] == ["left out", "left out"]
    assert toys.shop.requests == []


def test_a_plugin_may_rank_but_not_bring_in_who_was_left_out(open_toys):
    likes = Likes("nobody", "a", "c")
    toys = open_toys(Toy("a"), Toy("b"), Toy("c"), extra=likes, without_key=("a",))
    assert toys.make() == [("a", "left out"), ("c", "made")]
    assert likes.saw == [["b", "c"]]


def test_a_second_attempt_is_planned_again_with_a_seed_and_key_of_its_own(open_toys):
    toys = open_toys(Toy("a"), Toy("b"))
    toys.shop.faults = [*saying(toy.reply({}, 402))]
    toys.make()
    assert toys.shop.bodies[0]["request_id"] != ""
    assert [job.scope.provider for job in toys.client.jobs()] == ["b", "a"]


def test_a_deadline_holds_for_all_attempts_together(open_toys):
    toys = open_toys(Toy("a"), Toy("b"))

    def late(http: Any) -> None:
        toys.shop.now += 30
        raise TransportError("refused", sent=False)

    toys.shop.faults = [late] * 8
    with pytest.raises(ImagegenError) as caught:
        toys.make(deadline=20)
    assert [one.provider for one in caught.value.attempts] == ["a"]


def test_attempts_say_how_long_each_took_and_what_it_cost(open_toys):
    toys = open_toys(Toy("a"), Toy("b"))
    toys.shop.faults = [*saying(toy.reply({}, 402))]
    result = toys.client.generate(REQUEST, route=Route(["a", "b"]))
    first, second = result.attempts
    assert (first.cost.estimated, first.cost.billed) == (D("0.01"), 0)
    assert second.cost.billed == D("0.01") and second.seconds > 0
    assert [one.as_dict()["provider"] for one in result.attempts] == ["a", "b"]


def test_a_vendor_that_is_as_fast_as_it_was_is_found_by_its_history(open_toys):
    toys = open_toys(Toy("a"), Toy("b"))
    toys.make(providers=("b",))
    assert toys.make(prefer="fastest") == [("b", "made")]
