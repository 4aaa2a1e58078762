"""
kill -9 before and after each of the six steps around money, then reconcile in a fresh process.

Nothing is paid twice and nothing that was paid is lost.  A call is in doubt only between the commit of its intent and the
commit of the vendor's id.  TAMS leaves none in doubt provided that its `requestId` is idempotent, as its documents say;
no live test has proved that.  At the others what is in doubt is held and listed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from imagegen import Event

from . import yard

RUNS = yard.size(50, 1)
STEPS = ("commit intent", "send", "commit id", "poll", "download and store", "commit done")
POINTS = [f"{side} {step}" for step in STEPS for side in ("before", "after")]
VERBS = {
    "reserve_and_intend": "commit intent",
    "accept": "commit id",
    "settle": "commit done",
}
DOUBTFUL = {"after commit intent", "before send", "after send", "before commit id"}


class Fate:
    """Kills this process with SIGKILL at one point; nothing of the library knows."""

    def __init__(self, point: str) -> None:
        self.point, self.paying = point, False

    def reached(self, point: str) -> None:
        if point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


class DeadlyStore:
    """A ledger whose owner dies around a verb."""

    def __init__(self, store: Any, fate: Fate) -> None:
        self._store, self._fate = store, fate

    def __getattr__(self, name: str) -> Any:
        verb, step = getattr(self._store, name), VERBS.get(name)
        if step is None:
            return verb

        def deadly(*words: Any, **named: Any) -> Any:
            self._fate.reached(f"before {step}")
            answer = verb(*words, **named)
            self._fate.paying = name == "reserve_and_intend"
            self._fate.reached(f"after {step}")
            return answer

        return deadly


class DeadlyTransport:
    """Connections whose owner dies around an exchange."""

    def __init__(self, transport: Any, fate: Fate) -> None:
        self._transport, self._fate = transport, fate
        self.sleep, self.line, self.close = transport.sleep, transport.line, transport.close

    def send(self, http: Any) -> Any:
        download = http.wire.method == "GET" and "/files/" in http.wire.url
        step = "send" if self._fate.paying else "download and store" if download else "poll"
        self._fate.paying = False
        self._fate.reached(f"before {step}")
        reply = self._transport.send(http)
        if not download:
            self._fate.reached(f"after {step}")
        return reply


def stored(fate: Fate) -> Callable[[Event], None]:
    """Hear when a picture is on disk; the ledger does not know it yet."""
    return lambda event: fate.reached("after download and store") if event.kind == "downloaded" else None


def die(emulated: yard.Emulator, provider: str, home: Any, point: str, prompt: str) -> None:
    fate = Fate(point)
    mine = yard.client(emulated, provider, home, on_event=stored(fate))
    object.__setattr__(mine.session.means, "store", DeadlyStore(mine.session.means.store, fate))
    mine.shell.transport = DeadlyTransport(mine.shell.transport, fate)
    mine.generate(yard.request(prompt), provider)


@pytest.fixture(scope="module")
def emulated():
    with yard.emulator() as served:
        yield served


@pytest.mark.campaign
@pytest.mark.parametrize("provider", list(yard.SERVED))
def test_a_kill_at_any_point_pays_nothing_twice_and_loses_nothing(emulated, provider, tmp_path):
    for point in POINTS:
        mark = f"{provider} {point}"
        home = tmp_path / point.replace(" ", "-")
        prompts = [f"{mark} {run}" for run in range(RUNS)]
        for prompt in prompts:
            process = yard.fork(die, emulated, provider, home, point, prompt)
            process.join()
            assert process.exitcode == -signal.SIGKILL, f"{mark} was never reached"

        found = yard.asked(yard.reconcile, emulated, provider, home, patience=600.0)
        again = yard.asked(yard.reconcile, emulated, provider, home)

        charges = emulated.charges(mark)
        held = {prompt for prompt, (state, _, _) in found.items() if state == "unknown"}
        assert set(charges.values()) <= {1}, "paid twice"
        assert set(found) == set(prompts), "a job is not in the ledger"
        for prompt in prompts:
            state, kept, words = found[prompt]
            if prompt in held:
                assert point in DOUBTFUL
                assert provider not in yard.KEYED
                assert "imagegen jobs resolve" in words
            else:
                assert (state, kept, charges[prompt]) == ("succeeded", True, 1)
        if point in DOUBTFUL and provider not in yard.KEYED:
            assert held == set(prompts), "what nobody can know must be held, not guessed"
        assert {prompt: known[:2] for prompt, known in again.items()} == {
            prompt: known[:2] for prompt, known in found.items()
        }, "a second reconcile must find nothing to do"
        assert emulated.charges(mark) == charges
