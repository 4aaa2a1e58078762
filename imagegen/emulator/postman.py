"""Sends due webhooks, to this machine only; what became of each stands in `GET /_emulator/webhooks`."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from . import outbox
from .world import World

_PATIENCE = 5.0  # seconds


def deliver_due(world: World) -> None:
    """Send every call whose time has come, once, best effort.  Blocks."""
    for entry in outbox.claim(world):
        outbox.settle(world, entry["id"], _deliver(entry))


def _deliver(entry: Mapping[str, Any]) -> str:
    if not outbox.is_loopback(entry["url"]):
        return "refused: the emulator calls nothing but this machine"
    url = urlsplit(entry["url"])
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    headers = {"content-type": "application/json", **entry["headers"]}
    try:
        # No proxies, no redirects: http.client has neither.
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_PATIENCE)
        try:
            connection.request("POST", target, json.dumps(entry["body"]).encode(), headers)
            return f"delivered {connection.getresponse().status}"
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"failed: {type(error).__name__}"
