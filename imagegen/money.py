"""
Amounts of money: read in one way, written in two (for programs as plain decimals, for people in a currency).

An amount is a `Decimal` of 0 or more; what is unknown is None and never 0.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .errors import Fault, InvalidInput

__all__ = ["amount_or_none", "as_text", "for_people", "read_amount"]

_MOST = 10**9  # more is a slip of the keyboard, and more than the ledger can count
_PLACES = 6  # what people see of an amount; a tinier one shows all of its digits


def read_amount(value: Any, path: str = "") -> Decimal:
    """
    Read `"0.002"`, `"$5"`, a number, or a quotient that no decimal fraction can say (`"300/105000"`).

    Raises `InvalidInput` under *path* for all that is no amount: words, `nan`, `inf`, less than 0.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise InvalidInput([Fault(path, f'must be an amount such as "0.05", not {value!r}')])
    above, _, below = str(value).strip().removeprefix("$").partition("/")
    try:
        amount = Decimal(above) / Decimal(below) if below else Decimal(above)
    except ArithmeticError:
        raise InvalidInput([Fault(path, f'must be an amount such as "0.05", not {value!r}')]) from None
    if not amount.is_finite() or not 0 <= amount <= _MOST:
        raise InvalidInput([Fault(path, f"must be an amount from 0 to {_MOST}, not {value!r}")])
    return amount


def amount_or_none(value: Any, path: str = "") -> Decimal | None:
    """Read an amount that may be left out."""
    return None if value is None else read_amount(value, path)


def as_text(value: Decimal | None) -> str | None:
    """Return an amount for programs: all digits and no exponent (`0.0000001`, `100`); None stays None."""
    return None if value is None else f"{value:f}"


def for_people(amount: Decimal | None, currency: str = "USD") -> str:
    """Return `$0.0034`, six places at most; None is `unknown`, never 0."""
    if amount is None:
        return "unknown"
    whole, _, cents = f"{abs(amount):.{_PLACES}f}".rstrip("0").partition(".")
    text = f"{whole}.{cents:0<2}"
    if amount and not Decimal(text):
        text = f"{abs(amount).normalize():f}"
    sign = "-" if amount < 0 else ""
    return f"{sign}${text}" if currency == "USD" else f"{sign}{text} {currency}"
