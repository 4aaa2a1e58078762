"""
Fifty processes, one budget for twenty pictures: the reservation and the intent are one transaction, so twenty are made.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from imagegen import Client, GenerationRequest, ImagegenError
from imagegen.ledger import Budget

PROCESSES, AT_ONCE, PICTURES = 50, 8, 20
CREDITS = Decimal(1)  # 21 steps by the page's formula
PRICE = CREDITS * Decimal("0.003")

# A parent that has only imported things (no thread, no open file) forks one process per picture, eight at a time.
LAUNCH = f"""
import os
from PIL import Image, ImageDraw, ImageFont
import imagegen.client, imagegen.emulator.inprocess, imagegen.provenance, imagegen.sessions, imagegen.transport
from imagegen import Client, GenerationRequest, ImagegenError, plan

plan(GenerationRequest(prompt="a cat", steps=21), provider="tams")

def make(seed):
    with Client(emulated=True) as client:
        try:
            client.generate(GenerationRequest(prompt="a cat", seed=seed, steps=21), provider="tams")
            return "made"
        except ImagegenError as error:
            return error.kind

living = 0
for seed in range(1, {PROCESSES + 1}):
    if living == {AT_ONCE}:
        os.wait()
        living -= 1
    if os.fork() == 0:
        os.write(1, (make(seed) + "\\n").encode())
        os._exit(0)
    living += 1
while living:
    os.wait()
    living -= 1
"""


def spend_in_processes() -> Counter[str]:
    """Let every process make one picture; returns what came of them."""
    done = subprocess.run([sys.executable, "-c", LAUNCH], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return Counter(done.stdout.split())


def test_fifty_processes_with_a_budget_for_twenty_pictures_make_twenty():
    home = Path(os.environ["IMAGEGEN_HOME"])
    with Client(emulated=True, home=home) as client:
        client.session.means.store.set_budget(Budget(per="day", limit=PRICE * PICTURES))

    said = spend_in_processes()

    with Client(emulated=True, home=home) as client:
        books = client.world.chassis.world.books()
        [(_, spent, reserved)] = client.session.means.store.budgets(emulated=True)
        [sums] = client.session.means.store.costs("provider", emulated=True)
    assert said == {"made": PICTURES, "budget_exceeded": PROCESSES - PICTURES}
    assert len(books) == PICTURES
    charged = sum(Decimal(row["credits"]) for row in books) * Decimal("0.003")
    assert charged == spent == sums.billed == sums.estimated == PRICE * PICTURES
    assert (reserved, sums.jobs, sums.images) == (0, PICTURES, PICTURES)


@pytest.fixture
def client():
    with Client(emulated=True) as opened:
        yield opened


def make(client: Client, seed: int, **words):
    return client.generate(GenerationRequest(prompt="a cat", seed=seed, steps=21, **words), provider="tams")


def test_one_program_run_is_one_run_of_a_budget(client):
    client.session.means.store.set_budget(Budget(per="run", limit=PRICE * 2))
    make(client, 1)
    make(client, 2)
    with pytest.raises(ImagegenError, match=r"0\.006 USD per run.*Nothing was sent") as caught:
        make(client, 3)
    assert (caught.value.kind, caught.value.charged) == ("budget_exceeded", False)
    with Client(emulated=True) as another:
        assert make(another, 4).images


def test_a_label_has_a_budget_of_its_own(client):
    client.session.means.store.set_budget(Budget(per="label", label="project=film", limit=PRICE))
    make(client, 1, labels={"project": "film"})
    make(client, 2, labels={"project": "book"})
    with pytest.raises(ImagegenError, match="label project=film"):
        make(client, 3, labels={"project": "film"})


def test_under_a_budget_nothing_of_unknown_price_is_made_unless_it_is_allowed(client):
    client.session.means.store.set_budget(Budget(per="day", limit=Decimal(1)))
    request = GenerationRequest(prompt="a cat", seed=1, steps=21)
    with pytest.raises(ImagegenError, match="nobody knows"):
        client.generate(request, provider="modelslab")
    assert client.world.chassis.world.books() == []
    assert client.generate(request, provider="modelslab", allow_unpriced=True).images


def test_a_job_that_was_not_charged_gives_its_reservation_back(client):
    client.session.means.store.set_budget(Budget(per="day", limit=PRICE))
    with pytest.raises(ImagegenError):
        client.generate(GenerationRequest(prompt="a cat [emu:fail]", seed=1, steps=21), provider="tams")
    assert make(client, 2).images
