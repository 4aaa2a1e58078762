"""Circuit breakers: pure transitions, and circuits that processes share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.breaker import CLOSED, BreakerPolicy, Breakers, Circuit, ask, is_down, report, would_ask
from imagegen.errors import JobFailed, LedgerError, OutcomeUnknown, ProviderError, Unreachable, VendorRefused

POLICY = BreakerPolicy(threshold=3, cooldown=10.0, growth=2.0, longest=35.0, probe=60.0)


def failing(circuit, now, times=1):
    for _ in range(times):
        circuit = report(circuit, now, POLICY, down=True)
    return circuit


def test_failures_in_a_row_open_it_and_a_success_between_starts_anew():
    almost = failing(CLOSED, 0, 2)

    assert ask(almost, 0, POLICY) == (almost, True)
    assert report(almost, 0, POLICY, down=False) == CLOSED
    assert failing(almost, 5) == Circuit(state="open", failures=3, cooldown=10.0, since=5)


def test_after_the_cool_down_one_probe_goes_through():
    opened = failing(CLOSED, 0, 3)
    probing, allowed = ask(opened, 10.0, POLICY)

    assert not ask(opened, 9.9, POLICY)[1]
    assert allowed
    assert probing.state == "half_open"
    assert not ask(probing, 11.0, POLICY)[1]


def test_a_probe_that_goes_well_closes_it():
    probing, _ = ask(failing(CLOSED, 0, 3), 10.0, POLICY)

    assert report(probing, 12.0, POLICY, down=False) == CLOSED


def test_every_failed_probe_lengthens_the_cool_down_up_to_its_bound():
    circuit, now, pauses = failing(CLOSED, 0, 3), 0.0, []
    for _ in range(4):
        pauses.append(circuit.cooldown)
        now += circuit.cooldown
        circuit = failing(ask(circuit, now, POLICY)[0], now)

    assert pauses == [10.0, 20.0, 35.0, 35.0]


def test_a_probe_whose_caller_died_is_sent_again():
    probing, _ = ask(failing(CLOSED, 0, 3), 10.0, POLICY)

    assert ask(probing, 70.0, POLICY)[1]


def test_old_news_does_not_prolong_the_pause():
    opened = failing(CLOSED, 0, 3)

    assert failing(opened, 9.0) == opened
    assert report(opened, 9.0, POLICY, down=False) == opened


def test_a_clock_that_was_set_back_does_not_lock_anybody_out():
    assert ask(failing(CLOSED, 1_000_000, 3), 5.0, POLICY)[1]


@pytest.mark.parametrize(
    ("error", "down"),
    [
        (None, False),
        (Unreachable("gone"), True),
        (Unreachable("hung", kind="provider_timeout"), True),
        (OutcomeUnknown("no answer"), True),
        (VendorRefused("no", kind="content_policy"), False),
        (VendorRefused("slow", kind="rate_limited"), False),
        (VendorRefused("500"), True),
        (JobFailed("it broke"), False),
        (LedgerError("our own limit", kind="budget_exceeded"), None),
        (ProviderError("our own patience", kind="deadline_exceeded"), None),
    ],
)
def test_only_troubles_of_the_provider_itself_count(error, down):
    assert is_down(error) is down


def test_what_nobody_was_asked_about_leaves_a_circuit_as_it_is():
    breakers = Breakers(":memory:", BreakerPolicy(threshold=2, cooldown=10.0))
    for _ in range(2):
        breakers.report("acme", 0.0, Unreachable("gone"))
    breakers.ask("acme", 20.0)

    breakers.report("acme", 21.0, LedgerError("our own limit", kind="budget_exceeded"))

    assert breakers.circuit("acme").state == "half_open"


@given(st.lists(st.tuples(st.sampled_from(["ask", "up", "down"]), st.floats(0, 30))))
def test_whatever_happens_it_lets_somebody_through_again_in_the_end(story):
    circuit, now = CLOSED, 0.0
    for event, seconds in story:
        now += seconds
        if event == "ask":
            expected = would_ask(circuit, now, POLICY)
            circuit, allowed = ask(circuit, now, POLICY)
            assert allowed is expected
        else:
            circuit = report(circuit, now, POLICY, down=event == "down")

    assert would_ask(circuit, now + 60.001, POLICY)


def test_a_circuit_opened_by_one_process_is_open_for_another(tmp_path):
    one, other = Breakers(tmp_path / "limits.sqlite3", POLICY), Breakers(tmp_path / "limits.sqlite3", POLICY)
    for _ in range(3):
        one.report("acme:key", 100.0, Unreachable("gone"))

    assert not other.ask("acme:key", 105.0)
    assert other.ask("acme:other", 105.0)
    assert other.would_ask("acme:key", 110.0)
    assert other.ask("acme:key", 110.0)
    assert not one.ask("acme:key", 111.0)
    other.report("acme:key", 112.0, None)
    assert one.circuit("acme:key") == CLOSED
    one.close()
    other.close()
