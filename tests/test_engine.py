"""The rules about money and patience, seen from a toy vendor's own books."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path

import pytest
import toy
from toy import KEY, REQUEST, Shop, Toy, open_client, reply, saying

from imagegen import AsyncClient, Client, ImagegenError, NotConfigured, OutcomeUnknown, plugins
from imagegen.effects import TransportError
from imagegen.ledger import Owner
from imagegen.ledger.owners import this_process
from imagegen.shells import AsyncShell
from imagegen.transport import AsyncLocal


class Both:
    """One client of each kind with the same verbs, so that every test runs on both shells."""

    def __init__(self, kind: str, shop: Shop, tmp_path: Path, *toys: Toy, **words) -> None:
        self.client = open_client(shop, tmp_path, *toys, **words)
        self.kind, self.shop = kind, shop

    def run(self, work):
        if self.kind == "sync":
            return self.client.shell.run(work)
        return asyncio.run(AsyncShell(AsyncLocal(self.shop.send, self.shop.sleep), self.client._tell).run(work))

    def generate(self, request=REQUEST, provider="toy", **wishes):
        return self.run(self.client._generation(request, provider, None, wishes))

    def resume(self, job_id):
        from imagegen.work import Wishes, result_of

        return self.run(result_of(self.client.session, job_id, Wishes(timeout=60)))


@pytest.fixture(params=["sync", "async"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def both(kind, shop, tmp_path):
    opened = Both(kind, shop, tmp_path)
    yield opened
    opened.client.close()


@pytest.fixture
def unkeyed(kind, shop, tmp_path):
    opened = Both(kind, shop, tmp_path, Toy(keyed=False))
    yield opened
    opened.client.close()


def test_a_picture_is_made_kept_and_settled(both, shop):
    result = both.generate()

    assert [image.seed for image in result.images] == [7]
    assert result.images[0].media_type == "image/png"  # sniffed: the vendor said text/plain
    assert result.cost.billed == result.cost.estimated
    row = both.client.row(result.job_id)
    assert (row.state, [call.vendor_job_id for call in row.calls]) == ("succeeded", ["j1"])


def test_the_key_goes_to_the_wire_and_nowhere_else(both, shop, tmp_path):
    seen = []
    shop.faults = [lambda http: seen.append(http.wire.headers["Authorization"])]

    result = both.generate()

    assert seen == [f"Bearer {KEY}"]
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY.encode() not in everything + repr(result).encode() + repr(both.client.session).encode()


def test_a_refused_rate_is_waited_for_and_sent_again(both, shop):
    shop.faults = [*saying(reply({}, 429, retry_after="3"), reply({}, 429))]

    both.generate()

    assert shop.count("/make") == 3
    assert shop.now >= 1_003


@pytest.mark.parametrize("status", [401, 402])
def test_what_cannot_pass_is_not_tried_again(both, shop, status):
    shop.faults = [*saying(reply({}, status))]

    with pytest.raises(ImagegenError) as caught:
        both.generate()

    assert shop.count("/make") == 1
    assert caught.value.charged is False
    assert both.client.row(caught.value.job_id).state == "failed"


def test_a_connection_that_was_never_made_costs_nothing_and_is_tried_again(both, shop):
    shop.faults = [*saying(TransportError("refused", sent=False))]

    assert both.generate().images
    assert shop.count("/make") == 2


def test_when_nobody_is_there_it_says_that_nothing_was_sent(both, shop):
    shop.faults = [*saying(*[TransportError("refused", sent=False)] * 9)]

    with pytest.raises(ImagegenError, match="Nothing was sent") as caught:
        both.generate()

    assert (caught.value.charged, caught.value.try_next) == (False, True)
    assert both.client.row(caught.value.job_id).state == "prepared"


def test_a_lost_answer_is_asked_for_again_with_the_vendors_own_key(both, shop):
    def lose(http, answer):
        raise TransportError("reset by peer", sent=True)

    shop.after = [lose]

    result = both.generate()

    assert result.images
    assert len(shop.charged) == 1
    assert [body["request_id"] for body in shop.bodies] == [shop.bodies[0]["request_id"]] * 2


def test_without_such_a_key_a_lost_answer_is_held_for_a_person(unkeyed, shop):
    shop.faults = [*saying(TransportError("reset by peer", sent=True))]

    with pytest.raises(OutcomeUnknown) as caught:
        unkeyed.generate()

    assert shop.count("/make") == 1
    assert (caught.value.charged, caught.value.try_next, caught.value.retry_same) == (None, False, False)
    assert "jobs" in caught.value.hint
    assert unkeyed.client.row(caught.value.job_id).state == "unknown"


def test_on_unknown_hold_holds_also_where_resending_would_be_safe(kind, shop, tmp_path):
    both = Both(kind, shop, tmp_path, on_unknown="hold")
    shop.faults = [*saying(TransportError("reset by peer", sent=True))]

    with pytest.raises(OutcomeUnknown):
        both.generate()

    assert shop.count("/make") == 1


def test_an_answer_that_makes_no_sense_leaves_the_call_unknown(unkeyed, shop):
    shop.faults = [*saying(reply({"id": ""}))]

    with pytest.raises(ImagegenError) as caught:
        unkeyed.generate()

    assert unkeyed.client.row(caught.value.job_id).state == "unknown"


def test_a_failed_job_costs_nothing_when_the_vendor_says_so(both, shop):
    shop.faults = [*saying(None, reply({"state": "failed"}))]

    with pytest.raises(ImagegenError) as caught:
        both.generate()

    row = both.client.row(caught.value.job_id)
    assert (caught.value.kind, row.state, row.billed) == ("job_failed", "failed", 0)
    assert caught.value.try_next


def test_the_deadline_ends_waiting_and_the_job_can_be_picked_up(both, shop):
    shop.polls = 50

    with pytest.raises(ImagegenError) as caught:
        both.generate(timeout=10)

    assert (caught.value.kind, caught.value.charged, caught.value.vendor_job_id) == ("deadline_exceeded", None, "j1")
    assert shop.now == pytest.approx(1_010)
    shop.polls = 1
    assert both.resume(caught.value.job_id).images
    assert len(shop.charged) == 1


def test_a_vendor_that_dies_in_mid_job_is_named_with_the_job(both, shop):
    shop.faults = [*saying(None, *[TransportError("refused", sent=False)] * 20)]

    with pytest.raises(ImagegenError) as caught:
        both.generate(timeout=300)

    assert "j1" in str(caught.value.vendor_job_id)
    assert caught.value.charged is None  # the vendor has the job: it may be charged
    assert shop.now < 1_300


def test_a_page_instead_of_a_picture_is_never_called_done(both, shop):
    shop.picture = b"<html>no</html>"

    with pytest.raises(ImagegenError, match="web page") as caught:
        both.generate()

    assert (caught.value.kind, caught.value.charged) == ("result_invalid", True)
    assert both.client.row(caught.value.job_id).state in ("submitted", "running")


def test_a_cut_picture_is_found_and_fetched_again_later_without_paying(both, shop):
    shop.picture = toy.picture(size=(256, 256))[:200]
    with pytest.raises(ImagegenError, match="damaged") as caught:
        both.generate()

    shop.picture = toy.picture()

    assert both.resume(caught.value.job_id).images
    assert len(shop.charged) == 1


def test_a_full_disk_keeps_the_job_and_pays_nothing_again(both, shop, tmp_path):
    def put_a_file_there(http):
        (tmp_path / "out").rmdir()
        (tmp_path / "out").write_text("a file where the folder was")

    shop.faults = [*saying(None, None, None), put_a_file_there]
    with pytest.raises(ImagegenError) as caught:
        both.generate()
    assert caught.value.kind == "storage_failed"

    (tmp_path / "out").unlink()

    assert both.resume(caught.value.job_id).images[0].path.exists()
    assert len(shop.charged) == 1


def test_a_folder_that_cannot_be_written_is_found_before_anything_is_paid(both, shop, tmp_path):
    (tmp_path / "out").write_text("a file where the folder should be")

    with pytest.raises(ImagegenError, match="Nothing was sent") as caught:
        both.generate()

    assert (caught.value.kind, caught.value.charged) == ("storage_failed", False)
    assert shop.requests == []


def test_private_addresses_are_refused_for_results(both, shop):
    shop.faults = [*saying(None, reply({"state": "done", "url": "http://169.254.169.254/latest/meta-data"}))]

    with pytest.raises(ImagegenError, match="private address"):
        both.generate()


def test_a_key_is_never_shown_to_a_host_that_is_not_the_vendors(both, shop):
    class Talkative(Toy):
        def plan(self, request, context):
            made = super().plan(request, context)
            return made.evolve(calls=tuple(call.evolve(url="https://elsewhere.example/make") for call in made.calls))

    other = open_client(shop, both.client.session.output / "x", Talkative())
    with pytest.raises(ImagegenError, match=r"elsewhere\.example"):
        other.generate(REQUEST, "toy")
    assert shop.requests == []


def test_several_paid_calls_have_keys_of_their_own(both, shop):
    result = both.generate(REQUEST.evolve(n=3))

    assert len(result.images) == 3
    assert len({body["request_id"] for body in shop.bodies}) == 3


def test_the_same_idempotency_key_gives_the_same_job(both, shop):
    first = both.generate(idempotency_key="scene-12")
    second = both.generate(idempotency_key="scene-12")

    assert second.job_id == first.job_id
    assert len(shop.charged) == 1
    with pytest.raises(ImagegenError) as caught:
        both.generate(REQUEST.evolve(prompt="another"), idempotency_key="scene-12")
    assert caught.value.kind == "idempotency_conflict"


def test_the_seed_is_drawn_on_our_side_and_sent(both, shop):
    both.generate(REQUEST.evolve(seed=None))

    assert 1 <= shop.bodies[0]["seed"] < 2**31


def test_max_price_refuses_before_anything_is_sent(both, shop):
    with pytest.raises(ImagegenError) as caught:
        both.generate(max_price="0.001")

    assert (caught.value.kind, shop.requests) == ("price_exceeded", [])


def test_an_unknown_price_under_a_limit_needs_a_word(kind, shop, tmp_path):
    both = Both(kind, shop, tmp_path, Toy(price=None))
    with pytest.raises(ImagegenError, match="no known price"):
        both.generate(max_price="1")

    result = both.generate(max_price="1", allow_unpriced=True)
    assert result.cost.estimated is None


def test_a_worker_that_waits_for_long_is_not_taken_over_from_another_host(both, shop):
    session, claims = both.client.session, []
    elsewhere = Owner(host="elsewhere/boot/1", pid=1, started=1.0)  # seen from here, no more than its lease
    session.who = lambda: elsewhere
    shop.polls = 1000

    def claim(http):
        (row,) = both.client.jobs()
        claims.append(session.means.store.claim(row.id, this_process()))
        if claims[-1] is not None:
            session.means.store.release(row.id, claims[-1])

    shop.faults = [*saying(None), *[claim] * 1000]
    both.generate()

    assert shop.now >= 2_000
    assert set(claims) == {None}


def test_no_key_is_said_before_anything_else(shop, tmp_path):
    registry = plugins.load([("toys", toy.Plugin(Toy()))])
    with Client(registry=registry, home=tmp_path) as client, pytest.raises(NotConfigured, match="emulated"):
        client.generate(REQUEST, "toy")


def test_errors_carry_no_frames_of_ours_with_a_body_in_them(both, shop):
    shop.faults = [*saying(reply({"echo": f"bad key {KEY}"}, 401))]

    with pytest.raises(ImagegenError) as caught:
        both.generate()

    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert KEY not in shown
    assert "<secret>" in caught.value.vendor_message


def test_the_async_client_has_the_names_of_the_sync_one():
    names = {name for name in vars(Client) if not name.startswith("_")}
    assert names <= {name for name in dir(AsyncClient) if not name.startswith("_")}


def test_cancelled_in_the_middle_the_job_is_picked_up_by_the_same_process(shop, tmp_path):
    client = open_client(shop, tmp_path)
    shop.polls = 3

    def stop(http):
        raise KeyboardInterrupt

    shop.faults = [*saying(None, None), stop]
    with pytest.raises(KeyboardInterrupt):
        client.generate(REQUEST, "toy")

    job = client.jobs()[0]
    assert job.state in ("submitted", "running")
    assert client.reconcile()[0][:2] == (job.id, "succeeded")
    assert len(shop.charged) == 1
    client.close()


def test_submit_gives_a_handle_that_tells_and_waits(shop, tmp_path):
    client = open_client(shop, tmp_path)

    job = client.submit(REQUEST, "toy")

    assert job.result(timeout=10).job_id == job.id
    assert [event.kind for event in job.events()][-1] == "done"
    assert job.state == "succeeded"
    assert client.job(job.id).result().images == job.result().images
    client.close()
