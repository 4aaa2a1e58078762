"""The call that pays: intent before it, settlement after it, sent again only where that is safe."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import attrs

from imagegen.effects import Connection, Do, Line, TransportError, Wire, Work
from imagegen.errors import ImagegenError, ProviderError
from imagegen.flow import Accepted, Call, Heard, Reply, Settled
from imagegen.ledger import Ending

from .exchanges import PAID_SECONDS, exchange, explain, failed_exchange, made_ready, patience, recordable
from .patience import seconds_left, seconds_to_wait, take_slot, take_turn, too_late, wait_for
from .run import Run, at_hand

LEAST_SECONDS = 1.0  # what has waited in line until less is left is not begun any more
MOST_CREDITS = MOST_MONEY = Decimal(10) ** 6  # for one call


def believable(settled: Settled) -> Settled:
    """Leave out a figure that is none: a broken vendor must not keep a finished picture from being settled."""
    figure = settled.credits
    if figure is None or (figure.is_finite() and 0 <= figure <= MOST_CREDITS):
        return settled
    return attrs.evolve(settled, credits=None)


def pay(run: Run, call: Call, index: int) -> Work[Reply]:
    yield from close_call(run)
    wire_ready = made_ready(run, call)  # a missing key or an open slot is found before any intent
    run.index, run.vendor_job_id, run.settled, run.answer = index, None, None, ""
    yield from _unsent(run, take_slot(run))
    attempt, last = 0, None
    while True:
        attempt += 1
        yield from _unsent(run, take_turn(run))  # before the intent: a deadline in the queue leaves nothing in doubt
        try:
            reply: Reply = yield from _send(run, call, wire_ready)
        except TransportError as failure:
            error = failed_exchange(run, failure, pays=True)
            run.unsent = None if failure.sent else error
        else:
            found = explain(run, reply)
            run.answer = "taken" if found is None else "refused" if found.charged is False else ""
            if found is None or (found.charged is False and not found.retry_same):
                run.retries().succeeded(last)
                return reply  # the flow reads it, and raises what it means
            error = found
        last = error
        if error.charged is not False:
            run.doubts.add(index)
        resend = error.charged is False or _may_resend(run, call)
        wait = seconds_to_wait(run, error, attempt, run.means.policy) if resend else None
        if wait is None:
            if error.charged is False and error is not run.unsent:
                return reply
            raise error
        if error.charged is False:
            yield from withdraw(run, error)
        yield run.tell("retrying", seconds=wait, message=run.redactor.text(str(error)))
        yield from wait_for(run, wait)


def _send(run: Run, call: Call, wire_ready: Callable[[], Wire]) -> Work[Reply]:
    """Wait for a connection, write down that the call is about to leave, and send it."""
    before = seconds_left(run, PAID_SECONDS)
    connection: Connection = yield Line(patience(run))
    try:
        signed, seconds = wire_ready(), seconds_left(run, PAID_SECONDS)
        if seconds < min(LEAST_SECONDS, before / 2):  # it would be cut off, and in doubt
            raise too_late(run)
        yield from _intend(run, call)
        return (yield from exchange(run, signed, seconds, connection))
    finally:
        connection.release()


def _unsent(run: Run, work: Work[None]) -> Work[None]:
    """Do what comes before an intent; if it fails, nothing was sent (unless an earlier attempt is in doubt)."""
    try:
        yield from work
    except ImagegenError as error:
        if not run.stage and run.index not in run.doubts:
            error.charged = False
        raise


def _intend(run: Run, call: Call) -> Work[None]:
    """COMMIT that the call at hand is about to be sent."""
    index = at_hand(run)
    work = partial(
        run.means.store.reserve_and_intend,
        run.job_id,
        index,
        run.token,
        ceiling=_ceiling(run, index),
        key=call.key,
        allow_unpriced=run.allow_unpriced,
    )
    if index not in run.doubts:  # whatever comes in between, it may be written, and nothing is sent
        run.unwritten = partial(run.means.store.withdraw, run.job_id, index, run.token)
    try:
        run.attempt = yield Do(work)
    except ImagegenError as error:  # without an intent nothing is sent
        error.charged = None if index in run.doubts else False
        raise
    run.stage, run.unsent, run.answer, run.unwritten, run.left = "submitting", None, "", None, False
    yield run.tell("submitting", message=call.purpose)


def withdraw(run: Run, error: ImagegenError) -> Work[None]:
    """Take back an attempt of which nothing can have come; earlier ones may stay in doubt."""
    index = at_hand(run)
    report = run.redactor.tree(error.as_dict())
    yield from write(run, partial(run.means.store.withdraw, run.job_id, index, run.token, report))
    if index not in run.doubts:
        run.stage = ""


def _may_resend(run: Run, call: Call) -> bool:
    """A call that may have arrived goes out again only with the vendor's own key, and only if the user lets it."""
    return run.provider.resend == "with_key" and call.key is not None and run.settings.get("on_unknown") != "hold"


