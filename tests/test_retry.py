"""Patience, decided by hand: no clock, no network."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.errors import KINDS, JobFailed, OutcomeUnknown, ProviderError, Unreachable, VendorRefused
from imagegen.retry import NEVER, RetryBudget, RetryPolicy, decide

POLICY = RetryPolicy()


def after(error, attempt=1, *, left=None, budget=None, dice=None):
    return decide(
        error,
        attempt,
        left=left,
        policy=POLICY,
        budget=budget or RetryBudget(),
        dice=dice or random.Random(1),
    )


def refusal(kind, **words):
    error = VendorRefused("no", kind=kind, **words)
    error.retry_same = True  # even one that claims that asking again helps
    return error


@pytest.mark.parametrize("kind", sorted(NEVER))
def test_moderation_keys_credit_and_bad_requests_are_never_tried_again(kind):
    assert after(refusal(kind)) is None


@pytest.mark.parametrize("kind", ["rate_limited", "service_unavailable"])
def test_a_passing_refusal_is_tried_again(kind):
    assert after(VendorRefused("busy", kind=kind)) is not None


def test_what_was_charged_or_may_pay_twice_is_not_tried_again():
    charged = ProviderError("late", charged=True)
    charged.retry_same = True

    assert after(charged) is None
    assert after(OutcomeUnknown("no answer")) is None
    assert after(JobFailed("gave up", charged=False)) is None


def test_an_unknown_outcome_is_tried_again_when_the_caller_knows_that_it_cannot_pay_twice():
    error = OutcomeUnknown("no answer")
    error.retry_same = True

    assert after(error) is not None


@given(attempt=st.integers(1, 3), seed=st.integers())
def test_waits_have_full_jitter_under_a_growing_bound(attempt, seed):
    wait = after(Unreachable("down"), attempt, dice=random.Random(seed))

    assert 0 <= wait <= min(20.0, 0.5 * 2 ** (attempt - 1))


def test_a_long_row_of_attempts_waits_at_most_the_cap():
    patient = RetryPolicy(attempts=10_000)
    waits = [
        decide(
            Unreachable("down"),
            attempt,
            left=None,
            policy=patient,
            budget=RetryBudget(),
            dice=random.Random(attempt),
        )
        for attempt in range(900, 1000)
    ]

    assert 19 < max(waits) <= 20


def test_attempts_end():
    assert after(Unreachable("down"), 3) is not None
    assert after(Unreachable("down"), 4) is None


@given(seconds=st.floats(0, 60))
def test_the_vendors_retry_after_is_honoured_up_to_a_minute(seconds):
    assert seconds <= after(VendorRefused("slow", kind="rate_limited", retry_after=seconds)) <= seconds + 0.5


def test_beyond_a_minute_somebody_else_is_asked():
    assert after(VendorRefused("slow", kind="rate_limited", retry_after=600.0)) is None


def test_a_wait_that_would_end_after_the_deadline_is_not_begun():
    slow = VendorRefused("slow", kind="rate_limited", retry_after=10.0)

    assert after(slow, left=20.0) is not None
    assert after(slow, left=9.0) is None


def test_a_hundred_failed_retries_use_the_budget_up_and_successes_fill_it_again():
    budget = RetryBudget()
    granted = sum(after(Unreachable("down"), budget=budget) is not None for _ in range(150))
    for _ in range(5):
        budget.succeeded()

    assert granted == 100
    assert after(Unreachable("down"), budget=budget) is not None
    assert budget.left == 0


def test_a_timeout_costs_double_and_its_success_gives_it_back():
    budget, error = RetryBudget(), Unreachable("hung", kind="provider_timeout")
    after(error, budget=budget)
    spent = budget.left
    budget.succeeded(after=error)
    budget.succeeded()

    assert (spent, budget.left) == (490, 500)


def test_what_is_not_granted_costs_nothing():
    budget = RetryBudget()
    after(Unreachable("down"), 4, budget=budget)
    after(Unreachable("down"), left=0.0, budget=budget)

    assert budget.left == 500


def test_what_is_never_tried_again_are_kinds_that_exist():
    assert NEVER < KINDS
