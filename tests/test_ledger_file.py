"""The file itself: who may read it, how it is upgraded, what is committed when."""

import contextlib
import os
import sqlite3
import stat

import pytest
from attrs import evolve
from ledgers import DEAD, ME, NOON, intend, new, opened, sent, state

from imagegen.errors import ImagegenError
from imagegen.ledger import FINAL, Ending, leases
from imagegen.ledger.schema import MIGRATIONS
from imagegen.ledger.sqlite import SqliteStore
from imagegen.sqlitefile import SqliteFile


def test_the_file_is_for_its_owner_only(tmp_path):
    with contextlib.closing(SqliteStore(tmp_path / "deep" / "ledger.sqlite3")) as store:
        opened(store)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").iterdir()}

    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700


def test_a_file_of_an_older_version_is_upgraded_in_order(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    scripts = ("CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y DEFAULT 7; CREATE TABLE b (z)")
    old, young = SqliteFile(path, scripts[:1]), SqliteFile(path, scripts)
    with old.change() as db:
        db.execute("INSERT INTO a VALUES (1)")
    old.close()
    with young.read() as db:
        found = (
            [tuple(row) for row in db.execute("SELECT x, y FROM a")],
            db.execute("PRAGMA user_version").fetchone()[0],
        )
    young.close()

    assert found == ([(1, 7)], 2)


def test_a_ledger_of_the_first_version_is_upgraded_with_all_that_is_in_it(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    old = SqliteFile(path, MIGRATIONS[:1])
    with old.change() as db:
        leases.open_job(db, NOON, new(labels={"p": "x"}), DEAD)
    old.close()
    with contextlib.closing(SqliteStore(path)) as store:
        ((job, token),) = store.claim_stale(ME)
        intend(store, token)

        assert (job.id, job.labels, state(store)) == ("job-1", {"p": "x"}, "submitting")
        assert len(store.job("job-1").calls[0].history) == 1


def test_a_file_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")

    with pytest.raises(ImagegenError, match="newer version") as caught:
        SqliteStore(path).jobs()
    assert caught.value.kind == "storage_failed"


def test_what_is_no_ledger_or_cannot_be_reached_is_named(tmp_path):
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no database at all" * 100)
    (tmp_path / "file").write_text("")
    for path in (broken, tmp_path, tmp_path / "file" / "ledger.sqlite3"):
        with pytest.raises(ImagegenError, match="could not be read or written") as caught:
            SqliteStore(path).jobs()
        assert caught.value.kind == "storage_failed"
        assert str(path) in caught.value.message


def test_money_is_committed_durably_and_the_rest_is_not_waited_for(tmp_path):
    with contextlib.closing(SqliteFile(tmp_path / "file", ("CREATE TABLE a (x)",))) as file:
        levels = []
        for durable in (False, True, True, False, True):
            with file.change(durable=durable) as db:
                levels.append(db.execute("PRAGMA synchronous").fetchone()[0])

    assert levels == [1, 2, 2, 1, 2]  # 1 = NORMAL, 2 = FULL


def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(store):
    token = opened(store)
    with pytest.raises(TypeError):
        store.finish("job-1", token, Ending(data={"not": "JSON", "really": {1, 2}}))

    assert store.job("job-1").data is None
    assert intend(store, token) == 1


def test_final_states_are_the_same_for_sql_and_python(store):
    for name in sorted(FINAL):
        token = sent(store, name)
        store.accept(name, 0, token, "v", None)
        store.settle(name, 0, token, name)
        store.release(name, token)

    assert store.claim_stale(ME) == []


def test_a_store_that_was_closed_opens_again(tmp_path):
    store = SqliteStore(tmp_path / "ledger.sqlite3")
    opened(store)
    store.close()

    assert store.job("job-1").owner == evolve(ME, pid=os.getpid())
    store.close()
