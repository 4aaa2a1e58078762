"""
What is remembered about an account at a vendor: uploaded resources, loaded models.  Each fact lives as long
as it says.
"""

from __future__ import annotations

from sqlite3 import Connection

from .leases import scope_id
from .records import Scope

_OF_SCOPE = """
FROM fact f JOIN scope s ON s.id = f.scope
WHERE s.provider = ? AND s.account = ? AND s.base_url = ? AND s.emulated = ? AND s.namespace = ?
  AND (f.expires IS NULL OR f.expires > ?)
"""


def remember(db: Connection, now: float, scope: Scope, kind: str, key: str, value: str, seconds: float | None) -> None:
    """Keep a fact, in place of what was known."""
    expires = None if seconds is None else now + seconds
    db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?, ?, ?, ?)", (scope_id(db, scope), kind, key, value, expires))


def known(db: Connection, now: float, scope: Scope) -> dict[tuple[str, str], str]:
    """Return all facts that still live."""
    rows = db.execute(f"SELECT f.kind, f.key, f.value {_OF_SCOPE}", _values(scope, now))
    return {(row["kind"], row["key"]): row["value"] for row in rows}


def recall(db: Connection, now: float, scope: Scope, kind: str, key: str) -> str | None:
    """Return one fact that still lives."""
    row = db.execute(
        f"SELECT f.value {_OF_SCOPE} AND f.kind = ? AND f.key = ?",
        (*_values(scope, now), kind, key),
    ).fetchone()
    return None if row is None else str(row["value"])


def forget(db: Connection, scope: Scope, kind: str, key: str) -> None:
    """Drop a fact."""
    db.execute("DELETE FROM fact WHERE scope = ? AND kind = ? AND key = ?", (scope_id(db, scope), kind, key))


def _values(scope: Scope, now: float) -> tuple[object, ...]:
    return (scope.provider, scope.account, scope.base_url, scope.emulated, scope.namespace, now)
