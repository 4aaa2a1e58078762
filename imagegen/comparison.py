"""
One request at several providers, side by side: who can, how alike, for how much, how fast, and who is best at what.

Pure: takes the router's candidates, gives lines for a table, for JSON and for the report.  An unknown price is None; it
never comes first and is never marked as the cheapest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from attrs import evolve, frozen

from .money import as_text
from .plans import Note
from .provider import Quote
from .router import Candidate, rank

T = TypeVar("T", Decimal, float)
THOUSAND = 1000


@frozen(kw_only=True)
class Line:
    """
    One provider in a comparison.

    Attributes:
        candidate: what the router knows; its price is the vendor's own where it was asked.
        offline: the price from the book, before the vendor was asked.
        live: what the vendor said, None = it was not asked or cannot be.
        marks: `cheapest`, `fastest`, `closest`.
    """

    candidate: Candidate
    offline: Quote
    live: Quote | None = None
    marks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.candidate.name

    @property
    def price(self) -> Quote:
        """The price in force."""
        return self.candidate.order.price

    @property
    def possible(self) -> bool:
        """Whether the provider can do it at all."""
        return not self.candidate.order.blocked

    @property
    def differing(self) -> tuple[Note, ...]:
        """What comes out differently."""
        return tuple(note for note in self.candidate.order.plan.notes if note.status != "exact")

    @property
    def per_thousand(self) -> Decimal | None:
        """Money for a thousand pictures; None = unknown."""
        pictures = getattr(self.candidate.order.request, "n", 1)
        return None if self.price.amount is None else self.price.amount * THOUSAND / pictures

    @property
    def gap(self) -> Decimal | None:
        """How much more (or less) the vendor says than the book."""
        return gap(self.live, self.offline)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON; money as text, what is unknown as null."""
        price = self.price
        return {
            "provider": self.name,
            "title": self.candidate.order.provider.title,
            "possible": self.possible,
            "blocked": self.candidate.order.blocked,
            "fidelity": self.candidate.fidelity,
            "notes": len(self.differing),
            "credits": as_text(price.credits),
            "unit": self.candidate.order.provider.unit,
            "amount": as_text(price.amount),
            "low": as_text(price.low),
            "high": as_text(price.high),
            "currency": price.currency,
            "per_thousand": as_text(self.per_thousand),
            "basis": price.basis,
            "checked_on": price.checked_on,
            "source": price.source,
            "reason": price.reason,
            "seconds": self.candidate.seconds,
            "circuit_open": self.candidate.open_circuit,
            "marks": list(self.marks),
            "live": live_dict(self.live, self.offline),
        }


def gap(live: Quote | None, offline: Quote) -> Decimal | None:
    """Return how much more (or less) the vendor says than the book; None = unknown."""
    if live is None or live.amount is None or offline.amount is None:
        return None
    return live.amount - offline.amount


def live_dict(live: Quote | None, offline: Quote) -> dict[str, Any] | None:
    """Return the vendor's own price as plain JSON, beside the book's; None where it was not or cannot be asked."""
    if live is None:
        return None
    difference = as_text(gap(live, offline))
    return {"credits": as_text(live.credits), "amount": as_text(live.amount), "difference": difference}


def lines(candidates: Sequence[Candidate], live: Mapping[str, Quote] | None = None) -> tuple[Line, ...]:
    """Return the lines of a comparison: the cheapest first, then unknown prices, then who cannot do it."""
    asked = live or {}
    made = [_line(candidate, asked.get(candidate.name)) for candidate in candidates]
    able = {line.name: line for line in made if line.possible}
    order = rank([evolve(line.candidate, excluded="") for line in able.values()], "cheapest")
    marks = _marks(tuple(able.values()))
    first = [evolve(able[c.name], marks=marks.get(c.name, ())) for c in order]
    return (*first, *(line for line in made if not line.possible))


def _line(candidate: Candidate, live: Quote | None) -> Line:
    offline = candidate.order.price
    if live is not None and live.amount is not None:
        candidate = evolve(candidate, order=evolve(candidate.order, price=live))
    return Line(candidate=candidate, offline=offline, live=live)


def _marks(able: Sequence[Line]) -> dict[str, tuple[str, ...]]:
    """Say who is best at what; among one alone nobody is, and equals share a mark."""
    best = {
        "cheapest": _best(able, lambda line: line.price.amount),
        "fastest": _best(able, lambda line: line.candidate.seconds),
        "closest": _best(able, lambda line: -line.candidate.fidelity),
    }
    return {line.name: tuple(mark for mark, names in best.items() if line.name in names) for line in able}


def _best(able: Sequence[Line], figure: Callable[[Line], T | None]) -> set[str]:
    known = [(value, line.name) for line in able if (value := figure(line)) is not None]
    if len(able) < 2 or not known:
        return set()
    least = min(value for value, _ in known)
    return {name for value, name in known if value == least}
