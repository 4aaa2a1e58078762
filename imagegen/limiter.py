"""
Limits that all processes of one machine keep together: requests per second, and jobs in flight.

The rate is a generic cell rate algorithm (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm) with a
burst of 2: `reserve` gives out the next free moment, and the caller does the waiting.  State lies in a small
SQLite file of its own, apart from the ledger, so that waiting for a turn never waits for money.  `:memory:`
serves a single process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from os import PathLike
from sqlite3 import Connection

from .ledger import Owner
from .ledger.owners import alive
from .sqlitefile import SqliteFile

BURST = 2
FURTHEST = 3600.0  # a queue this long is none: the clock was set back
UNSEEN_SECONDS = 3600.0  # how long a slot is kept for an owner whom nobody here can see (another container)

_V1 = """
CREATE TABLE rate (scope TEXT PRIMARY KEY, due REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE slot (
  ticket INTEGER PRIMARY KEY,
  scope TEXT NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started REAL NOT NULL,
  since REAL NOT NULL
);
CREATE INDEX slot_scope ON slot (scope);
CREATE TABLE circuit (
  scope TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  failures INTEGER NOT NULL,
  cooldown REAL NOT NULL,
  since REAL NOT NULL
) WITHOUT ROWID
"""


def limits_file(path: str | PathLike[str]) -> SqliteFile:
    """Return the file that limits and circuit breakers (`imagegen.breaker`) of a machine live in."""
    return SqliteFile(path, (_V1,))


class SqliteLimiter:
    """Rate and concurrency, by scope (`provider:account`).  Give it a path, or a `limits_file` to share."""

    def __init__(self, path: str | PathLike[str] | SqliteFile, *, now: Callable[[], float] = time.time) -> None:
        self._file = path if isinstance(path, SqliteFile) else limits_file(path)
        self._now = now

    def reserve(self, scope: str, per_second: float, now: float) -> float:
        """
        Take the next free turn; return how many seconds after *now* it is.

        The turn lasts as long as one interval, `1 / per_second`.  Whoever wakes up later than that has missed
        it and must reserve again, or the late would go out together with the punctual.
        """
        with self._file.change() as db:
            row = db.execute("SELECT due FROM rate WHERE scope = ?", (scope,)).fetchone()
            wait, due = next_turn(row["due"] if row else now, now, per_second)
            db.execute("INSERT OR REPLACE INTO rate VALUES (?, ?)", (scope, due))
            return wait

    def acquire_slot(self, scope: str, limit: int, owner: Owner) -> int | None:
        """Take one of *limit* places; return a ticket, None = all are taken by processes that live."""
        with self._file.change() as db:
            if _taken(db, scope) >= limit:
                _free_the_dead(db, scope, self._now())
            if _taken(db, scope) >= limit:
                return None
            values = (scope, owner.host, owner.pid, owner.started, self._now())
            sql = "INSERT INTO slot (scope, host, pid, started, since) VALUES (?, ?, ?, ?, ?)"
            return db.execute(sql, values).lastrowid

    def release_slot(self, ticket: int) -> None:
        """Give a place back."""
        with self._file.change() as db:
            db.execute("DELETE FROM slot WHERE ticket = ?", (ticket,))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def next_turn(due: float, now: float, per_second: float) -> tuple[float, float]:
    """Return the seconds to wait and the new *due*, the moment up to which turns are given out.  Pure."""
    interval = 1 / per_second
    due = now if due > now + FURTHEST else max(due, now)
    return max(0.0, due - now - (BURST - 1) * interval), due + interval


def _taken(db: Connection, scope: str) -> int:
    return int(db.execute("SELECT count(*) FROM slot WHERE scope = ?", (scope,)).fetchone()[0])


def _free_the_dead(db: Connection, scope: str, now: float) -> None:
    owners = "SELECT host, pid, started, max(since) AS since FROM slot WHERE scope = ? GROUP BY 1, 2, 3"
    for row in db.execute(owners, (scope,)).fetchall():
        owner = Owner(host=row["host"], pid=row["pid"], started=row["started"])
        lives = alive(owner)
        if lives is None:
            lives = now - row["since"] < UNSEEN_SECONDS
        if not lives:
            sql = "DELETE FROM slot WHERE host = ? AND pid = ? AND started = ?"
            db.execute(sql, (owner.host, owner.pid, owner.started))
