"""
Budgets: what is reserved and spent per run, day, month and label, and whether one more call fits.

Every reservation and every spending is counted in all its buckets in the transaction that makes it, so the
sums are exact and a check costs one look-up however long the history is.  A call is counted in the day and
month (UTC) of its first intent, also when it is settled later.  Emulated calls are counted and limited too,
but in sums of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from sqlite3 import Connection, Row

from attrs import frozen

from imagegen.errors import InvalidInput, LedgerError

from .nano import to_decimal, to_nano
from .records import Budget


@frozen(kw_only=True)
class Account:
    """Where the money of one job is counted."""

    job_id: str
    run: str
    labels: Sequence[str]  # `name=value`
    currency: str
    emulated: bool

    def buckets(self, at: float) -> dict[tuple[str, str], str]:
        """Return the names of the sums that a call of this job belongs to, by (per, label)."""
        day = datetime.fromtimestamp(at, UTC).date().isoformat()
        return {
            ("run", ""): f"run:{self.run or self.job_id}",  # a job without a run is a run of its own
            ("day", ""): f"day:{day}",
            ("month", ""): f"month:{day[:7]}",
            **{("label", label): f"label:{label}" for label in self.labels},
        }


def count(db: Connection, account: Account, at: float, *, reserved: int = 0, spent: int = 0) -> None:
    """Add (or take away) nano-units in all buckets."""
    if not reserved and not spent:
        return
    db.executemany(
        "INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET reserved = reserved + excluded.reserved, spent = spent + excluded.spent, at = max(at, excluded.at)",
        [(bucket, account.emulated, account.currency, reserved, spent, at) for bucket in account.buckets(at).values()],
    )


def check(db: Connection, account: Account, at: float, ceiling: int | None, *, allow_unpriced: bool) -> None:
    """Raise `LedgerError` (budget_exceeded) when a call of at most *ceiling* does not fit into a budget."""
    budgets = db.execute("SELECT * FROM budget").fetchall()
    if not budgets:
        return
    buckets = account.buckets(at)
    for budget in budgets:
        bucket = buckets.get((budget["per"], budget["label"]))
        if bucket is not None:
            _check_one(db, account, budget, bucket, ceiling, allow_unpriced)


def _check_one(
    db: Connection, account: Account, budget: Row, bucket: str, ceiling: int | None, allow_unpriced: bool
) -> None:
    if ceiling is None or budget["currency"] != account.currency:
        if not allow_unpriced:
            raise _exceeded(account, budget, "and nobody knows in that currency what this call may cost", _UNPRICED)
        return
    spent, reserved = _sums(db, bucket, account.emulated, account.currency)
    if ceiling and spent + reserved + ceiling > budget["amount"]:
        raise _exceeded(
            account,
            budget,
            f"of which {to_decimal(spent)} is spent and {to_decimal(reserved)} reserved;"
            f" this call may cost {to_decimal(ceiling)}",
        )


_UNPRICED = "Say what it costs (imagegen prices set), allow it (--allow-unpriced), or lift the limit (imagegen budget)."
_SPENT = "Raise or lift the limit: imagegen budget."


def _exceeded(account: Account, budget: Row, why: str, hint: str = _SPENT) -> LedgerError:
    of = f"label {budget['label']}" if budget["per"] == "label" else budget["per"]
    whose = " (the emulator's own sums count against it here)" if account.emulated else ""
    return LedgerError(
        f"the budget is {to_decimal(budget['amount'])} {budget['currency']} per {of}{whose}, {why}. Nothing was sent.",
        kind="budget_exceeded",
        job_id=account.job_id,
        hint=hint,
    )


def _sums(db: Connection, bucket: str, emulated: bool, currency: str) -> tuple[int, int]:
    row = db.execute(
        "SELECT spent, reserved FROM tally WHERE bucket = ? AND emulated = ? AND currency = ?",
        (bucket, emulated, currency),
    ).fetchone()
    return (row["spent"], row["reserved"]) if row else (0, 0)


# --- for people ---------------------------------------------------------------------------------------------


def put(db: Connection, budget: Budget) -> None:
    """Set a budget in place of the one before it."""
    if (budget.per == "label") != bool(budget.label):
        raise InvalidInput("a budget per label names one (project=film), and no other budget does", what="the budget")
    try:
        amount = to_nano(budget.limit)
    except ValueError as error:
        raise InvalidInput(str(error), what="the budget") from None
    db.execute(
        "INSERT OR REPLACE INTO budget VALUES (?, ?, ?, ?)",
        (budget.per, budget.label, amount, budget.currency),
    )


def remove(db: Connection, per: str, label: str) -> bool:
    """Remove a budget; whether there was one."""
    return db.execute("DELETE FROM budget WHERE per = ? AND label = ?", (per, label)).rowcount > 0


def overview(db: Connection, at: float, *, run: str, emulated: bool) -> list[tuple[Budget, Decimal, Decimal]]:
    """Return each budget with what is spent and reserved in the period of *at* (and in *run*)."""
    found = []
    for row in db.execute("SELECT * FROM budget ORDER BY per, label").fetchall():
        budget = Budget(per=row["per"], limit=to_decimal(row["amount"]), currency=row["currency"], label=row["label"])
        account = Account(job_id="", run=run, labels=(row["label"],), currency=row["currency"], emulated=emulated)
        bucket = account.buckets(at)[row["per"], row["label"]]
        spent, reserved = _sums(db, bucket, emulated, row["currency"])
        found.append((budget, to_decimal(spent), to_decimal(reserved)))
    return found
