"""
The one place of the rules about money and patience: drives a provider's flow, and decides what may be sent again.

`conduct` is a generator over `effects`: it takes the provider's steps, writes intent before and outcome after every
call that pays, retries what cannot pay twice, keeps the deadline, and sees that no error leaves with a secret.

What is proven (design: the ledger's protocol):
  - nothing was sent                 -> the intent is withdrawn, try again freely
  - the vendor refused               -> not charged; try again only if the refusal passes (rate limit, overload)
  - it may have arrived              -> sent again only with the vendor's own key; else `unknown`, and a person is told
  - accepted                         -> the vendor's id is committed before anything else happens
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import attrs
from attrs import define, field, frozen

from . import downloads, wire
from .breaker import Breakers
from .effects import Do, Effect, Http, Sleep, Tell, TransportError, Wire
from .errors import (
    ImagegenError,
    JobFailed,
    NotConfigured,
    OutcomeUnknown,
    ProviderError,
    ResultError,
    Unreachable,
)
from .events import Event
from .flow import (
    Accepted,
    Call,
    Download,
    Flow,
    Heard,
    Made,
    Pause,
    Recall,
    Remember,
    Reply,
    Settled,
    Step,
    Stored,
    Upload,
)
from .images import Blob, converted
from .ledger import File, Owner, Scope, Store
from .limiter import SqliteLimiter
from .placeholders import reveal, slots
from .plans import Plan
from .provider import Credentials, Price, Provider
from .redaction import Redactor
from .retry import RetryBudget, RetryPolicy, decide

T = TypeVar("T")
Work = Generator[Effect, Any, T]

PAID_SECONDS = 180.0  # one exchange that pays: some vendors draw while they keep the line
FREE_SECONDS = 30.0
MOST_CREDITS = Decimal(10) ** 6  # for one call
SLOT_SECONDS = 1.0  # between two looks for a free place


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
    price: Price
    means: Means
    output: Path
    redactor: Redactor = field(repr=False)
    owner: Owner
    images: Mapping[str, Blob] = field(factory=dict, repr=False)
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
    unsent: ImagegenError | None = None  # the error that proves that the last attempt never left
    unwritten: Callable[[], None] | None = field(default=None, repr=False)  # the vendor's id, until it is committed
    paid: int = 0  # calls of this job that are settled and charged
    last_answer: Reply | None = field(default=None, repr=False)
    files: list[tuple[File, Stored]] = field(factory=list)
    seconds: dict[str, float] = field(factory=dict)

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

    def left(self, most: float) -> float:
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
            left=self.left,
        )

    def tell(self, kind: Any, **words: Any) -> Tell:
        """Make an event of this job."""
        return Tell(Event(kind=kind, provider=self.provider.name, job_id=self.job_id, **words))

    def spend(self, part: str, seconds: float) -> None:
        """Count time by what it was spent on (queue, run, download)."""
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds


def conduct(run: Run, flow: Flow[Made], indices: Iterator[int]) -> Work[Made]:
    """Drive *flow* to its end; *indices* says which paid call of the ledger each paying step is."""
    try:
        made = yield from _drive(run, flow, indices)
        yield from _keep_data(run, made)
        yield from _close_call(run)
    except ImagegenError as error:
        told = yield from _give_up(run, error)
        yield from leave_slot(run)
        raise _told(run, told) from None
    yield from leave_slot(run)
    return made


def _drive(run: Run, flow: Flow[Made], indices: Iterator[int]) -> Work[Made]:
    resume: Callable[[], Step] = partial(next, flow)
    with closing(flow):
        while True:
            try:
                step = resume()
            except StopIteration as done:
                made: Made = done.value
                return made
            except ImagegenError:
                raise
            except Exception as error:  # a stranger's provider may fail in any way
                raise _broken(run, error) from None
            try:
                answer = yield from perform(run, step, indices)
            except ImagegenError as error:
                resume = partial(flow.throw, error)
            else:
                resume = partial(flow.send, answer)


def _broken(run: Run, error: Exception) -> ProviderError:
    """Say that a plugin failed; where, but no frame: frames hold requests."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f" in {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
    return ProviderError(
        f"its plugin broke: {type(error).__name__}{where}: {run.redactor.text(str(error)[:200])}",
        provider=run.provider.name,
    )


def _explain(run: Run, reply: Reply) -> ProviderError | None:
    """Ask the provider what an answer means; one that it cannot read proves nothing."""
    try:
        return run.provider.explain(reply)
    except Exception as error:  # a stranger's provider may fail in any way
        return _broken(run, error)


def perform(run: Run, step: Step, indices: Iterator[int]) -> Work[Any]:
    """Do one step of a flow."""
    match step:
        case Call(pays=True):
            return (yield from _pay(run, step, next(indices)))
        case Call():
            return (yield from _ask(run, step))
        case Accepted():
            return (yield from _accept(run, step))
        case Heard():
            return (yield from _hear(run, step))
        case Pause():
            return (yield from _wait(run, step.seconds))
        case Download():
            return (yield from _download(run, step))
        case Upload():
            return (yield from _upload(run, step))
        case Recall():
            return (yield Do(partial(run.means.store.recall, run.scope, step.kind, step.key)))
        case Remember():
            work = partial(run.means.store.remember, run.scope, step.kind, step.key, step.value, step.seconds)
            return (yield Do(work))
        case Settled():
            run.settled = _believable(step)
    return None


def _believable(settled: Settled) -> Settled:
    """Leave out a figure that is none: a broken vendor must not keep a finished picture from being settled."""
    figure = settled.credits
    if figure is None or (figure.is_finite() and 0 <= figure <= MOST_CREDITS):
        return settled
    return attrs.evolve(settled, credits=None)


# --- the call that pays ------------------------------------------------------------------------------------------


def _pay(run: Run, call: Call, index: int) -> Work[Reply]:
    yield from _close_call(run)
    wire_ready = _ready(run, call)  # a missing key or an open slot is found before any intent
    run.index, run.vendor_job_id, run.settled = index, None, None
    yield from _take_slot(run)
    attempt, last = 0, None
    while True:
        attempt += 1
        yield from _take_turn(run)  # before the intent: a deadline in the queue leaves nothing in doubt
        signed, seconds = wire_ready(), _seconds_left(run, PAID_SECONDS)
        yield from _intend(run, call)
        try:
            reply: Reply = yield from _exchange(run, signed, seconds)
        except TransportError as failure:
            error = _failed_exchange(run, failure, pays=True)
            run.unsent = None if failure.sent else error
        else:
            found = _explain(run, reply)
            if found is None or (found.charged is False and not found.retry_same):
                run.retries().succeeded(last)
                return reply  # the flow reads it, and raises what it means
            error = found
        last = error
        if error.charged is not False:
            run.doubts.add(index)
        resend = error.charged is False or _may_resend(run, call)
        wait = _patience(run, error, attempt, run.means.policy) if resend else None
        if wait is None:
            if error.charged is False and error is not run.unsent:
                return reply
            raise error
        if error.charged is False:
            yield from _withdraw(run, error)
        yield run.tell("retrying", seconds=wait, message=run.redactor.text(str(error)))
        yield from _wait(run, wait)


def _intend(run: Run, call: Call) -> Work[None]:
    """COMMIT that the call at hand is about to be sent."""
    index = _at_hand(run)
    work = partial(
        run.means.store.reserve_and_intend,
        run.job_id,
        index,
        run.token,
        ceiling=_ceiling(run, index),
        key=call.key,
        allow_unpriced=run.allow_unpriced,
    )
    try:
        yield Do(work)
    except ImagegenError as error:  # without an intent nothing is sent
        error.charged = None if index in run.doubts else False
        raise
    run.stage, run.unsent = "submitting", None
    yield run.tell("submitting", message=call.purpose)


def _withdraw(run: Run, error: ImagegenError) -> Work[None]:
    """Take back an attempt of which nothing can have come; earlier ones may stay in doubt."""
    index = _at_hand(run)
    report = run.redactor.tree(error.as_dict())
    yield Do(partial(run.means.store.withdraw, run.job_id, index, run.token, report))
    if index not in run.doubts:
        run.stage = ""


def _may_resend(run: Run, call: Call) -> bool:
    """A call that may have arrived goes out again only with the vendor's own key, and only if the user lets it."""
    return run.provider.resend == "with_key" and call.key is not None and run.settings.get("on_unknown") != "hold"


def _patience(run: Run, error: ImagegenError, attempt: int, policy: RetryPolicy) -> float | None:
    """Return the seconds to wait before the next attempt, None = give up."""
    if error.charged is None:  # may have arrived, may be resent: as safe as a fresh refusal
        error.retry_same = True
    left = None if run.deadline is None else run.deadline - run.now()
    return decide(error, attempt, left=left, policy=policy, budget=run.retries(), dice=run.means.dice)


def _take_slot(run: Run) -> Work[None]:
    """Wait until the account may have one more job in flight, over all processes of this machine."""
    limit = run.settings.get("concurrent") or run.provider.limits.concurrent
    if run.means.limiter is None or not limit or run.ticket is not None:
        return
    while run.ticket is None:
        run.ticket = yield Do(partial(run.means.limiter.acquire_slot, run.account, int(limit), run.owner))
        if run.ticket is None:
            yield run.tell("waiting", seconds=SLOT_SECONDS, message="all places at the vendor are taken")
            yield from _wait(run, SLOT_SECONDS)


def leave_slot(run: Run) -> Work[None]:
    """Give the place back."""
    if run.ticket is not None and run.means.limiter is not None:
        ticket, run.ticket = run.ticket, None
        try:
            yield Do(partial(run.means.limiter.release_slot, ticket))
        except ImagegenError:
            return  # the file cannot be written now; the place comes back when this process ends


def _accept(run: Run, step: Accepted) -> Work[None]:
    run.stage, run.vendor_job_id, run.accepted_at = "submitted", step.job_id, run.now()
    index = _at_hand(run)
    answer = run.redactor.links(_recordable(run.last_answer))
    run.unwritten = partial(run.means.store.accept, run.job_id, index, run.token, step.job_id, answer)
    yield Do(run.unwritten)
    run.unwritten = None
    yield run.tell("accepted", state="accepted", message=step.job_id)


def _hear(run: Run, step: Heard) -> Work[None]:
    if run.stage == "submitted" and step.progress is not None:
        run.stage = "running"
        if run.accepted_at is not None and step.progress < 1:  # one that is seen done at once was never seen queueing
            run.spend("queue", run.now() - run.accepted_at)  # as fine as the polls
        yield Do(partial(run.means.store.mark, run.job_id, _at_hand(run), run.token, "running"))
    yield run.tell("state", state=step.state, progress=step.progress, queue=step.queue, eta=step.eta)


def _close_call(run: Run) -> Work[None]:
    """The paid call at hand is over and well: settle it."""
    if run.index is None or not run.stage:
        return
    settled = run.settled or Settled()
    work = partial(
        run.means.store.settle,
        run.job_id,
        run.index,
        run.token,
        "succeeded",
        credits=settled.credits,
        billed=_billed(run, settled),
        charged=settled.charged,
    )
    yield Do(work)
    run.paid += settled.charged is True
    run.index, run.stage, run.settled = None, "", None


def _keep_data(run: Run, made: Made) -> Work[None]:
    """Write down an answer that is no file before its call is settled: afterwards nobody would ask for it again."""
    if run.index is not None and made.data is not None:
        data = run.redactor.tree(made.data)
        yield Do(partial(run.means.store.finish, run.job_id, run.token, data=data))


def _give_up(run: Run, error: ImagegenError) -> Work[ImagegenError]:
    """Leave the paid call at hand in the state that is true; return what is true to say."""
    if run.index is None or not run.stage:
        return error
    try:
        if run.stage == "submitting":
            error = yield from _give_up_sending(run, error)
        else:
            yield from _give_up_waiting(run, error)
    except ImagegenError:
        pass  # the ledger cannot be written now: the call stays where it is, which errs on the side of doubt
    run.index, run.stage = None, ""
    return error


def _give_up_sending(run: Run, error: ImagegenError) -> Work[ImagegenError]:
    """
    Nothing was accepted.  Only the vendor's refusal, or proof that nothing left, says that nothing was made; a question
    that could not be asked (`Unreachable` by the flow itself) proves nothing about the call that paid.
    """
    index = _at_hand(run)
    nothing_made = error is run.unsent or (error.charged is False and not isinstance(error, Unreachable))
    report = run.redactor.tree(error.as_dict())
    if nothing_made and index not in run.doubts:
        if error is run.unsent:
            yield from _withdraw(run, error)
        else:
            yield Do(partial(_fail, run, "failed", report, charged=False))
        return error
    if nothing_made:
        yield from _withdraw(run, error)
    if error.charged is False or error.kind in _VAGUE:
        error = _in_doubt(run, error)
        report = run.redactor.tree(error.as_dict())
    yield Do(partial(run.means.store.mark, run.job_id, index, run.token, "unknown", report))
    return error


_VAGUE = ("provider_error", "service_unavailable", "provider_timeout")  # of a call that pays: nobody knows


def _in_doubt(run: Run, error: ImagegenError) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{error.message.rstrip('.')}. The call that pays may have arrived all the same, and been charged.",
        provider=run.provider.name,
        vendor_message=error.vendor_message,
        status=error.status,
        hint=f"Look at the vendor's site, then: imagegen jobs show {run.job_id}, imagegen reconcile.",
    )


