"""
An emulator of the vendors: real pictures, real job states, real books, no key and no network.

Each vendor's half lives in that vendor's package and is offered by the hook `imagegen_emulators`.  The
chassis here gives it a `World` (clock, state, books, files, faults) and two thin doors: a server
(`imagegen emulate`) and a call in process (`Client(emulated=True)`).  Both end in
`Chassis.handle(request) -> response`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attrs import field, frozen

if TYPE_CHECKING:
    from .world import World

KEY = "emulator-key"  # what every emulated vendor takes


@frozen(kw_only=True)
class Request:
    """
    One HTTP request as a door saw it.

    Attributes:
        path: below the vendor's prefix (`/v1/jobs` for a call to `/acme/v1/jobs`).
        target: as sent: prefix, path and query (what a signature covers).
        base: scheme and host as the caller wrote them (`http://127.0.0.1:8085`); links to own files start
            with it.
        headers: names in lower case.
    """

    method: str
    path: str
    target: str = ""
    base: str = "http://emulator.invalid"
    query: Mapping[str, str] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = field(default=b"", repr=False)

    def json(self) -> Any:
        """Return the body as data; a `ValueError` when it is no JSON."""
        return json.loads(self.body) if self.body else {}


@frozen(kw_only=True)
class Response:
    """
    What goes back.

    Attributes:
        delay: seconds that the door waits before it answers.
        drop: the connection is closed without an answer (what was charged stays charged).
        truncate: only so many bytes of the body are sent, then the connection is closed.
        drip: bytes per second at which the body is sent, None = at once.
        hang: no answer ever comes; the connection stays open until the caller gives up.
        reset: a dropped or truncated connection ends with a reset instead of a plain close.
    """

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(factory=dict)
    delay: float = 0.0
    drop: bool = False
    truncate: int | None = None
    drip: float | None = None
    hang: bool = False
    reset: bool = False


def answer(data: Any, status: int = 200, **headers: str) -> Response:
    """Return *data* as a JSON response."""
    body = json.dumps(data, ensure_ascii=False).encode("utf-8")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, body=body, headers={"content-type": "application/json", **named})


class Emulator(Protocol):
    """
    One vendor's half.

    Attributes:
        prefix: where it is mounted (`/acme`); also the provider's name in the books.  Of several that fit
            a path, the longest wins.  It serves the provider of that name; see `ServesOthers`.
        deviations: every rule of it that no document supports, one sentence each (`imagegen emulate
            --deviations`).
    """

    prefix: str
    deviations: Sequence[str]

    def handle(self, request: Request, world: World) -> Response:
        """Answer one request.  Pure but for *world*."""
        ...


@runtime_checkable
class ServesOthers(Protocol):
    """What an emulator may declare besides: the names of the providers that it serves, where not its prefix's alone."""

    providers: Sequence[str]
