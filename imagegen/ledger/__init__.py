"""
The ledger: what was going to be paid, what was paid, and where the pictures are.  Written before and after
every step that can cost money, so that a crash at any point loses no paid picture and pays for none twice.

The store is a set of verbs (`Store`); SQLite implements them in `sqlite.py`, and no SQL is anywhere else.
Money is integer nano-units plus currency inside and `Decimal` outside.  Each verb is one transaction; those
that stand before or after money are durable (`synchronous=FULL`) before they return.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, Protocol, get_args

from attrs import field, frozen

CallState = Literal[
    "prepared", "submitting", "unknown", "submitted", "running", "succeeded", "failed", "canceled", "expired"
]
STATES: tuple[CallState, ...] = get_args(CallState)
FINAL: frozenset[str] = frozenset({"succeeded", "failed", "canceled", "expired"})

# What may follow what; never backward.  `unknown` is left when an answer is found or a person decides.
FOLLOWS: Mapping[str, frozenset[str]] = {
    "prepared": frozenset({"submitting", "failed", "canceled"}),
    "submitting": frozenset({"unknown", "submitted", "succeeded", "failed", "canceled"}),
    "unknown": frozenset({"submitted", "running", "succeeded", "failed", "canceled", "expired"}),
    "submitted": frozenset({"running", "succeeded", "failed", "canceled", "expired"}),
    "running": frozenset({"succeeded", "failed", "canceled", "expired"}),
    **{state: frozenset() for state in FINAL},
}


def job_state(states: Sequence[str]) -> CallState:
    """Derive a job's state from its calls: unknown beats all, then work that goes on, then the worst end."""
    for state in ("unknown", "submitting", "running", "submitted", "prepared"):
        if state in states:
            return state
    for state in ("failed", "canceled", "expired"):
        if state in states:
            return state  # type: ignore[return-value]
    return "succeeded" if states else "prepared"


@frozen(kw_only=True)
class Owner:
    """A process that works on a job: host, pid, and the process' start time (a pid alone is used again)."""

    host: str
    pid: int
    started: float


@frozen(kw_only=True)
class Scope:
    """Whose money, which vendor: so that emulated spend is no spend and no wrong host is ever asked."""

    provider: str
    account: str  # fingerprint of the key, never the key
    base_url: str
    emulated: bool = False
    namespace: str = "default"


@frozen(kw_only=True)
class NewJob:
    """A job about to be opened.  `request` and `plan` are plain JSON without secrets."""

    id: str
    scope: Scope
    request_hash: str
    request: Mapping[str, Any]
    plan: Mapping[str, Any]
    calls: int  # paid calls
    idempotency_key: str | None = None
    labels: Mapping[str, str] = field(factory=dict)
    estimate: Decimal | None = None
    currency: str = "USD"
    run: str = ""  # one program run or route: budgets per run
    kind: str = "GenerationRequest"
    model: str = ""
    output: str = ""  # folder that the results go to


@frozen(kw_only=True)
class File:
    """A result that is safely on disk."""

    index: int  # paid call
    n: int  # within the call
    path: str
    sha256: str
    media_type: str
    width: int
    height: int
    seed: int | None = None
    source_url: str = ""
    size: int = 0


@frozen(kw_only=True)
class Attempt:
    """One time that a paid call was sent, and what became of it: `withdrawn`, or the state that the call went to."""

    n: int
    sent_at: float
    ended_at: float | None = None
    outcome: str | None = None
    error: Mapping[str, Any] | None = None


@frozen(kw_only=True)
class CallRow:
    """One paid call as the ledger knows it."""

    job_id: str
    index: int
    state: CallState
    attempts: int = 0
    vendor_job_id: str | None = None
    key: str | None = None
    answer: Any = None
    reserved: Decimal | None = None
    billed: Decimal | None = None
    credits: Decimal | None = None
    charged: bool | None = None
    error: Mapping[str, Any] | None = None
    sent_at: float | None = None
    accepted_at: float | None = None
    done_at: float | None = None
    history: tuple[Attempt, ...] = ()


@frozen(kw_only=True)
class JobRow:
    """One job as the ledger knows it; `state` is derived from its calls."""

    id: str
    scope: Scope
    state: CallState
    request_hash: str
    request: Mapping[str, Any]
    plan: Mapping[str, Any]
    calls: tuple[CallRow, ...] = ()
    files: tuple[File, ...] = ()
    idempotency_key: str | None = None
    labels: Mapping[str, str] = field(factory=dict)
    estimate: Decimal | None = None
    billed: Decimal | None = None
    currency: str = "USD"
    run: str = ""
    kind: str = "GenerationRequest"
    model: str = ""
    output: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    owner: Owner | None = None
    data: Any = None
    notes: Sequence[Mapping[str, Any]] = ()  # what came up after the plan, which has its own
    seconds: Mapping[str, float] = field(factory=dict)


@frozen(kw_only=True)
class Ending:
    """
    What belongs to a job as a whole, written at its end.  `data` is plain JSON; *release* gives the lease back in the
    same transaction.
    """

    data: Any = None
    notes: Sequence[Mapping[str, Any]] = ()
    seconds: Mapping[str, float] = field(factory=dict)
    release: bool = False


@frozen(kw_only=True)
class Budget:
    """A limit on spending: `per` run, day, month or label (`label="project=film"`), in *currency*."""

    per: Literal["run", "day", "month", "label"]
    limit: Decimal
    currency: str = "USD"
    label: str = ""


@frozen(kw_only=True)
class Spend:
    """One sum of `costs`; *expected* are the estimates of just those jobs whose bill is known, to hold against it."""

    group: str
    jobs: int
    images: int
    estimated: Decimal | None
    billed: Decimal | None
    unknown_price: int
    currency: str = "USD"
    expected: Decimal | None = None


class LeaseLost(RuntimeError):
    """Another process has taken the job over (fencing token); this one must stop writing about it."""


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