def _give_up_waiting(run: Run, error: ImagegenError) -> Work[None]:
    report = run.redactor.tree(error.as_dict())
    if error.kind == "job_canceled":
        yield Do(partial(_fail, run, "canceled", report, charged=error.charged))
    elif isinstance(error, JobFailed):
        yield Do(partial(_fail, run, "failed", report, charged=error.charged))
    elif error.kind == "result_expired":
        yield Do(partial(_fail, run, "expired", report, charged=True))


def _fail(run: Run, state: Any, report: Mapping[str, Any], *, charged: bool | None) -> None:
    settled = run.settled or Settled(credits=Decimal(0) if charged is False else None, charged=charged)
    run.means.store.settle(
        run.job_id,
        _at_hand(run),
        run.token,
        state,
        credits=settled.credits,
        billed=Decimal(0) if charged is False else _billed(run, settled),
        charged=charged,
        error=report,
    )
    drop_the_rest(run)


def drop_the_rest(run: Run) -> None:
    """One call of the job has failed for good: those that were to follow it are not to be paid by anybody."""
    row = run.means.store.job(run.job_id)
    for call in row.calls if row is not None else ():
        if call.state == "prepared":
            run.means.store.settle(run.job_id, call.index, run.token, "canceled", charged=False)


def _told(run: Run, error: ImagegenError) -> ImagegenError:
    """Say on the way out what only the engine knows: which job, whose, and whether money is in doubt."""
    error.provider = error.provider or run.provider.name
    error.job_id = error.job_id or run.job_id
    error.vendor_job_id = error.vendor_job_id or run.vendor_job_id
    if run.vendor_job_id and not isinstance(error, JobFailed) and error.charged is False:
        error.charged = None  # the vendor has the job: it may finish and be charged whatever happened here
    if error.charged is not False:
        error.retry_same = error.try_next = error.charged is True and isinstance(error, JobFailed)
        over = isinstance(error, JobFailed) or error.kind == "job_canceled"
        if run.vendor_job_id and not error.hint and not over:
            error.hint = (
                f"The job goes on at the vendor; pick it up with: imagegen reconcile (or jobs show {run.job_id})."
            )
    if run.paid:  # a part of it is made: going elsewhere would pay for that part again
        error.charged = error.charged if error.charged is None else True
        error.retry_same = error.try_next = False
        error.hint = error.hint or f"What was made before is kept: imagegen jobs show {run.job_id}."
    return run.redactor.error(error)


