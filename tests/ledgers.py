"""What the tests of the ledger share: one store in memory, a clock that a test moves, and the steps of a job."""

import contextlib
from decimal import Decimal

import pytest

from imagegen.ledger import File, NewJob, Owner, Scope
from imagegen.ledger.owners import this_process
from imagegen.ledger.sqlite import SqliteStore

ME = this_process()
DEAD = Owner(host=ME.host, pid=ME.pid, started=-1.0)  # our pid, as an earlier process had it
ELSEWHERE = Owner(host="elsewhere/boot/1", pid=1, started=1.0)
SCOPE = Scope(provider="acme", account="f00d", base_url="https://acme.example")
NOON = 1_790_000_000.0 // 86400 * 86400 + 43200


class Clock:
    def __init__(self):
        self.time = NOON

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    with contextlib.closing(SqliteStore(":memory:", now=clock)) as made:
        yield made


def new(id="job-1", **changes):
    words = {"scope": SCOPE, "request_hash": "hash", "request": {"prompt": "a lighthouse"}, "plan": {"calls": []}}
    return NewJob(**{**words, "calls": 1, "id": id, **changes})


def opened(store, id="job-1", *, owner=ME, **changes):
    _, token = store.open_job(new(id, **changes), owner)
    return token


def intend(store, token, id="job-1", index=0, *, ceiling="0.02", key=None, **words):
    ceiling = None if ceiling is None else Decimal(ceiling)
    return store.reserve_and_intend(id, index, token, ceiling=ceiling, key=key, **words)


def sent(store, id="job-1", *, ceiling="0.02", **changes):
    token = opened(store, id, **changes)
    intend(store, token, id, ceiling=ceiling)
    return token


def done(store, id="job-1", *, billed="0.01", ceiling="0.02", **changes):
    token = sent(store, id, ceiling=ceiling, **changes)
    store.settle(id, 0, token, "succeeded", billed=None if billed is None else Decimal(billed))
    store.finish(id, token)
    store.release(id, token)


def state(store, id="job-1"):
    return store.job(id).state


def sums(store, **words):
    return [(spent, reserved) for _, spent, reserved in store.budgets(**words)]


PICTURE = File(index=0, n=0, path="/out/ab.png", sha256="ab", media_type="image/png", width=8, height=8, seed=2**64 - 1)
