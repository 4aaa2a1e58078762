"""Going on with a job where it stands, whoever left it there: wait for the living, take over from the dead."""

from __future__ import annotations

from collections.abc import Container
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from imagegen.effects import Do, Sleep, T, Work
from imagegen.engine import Run, answer, conduct, drop_the_rest, leave_slot
from imagegen.errors import ImagegenError, InvalidInput, NotConfigured, OutcomeUnknown, ProviderError
from imagegen.flow import Flow, Made
from imagegen.ledger import FINAL, CallRow, JobRow, LeaseLost
from imagegen.placeholders import walk
from imagegen.plans import Plan
from imagegen.provider import Record
from imagegen.result import Result

from .inputs import at_hand_again
from .orders import Order, require_key
from .records import as_result, only, restore_order
from .running import deliver, ending, leave, start_run
from .session import BUSY, POLL_OTHERS, Session, Wishes


def result_of(session: Session, job_id: str, wishes: Wishes) -> Work[Result]:
    """Return the result of a job, whoever works on it: wait for a living worker, take over from a dead one."""
    clock = session.means.clock
    ends = None if wishes.timeout is None else clock() + wishes.timeout
    while True:
        row = yield from find(session, job_id)
        if _complete(row):
            return as_result(row)
        if row.state in FINAL and row.state != "succeeded":
            raise _past_error(row)
        result = yield from take_over(session, row, wishes)
        if result is not None:
            return result
        if ends is not None and clock() >= ends:
            raise ProviderError(
                "another process works on this job and is not ready before the deadline.",
                kind="deadline_exceeded",
                provider=row.scope.provider,
                job_id=row.id,
            )
        yield Sleep(POLL_OTHERS)


def take_over(session: Session, row: JobRow, wishes: Wishes) -> Work[Result | None]:
    """Go on with a job that nobody works on; None = somebody does, or has just ended it."""
    yield Do(session.give_back)
    if not BUSY.begin(row.id):
        return None
    try:
        token = yield Do(partial(session.means.store.claim, row.id, session.owner, own=True))
        if token is None:
            return None
        row = yield from find(session, row.id)  # somebody may have gone on with it until now
        if _complete(row) or (row.state in FINAL and row.state != "succeeded"):
            yield Do(partial(session.means.store.release, row.id, token))
            return as_result(row) if _complete(row) else None
        return (yield from _resume(session, row, token, wishes, rest=True))
    except LeaseLost:  # somebody does now
        return None
    finally:
        BUSY.end(row.id)


def find(session: Session, job_id: str) -> Work[JobRow]:
    """Return a job; a clear error when the ledger has none."""
    row = yield Do(partial(session.means.store.job, job_id))
    if row is None:
        raise InvalidInput(f"the ledger has no job {job_id}; see: imagegen jobs list")
    found: JobRow = row
    return found


def _complete(row: JobRow) -> bool:
    return row.state == "succeeded" and (bool(row.files) or row.data is not None)


def _past_error(row: JobRow) -> ImagegenError:
    call = next((call for call in row.calls if call.error), None)
    report = call.error if call is not None and call.error else {}
    kind = report.get("kind", "job_failed")
    error = ProviderError(
        str(report.get("message") or f"the job ended as {row.state}"),
        kind=kind,
        provider=row.scope.provider,
        job_id=row.id,
        vendor_message=str(report.get("vendor_message") or ""),
    )
    error.try_next = bool(report.get("try_next"))  # an old failure leads to where a fresh one would
    error.charged = call.charged if call is not None else None
    made = [call for call in row.calls if call.state == "succeeded"]
    if any(call.charged for call in made):  # a part of it is made and paid
        error.charged, error.try_next = True, False
    elif error.charged is False and any(call.charged is None and _made_something(row, call) for call in made):
        error.charged, error.try_next = None, False
    return error


def _made_something(row: JobRow, call: CallRow) -> bool:
    return row.data is not None or any(file.index == call.index for file in row.files)


