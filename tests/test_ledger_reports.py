"""What the ledger tells: costs, lists, expected times, facts, and what it forgets."""

from decimal import Decimal

import pytest
from attrs import evolve
from ledgers import ME, NOON, PICTURE, SCOPE, done, intend, new, opened, sent, sums

from imagegen.errors import InvalidInput
from imagegen.ledger import Budget


def test_costs_are_summed_by_provider_model_day_and_label(store, clock):
    done(store, "a", billed="0.01", estimate=Decimal("0.02"), model="sdxl", labels={"p": "x", "q": "y"})
    clock.time += 86400
    done(store, "b", billed="0.03", estimate=Decimal("0.02"), model="flux", labels={"p": "x"})
    done(store, "unknown", billed=None, model="flux")
    done(store, "emulated", billed="9", ceiling="9", scope=evolve(SCOPE, emulated=True))
    refused = sent(store, "refused", estimate=Decimal(5))
    store.settle("refused", 0, refused, "failed", charged=False)
    opened(store, "never sent", estimate=Decimal(5))

    def short(by, **words):
        return [(s.group, s.jobs, s.estimated, s.billed, s.unknown_price) for s in store.costs(by, **words)]

    both = (Decimal("0.04"), Decimal("0.04"))
    assert short("provider") == [("acme", 3, *both, 1)]
    assert short("model") == [
        ("flux", 2, Decimal("0.02"), Decimal("0.03"), 1),
        ("sdxl", 1, Decimal("0.02"), Decimal("0.01"), 0),
    ]
    assert [row[:2] for row in short("day")] == [("2026-09-21", 1), ("2026-09-22", 2)]
    assert short("label") == [("p=x", 2, *both, 0), ("q=y", 1, Decimal("0.02"), Decimal("0.01"), 0)]
    assert short("provider", emulated=True) == [("acme", 1, None, Decimal(9), 0)]
    assert short("provider", since=NOON + 1) == [("acme", 2, Decimal("0.02"), Decimal("0.03"), 1)]


def test_a_sum_of_unknown_prices_is_unknown(store):
    done(store, billed=None)

    assert [(s.estimated, s.billed, s.unknown_price) for s in store.costs("provider")] == [(None, None, 1)]


def test_costs_count_pictures(store):
    token = sent(store)
    for n in range(3):
        store.keep_file("job-1", token, evolve(PICTURE, n=n))

    assert store.costs("provider")[0].images == 3


def test_jobs_are_listed_newest_first_and_by_what_one_looks_for(store, clock):
    for name, words in {
        "a": {},
        "b": {"labels": {"p": "x", "q": "y"}},
        "c": {"scope": evolve(SCOPE, provider="other", emulated=True), "labels": {"p": "x"}},
    }.items():
        opened(store, name, **words)
        clock.time += 10
    sent(store, "d")

    def ids(**words):
        return [job.id for job in store.jobs(**words)]

    assert ids() == ["d", "c", "b", "a"]
    assert ids(limit=2) == ["d", "c"]
    assert ids(before=NOON + 10) == ["a"]
    assert ids(state="submitting") == ["d"]
    assert ids(provider="other") == ids(emulated=True) == ["c"]
    assert ids(labels={"p": "x"}) == ["c", "b"]
    assert ids(labels={"p": "x", "q": "y"}) == ["b"]
    assert ids(state="failed") == []


def test_a_job_is_found_by_the_beginning_of_its_id_if_there_is_only_one(store):
    for name in ("abc", "abd", "ab"):
        opened(store, name)

    assert store.job("abc").id == "abc"
    assert store.job("ab").id == "ab"
    assert store.job("abd").id == "abd"
    assert store.job("x") is None
    assert store.job("") is None
    with pytest.raises(InvalidInput, match="several jobs begin with a"):
        store.job("a")


def test_a_job_or_call_that_is_not_there_is_said_so(store):
    token = opened(store)

    with pytest.raises(InvalidInput, match="no job nothing"):
        store.claim("nothing", ME)
    with pytest.raises(InvalidInput, match="no job nothing"):
        store.mark("nothing", 0, 1, "running")
    with pytest.raises(InvalidInput, match="no paid call 7"):
        intend(store, token, index=7)


def test_the_expected_time_is_the_median_of_what_succeeded_there(store, clock):
    for n, (seconds, model) in enumerate([(3, "sdxl"), (5, "sdxl"), (40, "sdxl"), (7, "flux")]):
        token = sent(store, f"job-{n}", model=model)
        clock.time += seconds
        store.settle(f"job-{n}", 0, token, "succeeded")

    assert store.seconds(SCOPE, "sdxl") == 5
    assert store.seconds(SCOPE) == 6
    assert store.seconds(evolve(SCOPE, account="other")) is None


def test_prune_forgets_what_ended_long_ago_and_nothing_else(store, clock):
    store.set_budget(Budget(per="label", limit=Decimal(1), label="p=x"))
    done(store, "old", labels={"p": "x"}, idempotency_key="k")
    unknown = sent(store, "unknown")
    store.mark("unknown", 0, unknown, "unknown")
    store.release("unknown", unknown)
    opened(store, "prepared")
    clock.time += 100
    done(store, "new")

    assert store.prune(before=NOON + 50) == 1
    assert [job.id for job in store.jobs()] == ["new", "prepared", "unknown"]
    assert sums(store) == [(Decimal("0.01"), Decimal(0))]
    assert store.open_job(new("again", idempotency_key="k"), ME)[1] == 1


def test_facts_live_as_long_as_they_say(store, clock):
    store.remember(SCOPE, "model", "a", "1")
    store.remember(SCOPE, "model", "a", "2")
    store.remember(SCOPE, "resource", "b", "3", seconds=10)
    store.remember(SCOPE, "resource", "c", "4", seconds=20)
    store.forget(SCOPE, "resource", "c")
    young = store.known(SCOPE)
    clock.time += 10

    assert young == {("model", "a"): "2", ("resource", "b"): "3"}
    assert (store.recall(SCOPE, "model", "a"), store.recall(SCOPE, "resource", "b")) == ("2", None)
    assert store.known(SCOPE) == {("model", "a"): "2"}
    assert store.known(evolve(SCOPE, emulated=True)) == {}
