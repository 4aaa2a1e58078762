"""The ledger's worker thread: the event loop goes on, order is kept, a cancellation tears nothing."""

import asyncio
import contextlib
import threading
import time

import pytest

from imagegen.ledger import LeaseLost, NewJob, Scope
from imagegen.ledger.owners import this_process
from imagegen.ledger.sqlite import SqliteStore
from imagegen.ledger.threads import AsyncStore

JOB = NewJob(
    id="job-1",
    scope=Scope(provider="acme", account="f00d", base_url="https://acme.example"),
    request_hash="hash",
    request={},
    plan={},
    calls=1,
)


def run(story):
    async def main():
        ledger = AsyncStore(SqliteStore(":memory:"))
        try:
            return await story(ledger)
        finally:
            await ledger.close()

    return asyncio.run(main())


def test_a_slow_commit_does_not_stop_the_event_loop():
    async def story(ledger):
        slow = asyncio.create_task(ledger.run(lambda store: time.sleep(0.2)))
        beats = 0
        while not slow.done():
            await asyncio.sleep(0.01)
            beats += 1
        return beats

    assert run(story) > 5


def test_verbs_run_in_one_other_thread_in_the_order_they_were_asked_for():
    async def story(ledger):
        seen = []
        await asyncio.gather(
            *(ledger.run(lambda store, n=n: seen.append((n, threading.get_ident()))) for n in range(50))
        )
        return seen

    seen = run(story)
    assert [n for n, _ in seen] == list(range(50))
    assert len({thread for _, thread in seen}) == 1
    assert threading.get_ident() not in {thread for _, thread in seen}


def test_what_a_verb_raises_reaches_the_caller():
    async def story(ledger):
        await ledger.run(lambda store: store.open_job(JOB, this_process()))
        await ledger.run(lambda store: store.renew("job-1", 99))

    with pytest.raises(LeaseLost):
        run(story)


def test_a_cancelled_caller_still_gets_the_lease_and_can_give_it_back():
    story_of = []

    async def worker(ledger):
        def open_slowly(store):
            time.sleep(0.1)
            return store.open_job(JOB, this_process())

        row, token = await ledger.run(open_slowly)
        try:
            story_of.append("leased")
            await asyncio.sleep(10)
        finally:
            await ledger.run(lambda store: store.release(row.id, token))
            story_of.append("released")

    async def story(ledger):
        task = asyncio.create_task(worker(ledger))
        await asyncio.sleep(0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return task.cancelled(), await ledger.run(lambda store: store.job("job-1"))

    cancelled, job = run(story)
    assert (cancelled, job.owner, story_of) == (True, None, ["leased", "released"])


def test_a_timeout_during_a_verb_is_still_a_timeout():
    async def story(ledger):
        async with asyncio.timeout(0.02):
            await ledger.run(lambda store: time.sleep(0.1))
            await asyncio.sleep(10)

    with pytest.raises(TimeoutError):
        run(story)
