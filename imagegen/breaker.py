"""
Circuit breakers: a provider that is down is left alone for a while, then asked by one caller only.

The transitions are pure (`ask`, `report`); `Breakers` keeps one circuit per provider and account beside the
limiter, for all processes of a machine.  A breaker only tells; whether the last provider that could serve is
asked nevertheless, is the router's to say.

    closed --(threshold failures in a row)--> open --(cool-down)--> half_open, one probe --(well)--> closed
                                               ^--------------(failed: cool-down grows)-----'
"""

from __future__ import annotations

from os import PathLike
from sqlite3 import Connection
from typing import Literal

from attrs import evolve, frozen

from .errors import ImagegenError, JobFailed, ResultError, VendorRefused
from .limiter import limits_file
from .sqlitefile import SqliteFile

DOWN: frozenset[str] = frozenset({"service_unavailable", "provider_timeout", "provider_error", "outcome_unknown"})


@frozen(kw_only=True)
class BreakerPolicy:
    """
    When to leave a provider alone, and for how long.

    Attributes:
        threshold: failures in a row that open the circuit.
        cooldown, growth, longest: seconds of the first pause, its factor after every failed probe, its bound.
        probe: seconds that a probe may take before another caller is let through (the first may have died).
    """

    threshold: int = 5
    cooldown: float = 10.0
    growth: float = 2.0
    longest: float = 300.0
    probe: float = 60.0


@frozen(kw_only=True)
class Circuit:
    """What is known of one provider: *since* is when it was opened, or the probe sent."""

    state: Literal["closed", "open", "half_open"] = "closed"
    failures: int = 0
    cooldown: float = 0.0
    since: float = 0.0


CLOSED = Circuit()


def is_down(error: ImagegenError | None) -> bool | None:
    """
    Say whether an outcome speaks against the provider; None = it says nothing, because nobody was asked.

    A refusal speaks for it: somebody was there to refuse.
    """
    if error is not None and error.kind in DOWN:
        return True
    return False if error is None or isinstance(error, (VendorRefused, JobFailed, ResultError)) else None


def would_ask(circuit: Circuit, now: float, policy: BreakerPolicy) -> bool:
    """Say whether a caller would be let through at *now*."""
    if circuit.state == "closed":
        return True
    pause = circuit.cooldown if circuit.state == "open" else policy.probe
    return not 0 <= now - circuit.since < pause  # a clock that was set back ends the pause


def ask(circuit: Circuit, now: float, policy: BreakerPolicy) -> tuple[Circuit, bool]:
    """Let a caller through or not: after the cool-down the first is the probe, and the others wait for its report."""
    if not would_ask(circuit, now, policy):
        return circuit, False
    if circuit.state == "closed":
        return circuit, True
    return evolve(circuit, state="half_open", since=now), True


def report(circuit: Circuit, now: float, policy: BreakerPolicy, *, down: bool) -> Circuit:
    """Return the circuit after an outcome.  One that comes in while it is open is old news and changes nothing."""
    if circuit.state == "open":
        return circuit
    if not down:
        return CLOSED
    failures = circuit.failures + 1
    if circuit.state == "half_open":
        pause = min(circuit.cooldown * policy.growth, policy.longest)
    elif failures < policy.threshold:
        return evolve(circuit, failures=failures)
    else:
        pause = policy.cooldown
    return Circuit(state="open", failures=failures, cooldown=pause, since=now)


class Breakers:
    """The circuits of a machine, by scope (`provider:account`).  Give it a path, or a `limits_file` to share."""

    def __init__(self, path: str | PathLike[str] | SqliteFile, policy: BreakerPolicy | None = None) -> None:
        self._file = path if isinstance(path, SqliteFile) else limits_file(path)
        self._policy = policy or BreakerPolicy()

    def circuit(self, scope: str) -> Circuit:
        """Return what is known."""
        with self._file.read() as db:
            return _read(db, scope)

    def would_ask(self, scope: str, now: float) -> bool:
        """Say whether `ask` would let a caller through, without being it (for ranking)."""
        return would_ask(self.circuit(scope), now, self._policy)

    def ask(self, scope: str, now: float) -> bool:
        """Let a caller through or not; who is let through must `report`."""
        with self._file.change() as db:
            before = _read(db, scope)
            after, allowed = ask(before, now, self._policy)
            _write(db, scope, before, after)
            return allowed

    def report(self, scope: str, now: float, error: ImagegenError | None) -> None:
        """Tell how it went; None = well."""
        down = is_down(error)
        if down is None or (not down and self.circuit(scope) == CLOSED):
            return  # the usual case costs no transaction
        with self._file.change() as db:
            before = _read(db, scope)
            _write(db, scope, before, report(before, now, self._policy, down=down))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _read(db: Connection, scope: str) -> Circuit:
    row = db.execute("SELECT * FROM circuit WHERE scope = ?", (scope,)).fetchone()
    if row is None:
        return CLOSED
    return Circuit(state=row["state"], failures=row["failures"], cooldown=row["cooldown"], since=row["since"])


def _write(db: Connection, scope: str, before: Circuit, after: Circuit) -> None:
    if after != before:
        values = (scope, after.state, after.failures, after.cooldown, after.since)
        db.execute("INSERT OR REPLACE INTO circuit VALUES (?, ?, ?, ?, ?)", values)
