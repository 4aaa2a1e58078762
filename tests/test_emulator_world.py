"""The emulated world by itself: time, memory, books, files, accounts, limits, inputs, webhooks."""

from __future__ import annotations

import base64
import sqlite3
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.emulator import Request, account, inputs, outbox
from imagegen.emulator.clock import Clock
from imagegen.emulator.faults import Fault, Rule, parse_marks, without_marks
from imagegen.emulator.limits import take_place, wait_needed
from imagegen.emulator.postman import deliver_due
from imagegen.emulator.storage import serve_file
from imagegen.emulator.world import Rules, World

START = 1_700_000_000.0


@pytest.fixture
def world():
    made = World(rules=Rules(limits=True, credits=Decimal(10)), clock=Clock(manual=True, start=START))
    yield made
    made.close()


def get(world: World, path: str, method: str = "GET", **headers: str):
    return serve_file(
        Request(method=method, path=path, headers={k.replace("_", "-"): v for k, v in headers.items()}), world
    )


# --- faults ---


def test_marks_are_read_from_a_prompt_and_taken_out_of_it():
    prompt = "a cat [emu:http=429:retry=7] on a mat [emu:queue] [emu:drop:before]"

    assert parse_marks(prompt) == (Fault("http", "429:retry=7"), Fault("queue"), Fault("drop", "before"))
    assert without_marks("a cat [emu:queue]") == "a cat"


def test_a_fault_says_its_number_and_its_words():
    fault = Fault.of("http=500:after:retry=60")

    assert (fault.number(), fault.says("after"), fault.says("before"), fault.word("retry")) == (500, True, False, "60")


def test_a_rule_waits_strikes_and_is_used_up(world):
    world.add_fault(Rule.of({"fault": "fail", "provider": "toy", "path": "/v1", "after": 1, "times": 2}))

    struck = [bool(world.faults("", provider="toy", path="/v1/jobs")) for _ in range(5)]

    assert struck == [False, True, True, False, False]
    assert world.rules_posted() == []


def test_a_rule_leaves_other_calls_alone(world):
    world.add_fault(Rule.of({"fault": "fail", "provider": "toy", "path": "/v1", "times": -1}))

    assert world.faults("", provider="other", path="/v1") == ()
    assert world.faults("", provider="toy", path="/v2") == ()
    assert world.faults("", provider="toy", path="/v1") == (Fault("fail"),)


def test_jobs_do_not_use_up_the_transports_faults_nor_the_other_way_round(world):
    world.add_fault(Rule.of({"fault": "drop"}))
    world.add_fault(Rule.of({"fault": "nsfw"}))

    assert world.faults() == (Fault("nsfw"),)
    assert world.transport_faults(provider="toy", path="/x", method="POST") == (Fault("drop"),)


@given(
    st.builds(
        Rule,
        fault=st.builds(
            Fault, st.sampled_from(["http", "drop", "fail"]), st.sampled_from(["", "500", "500:after", "reset"])
        ),
        provider=st.sampled_from(["", "toy"]),
        path=st.sampled_from(["", "/v1"]),
        method=st.sampled_from(["", "POST"]),
        left=st.integers(-1, 9),
        after=st.integers(0, 9),
    )
)
def test_a_rule_reads_back_what_it_writes(rule):
    assert Rule.of(rule.plain()) == rule


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("drop", "a rule is an object"),
        ({"fault": "explode"}, "no fault is called 'explode'; there are drip, drop"),
        ({}, "no fault is called ''"),
        ({"fault": "drop", "time": 2}, "a rule has no time"),
        ({"fault": "drop", "times": "2"}, "times must be a whole number"),
        ({"fault": 3}, "fault must be text"),
    ],
)
def test_a_wrong_rule_is_told_what_is_wrong(rule, why):
    with pytest.raises(ValueError, match=why):
        Rule.of(rule)


# --- time and state ---


def test_a_manual_world_stands_still_until_it_is_moved(world):
    before = world.now()
    world.advance(5)

    assert (before, world.now()) == (START, START + 5)


def test_a_clock_that_stands_or_runs_backward_is_refused():
    with pytest.raises(ValueError, match="speed must be above 0"):
        Clock(speed=0)


def test_time_does_not_run_backward_from_one_process_to_the_next(tmp_path):
    file = str(tmp_path / "state")
    first = World(path=file, clock=Clock(manual=True, start=START))
    first.advance(3600)
    second = World(path=file, clock=Clock(manual=True, start=START + 1))
    second.advance(1)

    assert (first.now(), second.now()) == (START + 3601, START + 3601)
    first.close()
    second.close()


def test_a_reset_world_forgets_everything_but_the_time(world):
    world.put("model", "a", 1)
    world.charge("toy", "1", prompt="x", credits=Decimal(1))
    world.add_fault(Rule(fault=Fault("drop")))
    world.keep("a.png", b"x", "image/png")
    world.advance(9)
    world.reset()

    assert (world.get("model", "a"), world.books(), world.rules_posted(), world.file("a.png")) == (None, [], [], None)
    assert world.now() == START + 9


