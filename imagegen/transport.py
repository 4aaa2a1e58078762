"""
The only room that knows httpx (and where its continuation would be put in its place).

One exchange in, one `Reply` or one `TransportError` out.  No redirects, no cookies, no retries, no environment: those
are decisions, and decisions are the engine's.  A small pool behind our own semaphore carries thousands of jobs.
"""

from __future__ import annotations

import asyncio
import functools
import math
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import httpx

from .effects import Connection, Http, Line, TooLarge, TransportError
from .flow import Reply

CONNECTIONS = 16  # measured: with httpx' default pool 1,000 concurrent posts all fail; 16 carry 5,000 jobs
CONNECT_SECONDS = 15.0
_LIMITS = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=30.0)


@functools.cache
def _context() -> ssl.SSLContext:
    """One context for all clients: making one costs more than everything else about a client."""
    return httpx.create_ssl_context()


def _options() -> dict[str, Any]:
    return {"verify": _context(), "limits": _LIMITS, "trust_env": False}


def _request(http: Http) -> httpx.Request:
    """Build the request.  Bodies come as they are (`identity`): a bomb is as large on the wire as in memory."""
    wire, seconds = http.wire, http.timeout
    timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS), pool=None)
    headers = {"Accept-Encoding": "identity", "Connection": "keep-alive", **wire.headers}
    return httpx.Request(
        wire.method, wire.url, headers=headers, content=wire.content, extensions={"timeout": timeout.as_dict()}
    )


def _failure(error: httpx.HTTPError | httpx.InvalidURL) -> TransportError:
    """Say whether anything can have been sent: the question on which money hangs."""
    never = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)
    words = str(error) or type(error).__name__
    return TransportError(words, sent=not isinstance(error, never), timeout=isinstance(error, httpx.TimeoutException))


def _reply(response: httpx.Response, body: bytes, limit: int) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    if headers.get("content-encoding", "identity") != "identity":  # a server that compresses though nobody asked
        body = _decoded(response, body, limit)
    return Reply(response.status_code, body, headers)


def _decoded(response: httpx.Response, body: bytes, limit: int) -> bytes:
    whole = bytearray()
    for chunk in httpx.Response(response.status_code, headers=response.headers, stream=_Bytes(body)).iter_bytes(65536):
        whole += chunk
        _within(len(whole), limit)
    return bytes(whole)


class _Bytes(httpx.SyncByteStream):
    """A body in small pieces, so that what it unpacks to is counted on the way."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return (self._body[at : at + 4096] for at in range(0, len(self._body), 4096))


# --- blocking ----------------------------------------------------------------------------------------------------


class _Deadline(threading.local):
    """When the exchange of this thread has to be over; a connection serves one thread at a time."""

    ends: float = math.inf

    def left(self, timeout: float | None) -> float | None:
        """Return the seconds that one operation may take."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("no complete answer in time")
        return min(timeout or left, left) if left < math.inf else timeout


class _Stream(httpcore.NetworkStream):
    """
    A connection whose operations also end at the deadline of the exchange.

    httpcore bounds each read: a vendor that sends one byte a second, headers or body, would hold the line for hours.
    """

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Opens connections that keep the deadline."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(self, *words: Any, **named: Any) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(*words, **named), self._deadline)


class _Connections(httpx.HTTPTransport):
    """httpx' own, over connections that keep the deadline: its pool has an argument for that, it has none."""

    def __init__(self, deadline: _Deadline) -> None:
        super().__init__(**_options())
        self._pool = httpcore.ConnectionPool(
            ssl_context=_context(),
            max_connections=_LIMITS.max_connections,
            max_keepalive_connections=_LIMITS.max_keepalive_connections,
            keepalive_expiry=_LIMITS.keepalive_expiry,
            network_backend=_Backend(deadline),
        )


