"""The emulator's chassis with a vendor made up for the occasion, through the door in process."""

from __future__ import annotations

import base64
import contextlib
import json
from decimal import Decimal
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen import hookspecs
from imagegen.effects import Http, TooLarge, TransportError, Wire
from imagegen.emulator import Request, Response, answer
from imagegen.emulator.chassis import WARNING, Chassis, open_chassis
from imagegen.emulator.clock import Clock
from imagegen.emulator.effects import after_effects, before_effects, keep_result, refusal
from imagegen.emulator.faults import Fault
from imagegen.emulator.inprocess import Dropped, Hung, InProcess, open_in_process
from imagegen.emulator.journal import redact
from imagegen.emulator.world import World
from imagegen.plugins import installed, load
from imagegen.redaction import is_secret

START = 1_700_000_000.0
CANARY = "canary+key/1234=="


class Shop:
    """Sells one picture per POST; tells what it saw."""

    prefix = "/shop"
    deviations = ("It sells at once.",)

    def handle(self, request: Request, world: World) -> Response:
        if request.path == "/broken":
            raise RuntimeError("a bug")
        if request.method == "GET":
            return answer({"path": request.path, "target": request.target, "query": dict(request.query)})
        prompt = request.json().get("prompt", "")
        faults = world.faults(prompt, provider="shop", path=request.path)
        if early := before_effects(faults):
            return early
        number = str(world.next("shop"))
        world.charge("shop", number, prompt=prompt, credits=Decimal("0.8"), key=request.json().get("requestId", ""))
        link = keep_result(world, f"{number}.png", b"0123456789", "image/png", faults, seconds=60)
        world.warn("unknown field: colour")
        return after_effects(answer({"id": number, "url": request.base + link}), faults)


class Annex(Shop):
    prefix = "/shop/annex"


class Mall(Shop):
    prefix = "/mall"
    providers = ("mall", "mall-north")


@pytest.mark.parametrize(
    ("provider", "prefix"),
    [("shop", "/shop"), ("shop-clone", None), ("mall", "/mall"), ("mall-north", "/mall"), ("mall-south", None)],
)
def test_an_emulator_serves_its_namesake_or_whom_it_declares_and_nobody_whose_name_begins_alike(provider, prefix):
    assert Chassis(World(), [Shop(), Mall()]).prefix_for(provider) == prefix


@pytest.mark.parametrize("provider", installed().providers)
def test_every_provider_of_ours_is_served(provider):
    with open_in_process(None) as world:
        assert world.settings_for(installed().provider(provider))["base_url"].startswith(world.base_url)


@pytest.fixture
def door():
    world = World(clock=Clock(manual=True, start=START))
    with InProcess(Chassis(world, [Shop(), Annex()])) as made:
        yield made


def ask(door: InProcess, method: str, path: str, data=None, **words):
    body = b"" if data is None else json.dumps(data).encode()
    return door.exchange(method, door.base_url + path, body=body, **words)


def told(door: InProcess, name: str):
    return json.loads(ask(door, "GET", f"/_emulator/{name}").body)


def post_fault(door: InProcess, fault: str, **words):
    assert ask(door, "POST", "/_emulator/faults", {"fault": fault, **words}).status == 200


# --- routing ---


def test_the_vendor_sees_its_own_path_and_the_target_as_sent(door):
    response = ask(door, "GET", "/shop/v1/a%20b?x=1&y=")

    assert json.loads(response.body) == {
        "path": "/v1/a b",
        "target": "/shop/v1/a%20b?x=1&y=",
        "query": {"x": "1", "y": ""},
    }


def test_the_longest_prefix_wins_and_a_prefix_ends_at_a_slash(door):
    assert json.loads(ask(door, "GET", "/shop/annex/v1").body)["path"] == "/v1"
    assert json.loads(ask(door, "GET", "/shop/annexed").body)["path"] == "/annexed"
    assert ask(door, "GET", "/shopping").status == 404


def test_the_index_says_what_is_served(door):
    index = json.loads(ask(door, "GET", "/").body)

    assert index["emulators"] == {"shop": f"{door.base_url}/shop", "shop/annex": f"{door.base_url}/shop/annex"}
    assert f"{door.base_url}/_emulator/faults" in index["control"]


def test_a_vendor_half_that_breaks_answers_500_and_the_journal_says_why(door):
    assert ask(door, "GET", "/shop/broken").status == 500
    assert told(door, "requests")[-1]["warnings"] == ["the emulator of /shop broke: RuntimeError: a bug"]


def test_a_plugin_whose_emulators_fail_is_named_and_skipped():
    class Bad:
        @hookspecs.hookimpl
        def imagegen_emulators(self):
            raise ValueError("no pictures today")

    class Good:
        @hookspecs.hookimpl
        def imagegen_emulators(self):
            return [Shop()]

    chassis = open_chassis(registry=load([("bad", Bad()), ("good", Good())]))

    assert chassis.deviations() == {"shop": ["It sells at once."]}
    assert [(broken.name, broken.reason) for broken in chassis.broken] == [("bad", "ValueError: no pictures today")]
    chassis.close()


