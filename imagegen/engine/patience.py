"""Waiting: for a place, for a turn, between attempts, and never beyond the deadline."""

from __future__ import annotations

from functools import partial

from imagegen.effects import Do, Sleep, Work
from imagegen.errors import ImagegenError, ProviderError
from imagegen.retry import RetryPolicy, decide

from .run import Run

SLOT_SECONDS = 1.0  # between two looks for a free place
RENEW_SECONDS = 60.0  # between two prolongations of the lease; exchanges and downloads lie between them


def seconds_to_wait(run: Run, error: ImagegenError, attempt: int, policy: RetryPolicy) -> float | None:
    """Return the seconds to wait before the next attempt, None = give up."""
    if error.charged is None:  # may have arrived, may be resent: as safe as a fresh refusal
        error.retry_same = True
    left = None if run.deadline is None else run.deadline - run.now()
    return decide(error, attempt, left=left, policy=policy, budget=run.retries(), dice=run.means.dice)


def take_slot(run: Run) -> Work[None]:
    """Wait until the account may have one more job in flight, over all processes of this machine."""
    limit = run.settings.get("concurrent") or run.provider.limits.concurrent
    if run.means.limiter is None or not limit or run.ticket is not None:
        return
    while run.ticket is None:
        run.ticket = yield Do(partial(run.means.limiter.acquire_slot, run.account, int(limit), run.owner))
        if run.ticket is None:
            yield run.tell("waiting", seconds=SLOT_SECONDS, message="all places at the vendor are taken")
            yield from wait_for(run, SLOT_SECONDS)


def leave_slot(run: Run) -> Work[None]:
    """Give the place back."""
    if run.ticket is not None and run.means.limiter is not None:
        try:
            yield Do(partial(run.means.limiter.release_slot, run.ticket))
        except ImagegenError:
            return  # the file cannot be written now: when the job is let go, or when this process ends
        run.ticket = None


def seconds_left(run: Run, most: float) -> float:
    """Return how long an exchange may take; raises when the deadline has passed."""
    seconds = run.seconds_left(most)
    if seconds <= 0:
        raise too_late(run)
    return seconds


def take_turn(run: Run) -> Work[None]:
    """Keep the vendor's rate together with all processes of this machine; a turn that was missed is taken anew."""
    limit = run.provider.limits.per_second
    if run.means.limiter is None or limit is None:
        return
    while True:
        now = run.now()
        wait: float = yield Do(partial(run.means.limiter.reserve, run.account, limit, now))
        yield from wait_for(run, wait)
        if run.now() - (now + wait) < 1 / limit:
            return


def keep_lease(run: Run) -> Work[None]:
    """Stay the owner of the job also for other hosts, which see no more of us than a lease prolonged in time."""
    if run.token and run.now() - run.renewed >= RENEW_SECONDS:
        run.renewed = run.now()
        try:
            yield Do(partial(run.means.store.renew, run.job_id, run.token))
        except ImagegenError:
            return  # the ledger cannot be written now; on this host we are seen to live all the same


def wait_for(run: Run, seconds: float) -> Work[None]:
    yield from keep_lease(run)
    left = run.seconds_left(seconds)
    if left < seconds:
        yield Sleep(left)
        raise too_late(run)
    if seconds > 0:
        yield Sleep(seconds)
        run.spend("wait", seconds)


def too_late(run: Run) -> ImagegenError:
    where = f"job {run.vendor_job_id} is still going on there" if run.vendor_job_id else "nothing was accepted"
    accepted = run.vendor_job_id is not None
    return ProviderError(
        f"not ready before the deadline; {where}.",
        kind="deadline_exceeded",
        provider=run.provider.name,
        charged=None if accepted or run.stage == "submitting" else False,
    )
