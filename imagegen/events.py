"""What can be heard while a job runs."""

from __future__ import annotations

from typing import Any, Literal

import attrs
from attrs import frozen

EventKind = Literal[
    "planned",
    "submitting",
    "accepted",
    "state",
    "waiting",
    "retrying",
    "downloaded",
    "done",
    "failed",
    "moved",
]


@frozen(kw_only=True)
class Event:
    """
    One piece of news about a job.

    Attributes:
        state: the vendor's own word where there is one (`WAITING`, `processing`).
        progress: 0..1; queue: place in the vendor's queue; eta: seconds, as the vendor guesses.
        seconds: how long we wait (`waiting`, `retrying`).
        message: for a person.
    """

    kind: EventKind
    provider: str
    job_id: str
    state: str = ""
    progress: float | None = None
    queue: int | None = None
    eta: float | None = None
    seconds: float | None = None
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON without what is not known."""
        return {name: value for name, value in attrs.asdict(self).items() if value not in (None, "")}
