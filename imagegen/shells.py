"""
The two thin shells: they do what the engine's generators ask for, one by blocking, one by awaiting.

Nothing is decided here.  A test takes `async` and `await` out of `AsyncShell` and finds `Shell`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

from .effects import Do, Effect, Http, Line, Sleep, T, Tell, TransportError, Work
from .errors import ImagegenError
from .ledger import LeaseLost


class Shell:
    """Performs effects by blocking."""

    def __init__(self, transport: Any, listen: Callable[[Any], None]) -> None:
        self.transport, self.listen = transport, listen

    def run(self, work: Work[T]) -> T:
        """Drive *work* to its end and return what it returns."""
        resume: Callable[[], Effect] = partial(next, work)
        with closing(work):
            while True:
                try:
                    effect = resume()
                except StopIteration as done:
                    result: T = done.value
                    return result
                try:
                    answer = self.perform(effect)
                except (ImagegenError, TransportError, LeaseLost) as error:
                    resume = partial(work.throw, error)
                else:
                    resume = partial(work.send, answer)

    def perform(self, effect: Effect) -> Any:
        """Do one thing."""
        match effect:
            case Http():
                return self.transport.send(effect)
            case Line():
                return self.transport.line(effect)
            case Sleep():
                return self.transport.sleep(effect.seconds)
            case Do():
                return do(effect.work)
            case Tell():
                return self.listen(effect.event)


class AsyncShell:
    """Performs effects by awaiting."""

    def __init__(self, transport: Any, listen: Callable[[Any], None]) -> None:
        self.transport, self.listen = transport, listen

    async def run(self, work: Work[T]) -> T:
        """Drive *work* to its end and return what it returns."""
        resume: Callable[[], Effect] = partial(next, work)
        with closing(work):
            while True:
                try:
                    effect = resume()
                except StopIteration as done:
                    result: T = done.value
                    return result
                try:
                    answer = await self.perform(effect)
                except (ImagegenError, TransportError, LeaseLost) as error:
                    resume = partial(work.throw, error)
                else:
                    resume = partial(work.send, answer)

    async def perform(self, effect: Effect) -> Any:
        """Do one thing."""
        match effect:
            case Http():
                return await self.transport.send(effect)
            case Line():
                return await self.transport.line(effect)
            case Sleep():
                return await self.transport.sleep(effect.seconds)
            case Do():
                return await ado(effect.work)
            case Tell():
                return self.listen(effect.event)


def do(work: Callable[[], Any]) -> Any:
    """Run a blocking function here."""
    return work()


async def ado(work: Callable[[], Any]) -> Any:
    """
    Run a blocking function in a worker thread, so that no commit and no decoder ever stops the event loop.

    It is never torn by a cancellation: its answer (a lease, say) reaches the engine, and the cancellation arrives
    before the next effect.
    """
    await asyncio.sleep(0)  # here
    done = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled = 0
    while not done.done():
        try:
            await asyncio.wait((done,))
        except asyncio.CancelledError:
            cancelled += 1
    task = asyncio.current_task()
    for _ in range(cancelled):
        assert task is not None, "only a task can have been cancelled"
        task.uncancel()
        task.cancel()
    return done.result()
