"""
Who makes it, and who is next when that fails.

Every candidate is planned and priced first; then the ranking is a pure decision, and so is moving on: it reads an
error's `charged`, `try_next` and `kind` and nothing else.  Moving on plans again (the seed, the state of the account
and the prices may have changed); it never resends what was meant for another vendor.  While money is in doubt nobody
moves.

A provider whose circuit is open stands behind all others, and behind nobody when it is the last one able to serve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from attrs import Factory, evolve, field, frozen

from .effects import Do, Tell, Work
from .errors import KINDS, Fault, ImagegenError, InvalidInput, NotConfigured, Refused
from .events import Event
from .money import amount_or_none
from .result import Attempt, Cost, Result, cost_of
from .work import Order, Session, Wishes, check_price, perform, prepare, require_key

Preference = Literal["order", "cheapest", "fastest", "closest"]
PREFERENCES: tuple[Preference, ...] = ("order", "cheapest", "fastest", "closest")


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _money(value: Any) -> Decimal | None:
    return amount_or_none(value, "max_price")


@frozen
class Route:
    """
    Where a request may go.

    Attributes:
        providers: the candidates; their order counts for `prefer="order"` and breaks ties.
        prefer: `order`, `cheapest` (an unknown price never comes first), `fastest` (median of the ledger), `closest`.
        max_price: of one request, high end; what has no known price is then left out unless `allow_unpriced`.
        deadline: seconds for all attempts together.
        min_fidelity: 0..1, see docs/fidelity.md; what would come out less alike is left out.
        on_error: per error kind, `next` or `stop`, stronger than the built-in table (money in doubt always stops).
        may_pay_twice: move on even while the outcome of a paid call is unknown.
    """

    providers: tuple[str, ...] = field(converter=_names)
    prefer: Preference = field(default="order", kw_only=True)
    max_price: Decimal | None = field(default=None, kw_only=True, converter=_money)
    allow_unpriced: bool = field(default=False, kw_only=True)
    deadline: float | None = field(default=None, kw_only=True)
    min_fidelity: float = field(default=0.0, kw_only=True)
    on_error: Mapping[str, Literal["next", "stop"]] = field(default=Factory(dict), kw_only=True)
    may_pay_twice: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        faults = [] if self.providers else [Fault("providers", "must name at least one")]
        if self.prefer not in PREFERENCES:
            faults.append(Fault("prefer", f"must be one of {', '.join(PREFERENCES)}, not {self.prefer!r}"))
        if self.deadline is not None and not (_number(self.deadline) and 0 < self.deadline < float("inf")):
            faults.append(Fault("deadline", f"must be seconds above 0, not {self.deadline}"))
        for name in ("allow_unpriced", "may_pay_twice"):
            if not isinstance(getattr(self, name), bool):
                faults.append(Fault(name, f"must be true or false, not {getattr(self, name)!r}"))
        if not (_number(self.min_fidelity) and 0 <= self.min_fidelity <= 1):
            faults.append(Fault("min_fidelity", f"must be from 0 to 1, not {self.min_fidelity}"))
        for kind, what in self.on_error.items() if isinstance(self.on_error, Mapping) else [("", self.on_error)]:
            if kind not in KINDS or what not in ("next", "stop"):
                faults.append(Fault("on_error", f"says {what!r} for {kind!r}; it is a kind of error, and next or stop"))
        if faults:
            raise InvalidInput(faults, what="the route")


@frozen(kw_only=True)
class Candidate:
    """One provider as the router sees it: what it would do, cost, take, and how alike the picture would be."""

    order: Order
    rank: int
    fidelity: float
    seconds: float | None = None
    open_circuit: bool = False
    excluded: str = ""
    unready: bool = False  # excluded because something of ours is missing, a key for instance

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.order.provider.name

    @property
    def amount(self) -> Decimal | None:
        """What it would cost; None = unknown."""
        return self.order.price.amount


def rank(candidates: Sequence[Candidate], prefer: Preference) -> list[Candidate]:
    """Return who can serve, best first; an open circuit stands behind all that are closed.  Pure."""

    def key(candidate: Candidate) -> tuple[Any, ...]:
        wish: tuple[Any, ...] = ()
        if prefer == "cheapest":
            wish = (candidate.amount is None, candidate.amount or Decimal(0))
        elif prefer == "fastest":
            wish = (candidate.seconds is None, candidate.seconds or 0.0)
        elif prefer == "closest":
            wish = (-candidate.fidelity,)
        return (candidate.open_circuit, *wish, candidate.rank)

    return sorted((candidate for candidate in candidates if not candidate.excluded), key=key)


def moves_on(error: ImagegenError, route: Route) -> bool:
    """Whether another vendor is asked after *error*.  Pure."""
    if error.charged is None and not route.may_pay_twice:
        return False
    said = route.on_error.get(error.kind)
    if said is not None:
        return said == "next"
    too_dear = error.kind == "budget_exceeded" and error.charged is False  # at this vendor; another may cost less
    return error.try_next or too_dear or (error.charged is None and route.may_pay_twice)


def look(session: Session, request: Any, route: Route, wishes: Wishes) -> Work[list[Candidate]]:
    """Plan and price *request* everywhere, and say who is left out and why."""
    orders = yield from prepare(session, request, route.providers, wishes)
    found = []
    for index, order in enumerate(orders):
        one = yield from seen(session, order, index)
        why, unready = _exclusion(session, one, route, wishes)
        found.append(evolve(one, excluded=why, unready=unready))
    return found


def line_up(session: Session, request: Any, candidates: Sequence[Candidate], route: Route) -> list[Candidate]:
    """Return who is asked, one after the other: ranked, and a plugin has the last word on it."""
    return _with_plugins(session, request, rank(candidates, route.prefer))


def seen(session: Session, order: Order, rank: int = 0) -> Work[Candidate]:
    """Add to an order what else speaks for it or against it: likeness, speed, and whether the vendor is up."""
    from .fidelity import score

    scope, means = session.scope(order.provider), session.means
    usable = yield Do(partial(means.circuits.would_ask, session.account(order.provider), means.clock()))
    model = str(getattr(order.request, "model", None) or "")
    seconds = yield Do(partial(means.store.seconds, scope, model))
    if seconds is None and model:
        seconds = yield Do(partial(means.store.seconds, scope))
    return Candidate(order=order, rank=rank, fidelity=score(order.plan), seconds=seconds, open_circuit=not usable)


def _exclusion(session: Session, candidate: Candidate, route: Route, wishes: Wishes) -> tuple[str, bool]:
    if candidate.order.blocked:
        return candidate.order.blocked, False
    if candidate.fidelity < route.min_fidelity:
        return f"fidelity {candidate.fidelity:.2f} is below {route.min_fidelity:.2f}", False
    try:
        check_price(candidate.order, _limited(route, wishes))
        require_key(session, candidate.order.provider)
    except (Refused, NotConfigured) as error:
        return error.message, isinstance(error, NotConfigured)
    return "", False


def _limited(route: Route, wishes: Wishes) -> Wishes:
    limits = [limit for limit in (route.max_price, wishes.max_price) if limit is not None]
    return evolve(
        wishes, max_price=min(limits, default=None), allow_unpriced=wishes.allow_unpriced or route.allow_unpriced
    )


def routed(session: Session, request: Any, route: Route, wishes: Wishes) -> Work[Result]:
    """Carry a request out at the best candidate; move on as `moves_on` says; tell in `attempts` what happened."""
    clock = session.means.clock
    ends = _ends(clock(), route, wishes)
    candidates = yield from look(session, request, route, wishes)
    queue = line_up(session, request, candidates, route)
    attempts = [_left_out(c) for c in candidates if c.excluded]
    if not queue:
        raise _nobody(candidates, attempts)
    attempts += _passed_over(candidates, queue)
    for number, candidate in enumerate(queue):
        started = clock()
        mine = evolve(
            _limited(route, wishes),
            timeout=None if ends is None else max(ends - clock(), 0.0),
            idempotency_key=_key(wishes.idempotency_key, number),
        )
        yield Do(partial(session.means.circuits.ask, session.account(candidate.order.provider), clock()))
        try:
            order = candidate.order if number == 0 else (yield from _again(session, request, candidate, mine))
            result = yield from perform(session, order, mine)
        except ImagegenError as error:
            cost = yield from _cost_of(session, candidate, error)
            attempts.append(_failed(candidate, error, cost, clock() - started))
            error.attempts = tuple(attempts)
            if number + 1 == len(queue):
                raise
            if not moves_on(error, route) or (ends is not None and clock() >= ends):
                error.hint = _why_it_stops(error)
                raise
            yield Tell(_moved(candidate, queue[number + 1], error))
        else:
            return evolve(result, attempts=(*attempts, _made(candidate, result, clock() - started)))
    raise AssertionError("the last candidate returns or raises")


def _why_it_stops(error: ImagegenError) -> str:
    """Return the error's hint; money in doubt is said, because a person may want to decide otherwise."""
    if error.charged is not None:
        return error.hint
    doubt = f"Nobody else was asked, because {error.provider} may have taken the job and may charge for it."
    return f"{error.hint} {doubt}".strip()


