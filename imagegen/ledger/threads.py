"""
One worker thread for the store's verbs, so that no commit ever stops an event loop.

Verbs run one after the other in the order they were asked for.  A verb is never torn by a cancellation: once
asked for it runs, its answer reaches the caller (who may have to give a lease back), and the cancellation
arrives at the caller's next `await`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from . import Store

T = TypeVar("T")


class AsyncStore:
    """A store for asyncio: `await ledger.run(lambda store: store.accept(...))`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="imagegen-ledger")

    async def run(self, verb: Callable[[Store], T]) -> T:
        """Run *verb* in the worker and return its answer."""
        done = asyncio.wrap_future(self._worker.submit(verb, self.store))
        cancelled = 0
        while not done.done():
            try:
                await asyncio.wait((done,))
            except asyncio.CancelledError:
                cancelled += 1
        _cancel_later(cancelled)
        return done.result()

    async def close(self) -> None:
        """Let the verbs that were asked for end, then close the store."""
        await self.run(lambda store: store.close())
        self._worker.shutdown()


def _cancel_later(times: int) -> None:
    """Cancel the running task again, as often as it was cancelled while it would not listen."""
    task = asyncio.current_task()
    for _ in range(times):
        assert task is not None, "only a task can have been cancelled"
        task.uncancel()
        task.cancel()
