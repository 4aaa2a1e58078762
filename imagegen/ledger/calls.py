"""
The life of one paid call: intent, acceptance, outcome, and the money that goes with each.

Every function runs inside one transaction of the store, checks the fencing token first, and moves a call only
along `FOLLOWS`.  A step that was already made is no step, so that a resumed job may repeat what its
predecessor wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from sqlite3 import Connection, Row
from typing import Any

from attrs import frozen

from imagegen.errors import InvalidInput, LedgerError

from . import budgets, leases
from .budgets import Account
from .nano import to_nano
from .records import Ending, File
from .rows import clean, dump
from .states import FINAL, FOLLOWS, CallState, LeaseLost, job_state

_ACCEPTED = frozenset({"submitted", "running", *FINAL})


# All that a verb reads, in one query: the job, its account, and beside it each of its paid calls.
_HELD = """
SELECT j.n, j.id, j.state AS job_state, j.token, j.host, j.pid, j.started, j.lease, j.run, j.currency, s.emulated,
  (SELECT json_group_array(name || '=' || value) FROM label WHERE job = j.n) AS labels,
  c.idx, c.state, c.attempts, c.doubts, c.key, c.vendor_job_id, c.reserved, c.booked_at, c.history
FROM job j JOIN scope s ON s.id = j.scope LEFT JOIN call c ON c.job = j.n WHERE j.id = ? ORDER BY c.idx
"""


@frozen
class Held:
    """A job that the caller holds, inside a transaction at the time *now*; *states* are those of its paid calls."""

    db: Connection
    now: float
    row: Row
    calls: Mapping[int, Row]
    states: dict[int, str]

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
        rows = db.execute(_HELD, (job_id,)).fetchall()
        if not rows:
            raise InvalidInput(f"there is no job {job_id}")
        calls = {row["idx"]: row for row in rows if row["idx"] is not None}
        return cls(db, now, rows[0], calls, {index: row["state"] for index, row in calls.items()})

    @cached_property
    def account(self) -> Account:
        """Where the money is counted."""
        return Account(
            job_id=self.row["id"],
            run=self.row["run"],
            labels=json.loads(self.row["labels"]),
            currency=self.row["currency"],
            emulated=bool(self.row["emulated"]),
        )

    def call(self, index: int) -> Row:
        """Return one paid call."""
        if index not in self.calls:
            raise InvalidInput(f"job {self.row['id']} has no paid call {index}")
        return self.calls[index]

    def write(self, call: Row, state: CallState, changes: Mapping[str, Any], ending: Ending | None = None) -> None:
        """Change a call and derive the job's state again."""
        values = {"state": state, **changes}
        columns = ", ".join(f"{name} = ?" for name in values)
        self.db.execute(
            f"UPDATE call SET {columns} WHERE job = ? AND idx = ?",
            (*values.values(), call["n"], call["idx"]),
        )
        self.states[call["idx"]] = state
        self.move(job_state(self.remaining(ending)), ending)

    def remaining(self, ending: Ending | None) -> list[str]:
        """Return the states that make the job's; at its end, a call that turned out not to be needed never was."""
        over = ending is not None and ending.release
        return [state for state in self.states.values() if not (over and state == "prepared")]

    def move(self, state: CallState, ending: Ending | None) -> None:
        """Write the job's own row, whose lease is renewed on the way, and with its *ending* all that ends with it."""
        values: dict[str, Any] = {"state": state, "updated_at": self.now, "lease": self.now + leases.LEASE_SECONDS}
        if ending is not None:
            values |= {"open": state not in FINAL, **_texts(ending)}
            if ending.release:
                values |= leases.given_back(self.row)
                self.db.execute("DELETE FROM call WHERE job = ? AND state = 'prepared'", (self.row["n"],))
        columns = ", ".join(f"{name} = ?" for name in values)
        self.db.execute(f"UPDATE job SET {columns} WHERE n = ?", (*values.values(), self.row["n"]))


