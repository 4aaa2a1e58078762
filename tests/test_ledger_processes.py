"""The ledger among real processes: races, kills, forks, a full disk.  Children are forked, so that they start at once."""

import contextlib
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from decimal import Decimal
from pathlib import Path

import pytest

from imagegen.errors import ImagegenError, LedgerError
from imagegen.ledger import FINAL, Budget, Ending, File, NewJob, Scope
from imagegen.ledger.owners import alive, this_process
from imagegen.ledger.sqlite import SqliteStore

FORK = multiprocessing.get_context("fork")
SCOPE = Scope(provider="acme", account="f00d", base_url="https://acme.example")
PICTURE = File(index=0, n=0, path="/out/ab.png", sha256="ab", media_type="image/png", width=8, height=8)
CENT = Decimal("0.01")


def new(id="job-1", key=None, prompt="a lighthouse"):
    return NewJob(
        id=id, scope=SCOPE, request_hash="hash", request={"prompt": prompt}, plan={}, calls=1, idempotency_key=key
    )


def start(work, *args):
    process = FORK.Process(target=work, args=args, daemon=True)
    with warnings.catch_warnings():  # from Python 3.12 on, forking beside threads is worth a warning
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    return process


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.join()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite3"


# --- races -------------------------------------------------------------------------------------------------------


