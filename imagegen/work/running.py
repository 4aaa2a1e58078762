"""One job while this process works on it: opened, brought to an end, or let go."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from attrs import evolve

from imagegen.effects import Do, Work
from imagegen.engine import Run, plain_data
from imagegen.errors import ImagegenError
from imagegen.events import Event
from imagegen.flow import Made
from imagegen.ledger import Ending, JobRow
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
        started=(now := clock()),
        renewed=now,
        images=order.images,
        lost=order.lost,
        deadline=None if wishes.timeout is None else clock() + wishes.timeout,
        allow_unpriced=wishes.allow_unpriced,
        private_hosts=session.private_hosts,
        dress=None if session.dress is None else session.dress(order, redactor),
    )


def leave(session: Session, run: Run, *, rest: bool) -> Work[None]:
    session.leave(run, rest=rest)
    yield Do(session.give_back)


def report_circuit(run: Run, error: ImagegenError | None) -> Work[None]:
    """Tell the circuit breaker how it went; a picture is not lost because that cannot be written."""
    try:
        yield Do(partial(run.means.circuits.report, run.account, run.now(), error))
    except ImagegenError:
        return


def ending(run: Run, made: Made) -> Ending:
    """Return what the ledger is to know of a job as a whole when it ends well, now."""
    passed = run.now() - run.started
    seconds: dict[str, float] = {part: run.seconds[part] for part in ("queue", "download") if part in run.seconds}
    seconds["run"] = max(passed - sum(seconds.values()), 0.0)
    notes: list[Any] = run.redactor.tree([note.as_dict() for note in made.notes])
    return Ending(data=plain_data(run, made), notes=notes, seconds=seconds, release=True)


def deliver(order: Order, run: Run, made: Made, row: JobRow) -> Work[Result]:
    """Return the result of a job that has ended as *row* says."""
    notes = (*order.plan.notes, *made.notes)
    result = evolve(as_result(row), notes=notes, plan=order.plan, request=order.plan.request)
    yield Do(partial(write_sidecars, result, made.echo, run.redactor, order))
    yield run.tell("done", state=row.state)
    return result


def as_ended(row: JobRow, run: Run) -> JobRow:
    """
    Return what the ledger now holds of a job that this run alone has worked on, from its beginning to its end: it need
    not be read back.
    """
    end = run.ending or Ending()
    bills = [to_decimal(to_nano(money)) for _, money in run.bills.values() if money is not None]
    made = (call for call in row.calls if call.index in run.bills)  # a flow may need fewer calls than were planned
    calls = (evolve(call, state="succeeded", credits=run.bills[call.index][0]) for call in made)
    return evolve(
        row,
        state="succeeded",
        calls=tuple(calls),
        files=tuple(file for file, _ in run.files),
        billed=sum(bills, Decimal(0)) if bills else None,
        data=end.data,
        notes=end.notes,
        seconds=end.seconds,
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