# --- books and control ---


def test_a_charged_job_stands_in_the_books_at_once(door):
    ask(door, "POST", "/shop/v1/jobs", {"prompt": "a cat", "requestId": "r1"})

    assert told(door, "jobs") == [
        {
            "provider": "shop",
            "id": "1",
            "idempotency_key": "r1",
            "prompt": "a cat",
            "state": "accepted",
            "credits": "0.8",
            "at": START,
        }
    ]
    assert told(door, "books") == {"shop": {"jobs": 1, "credits": "0.8", "states": {"accepted": 1}}}


def test_the_control_doors_change_the_world_and_refuse_nonsense(door):
    assert json.loads(ask(door, "POST", "/_emulator/clock", {"advance": 5}).body)["now"] == START + 5
    assert ask(door, "POST", "/_emulator/accounts", {"provider": "shop", "credits": "0.5"}).status == 200
    assert told(door, "accounts") == {"shop": "0.5"}
    assert ask(door, "POST", "/_emulator/public-keys", {"id": "app", "pem": "PEM"}).status == 200
    assert door.chassis.world.get("public-key", "app") == "PEM"
    ask(door, "POST", "/_emulator/reset")
    assert told(door, "accounts") == {}


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("POST", "/_emulator/clock", {"advance": -5}, 400),
        ("POST", "/_emulator/clock", [], 400),
        ("POST", "/_emulator/accounts", {"provider": "shop", "credits": "many"}, 400),
        ("POST", "/_emulator/faults", {"fault": "explode"}, 400),
        ("POST", "/_emulator/public-keys", {"id": 3}, 400),
        ("GET", "/_emulator/secrets", None, 404),
        ("DELETE", "/_emulator/jobs", None, 405),
    ],
)
def test_a_wrong_control_call_is_told_so(door, method, path, data, status):
    response = ask(door, method, path, data)

    assert response.status == status
    assert json.loads(response.body)["error"]


def test_a_list_of_rules_is_posted_together_or_not_at_all(door):
    assert ask(door, "POST", "/_emulator/faults", [{"fault": "drop"}, {"fault": "explode"}]).status == 400
    assert told(door, "faults") == []
    ask(door, "POST", "/_emulator/faults", [{"fault": "drop"}, {"fault": "http=500", "times": -1}])
    assert [rule["fault"] for rule in told(door, "faults")] == ["drop", "http=500"]
    ask(door, "DELETE", "/_emulator/faults")
    assert told(door, "faults") == []


# --- the journal ---


def test_the_journal_tells_each_call_with_its_warnings(door):
    ask(door, "POST", "/shop/v1/jobs?page=2", {"prompt": "a cat"})
    ask(door, "GET", "/files/1.png")
    entries = told(door, "requests")

    assert entries[0] == {
        "at": START,
        "provider": "shop",
        "method": "POST",
        "path": "/shop/v1/jobs",
        "query": {"page": "2"},
        "body": {"prompt": "a cat"},
        "status": 200,
        "warnings": ["unknown field: colour"],
        "faults": [],
        "arrives": "whole",
    }
    assert [(entry["path"], entry["status"]) for entry in entries[1:]] == [("/files/1.png", 200)]


def test_a_warning_in_a_header_goes_to_the_journal_and_not_to_the_caller():
    half = SimpleNamespace(
        prefix="/shop", deviations=(), handle=lambda request, world: answer({}, x_emulator_warning="odd")
    )
    with InProcess(Chassis(World(), [half])) as door:
        assert WARNING not in ask(door, "GET", "/shop/").headers
        assert told(door, "requests")[-1]["warnings"] == ["odd"]


def test_no_key_stands_in_the_journal_whatever_its_road_and_spelling(door):
    ask(door, "GET", f"/shop/v1?key={quote(CANARY, safe='')}", headers={"Authorization": f"Bearer {CANARY}"})
    ask(
        door,
        "POST",
        "/shop/v1",
        {
            "key": CANARY,
            "stages": [{"loraAccessKey": CANARY}, {"prompt": f"said {CANARY} aloud"}],
            "init_image": f"https://host.example/x.png?token={CANARY}",
        },
    )
    ask(door, "GET", f"/shop/v1/{CANARY}", headers={"Authorization": CANARY})
    text = ask(door, "GET", "/_emulator/requests").body.decode()

    for form in (CANARY, quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode()):
        assert form not in text
    assert '"authorization": "Bearer <secret>"' in text
    assert '"prompt": "said <secret> aloud"' in text


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "key", "note"]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_a_secret_is_redacted_wherever_else_it_turns_up(tree):
    entry = {"body": tree, "key": CANARY, "echo": [f"x{CANARY}x", {CANARY: quote(CANARY, safe="")}]}

    text = json.dumps(redact(entry))
    assert CANARY not in text
    assert quote(CANARY, safe="") not in text


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in ("key", "api_key", "x-api-key", "modelAccessKey", "Authorization", "hf_token")),
        *((name, False) for name in ("keyword", "monkey", "idempotency_key", "publicKey", "prompt", "id")),
    ],
)
def test_secrets_are_known_by_their_names(name, secret):
    assert is_secret(name) is secret


