"""
The ledger in one SQLite file: the verbs of `Store`, each one transaction.

The rooms beside this one hold what a verb does (`leases`, `calls`, `budgets`, `facts`, `reports`); here is
only which of them are durable.  Threads may share a store, processes may share the file, and a store may be
carried across a fork.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping, Sequence
from decimal import Decimal
from os import PathLike
from typing import Any, Literal

from imagegen.sqlitefile import SqliteFile

from . import budgets, calls, facts, leases, reports
from .calls import Held
from .records import Budget, Ending, File, JobRow, NewJob, Owner, Scope, Spend
from .schema import MIGRATIONS
from .states import CallState, LeaseLost


class SqliteStore:
    """
    See `Store` for what the verbs promise.  *path* may be `:memory:`; *now* is the clock of leases and
    periods.
    """

    def __init__(self, path: str | PathLike[str], *, now: Callable[[], float] = time.time) -> None:
        self._file = SqliteFile(path, MIGRATIONS)
        self._now = now

    # -- leases --

    def open_job(self, job: NewJob, owner: Owner) -> tuple[JobRow, int | None]:
        """
        Not durable by itself: the intent that follows makes both durable, and before it nothing was paid.
        """
        with self._file.change() as db:
            return leases.open_job(db, self._now(), job, owner)

    def claim(self, job_id: str, owner: Owner, *, own: bool = False) -> int | None:
        """Lease a job; None = somebody has it."""
        with self._file.change() as db:
            return leases.claim(db, self._now(), job_id, owner, own=own)

    def renew(self, job_id: str, token: int) -> None:
        """Prolong a lease."""
        with self._file.change() as db:
            leases.renew(db, self._now(), job_id, token)

    def release(self, job_id: str, token: int, *, rest: bool = False) -> None:
        """Give a lease back."""
        with self._file.change() as db:
            leases.release(db, job_id, token, rest=rest)

    def claim_stale(
        self,
        owner: Owner,
        *,
        limit: int = 100,
        provider: str | None = None,
        emulated: bool | None = None,
        busy: Container[str] | None = None,
    ) -> list[tuple[JobRow, int]]:
        """Lease unfinished jobs whose owners are gone."""
        with self._file.change() as db:
            now = self._now()
            return leases.claim_stale(db, now, owner, limit=limit, provider=provider, emulated=emulated, busy=busy)

    # -- paid calls --

    def reserve_and_intend(
        self,
        job_id: str,
        index: int,
        token: int,
        *,
        ceiling: Decimal | None,
        key: str | None,
        allow_unpriced: bool = False,
    ) -> int:
        """COMMIT the intent and the reservation; return the number of the attempt."""
        with self._file.change(durable=True) as db:
            held = Held.by(db, self._now(), job_id, token)
            return calls.intend(held, index, ceiling=ceiling, key=key, allow_unpriced=allow_unpriced)

    def accept(
        self, job_id: str, index: int, token: int, vendor_job_id: str | None, answer: Any, *, attempt: int = 0
    ) -> None:
        """COMMIT the vendor's id, also that of a worker who has lost its lease; then it is told so."""
        with self._file.change(durable=True) as db:
            held = Held.free(db, self._now(), job_id)
            lost = held.row["token"] != token
            if not lost or calls.still_open(held, index, attempt):
                calls.accept(held, index, vendor_job_id, answer)
        if lost:
            raise LeaseLost(job_id)

    def mark(
        self, job_id: str, index: int, token: int, state: CallState, error: Mapping[str, Any] | None = None
    ) -> None:
        """Move a call on to `running` or `unknown`."""
        with self._file.change() as db:
            held = Held.by(db, self._now(), job_id, token)
            calls.mark(held, index, state, error)

    def withdraw(self, job_id: str, index: int, token: int, error: Mapping[str, Any] | None = None) -> None:
        """Take back an attempt that was never sent."""
        with self._file.change() as db:
            held = Held.by(db, self._now(), job_id, token)
            calls.withdraw(held, index, error)

    def keep_file(self, job_id: str, token: int, file: File) -> None:
        """Not durable by itself: `settle` makes both durable, and until then the result can be fetched again."""
        with self._file.change() as db:
            held = Held.by(db, self._now(), job_id, token)
            calls.keep_files(held, (file,))

    def settle(
        self,
        job_id: str,
        index: int,
        token: int,
        state: CallState,
        *,
        credits: Decimal | None = None,
        billed: Decimal | None = None,
        charged: bool | None = True,
        error: Mapping[str, Any] | None = None,
        files: Sequence[File] = (),
        ending: Ending | None = None,
    ) -> None:
        """COMMIT the end of a call, and what ends with it."""
        with self._file.change(durable=True) as db:
            held = Held.by(db, self._now(), job_id, token)
            calls.keep_files(held, files)
            bill = calls.Bill(credits=credits, billed=billed, charged=charged)
            calls.settle(held, index, state, bill, error, ending)

    def finish(
        self,
        job_id: str,
        token: int,
        ending: Ending | None = None,
        *,
        state: CallState = "succeeded",
    ) -> None:
        """Write a job's ending."""
        with self._file.change() as db:
            held = Held.by(db, self._now(), job_id, token)
            calls.finish(held, ending or Ending(), state)

    def resolve_unknown(self, job_id: str, *, charged: bool) -> JobRow:
        """Write down what a person found out about the unknown calls."""
        with self._file.change(durable=True) as db:
            calls.resolve_unknown(Held.free(db, self._now(), job_id), charged=charged)
            found = reports.job(db, job_id)
            assert found is not None, "it was there in this very transaction"
            return found

    # -- facts --

    def remember(self, scope: Scope, kind: str, key: str, value: str, seconds: float | None = None) -> None:
        """Keep a fact about an account."""
        with self._file.change() as db:
            facts.remember(db, self._now(), scope, kind, key, value, seconds)

    def recall(self, scope: Scope, kind: str, key: str) -> str | None:
        """Return a fact that still lives."""
        with self._file.read(once=True) as db:
            return facts.recall(db, self._now(), scope, kind, key)

    def known(self, scope: Scope) -> dict[tuple[str, str], str]:
        """Return all living facts of an account."""
        with self._file.read(once=True) as db:
            return facts.known(db, self._now(), scope)

    def forget(self, scope: Scope, kind: str, key: str) -> None:
        """Drop a fact."""
        with self._file.change() as db:
            facts.forget(db, scope, kind, key)

    # -- for people --

    def job(self, job_id: str) -> JobRow | None:
        """Return a job by id, or by a unique beginning of it."""
        with self._file.read() as db:
            return reports.job(db, job_id)

    def jobs(
        self,
        *,
        state: str | None = None,
        provider: str | None = None,
        labels: Mapping[str, str] | None = None,
        emulated: bool | None = None,
        limit: int | None = 100,
        before: float | None = None,
    ) -> list[JobRow]:
        """Return jobs, newest first."""
        with self._file.read() as db:
            return reports.jobs(
                db,
                state=state,
                provider=provider,
                labels=labels or {},
                emulated=emulated,
                limit=limit,
                before=before,
            )

    def costs(
        self,
        by: Literal["provider", "model", "day", "label"],
        *,
        since: float | None = None,
        emulated: bool = False,
    ) -> list[Spend]:
        """Return sums of spend."""
        with self._file.read() as db:
            return reports.costs(db, by, since=since, emulated=emulated)

    def seconds(self, scope: Scope, model: str = "") -> float | None:
        """Return the median run time."""
        with self._file.read() as db:
            return reports.seconds(db, scope, model)

    def set_budget(self, budget: Budget) -> None:
        """Set a budget."""
        with self._file.change(durable=True) as db:
            budgets.put(db, budget)

    def remove_budget(self, per: str, label: str = "") -> bool:
        """Remove a budget; whether there was one."""
        with self._file.change(durable=True) as db:
            return budgets.remove(db, per, label)

    def budgets(self, *, run: str = "", emulated: bool = False) -> list[tuple[Budget, Decimal, Decimal]]:
        """Return each budget with what is spent and reserved."""
        with self._file.read() as db:
            return budgets.overview(db, self._now(), run=run, emulated=emulated)

    def prune(self, *, before: float, dry_run: bool = False) -> int:
        """Delete jobs that are over; return how many."""
        with self._file.change() as db:
            return reports.prune(db, before=before, dry_run=dry_run)

    def check(self) -> list[str]:
        """Return what is wrong with the file; empty = it is whole."""
        return self._file.check()

    def close(self) -> None:
        """Close; a later verb opens again."""
        self._file.close()
