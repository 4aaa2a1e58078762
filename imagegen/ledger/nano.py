"""Money between the worlds: `Decimal` outside, whole nano-units inside (SQLite sums integers exactly)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import overload

NANO = Decimal(10) ** 9
LARGEST = 2**53  # nine million units in one call: no price, but a slip


@overload
def to_nano(amount: None, *, up: bool = False) -> None: ...
@overload
def to_nano(amount: Decimal, *, up: bool = False) -> int: ...
def to_nano(amount: Decimal | None, *, up: bool = False) -> int | None:
    """Return *amount* in nano-units; *up* rounds a finer amount up, as a ceiling must."""
    if amount is None:
        return None
    if not amount.is_finite() or not 0 <= amount * NANO <= LARGEST:
        raise ValueError(f"{amount} is not an amount of money")
    return int((amount * NANO).to_integral_value(ROUND_CEILING if up else ROUND_HALF_EVEN))


@overload
def to_decimal(nano: None) -> None: ...
@overload
def to_decimal(nano: int) -> Decimal: ...
def to_decimal(nano: int | None) -> Decimal | None:
    """Return nano-units as an amount without superfluous zeros."""
    if nano is None:
        return None
    amount = (nano / NANO).normalize()
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount
