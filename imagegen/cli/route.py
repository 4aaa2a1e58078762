"""`imagegen route`: one picture, by the first of several providers that can; who is asked next when that one fails."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from attrs import evolve, frozen
from cyclopts import Parameter

from imagegen.errors import Fault, ImagegenError, InvalidInput

from . import money
from .making import Made, Worker, report, wait
from .options import (
    MONEY,
    OUTPUT,
    WHERE,
    AllNotes,
    Emulated,
    Form,
    Json,
    RequestFlags,
    Subject,
    read_request,
    split_pair,
)
from .output import NOTHING, OK, UNKNOWN, print_json, remark
from .progress import Progress
from .session import free_of_charge, open_client, ready_at

if TYPE_CHECKING:
    from rich.console import RenderableType

    from imagegen.client import Client
    from imagegen.result import Attempt, Result
    from imagegen.router import Candidate, Route
    from imagegen.work import Order, Wishes

Prefer = Literal["order", "cheapest", "fastest", "closest"]
_CHARGED = {False: "nothing was charged", True: "it was charged", None: "nobody knows whether it was charged"}


@Parameter(name="*")
@frozen(kw_only=True)
class RouteFlags:
    """Who may make it, in which order, and when the next one is asked."""

    provider: Annotated[
        tuple[str, ...],
        Parameter(name="--provider", help="Who may make it; repeat it, best first.", metavar="NAME", group=WHERE),
    ] = ()
    prefer: Annotated[
        Prefer, Parameter(help="Who is asked first: as named (order), or who is ...", group=WHERE, show_choices=True)
    ] = "order"
    min_fidelity: Annotated[
        float, Parameter(help="Leave out who would come out less alike, 0 to 1.", metavar="X", group=WHERE)
    ] = 0.0
    deadline: Annotated[
        float,
        Parameter(help="Seconds for all attempts together. Default: 600.", metavar="SECONDS", group=WHERE),
    ] = 600.0
    on_error: Annotated[
        tuple[str, ...],
        Parameter(
            help="Ask the next one, or stop, after that error; repeatable.", metavar="KIND=next|stop", group=WHERE
        ),
    ] = ()
    emulated: Emulated = False
    idempotency_key: Annotated[
        str | None,
        Parameter(help="The same key and request lead through the same attempts.", metavar="KEY", group=WHERE),
    ] = None
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), help="Spend without asking.", group=MONEY)] = False
    max_price: Annotated[
        str | None,
        Parameter(help="Leave out who may cost more; spend up to this without asking.", metavar="AMOUNT", group=MONEY),
    ] = None
    allow_unpriced: Annotated[
        bool, Parameter(help="With --max-price: also ask who has no known price.", group=MONEY)
    ] = False
    may_pay_twice: Annotated[
        bool, Parameter(help="Ask the next one even while nobody knows whether the last one was paid.", group=MONEY)
    ] = False
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="Folder for the files.", metavar="DIR", group=OUTPUT)
    ] = None


def command(
    subject: Subject,
    /,
    *,
    flags: RequestFlags = RequestFlags(),
    run: RouteFlags = RouteFlags(),
    plan: Annotated[
        bool,
        Parameter(help="Only show who would be asked, and who is left out; nothing is sent.", group=OUTPUT),
    ] = False,
    notes: AllNotes = False,
    form: Form = None,
    as_json: Json = False,
) -> int:
    """
    Make a picture at the best of several providers, and at the next one when that fails.

    Every provider is planned and priced first. Who is asked next gets a plan of its own; nobody is asked while a call
    that pays is in doubt, unless --may-pay-twice.
    """
    try:
        request = read_request(subject, flags)
        if plan:
            return _look(request, run, form, as_json=as_json)
        made = _make(request, run, form, quiet=as_json)
    except ImagegenError as error:
        if not as_json or plan:
            raise
        made = Made(results=(), errors=(error,))
    code = report(made, as_json=as_json, all_notes=notes, first=partial(_tell_attempts, made))
    return UNKNOWN if any(in_doubt(attempt) for attempt in _attempts(made)) else code


def read_route(flags: RouteFlags) -> Route:
    """Build the route of a command line; one `InvalidInput` lists every fault."""
    from imagegen.router import Route

    faults: list[Fault] = []
    rules: dict[str, Any] = {}
    for text in flags.on_error:
        try:
            kind, what = split_pair(text)
            rules[kind] = what
        except InvalidInput as error:
            faults += [fault.below("on_error") for fault in error.faults]
    try:
        route = Route(
            flags.provider,
            prefer=flags.prefer,
            max_price=money.read_price(flags.max_price),
            allow_unpriced=flags.allow_unpriced,
            deadline=flags.deadline,
            min_fidelity=flags.min_fidelity,
            on_error=rules,
            may_pay_twice=flags.may_pay_twice,
        )
    except InvalidInput as error:
        faults = [*error.faults, *faults]
    if faults:
        hint = "" if flags.provider else "Name them with --provider NAME --provider NAME, best first."
        raise InvalidInput(faults, what="the route", hint=hint)
    return route


# --- made --------------------------------------------------------------------------------------------------------


def _make(request: Any, flags: RouteFlags, form: str | None, *, quiet: bool) -> Made:
    """Say who would be asked and for how much, ask before money is spent, and go the route."""
    route = read_route(flags)
    progress = Progress(quiet=quiet)
    with open_client(emulated=flags.emulated, output=flags.output, on_event=progress.hear) as client:
        found, queue = _queue(client, request, route, form)
        _consent(client, queue, route, flags)
        wishes = {"route": route, "idempotency_key": flags.idempotency_key, "form": form}
        with progress:
            worker = Worker(client, request, None, wishes).start()
            wait(client, [worker], progress)
        if worker.error is not None and not queue:
            worker.error.hint = _about_keys(client, found)
    return Made(
        results=() if worker.result is None else (worker.result,),
        errors=() if worker.error is None else (worker.error,),
    )


def _queue(client: Client, request: Any, route: Route, form: str | None) -> tuple[list[Candidate], list[Candidate]]:
    """Return all candidates, and those who are asked in their order.  Nothing is sent."""
    from imagegen.router import line_up, look

    found = client.shell.run(look(client.session, request, route, _wishes(form)))
    return found, line_up(client.session, request, found, route)


def _about_keys(client: Client, found: Sequence[Candidate]) -> str:
    """Return what to do where somebody is left out for want of a key."""
    if all(ready_at(client, one.order.provider) for one in found):
        return ""
    return "imagegen providers says which keys are missing; without any: --emulated."


def _wishes(form: str | None) -> Wishes:
    from imagegen.work import Wishes

    return Wishes(form=form)


def _consent(client: Client, queue: Sequence[Candidate], route: Route, flags: RouteFlags) -> None:
    spending = [
        one.order
        for one in queue
        if money.costs_something(one.order) and not free_of_charge(client, one.order.provider)
    ]
    if not spending or flags.yes or route.max_price is not None:  # who may cost more is left out by the route
        return
    most = at_most(spending, together=route.may_pay_twice)
    money.confirm(_table(queue), f"at most {most}", question(queue, spending, most))


def question(queue: Sequence[Candidate], spending: Sequence[Order], most: str) -> str:
    """Return what is asked before money is spent: for the first one, and for whoever may follow."""
    first = queue[0]
    if first.order is not spending[0]:  # free of charge
        return f"Spend at most {most} if {first.name} does not make it?"
    price = f"Spend {money.total_text(spending[:1])} at {first.name}"
    return f"{price}?" if len(spending) == 1 else f"{price}, at most {most} if others are asked?"


def at_most(orders: Sequence[Order], *, together: bool) -> str:
    """Return in words the most that can be paid: for the dearest of *orders*, or for all of them together."""
    from .render import money as text

    known: dict[str, list[Decimal]] = {}
    for order in orders:
        amount = money.ceiling(order)
        if amount is not None:
            known.setdefault(order.price.currency, []).append(amount)
    sums = [
        text(sum(amounts, Decimal(0)) if together else max(amounts), currency) for currency, amounts in known.items()
    ]
    unknown = [order.provider.name for order in orders if money.ceiling(order) is None]
    parts = [*sums, *([f"an unknown price at {', '.join(unknown)}"] if unknown else [])]
    return (" and " if together else " or ").join(parts)


# --- only looked at ----------------------------------------------------------------------------------------------


def _look(request: Any, flags: RouteFlags, form: str | None, *, as_json: bool) -> int:
    """Show the order and who is left out, without sending anything."""
    route = read_route(flags)
    with open_client(emulated=flags.emulated) as client:
        found, queue = _queue(client, request, route, form)
        hint = _about_keys(client, found)
    paid = [one.order for one in queue if money.costs_something(one.order)]
    if as_json:
        print_json({"prefer": route.prefer, "candidates": [*_as_dicts(queue, found)]})
        return OK if queue else NOTHING
    from .render import plain, show

    if queue:
        show(plain(f"Asked one after the other ({_ORDER[route.prefer]}), until one makes it:"), _table(queue))
    for one in queue:
        if one.open_circuit:
            show(plain(f"{one.name} failed several times in a row; it is asked last.", "yellow"))
    show(*(plain(f"{one.name} is left out: {one.excluded}", "red") for one in found if one.excluded))
    if hint:
        show(plain(hint, "dim"))
    if paid:
        show(plain(f"At most {at_most(paid, together=route.may_pay_twice)} would be paid. Nothing was sent.", "dim"))
    return OK if queue else NOTHING


_ORDER = {
    "order": "as named",
    "cheapest": "cheapest first",
    "fastest": "fastest first, as the ledger knows them",
    "closest": "most alike first",
}


def _table(queue: Sequence[Candidate]) -> Any:
    from .render import plain, price_text, table

    rows = table("", "provider", "price", "fidelity", "seconds", right=("fidelity", "seconds"), whole=("", "provider"))
    for place, one in enumerate(queue, 1):
        rows.add_row(
            f"{place}.",
            plain(one.name, "bold"),
            plain(price_text(one.order.price, one.order.provider.unit)),
            f"{one.fidelity:.2f}",
            "unknown" if one.seconds is None else f"{one.seconds:.1f}",
        )
    return rows


def _as_dicts(queue: Sequence[Candidate], found: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return who is asked in their order, then who is left out."""
    from .quote import price_dict

    left = [one for one in found if one.excluded]
    return [
        {
            "provider": one.name,
            "place": None if one.excluded else place,
            "left_out": one.excluded,
            "fidelity": round(one.fidelity, 4),
            "seconds": one.seconds,
            "circuit_open": one.open_circuit,
            "price": price_dict(one.order),
        }
        for place, one in enumerate([*queue, *left], 1)
    ]


