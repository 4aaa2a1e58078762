"""
Patience: whether a failed exchange is tried again, and after how many seconds.  Pure but for the budget it
draws on.

Waits have full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that
callers who failed together do not come back together.  The budget is that of AWS's standard retry mode
(https://github.com/boto/botocore, botocore/retries/standard.py): when most retries fail there is soon nothing
left to pay for them with, and a vendor that is down is not asked four times as often as one that is well.
"""

from __future__ import annotations

import random
import threading

from attrs import frozen

from .errors import ImagegenError

# Asking again cannot help, whatever an error says of itself.
NEVER: frozenset[str] = frozenset(
    {
        "content_policy",
        "forbidden",
        "insufficient_credits",
        "invalid_input",
        "model_not_found",
        "not_configured",
        "unauthorized",
        "unsupported_parameter",
    }
)
_TIMEOUTS = frozenset({"provider_timeout", "outcome_unknown"})


@frozen(kw_only=True)
class RetryPolicy:
    """
    How patient to be.

    Attributes:
        attempts: exchanges at most, the first one counted.  base, cap: the n-th wait is drawn from 0 to `base
        * 2**(n-1)`, at most *cap* seconds.  max_retry_after: a vendor's own `Retry-After` is honoured up to
        here; beyond, somebody else may be quicker.
    """

    attempts: int = 4
    base: float = 0.5
    cap: float = 20.0
    max_retry_after: float = 60.0


class RetryBudget:
    """
    What all retries at one provider and account may cost together: each takes 5 tokens, 10 after a timeout.

    A success after a retry gives back what that retry took, any other success gives 1, never above
    *capacity*.
    """

    def __init__(self, capacity: int = 500) -> None:
        self.capacity = self.left = capacity
        self._lock = threading.Lock()

    def take(self, error: ImagegenError) -> bool:
        """Pay for a retry after *error*; False = there is not enough left."""
        with self._lock:
            enough = self.left >= _cost(error)
            if enough:
                self.left -= _cost(error)
            return enough

    def succeeded(self, after: ImagegenError | None = None) -> None:
        """Note an exchange that went well; *after* is the error that it was retried for."""
        with self._lock:
            self.left = min(self.capacity, self.left + (1 if after is None else _cost(after)))


def decide(
    error: ImagegenError,
    attempt: int,
    *,
    left: float | None,
    policy: RetryPolicy,
    budget: RetryBudget,
    dice: random.Random,
) -> float | None:
    """
    Return the seconds to wait before trying again, None = give up.

    *attempt* counts the exchanges so far; *left* are the seconds to the deadline.  A retry is paid for when
    it is granted.
    """
    if error.kind in NEVER or error.charged is True or not error.retry_same or attempt >= policy.attempts:
        return None
    wait = _wait(error, attempt, policy, dice)
    if wait is None or (left is not None and wait >= left):
        return None
    return wait if budget.take(error) else None


def _wait(error: ImagegenError, attempt: int, policy: RetryPolicy, dice: random.Random) -> float | None:
    if error.retry_after is None:
        return dice.uniform(0, min(policy.cap, policy.base * 2.0 ** (attempt - 1)))
    if error.retry_after > policy.max_retry_after:
        return None
    return max(error.retry_after, 0.0) + dice.uniform(0, policy.base)  # not before the vendor wants us back


def _cost(error: ImagegenError) -> int:
    return 10 if error.kind in _TIMEOUTS else 5