class Transport:
    """
    Sends by blocking.  Safe to share between threads.

    httpx' transport is used without its client: redirects, cookies and authentication are not wanted, and cost CPU.
    """

    def __init__(self) -> None:
        self._deadline = _Deadline()
        self._transport = _Connections(self._deadline)
        self._slots = threading.BoundedSemaphore(CONNECTIONS)

    def send(self, http: Http) -> Reply:
        """Perform one exchange."""
        started = time.monotonic()
        mine = None if http.connection is not None else self.line(Line(http.patience))
        try:
            self._deadline.ends = time.monotonic() + _seconds(http, time.monotonic() - started)
            return self._exchange(http)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failure(error) from None
        finally:
            self._deadline.ends = math.inf
            if mine is not None:
                mine.release()

    def line(self, line: Line) -> Connection:
        """Wait for a free connection."""
        if not self._slots.acquire(timeout=line.patience):
            raise _no_slot()
        return Connection(self._slots.release)

    def _exchange(self, http: Http) -> Reply:
        response = self._transport.handle_request(_request(http))
        assert isinstance(response.stream, httpx.SyncByteStream)
        try:
            body = bytearray()
            for chunk in response.stream:
                body += chunk
                _within(len(body), http.limit)
            return _reply(response, bytes(body), http.limit)
        finally:
            response.stream.close()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


# --- awaiting ----------------------------------------------------------------------------------------------------


class AsyncTransport:
    """Sends by awaiting; one per event loop."""

    def __init__(self) -> None:
        self._transport = httpx.AsyncHTTPTransport(**_options())
        self._slots = asyncio.Semaphore(CONNECTIONS)

    async def send(self, http: Http) -> Reply:
        """Perform one exchange."""
        started = time.monotonic()
        mine = None if http.connection is not None else await self.line(Line(http.patience))
        try:
            async with asyncio.timeout(_seconds(http, time.monotonic() - started)):
                return await self._exchange(http)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failure(error) from None
        except TimeoutError:
            raise _failure(httpx.ReadTimeout("no complete answer in time")) from None
        finally:
            if mine is not None:
                mine.release()

    async def line(self, line: Line) -> Connection:
        """Wait for a free connection."""
        try:
            async with asyncio.timeout(line.patience):
                await self._slots.acquire()
        except TimeoutError:
            raise _no_slot() from None
        return Connection(self._slots.release)

    async def _exchange(self, http: Http) -> Reply:
        response = await self._transport.handle_async_request(_request(http))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        try:
            body = bytearray()
            async for chunk in response.stream:
                body += chunk
                _within(len(body), http.limit)
            return _reply(response, bytes(body), http.limit)
        finally:
            await response.stream.aclose()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def _seconds(http: Http, waited: float) -> float:
    """Return how long an exchange may take that waited in line for *waited* seconds."""
    seconds = http.timeout if http.patience is None else min(http.timeout, http.patience - waited)
    if seconds <= 0:
        raise _no_slot()
    return seconds


def _within(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"the answer is larger than {limit} bytes", sent=True)


def _no_slot() -> TransportError:
    return TransportError("no connection became free in time", sent=False, timeout=True)


def _nothing() -> None:
    """Give back what was never taken."""


# --- in this process ---------------------------------------------------------------------------------------------


class Local:
    """Sends to a function in this process (an emulator): the same for both shells, and waiting costs no time."""

    def __init__(self, send: Callable[[Http], Reply], sleep: Callable[[float], None]) -> None:
        self.send, self.sleep = send, sleep

    def line(self, _: Line) -> Connection:
        """There is no line."""
        return Connection(_nothing)

    def close(self) -> None:
        """Nothing to close."""


class AsyncLocal:
    """`Local` for the async shell; pictures are drawn in a worker thread."""

    def __init__(self, send: Callable[[Http], Reply], sleep: Callable[[float], None]) -> None:
        self._send, self._sleep = send, sleep

    async def send(self, http: Http) -> Reply:
        """Perform one exchange."""
        return await asyncio.to_thread(self._send, http)

    async def line(self, _: Line) -> Connection:
        """There is no line."""
        return Connection(_nothing)

    async def sleep(self, seconds: float) -> None:
        """Let the others run, and the emulated world go on."""
        self._sleep(seconds)
        await asyncio.sleep(0)

    async def close(self) -> None:
        """Nothing to close."""
