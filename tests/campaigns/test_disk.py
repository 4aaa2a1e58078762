"""
A disk that is full, or a folder that cannot be written, at every write of a job: nothing is called done that is not there,
and after the repair nothing is paid again.  Root may write anywhere, so the limit is the process' own (`RLIMIT_FSIZE`).
"""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

from imagegen import ImagegenError

from . import yard

RUNS = yard.size(10, 1)
VERBS = ("open_job", "reserve_and_intend", "accept", "mark", "keep_file", "settle", "release")
WRITES = (*VERBS, "picture")
UNPAID = ("open_job", "reserve_and_intend")


def fill() -> None:
    """From here on no file of this process grows."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def empty() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Filling:
    """A ledger whose disk becomes full right before a verb; it stays full."""

    def __init__(self, store: Any, write: str) -> None:
        self._store, self._write = store, write

    def __getattr__(self, name: str) -> Any:
        if name == self._write:
            fill()
        return getattr(self._store, name)


def generate(emulated: yard.Emulator, provider: str, home: Path, write: str, prompt: str, repaired: bool) -> Any:
    """Run into the full disk; tell the error, and how the ledger stood after it; reconcile here if it was *repaired*."""
    mine = yard.client(emulated, provider, home)
    mine.jobs()  # the ledger exists
    store, send = mine.session.means.store, mine.shell.transport.send

    def receive(http: Any) -> Any:
        reply = send(http)
        if write == "picture" and "/files/" in http.wire.url:
            fill()
        return reply

    object.__setattr__(mine.session.means, "store", Filling(store, write))
    mine.shell.transport.send = receive
    error = None
    try:
        mine.generate(yard.request(prompt).evolve(n=2), provider)  # the first picture is kept before the second is here
    except ImagegenError as caught:
        error = (caught.kind, caught.charged, str(caught))
    empty()
    object.__setattr__(mine.session.means, "store", store)
    mine.shell.transport.send = send
    rows = [
        (row.state, all(Path(file.path).exists() for file in row.files) and bool(row.files))
        for row in mine.jobs(limit=1)
    ]
    if repaired:
        mine.reconcile(timeout=60.0)
    return error, rows


@pytest.fixture(scope="module")
def emulated():
    with yard.emulator() as served:
        yield served


@pytest.mark.campaign
@pytest.mark.parametrize("repaired", [True, False], ids=["repaired at once", "after a restart"])
@pytest.mark.parametrize("provider", list(yard.SERVED))
def test_a_full_disk_at_any_write_pays_nothing_again(emulated, provider, repaired, tmp_path):
    for write in WRITES:
        for run in range(RUNS):
            prompt, home = f"{provider} disk {write} {repaired} {run}", tmp_path / f"{write}-{run}"
            error, rows = yard.asked(generate, emulated, provider, home, write, prompt, repaired)
            found = yard.asked(yard.reconcile, emulated, provider, home)

            assert error is not None or write in ("release", "mark"), write  # not every vendor tells its progress
            for state, there in rows:
                assert state != "succeeded" or there, f"{write}: called done without a picture"
            if write in UNPAID:
                assert error[:2] == ("storage_failed", False), f"{write}: {error}"
                # a process that ended before it could write down that its caller gave up left a job to go on with
                goes_on = write == "reserve_and_intend" and not repaired
                assert emulated.charges(prompt) == ({prompt: 1} if goes_on else {})
                assert any(there for _, there, _ in found.values()) == goes_on
                continue
            assert emulated.charges(prompt) == {prompt: 1}, write
            state, there, words = found[prompt]
            if write == "accept" and provider not in yard.KEYED and not repaired:
                assert state == "unknown", "the id was lost with the process; a person is asked"
                assert "imagegen jobs resolve" in words
            else:
                assert (state, there) == ("succeeded", True), f"{write}: {error} {words}"


def reconcile_on_a_full_disk(emulated: yard.Emulator, provider: str, home: Path) -> list[tuple[str, bool, str]]:
    """Reconcile while the disk becomes full right before the ending is written; return state, picture, words."""
    mine = yard.client(emulated, provider, home)
    object.__setattr__(mine.session.means, "store", Filling(mine.session.means.store, "finish"))
    try:
        mine.reconcile(timeout=60.0)
    except ImagegenError as error:
        assert error.kind == "storage_failed"
    empty()
    return [(row.state, bool(row.files), "") for row in mine.jobs()]


@pytest.mark.campaign
@pytest.mark.parametrize("provider", list(yard.SERVED))
def test_a_full_disk_at_the_end_of_a_resumed_job_is_resumed_once_more(emulated, provider, tmp_path):
    prompt = f"{provider} resumed onto a full disk"
    yard.asked(generate, emulated, provider, tmp_path, "settle", prompt, False)
    ((state, there, _),) = yard.asked(reconcile_on_a_full_disk, emulated, provider, tmp_path)
    assert (state, there) == ("succeeded", True)  # the call is settled; only the job's own ending is missing

    found = yard.asked(yard.reconcile, emulated, provider, tmp_path)

    assert found[prompt][:2] == ("succeeded", True)
    assert emulated.charges(prompt) == {prompt: 1}


@pytest.mark.campaign
def test_a_file_in_the_place_of_the_folder_of_pictures_is_found_before_paying(emulated, tmp_path):
    (tmp_path / "out").write_text("in the way")
    with yard.client(emulated, "modelslab", tmp_path) as mine, pytest.raises(ImagegenError) as caught:
        mine.generate(yard.request("in the way"), "modelslab")
    assert (caught.value.kind, caught.value.charged) == ("storage_failed", False)
    assert not emulated.charges("in the way")


@pytest.mark.campaign
def test_without_a_ledger_nothing_is_sent(emulated, tmp_path):
    with yard.client(emulated, "modelslab", tmp_path / "home") as mine:
        (tmp_path / "home").mkdir(exist_ok=True)
        (tmp_path / "home" / "ledger.sqlite3").mkdir()
        with pytest.raises(ImagegenError) as caught:
            mine.generate(yard.request("no ledger"), "modelslab")

    assert caught.value.kind == "storage_failed"
    assert not emulated.charges("no ledger")