def _billed(run: Run, settled: Settled) -> Decimal | None:
    """What the vendor's own figure comes to in money, at the rate that the quote was made with."""
    if settled.charged is False:
        return Decimal(0)
    if settled.credits is None or not run.price.credits or run.price.amount is None:
        return None
    return settled.credits * run.price.amount / run.price.credits


def _ceiling(run: Run, index: int) -> Decimal | None:
    """What a budget reserves for one paid call: the high end of its price."""
    if index < len(run.price.per_call):
        return run.price.per_call[index]
    calls = len(run.plan.paid_calls)
    return run.price.high if calls == 1 else None


def _at_hand(run: Run) -> int:
    if run.index is None:
        raise ProviderError(f"{run.provider.name} reports a job that nobody asked for", provider=run.provider.name)
    return run.index


# --- exchanges ---------------------------------------------------------------------------------------------------


def _ask(run: Run, call: Call) -> Work[Reply]:
    """A free question: asked again while the answer is a passing trouble."""
    ready = _ready(run, call)
    attempt, last = 0, None
    while True:
        attempt += 1
        error: ImagegenError
        reply: Reply | None = None
        try:
            yield from _take_turn(run)
            reply = yield from _exchange(run, ready(), _seconds_left(run, FREE_SECONDS))
        except TransportError as failure:
            error = _failed_exchange(run, failure, pays=False)
        else:
            found = _explain(run, reply)
            passing = found is not None and (found.retry_same or (found.charged is None and reply.status >= 500))
            if found is None or not passing:
                run.retries().succeeded(last)
                return reply
            error = found
            error.retry_same, error.charged = True, False  # asking costs nothing
        last = error
        wait = _patience(run, error, attempt, run.means.patience)
        if wait is None:
            if reply is not None:
                return reply
            raise error
        yield run.tell("retrying", seconds=wait, message=run.redactor.text(str(error)))
        yield from _wait(run, wait)


