"""
Vendors and lines that misbehave, over real sockets, for both clients: every call ends soon after its deadline with the
right error, and nothing stays open.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import random
import socket
import socketserver
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagegen import AsyncClient, Client, GenerationRequest, ImagegenError
from imagegen.emulator import KEY
from imagegen.retry import RetryPolicy

DEADLINE, GRACE = 1.0, 1.5  # the machine may be busy
REQUEST = GenerationRequest(prompt="a cat", seed=5, width=64, height=64)
JSON = b"application/json"


def picture() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(out, "PNG")
    return out.getvalue()


def bomb() -> bytes:
    """A valid PNG of 30000 x 30000 pixels in a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(3751) * 30_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def flipped(data: bytes) -> bytes:
    middle = data.index(b"IDAT") + 40
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


# --- what goes over the line -------------------------------------------------------------------------------------

Act = Callable[[socket.socket], None]


def says(
    body: bytes, kind: bytes = JSON, status: bytes = b"200 OK", size: int | None = None, more: bytes = b""
) -> bytes:
    length = len(body) if size is None else size
    return b"HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n%s\r\n%s" % (status, kind, length, more, body)


def sends(data: bytes) -> Act:
    return lambda line: line.sendall(data)


def drips(data: bytes, at_once: int = 0) -> Act:
    """One byte a second."""

    def act(line: socket.socket) -> None:
        line.sendall(data[:at_once])
        for byte in data[at_once:]:
            time.sleep(1.0)
            line.sendall(bytes([byte]))

    return act


def hangs(line: socket.socket) -> None:
    line.recv(1)


def slices(data: bytes) -> Act:
    def act(line: socket.socket) -> None:
        line.sendall(data)
        line.shutdown(socket.SHUT_RDWR)

    return act


def resets(data: bytes = b"") -> Act:
    def act(line: socket.socket) -> None:
        line.sendall(data)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()

    return act


def pours(head: bytes) -> Act:
    """A body without end."""

    def act(line: socket.socket) -> None:
        line.sendall(head)
        block = random.Random(1).randbytes(1 << 16)
        while True:
            line.sendall(block)

    return act


ENDLESS = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n"
HTML = b"<!DOCTYPE html><html><body>It works!</body></html>"


class Vendor(socketserver.ThreadingTCPServer):
    """Answers submits and downloads as it was told, else well."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Line)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.submit: Act | None = None
        self.file: Act | None = None
        self.submits = self.lines = 0
        self.lock = threading.Lock()

    def answer(self, path: str, line: socket.socket) -> None:
        if path.startswith("/file"):
            (self.file or sends(says(picture(), b"image/png")))(line)
            return
        self.submits += 1
        well = {"status": "success", "id": 7, "output": [f"{self.url}/file.png"], "meta": {"seed": 5}}
        (self.submit or sends(says(json.dumps(well).encode())))(line)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The other side has gone, as it should."""


class _Line(socketserver.BaseRequestHandler):
    server: Vendor

    def handle(self) -> None:
        with self.server.lock:
            self.server.lines += 1
        try:
            while head := self._head():
                self.server.answer(head.split(b" ")[1].decode(), self.request)
        finally:
            with self.server.lock:
                self.server.lines -= 1

    def _head(self) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.request.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        left = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0)
        left -= len(body)
        while left > 0:
            left -= len(self.request.recv(left))
        return head


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with Vendor() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def options(vendor: Vendor, tmp_path: Any) -> dict[str, Any]:
    settings = {"modelslab": {"api_key": KEY, "base_url": vendor.url}}
    return {
        "settings": settings,
        "home": tmp_path / "home",
        "output": tmp_path / "out",
        "policy": RetryPolicy(base=0.05),
    }


def told(kind: str, vendor: Vendor, tmp_path: Any, timeout: float, hurry: bool = False) -> tuple[Any, float]:
    """Generate once; return what came of it and how long it took."""
    if kind == "sync":
        with Client(**options(vendor, tmp_path)) as mine:
            if hurry:
                mine.shell.transport.sleep = lambda seconds: None
            start = time.monotonic()
            try:
                return mine.generate(REQUEST, "modelslab", timeout=timeout), time.monotonic() - start
            except ImagegenError as error:
                return error, time.monotonic() - start
    return asyncio.run(_told(vendor, tmp_path, timeout, hurry))


async def _told(vendor: Vendor, tmp_path: Any, timeout: float, hurry: bool) -> tuple[Any, float]:
    async with AsyncClient(**options(vendor, tmp_path)) as mine:
        if hurry:
            mine.shell.transport.sleep = lambda seconds: asyncio.sleep(0)
        start = time.monotonic()
        try:
            came: Any = await mine.generate(REQUEST, "modelslab", timeout=timeout)
        except ImagegenError as error:
            came = error
        passed = time.monotonic() - start
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return came, passed


def sockets() -> int:
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(entry.readlink()).startswith("socket:")
    return found


