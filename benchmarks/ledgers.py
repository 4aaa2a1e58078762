"""
What the ledger costs a generate, beside the least that the protocol could do: its rows, in one durable commit before
the call that pays, one after it (the vendor's id), and one when the pictures are stored.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from imagegen.ledger import Store


class Timed:
    """A ledger that counts the seconds its verbs take, and keeps how they were called."""

    def __init__(self, store: Store) -> None:
        self._store, self.seconds, self.verbs = store, 0.0, list[str]()

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)

        def timed(*words: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return verb(*words, **named)
            finally:
                self.seconds += time.perf_counter() - start
                self.verbs.append(name)

        return timed


_TABLES = """
CREATE TABLE job (n INTEGER PRIMARY KEY, id TEXT UNIQUE, state TEXT, hash TEXT, owner TEXT, at REAL);
CREATE TABLE job_text (job INTEGER PRIMARY KEY, plan TEXT);
CREATE TABLE call (job INTEGER, idx INTEGER, state TEXT, attempts INTEGER, reserved INTEGER, billed INTEGER,
  vendor_id TEXT, answer TEXT, PRIMARY KEY (job, idx)) WITHOUT ROWID;
CREATE TABLE tally (bucket TEXT PRIMARY KEY, reserved INTEGER, spent INTEGER) WITHOUT ROWID;
CREATE TABLE file (job INTEGER, n INTEGER, path TEXT, sha256 TEXT, PRIMARY KEY (job, n)) WITHOUT ROWID;
"""
_COUNT = """
INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT DO UPDATE
SET reserved = reserved + excluded.reserved, spent = spent + excluded.spent
"""


class Bare:
    """The rows of the protocol in its three durable commits, with nothing around them: no verb, no check, no lease."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + _TABLES)
        self._n = 0

    def generate(self, plan: str, answer: str) -> float:
        """Do what one generate needs; return the seconds it took."""
        self._n += 1
        n, db = self._n, self._db
        start = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO job VALUES (?, ?, 'submitting', 'hash', 'owner', ?)", (n, f"ig-{n}", start))
        db.execute("INSERT INTO job_text VALUES (?, ?)", (n, plan))
        db.execute("INSERT INTO call VALUES (?, 0, 'submitting', 1, 10, NULL, NULL, NULL)", (n,))
        db.executemany(_COUNT, [(bucket, 10, 0) for bucket in ("run", "day", "month")])
        db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE call SET state = 'submitted', vendor_id = 'id', answer = ? WHERE job = ?", (answer, n))
        db.execute("UPDATE job SET state = 'submitted', at = ? WHERE n = ?", (start, n))
        db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO file VALUES (?, 0, '/out/picture.png', 'sha256')", (n,))
        db.execute("UPDATE call SET state = 'succeeded', billed = 10 WHERE job = ?", (n,))
        db.execute("UPDATE job SET state = 'succeeded', at = ? WHERE n = ?", (start, n))
        db.executemany(_COUNT, [(bucket, -10, 10) for bucket in ("run", "day", "month")])
        db.execute("COMMIT")
        return time.perf_counter() - start

    def close(self) -> None:
        """Close the file."""
        self._db.close()