def _exchange(run: Run, wire: Wire, seconds: float) -> Work[Reply]:
    """Send, and remember the answer."""
    patience = None if run.deadline is None else run.left(run.deadline)
    reply: Reply = yield Http(wire=wire, timeout=seconds, patience=patience)
    run.last_answer = reply
    return reply


def _seconds_left(run: Run, most: float) -> float:
    """Return how long an exchange may take; raises when the deadline has passed."""
    seconds = run.left(most)
    if seconds <= 0:
        raise _late(run)
    return seconds


def _take_turn(run: Run) -> Work[None]:
    """Keep the vendor's rate together with all processes of this machine; a turn that was missed is taken anew."""
    limit = run.provider.limits.per_second
    if run.means.limiter is None or limit is None:
        return
    while True:
        now = run.now()
        wait: float = yield Do(partial(run.means.limiter.reserve, run.account, limit, now))
        yield from _wait(run, wait)
        if run.now() - (now + wait) < 1 / limit:
            return


def _ready(run: Run, call: Call) -> Callable[[], Wire]:
    """Check a call before anything is written down; the answer signs it anew for every attempt."""
    open_slots = slots(call.json)
    if open_slots:
        raise ProviderError(f"would send {', '.join(open_slots)} unfilled", provider=run.provider.name, charged=False)
    host = urlsplit(call.url).netloc
    if call.signed and host not in run.provider.hosts(run.settings):
        raise ProviderError(f"wants to show its key to {host}", provider=run.provider.name, charged=False)

    def ready() -> Wire:
        return wire_of(run.provider, call, run.settings, now=run.now(), nonce=run.means.nonce())

    ready()
    return ready


