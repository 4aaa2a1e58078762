"""`imagegen quote`: what it would cost, from dated price books.  No network, no money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagegen.money import as_text

from .live import Live, ask_prices, live_text, not_asked
from .options import AskFlags, Json, RequestFlags, Subject, read_request
from .output import NOTHING, OK, complain_of, exit_code_of, print_json
from .render import plain, price_text, show, table
from .session import at_each, choose, draft_offline, open_client

if TYPE_CHECKING:
    from imagegen.work import Order


def command(
    subject: Subject,
    /,
    *,
    flags: RequestFlags = RequestFlags(),
    run: AskFlags = AskFlags(),
    live: Live = False,
    as_json: Json = False,
) -> int:
    """Say what a request would cost at each provider.  An unknown price is said, never shown as 0."""
    request = read_request(subject, flags)
    with open_client(emulated=run.emulated) as client:
        names = choose(client, run.provider)
        orders, errors = at_each(names, lambda name: draft_offline(client, request, name))
        asked, refused = ask_prices(client, orders) if live else ({}, [])
        silent = {order.provider.name: not_asked(client, order) for order in orders if live and not order.blocked}
    errors += refused
    if as_json:
        from imagegen.comparison import live_dict

        said = [live_dict(asked.get(order.provider.name), order.price) for order in orders]
        quotes = [{**price_dict(order), "live": live} for order, live in zip(orders, said, strict=True)]
        print_json({"quotes": quotes, "errors": [error.as_dict() for error in errors]})
    else:
        _show(orders)
        for order in orders:
            price = asked.get(order.provider.name)
            told = silent.get(order.provider.name) or (live_text(order, price) if price else "")
            if told:
                show(plain(f"{order.provider.name} {told}", "dim"))
        for error in errors:
            complain_of(error)
    possible = sum(1 for order in orders if not order.blocked)
    return exit_code_of(possible, errors) if errors else (OK if possible else NOTHING)


def price_dict(order: Order) -> dict[str, Any]:
    """Return a price as plain JSON; money as text, unknown as null."""
    price = order.price
    return {
        "provider": order.provider.name,
        "possible": not order.blocked,
        "amount": as_text(price.amount),
        "low": as_text(price.low),
        "high": as_text(price.high),
        "currency": price.currency,
        "credits": as_text(price.credits),
        "unit": order.provider.unit,
        "basis": price.basis,
        "checked_on": price.checked_on,
        "source": price.source,
        "reason": price.reason,
    }


def _show(orders: list[Order]) -> None:
    rows = table("provider", "price", "basis", "checked on", "source")
    for order in orders:
        price = order.price
        if order.blocked:
            rows.add_row(order.provider.name, plain("cannot do this", "red"), "", "", plain(order.blocked, "dim"))
            continue
        why = "; ".join(word for word in (price.source, price.reason) if word)
        text = plain(price_text(price, order.provider.unit), "bold")
        rows.add_row(order.provider.name, text, price.basis, price.checked_on, plain(why, "dim"))
    if orders:
        show(rows)
