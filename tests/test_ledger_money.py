"""Budgets: what is spent, what is reserved, and what has no price."""

from decimal import Decimal

import pytest
from attrs import evolve
from ledgers import NOON, SCOPE, done, intend, opened, sent, state, sums

from imagegen.errors import InvalidInput, LedgerError
from imagegen.ledger import Budget


def test_a_budget_counts_what_is_spent_and_what_is_reserved_to_the_nano_unit(store):
    store.set_budget(Budget(per="day", limit=Decimal("0.05")))
    done(store, "a", billed="0.012345678")
    sent(store, "b", ceiling="0.037654322")

    assert sums(store) == [(Decimal("0.012345678"), Decimal("0.037654322"))]
    with pytest.raises(LedgerError, match=r"0\.012345678 is spent and 0\.037654322 reserved") as caught:
        sent(store, "c", ceiling="0.000000001")
    assert (caught.value.kind, caught.value.charged) == ("budget_exceeded", False)
    assert state(store, "c") == "prepared"


def test_a_ceiling_finer_than_a_nano_unit_is_rounded_up(store):
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    sent(store, ceiling="0.0000000001")

    assert sums(store) == [(Decimal(0), Decimal("1E-9"))]


def test_what_was_not_charged_is_not_spent_and_what_nobody_said_is(store):
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    free, silent = sent(store, "free"), sent(store, "silent")
    store.settle("free", 0, free, "failed", charged=False)
    store.settle("silent", 0, silent, "succeeded")

    assert sums(store) == [(Decimal("0.02"), Decimal(0))]


def test_unpriced_work_under_a_budget_needs_to_be_allowed(store):
    free_of_budgets = opened(store, "before")
    intend(store, free_of_budgets, "before", ceiling=None)
    store.set_budget(Budget(per="month", limit=Decimal(100)))
    token = opened(store)

    with pytest.raises(LedgerError, match="nobody knows"):
        intend(store, token, ceiling=None)
    intend(store, token, ceiling=None, allow_unpriced=True)
    store.settle("job-1", 0, token, "succeeded", billed=Decimal("0.5"))
    assert sums(store) == [(Decimal("0.5"), Decimal(0))]


def test_a_price_in_another_currency_is_an_unknown_one(store):
    store.set_budget(Budget(per="day", limit=Decimal(100), currency="EUR"))

    with pytest.raises(LedgerError, match="nobody knows in that currency"):
        sent(store)


def test_a_budget_of_nothing_lets_only_free_work_pass(store):
    done(store, "before")
    store.set_budget(Budget(per="day", limit=Decimal(0)))
    sent(store, "free", ceiling="0")

    with pytest.raises(LedgerError):
        sent(store, "costs", ceiling="0.000000001")


def test_each_run_day_month_and_label_has_its_own_sum(store, clock):
    for budget in (
        Budget(per="run", limit=Decimal("0.02")),
        Budget(per="day", limit=Decimal("0.04")),
        Budget(per="month", limit=Decimal("0.08")),
        Budget(per="label", limit=Decimal("0.10"), label="project=film"),
    ):
        store.set_budget(budget)
    refused = []
    for n, (days, run) in enumerate([(0, "r1"), (0, "r1"), (0, "r2"), (0, "r3"), (1, "r3"), (1, "r4"), (2, "r5")]):
        clock.time = NOON + days * 86400
        try:
            done(store, f"job-{n}", billed="0.02", run=run, labels={"project": "film"})
        except LedgerError as error:
            refused.append((n, error.message.split(" per ")[1].split(",")[0]))

    assert refused == [(1, "run"), (3, "day"), (6, "month")]
    clock.time = NOON + 40 * 86400
    done(store, "next-month", billed="0.02", run="r6", labels={"project": "film"})
    with pytest.raises(LedgerError, match="label project=film"):
        done(store, "too-much", billed="0.02", run="r7", labels={"project": "film"})
    done(store, "other-label", billed="0.02", run="r7", labels={"project": "other"})


def test_jobs_without_a_run_are_runs_of_their_own(store):
    store.set_budget(Budget(per="run", limit=Decimal("0.02")))
    for n in range(3):
        done(store, f"job-{n}", billed="0.02")

    two = opened(store, "two", calls=2)
    intend(store, two, "two", 0)
    with pytest.raises(LedgerError, match="per run"):
        intend(store, two, "two", 1)


def test_a_call_is_counted_on_the_day_of_its_intent(store, clock):
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    token = sent(store)
    clock.time += 86400
    store.settle("job-1", 0, token, "succeeded", billed=Decimal("0.01"))

    assert sums(store) == [(Decimal(0), Decimal(0))]
    clock.time -= 86400
    assert sums(store) == [(Decimal("0.01"), Decimal(0))]


def test_emulated_spend_is_limited_too_but_never_counts_as_real(store):
    store.set_budget(Budget(per="day", limit=Decimal("0.02")))
    done(store, "emulated", billed="0.02", scope=evolve(SCOPE, emulated=True))
    done(store, "real", billed="0.02")

    assert sums(store) == sums(store, emulated=True) == [(Decimal("0.02"), Decimal(0))]
    with pytest.raises(LedgerError):
        sent(store, "one more", scope=evolve(SCOPE, emulated=True))


def test_budgets_are_set_anew_and_removed(store):
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    store.set_budget(Budget(per="day", limit=Decimal(2)))

    assert [budget.limit for budget, _, _ in store.budgets()] == [2]
    assert store.remove_budget("day")
    assert not store.remove_budget("day")
    with pytest.raises(InvalidInput, match="per label names one"):
        store.set_budget(Budget(per="label", limit=Decimal(1)))
    with pytest.raises(InvalidInput, match="not an amount of money"):
        store.set_budget(Budget(per="day", limit=Decimal(-1)))


@pytest.mark.parametrize("amount", ["NaN", "-0.01", "Infinity", "1e30"])
def test_what_is_no_money_is_never_reserved(store, amount):
    with pytest.raises(ValueError, match="not an amount of money"):
        sent(store, ceiling=amount)