def wire_of(provider: Provider, call: Call, settings: Mapping[str, Any], *, now: float, nonce: str) -> Wire:
    """Return *call* as it leaves: secrets in clear, signed, in bytes."""
    try:
        call = attrs.evolve(call, json=reveal(call.json))
        if call.signed:
            call = provider.authorize(call, Credentials(settings=settings, now=now, nonce=nonce))
    except LookupError as error:
        raise NotConfigured(str(error.args[0] if error.args else error), provider=provider.name) from None
    call = call.encoded()
    headers = {"Accept": "application/json", "User-Agent": "imagegen/0.1", **call.headers}
    return Wire(method=call.method, url=with_query(call), headers=headers, content=call.content or b"")


def with_query(call: Call) -> str:
    """Return the URL with its query."""
    if not call.params:
        return call.url
    from urllib.parse import urlencode

    return f"{call.url}?{urlencode(dict(call.params))}"


def _failed_exchange(run: Run, failure: TransportError, *, pays: bool) -> ImagegenError:
    name = run.provider.name
    words = run.redactor.text(str(failure)).rstrip(".")
    if run.deadline is not None and run.now() >= run.deadline and not (pays and failure.sent):
        late = _late(run)
        late.charged = False if pays else late.charged  # a call that never left
        return late
    if not failure.sent:
        proof = " Nothing was sent." if pays else ""  # of a question that went unanswered it would say too much
        return Unreachable(f"cannot be reached: {words}.{proof}", provider=name)
    if pays:
        return OutcomeUnknown(
            f"no answer to a call that pays: {words}. The vendor may have taken it, and charged for it.",
            provider=name,
            hint=f"Look at the vendor's site, then: imagegen jobs show {run.job_id}, imagegen reconcile.",
        )
    kind: Any = "provider_timeout" if failure.timeout else "service_unavailable"
    return Unreachable(f"no answer: {words}.", provider=name, kind=kind)


