"""Rows of the ledger's tables become the classes of the contract, and back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from sqlite3 import Connection, Row
from typing import Any, TypeVar

from .nano import to_decimal
from .records import Attempt, CallRow, File, JobRow, NewJob, Owner, Scope

T = TypeVar("T")

_PAGE = 500  # SQLite takes only so many values in one statement
_ENCODER = json.JSONEncoder(separators=(",", ":"))

_JOBS = """
SELECT j.*, s.provider, s.account, s.base_url, s.emulated, s.namespace, t.request, t.plan
FROM job j JOIN scope s ON s.id = j.scope JOIN job_text t ON t.job = j.n
"""


def dump(tree: Any) -> str:
    """Return plain JSON as text."""
    return _ENCODER.encode(tree)


def clean(text: str) -> str:
    """Return a vendor's text as SQLite can keep it: JSON may hold half of a surrogate pair, UTF-8 may not."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def find_jobs(db: Connection, where: str, values: Sequence[Any]) -> list[JobRow]:
    """
    Return the jobs that the SQL condition (and order and limit) *where* selects, complete with calls and
    files.
    """
    rows = db.execute(_JOBS + where, values).fetchall()
    return [job for start in range(0, len(rows), _PAGE) for job in _complete(db, rows[start : start + _PAGE])]


def _complete(db: Connection, rows: Sequence[Row]) -> list[JobRow]:
    marks = ",".join("?" * len(rows))
    numbers = [row["n"] for row in rows]
    calls = db.execute(f"SELECT * FROM call WHERE job IN ({marks}) ORDER BY job, idx", numbers)
    files = db.execute(f"SELECT * FROM file WHERE job IN ({marks}) ORDER BY job, idx, n", numbers)
    labels = db.execute(f"SELECT * FROM label WHERE job IN ({marks}) ORDER BY job, name", numbers)
    calls_of, files_of, labels_of = _by_job(calls), _by_job(files), _by_job(labels)
    return [_job(row, calls_of[row["n"]], files_of[row["n"]], labels_of[row["n"]]) for row in rows]


def fresh_job(job: NewJob, owner: Owner, now: float) -> JobRow:
    """Return what the ledger knows of a job that was opened a moment ago."""
    return JobRow(
        id=job.id,
        scope=job.scope,
        state="prepared",
        request_hash=job.request_hash,
        request=job.request,
        plan=job.plan,
        calls=tuple(CallRow(job_id=job.id, index=index, state="prepared") for index in range(job.calls)),
        idempotency_key=job.idempotency_key,
        labels=job.labels,
        estimate=job.estimate,
        currency=job.currency,
        run=job.run,
        kind=job.kind,
        model=job.model,
        output=job.output,
        created_at=now,
        updated_at=now,
        owner=owner,
    )


def read_owner(row: Row) -> Owner | None:
    """Return who holds the job of this row."""
    if row["host"] is None:
        return None
    return Owner(host=row["host"], pid=row["pid"], started=row["started"])


def _by_job(rows: Iterable[Row]) -> defaultdict[int, list[Row]]:
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["job"]].append(row)
    return found


def _job(row: Row, calls: list[Row], files: list[Row], labels: list[Row]) -> JobRow:
    billed = [call["billed"] for call in calls if call["billed"] is not None]
    return JobRow(
        id=row["id"],
        scope=Scope(
            provider=row["provider"],
            account=row["account"],
            base_url=row["base_url"],
            emulated=bool(row["emulated"]),
            namespace=row["namespace"],
        ),
        state=row["state"],
        request_hash=row["request_hash"],
        request=json.loads(row["request"]),
        plan=json.loads(row["plan"]),
        calls=tuple(_call(row["id"], call) for call in calls),
        files=tuple(_file(file) for file in files),
        idempotency_key=row["idempotency_key"],
        labels={label["name"]: label["value"] for label in labels},
        estimate=to_decimal(row["estimate"]),
        billed=to_decimal(sum(billed)) if billed else None,
        currency=row["currency"],
        run=row["run"],
        kind=row["kind"],
        model=row["model"],
        output=row["output"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        owner=read_owner(row),
        data=_loads(row["data"], None),
        notes=_loads(row["notes"], ()),
        seconds=_loads(row["seconds"], {}),
    )


def _call(job_id: str, row: Row) -> CallRow:
    error: Mapping[str, Any] | None = _loads(row["error"], None)
    return CallRow(
        job_id=job_id,
        index=row["idx"],
        state=row["state"],
        attempts=row["attempts"],
        vendor_job_id=row["vendor_job_id"],
        key=row["key"],
        answer=_loads(row["answer"], None),
        reserved=to_decimal(row["reserved"]),
        billed=to_decimal(row["billed"]),
        credits=to_decimal(row["credits"]),
        charged=None if row["charged"] is None else bool(row["charged"]),
        error=error,
        sent_at=row["sent_at"],
        accepted_at=row["accepted_at"],
        done_at=row["done_at"],
        history=tuple(Attempt(**attempt) for attempt in json.loads(row["history"])),
    )


def _file(row: Row) -> File:
    return File(
        index=row["idx"],
        n=row["n"],
        path=row["path"],
        sha256=row["sha256"],
        media_type=row["media_type"],
        width=row["width"],
        height=row["height"],
        seed=None if row["seed"] is None else int(row["seed"]),
        source_url=row["source_url"],
        size=row["size"],
    )


def _loads(text: str | None, absent: T) -> Any | T:
    return absent if text is None else json.loads(text)
