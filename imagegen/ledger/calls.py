"""
The life of one paid call: intent, acceptance, outcome, and the money that goes with each.

Every function runs inside one transaction of the store, checks the fencing token first, and moves a call only
along `FOLLOWS`.  A step that was already made is no step, so that a resumed job may repeat what its
predecessor wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from sqlite3 import Connection, Row
from typing import Any

from attrs import frozen

from imagegen.errors import InvalidInput, LedgerError

from . import FINAL, FOLLOWS, CallState, File, LeaseLost, budgets, job_state, leases
from .budgets import Account
from .nano import to_nano
from .rows import clean, dump

_ACCEPTED = frozenset({"submitted", "running", *FINAL})


@frozen
class Held:
    """A job that the caller holds, inside a transaction at the time *now*."""

    db: Connection
    now: float
    row: Row

    @classmethod
    def by(cls, db: Connection, now: float, job_id: str, token: int) -> Held:
        """Look the job up and check the token."""
        held = cls.free(db, now, job_id)
        if held.row["token"] != token:
            raise LeaseLost(job_id)
        return held

    @classmethod
    def free(cls, db: Connection, now: float, job_id: str) -> Held:
        """Look the job up."""
        row = db.execute(
            "SELECT j.*, s.emulated FROM job j JOIN scope s ON s.id = j.scope WHERE j.id = ?", (job_id,)
        ).fetchone()
        if row is None:
            raise InvalidInput(f"there is no job {job_id}")
        return cls(db, now, row)

    @cached_property
    def account(self) -> Account:
        """Where the money is counted."""
        labels = self.db.execute("SELECT name, value FROM label WHERE job = ?", (self.row["n"],))
        return Account(
            job_id=self.row["id"],
            run=self.row["run"],
            labels=[f"{label['name']}={label['value']}" for label in labels],
            currency=self.row["currency"],
            emulated=bool(self.row["emulated"]),
        )

    def call(self, index: int) -> Row:
        """Return one paid call."""
        row = self.db.execute("SELECT * FROM call WHERE job = ? AND idx = ?", (self.row["n"], index)).fetchone()
        if row is None:
            raise InvalidInput(f"job {self.row['id']} has no paid call {index}")
        found: Row = row
        return found

    def write(self, call: Row, state: CallState, changes: Mapping[str, Any]) -> None:
        """Change a call and derive the job's state again; the lease is renewed on the way."""
        values = {"state": state, **changes}
        columns = ", ".join(f"{name} = ?" for name in values)
        self.db.execute(
            f"UPDATE call SET {columns} WHERE job = ? AND idx = ?",
            (*values.values(), call["job"], call["idx"]),
        )
        states = [row[0] for row in self.db.execute("SELECT state FROM call WHERE job = ?", (call["job"],))]
        self.db.execute(
            "UPDATE job SET state = ?, updated_at = ?, lease = ? WHERE n = ?",
            (job_state(states), self.now, self.now + leases.LEASE_SECONDS, call["job"]),
        )


def _step(call: Row, state: CallState) -> None:
    if state not in FOLLOWS[call["state"]]:
        raise ValueError(f"a paid call that is {call['state']} cannot become {state}")


def _report(error: Mapping[str, Any] | None) -> str | None:
    return dump(error) if error else None


def _begun(held: Held, call: Row) -> dict[str, Any]:
    """Return what one more attempt changes in the call."""
    attempt = {"n": call["attempts"] + 1, "sent_at": held.now}
    return {
        "attempts": attempt["n"],
        "doubts": call["doubts"] + 1,
        "sent_at": held.now,
        "history": dump([*json.loads(call["history"]), attempt]),
    }


