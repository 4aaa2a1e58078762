"""The emulated world's state file: SQLite, opened by many processes, made new when its shape has changed."""

from __future__ import annotations

import sqlite3
import time

_VERSION = 1  # of the schema; a state file of another version is made new
TABLES = {
    "thing": "kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key)",
    "file": "name TEXT PRIMARY KEY, media_type TEXT, body BLOB, expires REAL",
    "charge": "n INTEGER PRIMARY KEY, provider TEXT, id TEXT, idempotency_key TEXT, prompt TEXT, state TEXT,"
    " credits TEXT, at REAL, UNIQUE (provider, id)",
    "journal": "n INTEGER PRIMARY KEY, at REAL, entry TEXT",
    "counter": "name TEXT PRIMARY KEY, value INTEGER",
    "fault": "n INTEGER PRIMARY KEY, transport INTEGER, rule TEXT",
    "mark": "one INTEGER PRIMARY KEY, at REAL",
}


def open_state(path: str) -> sqlite3.Connection:
    """Open the state file, also while other processes do the same for the first time."""
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    for patience in range(100, -1, -1):
        try:
            db.execute("PRAGMA journal_mode=WAL")  # not covered by the busy timeout: 9 of 320 racing openers failed
            break
        except sqlite3.OperationalError:
            if not patience:
                db.close()
                raise
            time.sleep(0.05)
    db.execute("PRAGMA synchronous=NORMAL")
    if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        _make(db)
    return db


def _make(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:  # else another process was quicker
        for table, columns in TABLES.items():
            db.execute(f"DROP TABLE IF EXISTS {table}")
            db.execute(f"CREATE TABLE {table} ({columns})")
        db.execute(f"PRAGMA user_version = {_VERSION}")
    db.execute("COMMIT")
