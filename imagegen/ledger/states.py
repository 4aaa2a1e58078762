"""The states of a paid call and of a job, and what may follow what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

CallState = Literal[
    "prepared", "submitting", "unknown", "submitted", "running", "succeeded", "failed", "canceled", "expired"
]
STATES: tuple[CallState, ...] = get_args(CallState)
FINAL: frozenset[str] = frozenset({"succeeded", "failed", "canceled", "expired"})

# What may follow what; never backward.  `unknown` is left when an answer is found or a person decides.
FOLLOWS: Mapping[str, frozenset[str]] = {
    "prepared": frozenset({"submitting", "failed", "canceled"}),
    "submitting": frozenset({"unknown", "submitted", "succeeded", "failed", "canceled"}),
    "unknown": frozenset({"submitted", "running", "succeeded", "failed", "canceled", "expired"}),
    "submitted": frozenset({"running", "succeeded", "failed", "canceled", "expired"}),
    "running": frozenset({"succeeded", "failed", "canceled", "expired"}),
    **{state: frozenset() for state in FINAL},
}


def job_state(states: Sequence[str]) -> CallState:
    """Derive a job's state from its calls: unknown beats all, then work that goes on, then the worst end."""
    for state in ("unknown", "submitting", "running", "submitted", "prepared"):
        if state in states:
            return state
    for state in ("failed", "canceled", "expired"):
        if state in states:
            return state  # type: ignore[return-value]
    return "succeeded" if states else "prepared"


class LeaseLost(RuntimeError):
    """Another process has taken the job over (fencing token); this one must stop writing about it."""
