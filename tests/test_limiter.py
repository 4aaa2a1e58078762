"""Limits that processes keep together."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import turns
from hypothesis import given
from hypothesis import strategies as st

from imagegen.ledger import Owner
from imagegen.ledger.owners import host, this_process
from imagegen.limiter import SqliteLimiter, next_turn

NOW = [0.0]


@pytest.fixture
def limiter():
    NOW[0] = 0.0
    with contextlib.closing(SqliteLimiter(":memory:", now=lambda: NOW[0])) as made:
        yield made


TURNS = str(Path(__file__).parent / "turns.py")


def worst_second(stamps):
    stamps = sorted(stamps)
    return max(sum(first <= stamp <= first + 1 for stamp in stamps) for first in stamps)


def test_two_go_at_once_and_the_others_follow_at_the_rate():
    waits, due = [], 0.0
    for _ in range(5):
        wait, due = next_turn(due, 0.0, 10.0)
        waits.append(round(wait, 9))

    assert waits == [0.0, 0.0, 0.1, 0.2, 0.3]


@given(
    gaps=st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
    per_second=st.sampled_from([1.0, 5.0, 20.0]),
)
def test_no_second_ever_sees_more_than_the_rate_and_the_burst(gaps, per_second):
    now = due = 0.0
    sent = []
    for gap in gaps:
        now += gap
        wait, due = next_turn(due, now, per_second)
        sent.append(now + wait + 1e-9 * len(sent))  # rounding must not put two turns into one

    assert worst_second(sent) <= per_second + 2


def test_a_clock_that_was_set_back_does_not_keep_anybody_waiting():
    assert next_turn(1_000_000.0, 10.0, 5.0)[0] == 0.0


def test_who_oversleeps_takes_another_turn(limiter):
    now, slept = [100.0], []

    def sleep(seconds):
        slept.append(round(seconds, 9))
        now[0] += seconds + (5.0 if len(slept) == 1 else 0.0)

    for _ in range(2):
        limiter.reserve("acme:key", 10.0, now[0])
    turns.take(turns.job(limiter, 10.0, lambda: now[0]), sleep)

    assert slept == [0.1]
    assert limiter.reserve("acme:key", 10.0, now[0]) == 0.0  # the burst: one turn was taken at this moment
    assert limiter.reserve("acme:key", 10.0, now[0]) > 0.0


def test_scopes_do_not_wait_for_each_other(limiter):
    for _ in range(10):
        limiter.reserve("acme:key", 1.0, 0.0)

    assert limiter.reserve("acme:other", 1.0, 0.0) == 0.0


def test_four_processes_under_a_limit_of_20_never_send_more_than_22_within_a_second(tmp_path):
    command = [sys.executable, TURNS, str(tmp_path / "limits.sqlite3"), str(time.time() + 4.0)]
    senders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    stamps = [float(stamp) for sender in senders for stamp in sender.communicate()[0].split()]

    assert len(stamps) > 40
    assert worst_second(stamps) <= 22


def test_slots_are_counted_and_come_back(limiter):
    me = this_process()
    first, second = (limiter.acquire_slot("acme:key", 2, me) for _ in range(2))

    assert first is not None
    assert second is not None
    assert limiter.acquire_slot("acme:key", 2, me) is None
    assert limiter.acquire_slot("acme:other", 2, me) is not None
    limiter.release_slot(first)
    assert limiter.acquire_slot("acme:key", 2, me) is not None


def test_a_dead_process_gives_its_slots_back(limiter):
    dead = Owner(host=host(), pid=os.getpid(), started=-1.0)  # our pid, as an earlier process had it
    for _ in range(2):
        limiter.acquire_slot("acme:key", 2, dead)

    assert limiter.acquire_slot("acme:key", 2, this_process()) is not None


def test_a_slot_of_another_host_is_kept_for_an_hour(limiter):
    limiter.acquire_slot("acme:key", 1, Owner(host="elsewhere", pid=1, started=0.0))
    refused = limiter.acquire_slot("acme:key", 1, this_process())
    NOW[0] = 3601.0

    assert refused is None
    assert limiter.acquire_slot("acme:key", 1, this_process()) is not None
