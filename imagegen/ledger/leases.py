"""
Who may write about a job: opening, claiming, renewing, giving back.

A claim raises the job's fencing token, and every write names the token it was given, so that a process that
was taken for dead cannot write after its successor has begun.  Times are the store's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import cache
from sqlite3 import Connection, Row

from imagegen.errors import InvalidInput, LedgerError

from . import owners
from .nano import to_nano
from .records import JobRow, NewJob, Owner, Scope
from .rows import dump, find_jobs, fresh_job, read_owner
from .states import FINAL, LeaseLost

LEASE_SECONDS = 240.0  # longer than any one exchange; a dead owner on this host is taken over at once all the same

Alive = Callable[[Owner], bool | None]


def open_job(db: Connection, now: float, job: NewJob, owner: Owner) -> tuple[JobRow, int | None]:
    """Open a job and lease it, or find the one under the same idempotency key."""
    if job.idempotency_key is not None:
        row = db.execute(
            "SELECT * FROM job WHERE realm = ? AND idempotency_key = ?",
            (_realm(job.scope), job.idempotency_key),
        ).fetchone()
        if row is not None:
            return _join(db, now, job, row, owner)
    _insert(db, now, job, owner)
    return fresh_job(job, owner, now), 1


def claim(db: Connection, now: float, job_id: str, owner: Owner, *, own: bool) -> int | None:
    """Lease a job unless somebody has it."""
    row = db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise InvalidInput(f"there is no job {job_id}")
    free = (own and read_owner(row) == owner) or is_free(row, now)
    return _take(db, now, row, owner) if free else None


def claim_stale(
    db: Connection,
    now: float,
    owner: Owner,
    *,
    limit: int,
    provider: str | None,
    emulated: bool | None,
    busy: Container[str] | None,
) -> list[tuple[JobRow, int]]:
    """Lease unfinished jobs whose owners are gone, oldest first."""
    rows = db.execute(
        "SELECT j.* FROM job j JOIN scope s ON s.id = j.scope WHERE j.open = 1"
        " AND s.provider = coalesce(?, s.provider) AND s.emulated = coalesce(?, s.emulated) ORDER BY j.n",
        (provider, emulated),
    ).fetchall()
    alive = cache(owners.alive)  # one look at each process
    rows = [row for row in rows if row["id"] not in (busy or ())]
    free = [row for row in rows if (busy is not None and read_owner(row) == owner) or is_free(row, now, alive)][:limit]
    tokens = {row["id"]: _take(db, now, row, owner) for row in free}
    return [(job, tokens[job.id]) for row in free for job in find_jobs(db, "WHERE j.n = ?", (row["n"],))]


def renew(db: Connection, now: float, job_id: str, token: int) -> None:
    """Prolong a lease."""
    done = db.execute("UPDATE job SET lease = ? WHERE id = ? AND token = ?", (now + LEASE_SECONDS, job_id, token))
    if not done.rowcount:
        raise LeaseLost(job_id)


def release(db: Connection, job_id: str, token: int, *, rest: bool = False) -> None:
    """
    Give a lease back; the token is worth nothing from here on.  One that was lost already is given back by
    nobody.
    """
    db.execute(
        "UPDATE job SET token = token + 1, host = NULL, pid = NULL, started = NULL, lease = NULL,"
        " open = state NOT IN ('succeeded', 'failed', 'canceled', 'expired') AND NOT (? AND state = 'prepared'"
        "  AND NOT EXISTS (SELECT 1 FROM call WHERE job = n AND state = 'succeeded'))"
        " WHERE id = ? AND token = ?",
        (rest, job_id, token),
    )


def given_back(row: Row) -> dict[str, object]:
    """Return what becomes of a job's row when its holder gives the lease back at its end."""
    return {"token": row["token"] + 1, "host": None, "pid": None, "started": None, "lease": None}


def is_free(row: Row, now: float, alive: Alive = owners.alive) -> bool:
    """
    Whether nobody works on a job: no owner, a dead one, or one who cannot be seen and whose lease ran out.
    """
    owner = read_owner(row)
    if owner is None:
        return True
    lives = alive(owner)
    return bool(row["lease"] <= now) if lives is None else not lives


def _realm(scope: Scope) -> str:
    """Return where idempotency keys are unique: a namespace; the emulator has its own."""
    return f"{scope.namespace}/emulated" if scope.emulated else scope.namespace


def _join(db: Connection, now: float, job: NewJob, row: Row, owner: Owner) -> tuple[JobRow, int | None]:
    if row["request_hash"] != job.request_hash:
        raise LedgerError(
            f"idempotency key {job.idempotency_key!r} belongs to another request",
            job_id=row["id"],
            hint="Use another key for another picture.",
        )
    free = (row["open"] or row["state"] not in FINAL) and is_free(row, now)
    token = _take(db, now, row, owner) if free else None
    return find_jobs(db, "WHERE j.n = ?", (row["n"],))[0], token


def _take(db: Connection, now: float, row: Row, owner: Owner) -> int:
    db.execute(
        "UPDATE job SET token = token + 1, host = ?, pid = ?, started = ?, lease = ?, open = 1 WHERE n = ?",
        (owner.host, owner.pid, owner.started, now + LEASE_SECONDS, row["n"]),
    )
    return int(row["token"]) + 1


def _insert(db: Connection, now: float, job: NewJob, owner: Owner) -> None:
    values = {
        "id": job.id,
        "scope": scope_id(db, job.scope),
        "state": "prepared",
        "open": 1,
        "token": 1,
        "host": owner.host,
        "pid": owner.pid,
        "started": owner.started,
        "lease": now + LEASE_SECONDS,
        "realm": _realm(job.scope),
        "idempotency_key": job.idempotency_key,
        "request_hash": job.request_hash,
        "kind": job.kind,
        "model": job.model,
        "run": job.run,
        "output": job.output,
        "currency": job.currency,
        "estimate": to_nano(job.estimate),
        "created_at": now,
        "updated_at": now,
    }
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    n = db.execute(f"INSERT INTO job ({names}) VALUES ({marks})", tuple(values.values())).lastrowid
    db.execute("INSERT INTO job_text VALUES (?, ?, ?)", (n, dump(job.request), dump(job.plan)))
    if job.labels:
        db.executemany("INSERT INTO label VALUES (?, ?, ?)", [(n, *label) for label in job.labels.items()])
    db.executemany(
        "INSERT INTO call (job, idx, state) VALUES (?, ?, 'prepared')",
        [(n, index) for index in range(job.calls)],
    )


def scope_id(db: Connection, scope: Scope) -> int:
    """Return the number of a scope, new or known."""
    values = (scope.provider, scope.account, scope.base_url, scope.emulated, scope.namespace)
    row = db.execute(
        "SELECT id FROM scope WHERE provider = ? AND account = ? AND base_url = ? AND emulated = ? AND namespace = ?",
        values,
    ).fetchone()
    if row is not None:
        return int(row["id"])
    added = db.execute(
        "INSERT INTO scope (provider, account, base_url, emulated, namespace) VALUES (?, ?, ?, ?, ?)", values
    )
    return int(added.lastrowid or 0)
