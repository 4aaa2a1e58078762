"""
Writes the cassettes anew: `python cassettes/make.py [PROVIDER/NAME...]`.

What a page prints is transcribed: our request, and the page's answer from `tests/corpus` (a picture of ours lies where
the answer points to).  All else is recorded from the emulator behind a socket.  No cassette here has seen a vendor;
who has a key makes one with `imagegen record`.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import pages
import tapes
import vcr
from PIL import Image

from imagegen import Client, ImagegenError
from imagegen.effects import Http
from imagegen.emulator.asgi import serving
from imagegen.emulator.chassis import Chassis, open_chassis
from imagegen.emulator.clock import Clock
from imagegen.flow import Reply
from imagegen.recording import STAND_IN, Scrubber, options, recorded


def job_id(tape: tapes.Tape) -> str:
    """Name the job of a tape, the same every time."""
    return f"ig-{tape.provider}-{tape.name}"


def make(tape: tapes.Tape) -> None:
    """Write one cassette."""
    with tempfile.TemporaryDirectory() as folder:
        if tape.printed is None:
            record(tape, Path(folder))
        else:
            transcribe(tape, tape.printed, Path(folder))


def attempt(client: Client, tape: tapes.Tape) -> None:
    """Make the request; what is expected to be refused is refused."""
    try:
        result = client.generate(tape.request, tape.provider)
    except ImagegenError as error:
        found: Any = error.kind
    else:
        found = len(result.images)
    if found != tape.expect:
        raise SystemExit(f"{tape.provider}/{tape.name}: {found} instead of {tape.expect}")


# --- recorded ------------------------------------------------------------------------------------------------------


@contextmanager
def emulator() -> Iterator[tuple[str, Chassis]]:
    """Serve a fresh world whose time is moved by hand."""
    chassis = open_chassis(None, clock=Clock(manual=True, start=1_700_000_000.0))
    with serving(chassis) as url:
        yield url, chassis
    chassis.close()


def record(tape: tapes.Tape, home: Path) -> None:
    """Record one tape from the emulator."""
    origin = f"recorded from imagegen's emulator on {datetime.now(UTC):%Y-%m-%d}"
    with emulator() as (url, chassis):
        base = f"{url}/{tapes.MOUNTS[tape.provider]}"
        client = tapes.open_client(tape, home, job_id(tape), base_url=base, key=tape.key, nap=chassis.world.advance)
        with client:
            values = client.session.values(client.session.provider(tape.provider))
            scrubber = Scrubber.of(values, moved={url: f"http://127.0.0.1:{tapes.PORT}"})
            with recorded(tape.file, scrubber, origin=origin, job_id=job_id(tape)):
                attempt(client, tape)


# --- transcribed ---------------------------------------------------------------------------------------------------


def transcribe(tape: tapes.Tape, printed: tapes.Printed, home: Path) -> None:
    """Write what we send and what the page prints."""
    answers = iter(printed.answers)
    requests, responses = [], []

    def send(http: Http) -> Reply:
        wire = http.wire
        requests.append(vcr.request.Request(wire.method, wire.url, wire.content, dict(wire.headers)))
        if wire.method == "GET" and "/v1/" not in wire.url:
            status, body, kind = 200, stand_in(), "image/png"
        else:
            status, *place = next(answers)
            body, kind = json.dumps(pages.answer(*place), ensure_ascii=False).encode(), "application/json"
        text: Any = body if kind == "image/png" else body.decode()
        message = {"code": status, "message": ""}
        responses.append({"status": message, "headers": {"content-type": [kind]}, "body": {"string": text}})
        return Reply(status, body, {"content-type": kind})

    client = tapes.open_client(tape, home, job_id(tape), base_url=tape.base_url, key=STAND_IN, nap=lambda _: None)
    with client:
        client.shell.transport.send = send
        attempt(client, tape)
    if left := list(answers):
        raise SystemExit(f"{tape.file}: nobody asked for {left}")
    prepare = options(Scrubber.of())["before_record_request"]
    text = vcr.serialize.serialize(
        {"requests": [prepare(request) for request in requests], "responses": responses}, vcr.serializers.yamlserializer
    )
    tape.file.parent.mkdir(parents=True, exist_ok=True)
    head = f"# origin: transcribed from {printed.page}; never seen a server\n# job: {job_id(tape)}\n"
    tape.file.write_text(head + text, "utf-8")


def stand_in() -> bytes:
    """Return a picture to lie where a printed answer points to."""
    out = io.BytesIO()
    Image.new("RGB", (512, 512), "grey").save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    for one in tapes.TAPES:
        if not sys.argv[1:] or f"{one.provider}/{one.name}" in sys.argv[1:]:
            make(one)
            sys.stdout.write(f"{one.file.relative_to(tapes.FOLDER)}\n")
