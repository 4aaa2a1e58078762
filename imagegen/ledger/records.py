"""What goes into the ledger and comes out of it, as classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from attrs import field, frozen

from .states import CallState


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