def test_a_state_file_of_another_version_is_made_new(tmp_path):
    old = sqlite3.connect(tmp_path / "state")
    old.execute("CREATE TABLE thing (kind TEXT)")
    old.commit()
    old.close()

    world = World(path=str(tmp_path / "state"))
    world.put("model", "a", 1)
    assert world.get("model", "a") == 1
    world.close()


def test_a_state_file_that_is_busy_being_made_is_waited_for(tmp_path):
    other = sqlite3.connect(tmp_path / "state", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    timer.start()

    world = World(path=str(tmp_path / "state"))
    assert world.books() == []
    timer.join()
    other.close()
    world.close()


CHILD = """
import sys
from decimal import Decimal
from imagegen.emulator.world import World
world = World(path=sys.argv[1])
for _ in range(25):
    number = world.next("jobs")
    world.charge("toy", str(number), prompt="x", credits=Decimal("0.1"))
world.put("model", sys.argv[2], "loaded")
world.close()
"""


def test_several_processes_share_one_state_file(tmp_path):
    file = str(tmp_path / "state")
    children = [subprocess.Popen([sys.executable, "-c", CHILD, file, name]) for name in ("a", "b", "c")]
    assert [child.wait(60) for child in children] == [0, 0, 0]

    world = World(path=file)
    assert sorted(int(row["id"]) for row in world.books()) == list(range(1, 76))
    assert world.all("model") == {"a": "loaded", "b": "loaded", "c": "loaded"}
    world.close()


# --- books and accounts ---


def test_two_vendors_may_use_equal_job_ids(world):
    world.charge("one", "7", prompt="x", credits=Decimal(1))
    world.charge("two", "7", prompt="x", credits=Decimal(1))
    world.book("7", provider="two", state="failed", credits=Decimal(0))

    assert [(row["provider"], row["state"], row["credits"]) for row in world.books()] == [
        ("one", "accepted", "1"),
        ("two", "failed", "0"),
    ]


def test_an_account_pays_until_it_cannot_and_gets_refunds(world):
    assert account.spend(world, "toy", Decimal("9.9"))
    assert not account.spend(world, "toy", Decimal("0.2"))
    account.refund(world, "toy", Decimal("0.1"))
    assert account.spend(world, "toy", Decimal("0.2"))

    assert account.balance(world, "toy") == 0
    assert account.balance(world, "toy", "somebody else") == 10
    assert account.balances(world) == {"toy": "0.0"}


# --- limits ---


def test_a_bucket_gives_its_burst_then_makes_callers_wait(world):
    waits = [wait_needed(world, "toy", per_second=2) for _ in range(3)]
    world.advance(waits[-1])

    assert waits == [0.0, 0.0, 0.5]
    assert [wait_needed(world, "toy", per_second=2) for _ in range(2)] == [0.0, 0.5]


@given(st.lists(st.floats(0, 3), max_size=40), st.sampled_from([0.5, 1, 5]))
def test_a_bucket_never_gives_more_than_its_rate_and_its_burst(pauses, rate):
    world = World(rules=Rules(limits=True), clock=Clock(manual=True, start=START))
    given_away = 0
    for pause in pauses:
        world.advance(pause)
        given_away += wait_needed(world, "toy", per_second=rate) == 0
    assert given_away <= sum(pauses) * rate + max(rate, 1) + 0.001
    world.close()


def test_a_queue_has_so_many_places_and_jobs_leave_it_when_their_time_is_over(world):
    assert take_place(world, "toy", "a", places=2, until=START + 10)
    assert take_place(world, "toy", "b", places=2, until=START + 20)
    assert not take_place(world, "toy", "c", places=2, until=START + 20)
    world.advance(11)
    assert take_place(world, "toy", "c", places=2, until=START + 20)
    assert not take_place(world, "toy", "d", places=2, until=START + 20)


def test_without_limits_nobody_waits():
    world = World(clock=Clock(manual=True))

    assert {wait_needed(world, "toy", per_second=1) for _ in range(9)} == {0.0}
    assert all(take_place(world, "toy", str(n), places=1, until=9e9) for n in range(9))
    world.close()


# --- files ---


def test_a_kept_file_is_served_whole_and_in_parts(world):
    world.keep("a.bin", b"0123456789", "application/x-test")

    whole = get(world, "/files/a.bin")
    part = get(world, "/files/a.bin", range="bytes=4-")
    assert (whole.status, whole.body, whole.headers["content-type"]) == (200, b"0123456789", "application/x-test")
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"456789", "bytes 4-9/10")
    assert get(world, "/files/a.bin", "HEAD").headers["content-length"] == "10"


def test_a_changed_file_is_sent_whole_to_who_wants_the_rest_of_the_old_one(world):
    world.keep("a.bin", b"old", "text/plain")
    tag = get(world, "/files/a.bin").headers["etag"]
    world.keep("a.bin", b"newer", "text/plain")

    assert get(world, "/files/a.bin", range="bytes=1-", if_range=tag).body == b"newer"


