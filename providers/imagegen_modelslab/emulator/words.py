"""
Reads the service's loose bodies: `512` and `"512"`, `yes`, `true` and `True` are one; comma lists may end in a comma.

A `Reader` collects the faults of a body, so that all of them are refused at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from . import refusals

_UNSET = ("", "no", "none", "null")  # a sample of the LoRA page sends `"embeddings_model": "no"`
_FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "none": False}


@frozen
class Reader:
    """Reads fields of *body*; what cannot be read is remembered, and the default is taken."""

    body: Mapping[str, Any]
    faults: dict[str, list[str]] = field(factory=dict)

    def fault(self, name: str, text: str) -> None:
        """Remember a fault (a predicate: `must be a number`)."""
        self.faults.setdefault(name, []).append(text)

    def check(self) -> None:
        """Refuse the body if something is wrong with it."""
        if self.faults:
            raise refusals.invalid(self.faults)

    def require(self, *names: str) -> None:
        """Say which of these fields are missing or empty."""
        for name in names:
            if self.body.get(name) in (None, "", [], {}):
                self.fault(name, "field is required")

    def text(self, name: str, default: str = "") -> str:
        """Return a text; numbers are taken as text."""
        value = self.body.get(name)
        if value is None:
            return default
        if isinstance(value, (dict, list, bool)):
            self.fault(name, "must be a string")
            return default
        return str(value)

    def name(self, name: str) -> str:
        """Return an id; `no` and `none` mean that there is none."""
        value = self.text(name).strip()
        return "" if value.lower() in _UNSET else value

    def names(self, name: str) -> tuple[str, ...]:
        """Return a comma list of ids, empty parts left out."""
        return tuple(part.strip() for part in self.name(name).split(",") if part.strip())

    def flag(self, name: str, default: bool) -> bool:
        """Return a yes or no."""
        value = self.body.get(name)
        if value is None or value == "":
            return default
        found = _FLAGS.get(str(value).strip().lower())
        if found is None:
            self.fault(name, "must be yes or no")
        return default if found is None else found

    def number(self, name: str, default: float, low: float | None = None, high: float | None = None) -> float:
        """Return a number within bounds."""
        value = self.body.get(name)
        if value is None or value == "":
            return default
        found = _number(value)
        if found is None:
            self.fault(name, "must be a number")
            return default
        return found if self.bounded(name, found, low, high) else default

    def integer(self, name: str, default: int, low: int | None = None, high: int | None = None) -> int:
        """Return a whole number within bounds."""
        value = self.body.get(name)
        if value is None or value == "":
            return default
        try:
            found = int(value.strip()) if isinstance(value, str) else value
        except ValueError:
            found = None
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        if not isinstance(found, int) or isinstance(found, bool):
            self.fault(name, "must be an integer")
            return default
        return found if self.bounded(name, found, low, high) else default

    def strengths(self, name: str) -> tuple[float, ...]:
        """Return a comma list of numbers from 0.1 to 1; a single number is a list of one."""
        value = self.body.get(name)
        parts = [part.strip() for part in str("" if value is None else value).split(",")]
        found = [_number(part) for part in parts if part]
        for number in found:
            if number is None:
                self.fault(name, "must be numbers apart by commas")
            elif not 0.1 <= number <= 1:
                self.fault(name, "must be between 0.1 and 1")
        return tuple(number for number in found if number is not None)

    def choice(self, name: str, default: str, options: frozenset[str]) -> str:
        """Return one of *options*."""
        value = self.text(name)
        if value and value not in options:
            self.fault(name, "is invalid")
        return value if value in options else default

    def bounded(self, name: str, value: float, low: float | None, high: float | None) -> bool:
        """Whether *value* is within bounds; says so if not."""
        if high is not None and value > high:
            self.fault(name, f"must not be greater than {high:g}")
            return False
        if low is not None and value < low:
            self.fault(name, f"must be at least {low:g}")
            return False
        return True


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