def _ended(held: Held, call: Row, outcome: str, error: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the call's history with what became of the last attempt, unless that was known already."""
    history = json.loads(call["history"])
    if history and history[-1].get("outcome") in (None, "unknown"):
        history[-1] |= {"ended_at": held.now, "outcome": outcome, "error": error}
    return {"history": dump(history)}


def intend(held: Held, index: int, *, ceiling: Decimal | None, key: str | None, allow_unpriced: bool) -> int:
    """Write down that the call is about to be sent, and reserve its ceiling; return the attempt's number."""
    call = held.call(index)
    if call["state"] in ("submitting", "unknown"):
        if key is None or key != call["key"]:
            raise ValueError("a call that may have arrived is sent again only with the vendor's own key")
        held.write(call, call["state"], _begun(held, call))
    else:
        _step(call, "submitting")
        nano = to_nano(ceiling, up=True)
        budgets.check(held.db, held.account, held.now, nano, allow_unpriced=allow_unpriced)
        budgets.count(held.db, held.account, held.now, reserved=nano or 0)
        booking = {"key": key, "reserved": nano, "booked_at": held.now}
        held.write(call, "submitting", {**_begun(held, call), **booking})
    return int(call["attempts"]) + 1


def withdraw(held: Held, index: int, error: Mapping[str, Any] | None) -> None:
    """Take back an attempt of which it is proven that nothing was made; earlier ones may remain in doubt."""
    call = held.call(index)
    if call["state"] not in ("submitting", "unknown"):
        raise ValueError(f"a paid call that is {call['state']} has no intent to withdraw")
    ended = {"doubts": call["doubts"] - 1, "error": _report(error), **_ended(held, call, "withdrawn", error)}
    if ended["doubts"]:
        held.write(call, call["state"], ended)
        return
    budgets.count(held.db, held.account, call["booked_at"], reserved=-(call["reserved"] or 0))
    held.write(call, "prepared", {**ended, "reserved": None, "booked_at": None})


def accept(held: Held, index: int, vendor_job_id: str | None, answer: Any) -> None:
    """Write down the vendor's id and its accepting answer."""
    call = held.call(index)
    vendor_job_id = None if vendor_job_id is None else clean(vendor_job_id)
    if call["state"] in _ACCEPTED and call["vendor_job_id"] == vendor_job_id:
        return
    _step(call, "submitted")
    found = {"vendor_job_id": vendor_job_id, "answer": dump(answer), "accepted_at": held.now, "error": None}
    held.write(call, "submitted", {**found, **_ended(held, call, "accepted")})


def mark(held: Held, index: int, state: CallState, error: Mapping[str, Any] | None) -> None:
    """Move a call on to `running` or `unknown`."""
    call = held.call(index)
    if state not in ("running", "unknown"):
        raise ValueError(f"mark() does not make a call {state}")
    if call["state"] == state:
        return
    _step(call, state)
    changes = _ended(held, call, state, error) if state == "unknown" else {}
    held.write(call, state, {**changes, "error": _report(error)} if error else changes)


def settle(
    held: Held,
    index: int,
    state: CallState,
    *,
    credits: Decimal | None,
    billed: Decimal | None,
    charged: bool | None,
    error: Mapping[str, Any] | None,
) -> None:
    """
    End a call.  What was reserved becomes what was billed; nothing, if it was not charged; and itself, if the
    vendor did not say (so a budget errs on the side of money that may be gone).
    """
    call = held.call(index)
    if call["state"] == state and state in FINAL:
        return
    if state not in FINAL:
        raise ValueError(f"{state} is no end of a paid call")
    _step(call, state)
    nano = to_nano(billed)
    reserved = call["reserved"] or 0
    spent = 0 if charged is False or call["booked_at"] is None else reserved if nano is None else nano
    budgets.count(held.db, held.account, call["booked_at"] or held.now, reserved=-reserved, spent=spent)
    held.write(
        call,
        state,
        {
            "reserved": None,
            "billed": 0 if charged is False else nano,
            "credits": to_nano(credits),
            "charged": charged,
            "doubts": 0,
            "done_at": held.now,
            "error": _report(error),
            **_ended(held, call, state, error),
        },
    )


def resolve_unknown(held: Held, *, charged: bool) -> None:
    """
    End the calls whose outcome nobody knew, as a person found it at the vendor's; whoever held the job is
    fenced.
    """
    if not leases.is_free(held.row, held.now):
        raise LedgerError(f"job {held.row['id']} is being worked on", kind="invalid_input", job_id=held.row["id"])
    calls = held.db.execute(
        "SELECT idx FROM call WHERE job = ? AND state IN ('unknown', 'submitting')", (held.row["n"],)
    ).fetchall()
    if not calls:
        raise InvalidInput(f"job {held.row['id']} has no paid call of unknown outcome")
    found = "it was charged" if charged else "nothing was made"
    error = {
        "kind": "outcome_unknown",
        "message": f"A person looked at the vendor's: {found}.",
        "charged": charged,
    }
    for call in calls:
        settle(held, call["idx"], "failed", credits=None, billed=None, charged=charged, error=error)
    leases.release(held.db, held.row["id"], held.row["token"])


def keep_file(held: Held, file: File) -> None:
    """Write down a result that is already on disk."""
    seed = None if file.seed is None else str(file.seed)
    held.db.execute(
        "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            held.row["n"],
            file.index,
            file.n,
            file.path,
            file.sha256,
            file.media_type,
            file.width,
            file.height,
            seed,
            clean(file.source_url),
            file.size,
        ),
    )


def finish(held: Held, *, data: Any, notes: Any, seconds: Mapping[str, float], state: CallState) -> None:
    """Write what belongs to the job as a whole; *state* is that of a job without paid calls."""
    n = held.row["n"]
    held.db.execute(
        "INSERT OR REPLACE INTO job_end VALUES (?, ?, ?, ?)",
        (n, None if data is None else dump(data), dump(list(notes)), dump(dict(seconds))),
    )
    without_calls = held.db.execute("SELECT 1 FROM call WHERE job = ?", (n,)).fetchone() is None
    final = state if without_calls else held.row["state"]
    held.db.execute(
        "UPDATE job SET state = ?, open = ?, updated_at = ? WHERE n = ?",
        (final, final not in FINAL, held.now, n),
    )