def _ends(now: float, route: Route, wishes: Wishes) -> float | None:
    limits = [seconds for seconds in (route.deadline, wishes.timeout) if seconds is not None]
    return now + min(limits) if limits else None


def _again(session: Session, request: Any, candidate: Candidate, wishes: Wishes) -> Work[Order]:
    """Plan again for the next vendor: time has passed, and its own state may have changed."""
    orders = yield from prepare(session, request, [candidate.name], wishes)
    return orders[0]


def _key(key: str | None, number: int) -> str | None:
    """Each attempt is a job of its own; the same key leads through the same attempts again."""
    return key if key is None or number == 0 else f"{key}#{number + 1}"


def _with_plugins(session: Session, request: Any, ranked: list[Candidate]) -> list[Candidate]:
    """Let a plugin have the last word on the order; it cannot bring in who was left out."""
    names = session.desk.registry.manager.hook.imagegen_rank(request=request, candidates=tuple(ranked))
    if not names:
        return ranked
    by_name = {candidate.name: candidate for candidate in ranked}
    chosen = [by_name[name] for name in names if name in by_name]
    return chosen + [candidate for candidate in ranked if candidate not in chosen]


def _left_out(candidate: Candidate) -> Attempt:
    return Attempt(provider=candidate.name, outcome="left out", reason=candidate.excluded)


