"""
Ctrl-C, SIGTERM and task cancellation at random moments: the ledger that is left reconciles, no lease and no place at the
vendor stays taken, and nothing is paid twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from imagegen.shells import AsyncShell
from imagegen.transport import AsyncTransport
from imagegen.work import Wishes, reconcile

from . import yard

RUNS = yard.size(100, 4)
LONGEST = 0.25  # seconds; an undisturbed run takes about half of it
STATES = {"prepared", "unknown", "succeeded"}


def generate(emulated: yard.Emulator, provider: str, home: Path, prompt: str, ready: Any) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        mine = yard.client(emulated, provider, home)
        ready.send(True)
        mine.generate(yard.request(prompt), provider)


@pytest.fixture(scope="module")
def emulated():
    with yard.emulator() as served:
        yield served


def check(emulated: yard.Emulator, provider: str, mark: str, found: dict[str, tuple[str, bool, str]]) -> None:
    charges = emulated.charges(mark)
    assert set(charges.values()) <= {1}, "paid twice"
    for prompt, times in charges.items():
        state, kept, words = found[prompt]
        if state == "unknown":
            assert provider not in yard.KEYED
            assert "imagegen jobs resolve" in words or words == ""
        else:
            assert (state, kept, times) == ("succeeded", True, 1)
    assert {state for state, _, _ in found.values()} <= STATES


@pytest.mark.campaign
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("provider", ["tams", "modelslab"])
def test_a_signal_at_any_moment_leaves_a_ledger_that_reconciles(emulated, provider, number, tmp_path):
    dice, mark = random.Random(f"{provider}{number}"), f"{provider} signal {number}"
    for run in range(RUNS):
        ready, theirs = yard.FORK.Pipe()
        process = yard.fork(generate, emulated, provider, tmp_path, f"{mark} {run}", theirs)
        assert ready.recv()
        time.sleep(dice.uniform(0, LONGEST))
        os.kill(process.pid, number)
        process.join(30)
        assert process.exitcode is not None, "a signal must end it"

    found = yard.asked(yard.reconcile, emulated, provider, tmp_path, patience=600.0)

    check(emulated, provider, mark, found)


async def cancel_and_reconcile(emulated: yard.Emulator, provider: str, home: Path, mark: str, seed: int) -> list[str]:
    """Cancel tasks at random moments, then reconcile in this very process; return the owners that are left."""
    dice, mine = random.Random(seed), yard.client(emulated, provider, home)
    for run in range(RUNS):
        transport = AsyncTransport()
        sleep = transport.sleep
        transport.sleep = lambda seconds, sleep=sleep: sleep(seconds / yard.SPEED)  # type: ignore[method-assign]
        shell = AsyncShell(transport, mine._tell)
        task = asyncio.create_task(shell.run(mine._generation(yard.request(f"{mark} {run}"), provider, None, {})))
        await asyncio.sleep(dice.uniform(0, LONGEST))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await transport.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    ends = time.monotonic() + 5
    while any(row.owner for row in mine.jobs(limit=10_000)) and time.monotonic() < ends:
        await asyncio.sleep(0.01)
    left = [row.id for row in mine.jobs(limit=10_000) if row.owner]
    mine.shell.run(reconcile(mine.session, Wishes(timeout=60.0)))
    mine.close()
    return left


def cancel_tasks(emulated: yard.Emulator, provider: str, home: Path, mark: str, seed: int) -> list[str]:
    return asyncio.run(cancel_and_reconcile(emulated, provider, home, mark, seed))


@pytest.mark.campaign
@pytest.mark.parametrize("provider", ["tams", "modelslab"])
def test_a_cancelled_task_gives_its_lease_back_and_can_be_picked_up_by_its_own_process(emulated, provider, tmp_path):
    mark = f"{provider} task"
    left = yard.asked(cancel_tasks, emulated, provider, tmp_path, mark, 7, patience=600.0)
    found = yard.asked(yard.reconcile, emulated, provider, tmp_path)

    assert left == []
    check(emulated, provider, mark, found)
