"""One job while this process works on it: opened, brought to an end, or let go."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from attrs import evolve

from imagegen.effects import Do, Work
from imagegen.engine import Run
from imagegen.errors import ImagegenError
from imagegen.events import Event
from imagegen.flow import Made
from imagegen.ledger import JobRow
from imagegen.ledger.nano import to_decimal, to_nano
from imagegen.redaction import Redactor
from imagegen.result import Result

from .orders import Order
from .records import as_result
from .session import Session, Wishes


def start_run(session: Session, order: Order, job_id: str, token: int, wishes: Wishes) -> Run:
    provider = order.provider
    values = session.values(provider)
    clock = session.means.clock
    redactor = Redactor.of(values, *(call.json for call in order.plan.calls))
    return Run(
        job_id=job_id,
        token=token,
        provider=provider,
        settings=values,
        scope=session.scope(provider),
        plan=order.plan,
        price=order.price,
        means=session.means,
        output=wishes.output or session.output,
        redactor=redactor,
        owner=session.owner,
        images=order.images,
        deadline=None if wishes.timeout is None else clock() + wishes.timeout,
        allow_unpriced=wishes.allow_unpriced,
        private_hosts=session.private_hosts,
        dress=None if session.dress is None else session.dress(order, redactor),
    )


def leave(session: Session, run: Run, *, rest: bool) -> Work[None]:
    session.left.append((run, rest))
    yield Do(session.give_back)


def report_circuit(run: Run, error: ImagegenError | None) -> Work[None]:
    """Tell the circuit breaker how it went; a picture is not lost because that cannot be written."""
    try:
        yield Do(partial(run.means.circuits.report, run.account, run.now(), error))
    except ImagegenError:
        return


def finish(
    session: Session, order: Order, run: Run, made: Made, started: float, opened: JobRow | None = None
) -> Work[Result]:
    """Write the job's end.  *opened* is the row of a job that nobody else has worked on: it need not be read again."""
    passed = run.now() - started
    seconds: dict[str, float] = {part: run.seconds[part] for part in ("queue", "download") if part in run.seconds}
    seconds["run"] = max(passed - sum(seconds.values()), 0.0)
    notes = (*order.plan.notes, *made.notes)
    reports: list[Any] = run.redactor.tree([note.as_dict() for note in notes])
    work = partial(
        session.means.store.finish,
        run.job_id,
        run.token,
        data=run.redactor.tree(made.data),
        notes=reports,
        seconds=seconds,
        release=True,
    )
    yield Do(work)
    row: JobRow
    if opened is not None:
        row = as_ended(opened, run, made.data)
    else:
        row = yield Do(partial(session.means.store.job, run.job_id))
    row = evolve(row, seconds=seconds)
    result = evolve(as_result(row), notes=notes, plan=order.plan, request=order.plan.request)
    yield Do(partial(write_sidecars, result, made.echo, run.redactor, order))
    yield run.tell("done", state=row.state)
    return result


def as_ended(row: JobRow, run: Run, data: Any) -> JobRow:
    """Return what the ledger now holds of a job that this run has worked on from its beginning to its end."""
    bills = [to_decimal(to_nano(money)) for _, money in run.bills.values() if money is not None]
    calls = (evolve(call, state="succeeded", credits=run.bills[call.index][0]) for call in row.calls)
    return evolve(
        row,
        state="succeeded",
        calls=tuple(calls),
        files=tuple(file for file, _ in run.files),
        billed=sum(bills, Decimal(0)) if bills else None,
        data=run.redactor.tree(data),
    )


def write_sidecars(result: Result, echo: Mapping[str, Any], redactor: Redactor, order: Order) -> None:
    """
    Write what must not be in the picture (job, cost, link) beside it, as `<picture>.json`.

    What a signed picture could not be given is there too (`imagegen`).
    """
    import json

    from imagegen.provenance import about as provenance

    ours = provenance(order.plan, redactor, order.images, kind=order.kind or type(order.request).__name__)
    for file in (*result.images, *result.videos):
        about = {**result.as_dict(), "file": file.as_dict(), "echo": redactor.tree(dict(echo))}
        about |= {"imagegen": {**ours, "seed": file.seed}}
        about.pop("images")
        path = file.path.with_suffix(".json")
        try:
            path.write_bytes(json.dumps(about, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace"))
        except OSError:
            return  # the picture and the ledger are safe; the sidecar is a copy


def failure_event(run: Run, error: ImagegenError) -> Event:
    return Event(kind="failed", provider=run.provider.name, job_id=run.job_id, state=error.kind, message=str(error))
