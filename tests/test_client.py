"""The two clients as a program sees them: handles, closing, what is refused at once."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from PIL import Image
from toy import REQUEST, Shop, open_client

from imagegen import AsyncClient, AsyncJob, Client, GenerationRequest, ImagegenError, InvalidInput, NotConfigured
from imagegen.cli import main
from imagegen.emulator import KEY as EMULATOR_KEY
from imagegen.ledger import Budget
from imagegen.placeholders import Secret
from imagegen.provider import Setting
from imagegen.settings import is_emulated

TINY = GenerationRequest(prompt="a boat", width=64, height=64, steps=1, seed=1)


@pytest.fixture
def shop() -> Shop:
    return Shop()


# --- jobs ---------------------------------------------------------------------------------------------------------


def test_an_async_client_waits_for_its_jobs_before_it_closes(tmp_path):
    async def story():
        async with AsyncClient(emulated=True, home=tmp_path / "home", output=tmp_path / "out") as client:
            job = await client.submit(TINY, "modelslab")
            assert isinstance(job, AsyncJob)
        return await job.result()

    assert asyncio.run(story()).images[0].path.exists()


def test_the_events_of_a_job_can_be_read_to_the_end_twice(shop, tmp_path):
    with open_client(shop, tmp_path) as client:
        job = client.submit(REQUEST, "toy")
        assert [event.kind for event in job.events()][-1] == "done"
        assert list(job.events()) == []


def test_the_events_of_an_async_job_can_be_read_to_the_end_twice(tmp_path):
    async def story():
        async with AsyncClient(emulated=True, home=tmp_path / "home", output=tmp_path / "out") as client:
            job = await client.submit(TINY, "modelslab")
            first = [event.kind async for event in job.events()]
            return first, [event async for event in job.events()]

    first, second = asyncio.run(asyncio.wait_for(story(), 30))
    assert (first[-1], second) == ("done", [])


def test_an_async_client_finds_a_job_by_the_beginning_of_its_id_and_refuses_nonsense(tmp_path):
    async def story():
        async with AsyncClient(emulated=True, home=tmp_path / "home", output=tmp_path / "out") as client:
            made = await client.generate(TINY, "modelslab")
            found = await client.job(made.job_id[:8])
            with pytest.raises(InvalidInput, match="no job nonsense"):
                await client.job("nonsense")
            return made.job_id, await found.id()

    made, found = asyncio.run(story())
    assert made == found


def test_an_async_client_stays_in_the_event_loop_that_it_was_first_used_in(tmp_path):
    client = AsyncClient(emulated=True, home=tmp_path / "home", output=tmp_path / "out")
    asyncio.run(client.generate(TINY, "modelslab"))

    with pytest.raises(InvalidInput, match="event loop"):
        asyncio.run(client.generate(TINY, "modelslab"))


@pytest.mark.parametrize("words", [["reconcile", "--emulated"], ["jobs", "watch", "JOB"]], ids=["reconcile", "watch"])
def test_what_is_left_of_a_job_can_be_stored_in_another_folder(tmp_path, words, capsys):
    def stop(http):
        if http.wire.method == "GET":
            raise KeyboardInterrupt
        return send(http)

    with Client(emulated=True, output=tmp_path / "gone") as client:
        send, client.shell.transport.send = client.shell.transport.send, stop
        with pytest.raises(KeyboardInterrupt):
            client.generate(TINY, "tams")
        job = client.jobs()[0].id
    (tmp_path / "gone").rmdir()
    (tmp_path / "gone").write_text("a file where the folder was")

    assert main([*(job if word == "JOB" else word for word in words), "-o", str(tmp_path / "elsewhere")]) == 0
    assert [path.suffix for path in sorted((tmp_path / "elsewhere").iterdir())] == [".json", ".png"]
    assert job in capsys.readouterr().out


# --- what is refused at once --------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", ["a lighthouse", {"prompt": "a lighthouse"}, None])
def test_what_is_no_request_is_refused_with_a_word_on_what_to_write(shop, tmp_path, request_):
    with open_client(shop, tmp_path) as client, pytest.raises(InvalidInput, match="GenerationRequest"):
        client.generate(request_, "toy")


def test_a_misspelled_keyword_names_the_ones_that_there_are(shop, tmp_path):
    with open_client(shop, tmp_path) as client, pytest.raises(TypeError, match="max_price"):
        client.generate(REQUEST, "toy", max_prize=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("words", [{"allow_unpriced": "no"}, {"timeout": "abc"}, {"output": 3}])
def test_a_keyword_of_the_wrong_kind_is_refused_before_anything_is_sent(shop, tmp_path, words):
    with open_client(shop, tmp_path) as client, pytest.raises(InvalidInput, match=next(iter(words))):
        client.generate(REQUEST, "toy", **words)
    assert shop.requests == []


@pytest.mark.parametrize("many", ["0", "1.5", "a few", -1])
def test_how_many_jobs_a_vendor_takes_at_once_is_a_whole_number(many):
    with pytest.raises(InvalidInput, match="concurrent: must be a whole number"):
        Client(emulated=True, settings={"modelslab": {"concurrent": many}})


def test_a_closed_client_says_so(shop, tmp_path):
    with open_client(shop, tmp_path) as client:
        client.generate(REQUEST, "toy")
    for verb in (client.generate, client.submit, client.plan):
        with pytest.raises(InvalidInput, match="closed"):
            verb(REQUEST, "toy")


def test_a_text_of_broken_bytes_is_refused_where_it_is_said():
    with pytest.raises(InvalidInput, match="prompt: holds what is no text"):
        GenerationRequest(prompt="T\udcfcrm")


def test_a_job_of_which_nothing_was_sent_can_be_canceled(shop, tmp_path):
    with open_client(shop, tmp_path) as client:
        client.session.means.store.set_budget(Budget(per="day", limit=Decimal("0.001")))
        with pytest.raises(ImagegenError) as caught:
            client.generate(REQUEST, "toy")
        job = client.job(caught.value.job_id)
        assert (job.state, job.cancel(), job.state) == ("prepared", True, "canceled")
        client.session.means.store.remove_budget("day")
        with pytest.raises(ImagegenError):
            job.result(timeout=5)
    assert shop.requests == []


@pytest.mark.parametrize("price", ["five", "nan", -1])
def test_a_price_that_is_none_is_refused(shop, tmp_path, price):
    with open_client(shop, tmp_path) as client, pytest.raises(InvalidInput, match="max_price"):
        client.generate(REQUEST, "toy", max_price=price)
    assert shop.requests == []


def test_the_same_key_with_another_picture_in_the_same_file_is_another_request(tmp_path):
    request = TINY.evolve(init_image=str(tmp_path / "in.png"), strength=0.5)
    with Client(emulated=True, home=tmp_path / "home", output=tmp_path / "out") as client:
        Image.new("RGB", (64, 64), "red").save(tmp_path / "in.png")
        first = client.generate(request, "modelslab", idempotency_key="scene-1")
        again = client.generate(request, "modelslab", idempotency_key="scene-1")
        Image.new("RGB", (64, 64), "blue").save(tmp_path / "in.png")
        with pytest.raises(ImagegenError) as caught:
            client.generate(request, "modelslab", idempotency_key="scene-1")

    assert again.job_id == first.job_id
    assert caught.value.kind == "idempotency_conflict"


def test_a_job_of_another_account_is_not_canceled_with_our_key(shop, tmp_path):
    def stop(http):
        raise KeyboardInterrupt

    with open_client(shop, tmp_path) as client:
        shop.faults = [lambda http: None, stop]
        with pytest.raises(KeyboardInterrupt):
            client.generate(REQUEST, "toy")
        job = client.jobs()[0]
    with open_client(shop, tmp_path, api_key="another") as other:
        shop.requests.clear()
        with pytest.raises(NotConfigured, match="another account"):
            other.job(job.id).cancel()
    assert shop.requests == []


# --- whose money --------------------------------------------------------------------------------------------------


def test_what_the_emulators_key_pays_is_no_money(shop, tmp_path):
    with open_client(shop, tmp_path, api_key=EMULATOR_KEY) as client:
        client.generate(REQUEST, "toy")

        assert client.jobs()[0].scope.emulated
        assert client.session.means.store.costs("provider") == []
        (spent,) = client.session.means.store.costs("provider", emulated=True)
    assert spent.billed == Decimal("0.01")


def test_only_the_emulators_key_is_the_emulators():
    class Shown:
        settings = (Setting(name="api_key", secret=True), Setting(name="base_url"))

    assert is_emulated({"api_key": Secret(EMULATOR_KEY)}, Shown())
    assert not is_emulated({"api_key": Secret("sk-1"), "base_url": EMULATOR_KEY}, Shown())
    assert not is_emulated({"api_key": Secret("env:NOT_SET_ANYWHERE")}, Shown())
