"""Asks vendors for their own prices, where they have a free question for it (`quote --live`, `compare --live`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from attrs import evolve
from cyclopts import Parameter

from imagegen import pricebook
from imagegen.errors import ImagegenError
from imagegen.provider import PricesLive

from .options import WHERE
from .render import credits_text, money
from .session import ask_vendor, ready_at

if TYPE_CHECKING:
    from imagegen.client import Client
    from imagegen.provider import Quote
    from imagegen.work import Order

Live = Annotated[bool, Parameter(help="Ask the vendors for their own price, where they can be asked.", group=WHERE)]


def ask_prices(client: Client, orders: Sequence[Order]) -> tuple[dict[str, Quote], list[ImagegenError]]:
    """Return the vendors' own prices by provider; who has no such question, or no key, is not among them."""
    found: dict[str, Quote] = {}
    errors: list[ImagegenError] = []
    for order in orders:
        try:
            price = None if order.blocked else ask_price(client, order)
        except ImagegenError as error:
            error.provider = error.provider or order.provider.name
            errors.append(error)
        else:
            if price is not None:
                found[order.provider.name] = price
    return found, errors


def not_asked(client: Client, order: Order) -> str:
    """Return why a vendor was not asked for its price; empty = it was."""
    if not isinstance(order.provider, PricesLive):
        return "cannot be asked for a price"
    if not ready_at(client, order.provider):
        return "was not asked for its price: no key is set"
    return ""


def ask_price(client: Client, order: Order) -> Quote | None:
    """Return the vendor's own price of a plan, None where it cannot be asked."""
    if not isinstance(order.provider, PricesLive) or not_asked(client, order):
        return None
    figures: tuple[Decimal, ...] = ask_vendor(client, order, order.provider.live_price(order.plan))
    book, values = client.session.desk.book, client.session.values(order.provider)
    price = pricebook.from_vendor(book, order.provider, order.price, values, figures)
    return evolve(price, checked_on=time.strftime("%Y-%m-%d"))


def live_text(order: Order, live: Quote) -> str:
    """Return what the vendor itself said, beside what we said."""
    own = credits_text(live.credits, order.provider.unit)
    if live.amount == order.price.amount:
        return f"was asked: {own}, as quoted"
    said = f"{own}, {money(live.amount, live.currency)}"
    return f"was asked: {said}; we said {money(order.price.amount, order.price.currency)}"
