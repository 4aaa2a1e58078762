"""What the ledger tells: jobs, costs, how long things take; and what it forgets."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from sqlite3 import Connection
from typing import Any

from imagegen.errors import InvalidInput

from .nano import to_decimal
from .records import JobRow, Scope, Spend
from .rows import find_jobs

_RECENT = 100  # runs that a median is taken over

_GROUPS = {
    "provider": ("s.provider", ""),
    "model": ("j.model", ""),
    "day": ("strftime('%Y-%m-%d', j.created_at, 'unixepoch')", ""),
    "label": ("l.name || '=' || l.value", "JOIN label l ON l.job = j.n"),
}


def job(db: Connection, job_id: str) -> JobRow | None:
    """Return the job of this id, or of the only id that begins so."""
    found = find_jobs(db, "WHERE j.id >= ? AND j.id < ? || char(0x10FFFF) ORDER BY j.id LIMIT 2", (job_id,) * 2)
    if not job_id or not found:
        return None
    if len(found) > 1 and found[0].id != job_id:
        raise InvalidInput(f"several jobs begin with {job_id}")
    return found[0]


def jobs(
    db: Connection,
    *,
    state: str | None,
    provider: str | None,
    labels: Mapping[str, str],
    emulated: bool | None,
    limit: int | None,
    before: float | None,
) -> list[JobRow]:
    """Return jobs, newest first; without a *limit*, all."""
    wanted = {"j.state": state, "s.provider": provider, "s.emulated": emulated}
    conditions = [f"{column} = ?" for column, value in wanted.items() if value is not None]
    values: list[Any] = [value for value in wanted.values() if value is not None]
    for label in labels.items():
        conditions.append("EXISTS (SELECT 1 FROM label WHERE job = j.n AND name = ? AND value = ?)")
        values += label
    if before is not None:
        conditions.append("j.created_at < ?")
        values.append(before)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return find_jobs(db, f"{where} ORDER BY j.n DESC LIMIT ?", [*values, -1 if limit is None else limit])


def costs(db: Connection, by: str, *, since: float | None, emulated: bool) -> list[Spend]:
    """
    Sum over the jobs of which a paid call was sent and not proven free of charge.

    A sum of which no part is known is None; `unknown_price` counts the jobs without any known price.
    """
    group, join = _GROUPS[by]
    rows = db.execute(
        f"""
        SELECT {group} AS grp, j.currency, count(*) AS jobs,
          sum((SELECT count(*) FROM file WHERE job = j.n)) AS images, sum(j.estimate) AS estimated,
          sum(paid.billed) AS billed,
          sum(CASE WHEN paid.billed IS NOT NULL THEN j.estimate END) AS expected,
          sum(j.estimate IS NULL AND paid.billed IS NULL) AS unknown
        FROM (
          SELECT job, sum(billed) AS billed FROM call
          WHERE attempts > 0 AND charged IS NOT 0 AND state != 'prepared' GROUP BY job
        ) AS paid
        JOIN job j ON j.n = paid.job JOIN scope s ON s.id = j.scope {join}
        WHERE s.emulated = ? AND j.created_at >= ? GROUP BY grp, j.currency ORDER BY grp, j.currency
        """,
        (emulated, since or 0.0),
    )
    return [
        Spend(
            group=row["grp"],
            jobs=row["jobs"],
            images=row["images"],
            estimated=to_decimal(row["estimated"]),
            billed=to_decimal(row["billed"]),
            unknown_price=row["unknown"],
            currency=row["currency"],
            expected=to_decimal(row["expected"]),
        )
        for row in rows
    ]


def seconds(db: Connection, scope: Scope, model: str) -> float | None:
    """Return the median time from sending to the last result, over the latest jobs that succeeded."""
    rows = db.execute(
        """
        SELECT max(c.done_at) - min(c.sent_at) FROM job j JOIN scope s ON s.id = j.scope JOIN call c ON c.job
        = j.n WHERE j.state = 'succeeded' AND s.provider = ? AND s.account = ? AND s.base_url = ? AND
        s.emulated = ?
          AND s.namespace = ? AND ? IN ('', j.model)
        GROUP BY j.n ORDER BY j.n DESC LIMIT ?
        """,
        (scope.provider, scope.account, scope.base_url, scope.emulated, scope.namespace, model, _RECENT),
    ).fetchall()
    return statistics.median(row[0] for row in rows) if rows else None


def prune(db: Connection, *, before: float, dry_run: bool) -> int:
    """Delete jobs that are over and that nothing happened to since *before*, with all that hangs on them."""
    doomed = "FROM job WHERE open = 0 AND updated_at < ?"
    if dry_run:
        return int(db.execute(f"SELECT count(*) {doomed}", (before,)).fetchone()[0])
    db.execute("CREATE TEMP TABLE IF NOT EXISTS doomed (n INTEGER PRIMARY KEY)")
    db.execute("DELETE FROM doomed")
    db.execute(f"INSERT INTO doomed SELECT n {doomed}", (before,))
    for table in ("label", "call", "file", "job_text"):
        db.execute(f"DELETE FROM {table} WHERE job IN (SELECT n FROM doomed)")
    gone = db.execute("DELETE FROM job WHERE n IN (SELECT n FROM doomed)").rowcount
    db.execute("DELETE FROM tally WHERE bucket GLOB 'run:*' AND reserved = 0 AND at < ?", (before,))
    db.execute("DELETE FROM fact WHERE expires <= ?", (before,))
    return gone
