"""
Spend consent: before money is spent the price is shown and asked for on a terminal; elsewhere `--yes` or `--max-price`
must have said so.  Never for the emulator.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from imagegen.errors import InvalidInput, Refused
from imagegen.money import amount_or_none
from imagegen.work import Order

from .render import money, plain, price_text, table

if TYPE_CHECKING:
    from rich.table import Table


def read_price(text: str | None) -> Decimal | None:
    """Read `--max-price`."""
    return amount_or_none(text, "--max-price")


def ask_to_spend(
    orders: Sequence[Order], *, yes: bool, max_price: Decimal | None, allow_unpriced: bool = False
) -> None:
    """Return when *orders* may be paid for; raise `InvalidInput` where nobody can be asked, `Refused` after a no."""
    paid = [order for order in orders if costs_something(order)]
    if not paid:
        return
    if max_price is not None:
        check_total(paid, max_price, allow_unpriced=allow_unpriced)
    elif not yes:
        _ask(paid)


def costs_something(order: Order) -> bool:
    """Return whether *order* spends money, as far as is known: an unknown price is not 0."""
    return order.price.amount != 0 and bool(order.plan.paid_calls)


def check_total(orders: Sequence[Order], most: Decimal, *, allow_unpriced: bool = False) -> None:
    """Refuse when all *orders* together may cost more than *most*, or when that cannot be known."""
    for order in orders:
        if ceiling(order) is None and not allow_unpriced:
            raise Refused(
                f"has no known price, and --max-price is {most}.",
                kind="price_exceeded",
                provider=order.provider.name,
                hint="Nothing was sent. Add --allow-unpriced if you accept any price there.",
            )
    total = sum((ceiling(order) or Decimal(0) for order in orders), Decimal(0))
    if total > most:
        raise Refused(
            f"this would cost up to {money(total)}, more than --max-price {most}.",
            kind="price_exceeded",
            hint="Nothing was sent.",
        )


def ceiling(order: Order) -> Decimal | None:
    """Return the most that it may cost; None = unknown."""
    return order.price.high if order.price.high is not None else order.price.amount


def _ask(orders: Sequence[Order]) -> None:
    total = total_text(orders)
    rows = table("provider", "price", "known since")
    for order in orders:
        rows.add_row(
            order.provider.name, plain(price_text(order.price, order.provider.unit)), order.price.checked_on or "-"
        )
    confirm(rows, total, f"Spend {total}?")


def confirm(shown: Table, total: str, question: str) -> None:
    """Show what is meant and ask; `InvalidInput` where nobody can be asked, `Refused` after a no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidInput(
            f"this costs money ({total}) and nobody can be asked here.",
            hint="Say --yes, or --max-price AMOUNT. Nothing was sent.",
        )
    from .render import console

    err = console(stderr=True)
    err.print(shown)
    err.print(plain(f"{question} [y/N] "), end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("not confirmed; nothing was sent.", kind="price_exceeded")


def total_text(orders: Sequence[Order]) -> str:
    """Return what all *orders* come to, in words; what is unknown is said, never counted as 0."""
    sums: dict[str, Decimal] = {}
    unknown = [order.provider.name for order in orders if order.price.amount is None]
    for order in orders:
        if order.price.amount is not None:
            sums[order.price.currency] = sums.get(order.price.currency, Decimal(0)) + order.price.amount
    parts = [money(amount, currency) for currency, amount in sums.items()]
    if unknown:
        parts.append(f"an unknown price at {', '.join(unknown)}")
    return " and ".join(parts)
