"""
Webhook calls that wait for their time.

A vendor half queues one when it accepts a job (it knows when the job will be over); the served emulator sends
it, to loopback addresses only; in process they are only listed (`GET /_emulator/webhooks`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .world import World

_KIND = "outbox"


def queue(
    world: World,
    provider: str,
    url: str,
    body: Any,
    *,
    due: float | None = None,
    headers: Mapping[str, str] | None = None,
) -> str:
    """Queue a call with *body* (plain JSON) for world time *due* (None = now); returns its id."""
    number = f"{world.next('webhooks'):08d}"
    entry = {"id": number, "provider": provider, "url": url, "body": body, "headers": dict(headers or {})}
    world.put(_KIND, number, {**entry, "due": world.now() if due is None else due, "state": "waiting"})
    return number


def withdraw(world: World, id: str) -> bool:
    """Take a waiting call back (a canceled job); False when it has left."""
    with world.change():
        entry = world.get(_KIND, id)
        return bool(entry) and entry["state"] == "waiting" and world.remove(_KIND, id)


def listed(world: World) -> list[dict[str, Any]]:
    """Return every call, oldest first."""
    return list(world.all(_KIND).values())


def claim(world: World) -> list[dict[str, Any]]:
    """Take the calls whose time has come; nobody else gets them.  Say with `settle` what became of each."""
    if not any(_is_due(entry, world) for entry in listed(world)):
        return []
    with world.change():
        due = [entry for entry in listed(world) if _is_due(entry, world)]
        for entry in due:
            world.put(_KIND, entry["id"], {**entry, "state": "sending"})
        return due


def settle(world: World, id: str, state: str) -> None:
    """Write down what became of a call: `delivered 200`, `refused: ...`, `failed: ...`."""
    with world.change():
        entry = world.get(_KIND, id)
        if entry is not None:  # else the world was reset meanwhile
            world.put(_KIND, id, {**entry, "state": state})


def is_loopback(url: str) -> bool:
    """Whether *url* is plain http to this very machine.  Names other than `localhost` are not looked up."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return False
    try:
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


def _is_due(entry: Mapping[str, Any], world: World) -> bool:
    return bool(entry["state"] == "waiting" and entry["due"] <= world.now())