def _resume(session: Session, row: JobRow, token: int, wishes: Wishes, *, rest: bool) -> Work[Result]:
    """Go on where the protocol stopped, call by call."""
    try:
        order = yield from at_hand_again(session, row, _restored(session, row))
        run = start_run(session, order, row.id, token, evolve(wishes, output=wishes.output or Path(row.output)))
    except ImagegenError:
        yield Do(partial(session.means.store.release, row.id, token))
        raise
    done = [call for call in row.calls if call.state == "succeeded"]
    run.paid = sum(call.charged is True for call in done)
    run.unsure = any(call.charged is None and _made_something(row, call) for call in done)
    made = Made(data=row.data)
    try:
        for call in row.calls:
            part = yield from _go_on(session, run, order, call)
            data = made.data if part.data is None else part.data
            made = evolve(made, notes=(*made.notes, *part.notes), data=data, echo=part.echo)
        yield Do(partial(session.means.store.finish, run.job_id, run.token, ending(run, made)))
        return (yield from deliver(order, run, made, (yield from find(session, run.job_id))))
    except ImagegenError:
        yield from leave(session, run, rest=rest)
        raise
    except LeaseLost:
        yield from leave_slot(run)
        raise
    except BaseException:
        session.abandon(run)
        raise


def _restored(session: Session, row: JobRow) -> Order:
    """Rebuild the order of a job; whose account it is, and that its record can be read, is checked first."""
    if session.scope(session.provider(row.scope.provider)) != row.scope:
        raise NotConfigured(
            f"job {row.id} belongs to another account or address of {row.scope.provider} "
            f"({row.scope.base_url or 'default'}{', emulated' if row.scope.emulated else ''}).",
            provider=row.scope.provider,
            job_id=row.id,
            hint="Configure that account and try again; no other host is asked about it.",
        )
    try:
        return restore_order(session, row)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProviderError(
            f"the record of this job cannot be read ({type(error).__name__}); another version may have written it.",
            provider=row.scope.provider,
            job_id=row.id,
        ) from None


def _go_on(session: Session, run: Run, order: Order, call: CallRow) -> Work[Made]:
    if call.state == "succeeded":
        return Made()
    record = Record(plan=order.plan, index=call.index, job_id=call.vendor_job_id, answer=call.answer)
    if call.state in ("submitted", "running"):
        run.index, run.stage, run.vendor_job_id = call.index, call.state, call.vendor_job_id
        return (yield from conduct(run, order.provider.resume(record), iter(()), answer))
    if call.state in ("submitting", "unknown"):
        yield from _hold_or_resend(session, run, order, call)
    if call.state in FINAL:
        yield Do(partial(drop_the_rest, run))
        raise _past_error((yield from find(session, run.job_id)))
    flow = order.provider.flow(only(order.plan, call.index))
    return (yield from conduct(run, flow, iter((call.index,)), answer))


def _hold_or_resend(session: Session, run: Run, order: Order, call: CallRow) -> Work[None]:
    """A call that may have arrived: resent with the vendor's own key, held for a person without."""
    if order.provider.resend == "with_key" and call.key and run.settings.get("on_unknown") != "hold":
        if any(isinstance(leaf, str) and leaf == "env:" for leaf in walk(_bodies(order.plan, call.index))):
            raise _held(run, "its access keys were given in the program and are not stored; run it again with them")
        run.doubts.add(call.index)
        return
    if call.state != "unknown":
        yield Do(partial(session.means.store.mark, run.job_id, call.index, run.token, "unknown"))
    raise _held(run, "the vendor has no key to ask or resend by")


def _bodies(plan: Plan, index: int) -> Any:
    return plan.paid_calls[index].json


def _held(run: Run, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"nobody knows whether a call that pays arrived; {why}.",
        provider=run.provider.name,
        job_id=run.job_id,
        hint=f"Look at the vendor's site, then: imagegen jobs resolve {run.job_id} --charged (or --not-charged).",
    )