def test_of_8_processes_with_6_threads_each_exactly_one_makes_the_job(path):
    heats, start = 10, str(time.time() + 2.0)
    command = [sys.executable, str(Path(__file__).parent / "racing.py"), str(path)]
    racers = [
        subprocess.Popen([*command, str(n), str(heats), start], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for n in range(8)
    ]
    watchdog = threading.Timer(90, lambda: [racer.kill() for racer in racers])
    watchdog.start()
    seen = [json.loads(racer.stdout.readline()) for racer in racers for _ in range(heats * 6)]
    watchdog.cancel()
    for racer in racers:
        racer.communicate()

    for heat in range(heats):
        mine = [answer[1:] for answer in seen if answer[0] == heat]
        assert len({job_id for job_id, _, _ in mine}) == 1
        assert [token for _, made, token in mine if made] == [1]
        assert [token for _, made, token in mine if not made] == [None] * 47


def spend(path, name, gate):
    store = SqliteStore(path)
    gate.wait()
    for n in range(4):
        row, token = store.open_job(new(f"job-{name}-{n}"), this_process())
        try:
            store.reserve_and_intend(row.id, 0, token, ceiling=CENT, key=None)
        except LedgerError:
            store.settle(row.id, 0, token, "canceled", charged=False)
        else:
            store.settle(row.id, 0, token, "succeeded", billed=CENT)
        store.release(row.id, token)
    store.close()


def test_processes_that_spend_together_keep_the_budget(path):
    with contextlib.closing(SqliteStore(path)) as store:
        store.set_budget(Budget(per="day", limit=20 * CENT))
        gate = FORK.Barrier(10)
        for spender in [start(spend, path, name, gate) for name in range(10)]:
            spender.join()
        states = [job.state for job in store.jobs()]

        assert (states.count("succeeded"), states.count("canceled")) == (20, 20)
        assert [(spent, held) for _, spent, held in store.budgets()] == [(20 * CENT, 0)]
        assert store.costs("provider")[0].billed == 20 * CENT


# --- owners ------------------------------------------------------------------------------------------------------


def own(path, ready):
    store = SqliteStore(path)
    row, token = store.open_job(new(), this_process())
    store.reserve_and_intend(row.id, 0, token, ceiling=CENT, key="req-1")
    ready.set()
    time.sleep(60)


def test_a_killed_owner_is_taken_over_at_once_and_a_living_one_never(path):
    ready = FORK.Event()
    child = start(own, path, ready)
    assert ready.wait(10)
    with contextlib.closing(SqliteStore(path, now=lambda: time.time() + 1_000_000)) as store:
        while_it_lives = store.claim_stale(this_process()), store.claim("job-1", this_process())
        os.kill(child.pid, signal.SIGKILL)
        give_up = time.monotonic() + 5
        while alive(store.job("job-1").owner) and time.monotonic() < give_up:  # not waited for: a zombie at most
            time.sleep(0.001)
        taken = store.claim_stale(this_process())
        child.join()

        assert while_it_lives == ([], None)
        assert [(job.id, job.state, token) for job, token in taken] == [("job-1", "submitting", 2)]


def test_a_store_may_be_carried_across_a_fork(path):
    with contextlib.closing(SqliteStore(path)) as store:
        store.open_job(new("before"), this_process())
        child = start(lambda: store.open_job(new("child"), this_process()))
        store.open_job(new("parent"), this_process())
        child.join()

        assert child.exitcode == 0
        assert sorted(job.id for job in store.jobs()) == ["before", "child", "parent"]
        assert [job.id for job, _ in store.claim_stale(this_process())] == ["child"]


# --- kills -------------------------------------------------------------------------------------------------------


def live(store, tell):
    """One job from beginning to end; *tell* hears of each verb that has returned."""
    row, token = store.open_job(new(), this_process())
    tell("open")
    store.reserve_and_intend(row.id, 0, token, ceiling=2 * CENT, key="req-1")
    tell("intend")
    store.accept(row.id, 0, token, "v-7", {"id": "v-7"})
    tell("accept")
    store.keep_file(row.id, token, PICTURE)
    tell("keep")
    store.settle(row.id, 0, token, "succeeded", billed=CENT)
    tell("settle")
    store.finish(row.id, token, Ending(data={"done": True}))
    tell("finish")


def live_until(path, statement, told):
    """Live a job and be killed just before the *statement*-th SQL statement (in the middle of transactions, too)."""
    left = [statement]

    def count(_):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    store = SqliteStore(path)
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    with store._file.read() as db:
        db.set_trace_callback(count)
    live(store, lambda verb: os.write(told, f"{verb} ".encode()))
    os._exit(0)


def facts_of(store):
    """What each verb leaves behind, as the ledger knows it, and what is spent and reserved."""
    job = store.job("job-1")
    (_, spent, reserved), *_ = store.budgets() or [(None, Decimal(0), Decimal(0))]
    if job is None:
        return set(), spent, reserved
    (call,) = job.calls
    signs = {
        "open": True,
        "intend": call.attempts == 1,
        "accept": call.vendor_job_id == "v-7",
        "keep": bool(job.files),
        "settle": call.state == "succeeded",
        "finish": job.data == {"done": True},
    }
    return {verb for verb, there in signs.items() if there}, spent, reserved


def test_a_kill_at_any_statement_loses_nothing_that_was_committed_and_leaves_nothing_half_done(tmp_path):
    order = ["open", "intend", "accept", "keep", "settle", "finish"]
    statement, ends = 0, set()
    while "finish" not in ends:
        statement += 1
        reader, writer = os.pipe()
        child = start(live_until, tmp_path / f"{statement}.sqlite3", statement, writer)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            told = pipe.read().split()
        child.join()
        with contextlib.closing(SqliteStore(tmp_path / f"{statement}.sqlite3")) as store:
            there, spent, reserved = facts_of(store)
        ends = set(told)

        assert there == set(order[: len(there)])
        assert set(told) <= there
        assert len(there) <= len(told) + 1
        assert (spent, reserved) == ((CENT, 0) if "settle" in there else (0, 2 * CENT) if "intend" in there else (0, 0))
    assert statement > 40


# --- a full disk -------------------------------------------------------------------------------------------------


def fill_the_disk(path, answer):
    """Reach RLIMIT_FSIZE in every verb in turn; then make room, go on, and report what was seen."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    seen = []
    for verb in ("intend", "accept", "keep", "settle", "finish"):
        store = SqliteStore(path)
        row, token = store.open_job(new(f"job-{verb}", prompt="x" * 9000), this_process())
        steps = {
            "intend": lambda row=row, token=token, store=store: store.reserve_and_intend(
                row.id, 0, token, ceiling=CENT, key=None
            ),
            "accept": lambda row=row, token=token, store=store: store.accept(row.id, 0, token, "v", {"a": "y" * 9000}),
            "keep": lambda row=row, token=token, store=store: store.keep_file(row.id, token, PICTURE),
            "settle": lambda row=row, token=token, store=store: store.settle(row.id, 0, token, "succeeded"),
            "finish": lambda row=row, token=token, store=store: store.finish(row.id, token, Ending(data="z" * 9000)),
        }
        for name, step in steps.items():
            if name == verb:
                before = store.job(row.id)
                full = Path(f"{path}-wal").stat().st_size
                resource.setrlimit(resource.RLIMIT_FSIZE, (full, hard))
                try:
                    step()
                except ImagegenError as error:
                    seen.append((verb, error.kind, str(path) in error.message, store.job(row.id) == before))
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            step()
        seen.append((verb, store.job(row.id).state))
        store.close()
    answer.put(seen)


def test_a_full_disk_is_said_clearly_marks_nothing_done_and_can_be_mended(path):
    answer = FORK.Queue()
    child = start(fill_the_disk, path, answer)
    seen = answer.get(timeout=60)
    child.join()

    verbs = ("intend", "accept", "keep", "settle", "finish")
    assert seen == [line for verb in verbs for line in [(verb, "storage_failed", True, True), (verb, "succeeded")]]


def test_a_folder_that_cannot_be_written_is_said_clearly():
    with pytest.raises(ImagegenError, match="could not be read or written") as caught:
        SqliteStore("/proc/nowhere/ledger.sqlite3").open_job(new(), this_process())

    assert caught.value.kind == "storage_failed"
    assert caught.value.charged is None


def test_a_file_that_another_process_never_lets_go_of_is_said_clearly(path, monkeypatch):
    monkeypatch.setattr("imagegen.sqlitefile.BUSY_SECONDS", 0.1)
    one, other = SqliteStore(path), SqliteStore(path)
    with one._file.change(), pytest.raises(ImagegenError, match="locked") as caught:
        other.open_job(new(), this_process())
    one.close()
    other.close()

    assert caught.value.kind == "storage_failed"
    assert FINAL.isdisjoint({job.state for job in one.jobs()})
    one.close()
