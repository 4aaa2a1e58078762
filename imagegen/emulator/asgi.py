"""
The emulator behind a socket: an ASGI app, and a server for it.

`App` is plain ASGI.  Two things that ASGI has no words for, closing a connection without an answer and
resetting it, need the connection itself: our server (uvicorn, extra `server`) hands it to the app in the scope's state.
Vendor halves run in worker threads, so a slow picture blocks nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from attrs import evolve, frozen

from imagegen.errors import InvalidInput, NotConfigured

from . import Request, Response, answer
from .chassis import Chassis
from .postman import deliver_due

if TYPE_CHECKING:
    import uvicorn

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY = 64 * 1024 * 1024  # a 15 MB picture is 20 MB of base64, and some calls bring several
_POST_SECONDS = 0.2  # how often webhooks are looked for
_CONNECTION = "imagegen.connection"  # in the scope's state: the server's protocol object


@frozen
class App:
    """An ASGI application over a chassis."""

    chassis: Chassis

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, or live through the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        post = asyncio.create_task(self._deliver())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        post.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await post
        await send({"type": "lifespan.shutdown.complete"})

    async def _deliver(self) -> None:
        while True:
            await asyncio.to_thread(deliver_due, self.chassis.world)
            await asyncio.sleep(_POST_SECONDS)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            response = answer({"error": f"more than {MAX_BODY} bytes"}, 413)
        else:
            response = await asyncio.to_thread(self.chassis.handle, read_request(scope, body))
        clock = self.chassis.world.clock
        response = evolve(response, delay=response.delay / (1.0 if clock.manual else clock.speed))
        await _Answer(response, scope, receive, send).give()


@frozen
class _Answer:
    """Sends one response the way it says; stops when the caller has gone."""

    response: Response
    scope: Scope
    receive: Receive
    send: Send

    async def give(self) -> None:
        response = self.response
        if (response.hang or response.delay > 0) and await self._left(None if response.hang else response.delay):
            return
        if response.drop:
            await self._close()
            return
        headers = {"content-length": str(len(response.body)), **response.headers}
        lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": response.status, "headers": lines})
        body = response.body if response.truncate is None else response.body[: response.truncate]
        if response.drip:
            for slice_, pause in _slices(body, response.drip):
                await self._body(slice_, more=True)
                if await self._left(pause):
                    return
            body = b""
        cut = response.truncate is not None
        await self._body(body, more=cut)
        if cut:
            await self._close()

    async def _body(self, body: bytes, *, more: bool) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def _left(self, seconds: float | None) -> bool:
        """Wait (None = for ever); True as soon as the caller has gone."""
        try:
            async with asyncio.timeout(seconds):
                while (await self.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True

    async def _close(self) -> None:
        connection = (self.scope.get("state") or {}).get(_CONNECTION)
        if connection is None:
            raise ConnectionAbortedError("an emulated fault closes this connection; this server cannot")
        if self.response.reset:
            linger = struct.pack("ii", 1, 0)  # on, 0 seconds: what is under way is thrown away, and RST sent
            connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.transport.abort()
        else:
            connection.transport.close()
        await self._left(None)


def _slices(body: bytes, per_second: float) -> Iterator[tuple[bytes, float]]:
    """Cut *body* into slices, ten a second at most, each with the pause that follows it."""
    size = max(1, int(per_second / 10))
    for start in range(0, len(body), size):
        yield body[start : start + size], size / per_second


async def _read(receive: Receive) -> bytes | None:
    """Read the body; None when it is too large (it is read to its end, so that the connection stays usable)."""
    chunks, size = [], 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY:
            chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks) if size <= MAX_BODY else None


def read_request(scope: Mapping[str, Any], body: bytes) -> Request:
    """Read an ASGI scope."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    target = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    return Request(
        method=scope["method"],
        path=scope["path"],
        target=f"{target}?{query}" if query else target,
        base=f"{scope['scheme']}://{headers.get('host') or 'emulator.invalid'}",
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        body=body,
    )


# --- the server --------------------------------------------------------------------------------------


def serve(
    chassis: Chassis, *, host: str = "127.0.0.1", port: int = 8085, ready: Callable[[str], None] | None = None
) -> None:
    """
    Serve until SIGINT or SIGTERM, then end gracefully and return.  Call it in the main thread.

    *ready* is told the base URL (port 0 picks a free port) as soon as connections are taken.
    """
    with _listening(host, port) as listener, _calm_signals():
        server = _server(chassis)
        if ready is not None:
            ready(_url(listener))
        server.run(sockets=[listener])


@contextlib.contextmanager
def serving(chassis: Chassis, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread for as long as the block lasts; gives the base URL."""
    with _listening(host, port) as listener:
        server = _server(chassis)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="emulator", daemon=True)
        thread.start()
        try:
            yield _url(listener)
        finally:
            server.should_exit = True
            thread.join()


def _server(chassis: Chassis) -> uvicorn.Server:
    try:
        import uvicorn
        from uvicorn.protocols.http.h11_impl import H11Protocol
    except ImportError:
        raise NotConfigured("serving the emulator needs an extra", hint="pip install 'imagegen[server]'") from None

    class Protocol(H11Protocol):
        """uvicorn's own, but its app can reach the connection."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.app_state = {**self.app_state, _CONNECTION: self}

    config = uvicorn.Config(
        App(chassis),
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level=60,  # above critical: the journal tells, the terminal is the command's
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,  # an emulated vendor that hangs would never let go
    )
    return uvicorn.Server(config)


def _listening(host: str, port: int) -> socket.socket:
    """Bind and listen: from here on callers queue, whether or not the server has started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio sets TCP_NODELAY only then, and without it every answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise InvalidInput(f"cannot listen on {host} port {port}: {error}") from None
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _calm_signals() -> Iterator[None]:
    """uvicorn ends gracefully at a signal and then raises it again, for the handler before it: here, nothing."""
    before = {number: signal.signal(number, _nothing) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(number: int, frame: object) -> None:
    pass
