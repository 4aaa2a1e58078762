"""Two workers, a fence, a refusal at the wrong moment: the orders of events that could pay twice or leave a lease behind."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import toy
from attrs import evolve
from toy import Shop, Toy, reply, saying

from imagegen import Client, GenerationRequest, ImagegenError, OutcomeUnknown, Route, plugins
from imagegen.effects import TransportError
from imagegen.errors import ImagegenError as Error
from imagegen.flow import Call, Made, Settled, fetch, send
from imagegen.flow import Download as Fetch
from imagegen.ledger import Owner
from imagegen.ledger.owners import host, this_process
from imagegen.provider import Limits
from imagegen.shells import AsyncShell, Shell
from imagegen.transport import AsyncLocal, Local

REQUEST = GenerationRequest(prompt="a cat", seed=5)
DEAD = Owner(host=host(), pid=this_process().pid, started=-1.0)  # our pid, as an earlier process had it
GONE = TransportError("refused", sent=False)
LOST = TransportError("reset by peer", sent=True)


class Stuck:
    """A ledger in which some verbs fail or do nothing, as told by *instead*."""

    def __init__(self, store: Any, **instead: Any) -> None:
        self._store, self.instead = store, instead

    def __getattr__(self, name: str) -> Any:
        return self.instead.get(name) or getattr(self._store, name)


def open_client(shop: Shop, home: Path, *toys: Any, owner: Owner | None = None, **words: Any) -> Client:
    registry = plugins.load([("toys", toy.Plugin(*(toys or (Toy(),))))])
    settings = {name: {"api_key": "canary-7f3a9c", **words} for name in registry.providers}
    client = Client(registry=registry, home=home, output=home / "out", settings=settings, dice=random.Random(1))
    client.shell.transport.close()
    object.__setattr__(client.session.means, "clock", lambda: shop.now)
    if owner is not None:
        client.session.who = lambda: owner
    client.shell = Shell(Local(shop.send, shop.sleep), client._tell)
    return client


def replace_store(client: Client, **instead: Any) -> None:
    means = client.session.means
    object.__setattr__(means, "store", Stuck(means.store, **instead))


def fence(client: Client) -> None:
    """What another host does that takes the newest job over."""
    with client.session.means.store._file.change() as db:
        db.execute("UPDATE job SET token = token + 1, host = NULL, pid = NULL, started = NULL")


def failing(times: int, verb: Any = lambda *_, **__: None, error: BaseException | None = None) -> Any:
    """Return *verb*, which fails so many times before it works."""
    left = [times]

    def attempt(*words: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise error or Error("disk full", kind="storage_failed")
        return verb(*words, **named)

    return attempt


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def keyed(shop, tmp_path):
    with open_client(shop, tmp_path) as client:
        yield client


@pytest.fixture
def unkeyed(shop, tmp_path):
    with open_client(shop, tmp_path, Toy(keyed=False)) as client:
        yield client


def caught(client: Client, request: Any = REQUEST, **wishes: Any) -> ImagegenError:
    with pytest.raises(ImagegenError) as info:
        client.generate(request, wishes.pop("provider", "toy" if "route" not in wishes else None), **wishes)
    return info.value


def lose(http: Any, answer: Any) -> Any:
    raise LOST


# --- an earlier attempt stays in doubt ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "then", [[reply({}, 402)], [reply({}, 401)], [GONE] * 20], ids=["no credit", "bad key", "gone"]
)
def test_what_happens_to_a_resend_proves_nothing_about_the_first(keyed, shop, then):
    shop.faults, shop.after = [*saying(None, *then)], [lose]

    error = caught(keyed)

    assert isinstance(error, OutcomeUnknown)
    assert (error.charged, error.try_next, error.retry_same) == (None, False, False)
    assert keyed.row(error.job_id).state == "unknown"
    shop.faults = []
    assert keyed.reconcile()[0][:2] == (error.job_id, "succeeded")
    assert len(shop.charged) == 1


def test_a_deadline_between_a_lost_answer_and_its_resend_is_no_proof_either(keyed, shop):
    shop.after, shop.faults = [lose], [*saying(None, reply({}, 429, retry_after="30"))]

    error = caught(keyed, timeout=10)

    assert error.charged is None
    assert keyed.row(error.job_id).state == "unknown"


def test_no_route_moves_on_from_a_resend_that_was_refused(shop, tmp_path):
    with open_client(shop, tmp_path, Toy(), Toy("other")) as client:
        shop.after, shop.faults = [lose], [*saying(None, reply({}, 402))]

        error = caught(client, route=Route(["toy", "other"]))

    assert (error.kind, len(shop.charged)) == ("outcome_unknown", 1)


def test_after_a_crash_a_refused_resend_leaves_the_call_in_doubt(shop, tmp_path):
    with open_client(shop, tmp_path, owner=DEAD) as crashed:
        replace_store(crashed, release=lambda *_, **__: None, accept=failing(1, error=KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            crashed.generate(REQUEST, "toy")
    shop.faults = [*saying(reply({}, 402))]
    with open_client(shop, tmp_path) as client:
        assert client.reconcile()[0][1] == "unknown"
        assert client.reconcile()[0][1] == "succeeded"
    assert len(shop.charged) == 1


class WithoutId(Toy):
    """Takes the job without giving it a name; where it is to be asked for stands in the answer."""

    def flow(self, plan):
        yield from send(plan.paid_calls[0])
        looked = yield from send(Call(method="GET", url=f"{toy.BASE}/jobs/j1", purpose="poll"))
        assert looked
        return Made(files=((yield from fetch(Fetch(url=f"{toy.BASE}/files/j1.png"))),))


def test_a_question_that_fails_is_no_proof_that_the_paid_call_failed(shop, tmp_path):
    with open_client(shop, tmp_path, WithoutId(keyed=False)) as client:
        shop.faults = [*saying(None, *[GONE] * 20)]
        error = caught(client)

        assert (error.kind, error.charged) == ("outcome_unknown", None)
        assert client.row(error.job_id).state == "unknown"


class Slow(Toy):
    limits = Limits(per_second=0.01)


def test_a_deadline_in_the_queue_leaves_nothing_in_doubt(shop, tmp_path):
    with open_client(shop, tmp_path, Slow(keyed=False)) as client:
        object.__setattr__(client.session.means.limiter, "_now", lambda: shop.now)
        for _ in range(2):
            client.session.means.limiter.reserve(client.session.account(client.session.provider("toy")), 0.01, shop.now)
        error = caught(client, timeout=5)

        assert (error.kind, error.charged, shop.count("/make")) == ("deadline_exceeded", False, 0)
        assert client.row(error.job_id).state == "prepared"


# --- who was told that it is over --------------------------------------------------------------------------------


def test_what_was_told_to_have_failed_unpaid_is_not_paid_for_by_a_later_reconcile(shop, tmp_path):
    with open_client(shop, tmp_path, Toy(), Toy("other")) as client:
        shop.faults = [*saying(*[GONE] * 4)]
        result = client.generate(REQUEST, route=Route(["toy", "other"]))
        assert result.provider == "other"

        assert client.reconcile() == []
    assert len(shop.charged) == 1


def test_the_same_key_tries_again_what_could_not_be_sent(keyed, shop):
    shop.faults = [*saying(*[GONE] * 4)]
    error = caught(keyed, idempotency_key="scene-12")

    result = keyed.generate(REQUEST, "toy", idempotency_key="scene-12")

    assert result.job_id == error.job_id
    assert len(shop.charged) == 1


# --- workers that die, and their fences --------------------------------------------------------------------------


def _interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def leave_behind(client: Client, **wishes: Any) -> None:
    """Be killed in the first poll: no lease is given back."""
    replace_store(client, release=lambda *_, **__: None)
    client.shell.transport.send = _killed_at(client.shell.transport.send, 2)
    with pytest.raises(KeyboardInterrupt):
        client.generate(REQUEST, "toy", **wishes)


def _killed_at(send_: Any, exchange: int) -> Any:
    left = [exchange]

    def killed(http: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return send_(http)

    return killed


def test_the_key_of_a_worker_that_died_goes_on_with_its_job(shop, tmp_path):
    with open_client(shop, tmp_path, owner=DEAD) as crashed:
        leave_behind(crashed, idempotency_key="scene-12")

    with open_client(shop, tmp_path) as client:
        assert client.generate(REQUEST, "toy", idempotency_key="scene-12", timeout=30).images
    assert len(shop.charged) == 1


@pytest.mark.parametrize("how", ["reconcile", "result"])
def test_an_interrupted_process_that_lives_on_takes_its_own_job_up_again(shop, tmp_path, how):
    with open_client(shop, tmp_path) as crashed:
        leave_behind(crashed)
        job = crashed.jobs()[0]
    with open_client(shop, tmp_path) as client:
        assert client.row(job.id).owner == this_process()
        if how == "reconcile":
            assert client.reconcile()[0][:2] == (job.id, "succeeded")
        assert client.job(job.id).result(timeout=30).images


@pytest.mark.parametrize("keyed", [True, False])
def test_a_worker_that_was_fenced_out_while_paying_still_writes_the_id_down_and_joins_its_successor(
    shop, tmp_path, keyed
):
    with open_client(shop, tmp_path, Toy(keyed=keyed)) as client:
        shop.after = [lambda http, answer: fence(client) or answer]
        assert client.generate(REQUEST, "toy", timeout=30).images
        assert len(shop.charged) == 1
        assert client.jobs()[0].owner is None


def test_a_worker_that_was_fenced_out_before_a_withdrawal_joins_its_successor(keyed, shop):
    shop.faults = [lambda http: fence(keyed) or reply({}, 429)]

    assert keyed.generate(REQUEST, "toy", timeout=30).images
    assert len(shop.charged) == 1


def test_a_place_at_the_vendor_is_given_back_whatever_happens(shop, tmp_path):
    with open_client(shop, tmp_path, Toy(), concurrent=1) as client:
        shop.after = [lambda http, answer: fence(client) or answer]
        client.generate(REQUEST, "toy", timeout=30)
        shop.picture = b"no picture"
        caught(client, timeout=30)
        shop.picture = toy.picture()

        assert client.generate(REQUEST.evolve(seed=6), "toy", timeout=30).images


# --- several paid calls ------------------------------------------------------------------------------------------


def test_a_part_that_failed_says_that_another_part_was_paid(shop, tmp_path):
    with open_client(shop, tmp_path, Toy(), Toy("other")) as client:
        shop.faults = [*saying(None, None, None, None, reply({}, 402))]  # make, 2 looks, file, make

        error = caught(client, REQUEST.evolve(n=3), route=Route(["toy", "other"]))

        assert (error.kind, error.charged, error.try_next) == ("insufficient_credits", True, False)
        row = client.row(error.job_id)
        assert [call.state for call in row.calls] == ["succeeded", "failed", "canceled"]
        assert (row.state, len(row.files), client.reconcile()) == ("failed", 1, [])


def test_only_what_is_missing_of_several_is_paid_after_a_crash(shop, tmp_path):
    with open_client(shop, tmp_path, owner=DEAD) as crashed:
        replace_store(crashed, release=lambda *_, **__: None)
        crashed.shell.transport.send = _killed_at(crashed.shell.transport.send, 6)
        with pytest.raises(KeyboardInterrupt):
            crashed.generate(REQUEST.evolve(n=3), "toy")
    with open_client(shop, tmp_path) as client:
        assert client.reconcile()[0][1] == "succeeded"
        assert len(client.jobs()[0].files) == 3
    assert len(shop.charged) == 3
    assert len({body["request_id"] for body in shop.bodies}) == 3


# --- a ledger that cannot be written -----------------------------------------------------------------------------


def test_an_id_that_could_not_be_written_is_written_later(unkeyed, shop):
    store = unkeyed.session.means.store
    replace_store(unkeyed, accept=failing(1, store.accept), release=failing(1, store.release))
    error = caught(unkeyed)
    assert (error.kind, error.charged, error.vendor_job_id) == ("storage_failed", None, "j1")

    assert unkeyed.reconcile()[0][:2] == (error.job_id, "succeeded")
    assert len(shop.charged) == 1


def test_a_refusal_that_could_not_be_written_leaves_doubt_until_it_is(keyed, shop):
    shop.faults = [*saying(reply({}, 401))]
    replace_store(keyed, settle=failing(1, keyed.session.means.store.settle))

    error = caught(keyed)

    assert (error.kind, error.charged, error.try_next) == ("unauthorized", None, False)
    assert keyed.row(error.job_id).state == "failed"  # written on letting go


def test_one_unreadable_record_does_not_stop_a_reconcile(shop, tmp_path):
    with open_client(shop, tmp_path, owner=DEAD) as crashed:
        leave_behind(crashed)
    with open_client(shop, tmp_path, owner=DEAD) as crashed:
        leave_behind(crashed)
        first = crashed.jobs()[-1]
        with crashed.session.means.store._file.change() as db:
            db.execute("UPDATE job_text SET plan = '{}' WHERE job = (SELECT n FROM job WHERE id = ?)", (first.id,))
    with open_client(shop, tmp_path) as client:
        states = {job_id: (state, words) for job_id, state, words in client.reconcile()}
        assert [state for state, _ in states.values()] == ["submitted", "succeeded"]
        assert "cannot be read" in states[first.id][1]


def test_a_reconcile_takes_as_many_jobs_as_there_are(shop, tmp_path):
    with open_client(shop, tmp_path) as client:
        shop.faults = [_interrupt]
        with pytest.raises(KeyboardInterrupt):
            client.generate(REQUEST, "toy")
        client.reconcile()
        with client.session.means.store._file.change() as db:
            columns = [row["name"] for row in db.execute("PRAGMA table_info(job)") if row["name"] not in ("n", "id")]
            for number in range(130):
                db.execute(
                    f"INSERT INTO job (id, {', '.join(columns)}) SELECT ?, {', '.join(columns)} FROM job LIMIT 1",
                    (f"x{number}",),
                )
            db.execute("INSERT OR IGNORE INTO job_text SELECT n, '{}', '{}' FROM job")
            db.execute("UPDATE job SET open = 1, state = 'prepared'")

        assert len(client.reconcile()) == 131


@pytest.mark.parametrize("figure", ["27670116110564328", "-1", "NaN", "Infinity"])
def test_a_bill_that_is_no_figure_does_not_keep_a_picture_from_being_settled(shop, tmp_path, figure):
    class Absurd(Toy):
        def flow(self, plan):
            made = yield from super().flow(plan)
            yield Settled(credits=Decimal(figure))
            return made

    with open_client(shop, tmp_path, Absurd()) as client:
        result = client.generate(REQUEST, "toy")

        assert (result.cost.billed, client.row(result.job_id).state) == (None, "succeeded")


# --- strangers' code ---------------------------------------------------------------------------------------------


class Careless(Toy):
    def flow(self, plan):
        yield from send(plan.paid_calls[0])
        raise KeyError("output")


def test_a_plugin_that_breaks_after_paying_leaves_the_call_in_doubt_and_no_lease(shop, tmp_path):
    with open_client(shop, tmp_path, Careless(keyed=False)) as client:
        error = caught(client)

        assert "plugin broke: KeyError in test_interleavings.py" in str(error)
        row = client.row(error.job_id)
        assert (row.state, row.owner) == ("unknown", None)


def test_a_listener_that_breaks_stops_no_job(shop, tmp_path, caplog):
    with open_client(shop, tmp_path) as client:

        def listen(event):
            if event.kind == "accepted":
                raise RuntimeError("the user's own code")

        client._listeners.append(listen)

        assert client.generate(REQUEST, "toy").images
    assert len(shop.charged) == 1
    assert "a listener failed at the event accepted" in caplog.text


class Talker(Toy):
    """Sells words."""

    def flow(self, plan):
        made = yield from super().flow(plan)
        return evolve(made, files=(), data={"prompt": "a cat"})


def test_an_answer_in_words_survives_a_crash_right_after_its_call_was_settled(shop, tmp_path):
    with open_client(shop, tmp_path, Talker(), owner=DEAD) as crashed:
        store = crashed.session.means.store

        def settle(*words: Any, **named: Any) -> None:
            store.settle(*words, **named)
            raise KeyboardInterrupt

        replace_store(crashed, settle=settle, release=lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            crashed.generate(REQUEST, "toy")
    with open_client(shop, tmp_path, Talker()) as client:
        assert client.job(client.jobs()[0].id).result(timeout=30).data == {"prompt": "a cat"}
    assert len(shop.charged) == 1


# --- cancellation of tasks ---------------------------------------------------------------------------------------


def test_a_task_cancelled_while_the_call_is_out_gives_its_lease_back(shop, tmp_path):
    with open_client(shop, tmp_path, Toy(keyed=False)) as client:

        async def cancel_it() -> None:
            shell = AsyncShell(AsyncLocal(shop.send, shop.sleep), client._tell)
            task = asyncio.create_task(shell.run(client._generation(REQUEST, "toy", None, {})))
            while not shop.requests:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(cancel_it())
        assert client.reconcile()[0][1] in ("unknown", "succeeded")
        assert len(shop.charged) == 1
        assert client.jobs()[0].owner is None
