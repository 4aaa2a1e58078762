"""
What an emulated vendor lives in: a clock, a memory, books, files, faults, and rules to be strict about.

State is one SQLite file (or `:memory:`), so that `load-model` in one process and `generate` in the next see the same
world, and so that the books survive a client that was killed.  One process or many: every change is one transaction.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen

from .faults import Fault, Rule, parse_marks

_SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (name TEXT PRIMARY KEY, media_type TEXT, body BLOB, expires REAL);
CREATE TABLE IF NOT EXISTS charge (
  n INTEGER PRIMARY KEY, provider TEXT, id TEXT UNIQUE, idempotency_key TEXT, prompt TEXT, state TEXT, credits TEXT, at REAL
);
CREATE TABLE IF NOT EXISTS journal (n INTEGER PRIMARY KEY, at REAL, entry TEXT);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER);
"""


@frozen(kw_only=True)
class Rules:
    """How the world behaves (`imagegen emulate` flags)."""

    strict: bool = False  # refuse unknown fields in the vendor's own envelope
    limits: bool = False  # enforce the vendors' rate limits
    queue: bool = False  # everything queues, also where a vendor would answer at once
    seconds_per_step: float = 0.05  # how long a diffusion step takes, in world time


class Clock:
    """
    World time in unix seconds.  `speed` scales real time; a manual clock moves only by `advance` (or `sleep`).
    """

    def __init__(self, *, speed: float = 1.0, manual: bool = False, start: float | None = None) -> None:
        self.speed, self.manual = speed, manual
        self._origin = time.time() if start is None else start
        self._real = time.monotonic()
        self._offset = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the world's time."""
        passed = 0.0 if self.manual else (time.monotonic() - self._real) * self.speed
        return self._origin + self._offset + passed

    def advance(self, seconds: float) -> None:
        """Move the world forward."""
        with self._lock:
            self._offset += seconds


@define
class World:
    """See the module.  Vendor halves use only these methods."""

    path: str = ":memory:"
    rules: Rules = field(factory=Rules)
    clock: Clock = field(factory=Clock)
    _faults: list[Rule] = field(factory=list, init=False)
    _lock: threading.RLock = field(factory=threading.RLock, init=False)
    _db: sqlite3.Connection = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the state file."""
        self._db.close()

    # -- time and ids --

    def now(self) -> float:
        """World time, unix seconds."""
        return self.clock.now()

    def next(self, name: str, start: int = 1) -> int:
        """Return the next number of the counter *name*; the first is *start*."""
        with self.change() as db:
            row = db.execute(
                "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
                (name, start),
            ).fetchone()
            return int(row[0])

    # -- memory: JSON by kind and key --

    def get(self, kind: str, key: str) -> Any:
        """Return what is remembered, or None."""
        with self._lock:
            row = self._db.execute("SELECT value FROM thing WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, key: str, value: Any) -> None:
        """Remember plain JSON."""
        with self.change() as db:
            db.execute("INSERT OR REPLACE INTO thing VALUES (?, ?, ?)", (kind, key, json.dumps(value)))

    def remove(self, kind: str, key: str) -> bool:
        """Forget; whether there was something."""
        with self.change() as db:
            return db.execute("DELETE FROM thing WHERE kind = ? AND key = ?", (kind, key)).rowcount > 0

    def all(self, kind: str) -> dict[str, Any]:
        """Return everything of a kind, by key."""
        with self._lock:
            rows = self._db.execute("SELECT key, value FROM thing WHERE kind = ? ORDER BY key", (kind,)).fetchall()
        return {key: json.loads(value) for key, value in rows}

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; nests.  Read-then-write sequences (idempotence!) belong inside one."""
        with self._lock:
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # -- books: every charged job, from the moment it is accepted --

    def charge(
        self, provider: str, id: str, *, prompt: str, credits: Decimal, key: str = "", state: str = "accepted"
    ) -> None:
        """Write a charged job into the books."""
        with self.change() as db:
            db.execute(
                "INSERT INTO charge (provider, id, idempotency_key, prompt, state, credits, at) VALUES (?,?,?,?,?,?,?)",
                (provider, id, key, prompt, state, str(credits), self.now()),
            )

    def book(self, id: str, *, state: str, credits: Decimal | None = None) -> None:
        """Change the state of a booked job (and what it cost, for a refund)."""
        with self.change() as db:
            db.execute("UPDATE charge SET state = ? WHERE id = ? AND state <> ?", (state, id, state))
            if credits is not None:
                db.execute("UPDATE charge SET credits = ? WHERE id = ?", (str(credits), id))

    def books(self) -> list[dict[str, Any]]:
        """Return every charged job, oldest first."""
        names = ("provider", "id", "idempotency_key", "prompt", "state", "credits", "at")
        with self._lock:
            rows = self._db.execute(f"SELECT {', '.join(names)} FROM charge ORDER BY n").fetchall()  # noqa: S608
        return [dict(zip(names, row, strict=True)) for row in rows]

    # -- files under /files/ --

    def keep(self, name: str, body: bytes, media_type: str, *, seconds: float | None = None) -> str:
        """Keep a file; returns its path `/files/<name>`.  *seconds* is how long its link lives."""
        expires = None if seconds is None else self.now() + seconds
        with self.change() as db:
            db.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)", (name, media_type, body, expires))
        return f"/files/{name}"

    def file(self, name: str) -> tuple[bytes, str, bool] | None:
        """Return `(body, media type, expired)`, or None."""
        with self._lock:
            row = self._db.execute("SELECT body, media_type, expires FROM file WHERE name = ?", (name,)).fetchone()
        return None if row is None else (row[0], row[1], row[2] is not None and row[2] <= self.now())

    def read_link(self, url: str) -> bytes | None:
        """Return the bytes behind a link to one of our own files, whatever host it was written with; None = not ours."""
        _, marker, name = url.partition("/files/")
        found = self.file(name.split("?")[0]) if marker else None
        return None if found is None or found[2] else found[0]

    # -- journal --

    def note(self, entry: Mapping[str, Any]) -> None:
        """Write into the journal (`GET /_emulator/requests`).  Never a key."""
        with self.change() as db:
            db.execute("INSERT INTO journal (at, entry) VALUES (?, ?)", (self.now(), json.dumps(entry)))

    def journal(self) -> list[dict[str, Any]]:
        """Return the journal, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT at, entry FROM journal ORDER BY n").fetchall()
        return [{"at": at, **json.loads(entry)} for at, entry in rows]

    # -- faults --

    def faults(self, prompt: str = "", *, provider: str = "", path: str = "") -> tuple[Fault, ...]:
        """Return the faults that apply: marks in the prompt (`[emu:fail]`), then posted rules that match (and are used up)."""
        with self._lock:
            ruled = tuple(rule.fault for rule in self._faults if rule.applies(provider, path))
            self._faults = [rule for rule in self._faults if rule.left != 0]
        return (*parse_marks(prompt), *ruled)

    def add_fault(self, rule: Rule) -> None:
        """Add a rule (`POST /_emulator/faults`)."""
        with self._lock:
            self._faults.append(rule)

    def clear_faults(self) -> None:
        """Forget all rules."""
        with self._lock:
            self._faults.clear()

    def reset(self) -> None:
        """Make the world new."""
        with self.change() as db:
            for table in ("thing", "file", "charge", "journal", "counter"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608
        self.clear_faults()
