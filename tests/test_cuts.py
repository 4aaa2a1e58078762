"""Interrupts, forks, lost leases and failing ledgers at the worst moment: no id, no picture and no place is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading

import pytest
from attrs import evolve
from toy import REQUEST, Shop, Toy, open_client, reply, saying

from imagegen import ImagegenError, NotConfigured, Route
from imagegen.effects import Http, Line, TransportError, Wire
from imagegen.errors import VendorRefused
from imagegen.flow import Accepted, Call, Download, Made, Settled, fetch, send
from imagegen.ledger import Ending, LeaseLost
from imagegen.ledger.owners import this_process
from imagegen.placeholders import Secret
from imagegen.shells import AsyncShell, Shell
from imagegen.sqlitefile import SqliteFile
from imagegen.transport import AsyncLocal, AsyncTransport, Local, Transport
from imagegen.work.session import BUSY


class Troubled:
    """A ledger with some verbs replaced."""

    def __init__(self, client, **instead):
        self._store, self._instead = client.session.means.store, instead
        object.__setattr__(client.session.means, "store", self)

    def __getattr__(self, name):
        return self._instead.get(name) or getattr(self._store, name)


class Limiter:
    """A limiter with some verbs replaced."""

    def __init__(self, limiter, **instead):
        self._limiter, self._instead = limiter, instead

    def __getattr__(self, name):
        return self._instead.get(name) or getattr(self._limiter, name)


def once(error, verb, *, after=False):
    """Return *verb*, which raises *error* the first time, before or after it has worked."""
    left = [error]

    def work(*words, **named):
        if left and not after:
            raise left.pop()
        answer = verb(*words, **named)
        if left:
            raise left.pop()
        return answer

    return work


def full() -> ImagegenError:
    return ImagegenError("disk full", kind="storage_failed")


class Inline(Toy):
    """Sends the picture in its answer to the paid call."""

    def flow(self, plan):
        answer = yield from send(plan.paid_calls[0])
        if (error := self.explain(answer)) is not None:
            raise error
        return Made(files=((yield from fetch(Download(data=self.picture))),))

    picture = Shop().picture


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def client(shop, tmp_path):
    with open_client(shop, tmp_path, Toy(keyed=False)) as opened:
        yield opened


# --- leases -------------------------------------------------------------------------------------------------------


def test_a_reconcile_takes_no_job_that_a_thread_begins_at_that_very_moment(client, shop):
    paying, go_on, results = threading.Event(), threading.Event(), []

    def hold(http):
        paying.set()
        go_on.wait(10)

    def claim_stale(*words, **named):
        if not worker.is_alive() and not results:
            worker.start()
            paying.wait(10)
        return store._store.claim_stale(*words, **named)

    worker = threading.Thread(target=lambda: results.append(client.generate(REQUEST, "toy")))
    shop.faults = [hold]
    store = Troubled(client, claim_stale=claim_stale)
    taken = client.reconcile()
    go_on.set()
    worker.join(10)

    assert taken == []
    assert results[0].images
    assert len(shop.charged) == 1


def test_an_id_is_written_down_also_by_a_worker_that_has_lost_its_lease(client):
    store = client.session.means.store
    row, token = _opened(client)
    attempt = store.reserve_and_intend(row.id, 0, token, ceiling=None, key=None)
    store.release(row.id, token)
    successor = store.claim(row.id, this_process())

    with pytest.raises(LeaseLost):
        store.accept(row.id, 0, token, "j1", {}, attempt=attempt)

    assert [(call.state, call.vendor_job_id) for call in store.job(row.id).calls] == [("submitted", "j1")]
    with pytest.raises(LeaseLost):
        store.accept(row.id, 0, token, "j2", {}, attempt=attempt)
    assert store.job(row.id).calls[0].vendor_job_id == "j1"
    store.renew(row.id, successor)  # who holds it now goes on holding it


def test_an_id_that_comes_after_a_person_has_decided_changes_nothing(client):
    store = client.session.means.store
    row, token = _opened(client)
    attempt = store.reserve_and_intend(row.id, 0, token, ceiling=None, key=None)
    store.release(row.id, token)
    store.resolve_unknown(row.id, charged=False)

    with pytest.raises(LeaseLost):
        store.accept(row.id, 0, token, "j1", {}, attempt=attempt)

    assert (store.job(row.id).state, store.job(row.id).calls[0].vendor_job_id) == ("failed", None)


def _opened(client):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.shell.transport, "send", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.generate(REQUEST, "toy")
    client.session.give_back()
    store = client.session.means.store
    row = store.jobs()[0]
    token = store.claim(row.id, this_process())
    store.withdraw(row.id, 0, token)
    return row, token


def _interrupt(http):
    raise KeyboardInterrupt


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_client_that_was_carried_across_a_fork_works_under_its_own_name(client):
    BUSY.begin("a job of the parent's")
    try:
        child = os.fork()
        if child == 0:
            mine = client.session.owner.pid == os.getpid() and "a job of the parent's" not in BUSY
            os._exit(0 if mine else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert "a job of the parent's" in BUSY
    finally:
        BUSY.end("a job of the parent's")


# --- interrupts ---------------------------------------------------------------------------------------------------


def test_a_transaction_that_an_interrupt_left_open_does_not_stop_the_next(tmp_path):
    file = SqliteFile(tmp_path / "a.sqlite3", ("CREATE TABLE a (n INTEGER)",))
    file._opened().execute("BEGIN IMMEDIATE")

    with file.change() as db:
        db.execute("INSERT INTO a VALUES (1)")
    with file.read() as db:
        assert db.execute("SELECT n FROM a").fetchone()[0] == 1


def test_an_interrupt_right_after_the_last_commit_keeps_no_place_at_the_vendor(shop, tmp_path):
    with open_client(shop, tmp_path, Toy(), concurrent=1) as client:
        store = client.session.means.store
        Troubled(client, settle=once(KeyboardInterrupt(), store.settle, after=True))
        with pytest.raises(KeyboardInterrupt):
            client.generate(REQUEST, "toy")
        client.session.give_back()

        assert client.jobs()[0].state == "succeeded"
        assert client.generate(REQUEST.evolve(seed=6), "toy", timeout=30).images


def test_an_interrupt_in_the_middle_of_a_decision_leaves_no_lease(client, shop):
    class Interrupted(Toy):
        def explain(self, reply):
            raise KeyboardInterrupt

    provider = client.session.provider("toy")
    object.__setattr__(provider, "explain", Interrupted().explain)
    with pytest.raises(KeyboardInterrupt):
        client.generate(REQUEST, "toy")
    client.session.give_back()

    assert client.jobs()[0].owner is None


@pytest.mark.parametrize("event", ["submitting", "planned"])
def test_an_interrupt_before_anything_is_sent_leaves_no_doubt(client, shop, event):
    def listen(heard):
        if heard.kind == event:
            raise KeyboardInterrupt

    client._listeners.append(listen)
    with pytest.raises(KeyboardInterrupt):
        client.generate(REQUEST, "toy")
    client.session.give_back()

    assert (client.jobs()[0].state, client.jobs()[0].owner) == ("prepared", None)
    assert shop.requests == []


def test_an_interrupt_right_after_the_intent_was_written_leaves_no_doubt(client, shop):
    store = client.session.means.store
    Troubled(client, reserve_and_intend=once(KeyboardInterrupt(), store.reserve_and_intend, after=True))
    with pytest.raises(KeyboardInterrupt):
        client.generate(REQUEST, "toy")
    client.session.give_back()

    assert client.jobs()[0].state == "prepared"


def test_a_place_that_could_not_be_given_back_is_given_back_later(shop, tmp_path):
    with open_client(shop, tmp_path, Toy(), concurrent=1) as client:
        limiter = client.session.means.limiter
        object.__setattr__(
            client.session.means, "limiter", Limiter(limiter, release_slot=once(full(), limiter.release_slot))
        )
        assert client.generate(REQUEST, "toy").images
        client.session.give_back()

        assert client.generate(REQUEST.evolve(seed=6), "toy", timeout=30).images


def test_a_task_that_is_cancelled_before_it_pays_pays_nothing(client, shop):
    async def story():
        shell = AsyncShell(AsyncLocal(shop.send, shop.sleep), client._tell)
        task = asyncio.ensure_future(shell.run(client._generation(REQUEST, "toy", None, {})))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())

    assert shop.requests == []
    assert client.jobs() == []


def test_a_task_that_is_cancelled_in_line_was_never_about_to_pay(client, shop):
    waiting = []

    class Full(AsyncLocal):
        async def line(self, line):
            waiting.append(line)
            await asyncio.Event().wait()

    async def story():
        shell = AsyncShell(Full(shop.send, shop.sleep), client._tell)
        task = asyncio.ensure_future(shell.run(client._generation(REQUEST, "toy", None, {})))
        while not waiting:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(client.session.give_back)

    asyncio.run(asyncio.wait_for(story(), 20))

    (row,) = client.jobs()
    assert (row.state, row.calls[0].attempts) == ("prepared", 0)


@pytest.mark.parametrize("kind", ["blocking", "awaiting"])
def test_a_connection_that_was_waited_for_is_the_one_that_is_used(kind):
    wire = Wire(method="GET", url="http://127.0.0.1:9/")  # nobody answers there

    def blocking():
        transport = Transport()
        transport._slots = threading.BoundedSemaphore(1)
        mine = transport.line(Line(1.0))
        with pytest.raises(TransportError, match="refused"):
            transport.send(Http(wire=wire, timeout=5.0, connection=mine))
        with pytest.raises(TransportError, match="no connection became free"):
            transport.line(Line(0.01))
        mine.release()
        transport.line(Line(1.0)).release()

    async def awaiting():
        transport = AsyncTransport()
        transport._slots = asyncio.Semaphore(1)
        mine = await transport.line(Line(1.0))
        with pytest.raises(TransportError, match="onnect"):
            await transport.send(Http(wire=wire, timeout=5.0, connection=mine))
        with pytest.raises(TransportError, match="no connection became free"):
            await transport.line(Line(0.01))
        mine.release()
        (await transport.line(Line(1.0))).release()
        await transport.close()

    blocking() if kind == "blocking" else asyncio.run(awaiting())


def test_a_line_that_is_too_long_for_the_deadline_sends_nothing_and_says_so(client, shop):
    class Full(Local):
        def line(self, line):
            raise TransportError("no connection became free in time", sent=False, timeout=True)

    client.shell = Shell(Full(shop.send, shop.sleep), client._tell)
    with pytest.raises(ImagegenError, match="Nothing was sent") as caught:
        client.generate(REQUEST, "toy")

    assert caught.value.charged is False
    assert (client.jobs()[0].state, shop.requests) == ("prepared", [])


# --- a ledger that fails ------------------------------------------------------------------------------------------


def test_a_picture_that_came_with_the_answer_is_no_doubt_when_its_end_could_not_be_written(shop, tmp_path):
    with open_client(shop, tmp_path, Inline(keyed=False)) as client:
        store = client.session.means.store
        Troubled(client, settle=once(full(), store.settle))
        with pytest.raises(ImagegenError) as caught:
            client.generate(REQUEST, "toy")

        assert (caught.value.kind, caught.value.charged) == ("storage_failed", None)
        row = client.row(caught.value.job_id)
        assert (row.state, len(row.files)) == ("succeeded", 1)  # written on letting go


def test_an_intent_that_failed_after_it_was_written_leaves_no_doubt(client, shop):
    store = client.session.means.store
    Troubled(client, reserve_and_intend=once(full(), store.reserve_and_intend, after=True))
    with pytest.raises(ImagegenError) as caught:
        client.generate(REQUEST, "toy")

    assert caught.value.charged is False
    assert client.row(caught.value.job_id).state == "prepared"
    assert shop.requests == []


def test_a_half_made_job_is_neither_forgotten_nor_made_from_the_start(client, shop):
    store = client.session.means.store
    intents = []

    def intend(*words, **named):
        intents.append(words)
        if len(intents) == 2:
            raise full()
        return store.reserve_and_intend(*words, **named)

    Troubled(client, reserve_and_intend=intend)
    with pytest.raises(ImagegenError) as caught:
        client.generate(REQUEST.evolve(n=2), "toy")

    assert (caught.value.charged, caught.value.try_next) == (True, False)
    assert "reconcile goes on with the rest" in caught.value.hint
    assert store.prune(before=shop.now + 10**9, dry_run=True) == 0
    assert [state for _, state, _ in client.reconcile()] == ["succeeded"]
    assert (len(client.jobs()[0].files), len(shop.charged)) == (2, 2)


def test_an_answer_that_is_settled_is_not_overwritten_by_who_comes_later(client):
    store = client.session.means.store
    row, token = _opened(client)
    store.reserve_and_intend(row.id, 0, token, ceiling=None, key=None)
    store.settle(row.id, 0, token, "succeeded", ending=Ending(data={"caption": "a cat"}))
    store.release(row.id, token)

    assert client.job(row.id).result(timeout=5).data == {"caption": "a cat"}
    client.reconcile()
    assert client.row(row.id).data == {"caption": "a cat"}


def test_one_job_that_no_plugin_can_read_does_not_keep_the_others(client, shop):
    rows = [_left(client, REQUEST.evolve(seed=seed)) for seed in (1, 2)]
    provider = client.session.provider("toy")
    good, first = provider.resume, rows[0].calls[0].vendor_job_id

    def resume(record):
        if record.job_id == first:
            raise TypeError("a plugin of another age")
        return good(record)

    object.__setattr__(provider, "resume", resume)

    told = {job_id: (state, words) for job_id, state, words in client.reconcile()}

    assert told[rows[0].id][0] == "submitted"
    assert "TypeError" in told[rows[0].id][1]
    assert told[rows[1].id] == ("succeeded", "picked up")


def _left(client, request):
    """Return a job that was cut off right after its id was known."""
    send = client.shell.transport.send

    def stop(http):
        if http.wire.method == "GET":
            raise KeyboardInterrupt
        return send(http)

    client.shell.transport.send = stop
    with pytest.raises(KeyboardInterrupt):
        client.generate(request, "toy")
    client.session.give_back()
    client.shell.transport.send = send
    return client.jobs()[0]


def test_a_limits_file_that_cannot_be_written_sends_nothing_and_says_so(shop, tmp_path):
    with open_client(shop, tmp_path, Toy(keyed=False), concurrent=1) as client:
        limiter = client.session.means.limiter
        broken = Limiter(limiter, acquire_slot=once(full(), limiter.acquire_slot))
        object.__setattr__(client.session.means, "limiter", broken)
        with pytest.raises(ImagegenError) as caught:
            client.generate(REQUEST, "toy")

    assert (caught.value.kind, caught.value.charged) == ("storage_failed", False)
    assert shop.requests == []


# --- what a vendor's word proves ----------------------------------------------------------------------------------


class Questioner(Toy):
    """Asks a question between the paid answer and the id."""

    def flow(self, plan):
        answer = yield from send(plan.paid_calls[0])
        if (error := self.explain(answer)) is not None:
            raise error
        asked = yield from send(Call(method="GET", url="https://toy.example/quota", purpose="ask"))
        if (error := self.explain(asked)) is not None:
            raise error
        yield Accepted("j1")
        return Made()


def test_a_question_that_is_refused_proves_nothing_about_the_call_that_paid(shop, tmp_path):
    with open_client(shop, tmp_path, Questioner(keyed=False), Toy("other")) as client:
        shop.faults = [*saying(None, reply({}, 402))]
        with pytest.raises(ImagegenError) as caught:
            client.generate(REQUEST, route=Route(["toy", "other"]))

    assert (caught.value.kind, caught.value.charged) == ("outcome_unknown", None)
    assert len(shop.charged) == 1


class Silent(Toy):
    """Does not say whether it charged."""

    def _wait(self, base, id):
        made = yield from super()._wait(base, id)
        yield Settled(charged=None)
        return made


def test_a_part_of_which_nobody_says_whether_it_was_charged_is_not_paid_for_elsewhere(shop, tmp_path):
    with open_client(shop, tmp_path, Silent(keyed=False), Toy("other")) as client:
        shop.faults = [*saying(None, None, None, None, reply({}, 402))]  # make, 2 looks, file, make
        with pytest.raises(ImagegenError) as caught:
            client.generate(REQUEST.evolve(n=2), route=Route(["toy", "other"]))

    assert (caught.value.charged, caught.value.try_next) == (None, False)
    assert len(shop.charged) == 1


class Optimist(Toy):
    """Goes on as if nothing had happened when a paid call fails."""

    def flow(self, plan):
        with contextlib.suppress(ImagegenError):
            yield from send(plan.paid_calls[0])
        return Made()


def test_a_plugin_that_swallows_the_failure_of_a_paid_call_has_not_made_anything(shop, tmp_path):
    with open_client(shop, tmp_path, Optimist(keyed=False)) as client:
        shop.faults = [*saying(TransportError("reset", sent=True))]
        with pytest.raises(ImagegenError) as caught:
            client.generate(REQUEST, "toy")

        assert caught.value.charged is None
        assert client.jobs()[0].state == "unknown"


class Saver(Toy):
    """Needs one call where two were planned."""

    def flow(self, plan):
        return (yield from super().flow(evolve(plan, calls=plan.calls[:1])))


def test_a_call_that_turned_out_not_to_be_needed_is_not_paid_later(shop, tmp_path):
    with open_client(shop, tmp_path, Saver()) as client:
        result = client.generate(REQUEST.evolve(n=2), "toy")

        assert [call.state for call in client.row(result.job_id).calls] == ["succeeded"]
        assert client.reconcile() == []
    assert len(shop.charged) == 1


@pytest.mark.parametrize("key", ["abc\r\nX-Other: y", "k’ey"])
def test_a_key_that_no_header_can_hold_is_found_before_anything_is_paid(shop, tmp_path, key):
    with open_client(shop, tmp_path, Toy(keyed=False)) as client:
        client.session._values["toy"] = {
            **client.session.values(client.session.provider("toy")),
            "api_key": Secret(key),
        }
        with pytest.raises(NotConfigured, match="Authorization") as caught:
            client.generate(REQUEST, "toy")

        assert caught.value.charged is False
        assert key not in str(caught.value)
        assert client.jobs()[0].state == "prepared"
    assert shop.requests == []


def test_a_refusal_is_still_a_refusal(client, shop):
    shop.faults = [*saying(reply({}, 402))]
    with pytest.raises(VendorRefused) as caught:
        client.generate(REQUEST, "toy")
    assert (caught.value.charged, client.jobs()[0].state) == (False, "failed")
