"""
The emulator without a socket: what a client's transport calls in place of the network, sync and async alike.

World time is moved by hand: a client that sleeps moves it on, so waiting costs no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import evolve, frozen

from imagegen.effects import Http, TooLarge, TransportError
from imagegen.flow import Reply
from imagegen.plugins import Registry
from imagegen.provider import Provider

from . import KEY, Request, Response
from .chassis import Chassis, open_chassis
from .clock import Clock
from .world import Rules

BASE_URL = "http://emulator.invalid"  # RFC 2606: never a real host
STATE_FILE = "emulator.sqlite3"


class Dropped(Exception):
    """The connection was closed before the answer was complete; `partial` is what arrived, if anything."""

    def __init__(self, message: str, partial: Response | None = None) -> None:
        super().__init__(message)
        self.partial = partial


class Hung(Exception):
    """No complete answer within the caller's patience."""


@frozen
class InProcess:
    """A chassis as a transport sees it.  `send` and `sleep` are what `imagegen.transport.Local` wants."""

    chassis: Chassis
    base_url: str = BASE_URL

    def send(self, http: Http) -> Reply:
        """Perform one exchange; a `TransportError` when it does not end with a complete answer."""
        wire = http.wire
        try:
            answer = self.exchange(wire.method, wire.url, headers=wire.headers, body=wire.content, timeout=http.timeout)
        except Hung as error:
            raise TransportError(str(error), sent=True, timeout=True) from None
        except Dropped as error:
            raise TransportError(str(error), sent=True) from None
        if len(answer.body) > http.limit:
            raise TooLarge(f"the answer is larger than {http.limit} bytes", sent=True)
        return Reply(answer.status, answer.body, answer.headers)

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float | None = None,
    ) -> Response:
        """
        Ask, and return the whole answer; `Dropped` or `Hung` when there is none.

        An answer that comes late moves the world on instead; one that comes later than *timeout* is `Hung`.
        """
        response = self.chassis.handle(read_request(method, url, headers or {}, body))
        if response.drop:
            raise Dropped("the connection was closed without an answer")
        late = response.delay + (len(response.body) / response.drip if response.drip else 0.0)
        if response.hang or (timeout is not None and late > timeout):
            self.sleep(timeout or 0.0)
            raise Hung("no complete answer in time")
        if late:
            self.sleep(late)
        if response.truncate is not None:
            partial = evolve(response, body=response.body[: response.truncate])
            raise Dropped(f"the connection was closed after {len(partial.body)} bytes", partial)
        return response

    def settings_for(self, provider: Provider) -> dict[str, str]:
        """Return the settings with which *provider* talks to its own emulator: its address there, the key."""
        prefix = self.chassis.prefix_for(provider.name)
        if prefix is None:
            return {}
        keys = {setting.name: KEY for setting in provider.settings if setting.secret and setting.required}
        return {**keys, "base_url": self.base_url + prefix}

    def sleep(self, seconds: float) -> None:
        """Move the world on; returns at once."""
        self.chassis.world.advance(seconds)

    def now(self) -> float:
        """Return the world's time, unix seconds."""
        return self.chassis.world.now()

    def close(self) -> None:
        """Close the state file."""
        self.chassis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Build the request that a server's door would have seen."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Request(
        method=method.upper(),
        path=unquote(parts.path) or "/",
        target=target,
        base=f"{parts.scheme}://{parts.netloc}",
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in headers.items()},
        body=body,
    )


def open_in_process(
    home: Path | None,
    *,
    rules: Rules | None = None,
    clock: Clock | None = None,
    registry: Registry | None = None,
) -> InProcess:
    """
    Open the emulated world of *home* (its state lies in `emulator.sqlite3` there), or a fresh one in memory.

    Several processes may open the same one; it then has one time, that of whoever is furthest.
    """
    path = None if home is None else home / STATE_FILE
    return InProcess(open_chassis(path, rules=rules, clock=clock or Clock(manual=True), registry=registry))