def soon(question: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 3.0
    while not question() and time.monotonic() < ends:
        time.sleep(0.01)
    return question()


@pytest.fixture(params=["sync", "async"])
def kind(request) -> str:
    return request.param


@pytest.fixture(autouse=True)
def _nothing_stays_open(vendor):
    before, threads = sockets(), threading.active_count()
    yield
    assert soon(lambda: vendor.lines == 0 or sockets() <= before), "connections stay open"
    assert soon(lambda: sockets() <= before), "sockets stay open"
    assert soon(lambda: not [t for t in threading.enumerate() if t.name.startswith("imagegen")]), "threads stay"
    assert threads


WELL = json.dumps({"status": "success", "id": 7, "output": ["x"]}).encode()
LOST = {
    "hung": hangs,
    "1 byte per second, headers": drips(says(WELL)),
    "1 byte per second, body": drips(says(WELL), at_once=len(says(WELL)) - 30),
    "sliced in the headers": slices(says(WELL)[:20]),
    "sliced in the body": slices(says(WELL)[:-9]),
    "closed without a word": slices(b""),
    "reset": resets(),
    "reset in the body": resets(says(WELL)[:-9]),
    "no HTTP": sends(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "HTML for JSON": sends(says(HTML, b"text/html")),
    "HTML for JSON, 502": sends(says(HTML, b"text/html", b"502 Bad Gateway")),
    "an endless body": pours(ENDLESS),
    "an endless header": pours(b"HTTP/1.1 200 OK\r\nx: "),
    "JSON without end": sends(says(b'{"a":' * 100_000)),
}


@pytest.mark.campaign
@pytest.mark.parametrize("how", LOST)
def test_a_paid_call_whose_answer_is_no_answer_is_in_doubt_soon_after_the_deadline(vendor, kind, tmp_path, how):
    vendor.submit = LOST[how]

    error, passed = told(kind, vendor, tmp_path, DEADLINE)

    assert passed < DEADLINE + GRACE
    assert isinstance(error, ImagegenError)
    assert (error.kind, error.charged, error.try_next) == ("outcome_unknown", None, False)
    assert vendor.submits == 1


BROKEN = {
    "truncated picture": (sends(says(picture()[:-200], b"image/png")), "result_invalid"),
    "bit-flipped PNG": (sends(says(flipped(picture()), b"image/png")), "result_invalid"),
    "decompression bomb": (sends(says(bomb(), b"image/png")), "result_invalid"),
    "gzip bomb": (
        sends(says(gzip.compress(bytes(1 << 27)), b"image/png", more=b"content-encoding: gzip\r\n")),
        "result_invalid",
    ),
    "HTML for a picture": (sends(says(HTML, b"image/png")), "result_invalid"),
    "nothing": (sends(says(b"", b"image/png")), "result_invalid"),
    "an endless picture": (pours(ENDLESS), "result_invalid"),
    "sliced": (slices(says(picture())[:300]), "service_unavailable"),
    "reset": (resets(says(picture())[:300]), "service_unavailable"),
    "gone": (sends(says(b"", status=b"404 Not Found")), "result_expired"),
}


@pytest.mark.campaign
@pytest.mark.parametrize("how", BROKEN)
def test_a_picture_that_is_none_is_never_called_done(vendor, kind, tmp_path, how):
    vendor.file, expected = BROKEN[how]

    error, passed = told(kind, vendor, tmp_path, 30.0, hurry=True)

    assert passed < 15.0
    assert isinstance(error, ImagegenError), error
    assert error.kind == expected
    assert error.charged is True
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.campaign
@pytest.mark.parametrize(
    "act", [hangs, drips(says(picture())), drips(says(picture()), at_once=100)], ids=["hung", "headers", "body"]
)
def test_a_download_that_drips_ends_at_the_deadline_and_the_job_goes_on(vendor, kind, tmp_path, act):
    vendor.file = act

    error, passed = told(kind, vendor, tmp_path, DEADLINE)

    assert passed < DEADLINE + GRACE
    assert (error.kind, error.charged) == ("deadline_exceeded", None)
    vendor.file = None
    with Client(**options(vendor, tmp_path)) as mine:
        assert mine.reconcile()[0][1] == "succeeded"
    assert vendor.submits <= 2  # one call that pays, one free question


@pytest.mark.campaign
def test_a_storm_of_429_is_waited_for_a_few_times_and_costs_nothing(vendor, kind, tmp_path):
    vendor.submit = sends(
        says(
            b'{"status":"error","message":"Rate limit exceeded"}',
            status=b"429 Too Many Requests",
            more=b"retry-after: 0\r\n",
        )
    )

    error, passed = told(kind, vendor, tmp_path, 300.0, hurry=True)

    assert passed < 10.0
    assert (error.kind, error.charged, error.try_next) == ("rate_limited", False, True)
    assert vendor.submits == RetryPolicy().attempts


@pytest.mark.campaign
def test_forty_calls_at_a_hung_vendor_end_together_and_leave_nothing(vendor, tmp_path):
    vendor.submit = hangs

    async def crowd() -> float:
        words = options(vendor, tmp_path)
        words["settings"]["modelslab"]["concurrent"] = "100"
        async with AsyncClient(**words) as mine:
            await mine.plan(REQUEST, "modelslab")
            start = time.monotonic()
            asked = [mine.generate(REQUEST, "modelslab", timeout=2.0) for _ in range(40)]
            errors = await asyncio.gather(*asked, return_exceptions=True)
            passed = time.monotonic() - start
        assert {type(error).__name__ for error in errors} <= {"OutcomeUnknown", "ProviderError", "Unreachable"}
        sent = [error for error in errors if error.kind == "outcome_unknown"]
        assert len(sent) == vendor.submits <= 16
        assert all(error.charged is False for error in errors if error not in sent)
        return passed

    assert asyncio.run(crowd()) < 2.0 + 2 * GRACE
