"""One idempotency key, 8 processes of 6 threads each, all at once: one call at the vendor, one job, one picture for all."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from imagegen import GenerationRequest

from . import yard

RACES = yard.size(1000, 50)
PROCESSES, THREADS = 8, 6


def race(emulated: yard.Emulator, provider: str, home: Path, gate: Any, answers: Any) -> None:
    """Run all races in one process: its threads start together with those of the others."""
    mine = yard.client(emulated, provider, home, hurry=4.0)
    for number in range(RACES):
        gate.wait()
        threads = [threading.Thread(target=run, args=(mine, provider, number, answers)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    mine.close()


def run(mine: Any, provider: str, number: int, answers: Any) -> None:
    asked = GenerationRequest(prompt=f"race {number}", seed=5, width=128, height=128, steps=1)
    try:
        result = mine.generate(asked, provider, idempotency_key=f"key-{number}", timeout=60.0)
        answers.put((number, result.job_id, result.images[0].sha256))
    except Exception as error:
        answers.put((number, f"{type(error).__name__}: {error}", ""))


@pytest.mark.campaign
def test_one_key_from_48_threads_of_8_processes_is_one_call_at_the_vendor(tmp_path):
    with yard.emulator() as emulated:
        gate, answers = yard.FORK.Barrier(PROCESSES), yard.FORK.Queue()
        racers = [yard.fork(race, emulated, "modelslab", tmp_path / "home", gate, answers) for _ in range(PROCESSES)]
        seen = [answers.get(timeout=120) for _ in range(RACES * PROCESSES * THREADS)]
        for racer in racers:
            racer.join()
        charges = emulated.charges("race")

    assert {len({answer[1:] for answer in seen if answer[0] == number}) for number in range(RACES)} == {1}
    assert all(answer[2] for answer in seen), next(answer for answer in seen if not answer[2])
    assert (len(charges), set(charges.values())) == (RACES, {1})
