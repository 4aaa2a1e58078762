"""Leaving a job in the state that is true, and saying what is true about money on the way out."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from imagegen.effects import Work
from imagegen.errors import ImagegenError, JobFailed, OutcomeUnknown
from imagegen.flow import Settled

from .paying import billed_amount, withdraw, write
from .run import Run, at_hand


def give_up(run: Run, error: ImagegenError) -> Work[ImagegenError]:
    """Leave the paid call at hand in the state that is true; return what is true to say."""
    if run.index is None or not run.stage:  # before an intent there is nothing to give up
        return error
    if run.unwritten is not None:  # something about money; it is written on letting go
        error.charged = None if error.charged is False else error.charged
        return error
    try:
        if run.stage == "submitting":
            error = yield from _give_up_sending(run, error)
        else:
            yield from _give_up_waiting(run, error)
    except ImagegenError:  # the ledger cannot be written now, and is told later; until then there is doubt
        error.charged = None if error.charged is False else error.charged
    run.index, run.stage = None, ""
    return error


def _give_up_sending(run: Run, error: ImagegenError) -> Work[ImagegenError]:
    """
    Nothing was accepted.  Only the vendor's refusal of this very call, or proof that it never left, says that nothing
    was made; a question that was refused, or could not be asked, proves nothing about the call that paid.
    """
    index = at_hand(run)
    nothing_made = error is run.unsent or (error.charged is False and run.answer == "refused")
    report = run.redactor.tree(error.as_dict())
    if nothing_made and index not in run.doubts:
        if error is run.unsent:
            yield from withdraw(run, error)
        else:
            yield from write(run, partial(_fail, run, index, "failed", report, charged=False))
        return error
    if isinstance(error, JobFailed) and index not in run.doubts:  # the vendor said what became of it
        yield from write(run, partial(_fail, run, index, "failed", report, charged=error.charged))
        return error
    if nothing_made:
        yield from withdraw(run, error)
    if error.charged is False or error.kind in _VAGUE:
        error = _in_doubt(run, error)
        report = run.redactor.tree(error.as_dict())
    yield from write(run, partial(run.means.store.mark, run.job_id, index, run.token, "unknown", report))
    return error


_VAGUE = ("provider_error", "service_unavailable", "provider_timeout")  # of a call that pays: nobody knows


def _in_doubt(run: Run, error: ImagegenError) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{error.message.rstrip('.')}. The call that pays may have arrived all the same, and been charged.",
        provider=run.provider.name,
        vendor_message=error.vendor_message,
        status=error.status,
        hint=f"Look at the vendor's site, then: imagegen jobs show {run.job_id}, imagegen reconcile.",
    )


def _give_up_waiting(run: Run, error: ImagegenError) -> Work[None]:
    fail = partial(_fail, run, at_hand(run), report=run.redactor.tree(error.as_dict()))
    if error.kind == "job_canceled":
        yield from write(run, partial(fail, "canceled", charged=error.charged))
    elif isinstance(error, JobFailed):
        yield from write(run, partial(fail, "failed", charged=error.charged))
    elif error.kind == "result_expired":
        yield from write(run, partial(fail, "expired", charged=True))


def _fail(run: Run, index: int, state: Any, report: Mapping[str, Any], *, charged: bool | None) -> None:
    settled = run.settled or Settled(credits=Decimal(0) if charged is False else None, charged=charged)
    run.means.store.settle(
        run.job_id,
        index,
        run.token,
        state,
        credits=settled.credits,
        billed=Decimal(0) if charged is False else billed_amount(run, settled),
        charged=charged,
        error=report,
        files=tuple(run.unkept),
    )
    run.unkept.clear()
    drop_the_rest(run)


def drop_the_rest(run: Run) -> None:
    """One call of the job has failed for good: those that were to follow it are not to be paid by anybody."""
    run.dropped = True
    row = run.means.store.job(run.job_id)
    for call in row.calls if row is not None else ():
        if call.state == "prepared":
            run.means.store.settle(run.job_id, call.index, run.token, "canceled", charged=False)


def _where_it_stands(run: Run, error: ImagegenError) -> str:
    if not run.vendor_job_id or isinstance(error, JobFailed) or error.kind in ("job_canceled", "result_expired"):
        return ""
    if error.kind == "result_invalid":
        return "It was made and paid for; to fetch it once more, at no cost: imagegen reconcile."
    return f"The job goes on at the vendor; pick it up with: imagegen reconcile (or jobs show {run.job_id})."


def told_truly(run: Run, error: ImagegenError) -> ImagegenError:
    """Say on the way out what only the engine knows: which job, whose, and whether money is in doubt."""
    error.provider = error.provider or run.provider.name
    error.job_id = error.job_id or run.job_id
    error.vendor_job_id = error.vendor_job_id or run.vendor_job_id
    if run.vendor_job_id and not isinstance(error, JobFailed) and error.charged is False:
        error.charged = None  # the vendor has the job: it may finish and be charged whatever happened here
    if error.charged is not False:
        error.retry_same = error.try_next = error.charged is True and isinstance(error, JobFailed)
        error.hint = error.hint or _where_it_stands(run, error)
    if run.unsure and error.charged is False:
        error.charged, error.retry_same, error.try_next = None, False, False
    if run.paid:  # a part of it is made: going elsewhere would pay for that part again
        error.charged = error.charged if error.charged is None else True
        error.retry_same = error.try_next = False
        rest = "" if run.dropped else "; imagegen reconcile goes on with the rest"
        error.hint = error.hint or f"What was made before is kept: imagegen jobs show {run.job_id}{rest}."
    return run.redactor.error(error)
