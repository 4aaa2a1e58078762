"""
What the campaigns share: their size, a served emulator in a process of its own, and forked clients that talk to it.

The emulator's books decide whether a campaign passes; a client's own ledger is never asked what was charged.
"""

from __future__ import annotations

import contextlib
import functools
import json
import multiprocessing
import os
import random
import tempfile
import traceback
import urllib.request
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from imagegen import Client, GenerationRequest
from imagegen.breaker import BreakerPolicy, Breakers
from imagegen.emulator import KEY
from imagegen.emulator.asgi import serve
from imagegen.emulator.chassis import open_chassis
from imagegen.emulator.clock import Clock
from imagegen.plugins import installed

FULL = os.environ.get("IMAGEGEN_CAMPAIGN", "ci") == "full"
FORK = multiprocessing.get_context("fork")
SPEED = 200.0  # how much faster than ours the emulated time goes; what a client sleeps is divided by it
SERVED = {
    "tams": "/tams",
    "modelslab": "/modelslab",
    "stablediffusionapi": "/stablediffusionapi",
    "stablediffusionapi-enterprise": "/stablediffusionapi",
}
KEYED = ("tams",)  # whose documents promise that a job sent again under its own key is one job


def size(full: int, ci: int) -> int:
    """Return how large a campaign is: `IMAGEGEN_CAMPAIGN=full` or, as in CI, small."""
    return full if FULL else ci


def request(prompt: str) -> GenerationRequest:
    """Return a small picture that is queued, so that it has to be asked for."""
    return GenerationRequest(prompt=f"{prompt} [emu:queue]", seed=5, width=128, height=128, steps=1)


class Emulator:
    """An emulator behind a socket, seen from outside."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, door: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/_emulator/{door}", data=data, timeout=60) as answer:
            return json.load(answer)

    def charges(self, mark: str) -> Counter[str]:
        """Return how often each prompt that begins with *mark* was charged."""
        prompts = (row["prompt"].replace("[emu:queue]", "").strip() for row in self.ask("jobs"))
        return Counter(prompt for prompt in prompts if prompt.startswith(mark))

    def settings(self, provider: str) -> dict[str, dict[str, str]]:
        return {provider: {"api_key": KEY, "base_url": self.url + SERVED[provider]}}


@contextlib.contextmanager
def emulator() -> Iterator[Emulator]:
    """Serve all emulators in a forked process."""
    warm()
    ours, theirs = FORK.Pipe()
    process = fork(_serve, theirs)
    try:
        yield Emulator(ours.recv())
    finally:
        process.kill()
        process.join()


@functools.cache
def warm() -> None:
    """Do everything once in this process, so that forked ones find all modules imported and all plugins read."""
    with tempfile.TemporaryDirectory() as home, Client(emulated=True, home=home, output=home) as once:
        for provider in SERVED:
            once.generate(request("warm"), provider)


def _serve(pipe: Any) -> None:
    serve(open_chassis(clock=Clock(speed=SPEED)), port=0, ready=pipe.send)


def fork(work: Callable[..., None], *words: Any) -> multiprocessing.process.BaseProcess:
    """Start *work* in a forked child: no import, no interpreter start."""
    process = FORK.Process(target=work, args=words, daemon=True)
    with warnings.catch_warnings():  # from Python 3.12 on, forking beside threads is worth a warning
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    return process


def asked(work: Callable[..., Any], *words: Any, patience: float = 300.0) -> Any:
    """Run *work* in a fresh process and return its answer."""
    ours, theirs = FORK.Pipe(duplex=False)
    process = fork(_answer, theirs, work, words)
    theirs.close()
    try:
        assert ours.poll(patience), "the child did not answer in time"
        good, answer = ours.recv()
    finally:
        process.kill()
        process.join()
        ours.close()
    assert good, answer
    return answer


def _answer(pipe: Any, work: Callable[..., Any], words: tuple[Any, ...]) -> None:
    try:
        pipe.send((True, work(*words)))
    except BaseException:
        pipe.send((False, traceback.format_exc()))


def client(emulated: Emulator, provider: str, home: Path, hurry: float = SPEED, **words: Any) -> Client:
    """Open a client of the served emulator.  Limits and circuits are other campaigns'; what it sleeps passes quickly."""
    words.setdefault("dice", random.Random(os.getpid()))
    made = Client(home=home, output=home / "out", settings=emulated.settings(provider), registry=installed(), **words)
    object.__setattr__(made.session.means, "limiter", None)
    object.__setattr__(made.session.means, "circuits", Breakers(":memory:", BreakerPolicy(threshold=10**9)))
    sleep = made.shell.transport.sleep
    made.shell.transport.sleep = lambda seconds: sleep(seconds / hurry)
    return made


def reconcile(emulated: Emulator, provider: str, home: Path) -> dict[str, tuple[str, bool, str]]:
    """Reconcile once; return per prompt: its state, whether its pictures are there, what a person is told."""
    with client(emulated, provider, home) as mine:
        told = {job_id: words for job_id, _, words in mine.reconcile(timeout=120.0)}
        return {
            row.request["prompt"].replace("[emu:queue]", "").strip(): (
                row.state,
                bool(row.files) and all(Path(file.path).stat().st_size > 0 for file in row.files),
                told.get(row.id, ""),
            )
            for row in mine.jobs(limit=100_000)
        }
