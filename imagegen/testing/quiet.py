"""
Proves that something is pure: no file, socket, process or dice while it runs.

CPython tells its audit hooks of every such act (https://docs.python.org/3/library/audit_events.html).  A hook cannot be
taken out again, so there is one, and it only listens inside `quietly()`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

LOUD = ("open", "socket.", "subprocess.", "sqlite3.", "os.system", "time.sleep", "urllib.")
_heard: ContextVar[list[str] | None] = ContextVar("imagegen_heard", default=None)


@contextmanager
def quietly() -> Iterator[None]:
    """Raise an `AssertionError` when what is done inside is not pure."""
    _listen()
    heard: list[str] = []
    token, dice = _heard.set(heard), random.getstate()
    try:
        yield
    finally:
        _heard.reset(token)
    assert not heard, f"not pure: {', '.join(heard)}"
    assert random.getstate() == dice, "not pure: it drew from the shared dice"


@cache
def _listen() -> None:
    sys.addaudithook(_hook)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    heard = _heard.get()
    if heard is not None and event.startswith(LOUD):
        heard.append(f"{event} {args[0] if args else ''}".strip())
