"""
Takes turns at a vendor as a job does: the engine's own loop, on a clock and a sleep that are given.

`python turns.py FILE UNTIL` takes turn after turn at 20 a second until the time is over, and prints when it sent.
"""

import random
import sys
import time
from pathlib import Path

from toy import Toy

from imagegen.breaker import Breakers
from imagegen.engine.patience import take_turn
from imagegen.engine.run import Means, Run
from imagegen.ledger import Scope
from imagegen.ledger.owners import this_process
from imagegen.ledger.sqlite import SqliteStore
from imagegen.limiter import SqliteLimiter
from imagegen.provider import Limits
from imagegen.retry import RetryBudget
from imagegen.shells import Shell
from imagegen.transport import Local


def job(limiter, per_second, clock):
    """Return a job that has done nothing yet, at a vendor that takes so many requests per second."""
    vendor = Toy()
    vendor.limits = Limits(per_second=per_second)
    means = Means(
        store=SqliteStore(":memory:"),
        clock=clock,
        dice=random.Random(0),
        nonce=str,
        limiter=limiter,
        circuits=Breakers(":memory:"),
        budget=lambda account: RetryBudget(),
    )
    return Run(
        job_id="",
        token=0,
        provider=vendor,
        settings={},
        scope=Scope(provider="acme", account="key", base_url="https://acme.example"),
        plan=None,
        price=None,
        means=means,
        output=Path(),
        redactor=None,
        owner=this_process(),
        started=clock(),
        renewed=clock(),
    )


def take(run, sleep):
    """Come back when it is the job's turn."""
    Shell(Local(None, sleep), print).run(take_turn(run))


if __name__ == "__main__":
    file, until = sys.argv[1], float(sys.argv[2])
    looks = [time.time()]  # what the clock has said; the last look of a turn is the moment at which it was right to go

    def clock():
        looks.append(time.time())
        return looks[-1]

    run, sent = job(SqliteLimiter(file), 20.0, clock), []
    while time.time() < until:
        take(run, time.sleep)
        sent.append(looks[-1])
    print(*sent)
