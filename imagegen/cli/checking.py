"""
Checks a request without paying: the plan offline, then the vendor's own free check where it offers one.

`workflow check` and `template check` end here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from imagegen.errors import ImagegenError
from imagegen.money import as_text
from imagegen.provider import PricesLive

from .options import AskFlags
from .output import NOTHING, OK, complain_of, exit_code_of, print_json
from .plan import as_dict, blockers
from .render import credits_text, heading, indented, notes_list, plain, price_text, show
from .session import ask_vendor, at_each, choose, open_client, prepare, ready_at

if TYPE_CHECKING:
    from imagegen.client import Client
    from imagegen.work import Order


def check(request: Any, flags: AskFlags, *, offline: bool, as_json: bool) -> int:
    """Say whether *request* is right and what it would cost; nothing is paid."""
    with open_client(emulated=flags.emulated) as client:
        names = choose(client, flags.provider)
        orders, errors = at_each(names, lambda name: prepare(client, request, name))
        answers: dict[str, tuple[Decimal, ...] | None] = {}
        for order in orders:
            try:
                answers[order.provider.name] = None if offline or order.blocked else _vendor_says(client, order)
            except ImagegenError as error:
                error.provider = error.provider or order.provider.name
                errors.append(error)
    bad = {error.provider for error in errors}
    good = [order for order in orders if not order.blocked and order.provider.name not in bad]
    if as_json:
        made = [{**as_dict(order), "checked": _plain(answers.get(order.provider.name))} for order in orders]
        first = {"error": errors[0].as_dict()} if errors and not good else {}
        print_json({"checks": made, "errors": [error.as_dict() for error in errors], **first})
    else:
        for order in orders:
            if order.provider.name not in bad:
                _show(order, answers.get(order.provider.name))
        for failure in errors:
            complain_of(failure)
    return exit_code_of(len(good), errors) if errors else (OK if good else NOTHING)


def _vendor_says(client: Client, order: Order) -> tuple[Decimal, ...] | None:
    """Return the credits per paid call as the vendor counts them; None where it offers no check or there is no key."""
    if not isinstance(order.provider, PricesLive) or not ready_at(client, order.provider):
        return None
    found: tuple[Decimal, ...] = ask_vendor(client, order, order.provider.live_price(order.plan))
    return found


def _plain(credits: tuple[Decimal, ...] | None) -> dict[str, Any] | None:
    if credits is None:
        return None
    return {"credits": [as_text(value) for value in credits], "total": as_text(sum(credits, Decimal(0)))}


def _show(order: Order, credits: tuple[Decimal, ...] | None) -> None:
    show(heading(order.provider.name, order.provider.title))
    for blocker in blockers(order):
        show(indented(plain(str(blocker), "bold red")))
    if order.blocked:
        return
    show(indented(notes_list(order.plan.notes)))
    show(indented(plain(f"our price: {price_text(order.price, order.provider.unit)}", "dim")))
    if credits is None:
        show(indented(plain("not checked by the vendor (no key, no such check, or --offline)", "dim")))
    else:
        total = credits_text(sum(credits, Decimal(0)), order.provider.unit)
        show(indented(plain(f"the vendor checked it: it would cost {total}", "green")))