def _passed_over(candidates: Sequence[Candidate], queue: Sequence[Candidate]) -> list[Attempt]:
    """Tell who would have stood before the first one, had its circuit not been open."""
    first = queue[0]
    if first.open_circuit:
        return []
    reason = "its circuit is open after failures in a row; others are asked first"
    passed = [c for c in candidates if not c.excluded and c.open_circuit]
    return [Attempt(provider=one.name, outcome="passed over", reason=reason) for one in passed]


def _made(candidate: Candidate, result: Result, seconds: float) -> Attempt:
    return Attempt(
        provider=candidate.name,
        outcome="made",
        job_id=result.job_id,
        charged=result.cost.billed != 0,
        cost=result.cost,
        seconds=seconds,
    )


def _cost_of(session: Session, candidate: Candidate, error: ImagegenError) -> Work[Cost]:
    """Return what a failed attempt cost: the ledger's word where it has one; without a job nothing was sent."""
    row = None if error.job_id is None else (yield Do(partial(session.means.store.job, error.job_id)))
    if row is not None:
        known = cost_of(row)
        return evolve(known, billed=Decimal(0)) if error.charged is False else known
    billed = Decimal(0) if error.charged is False else None
    return Cost(
        estimated=candidate.amount,
        billed=billed,
        currency=candidate.order.price.currency,
        emulated=session.emulated,
    )


def _failed(candidate: Candidate, error: ImagegenError, cost: Cost, seconds: float) -> Attempt:
    return Attempt(
        provider=candidate.name,
        outcome=error.kind,
        job_id=error.job_id,
        reason=str(error),
        charged=error.charged,
        cost=cost,
        seconds=seconds,
    )


def _moved(candidate: Candidate, onward: Candidate, error: ImagegenError) -> Event:
    words = f"{error.kind} at {candidate.name}: moving on to {onward.name}"
    return Event(kind="moved", provider=candidate.name, job_id=error.job_id or "", message=words)


def _nobody(candidates: Sequence[Candidate], attempts: Sequence[Attempt]) -> ImagegenError:
    why = "; ".join(f"{candidate.name}: {candidate.excluded.rstrip('.')}" for candidate in candidates)
    kind = NotConfigured if all(candidate.unready for candidate in candidates) else Refused
    error = kind(f"no provider of the route can do this. {why}")
    error.attempts = tuple(attempts)
    return error
