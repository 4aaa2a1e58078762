"""The emulator behind a real socket on loopback: what a client meets when lines break."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import http.server
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from imagegen.emulator import Request, Response, answer, outbox
from imagegen.emulator.asgi import App, serving
from imagegen.emulator.chassis import Chassis
from imagegen.emulator.clock import Clock
from imagegen.emulator.world import World
from imagegen.errors import InvalidInput

PICTURE = bytes(range(256)) * 40


class Shop:
    prefix = "/shop"
    deviations = ()

    def handle(self, request: Request, world: World) -> Response:
        if request.method == "POST":
            world.charge("shop", str(world.next("shop")), prompt="", credits=Decimal(1))
        return answer({"path": request.path, "target": request.target, "base": request.base, "size": len(request.body)})


@pytest.fixture(scope="module")
def chassis():
    made = Chassis(World(), [Shop()])
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(chassis):
    with serving(chassis) as address:
        yield address


@pytest.fixture(autouse=True)
def _fresh(chassis):
    chassis.world.reset()
    chassis.world.keep("p.bin", PICTURE, "application/octet-stream")


@contextlib.contextmanager
def connected(url: str, timeout: float = 5.0):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        yield connection
    finally:
        connection.close()


def ask(url: str, method: str, path: str, data=None, *, timeout: float = 5.0, **headers: str):
    with connected(url, timeout) as connection:
        connection.request(method, path, None if data is None else json.dumps(data), headers)
        response = connection.getresponse()
        return response, response.read()


def post_fault(url: str, fault: str, **words):
    assert ask(url, "POST", "/_emulator/faults", {"fault": fault, **words})[0].status == 200


def test_the_server_passes_on_path_target_host_and_body(url):
    body = ask(url, "POST", "/shop/v1/a%20b?x=1", {"a": 1})[1]

    assert json.loads(body) == {"path": "/v1/a b", "target": "/shop/v1/a%20b?x=1", "base": url, "size": 8}


def test_a_dropped_answer_leaves_the_charge(url, chassis):
    post_fault(url, "drop")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(url, "POST", "/shop/v1", {})

    assert len(chassis.world.books()) == 1


def test_a_reset_is_a_reset(url):
    post_fault(url, "drop:reset")
    with pytest.raises(ConnectionResetError):
        ask(url, "GET", "/shop/v1")


def test_a_cut_download_goes_on_with_a_range(url):
    post_fault(url, "truncate=1000", path="/files/")
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(url, "GET", "/files/p.bin")
    response, rest = ask(url, "GET", "/files/p.bin", Range="bytes=1000-")

    assert response.status == 206
    assert caught.value.partial + rest == PICTURE


def test_head_tells_the_length_and_sends_no_body(url):
    response, body = ask(url, "HEAD", "/files/p.bin")

    assert (response.getheader("content-length"), body) == (str(len(PICTURE)), b"")


def test_a_slow_answer_is_late_and_a_hung_one_never_comes(url):
    post_fault(url, "slow=0.2")
    begun = time.monotonic()
    assert ask(url, "GET", "/shop/v1")[0].status == 200
    assert time.monotonic() - begun >= 0.2
    post_fault(url, "hang")
    with pytest.raises(TimeoutError):
        ask(url, "GET", "/shop/v1", timeout=0.2)


def test_a_body_can_drip(url):
    post_fault(url, "drip=40000")
    begun = time.monotonic()

    assert ask(url, "GET", "/files/p.bin")[1] == PICTURE
    assert time.monotonic() - begun >= 0.2


def test_waiting_callers_do_not_hold_up_others_nor_the_end(chassis):
    with serving(chassis) as address:
        chassis.world.reset()
        post_fault(address, "hang", times=40)
        parts = urlsplit(address)
        hung = [socket.create_connection((parts.hostname, parts.port)) for _ in range(40)]
        for line in hung:
            line.sendall(b"GET /shop/v1 HTTP/1.1\r\nHost: x\r\n\r\n")
        while ask(address, "GET", "/_emulator/faults")[1] != b"[]":
            time.sleep(0.01)
        assert ask(address, "GET", "/shop/v1")[0].status == 200
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    for line in hung:
        line.close()


def test_one_connection_serves_many_requests_quickly(url):
    with connected(url) as connection:
        begun = time.monotonic()
        for _ in range(200):
            connection.request("POST", "/shop/v1", b"{}")
            assert connection.getresponse().read()
            first = connection.sock
        assert connection.sock is first  # kept alive
    assert time.monotonic() - begun < 4  # 40 ms each would be 8: Nagle's algorithm and delayed acknowledgement


def test_many_callers_at_once_are_all_served_and_booked(url, chassis):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ask(url, "POST", "/shop/v1", {})[0].status, range(300)))

    assert answers == [200] * 300
    assert len(chassis.world.books()) == 300


def test_a_body_that_is_too_large_is_refused(url, monkeypatch):
    monkeypatch.setattr("imagegen.emulator.asgi.MAX_BODY", 100)

    assert ask(url, "POST", "/shop/v1", {"x": "y" * 200})[0].status == 413


def test_world_time_scales_the_waiting():
    chassis = Chassis(World(clock=Clock(speed=100)), [Shop()])
    with serving(chassis) as address:
        post_fault(address, "slow=10")
        begun = time.monotonic()
        ask(address, "GET", "/shop/v1")
        assert 0.1 <= time.monotonic() - begun < 5
    chassis.close()


def test_a_taken_port_and_an_unknown_host_are_told(url, chassis):
    with (
        pytest.raises(InvalidInput, match=r"cannot listen on 127\.0\.0\.1 port"),
        serving(chassis, port=urlsplit(url).port),
    ):
        pass
    with pytest.raises(InvalidInput, match="port 99999"), serving(chassis, port=99999):
        pass


def test_under_a_server_that_cannot_close_a_connection_a_drop_is_an_error(chassis):
    async def call() -> None:
        scope = {"type": "http", "method": "GET", "path": "/shop", "query_string": b"", "headers": [], "scheme": "http"}

        async def receive():
            return {"type": "http.request"}

        async def send(message):
            raise AssertionError(message)

        chassis.world.reset()
        chassis.handle(Request(method="POST", path="/_emulator/faults", body=b'{"fault": "drop"}'))
        await App(chassis)(scope, receive, send)

    with pytest.raises(ConnectionAbortedError):
        asyncio.run(call())


def test_due_webhooks_are_posted_to_this_machine(url, chassis):
    heard: list[tuple[str, bytes]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        outbox.queue(chassis.world, "shop", f"http://127.0.0.1:{server.server_port}/hook?x=1", {"id": 7})
        thread.join(10)
    deadline = time.monotonic() + 5
    while outbox.listed(chassis.world)[0]["state"] == "sending" and time.monotonic() < deadline:
        time.sleep(0.01)

    assert heard == [("/hook?x=1", b'{"id": 7}')]
    assert json.loads(ask(url, "GET", "/_emulator/webhooks")[1])[0]["state"] == "delivered 204"


SERVE = """
from imagegen.emulator.asgi import serve
from imagegen.emulator.chassis import Chassis
from imagegen.emulator.world import World
serve(Chassis(World(), []), port=0, ready=lambda url: print(url, flush=True))
print("ended")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_gracefully(number):
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        address = child.stdout.readline().strip()
        assert ask(address, "GET", "/")[0].status == 200
        child.send_signal(number)
        out, err = child.communicate(timeout=20)

    assert (child.returncode, out, err) == (0, "ended\n", "")


def test_without_the_extra_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from imagegen.emulator.asgi import serve\n"
        "from imagegen.emulator.chassis import Chassis\n"
        "from imagegen.emulator.world import World\n"
        "try:\n    serve(Chassis(World(), []), port=0)\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout

    assert "NotConfigured" in out
    assert "pip install 'imagegen[server]'" in out
