"""
Where a provider is tried: a vendor that answers, and somebody who does what a flow says, as the engine would.

Calls are authorized and encoded exactly as they would leave the machine.  Nothing is kept: a `Download` is answered by
the description of a file that does not exist.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

from imagegen.effects import Wire
from imagegen.engine import wire_of
from imagegen.errors import ImagegenError, NotConfigured
from imagegen.flow import Call, Download, Flow, Pause, Recall, Remember, Reply, Step, Stored, Upload
from imagegen.images import Blob
from imagegen.plugins import Registry
from imagegen.provider import Provider
from imagegen.settings import Config

T = TypeVar("T")
NOW = 1_800_000_000.0  # what the clock says on a bench
NONCE = "0123456789abcdef0123456789abcdef"
MOST_STEPS = 2_000


def _at_once(_: float) -> None:
    """Nobody waits on a bench."""


@frozen(kw_only=True)
class Bench:
    """
    One vendor, as a test knows it.

    Attributes:
        settings: what the provider is configured with (`base_url`, secrets as `Secret`).
        answer: what the vendor says to a call as it leaves the machine.
        sleep: lets the vendor's time go on.
    """

    settings: Mapping[str, Any] = field(repr=False)
    answer: Callable[[Wire], Reply]
    sleep: Callable[[float], None] = _at_once


@contextmanager
def emulated(provider: Provider, registry: Registry) -> Iterator[Bench]:
    """Set up a bench with the emulator that a plugin of *registry* offers for *provider*; a new world each time."""
    from imagegen.emulator.inprocess import open_in_process

    with open_in_process(None, registry=registry) as world:
        given = world.settings_for(provider)
        if not given:
            raise NotConfigured(f"no plugin offers an emulator for {provider.name}; give conformance a bench")

        def answer(wire: Wire) -> Reply:
            found = world.exchange(wire.method, wire.url, headers=wire.headers, body=wire.content)
            return Reply(found.status, found.body, found.headers)

        yield Bench(settings=Config(home=Path()).values(provider, given), answer=answer, sleep=world.sleep)


@define
class Driven(Generic[T]):
    """What came of a flow: its steps, the vendor's answers, and what it returned, or the error it ended with."""

    steps: list[Step] = field(factory=list)
    replies: list[Reply] = field(factory=list)
    made: T | None = None
    error: ImagegenError | None = None

    def calls(self) -> list[Call]:
        """Return the calls among the steps."""
        return [step for step in self.steps if isinstance(step, Call)]


def drive(
    provider: Provider,
    flow: Flow[T],
    bench: Bench,
    images: Mapping[str, Blob] | None = None,
    *,
    most: int = MOST_STEPS,
) -> Driven[T]:
    """
    Do what *flow* says, with *bench* for a vendor; after *most* steps it is left (neither `made` nor `error`).

    Errors of our tree are caught, every other exception is let through: it is a fault of the provider.
    """
    driven: Driven[T] = Driven()
    acts = _acts(provider, bench, images or {}, driven.replies)
    next(acts)
    with closing(flow), closing(acts):
        try:
            step = next(flow)
            while len(driven.steps) < most:
                driven.steps.append(step)
                answer = acts.send(step)
                step = flow.throw(answer) if isinstance(answer, ImagegenError) else flow.send(answer)
        except StopIteration as done:
            driven.made = done.value
        except ImagegenError as error:
            driven.error = error
    return driven


def _acts(
    provider: Provider, bench: Bench, images: Mapping[str, Blob], replies: list[Reply]
) -> Generator[Any, Step, None]:
    """Take steps and give their answers; an `ImagegenError` among them is to be thrown into the flow."""
    known: dict[tuple[str, str], str] = {}
    answer: Any = None
    while True:
        step = yield answer
        answer = None
        match step:
            case Call():
                replies.append(bench.answer(wire_of(provider, step, bench.settings, now=NOW, nonce=NONCE)))
                answer = _read(provider, step, replies[-1])
            case Upload():
                content = images[step.image].data
                answer = bench.answer(Wire(method=step.method, url=step.url, headers=step.headers, content=content))
            case Download():
                answer = stored(step)
            case Recall():
                answer = known.get((step.kind, step.key))
            case Remember():
                known[step.kind, step.key] = step.value
            case Pause():
                bench.sleep(step.seconds)


def _read(provider: Provider, call: Call, reply: Reply) -> Reply | ImagegenError:
    """A flow never sees an answer that leaves money in doubt: the engine throws what the provider makes of it."""
    error = provider.explain(reply)
    return error if call.pays and error is not None and error.charged is not False else reply


def stored(download: Download) -> Stored:
    """Return a description of a result as if it had been kept."""
    name = hashlib.sha256(repr((download.url, download.data)).encode()).hexdigest()
    return Stored(
        path=f"{name[:20]}.png",
        sha256=name,
        media_type="image/png",
        width=download.width or 1,
        height=download.height or 1,
        source_url=download.url,
        seed=download.seed,
    )
