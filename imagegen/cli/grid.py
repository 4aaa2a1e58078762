"""`imagegen grid`: every combination of two fields (or providers) as one labelled sheet; the total is asked first."""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from attrs import define
from cyclopts import Parameter

from imagegen.errors import ImagegenError

from . import money
from .options import OUTPUT, PICTURE, Json, RequestFlags, RunFlags, Subject, read_request
from .output import Interrupted, complain_of, exit_code_of, print_json, remark
from .render import plain, show
from .session import choose, free_of_charge, open_client, prepare

if TYPE_CHECKING:
    from imagegen.client import Client
    from imagegen.grid import Axis, Cell
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
    with open_client(emulated=run.emulated, output=run.output) as client:
        jobs = [Job(cell, cell.provider) for cell in cells(request, across, down)]
        if not all(job.provider for job in jobs):
            meant = choose(client, run.provider)[0]
            for job in jobs:
                job.provider = job.provider or meant
        _price(client, jobs)
        _consent(client, jobs, run)
        _make(client, jobs, run, quiet=as_json)
        file = sheet or (run.output or Path()) / "grid.png"
        _write(request.prompt, across, down, jobs, file)
    return _report(jobs, file, as_json=as_json)


def _price(client: Client, jobs: Sequence[Job]) -> None:
    """Plan and price every cell; one that cannot be made is left empty in the sheet."""
    for job in jobs:
        try:
            job.order = prepare(client, job.cell.request, job.provider)
        except ImagegenError as error:
            job.error = error


def _consent(client: Client, jobs: Sequence[Job], run: RunFlags) -> None:
    orders = [job.order for job in jobs if job.order is not None and not job.order.blocked]
    spending = [order for order in orders if not free_of_charge(client, order.provider)]
    if spending:
        remark(f"{len(spending)} jobs, {money.total_text(spending)} in all.")
    most = money.read_price(run.max_price)
    money.ask_to_spend(spending, yes=run.yes, max_price=most, allow_unpriced=run.allow_unpriced)


def _make(client: Client, jobs: Sequence[Job], run: RunFlags, *, quiet: bool) -> None:
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
        left = sum(1 for job in jobs if not job.result and not job.error)
        lines = [
            f"{left} cells are not finished; what was sent goes on at the vendor.",
            "Pick it up with: imagegen reconcile",
        ]
        raise Interrupted(lines, []) from None


def _make_one(client: Client, job: Job, run: RunFlags) -> None:
    cell = job.cell
    key = run.idempotency_key and f"{run.idempotency_key}/{cell.column}-{cell.row}"
    try:
        job.result = client.generate(
            cell.request,
            job.provider,
            timeout=run.timeout,
            idempotency_key=key,
            allow_unpriced=run.allow_unpriced,
        )
    except ImagegenError as error:
        error.provider = error.provider or job.provider
        job.error = error
    except Exception as error:  # a stranger's provider may fail in any way; the others go on
        job.error = ImagegenError(f"unexpected {type(error).__name__}: {error}", provider=job.provider)
        job.error.charged = None


def _write(title: str, x: Axis, y: Axis, jobs: Sequence[Job], file: Path) -> None:
    from imagegen.downloads import write_durably
    from imagegen.grid import Drawn, draw

    drawn = [
        Drawn(
            column=job.cell.column,
            row=job.cell.row,
            picture=job.result.images[0].bytes() if job.result and job.result.images else None,
            words="" if job.error is None else f"{job.provider}: {job.error.message}",
        )
        for job in jobs
    ]
    write_durably(file, draw(title, x, y, drawn))


def _report(jobs: Sequence[Job], file: Path, *, as_json: bool) -> int:
    errors = [job.error for job in jobs if job.error is not None]
    made = [job for job in jobs if job.result is not None]
    code = exit_code_of(len(made), errors)
    if as_json:
        print_json({"sheet": str(file), "cells": [job.as_dict() for job in jobs]})
        return code
    for error in errors:
        complain_of(error)
    show(plain(f"{len(made)} of {len(jobs)} made; sheet: {file}"))
    return code
