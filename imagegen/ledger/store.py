"""The verbs of a ledger: all that the rest of imagegen may ask of one, whatever keeps it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, Protocol

from .records import Budget, Ending, File, JobRow, NewJob, Owner, Scope, Spend
from .states import CallState


class Store(Protocol):
    """The verbs.  All times are the store's own clock.  A stale fencing token raises `LeaseLost`."""

    def open_job(self, job: NewJob, owner: Owner) -> tuple[JobRow, int | None]:
        """
        Open a job and lease it; or return the one that the idempotency key names, with a token if it could be
        claimed (None = somebody alive works on it, or it is finished).  Another request under the same key:
        `LedgerError(idempotency_conflict)`.  Keys are unique in a namespace; emulated jobs have their own.
        """
        ...

    def claim(self, job_id: str, owner: Owner, *, own: bool = False) -> int | None:
        """
        Lease a job: a dead owner on this host is taken over at once, a living one never; None = taken.

        *own*: also from *owner* itself, who knows that nothing in its process works on the job (an interrupt cut that
        off before the lease could be given back).
        """
        ...

    def renew(self, job_id: str, token: int) -> None:
        """Prolong a lease."""
        ...

    def release(self, job_id: str, token: int, *, rest: bool = False) -> None:
        """
        Give a lease back: the token is worth nothing afterwards.  Giving back what was lost does nothing.

        *rest*: if nothing of the job is under way (`prepared`) and nothing of it was made, it is over for its caller,
        who was told so: `claim_stale` leaves it alone, and only who names it goes on with it.
        """
        ...

    def claim_stale(
        self,
        owner: Owner,
        *,
        limit: int = 100,
        provider: str | None = None,
        emulated: bool | None = None,
        busy: Container[str] | None = None,
    ) -> list[tuple[JobRow, int]]:
        """
        Lease unfinished jobs whose owners are gone, oldest first; only of *provider*, only (not) *emulated*.

        *busy* are jobs to leave alone, looked at inside the transaction; when they are given, *owner*'s own other jobs
        count as left behind, too.
        """
        ...

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
        """
        COMMIT the intent of a paid call (-> submitting) and reserve *ceiling* in every budget that applies,
        in one transaction; returns the attempt number.  Raises `LedgerError` (budget_exceeded), also for an
        unknown ceiling (or one in another currency) under a budget unless *allow_unpriced*.  Durable.

        Again for a call that may have arrived: only with the vendor's very *key*; the reservation stays.
        """
        ...

    def accept(
        self, job_id: str, index: int, token: int, vendor_job_id: str | None, answer: Any, *, attempt: int = 0
    ) -> None:
        """
        COMMIT the vendor's id and accepting answer (-> submitted).  Durable.

        An id is a fact, not a decision: while nobody has another, that of *attempt* is written also for a worker whose
        token is stale, and then `LeaseLost` is raised.
        """
        ...

    def mark(
        self, job_id: str, index: int, token: int, state: CallState, error: Mapping[str, Any] | None = None
    ) -> None:
        """
        Move a call on (`running`, `unknown`); a step backward is a `ValueError`; the same state is no step.
        """
        ...

    def withdraw(self, job_id: str, index: int, token: int, error: Mapping[str, Any] | None = None) -> None:
        """
        An attempt of which it is proven that nothing was made is taken back.  When no earlier one is in doubt
        the call is `prepared` again and its reservation free; else it stays where it is.
        """
        ...

    def keep_file(self, job_id: str, token: int, file: File) -> None:
        """
        Write down a result that is already on disk before its call can be settled; the `settle` that follows makes it
        durable.
        """
        ...

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
        """
        COMMIT the end of a paid call: final state, what it cost, and the reservation turned into spend:
        *billed*; 0 if not *charged*; what was reserved if the vendor did not say.  With it, in the same transaction,
        its results (*files*, already on disk) and, where it was the last one, the job's *ending*.  The same end again
        is no step.  Durable.
        """
        ...

    def finish(
        self,
        job_id: str,
        token: int,
        ending: Ending | None = None,
        *,
        state: CallState = "succeeded",
    ) -> None:
        """Write a job's *ending* where no paid call ends with it; *state* is for a job without any."""
        ...

    def resolve_unknown(self, job_id: str, *, charged: bool) -> JobRow:
        """
        A person looked at the vendor's site and says what became of the unknown calls: they end as `failed`,
        paid or not.
        """
        ...

    def remember(self, scope: Scope, kind: str, key: str, value: str, seconds: float | None = None) -> None:
        """Keep a fact about an account (uploaded resource, loaded model)."""
        ...

    def recall(self, scope: Scope, kind: str, key: str) -> str | None:
        """Return a fact that still lives."""
        ...

    def known(self, scope: Scope) -> dict[tuple[str, str], str]:
        """Return all living facts of an account."""
        ...

    def forget(self, scope: Scope, kind: str, key: str) -> None:
        """Drop a fact that turned out to be wrong."""
        ...

    def job(self, job_id: str) -> JobRow | None:
        """Return a job by id (or by a unique beginning of it)."""
        ...

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
        """Return jobs, newest first; *limit* None = all."""
        ...

    def costs(
        self,
        by: Literal["provider", "model", "day", "label"],
        *,
        since: float | None = None,
        emulated: bool = False,
    ) -> list[Spend]:
        """Return sums of spend."""
        ...

    def seconds(self, scope: Scope, model: str = "") -> float | None:
        """
        Return the median run time of succeeded jobs of this account (and model), None when there are none.
        """
        ...

    def set_budget(self, budget: Budget) -> None:
        """
        Set a budget over the whole file (a limit of 0 refuses all that costs; see `remove_budget`).  Emulated
        spend counts against it in sums of its own.  Days and months are UTC, those of a call's intent.
        """
        ...

    def remove_budget(self, per: str, label: str = "") -> bool:
        """Remove one."""
        ...

    def budgets(self, *, run: str = "", emulated: bool = False) -> list[tuple[Budget, Decimal, Decimal]]:
        """Return each budget with what is spent and what is reserved in its current period (and in *run*)."""
        ...

    def prune(self, *, before: float, dry_run: bool = False) -> int:
        """
        Delete jobs that are over and older than *before*, and return how many that are (*dry_run*: only that).

        Over are the finished ones and those that were given up before anything was sent; never the unfinished, the
        half-made and the unknown.
        """
        ...

    def close(self) -> None:
        """Close."""
        ...
