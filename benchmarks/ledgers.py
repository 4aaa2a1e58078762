"""
What the ledger costs a generate, beside the least that the protocol could do: its rows, in one durable commit before
the call that pays, one after it (the vendor's id), and one when the pictures are stored.

Both are measured in the same generate: each bare commit is made at the moment of ours, before it and after it in turns,
so that neither has the warmer caches or the quieter disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imagegen.ledger import Store


class Timed:
    """A ledger that counts the seconds its verbs take, and those of the bare commits that go with them."""

    def __init__(self, store: Store, bare: Bare) -> None:
        self._store, self._bare = store, bare
        self._steps: dict[str, Callable[[], None]] = {
            "reserve_and_intend": bare.intend,
            "accept": bare.accept,
            "settle": bare.settle,
        }
        self.ours, self.theirs, self.verbs = 0.0, 0.0, list[str]()
        self.bare_first = False

    def next(self) -> None:
        """Begin to count again."""
        self.ours, self.theirs, self.verbs = 0.0, 0.0, []
        self.bare_first = not self.bare_first

    def __getattr__(self, name: str) -> Any:
        verb, step = getattr(self._store, name), self._steps.get(name)

        def timed(*words: Any, **named: Any) -> Any:
            if step is not None and self.bare_first:
                self._least(step)
            start = time.perf_counter()
            try:
                return verb(*words, **named)
            finally:
                self.ours += time.perf_counter() - start
                self.verbs.append(name)
                if step is not None and not self.bare_first:
                    self._least(step)

        return timed

    def _least(self, step: Callable[[], None]) -> None:
        start = time.perf_counter()
        step()
        self.theirs += time.perf_counter() - start


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
        self.plan = self.answer = ""

    def intend(self) -> None:
        """COMMIT that a call is about to be sent, and reserve its money."""
        self._n += 1
        n, db = self._n, self._db
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO job VALUES (?, ?, 'submitting', 'hash', 'owner', ?)", (n, f"ig-{n}", time.time()))
        db.execute("INSERT INTO job_text VALUES (?, ?)", (n, self.plan))
        db.execute("INSERT INTO call VALUES (?, 0, 'submitting', 1, 10, NULL, NULL, NULL)", (n,))
        db.executemany(_COUNT, [(bucket, 10, 0) for bucket in ("run", "day", "month")])
        db.execute("COMMIT")

    def accept(self) -> None:
        """COMMIT the vendor's id."""
        n, db = self._n, self._db
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE call SET state = 'submitted', vendor_id = 'id', answer = ? WHERE job = ?", (self.answer, n))
        db.execute("UPDATE job SET state = 'submitted', at = ? WHERE n = ?", (time.time(), n))
        db.execute("COMMIT")

    def settle(self) -> None:
        """COMMIT the picture, the end and the spending."""
        n, db = self._n, self._db
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO file VALUES (?, 0, '/out/picture.png', 'sha256')", (n,))
        db.execute("UPDATE call SET state = 'succeeded', billed = 10 WHERE job = ?", (n,))
        db.execute("UPDATE job SET state = 'succeeded', at = ? WHERE n = ?", (time.time(), n))
        db.executemany(_COUNT, [(bucket, -10, 10) for bucket in ("run", "day", "month")])
        db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()
