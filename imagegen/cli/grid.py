"""`imagegen grid`: every combination of two fields (or providers) as one labelled sheet; the total is asked first."""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from attrs import define, field
from cyclopts import Parameter

from imagegen.errors import ImagegenError, InvalidInput, NotConfigured

from . import money
from .making import Worker
from .options import OUTPUT, PICTURE, Json, RequestFlags, RunFlags, Subject, read_request
from .output import (
    Interrupted,
    Unwritten,
    check_place,
    complain_of,
    end,
    json_text,
    print_json,
    remark,
    write_file,
)
from .render import group_notes, heading, indented, notes_list, plain, show, whole
from .session import choose, free_of_charge, open_client, prepare

if TYPE_CHECKING:
    from imagegen.client import Client
    from imagegen.events import Event
    from imagegen.grid import Axis, Cell
    from imagegen.plans import Note
    from imagegen.result import Result
    from imagegen.work import Order

AT_ONCE = 4  # jobs side by side; a vendor's own limits hold besides


@define
class Job:
    """One cell on its way: what it would cost, then what came of it."""

    cell: Cell
    provider: str
    order: Order | None = None
    result: Result | None = None
    error: ImagegenError | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "column": self.cell.column,
            "row": self.cell.row,
            "provider": self.provider,
            "result": self.result and self.result.as_dict(),
            "error": self.error and self.error.as_dict(),
        }


@define
class UnderWay:
    """The jobs at the vendors right now, by id: what an interrupt leaves behind."""

    jobs: dict[str, dict[str, Any]] = field(factory=dict)

    def hear(self, event: Event) -> None:
        """Take one piece of news, from any thread."""
        if event.kind in ("done", "failed"):
            self.jobs.pop(event.job_id, None)
        elif event.kind in ("submitting", "accepted"):
            vendors = event.message if event.kind == "accepted" else None
            self.jobs[event.job_id] = {
                "provider": event.provider,
                "job_id": event.job_id,
                "vendor_job_id": vendors or None,
            }


def command(
    subject: Subject,
    /,
    *,
    x: Annotated[str, Parameter(help="What varies from left to right.", metavar="FIELD=VALUES", group=PICTURE)],
    y: Annotated[
        str | None, Parameter(help="What varies from top to bottom.", metavar="FIELD=VALUES", group=PICTURE)
    ] = None,
    sheet: Annotated[
        Path | None, Parameter(help="The PNG. Default: grid.png in DIR.", metavar="FILE", group=OUTPUT)
    ] = None,
    flags: RequestFlags = RequestFlags(),
    run: RunFlags = RunFlags(),
    as_json: Json = False,
) -> int:
    """
    Make every combination of two fields or providers, and one sheet of them.

    VALUES as in A1111: 21,31,41 or 1-5 or 5-7(+0.5) or 10-50[5]; quotes keep a comma. FIELD may be provider, any field
    of a request (steps, sampler, loras[0].weight), or replace (the first value in the prompt by each of them).
    """
    from imagegen.grid import NOBODY, Axis, cells

    across, down = Axis.of(x, "x"), NOBODY if y is None else Axis.of(y, "y")
    request = read_request(subject, flags)
    if request.seed is None and "seed" not in (across.name, down.name):
        request = request.evolve(seed=secrets.randbelow(2**31 - 1) + 1)  # else the cells differ by chance
    file = sheet or (run.output or Path()) / "grid.png"
    check_place(file)
    under_way = UnderWay()
    with open_client(emulated=run.emulated, output=run.output, on_event=under_way.hear) as client:
        jobs = [Job(cell, cell.provider) for cell in cells(request, across, down)]
        _appoint(client, jobs, run.provider)
        _price(client, jobs)
        _tell_same(jobs, (across, down))
        _consent(client, jobs, run)
        _make(client, jobs, run, under_way, quiet=as_json)
        lost = _write(request.prompt, (across, down), jobs, file)
    return _report(jobs, file, lost, as_json=as_json)


def _appoint(client: Client, jobs: Sequence[Job], named: Sequence[str]) -> None:
    """Say who makes which cell; one provider makes all of them unless the providers are what varies."""
    varied = list(dict.fromkeys(job.provider for job in jobs if job.provider))
    names = list(dict.fromkeys(named))
    if varied and not set(names) <= set(varied):
        raise InvalidInput(f"the grid goes over the providers {', '.join(varied)}; leave --provider out.")
    if not varied and len(names) > 1:
        raise InvalidInput(f"a grid is made at one provider; vary it with --x provider={','.join(names)}")
    meant = None if varied else choose(client, named)[0]
    for job in jobs:
        job.provider = meant or job.provider


def _price(client: Client, jobs: Sequence[Job]) -> None:
    """
    Plan and price every cell; one that its vendor cannot make is left empty in the sheet.

    A value that means nothing anywhere (an unknown provider or model) is told before anything is paid.
    """
    for job in jobs:
        try:
            job.order = prepare(client, job.cell.request, job.provider)
        except (InvalidInput, NotConfigured):
            raise
        except ImagegenError as error:
            job.error = error


