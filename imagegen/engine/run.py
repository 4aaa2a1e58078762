"""One job while somebody works on it, and what all jobs of a client share."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from attrs import define, field, frozen

from imagegen import downloads
from imagegen.breaker import Breakers
from imagegen.effects import Tell
from imagegen.errors import ImagegenError, ProviderError
from imagegen.events import Event
from imagegen.flow import Reply, Settled, Stored
from imagegen.images import Blob
from imagegen.ledger import Ending, File, Owner, Scope, Store
from imagegen.limiter import SqliteLimiter
from imagegen.plans import Plan
from imagegen.provider import Provider, Quote
from imagegen.redaction import Redactor
from imagegen.retry import RetryBudget, RetryPolicy


@frozen(kw_only=True)
class Means:
    """What every job of a client shares: the store, the clock, the dice, patience."""

    store: Store
    clock: Callable[[], float]
    dice: random.Random
    nonce: Callable[[], str]
    limiter: SqliteLimiter | None = None  # None = no limits are kept (an emulator in this process)
    circuits: Breakers
    budget: Callable[[str], RetryBudget]
    policy: RetryPolicy = field(factory=RetryPolicy)
    patience: RetryPolicy = field(factory=partial(RetryPolicy, attempts=8))  # for questions that cost nothing


@define(kw_only=True)
class Run:
    """One job while somebody works on it."""

    job_id: str
    token: int
    provider: Provider
    settings: Mapping[str, Any] = field(repr=False)
    scope: Scope
    plan: Plan
    price: Quote
    means: Means
    output: Path
    redactor: Redactor = field(repr=False)
    owner: Owner
    started: float  # world time
    renewed: float  # when the lease was last prolonged
    images: Mapping[str, Blob] = field(factory=dict, repr=False)
    lost: Mapping[str, str] = field(factory=dict)  # inputs that are no longer at hand, and why
    deadline: float | None = None
    allow_unpriced: bool = False
    private_hosts: bool = False
    dress: downloads.Dress | None = None

    ticket: int | None = None  # our place among the account's jobs in flight
    index: int | None = None  # the paid call at hand
    stage: str = ""  # "", submitting, submitted, running
    vendor_job_id: str | None = None
    accepted_at: float | None = None  # only of a call that this run has sent
    settled: Settled | None = None
    doubts: set[int] = field(factory=set)  # paid calls of which an earlier attempt may have arrived
    attempt: int = 0  # of the paid call at hand
    left: bool = False  # its exchange has begun: before, nothing of it can have arrived
    answer: Literal["", "taken", "refused"] = ""  # what the vendor said to it
    unsent: ImagegenError | None = None  # the error that proves that the last attempt never left
    unwritten: Callable[[], None] | None = field(default=None, repr=False)  # what the ledger must know, until it does
    paid: int = 0  # calls of this job that are settled and charged
    unsure: bool = False  # a settled call made something, and the vendor does not say whether it charged
    dropped: bool = False  # the calls that were to follow are not to be paid by anybody
    last_answer: Reply | None = field(default=None, repr=False)
    files: list[tuple[File, Stored]] = field(factory=list)
    unkept: list[File] = field(factory=list)  # of those, the ones that the ledger does not know yet
    bills: dict[int, tuple[Decimal | None, Decimal | None]] = field(factory=dict)  # (credits, money) of settled calls
    seconds: dict[str, float] = field(factory=dict)
    ending: Ending | None = None  # what the ledger was told when the job ended well

    def now(self) -> float:
        """World time."""
        return self.means.clock()

    @property
    def account(self) -> str:
        """Under which name limits and budgets of the account are kept."""
        return f"{self.scope.provider}:{self.scope.account}"

    def retries(self) -> RetryBudget:
        """What all retries at this account may cost together."""
        return self.means.budget(self.account)

    def seconds_left(self, most: float) -> float:
        """Return the seconds until the deadline, at most *most*."""
        return most if self.deadline is None else max(min(most, self.deadline - self.now()), 0.0)

    def errand(self) -> downloads.Errand:
        """Return what fetching a result for this job needs to know."""
        return downloads.Errand(
            provider=self.provider.name,
            job_id=self.job_id,
            own_host=urlsplit(self.scope.base_url).netloc,
            private_hosts=self.private_hosts,
            redactor=self.redactor,
            left=self.seconds_left,
        )

    def tell(self, kind: Any, **words: Any) -> Tell:
        """Make an event of this job."""
        return Tell(Event(kind=kind, provider=self.provider.name, job_id=self.job_id, **words))

    def spend(self, part: str, seconds: float) -> None:
        """Count time by what it was spent on (queue, run, download)."""
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds


def at_hand(run: Run) -> int:
    if run.index is None:
        raise ProviderError(f"{run.provider.name} reports a job that nobody asked for", provider=run.provider.name)
    return run.index
