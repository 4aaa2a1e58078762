"""
Fidelity: how close a plan comes to what was asked, as one number, and what it is that differs.

`score` is 1 when nothing differs and 0 when nothing is left, or the provider cannot do it at all.  It is the share
of the request's weight that survives: every leaf has a weight, and loses a part of it by what its note says.  The
weights stand in `data/fidelity.toml`.  They are a judgement, written down so that it can be argued with: good for
ordering vendors, not for measuring pictures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from attrs import frozen

from .plans import Note, Plan

__all__ = ["Difference", "differences", "score", "table"]

_NUMBERS = re.compile(r"\[\d+\]")
_MOST_MOVED = 0.5  # more than this is never lost by a number that was only moved


@frozen(kw_only=True)
class Difference:
    """One thing that will come out differently: its note, its weight, and how much of that is lost."""

    note: Note
    weight: float
    lost: float


def score(plan: Plan) -> float:
    """Return 0..1; 1 = nothing differs, 0 = blocked."""
    if not plan.possible:
        return 0.0
    asked = (note for note in plan.notes if note.requested is not None)  # not: a vendor's default that was said aloud
    total = sum(_weight(note.field) for note in asked)
    lost = sum(one.lost for one in differences(plan))
    return round(max(1.0 - lost / total, 0.0), 4) if total else 1.0


def differences(plan: Plan) -> tuple[Difference, ...]:
    """Return what differs, the heaviest first."""
    found = (_difference(note) for note in plan.notes if note.status != "exact")
    return tuple(sorted((one for one in found if one.lost), key=lambda one: -one.lost))


def _difference(note: Note) -> Difference:
    weight = _weight(note.field)
    return Difference(note=note, weight=weight, lost=weight * _share(note))


def _share(note: Note) -> float:
    shares = table()["share"]
    if note.status == "adjusted" and (moved := _moved(note.requested, note.sent)) is not None:
        return min(moved, _MOST_MOVED)
    status = "near" if note.status == "approximated" and note.code == "near" else note.status
    return float(shares[status])


def _moved(requested: Any, sent: Any) -> float | None:
    """How far a number was moved, relative to the larger of the two; None where they are not numbers."""
    try:
        want, got = float(requested), float(sent)
    except (TypeError, ValueError):
        return None
    largest = max(abs(want), abs(got))
    return abs(want - got) / largest if largest else 0.0


def _weight(path: str) -> float:
    weights = table()
    plain = _NUMBERS.sub("", path)
    return 0.0 if plain in weights["free"] else float(weights["weight"].get(plain, weights["other"]))


@cache
def table() -> Mapping[str, Any]:
    """Return the weights and shares, as they stand in `data/fidelity.toml`."""
    import tomllib
    from importlib.resources import files  # slow to import, and only needed here

    return tomllib.loads(files("imagegen").joinpath("data/fidelity.toml").read_text("utf-8"))
