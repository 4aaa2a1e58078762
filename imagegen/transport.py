"""
The only room that knows httpx (and where its continuation would be put in its place).

One exchange in, one `Reply` or one `TransportError` out.  No redirects, no cookies, no retries, no environment: those
are decisions, and decisions are the engine's.  A small pool behind our own semaphore carries thousands of jobs.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from .effects import Http, TooLarge, TransportError
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


class Transport:
    """
    Sends by blocking.  Safe to share between threads.

    httpx' transport is used without its client: redirects, cookies and authentication are not wanted, and cost CPU.
    """

    def __init__(self) -> None:
        self._transport = httpx.HTTPTransport(**_options())
        self._slots = threading.BoundedSemaphore(CONNECTIONS)

    def send(self, http: Http) -> Reply:
        """Perform one exchange."""
        ends = time.monotonic() + http.timeout
        with self._slots:
            try:
                return self._exchange(http, ends)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise _failure(error) from None

    def _exchange(self, http: Http, ends: float) -> Reply:
        response = self._transport.handle_request(_request(http))
        assert isinstance(response.stream, httpx.SyncByteStream)
        try:
            body = bytearray()
            for chunk in response.stream:
                body += chunk
                _within(len(body), http.limit)
                if time.monotonic() > ends:
                    raise TransportError("no complete answer in time", sent=True, timeout=True)
            return _reply(response, bytes(body), http.limit)
        finally:
            response.stream.close()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


class AsyncTransport:
    """Sends by awaiting; one per event loop."""

    def __init__(self) -> None:
        self._transport = httpx.AsyncHTTPTransport(**_options())
        self._slots = asyncio.Semaphore(CONNECTIONS)

    async def send(self, http: Http) -> Reply:
        """Perform one exchange."""
        async with self._slots:
            try:
                async with asyncio.timeout(http.timeout):
                    return await self._exchange(http)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise _failure(error) from None
            except TimeoutError:
                raise TransportError("no complete answer in time", sent=True, timeout=True) from None

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


def _within(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"the answer is larger than {limit} bytes", sent=True)


class Local:
    """Sends to a function in this process (an emulator): the same for both shells, and waiting costs no time."""

    def __init__(self, send: Callable[[Http], Reply], sleep: Callable[[float], None]) -> None:
        self.send, self.sleep = send, sleep

    def close(self) -> None:
        """Nothing to close."""


class AsyncLocal:
    """`Local` for the async shell; pictures are drawn in a worker thread."""

    def __init__(self, send: Callable[[Http], Reply], sleep: Callable[[float], None]) -> None:
        self._send, self._sleep = send, sleep

    async def send(self, http: Http) -> Reply:
        """Perform one exchange."""
        return await asyncio.to_thread(self._send, http)

    async def sleep(self, seconds: float) -> None:
        """Let the others run, and the emulated world go on."""
        self._sleep(seconds)
        await asyncio.sleep(0)

    async def close(self) -> None:
        """Nothing to close."""
