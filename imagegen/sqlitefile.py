"""
One SQLite file shared by threads, processes and forks: opened late, private (mode 0600), in WAL mode,
migrated in order.

One connection per process behind a lock, so threads queue here instead of polling each other; processes wait
for each other with SQLite's own busy handler.  No connection crosses a fork
(https://www.sqlite.org/howtocorrupt.html, 2.6): it is closed before, and both sides open their own when they
next need one.  Whatever SQLite cannot do comes out as an `ImagegenError` of kind `storage_failed`, and the
next use starts with a fresh connection.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

from .errors import ImagegenError

BUSY_SECONDS = 30.0


class SqliteFile:
    """
    See the module.  *path* may be `:memory:`, for one process.

    *migrations* are scripts in order; `PRAGMA user_version` counts those that were applied.  Statements are
    separated by semicolons, which therefore cannot stand anywhere else in a script.
    """

    def __init__(self, path: str | PathLike[str], migrations: Sequence[str]) -> None:
        self.path = os.fspath(path)
        self._migrations = tuple(migrations)
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._durable: bool | None = False
        _FILES.add(self)

    @contextlib.contextmanager
    def change(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """
        Run one write transaction: committed at the end, rolled back when anything is raised.

        A *durable* one is on the disk when this returns.  The others survive a killed process, and are made
        durable by the next durable one (the log is written in order); only a power cut can take them back.
        """
        with self._lock:
            try:
                db = self._opened()
                self._keep(db, durable)
                try:
                    db.execute("BEGIN IMMEDIATE")
                    yield db
                    db.execute("COMMIT")
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
            except (sqlite3.Error, OSError) as error:
                raise self._broken(error) from None

    @contextlib.contextmanager
    def read(self, *, once: bool = False) -> Iterator[sqlite3.Connection]:
        """Run queries that see one state of the file; *once*: it is a single one, which does so anyway."""
        with self._lock:
            try:
                db = self._opened()
                try:
                    if not once:
                        db.execute("BEGIN")
                    yield db
                finally:
                    if db.in_transaction:
                        db.execute("COMMIT")
            except (sqlite3.Error, OSError) as error:
                raise self._broken(error) from None

    def check(self) -> list[str]:
        """Return what SQLite finds wrong with the file; empty = it is whole."""
        with self.read() as db:
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """Close the connection; the next use opens another (a `:memory:` file is gone)."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None and self._db.in_transaction:
            self._db.execute("ROLLBACK")  # an interrupt came out between a statement and the block that guards it
        if self._db is None:
            _create(self.path)
            db = sqlite3.connect(
                self.path,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
            try:
                db.row_factory = sqlite3.Row
                _write_ahead(db)
                db.execute("PRAGMA synchronous=NORMAL")
                self._migrate(db)
            except BaseException:
                db.close()
                raise
            self._db, self._durable = db, False
        return self._db

    def _migrate(self, db: sqlite3.Connection) -> None:
        if _version(db) == len(self._migrations):
            return
        db.execute("BEGIN IMMEDIATE")
        done = _version(db)  # another process may have been quicker
        if done > len(self._migrations):
            raise _failed(f"{self.path} was written by a newer version of imagegen; upgrade this one")
        for script in self._migrations[done:]:
            for statement in script.split(";"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version={len(self._migrations)}")
        db.execute("COMMIT")

    def _keep(self, db: sqlite3.Connection, durable: bool) -> None:
        """Say how safe the next commit has to be."""
        if durable is not self._durable:
            self._durable = None  # an interrupt may come in between
            db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _broken(self, error: Exception) -> ImagegenError:
        with contextlib.suppress(sqlite3.Error):
            self.close()
        return _failed(f"{self.path} could not be read or written: {error}")


def _failed(message: str) -> ImagegenError:
    error = ImagegenError(
        message, kind="storage_failed", hint="Free some space or mend the file's permissions, then go on."
    )
    error.charged = None  # whether money is gone is for whoever was about to write it down
    return error


def _create(path: str) -> None:
    """Make the file before SQLite does, so that it (and the log beside it) can be read by its owner only."""
    if path == ":memory:":
        return
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _write_ahead(db: sqlite3.Connection) -> None:
    """
    Switch to WAL; the busy handler does not cover this switch, so processes that open a new file together
    retry.
    """
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


# --- forks --------------------------------------------------------------------------------------------------

_FILES: weakref.WeakSet[SqliteFile] = weakref.WeakSet()
_FORKING = threading.local()  # two threads may fork at once


def _before_fork() -> None:
    files = sorted((file for file in _FILES if file.path != ":memory:"), key=id)  # one order: no deadlock
    for file in files:
        file._lock.acquire()
        file.close()
    _FORKING.held = files


def _after_fork() -> None:
    for file in _FORKING.held:
        file._lock.release()
    _FORKING.held = []


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
