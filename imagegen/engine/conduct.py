"""Drives a provider's flow: takes its steps, and answers them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import attrs

from imagegen import downloads
from imagegen.effects import Do, T, Work
from imagegen.errors import ImagegenError, ResultError
from imagegen.flow import (
    Accepted,
    Call,
    Download,
    Flow,
    Heard,
    Made,
    Pause,
    Recall,
    Remember,
    Reply,
    Settled,
    Step,
    Stored,
    Upload,
)
from imagegen.images import converted
from imagegen.ledger import Ending, File

from .exchanges import ask, broken
from .giving_up import give_up, told_truly
from .patience import leave_slot, wait_for
from .paying import accept, believable, close_call, hear, keep_files, pay
from .run import Run


def nothing(run: Run, found: Any) -> None:
    """Of what costs nothing (a question, a cancellation) the ledger hears nothing."""


def answer(run: Run, made: Made) -> Ending | None:
    """Return an answer that is no file, to be written down with its call: afterwards nobody would ask for it again."""
    if run.index is None or made.data is None:
        return None
    return Ending(data=plain_data(run, made))


def plain_data(run: Run, made: Made) -> Any:
    """Return an answer as the ledger keeps it; one that it cannot hold is a fault of the plugin."""
    try:
        json.dumps(made.data)
    except (TypeError, ValueError, RecursionError) as error:
        raise broken(run, error) from None
    return run.redactor.tree(made.data)


def conduct(
    run: Run, flow: Flow[T], indices: Iterator[int], end: Callable[[Run, T], Ending | None] = nothing
) -> Work[T]:
    """
    Drive *flow* to its end; *indices* says which paid call of the ledger each paying step is.

    What the job *end*s with is written in one transaction with the last of them.
    """
    try:
        found = yield from _drive(run, flow, indices)
        run.ending = end(run, found)
        yield from close_call(run, run.ending)
    except ImagegenError as error:
        told = yield from give_up(run, error)
        yield from leave_slot(run)
        raise told_truly(run, told) from None
    yield from leave_slot(run)
    return found


def _drive(run: Run, flow: Flow[T], indices: Iterator[int]) -> Work[T]:
    resume: Callable[[], Step] = partial(next, flow)
    with closing(flow):
        while True:
            try:
                step = resume()
            except StopIteration as done:
                found: T = done.value
                return found
            except ImagegenError:
                raise
            except Exception as error:  # a stranger's provider may fail in any way
                raise broken(run, error) from None
            try:
                answer = yield from perform(run, step, indices)
            except ImagegenError as error:
                resume = partial(flow.throw, error)
            else:
                resume = partial(flow.send, answer)


def perform(run: Run, step: Step, indices: Iterator[int]) -> Work[Any]:
    """Do one step of a flow."""
    match step:
        case Call(pays=True):
            return (yield from pay(run, step, next(indices)))
        case Call():
            return (yield from ask(run, step))
        case Accepted():
            return (yield from accept(run, step))
        case Heard():
            return (yield from hear(run, step))
        case Pause():
            return (yield from wait_for(run, step.seconds))
        case Download():
            return (yield from _download(run, step))
        case Upload():
            return (yield from _upload(run, step))
        case Recall():
            return (yield Do(partial(run.means.store.recall, run.scope, step.kind, step.key)))
        case Remember():
            work = partial(run.means.store.remember, run.scope, step.kind, step.key, step.value, step.seconds)
            return (yield Do(work))
        case Settled():
            run.settled = believable(step)
    return None


def _download(run: Run, step: Download) -> Work[Stored]:
    started = run.now()
    errand = run.errand()
    yield from keep_files(run)
    data = yield from downloads.fetch(errand, step)
    n = sum(1 for file, _ in run.files if file.index == (run.index or 0))
    if not isinstance(step.seed, int):
        step = attrs.evolve(step, seed=None)  # what is no seed is not known
    stored: Stored = yield Do(partial(downloads.keep, errand, step, data, run.output, run.dress))
    file = File(
        index=run.index or 0,
        n=n,
        path=stored.path,
        sha256=stored.sha256,
        media_type=stored.media_type,
        width=stored.width,
        height=stored.height,
        seed=stored.seed,
        source_url=run.redactor.text(stored.source_url),
        size=stored.size,
    )
    run.files.append((file, stored))
    run.unkept.append(file)
    run.spend("download", run.now() - started)
    yield run.tell("downloaded", message=stored.path)
    return stored


def _upload(run: Run, step: Upload) -> Work[Reply]:
    blob = run.images.get(step.image)
    if blob is None or not blob.data:
        why = run.lost.get(step.image, "run it again")
        raise ResultError(f"{step.image} is no longer at hand: {why}", provider=run.provider.name, charged=False)
    data: bytes = yield Do(partial(converted, blob.data, step.convert))
    call = Call(method=step.method, url=step.url, headers=step.headers, content=data, purpose="upload", signed=False)
    return (yield from ask(run, call))