# --- what came of it ---------------------------------------------------------------------------------------------


def _attempts(made: Made) -> tuple[Attempt, ...]:
    ends: tuple[Result | ImagegenError, ...] = (*made.results, *made.errors)
    return tuple(attempt for one in ends for attempt in one.attempts)


def in_doubt(attempt: Attempt) -> bool:
    """Return whether money may be gone there and the job may still end well: somebody has to look."""
    over = attempt.outcome in ("made", "job_failed", "job_canceled")
    return attempt.charged is None and bool(attempt.job_id) and not over


def _tell_attempts(made: Made) -> None:
    """Say who was asked, what came of it, and why another one was; beside a picture on stdout, else on stderr."""
    from .render import console, plain, show

    attempts = _attempts(made)
    if not any(attempt.outcome != "left out" for attempt in attempts):
        return  # the error itself says why each was left out
    if not made.results:
        told = (*attempts[:-1], evolve(attempts[-1], reason=""))  # the error itself says why the last one failed
        console(stderr=True).print(attempts_view(told))
        return
    show(attempts_view(attempts))
    maker = made.results[0].provider
    if any(attempt.outcome not in ("left out", "passed over", "made") for attempt in attempts):
        show(plain(f"The request was planned again for {maker}; the notes below are for {maker}."))
    show(plain(""))
    for attempt in filter(in_doubt, attempts):
        remark(
            f"{attempt.provider} may have taken job {attempt.job_id} too, and may charge for it. "
            f"See: imagegen jobs show {attempt.job_id}"
        )


def attempts_view(attempts: Sequence[Attempt]) -> RenderableType:
    """Return who was asked, one below the other; it reads at any width."""
    from rich.table import Table

    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    number = 0
    for attempt in attempts:
        asked = attempt.outcome not in ("left out", "passed over")
        number += asked
        made.add_row(f"{number}." if asked else "-", _attempt(attempt, asked=asked))
    return made


def _attempt(attempt: Attempt, *, asked: bool) -> Any:
    from .render import plain

    style = "green" if attempt.outcome == "made" else "yellow" if asked else "dim"
    text = plain(attempt.provider, "bold").append(
        f" {_OUTCOME.get(attempt.outcome, attempt.outcome)}", f"not bold {style}"
    )
    if asked and attempt.outcome != "made":
        text.append(f", {_CHARGED[attempt.charged]}", "not bold")
    if asked:
        text.append(f", {attempt.seconds:.1f} s", "not bold dim")
    if attempt.reason:
        text.append(f"\n{attempt.reason.removeprefix(f'{attempt.provider}: ')}", "not bold dim")
    return text


_OUTCOME = {"made": "made it", "left out": "was left out", "passed over": "was passed over"}
