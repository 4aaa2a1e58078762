"""Fifty jobs on one event loop, over a ledger whose commits are slow: the loop never waits for one."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from imagegen import AsyncClient

from . import yard

JOBS = 50
COMMIT = 0.05  # seconds that every durable commit takes
SLOW = ("reserve_and_intend", "accept", "settle")


class SlowDisk:
    """A ledger on a very slow disk."""

    def __init__(self, store: Any) -> None:
        self._store, self.commits = store, 0
        self.threads: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)

        def slow(*words: Any, **named: Any) -> Any:
            if name in SLOW:
                self.commits += 1
                self.threads.add(threading.get_ident())
                time.sleep(COMMIT)
            return verb(*words, **named)

        return slow


async def heartbeat(beats: list[int]) -> None:
    while True:
        await asyncio.sleep(0.005)
        beats[0] += 1


async def run(emulated: yard.Emulator, home: Any) -> tuple[SlowDisk, int]:
    beats = [0]
    async with AsyncClient(
        home=home, output=home / "out", settings=emulated.settings("stablediffusionapi-enterprise")
    ) as mine:
        means = mine.session.means
        store = SlowDisk(means.store)
        object.__setattr__(means, "store", store)
        await mine.generate(yard.request("first"), "stablediffusionapi-enterprise")
        beat = asyncio.create_task(heartbeat(beats))
        asked = [mine.generate(yard.request(f"job {n}"), "stablediffusionapi-enterprise") for n in range(JOBS)]
        results = await asyncio.gather(*asked)
        beat.cancel()
        assert all(result.images for result in results)
    return store, beats[0]


@pytest.mark.campaign
def test_no_commit_ever_stops_the_event_loop(tmp_path):
    with yard.emulator() as emulated:
        store, beats = asyncio.run(run(emulated, tmp_path))

    assert store.commits == 3 * (JOBS + 1)
    assert threading.get_ident() not in store.threads  # the loop ran in this thread, and none of them did
    assert beats > JOBS  # it went on meanwhile