@given(st.binary(max_size=30), st.one_of(st.none(), st.integers(0, 40)), st.one_of(st.none(), st.integers(0, 40)))
def test_a_range_is_what_slicing_says(body, first, last):
    world = World(clock=Clock(manual=True))
    world.keep("x", body, "text/plain")
    text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    response = get(world, "/files/x", range=text)
    world.close()

    if first is None:
        wanted = body if last is None else body[len(body) - min(last, len(body)) :]
    else:
        wanted = body if last is not None and last < first else body[first : None if last is None else last + 1]
    if response.status == 416:
        assert wanted == b""
        assert response.headers["content-range"] == f"bytes */{len(body)}"
    else:
        assert response.body == wanted


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        ("/files/dead.png", "GET", 403, b"AccessDenied"),
        ("/files/none.png", "GET", 404, b"NoSuchKey"),
        ("/files/dead.png", "PUT", 405, b"MethodNotAllowed"),
    ],
)
def test_what_cannot_be_served_is_refused_as_an_object_storage_does(world, path, method, status, code):
    world.keep("dead.png", b"x", "image/png", seconds=10)
    world.advance(10)

    response = get(world, path, method)
    assert response.status == status
    assert code in response.body


def test_old_files_make_room_for_new_ones(world, monkeypatch):
    monkeypatch.setattr("imagegen.emulator.world._FILE_BYTES", 250)
    for number in range(16):
        world.keep(f"{number}", b"x" * 100, "text/plain")

    assert [number for number in range(16) if world.read_link(f"/files/{number}")] == [14, 15]
    assert get(world, "/files/3").status == 403


# --- inputs ---


def test_a_picture_comes_as_a_link_to_our_own_files_as_base64_or_as_a_data_uri(world):
    picture = inputs.stand_in("https://pictures.example/cat.png")
    text = base64.b64encode(picture).decode()
    world.keep("cat.png", picture, "image/png")

    for value in ("http://127.0.0.1:8085/files/cat.png?x=1", "/files/cat.png", text, f"data:image/png;base64,{text}"):
        assert inputs.read_image(world, value) == picture


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("https://pictures.example/cat.png", "where the emulator never goes"),
        ("http://emulator.invalid/files/dead.png", "has expired"),
        ("not base64!", "is not base64"),
        (base64.b64encode(b"<html>").decode(), "is text"),
        ("", "is not a link"),
        (None, "is not a link"),
        (["x"], "is not a link"),
    ],
)
def test_what_is_no_usable_picture_is_refused_with_the_reason(world, value, why):
    world.keep("dead.png", b"x", "image/png", seconds=0)

    with pytest.raises(inputs.BadInput, match=why):
        inputs.read_image(world, value)


def test_a_link_to_the_network_can_have_a_stand_in_always_the_same(world):
    link = "https://pictures.example/cat.png"

    assert inputs.read_image(world, link, stand_ins=True) == inputs.stand_in(link)
    assert inputs.stand_in(link) != inputs.stand_in("https://pictures.example/dog.png")


# --- webhooks ---


def test_a_webhook_waits_for_its_time_and_leaves_once(world):
    outbox.queue(world, "toy", "https://far.example/hook", {"id": 1}, due=START + 5)
    early = outbox.claim(world)
    world.advance(5)

    assert (early, [entry["body"] for entry in outbox.claim(world)], outbox.claim(world)) == ([], [{"id": 1}], [])


def test_a_waiting_webhook_can_be_withdrawn_and_one_that_left_cannot(world):
    waiting = outbox.queue(world, "toy", "http://127.0.0.1/hook", {}, due=START + 5)
    gone = outbox.queue(world, "toy", "http://127.0.0.1/hook", {})
    outbox.claim(world)

    assert (outbox.withdraw(world, waiting), outbox.withdraw(world, gone)) == (True, False)
    assert [entry["id"] for entry in outbox.listed(world)] == [gone]


def test_nothing_but_this_machine_is_ever_called(world):
    outbox.queue(world, "toy", "http://192.0.2.1/hook", {})
    deliver_due(world)

    assert outbox.listed(world)[0]["state"].startswith("refused")


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:9/x", True),
        ("http://localhost/x", True),
        ("http://[::1]:9/x", True),
        ("http://10.0.0.1/x", False),
        ("http://127.0.0.1.example/x", False),
        ("https://127.0.0.1/x", False),
        ("file:///etc/passwd", False),
        ("http://user@169.254.169.254/", False),
    ],
)
def test_loopback_is_told_from_everything_else(url, loopback):
    assert outbox.is_loopback(url) is loopback


def test_the_emulator_knows_no_vendor():
    names = ("tams", "modelslab", "stablediffusionapi", "tensor.art")
    for file in Path(outbox.__file__).parent.glob("*.py"):
        text = file.read_text().lower()
        assert not [name for name in names if name in text], file
