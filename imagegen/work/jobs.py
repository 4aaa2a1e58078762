"""One request at one provider, from order to result."""

from __future__ import annotations

from functools import partial
from typing import Any

from attrs import evolve

from imagegen.downloads import check_folder
from imagegen.effects import Do, Tell, Work
from imagegen.engine import conduct, leave_slot
from imagegen.errors import ImagegenError, Refused
from imagegen.ledger import JobRow, LeaseLost, NewJob
from imagegen.plans import Plan, told_together
from imagegen.provider import Provider
from imagegen.result import Result

from .orders import Order, check_price, prepare, require_key
from .records import bind, new_job
from .recovery import result_of
from .running import as_ended, deliver, ending, failure_event, leave, report_circuit, start_run
from .session import BUSY, Session, Wishes


def perform(session: Session, order: Order, wishes: Wishes) -> Work[Result]:
    """Carry an order out: nothing is sent before the plan has no blockers and the price is allowed."""
    if order.blocked:
        reasons = told_together(order.plan.blockers)
        listed = f" {reasons[0]}" if len(reasons) == 1 else "".join(f"\n  {reason}" for reason in reasons)
        raise Refused(f"cannot do this:{listed}", provider=order.provider.name, kind=_refusal_kind(order.plan))
    check_price(order, wishes)
    require_key(session, order.provider)
    yield Do(partial(check_folder, wishes.output or session.output))
    job_id = session.new_id()
    hook = yield from _hook(session, order.provider, job_id)
    order = evolve(order, plan=bind(order.plan, job_id, session.means.dice, hook))
    new = new_job(session, order, job_id, wishes)
    BUSY.begin(job_id)
    try:
        row, token = yield from _open(session, new)
        if row.id == job_id and token is not None:
            return (yield from _work(session, order, row, token, wishes))
    except LeaseLost:  # another process took this one for dead and goes on with the job
        token = None
    finally:
        BUSY.end(job_id)
    if token is not None:  # an older job of the same idempotency key, whose worker is gone: `result_of` goes on with it
        yield Do(partial(session.means.store.release, row.id, token))
    return (yield from result_of(session, row.id, wishes))


def _open(session: Session, new: NewJob) -> Work[tuple[JobRow, int | None]]:
    try:
        found: tuple[JobRow, int | None] = yield Do(partial(session.means.store.open_job, new, session.owner))
    except ImagegenError as error:  # without a ledger nothing is sent
        error.charged, error.provider = False, error.provider or new.scope.provider
        raise
    return found


def _refusal_kind(plan: Plan) -> Any:
    codes = {blocker.code for blocker in plan.blockers}
    models = {"unknown_alias", "model_not_mapped", "needs_load", "model_not_found", "no_model"}
    return "model_not_found" if codes & models else "unsupported_parameter"


def _hook(session: Session, provider: Provider, job_id: str) -> Work[str]:
    """Return where the vendor is to call when this job is over; empty when nobody asked for it."""
    base = session.values(provider).get("webhook")
    if not base:
        return ""
    from imagegen.webhooks import address

    where: str = yield Do(partial(address, session.desk.config.home, str(base), job_id))
    return where


def _work(session: Session, order: Order, row: JobRow, token: int, wishes: Wishes) -> Work[Result]:
    run = start_run(session, order, row.id, token, wishes)
    try:
        yield run.tell("planned", message=f"{len(order.plan.calls)} calls")
        calls = iter(range(len(order.plan.paid_calls)))
        made = yield from conduct(run, order.provider.flow(order.plan), calls, ending)
        yield from report_circuit(run, None)
        if run.ticket is not None:  # its place could not be given back: at the next occasion
            session.leave(run, rest=True)
        return (yield from deliver(order, run, made, as_ended(row, run)))
    except ImagegenError as error:
        yield Tell(failure_event(run, error))
        yield from leave(session, run, rest=True)
        yield from report_circuit(run, error)
        raise
    except LeaseLost:
        yield from leave_slot(run)
        raise
    except BaseException:  # cut off (a cancelled task, Ctrl-C): nothing can be awaited here
        session.abandon(run)
        raise


def generate(session: Session, request: Any, provider: str, wishes: Wishes) -> Work[Result]:
    """One request at one provider."""
    orders = yield from prepare(session, request, [provider], wishes)
    return (yield from perform(session, orders[0], wishes))
