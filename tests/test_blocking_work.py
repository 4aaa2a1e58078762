"""Blocking work under asyncio: the event loop goes on, and a cancellation tears nothing."""

import asyncio
import contextlib
import threading
import time

import pytest

from imagegen.ledger import LeaseLost, NewJob, Scope
from imagegen.ledger.owners import this_process
from imagegen.ledger.sqlite import SqliteStore
from imagegen.shells import ado

JOB = NewJob(
    id="job-1",
    scope=Scope(provider="acme", account="f00d", base_url="https://acme.example"),
    request_hash="hash",
    request={},
    plan={},
    calls=1,
)


@pytest.fixture
def store():
    opened = SqliteStore(":memory:")
    yield opened
    opened.close()


def test_slow_work_does_not_stop_the_event_loop():
    async def story():
        slow = asyncio.create_task(ado(lambda: time.sleep(0.3)))
        beats = 0
        while not slow.done():
            await asyncio.sleep(0.01)
            beats += 1
        return beats

    assert asyncio.run(story()) > 5


def test_it_runs_in_another_thread():
    assert asyncio.run(ado(threading.get_ident)) != threading.get_ident()


def test_what_it_raises_reaches_the_caller(store):
    store.open_job(JOB, this_process())
    with pytest.raises(LeaseLost):
        asyncio.run(ado(lambda: store.renew("job-1", 99)))


def test_a_cancelled_caller_still_gets_the_lease_and_can_give_it_back(store):
    story_of = []

    async def worker():
        def open_slowly():
            time.sleep(0.1)
            return store.open_job(JOB, this_process())

        row, token = await ado(open_slowly)
        try:
            story_of.append("leased")
            await asyncio.sleep(10)
        finally:
            await ado(lambda: store.release(row.id, token))
            story_of.append("released")

    async def story():
        task = asyncio.create_task(worker())
        await asyncio.sleep(0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert (asyncio.run(story()), store.job("job-1").owner, story_of) == (True, None, ["leased", "released"])


def test_a_timeout_during_the_work_is_still_a_timeout():
    async def story():
        async with asyncio.timeout(0.02):
            await ado(lambda: time.sleep(0.1))
            await asyncio.sleep(10)

    with pytest.raises(TimeoutError):
        asyncio.run(story())
