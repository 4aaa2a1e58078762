"""
What the ledger costs a generate, beside the least that the protocol could do: one row, and a durable commit before the
call that pays, one after it (the vendor's id), and one when the pictures are stored.
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


class Bare:
    """The three durable commits, with nothing around them."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE job (n INTEGER PRIMARY KEY, plan TEXT, state TEXT, vendor_id TEXT, answer TEXT)")

    def generate(self, plan: str, answer: str) -> float:
        """Do what one generate needs; return the seconds it took."""
        start = time.perf_counter()
        n = self._commit("INSERT INTO job (plan, state) VALUES (?, 'submitting')", plan)
        self._commit("UPDATE job SET state = 'submitted', vendor_id = 'id', answer = ? WHERE n = ?", answer, n)
        self._commit("UPDATE job SET state = 'succeeded' WHERE n = ?", n)
        return time.perf_counter() - start

    def _commit(self, sql: str, *values: Any) -> int:
        self._db.execute("BEGIN IMMEDIATE")
        row = self._db.execute(sql, values).lastrowid
        self._db.execute("COMMIT")
        return int(row or 0)

    def close(self) -> None:
        """Close the file."""
        self._db.close()