def _tell_same(jobs: Sequence[Job], axes: Sequence[Axis]) -> None:
    """Say before anything is paid which cells are the very same call: a vendor may know fewer values than asked for."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        if job.order is not None and not job.order.blocked:
            groups.setdefault(json_text([job.provider, job.order.plan.as_dict()["calls"]]), []).append(job)
    for same in groups.values():
        if len(same) > 1:
            places = " and ".join(_place(job.cell, axes) for job in same)
            remark(f"{same[0].provider}: {places} are the same call; its picture is made {len(same)} times.")


def _place(cell: Cell, axes: Sequence[Axis]) -> str:
    """Return where a cell stands, as the margins say it."""
    return ", ".join(
        axis.label(axis.values[at]) for axis, at in zip(axes, (cell.column, cell.row), strict=True) if axis.name
    )


def _consent(client: Client, jobs: Sequence[Job], run: RunFlags) -> None:
    orders = [job.order for job in jobs if job.order is not None and not job.order.blocked]
    spending = [order for order in orders if not free_of_charge(client, order.provider)]
    if spending:
        remark(f"{len(spending)} jobs, {money.total_text(spending)} in all.")
    most = money.read_price(run.max_price)
    money.ask_to_spend(spending, yes=run.yes, max_price=most, allow_unpriced=run.allow_unpriced)


def _make(client: Client, jobs: Sequence[Job], run: RunFlags, under_way: UnderWay, *, quiet: bool) -> None:
    """Make all cells, some at once.  Threads are daemons: a Ctrl-C ends the process, and the ledger knows the rest."""
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        if job.error is None:
            waiting.put(job)

    def work() -> None:
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            _make_one(client, job, run)
            if not quiet:
                done = sum(1 for one in jobs if one.result or one.error)
                remark(f"{done} of {len(jobs)}: {job.provider} {'made it' if job.result else 'failed'}")

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_ONCE, len(jobs)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        going = list(under_way.jobs.values())  # the threads go on
        left = sum(1 for job in jobs if not job.result and not job.error)
        lines = [
            f"{left} cells are not finished; what was sent goes on at the vendor.",
            "Pick it up with: imagegen reconcile",
            *(f"Stop it with:    imagegen jobs cancel {job['job_id']}" for job in going),
        ]
        raise Interrupted(lines, going) from None


def _make_one(client: Client, job: Job, run: RunFlags) -> None:
    cell = job.cell
    key = run.idempotency_key and f"{run.idempotency_key}/{cell.column}-{cell.row}"
    wishes = {"timeout": run.timeout, "idempotency_key": key, "allow_unpriced": run.allow_unpriced}
    worker = Worker(client, cell.request, job.provider, wishes)
    worker.run()
    job.result, job.error = worker.result, worker.error


def _write(title: str, axes: tuple[Axis, Axis], jobs: Sequence[Job], file: Path) -> ImagegenError | None:
    """Draw the sheet if there is anything on it; returns why it could not be written."""
    from imagegen.grid import Drawn, draw

    drawn = [
        Drawn(
            column=job.cell.column,
            row=job.cell.row,
            picture=job.result.images[0].bytes() if job.result and job.result.images else None,
            words=_words(job, axes),
        )
        for job in jobs
    ]
    if not any(one.picture for one in drawn):
        return None
    try:
        write_file(file, draw(title, *axes, drawn))
    except Unwritten as error:
        return error
    return None


def _words(job: Job, axes: Sequence[Axis]) -> str:
    """Return why a cell is empty, or what was sent instead of what the margins say."""
    from imagegen.grid import told

    if job.error is not None:
        return f"{job.provider}: {job.error.message}"
    return "" if job.result is None else told(axes, job.result.notes)


def _report(jobs: Sequence[Job], file: Path, lost: ImagegenError | None, *, as_json: bool) -> int:
    errors = [job.error for job in jobs if job.error is not None]
    made = sum(1 for job in jobs if job.result is not None)
    drawn = file if made and lost is None else None
    if lost is not None:
        errors.append(lost)
        if as_json:
            complain_of(lost)  # the cells in JSON are all well
    say = partial(_print_json, jobs, drawn) if as_json else partial(_print, jobs, drawn, errors)
    return end(say, made, errors)


def _print_json(jobs: Sequence[Job], file: Path | None) -> None:
    print_json({"sheet": file and str(file), "cells": [job.as_dict() for job in jobs]})


def _print(jobs: Sequence[Job], file: Path | None, errors: Sequence[ImagegenError]) -> None:
    notes: dict[str, list[Note]] = {}
    for job in jobs:
        found = notes.setdefault(job.provider, [])
        found += [note for note in (job.result.notes if job.result else ()) if note not in found]
    for name, changed in notes.items():
        if group_notes(changed):
            show(heading(name), indented(notes_list(changed)))
    for error in errors:
        complain_of(error)
    show(plain(f"{sum(1 for job in jobs if job.result)} of {len(jobs)} made"))
    if file is not None:
        show(whole(f"sheet: {file}"))
