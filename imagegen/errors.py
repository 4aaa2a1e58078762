"""
Everything that can go wrong, in one tree.

    * ImagegenError
      x InvalidInput             bad request, bad reference, bad file: before any network or money
      x NotConfigured            a key, a provider or an extra is missing
      x Refused                  a plan has blockers; nothing was sent
      x LedgerError              the ledger said no: same idempotency key with another request, or budget exceeded
      + ProviderError            a vendor was contacted, or could not be
        + VendorRefused          the vendor said no before it made anything
        + JobFailed              the vendor took the job and then gave up on it
        + Unreachable            nothing can have been sent, or the vendor was not there
        + OutcomeUnknown         a call that pays may have reached the vendor; nobody knows
        + ResultError            the picture was made, and is broken, gone, or could not be kept

(`x` is a leaf, `+` has subclasses or is raised with several kinds.)  Whoever decides what to do next reads `kind`,
`charged`, `retry_same` and `try_next`; nobody ever matches messages or HTTP codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, get_args

from attrs import frozen

Kind = Literal[
    "invalid_input",
    "not_configured",
    "unsupported_parameter",
    "unauthorized",
    "forbidden",
    "model_not_found",
    "content_policy",
    "insufficient_credits",
    "price_exceeded",
    "budget_exceeded",
    "idempotency_conflict",
    "rate_limited",
    "provider_error",
    "job_failed",
    "job_canceled",
    "service_unavailable",
    "provider_timeout",
    "deadline_exceeded",
    "result_invalid",
    "result_expired",
    "storage_failed",
    "outcome_unknown",
]
_WORD = re.compile(r"\w+")
KINDS: frozenset[str] = frozenset(get_args(Kind))


@frozen
class Fault:
    """One thing that is wrong with an input: where (`loras[0].weight`) and why."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    def below(self, prefix: str) -> Fault:
        """Return the same fault seen from one level further out."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        return Fault(f"{prefix}{joint}{self.path}", self.message)


class ImagegenError(Exception):
    """
    The root.

    Attributes:
        kind: one word of a closed set (`KINDS`).
        provider: whom it happened at, if anyone was asked.
        job_id: the job of ours that it belongs to.
        vendor_job_id: the vendor's own id, to ask its support about.
        charged: whether money may be gone: `True`, `False`, or `None` = nobody knows.
        retry_same: sending the very same request again to the same vendor may help and cannot pay twice.
        try_next: another vendor may be asked.
        vendor_message: the vendor's own words, with every secret taken out.
        hint: what a person can do next.
        attempts: what a route tried (`imagegen.result.Attempt`), empty without one.
    """

    kind: Kind = "provider_error"
    charged: bool | None = False
    retry_same: bool = False
    try_next: bool = False

    def __init__(
        self,
        message: str,
        *,
        kind: Kind | None = None,
        provider: str | None = None,
        job_id: str | None = None,
        vendor_job_id: str | None = None,
        vendor_message: str = "",
        hint: str = "",
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.job_id = job_id
        self.vendor_job_id = vendor_job_id
        self.vendor_message = vendor_message
        self.hint = hint
        self.retry_after = retry_after
        self.status = status
        self.attempts: tuple[Any, ...] = ()
        if kind is not None:
            self.kind = kind

    def __str__(self) -> str:
        parts = [f"{self.provider}: {self.message}" if self.provider else self.message]
        if set(_WORD.findall(self.vendor_message)) - set(_WORD.findall(self.message)):  # it adds something
            parts.append(f"The vendor said: {self.vendor_message}")
        if self.job_id:
            parts.append(f"Job {self.job_id}.")
        if self.hint:
            parts.append(self.hint)
        return " ".join((*map(_sentence, parts[:-1]), parts[-1]))

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "kind": self.kind,
            "provider": self.provider,
            "job_id": self.job_id or None,
            "message": self.message,
            "vendor_message": self.vendor_message,
            "charged": self.charged,
            "retry_same": self.retry_same,
            "try_next": self.try_next,
            "hint": self.hint,
            "attempts": [attempt.as_dict() for attempt in self.attempts],
        }


def _sentence(text: str) -> str:
    """Return *text* so that another sentence can follow it."""
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


class InvalidInput(ImagegenError, ValueError):
    """A request, file or option is wrong.  `faults` lists every fault with its path."""

    kind: Kind = "invalid_input"

    def __init__(self, faults: Iterable[Fault] | str, *, what: str = "the request", **words: Any) -> None:
        self.faults = (Fault("", faults),) if isinstance(faults, str) else tuple(faults)
        if len(self.faults) == 1:
            text = str(self.faults[0])
        else:
            text = f"{len(self.faults)} faults in {what}:" + "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(text, **words)

    def as_dict(self) -> dict[str, Any]:
        faults = [{"path": fault.path, "message": fault.message} for fault in self.faults]
        return {**super().as_dict(), "faults": faults}


class NotConfigured(ImagegenError):
    """A key, a provider or an optional dependency is missing; the message says how to set it."""

    kind: Kind = "not_configured"
    try_next = True


class Refused(ImagegenError):
    """A plan has blockers, or the price is above the limit: nothing was sent."""

    kind: Kind = "unsupported_parameter"
    try_next = True


class LedgerError(ImagegenError):
    """The ledger said no before anything was sent (kind says why)."""

    kind: Kind = "idempotency_conflict"


class ProviderError(ImagegenError):
    """A vendor was contacted, or could not be.  `charged` is None unless the class or the caller knows better."""

    charged: bool | None = None

    def __init__(self, message: str, *, charged: bool | Literal["class"] | None = "class", **words: Any) -> None:
        super().__init__(message, **words)
        if charged != "class":
            self.charged = charged


# What a refusal of each kind permits: (the same request again may help, another vendor may be asked).
_AFTER_REFUSAL: dict[Kind, tuple[bool, bool]] = {
    "rate_limited": (True, True),
    "service_unavailable": (True, True),
    "insufficient_credits": (False, True),
    "unauthorized": (False, True),
    "forbidden": (False, True),
    "model_not_found": (False, True),
    "unsupported_parameter": (False, True),
    "content_policy": (False, False),
    "invalid_input": (False, False),
}


class VendorRefused(ProviderError):
    """The vendor said no before it made anything: nothing was paid."""

    charged: bool | None = False

    def __init__(self, message: str, *, kind: Kind = "provider_error", **words: Any) -> None:
        super().__init__(message, kind=kind, **words)
        self.retry_same, self.try_next = _AFTER_REFUSAL.get(kind, (False, True))


class JobFailed(ProviderError):
    """The vendor took the job and then gave up.  `charged` says what the vendor documents for that."""

    kind: Kind = "job_failed"
    try_next = True


class Unreachable(ProviderError):
    """Nothing was sent (no connection), or only free questions went unanswered."""

    kind: Kind = "service_unavailable"
    charged = False
    retry_same = True
    try_next = True


class OutcomeUnknown(ProviderError):
    """A call that pays may have arrived.  Never resent without the vendor's own key, never routed elsewhere."""

    kind: Kind = "outcome_unknown"
    charged = None


class ResultError(ProviderError):
    """The picture was made and paid, and is broken, expired, too large, or could not be written down."""

    kind: Kind = "result_invalid"
    charged = True