def accept(run: Run, step: Accepted) -> Work[None]:
    run.stage, run.vendor_job_id, run.accepted_at = "submitted", step.job_id, run.now()
    index = at_hand(run)
    answer = run.redactor.links(recordable(run.last_answer))
    accepted = partial(run.means.store.accept, run.job_id, index, run.token, step.job_id, answer, attempt=run.attempt)
    yield from write(run, accepted)
    yield run.tell("accepted", state="accepted", message=step.job_id)


def write(run: Run, work: Callable[[], None]) -> Work[None]:
    """Tell the ledger what it must know; if that fails, it is told when the job is let go."""
    run.unwritten = work
    yield Do(work)
    run.unwritten = None


def hear(run: Run, step: Heard) -> Work[None]:
    if run.stage == "submitted" and step.progress is not None:
        run.stage = "running"
        if run.accepted_at is not None and step.progress < 1:  # one that is seen done at once was never seen queueing
            run.spend("queue", run.now() - run.accepted_at)  # as fine as the polls
        yield Do(partial(run.means.store.mark, run.job_id, at_hand(run), run.token, "running"))
    yield run.tell("state", state=step.state, progress=step.progress, queue=step.queue, eta=step.eta)


def keep_files(run: Run) -> Work[None]:
    """Write down pictures whose call cannot be settled yet: a link may die before the others are here."""
    if run.unkept:
        yield Do(partial(keep_files_now, run))


def keep_files_now(run: Run) -> None:
    """The same, where nothing can be awaited."""
    while run.unkept:
        run.means.store.keep_file(run.job_id, run.token, run.unkept[0])
        del run.unkept[0]


def close_call(run: Run, ending: Ending | None = None) -> Work[None]:
    """The paid call at hand, if any, is over and well: settle it, and with it what ends there."""
    if run.index is None or not run.stage:
        yield from keep_files(run)
        if ending is not None:
            yield Do(partial(run.means.store.finish, run.job_id, run.token, ending))
        return
    if run.stage == "submitting" and run.answer != "taken":
        raise ProviderError("its plugin went on as if a paid call had been taken", provider=run.provider.name)
    settled = run.settled or Settled()
    billed = billed_amount(run, settled)
    work = partial(
        run.means.store.settle,
        run.job_id,
        run.index,
        run.token,
        "succeeded",
        credits=settled.credits,
        billed=billed,
        charged=settled.charged,
        files=tuple(run.unkept),
        ending=ending,
    )
    yield from write(run, work)
    made_something = ending is not None or any(file.index == run.index for file, _ in run.files)
    run.paid += settled.charged is True
    run.unsure |= settled.charged is None and made_something
    run.unkept.clear()
    run.bills[run.index] = (settled.credits, billed)
    run.index, run.stage, run.settled = None, "", None


def billed_amount(run: Run, settled: Settled) -> Decimal | None:
    """What the vendor's own figure comes to in money, at the rate that the quote was made with."""
    if settled.charged is False:
        return Decimal(0)
    if settled.credits is None or not run.price.credits or run.price.amount is None:
        return None
    amount = settled.credits * run.price.amount / run.price.credits
    return amount if amount <= MOST_MONEY else None


def _ceiling(run: Run, index: int) -> Decimal | None:
    """What a budget reserves for one paid call: the high end of its price."""
    if index < len(run.price.per_call):
        return run.price.per_call[index]
    calls = len(run.plan.paid_calls)
    return run.price.high if calls == 1 else None