def _texts(ending: Ending) -> dict[str, str | None]:
    return {
        "data": None if ending.data is None else dump(ending.data),
        "notes": dump(list(ending.notes)),
        "seconds": dump(dict(ending.seconds)),
    }


@frozen(kw_only=True)
class Bill:
    """What the vendor said of money at the end of a call; None = nothing."""

    credits: Decimal | None = None
    billed: Decimal | None = None
    charged: bool | None = True


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
    if call["state"] == "prepared":
        return
    if call["state"] not in ("submitting", "unknown"):
        raise ValueError(f"a paid call that is {call['state']} has no intent to withdraw")
    ended = {"doubts": call["doubts"] - 1, "error": _report(error), **_ended(held, call, "withdrawn", error)}
    if ended["doubts"]:
        held.write(call, call["state"], ended)
        return
    budgets.count(held.db, held.account, call["booked_at"], reserved=-(call["reserved"] or 0))
    held.write(call, "prepared", {**ended, "reserved": None, "booked_at": None})


def still_open(held: Held, index: int, attempt: int) -> bool:
    """Whether this very attempt is the last one, and nobody has written what became of it."""
    call = held.call(index)
    return call["state"] in ("submitting", "unknown") and not call["vendor_job_id"] and call["attempts"] == attempt


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
    bill: Bill,
    error: Mapping[str, Any] | None,
    ending: Ending | None = None,
) -> None:
    """
    End a call, and with an *ending* its job.  What was reserved becomes what was billed; nothing, if it was not
    charged; and itself, if the vendor did not say (so a budget errs on the side of money that may be gone).
    """
    call = held.call(index)
    if call["state"] == state and state in FINAL:
        if ending is not None:
            held.move(held.row["job_state"], ending)
        return
    if state not in FINAL:
        raise ValueError(f"{state} is no end of a paid call")
    _step(call, state)
    nano = to_nano(bill.billed)
    reserved = call["reserved"] or 0
    spent = 0 if bill.charged is False or call["booked_at"] is None else reserved if nano is None else nano
    budgets.count(held.db, held.account, call["booked_at"] or held.now, reserved=-reserved, spent=spent)
    held.write(
        call,
        state,
        {
            "reserved": None,
            "billed": 0 if bill.charged is False else nano,
            "credits": to_nano(bill.credits),
            "charged": bill.charged,
            "doubts": 0,
            "done_at": held.now,
            "error": _report(error),
            **_ended(held, call, state, error),
        },
        ending,
    )


def resolve_unknown(held: Held, *, charged: bool) -> None:
    """
    End the calls whose outcome nobody knew, as a person found it at the vendor's; whoever held the job is
    fenced.
    """
    if not leases.is_free(held.row, held.now):
        raise LedgerError(f"job {held.row['id']} is being worked on", kind="invalid_input", job_id=held.row["id"])
    calls = [index for index, state in held.states.items() if state in ("unknown", "submitting")]
    if not calls:
        raise InvalidInput(f"job {held.row['id']} has no paid call of unknown outcome")
    found = "it was charged" if charged else "nothing was made"
    error = {
        "kind": "outcome_unknown",
        "message": f"a person looked at the vendor's site: {found}.",
        "charged": charged,
    }
    for index in calls:
        settle(held, index, "failed", Bill(charged=charged), error)
    leases.release(held.db, held.row["id"], held.row["token"])


def keep_files(held: Held, files: Sequence[File]) -> None:
    """Write down results that are already on disk."""
    if not files:
        return
    held.db.executemany(
        "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                held.row["n"],
                file.index,
                file.n,
                file.path,
                file.sha256,
                file.media_type,
                file.width,
                file.height,
                None if file.seed is None else str(file.seed),
                clean(file.source_url),
                file.size,
            )
            for file in files
        ],
    )


def finish(held: Held, ending: Ending, state: CallState) -> None:
    """Write a job's ending; *state* is that of a job without paid calls."""
    states = held.remaining(ending)
    held.move(job_state(states) if states else state, ending)