def test_pictures_sent_as_text_are_cut_in_the_journal(door):
    ask(door, "POST", "/shop/v1", {"init_image": "A" * 5000})

    assert told(door, "requests")[-1]["body"]["init_image"].endswith("<5000 characters>")


# --- faults ---


def test_a_dropped_connection_comes_after_the_charge(door):
    post_fault(door, "drop", provider="shop", path="/v1/jobs", method="POST")
    ask(door, "GET", "/shop/v1/jobs")
    with pytest.raises(Dropped):
        ask(door, "POST", "/shop/v1/jobs", {"prompt": "a cat"})

    assert len(told(door, "jobs")) == 1
    assert [(entry["faults"], entry["arrives"]) for entry in told(door, "requests")] == [
        ([], "whole"),
        (["drop"], "dropped"),
    ]


@pytest.mark.parametrize(
    ("fault", "charged"),
    [
        ("http=503", 0),
        ("http=503:after", 1),
        ("html", 0),
        ("html:after", 1),
        ("drop:before", 0),
        ("drop", 1),
        ("hang:before", 0),
        ("hang", 1),
        ("slow=1", 1),
        ("truncate", 1),
    ],
)
def test_a_fault_strikes_before_or_after_the_vendor_has_charged(door, fault, charged):
    post_fault(door, fault)
    with contextlib.suppress(Dropped, Hung):
        ask(door, "POST", "/shop/v1/jobs", {"prompt": "a cat"})

    assert len(told(door, "jobs")) == charged


def test_the_same_faults_work_as_marks_in_a_prompt(door):
    assert ask(door, "POST", "/shop/v1", {"prompt": "x [emu:http=429:retry=7]"}).headers["retry-after"] == "7"
    with pytest.raises(Dropped):
        ask(door, "POST", "/shop/v1", {"prompt": "x [emu:drop]"})
    assert ask(door, "POST", "/shop/v1", {"prompt": "x [emu:html]"}).headers["content-type"] == "text/html"
    assert len(told(door, "jobs")) == 1


def test_a_half_may_refuse_in_its_own_words():
    assert refusal([Fault("http", "429")]) == 429
    assert refusal([Fault("http", "429:after")]) is None
    assert refusal([Fault("fail")]) is None


def test_truncate_in_a_prompt_breaks_the_picture_and_expired_kills_its_link(door):
    broken = json.loads(ask(door, "POST", "/shop/v1", {"prompt": "[emu:truncate=4]"}).body)
    dead = json.loads(ask(door, "POST", "/shop/v1", {"prompt": "[emu:expired]"}).body)

    assert door.exchange("GET", broken["url"]).body == b"0123"
    assert door.exchange("GET", dead["url"]).status == 403


def test_a_cut_download_gives_what_arrived_and_a_range_gives_the_rest(door):
    ask(door, "POST", "/shop/v1", {"prompt": "a cat"})
    post_fault(door, "truncate=4", path="/files/")
    with pytest.raises(Dropped) as caught:
        ask(door, "GET", "/files/1.png")
    rest = ask(door, "GET", "/files/1.png", headers={"Range": "bytes=4-"})

    assert caught.value.partial.body + rest.body == b"0123456789"


def test_waiting_moves_the_world_and_ends_with_the_callers_patience(door):
    post_fault(door, "slow=3", times=2)
    ask(door, "GET", "/shop/v1", timeout=10)
    with pytest.raises(Hung):
        ask(door, "GET", "/shop/v1", timeout=2)
    post_fault(door, "drip=1")
    with pytest.raises(Hung):
        ask(door, "GET", "/shop/v1", timeout=4)

    assert door.now() == START + 3 + 2 + 4


# --- the client's transport ---


def send(door: InProcess, path: str, **words):
    return door.send(Http(wire=Wire(method="POST", url=door.base_url + path, content=b"{}"), timeout=5, **words))


def test_the_transport_gets_replies_and_its_own_errors(door):
    assert send(door, "/shop/v1").status == 200
    for fault, timeout in (("drop", False), ("hang", True), ("truncate", False)):
        post_fault(door, fault)
        with pytest.raises(TransportError) as caught:
            send(door, "/shop/v1")
        assert (caught.value.sent, caught.value.timeout) == (True, timeout)
    with pytest.raises(TooLarge):
        send(door, "/shop/v1", limit=3)


def test_the_world_under_a_home_outlives_its_client(tmp_path):
    registry = load([])
    with open_in_process(tmp_path / "new", registry=registry) as first:
        first.chassis.world.put("model", "mine", "loaded")
        first.sleep(3600)
        later = first.now()
    with open_in_process(tmp_path / "new", registry=registry) as second:
        assert second.chassis.world.get("model", "mine") == "loaded"
        assert second.now() >= later
