"""
What an emulated vendor lives in: a clock, a memory, books, files, faults, and rules to be strict about.

State is one SQLite file (or `:memory:`), so that `load-model` in one process and `generate` in the next see
the same world, and so that the books survive a client that was killed.  One process or many: every change is
one transaction, and the world's time, which the file remembers, never runs backward.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen

from .clock import Clock
from .faults import TRANSPORT, Fault, Rule, parse_marks
from .journal import redact
from .state import TABLES, open_state

_JOURNAL_ENTRIES = 20_000  # the oldest are forgotten beyond that
_FILE_BYTES = 256 * 1024 * 1024  # beyond that the oldest files are gone, as if their links had expired
_EVERY = 16  # how often, in files kept, that is looked at
_FORGET_FILES = """
UPDATE file SET body = x'', expires = 0 WHERE length(body) > 0 AND rowid IN (
  SELECT rowid FROM (SELECT rowid, sum(length(body)) OVER (ORDER BY rowid DESC) AS total FROM file)
  WHERE total > ?
)
"""
_BOOK = ("provider", "id", "idempotency_key", "prompt", "state", "credits", "at")


@frozen(kw_only=True)
class Rules:
    """How the world behaves (`imagegen emulate` flags)."""

    strict: bool = False  # refuse unknown fields in the vendor's own envelope
    limits: bool = False  # enforce the vendors' rate limits
    queue: bool = False  # everything queues, also where a vendor would answer at once
    seconds_per_step: float = 0.05  # how long a diffusion step takes, in world time
    credits: Decimal = Decimal(1_000_000)  # what every account opens with, in the vendor's own unit


@define
class World:
    """See the module.  Vendor halves use only these methods."""

    path: str = ":memory:"
    rules: Rules = field(factory=Rules)
    clock: Clock = field(factory=Clock)
    _lock: threading.RLock = field(factory=threading.RLock, init=False)
    _said: threading.local = field(factory=threading.local, init=False)
    _db: sqlite3.Connection = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._db = open_state(self.path)
        self._remember_time()

    def close(self) -> None:
        """Close the state file."""
        with self._lock:
            self._db.close()

    # -- time and ids --

    def now(self) -> float:
        """World time, unix seconds."""
        with self._lock:
            row = self._db.execute("SELECT at FROM mark").fetchone()
            now = self.clock.now()
            if row is not None and row[0] > now:  # another process, now or before, has moved the world on
                self.clock.advance(row[0] - now)
                return float(row[0])
            return now

    def advance(self, seconds: float) -> float:
        """Move the world forward; returns the new time."""
        with self._lock:
            self.now()
            self.clock.advance(max(seconds, 0.0))
            return self._remember_time()

    def _remember_time(self) -> float:
        with self.change() as db:
            now = self.now()
            db.execute("INSERT OR REPLACE INTO mark VALUES (1, ?)", (now,))
            return now

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
                f"INSERT INTO charge ({', '.join(_BOOK)}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (provider, id, key, prompt, state, str(credits), self.now()),
            )

    def book(self, id: str, *, state: str, credits: Decimal | None = None, provider: str | None = None) -> None:
        """
        Change the state of a booked job (and what it cost, for a refund; the account is `account.refund`'s).

        Two vendors may use equal ids: name the *provider* where they are short numbers.
        """
        with self.change() as db:
            db.execute(
                "UPDATE charge SET state = ?, credits = coalesce(?, credits)"
                " WHERE id = ? AND coalesce(?, provider) = provider",
                (state, None if credits is None else str(credits), id, provider),
            )

    def books(self) -> list[dict[str, Any]]:
        """Return every charged job, oldest first."""
        with self._lock:
            rows = self._db.execute(f"SELECT {', '.join(_BOOK)} FROM charge ORDER BY n").fetchall()
        return [dict(zip(_BOOK, row, strict=True)) for row in rows]

    # -- files under /files/ --

    def keep(self, name: str, body: bytes, media_type: str, *, seconds: float | None = None) -> str:
        """Keep a file; returns its path `/files/<name>`.  *seconds* is how long its link lives."""
        expires = None if seconds is None else self.now() + seconds
        with self.change() as db:
            db.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)", (name, media_type, body, expires))
            if self.next("files kept") % _EVERY == 0:
                db.execute(_FORGET_FILES, (_FILE_BYTES,))
        return f"/files/{name}"

    def file(self, name: str) -> tuple[bytes, str, bool] | None:
        """Return `(body, media type, expired)`, or None."""
        with self._lock:
            row = self._db.execute("SELECT body, media_type, expires FROM file WHERE name = ?", (name,)).fetchone()
        return None if row is None else (row[0], row[1], row[2] is not None and row[2] <= self.now())

    def read_link(self, url: str) -> bytes | None:
        """Return the bytes behind a link to one of our own files, on any host; None = not ours, or dead."""
        _, marker, name = url.partition("/files/")
        found = self.file(name.split("?")[0]) if marker else None
        return None if found is None or found[2] else found[0]

    # -- journal --

    def warn(self, text: str) -> None:
        """Say something about the request at hand (an unknown field), for that request's journal entry."""
        self._said.warnings = [*getattr(self._said, "warnings", ()), text]

    def warned(self) -> list[str]:
        """Return what was said since the last call, in this thread."""
        warnings: list[str] = getattr(self._said, "warnings", [])
        self._said.warnings = []
        return warnings

    def note(self, entry: Mapping[str, Any]) -> None:
        """Write into the journal (`GET /_emulator/requests`); secrets are taken out."""
        text = json.dumps(redact(entry), ensure_ascii=False)
        with self.change() as db:
            now = self._remember_time()
            number = db.execute("INSERT INTO journal (at, entry) VALUES (?, ?) RETURNING n", (now, text)).fetchone()[0]
            if number % 1000 == 0:
                db.execute("DELETE FROM journal WHERE n <= ?", (number - _JOURNAL_ENTRIES,))

    def journal(self) -> list[dict[str, Any]]:
        """Return the journal, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT at, entry FROM journal ORDER BY n").fetchall()
        return [{"at": at, **json.loads(entry)} for at, entry in rows]

    # -- faults --

    def faults(self, prompt: str = "", *, provider: str = "", path: str = "") -> tuple[Fault, ...]:
        """
        Return the faults of a job: marks in the prompt (`[emu:fail]`), then posted rules (used up).

        Ask once per job, when it is submitted.  Posted rules about the transport (`http`, `drop`, ...) are
        not among them: the chassis has seen to those.
        """
        return (*parse_marks(prompt), *self._strike(False, provider, path, ""))

    def transport_faults(self, *, provider: str, path: str, method: str) -> tuple[Fault, ...]:
        """Return the posted transport faults that strike one HTTP call (the chassis asks, once per call)."""
        return self._strike(True, provider, path, method)

    def _strike(self, transport: bool, provider: str, path: str, method: str) -> tuple[Fault, ...]:
        select = "SELECT n, rule FROM fault WHERE transport = ? ORDER BY n"
        with self._lock:
            if not self._db.execute(select, (transport,)).fetchall():
                return ()  # the usual case costs no transaction
        struck: list[Fault] = []
        with self.change() as db:
            for number, text in db.execute(select, (transport,)).fetchall():
                rule = Rule.of(json.loads(text))
                if rule.matches(provider, path, method):
                    strikes, rule = rule.struck()
                    struck += [rule.fault] if strikes else []
                    db.execute("UPDATE fault SET rule = ? WHERE n = ?", (json.dumps(rule.plain()), number))
                    if rule.left == 0:
                        db.execute("DELETE FROM fault WHERE n = ?", (number,))
        return tuple(struck)

    def add_fault(self, rule: Rule) -> None:
        """Add a rule (`POST /_emulator/faults`)."""
        if rule.left != 0:
            with self.change() as db:
                values = (rule.fault.name in TRANSPORT, json.dumps(rule.plain()))
                db.execute("INSERT INTO fault (transport, rule) VALUES (?, ?)", values)

    def rules_posted(self) -> list[dict[str, Any]]:
        """Return the rules that are not used up."""
        with self._lock:
            return [json.loads(text) for (text,) in self._db.execute("SELECT rule FROM fault ORDER BY n")]

    def clear_faults(self) -> None:
        """Forget all rules."""
        with self.change() as db:
            db.execute("DELETE FROM fault")

    def reset(self) -> None:
        """Make the world new (its time goes on)."""
        with self.change() as db:
            for table in TABLES.keys() - {"mark"}:
                db.execute(f"DELETE FROM {table}")
