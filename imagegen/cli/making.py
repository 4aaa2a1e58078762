"""
From a request to results, for every command that makes something: plan and price at each provider, ask before money is
spent, carry out side by side, and say what came of it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from imagegen.errors import ImagegenError, NotConfigured, Refused

from . import money
from .output import Interrupted, complain_of, end, print_json, remark
from .progress import Progress, Row
from .session import at_each, choose, free_of_charge, open_client, prepare, ready_at

if TYPE_CHECKING:
    from imagegen.client import Client
    from imagegen.result import Result
    from imagegen.work import Order

    from .options import RunFlags


@frozen(kw_only=True)
class Made:
    """What came of a request at all providers that were asked."""

    results: tuple[Result, ...]
    errors: tuple[ImagegenError, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "results": [result.as_dict() for result in self.results],
            "errors": [error.as_dict() for error in self.errors],
        }


def make(request: Any, flags: RunFlags, *, quiet: bool = False, form: str | None = None) -> Made:
    """Make *request* at every provider that is meant.  A failure at one does not stop the others."""
    most = money.read_price(flags.max_price)
    progress = Progress(quiet=quiet)
    with open_client(emulated=flags.emulated, output=flags.output, on_event=progress.hear) as client:
        names = choose(client, flags.provider)
        orders, errors = at_each(names, lambda name: prepare(client, request, name, form=form))
        ready = [order for order in orders if not order.blocked and ready_at(client, order.provider)]
        spending = [order for order in ready if not free_of_charge(client, order.provider)]
        money.ask_to_spend(spending, yes=flags.yes, max_price=most, allow_unpriced=flags.allow_unpriced)
        wishes = _wishes(flags, most, form)
        with progress:
            workers = [Worker.of(client, request, order, wishes, several=len(names) > 1).start() for order in orders]
            wait(client, workers, progress)
    found = [worker.error for worker in workers if worker.error is not None]
    return Made(
        results=tuple(worker.result for worker in workers if worker.result is not None),
        errors=_in_order((*errors, *found), names),
    )


def _wishes(flags: RunFlags, most: Decimal | None, form: str | None) -> dict[str, Any]:
    return {
        "timeout": flags.timeout,
        "max_price": most,
        "allow_unpriced": flags.allow_unpriced,
        "idempotency_key": flags.idempotency_key,
        "form": form,
    }


def _in_order(errors: Sequence[ImagegenError], names: Sequence[str]) -> tuple[ImagegenError, ...]:
    return tuple(sorted(errors, key=lambda e: names.index(e.provider) if e.provider in names else len(names)))


@define
class Worker:
    """
    The thread of one provider, or of one route (which has no *provider*).

    A daemon: a Ctrl-C ends the process at once, and the ledger knows where it stood.
    """

    client: Client
    request: Any
    provider: str | None
    wishes: dict[str, Any]
    result: Result | None = None
    error: ImagegenError | None = None
    thread: threading.Thread | None = None

    @classmethod
    def of(cls, client: Client, request: Any, order: Order, wishes: dict[str, Any], *, several: bool) -> Worker:
        """Return the worker of an order; with several side by side each has an idempotency key of its own."""
        name = order.provider.name
        key = wishes["idempotency_key"]
        own = {**wishes, "idempotency_key": f"{key}/{name}"} if key and several else wishes
        return cls(client, request, name, own)

    def start(self) -> Worker:
        """Begin."""
        self.thread = threading.Thread(target=self.run, name=f"imagegen-{self.provider or 'route'}", daemon=True)
        self.thread.start()
        return self

    def run(self) -> None:
        """Make it; what comes of it stays in `result` or `error`."""
        try:
            self.result = self.client.generate(self.request, provider=self.provider, **self.wishes)
        except ImagegenError as error:
            error.provider = error.provider or self.provider
            self.error = error
        except Exception as error:  # a stranger's provider may fail in any way; the others go on
            self.error = ImagegenError(f"unexpected {type(error).__name__}: {error}", provider=self.provider)
            self.error.charged = None

    def join(self) -> None:
        """Wait for the end."""
        if self.thread is not None:
            self.thread.join()


def wait(client: Client, workers: Sequence[Worker], progress: Progress) -> None:
    """Wait for all; a Ctrl-C leaves them where they are, and says so."""
    try:
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:
        progress.__exit__(None, None, None)
        rows = [row for row in progress.running() if row.job_id]
        raise Interrupted(_offer(client, rows), [_as_dict(row) for row in rows]) from None


def _as_dict(row: Row) -> dict[str, Any]:
    return {"provider": row.provider, "job_id": row.job_id, "vendor_job_id": row.vendor_job_id or None}


def _offer(client: Client, rows: Sequence[Row]) -> list[str]:
    """Say what goes on at the vendor; on a terminal, offer to cancel it."""
    if not rows:
        return ["Nothing was sent."]
    lines = []
    for row in rows:
        where = f"goes on there as {row.vendor_job_id}" if row.vendor_job_id else "may not have been accepted yet"
        lines.append(f"{row.provider}: job {row.job_id} {where} (last seen: {row.text}).")
    if _wants_cancel(lines):
        return [_cancel(client, row) for row in rows]
    stops = [f"Stop it with:    imagegen jobs cancel {row.job_id}" for row in rows]
    return [*lines, "Pick it up with: imagegen reconcile", *stops]


def _wants_cancel(lines: Sequence[str]) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    remark("\n".join(("", *lines)))
    print("Cancel at the vendor, or leave it going on? [c/L] ", end="", file=sys.stderr, flush=True)
    try:
        return sys.stdin.readline().strip().lower().startswith("c")
    except KeyboardInterrupt:  # a second Ctrl-C: leave
        return False


def _cancel(client: Client, row: Row) -> str:
    try:
        done = client.job(row.job_id).cancel()
    except ImagegenError as error:
        return f"{row.provider}: {row.job_id} could not be canceled: {error}"
    said = "canceled" if done else "was asked to stop; the vendor did not confirm it"
    return f"{row.provider}: {row.job_id} {said}."


# --- what came of it ---------------------------------------------------------------------------------------------


def report(
    made: Made,
    *,
    as_json: bool,
    all_notes: bool = False,
    sheet: Path | None = None,
    first: Callable[[], None] = lambda: None,
) -> int:
    """Print what came of it (for a person: *first* what that tells), and where its *sheet* is; return the exit code."""
    say = partial(_print_json, made) if as_json else partial(_print, made, sheet, all_notes, first)
    return end(say, len(made.results), made.errors)


def _print_json(made: Made) -> None:
    error = made.errors[0].as_dict() if made.errors and not made.results else None
    print_json({**made.as_dict(), **({"error": error} if error else {})})


def _print(made: Made, sheet: Path | None, all_notes: bool, first: Callable[[], None]) -> None:
    from .render import show, whole
    from .results import result_view

    first()
    for result in made.results:
        show(*result_view(result, all_notes=all_notes))
    if sheet is not None:
        show(whole(f"sheet: {sheet}"))
    for failure in made.errors:
        _say(failure)


def _say(error: ImagegenError) -> None:
    complain_of(error)
    if isinstance(error, (Refused, NotConfigured)) or error.charged is False:
        return
    word = "It was paid for." if error.charged else "Nobody knows yet whether it was paid for."
    remark(f"       {word}")
