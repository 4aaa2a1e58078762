"""`imagegen plan`: what would be sent, and what would come out differently.  No network, no money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from imagegen.errors import ImagegenError, InvalidInput
from imagegen.plans import told_together

from .options import OUTPUT, AskFlags, Form, Json, RequestFlags, Subject, read_request
from .output import NOTHING, OK, complain_of, exit_code_of, print_json
from .render import (
    exact_line,
    heading,
    indented,
    notes_list,
    plain,
    pretty_json,
    price_text,
    show,
)
from .session import at_each, choose, draft_offline, open_client

if TYPE_CHECKING:
    from rich.console import RenderableType

    from imagegen.flow import Call
    from imagegen.plans import Blocker
    from imagegen.work import Order


def command(
    subject: Subject,
    /,
    *,
    flags: RequestFlags = RequestFlags(),
    run: AskFlags = AskFlags(),
    form: Form = None,
    diff: Annotated[
        str | None,
        Parameter(help="Two providers side by side, field by field.", metavar="A,B", group=OUTPUT),
    ] = None,
    as_json: Json = False,
) -> int:
    """
    Show what would be sent to each provider, what would come out differently, and what cannot be done at all.

    Nothing is sent.  <...> is what is known only when the job runs, or a secret.
    """
    request = read_request(subject, flags)
    named = _pair(diff) if diff is not None else run.provider
    orders, errors = _drafts(request, named, emulated=run.emulated, form=form)
    if diff is not None and len(orders) == 2:
        return _show_diff(orders[0], orders[1], as_json=as_json)
    return _tell(orders, errors, as_json=as_json)


def show_plans(request: Any, run: AskFlags, *, form: str | None = None, as_json: bool) -> int:
    """Show what would be sent for *request*, of whatever class, and return the exit code."""
    return _tell(*_drafts(request, run.provider, emulated=run.emulated, form=form), as_json=as_json)


def _drafts(
    request: Any, named: tuple[str, ...], *, emulated: bool, form: str | None
) -> tuple[list[Order], list[ImagegenError]]:
    with open_client(emulated=emulated) as client:
        return at_each(choose(client, named), lambda name: draft_offline(client, request, name, form=form))


def _tell(orders: list[Order], errors: list[ImagegenError], *, as_json: bool) -> int:
    possible = sum(1 for order in orders if not order.blocked)
    if as_json:
        _print_json(orders, errors)
    else:
        for order in orders:
            show(*plan_view(order))
        for error in errors:
            complain_of(error)
    if errors:
        return exit_code_of(possible, errors)
    return OK if possible else NOTHING


def _pair(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if len(set(names)) != 2:
        raise InvalidInput(f"--diff wants two providers, A,B, not {text!r}")
    return names


def as_dict(order: Order) -> dict[str, Any]:
    """Return one plan with its price as plain JSON."""
    from .quote import price_dict

    return {**order.plan.as_dict(), "price": price_dict(order)}


def _print_json(orders: list[Order], errors: list[ImagegenError]) -> None:
    made: dict[str, Any] = {
        "plans": [as_dict(order) for order in orders],
        "errors": [error.as_dict() for error in errors],
    }
    if errors and not orders:
        made["error"] = errors[0].as_dict()
    print_json(made)


def plan_view(order: Order) -> list[RenderableType]:
    """Return one plan for reading."""
    plan, provider = order.plan, order.provider
    view: list[RenderableType] = [heading(provider.name, provider.title)]
    view += [indented(plain(f"cannot do this: {reason}", "bold red")) for reason in blockers(order)]
    for number, call in enumerate(plan.calls, 1):
        view += [indented(thing) for thing in _call_view(number, call)]
    if plan.notes:
        view += [indented(notes_list(plan.notes)), indented(exact_line(plan.notes))]
    if not plan.blockers:
        view.append(indented(plain(f"price: {price_text(order.price, provider.unit)}{_basis(order)}", "dim")))
    return [*view, plain("")]


def blockers(order: Order) -> tuple[str, ...]:
    """Return why it cannot be done, the first reason for each field."""
    found: dict[str, Blocker] = {}
    for blocker in order.plan.blockers:
        found.setdefault(blocker.field, blocker)
    return told_together(found.values())


def _call_view(number: int, call: Call) -> list[RenderableType]:
    line = plain(f"{number}. {call.purpose}: ", "bold").append(f"{call.method} {call.url}", "not bold cyan")
    if call.pays:
        line.append("  pays", "not bold yellow")
    line.overflow = "fold"
    things: list[RenderableType] = [line]
    if call.params:
        things.append(indented(plain("?" + "&".join(f"{name}={value}" for name, value in call.params.items()))))
    if call.json is not None:
        things.append(indented(plain(pretty_json(call.json))))
    return things


def _basis(order: Order) -> str:
    price = order.price
    basis = "" if price.basis == "unknown" else price.basis
    words = [basis, price.checked_on and f"checked {price.checked_on}", price.source, price.reason]
    return f" ({', '.join(word for word in words if word)})" if any(words) else ""


# --- two side by side --------------------------------------------------------------------------------------------


def _show_diff(one: Order, two: Order, *, as_json: bool) -> int:
    rows = diff_rows(one, two)
    names = (one.provider.name, two.provider.name)
    if as_json:
        print_json({"providers": names, "fields": rows, "plans": [as_dict(one), as_dict(two)]})
    else:
        show(_diff_table(names, rows))
        for order in (one, two):
            for reason in blockers(order):
                show(plain(f"{order.provider.name} cannot do this: {reason}", "bold red"))
    return OK if not (one.blocked and two.blocked) else NOTHING


def diff_rows(one: Order, two: Order) -> list[dict[str, Any]]:
    """Return field by field what becomes of it at each of two providers."""
    sides = [{note.field: note for note in order.plan.notes} for order in (one, two)]
    rows = []
    for path in dict.fromkeys([*sides[0], *sides[1]]):
        notes = [side.get(path) for side in sides]
        known = [note for note in notes if note is not None]
        cells = [None if note is None else note.as_dict() for note in notes]
        same = len(known) == 2 and known[0].status == known[1].status == "exact"
        asked = [note.as_dict()["requested"] for note in known]
        alike = all(one == asked[0] for one in asked)  # else nobody asked: each side has a default of its own (a model)
        rows.append({"field": path, "requested": asked[0] if alike else None, "same": same and alike, "sides": cells})
    return rows


def _diff_table(names: tuple[str, str], rows: list[dict[str, Any]]) -> RenderableType:
    from .render import STATUS_STYLE, short, table

    made = table("field", "asked for", *names)
    for row in rows:
        cells = []
        for side in row["sides"]:
            if side is None:
                cells.append(plain("-", "dim"))
                continue
            text = plain("", STATUS_STYLE[side["status"]])
            text.append(side["status"] if side["status"] == "dropped" else short(side["sent"], 40))
            if side["status"] not in ("exact", "dropped"):
                text.append(f"\n{side['status']}", "italic")
            if side["reason"]:
                text.append(f"\n{side['reason']}", "dim")
            cells.append(text)
        asked = "-" if row["requested"] is None else short(row["requested"], 40)
        made.add_row(plain(row["field"], "" if row["same"] else "bold"), plain(asked), *cells)
    return made
