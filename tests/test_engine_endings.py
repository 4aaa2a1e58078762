"""How a paid call ends: when its pictures are written down, and what one end costs the ledger."""

from __future__ import annotations

import pytest
from toy import BASE, REQUEST, Shop, Toy, open_client, reply

from imagegen import ImagegenError
from imagegen.flow import Download, Settled, fetch


class Twins(Toy):
    """A toy whose every job is two pictures."""

    def _wait(self, base, id):
        first = yield from fetch(Download(url=f"{BASE}/files/{id}-1.png"))
        second = yield from fetch(Download(url=f"{BASE}/files/{id}-2.png"))
        yield Settled()
        return [first, second]


class Told:
    """A ledger that keeps the names of the verbs it is asked for."""

    def __init__(self, store):
        self.store, self.verbs = store, []

    def __getattr__(self, name):
        def told(*words, **named):
            self.verbs.append(name)
            return getattr(self.store, name)(*words, **named)

        return told


@pytest.fixture
def shop() -> Shop:
    return Shop()


def kept(client):
    return [file.n for file in client.jobs()[0].files]


def test_a_generate_writes_five_times_of_which_three_are_durable(shop, tmp_path):
    with open_client(shop, tmp_path, Toy()) as client:
        client.generate(REQUEST, "toy")  # the files are open, the price is read
        told = Told(client.session.means.store)
        object.__setattr__(client.session.means, "store", told)
        shop.polls = 0
        client.generate(REQUEST, "toy")

    assert told.verbs == ["known", "open_job", "reserve_and_intend", "accept", "mark", "settle", "close"]


def test_a_picture_is_in_the_ledger_before_the_next_one_is_fetched(shop, tmp_path):
    seen = []
    with open_client(shop, tmp_path, Twins()) as client:
        shop.faults = [lambda http: None, lambda http: None, lambda http: seen.extend(kept(client))]
        client.generate(REQUEST, "toy")

        assert seen == [0]
        assert kept(client) == [0, 1]


def test_a_picture_whose_sister_has_expired_is_kept_with_the_charge(shop, tmp_path):
    with open_client(shop, tmp_path, Twins()) as client:
        shop.faults = [lambda http: None, lambda http: None, *[lambda http: reply({}, 410)] * 9]
        with pytest.raises(ImagegenError) as caught:
            client.generate(REQUEST, "toy")

        row = client.row(caught.value.job_id)
    assert (caught.value.kind, row.state, [call.charged for call in row.calls]) == ("result_expired", "expired", [True])
    assert [file.n for file in row.files] == [0]


def test_a_picture_that_is_here_when_the_work_is_cut_off_is_kept(shop, tmp_path):
    def stop(http):
        raise KeyboardInterrupt

    with open_client(shop, tmp_path, Twins()) as client:
        shop.faults = [lambda http: None, lambda http: None, stop]
        with pytest.raises(KeyboardInterrupt):
            client.generate(REQUEST, "toy")
        client.jobs()
        assert kept(client) == [0]

        assert [(state, words) for _, state, words in client.reconcile()] == [("succeeded", "picked up")]
        assert kept(client) == [0, 1]
    assert len(shop.charged) == 1


def test_an_answer_that_is_no_picture_ends_with_its_call(shop, tmp_path):
    class Words(Toy):
        def _wait(self, base, id):
            yield Settled()
            return []

        def flow(self, plan):
            made = yield from super().flow(plan)
            return made.__class__(data={"tags": ["sea"]})

    with open_client(shop, tmp_path, Words()) as client:
        result = client.generate(REQUEST, "toy")

        assert client.row(result.job_id).data == result.data == {"tags": ["sea"]}


def test_the_notes_of_a_plan_are_told_again_from_the_ledger(shop, tmp_path):
    with open_client(shop, tmp_path) as client:
        result = client.generate(REQUEST.evolve(n=1), "toy")

        again = client.job(result.job_id).result()
    assert again.notes == result.notes
    assert {note.field for note in again.notes} >= {"prompt", "seed"}