def reconcile(session: Session, wishes: Wishes, *, wait: bool = True) -> Work[list[tuple[str, str, str]]]:
    """
    Take over every unfinished job whose worker is gone; returns `(job id, state, what a person should know)`.

    Without *wait*, a job that still runs at the vendor is looked at once and left.
    """
    yield Do(session.give_back)
    limited = wishes if wait else evolve(wishes, timeout=0.5)
    report: dict[str, tuple[str, str, str]] = {}
    seen: set[str] = set()
    while (found := (yield from _left_behind(session, seen))) is not None:
        row, token = found
        seen.add(row.id)
        if is_of_another_emulator(session, row):
            yield Do(partial(session.means.store.release, row.id, token))
            continue
        words = yield from _pick_up(session, row, token, limited)
        now = yield from find(session, row.id)
        report[row.id] = (row.id, now.state, words)
    return list(report.values())


def is_of_another_emulator(session: Session, row: JobRow) -> bool:
    """Worlds end: what was begun in another one is nobody's loss, and no news."""
    if not row.scope.emulated or row.scope.provider not in session.desk.registry.providers:
        return False
    return session.scope(session.provider(row.scope.provider)) != row.scope


@frozen
class _LeaveAlone:
    """Jobs that were *seen*, and those that threads of this process work on at the moment of asking."""

    seen: Container[str]

    def __contains__(self, job_id: object) -> bool:
        return job_id in BUSY or job_id in self.seen


def _left_behind(session: Session, seen: Container[str]) -> Work[tuple[JobRow, int] | None]:
    """Claim one of the jobs whose workers are gone; one at a time, so that a cut leaves no other leased."""
    emulated = True if session.emulated else None  # a served emulator's jobs are emulated, too
    claim = partial(session.means.store.claim_stale, session.owner, limit=1, emulated=emulated)
    found: list[tuple[JobRow, int]] = yield Do(partial(claim, busy=_LeaveAlone(seen)))
    return found[0] if found else None


def _pick_up(session: Session, row: JobRow, token: int, wishes: Wishes) -> Work[str]:
    """Go on with one job that was claimed; return what a person should know."""
    if not BUSY.begin(row.id):  # a thread of this process was quicker, and waits for the lease
        yield Do(partial(session.means.store.release, row.id, token))
        return "another thread goes on with it"
    try:
        yield from _resume(session, row, token, wishes, rest=False)
    except ImagegenError as error:
        return str(error)
    except LeaseLost:
        return "another process goes on with it"
    except Exception as error:  # one job that cannot be handled must not keep the others
        return f"cannot be picked up ({type(error).__name__}); imagegen jobs show {row.id}"
    finally:
        BUSY.end(row.id)
    return "picked up"


def cancel(session: Session, job_id: str) -> Work[bool]:
    """Ask the vendor to stop a job; best effort: True only when the vendor confirmed it."""
    row = yield from find(session, job_id)
    if row.state == "prepared":
        return (yield from _drop(session, row))
    order = _restored(session, row)
    run = start_run(session, order, row.id, 0, Wishes(timeout=60.0))
    confirmed = False
    for call in row.calls:
        if call.state in ("submitted", "running") and call.vendor_job_id:
            record = Record(plan=order.plan, index=call.index, job_id=call.vendor_job_id, answer=call.answer)
            confirmed = (yield from conduct(run, order.provider.cancel(record), iter(()))) or confirmed
    return confirmed


def _drop(session: Session, row: JobRow) -> Work[bool]:
    """Cancel a job of which nothing was sent, unless somebody works on it."""
    token = yield Do(partial(session.means.store.claim, row.id, session.owner, own=row.id not in BUSY))
    if token is None:
        return False
    for call in row.calls:
        if call.state == "prepared":
            yield Do(partial(session.means.store.settle, row.id, call.index, token, "canceled", charged=False))
    yield Do(partial(session.means.store.release, row.id, token))
    return True


def ask(session: Session, order: Order, question: Flow[T], *, timeout: float = 60.0) -> Work[T]:
    """Drive a flow in which nothing pays (a vendor's own price, what a template wants) and return what it found."""
    require_key(session, order.provider)
    return (yield from conduct(start_run(session, order, "", 0, Wishes(timeout=timeout)), question, iter(())))