def _wait(run: Run, seconds: float) -> Work[None]:
    left = run.left(seconds)
    if left < seconds:
        yield Sleep(left)
        raise _late(run)
    if seconds > 0:
        yield Sleep(seconds)
        run.spend("wait", seconds)


def _late(run: Run) -> ImagegenError:
    where = f"job {run.vendor_job_id} is still going on there" if run.vendor_job_id else "nothing was accepted"
    accepted = run.vendor_job_id is not None
    return ProviderError(
        f"not ready before the deadline; {where}.",
        kind="deadline_exceeded",
        provider=run.provider.name,
        charged=None if accepted or run.stage == "submitting" else False,
    )


def _recordable(reply: Reply | None) -> Any:
    """Return what the ledger keeps of an accepting answer: its JSON, without pictures in text form."""
    if reply is None or len(reply.body) > 256 * 1024:
        return None
    try:
        return wire.loads(reply.body)
    except (ValueError, RecursionError):
        return None


# --- results and inputs ------------------------------------------------------------------------------------------


def _download(run: Run, step: Download) -> Work[Stored]:
    started = run.now()
    errand = run.errand()
    data = yield from downloads.fetch(errand, step)
    n = sum(1 for file, _ in run.files if file.index == (run.index or 0))
    stored: Stored = yield Do(partial(downloads.keep, errand, step, data, run.output, run.dress))
    file = File(
        index=run.index or 0,
        n=n,
        path=stored.path,
        sha256=stored.sha256,
        media_type=stored.media_type,
        width=stored.width,
        height=stored.height,
        seed=stored.seed,
        source_url=run.redactor.text(stored.source_url),
        size=stored.size,
    )
    yield Do(partial(run.means.store.keep_file, run.job_id, run.token, file))
    run.files.append((file, stored))
    run.spend("download", run.now() - started)
    yield run.tell("downloaded", message=stored.path)
    return stored


def _upload(run: Run, step: Upload) -> Work[Reply]:
    blob = run.images.get(step.image)
    if blob is None or not blob.data:
        raise ResultError(f"{step.image} is no longer at hand", provider=run.provider.name, charged=False)
    data: bytes = yield Do(partial(converted, blob.data, step.convert))
    call = Call(method=step.method, url=step.url, headers=step.headers, content=data, purpose="upload", signed=False)
    return (yield from _ask(run, call))
