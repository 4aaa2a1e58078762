"""
The vendor takes the call, charges, and the answer is lost on the way: nothing is paid twice, nobody is told that it
cost nothing, and no route moves on to pay another vendor.
"""

from __future__ import annotations

import random

import pytest

from imagegen import ImagegenError, Route

from . import yard

RUNS = yard.size(2000, 40) // len(yard.SERVED)
LOSSES = (
    "drop",
    "drop:reset",
    "truncate=0",
    "truncate=9",
    "truncate=9:reset",
    "html:after",
    "http=500:after",
    "http=502:after",
)
ELSEWHERE = {"tams": "modelslab"}


@pytest.fixture(scope="module")
def emulated():
    with yard.emulator() as served:
        yield served


def lose(emulated: yard.Emulator, provider: str, loss: str) -> None:
    """Let the next paying call be carried out, and its answer be lost."""
    mounted = yard.SERVED[provider].strip("/")
    emulated.ask("faults", {"fault": loss, "provider": mounted, "method": "POST", "times": 1})


@pytest.mark.campaign
@pytest.mark.parametrize("provider", list(yard.SERVED))
def test_an_answer_that_is_lost_is_never_paid_for_twice(emulated, provider, tmp_path):
    dice = random.Random(provider)
    other = ELSEWHERE.get(provider, "tams")
    with yard.client(emulated, provider, tmp_path) as mine:
        mine.session.given = {**mine.session.given, **emulated.settings(other)}
        for run in range(RUNS):
            prompt, loss = f"{provider} lost {run}", dice.choice(LOSSES)
            lose(emulated, provider, loss)
            try:
                result = mine.generate(yard.request(prompt), route=Route([provider, other]))
            except ImagegenError as error:
                assert provider not in yard.KEYED, f"{loss}: {error!r} {error}"
                assert (error.kind, error.charged, error.try_next) == ("outcome_unknown", None, False), loss
                assert mine.row(error.job_id).state == "unknown", loss
            else:
                assert provider in yard.KEYED, f"{loss} was taken for an answer, and {result.provider} paid"
                assert (result.provider, len(result.images)) == (provider, 1)
        mine.reconcile(timeout=60.0)

    charges = emulated.charges(f"{provider} lost")
    assert (len(charges), set(charges.values())) == (RUNS, {1})
