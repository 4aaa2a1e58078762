"""`imagegen route`: who is asked, who is next, what a person reads about it, and which exit code a script gets."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest
from PIL import Image

from imagegen import Event, Route
from imagegen.cli import main
from imagegen.cli.progress import Progress
from imagegen.cli.route import RouteFlags, at_most, question, read_route
from imagegen.emulator.asgi import serving
from imagegen.emulator.chassis import open_chassis
from imagegen.emulator.world import Rules
from imagegen.plans import Plan
from imagegen.provider import Quote
from imagegen.router import Candidate
from imagegen.work import Order

BOTH = ("--provider", "tams", "--provider", "modelslab")
OTHER_WAY = ("--provider", "modelslab", "--provider", "tams")
CLI = (sys.executable, "-c", "import sys; from imagegen.cli import main; sys.exit(main())")


def only_at_tams(fault: str) -> tuple[str, ...]:
    """The emulator reads its fault words in the prompt; this one is sent to the first vendor only."""
    return "--option", f'tams.diffusion.prompts=[{{"text": "a lighthouse [emu:{fault}]"}}]'


@pytest.fixture
def run(capsys):
    """Run `imagegen route`; gives (exit code, stdout, stderr), each line's end without its padding."""

    def call(*argv):
        code = main(["route", *(str(word) for word in argv)])
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, *("\n".join(map(str.rstrip, text.splitlines())) for text in said)

    return call


@pytest.fixture
def run_json(run):
    def call(*argv):
        code, out, _ = run(*argv, "--json")
        return code, json.loads(out)

    return call


@pytest.fixture
def jobs(capsys):
    """Say who was ever asked for something that costs, oldest first."""

    def call():
        main(["jobs", "list", "--json"])
        return [job["provider"] for job in reversed(json.loads(capsys.readouterr().out))]

    return call


def tried(told) -> list[tuple[str, str]]:
    return [(attempt["provider"], attempt["outcome"]) for attempt in told["attempts"]]


# -- made --


def test_the_first_one_makes_it(run):
    code, out, _ = run("a lighthouse", *BOTH, "--emulated", "-o", "out")

    (file,) = Path("out").glob("*.png")
    with Image.open(file) as picture:
        assert picture.size == (512, 512)
    assert code == 0
    assert out.startswith("1. tams made it") and str(file) in out


def test_the_next_one_makes_it_and_why_is_told(run, jobs):
    code, out, err = run("a lighthouse", *BOTH, "--emulated", *only_at_tams("http=402"))

    assert code == 0
    assert "1. tams insufficient_credits, nothing was charged" in out
    assert "says the credits are used up. The vendor said: Payment Required." in out
    assert "2. modelslab made it" in out
    assert "The request was planned again for modelslab; the notes below are for modelslab." in out
    assert "\nmodelslab  job ig-" in out
    assert "tams: insufficient_credits: moving on to modelslab" in err
    assert jobs() == ["tams", "modelslab"]


def test_the_notes_are_those_of_who_made_it(run_json):
    code, said = run_json("a lighthouse", "--steps", "30", *BOTH, "--emulated", *only_at_tams("fail"))

    (result,) = said["results"]
    (steps,) = [note for note in result["notes"] if note["field"] == "steps"]
    assert (code, said["errors"]) == (0, [])
    assert tried(result) == [("tams", "job_failed"), ("modelslab", "made")]
    assert (steps["status"], steps["sent"]) == ("adjusted", 31), "30 steps are exact at the first one"


def test_who_can_not_do_it_is_left_out_and_that_is_told(run):
    code, out, _ = run("a lighthouse", "--lora", "modelslab:add-detail", *BOTH, "--emulated")

    assert code == 0
    assert "-  tams was left out" in out and "loras[0].model" in out and "1. modelslab made it" in out
    assert "planned again" not in out, "nobody was asked before"


def test_the_same_key_gives_the_same_job(run_json):
    argv = ("a lighthouse", *BOTH, "--emulated", "--idempotency-key", "k", *only_at_tams("http=402"))

    first, again = (run_json(*argv)[1]["results"][0]["job_id"] for _ in range(2))

    assert first == again


def test_how_much_alike_decides_who_is_first_and_who_is_out(run, run_json):
    argv = ("a lighthouse", "--sampler", "Heun", *OTHER_WAY, "--emulated")

    closest = run_json(*argv, "--prefer", "closest")[1]["results"][0]
    strict = run_json(*argv, "--min-fidelity", "0.97")[1]["results"][0]

    assert closest["provider"] == "tams"
    assert tried(strict) == [("modelslab", "left out"), ("tams", "made")]


# -- not made --


def test_when_all_fail_every_attempt_is_told_and_the_exit_code_is_1(run, run_json):
    code, out, err = run("a lighthouse [emu:http=402]", *BOTH, "--emulated")

    assert (code, out) == (1, "")
    assert "1. tams insufficient_credits" in err and "Payment Required" in err
    assert "2. modelslab insufficient_credits" in err
    assert "Error: modelslab: refused the request." in err
    assert err.count("Insufficient credits. Please add more") == 1

    code, said = run_json("a lighthouse [emu:http=402]", *BOTH, "--emulated")
    assert (code, said["results"]) == (1, [])
    assert tried(said["error"]) == [("tams", "insufficient_credits"), ("modelslab", "insufficient_credits")]


def test_while_a_paid_call_is_in_doubt_nobody_else_is_asked_and_the_exit_code_is_4(run, jobs):
    code, out, err = run("a lighthouse [emu:http=500]", *OTHER_WAY, "--emulated")

    assert (code, out) == (4, "")
    assert "1. modelslab outcome_unknown, nobody knows whether it was charged" in err
    assert "Nobody else was asked, because modelslab may have taken the job and may charge for it." in err
    assert jobs() == ["modelslab"]


def test_who_may_pay_twice_gets_the_picture_and_still_has_to_look(run, jobs):
    code, out, err = run("a lighthouse [emu:http=500:after]", *OTHER_WAY, "--emulated", "--may-pay-twice")

    assert code == 4
    assert "2. tams made it" in out
    assert "modelslab may have taken job ig-" in err and "imagegen jobs show ig-" in err
    assert jobs() == ["modelslab", "tams"]


def test_what_follows_an_error_can_be_said(run_json):
    argv = ("a lighthouse", *BOTH, "--emulated", *only_at_tams("http=402"))

    code, said = run_json(*argv, "--on-error", "insufficient_credits=stop")

    assert code == 1
    assert tried(said["error"]) == [("tams", "insufficient_credits")]


def test_when_nobody_can_each_is_named_with_its_reason(run):
    code, out, err = run("a lighthouse", *BOTH)

    assert (code, out) == (2, "")
    assert "tams: no api key is set; modelslab: no api key is set" in err and "--emulated" in err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("x",), "providers: must name at least one"),
        (("", *BOTH), "prompt: must not be empty"),
        (("x", *BOTH, "--provider", "nobody"), "no provider is called 'nobody'; installed: "),
        (("x", *BOTH, "--prefer", "nicest"), "nicest"),
        (("x", *BOTH, "--max-price", "much"), "--max-price: must be an amount"),
    ],
)
def test_bad_input_ends_with_2_and_sends_nothing(run, run_json, jobs, argv, said):
    code, out, err = run(*argv, "--emulated")
    assert (code, out) == (2, "") and said in err
    assert run_json(*argv, "--emulated")[1]["error"]["kind"] in ("invalid_input", "not_configured")
    assert jobs() == []


def test_every_fault_of_a_route_is_said_at_once(run):
    words = ("--min-fidelity", "3", "--deadline", "0", "--on-error", "bad_luck=next", "--on-error", "next")
    _, _, err = run("x", *BOTH, *words)

    assert "4 faults in the route" in err
    for path in (
        "min_fidelity: must be from 0 to 1",
        "on_error: says 'next' for 'bad_luck'",
        "deadline: must be seconds above 0",
    ):
        assert path in err


def test_a_ctrl_c_ends_with_130_and_says_what_goes_on(monkeypatch, capsys):
    with serving(open_chassis(rules=Rules(queue=True))) as url:
        monkeypatch.setenv("TAMS_BASE_URL", f"{url}/tams")
        monkeypatch.setenv("TAMS_API_KEY", "emulator-key")
        argv = [*CLI, "route", "x [emu:slow=60]", "--provider", "tams", "-o", "out", "--deadline", "60"]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            said = ""
            while "accepted" not in said and process.poll() is None:
                said += process.stderr.readline()
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            try:
                _, err = process.communicate(timeout=20)
            finally:
                process.kill()

    assert process.returncode == 130
    assert "Interrupted." in err and "imagegen reconcile" in err and "Traceback" not in err


def test_who_was_left_for_the_next_one_is_not_under_way_any_more():
    progress = Progress(quiet=True)
    for kind in ("submitting", "failed", "moved"):
        progress.hear(Event(kind=kind, provider="a", job_id="ig-1", message="down at a: moving on to b"))
    progress.hear(Event(kind="submitting", provider="b", job_id="ig-2"))

    assert [row.provider for row in progress.running()] == ["b"]


# -- every knob --


def test_every_knob_of_a_route_has_a_flag():
    flags = RouteFlags(
        provider=("a", "b"),
        prefer="cheapest",
        max_price="0.05",
        allow_unpriced=True,
        deadline=20.0,
        min_fidelity=0.5,
        on_error=("content_policy=next", "rate_limited=stop"),
        may_pay_twice=True,
    )

    made, usual = read_route(flags), Route("nobody")

    assert made.on_error == {"content_policy": "next", "rate_limited": "stop"}
    assert (made.providers, str(made.max_price), made.deadline) == (("a", "b"), "0.05", 20.0)
    for field in attrs.fields(Route):
        assert getattr(made, field.name) != getattr(usual, field.name), field.name


def test_a_deadline_is_for_all_attempts_together(run, monkeypatch):
    with serving(open_chassis(rules=Rules(queue=True))) as url:
        for name in ("tams", "modelslab"):
            monkeypatch.setenv(f"{name.upper()}_BASE_URL", f"{url}/{name}")
            monkeypatch.setenv(f"{name.upper()}_API_KEY", "emulator-key")
        started = time.monotonic()
        code, _, err = run("x [emu:slow=60]", *BOTH, "--deadline", "1")

    assert code == 4, "the job goes on there, and may be charged"
    assert "deadline_exceeded" in err and "modelslab" not in err
    assert time.monotonic() - started < 15


# -- looked at --


def test_a_plan_shows_the_order_and_who_is_left_out_and_sends_nothing(run, jobs):
    Path("imagegen.toml").write_text('[providers.modelslab]\nplan = "payg"\n')
    argv = ("a lighthouse", *BOTH, "--provider", "stablediffusionapi", "--lora", "modelslab:add-detail", "--emulated")

    code, out, err = run(*argv, "--plan")

    assert (code, err) == (0, "")
    assert "1.  modelslab  $0.004 ($0.002 to $0.004)" in out
    assert "tams is left out: loras[0].model" in out
    assert "At most $0.004 would be paid. Nothing was sent." in out
    assert jobs() == []


def test_a_plan_as_json_has_a_place_for_each_and_null_for_who_is_out(run_json):
    argv = ("a lighthouse", "--lora", "modelslab:add-detail", *BOTH, "--emulated", "--plan")

    code, said = run_json(*argv, "--prefer", "closest")

    assert (code, said["prefer"]) == (0, "closest")
    assert [(one["provider"], one["place"]) for one in said["candidates"]] == [("modelslab", 1), ("tams", None)]
    assert "loras[0].model" in said["candidates"][1]["left_out"]


def test_a_plan_that_nobody_can_carry_out_ends_with_1(run):
    code, out, _ = run("a lighthouse", *BOTH, "--plan")

    assert code == 1 and out.count("is left out: no api key is set") == 2


# -- money --


@pytest.fixture
def keys(monkeypatch):
    """Keys that are not the emulator's, so that money is asked about; nothing here is ever sent."""
    Path("imagegen.toml").write_text('[providers.modelslab]\nplan = "payg"\n')
    monkeypatch.setenv("TAMS_API_KEY", "a-real-one")
    monkeypatch.setenv("MODELSLAB_API_KEY", "a-real-one")


def test_where_nobody_can_be_asked_spending_needs_a_word(keys, run, jobs):
    code, _, err = run("a lighthouse", *BOTH)

    assert code == 2
    assert "this costs money (at most $0.0042)" in err and "--yes, or --max-price" in err and "Nothing was sent" in err
    assert jobs() == []


def test_who_may_cost_more_than_the_limit_is_left_out(keys, run):
    code, _, err = run("a lighthouse", *BOTH, "--max-price", "0.001")

    assert code == 1
    assert (
        "tams: would cost up to 0.0042 USD, more than 0.001" in err and "modelslab: would cost up to 0.004 USD" in err
    )


def test_on_a_terminal_the_order_and_the_most_is_shown_before_a_yes(keys):
    ours, theirs = os.openpty()
    argv = [*CLI, "route", "a lighthouse", *OTHER_WAY, "--prefer", "cheapest"]
    with subprocess.Popen(argv, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.write(ours, b"n\n")
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()
    os.close(theirs)
    said = re.sub(r"\x1b\[[0-9;]*m", "", os.read(ours, 65536).decode())
    os.close(ours)

    assert process.returncode == 1
    assert "1. modelslab $0.004 ($0.002 to $0.004) 1.00 unknown 2. tams $0.0042, 1.4 credits 1.00" in " ".join(
        said.split()
    )
    assert "Spend $0.004 at modelslab, at most $0.0042 if others are asked? [y/N]" in " ".join(said.split())
    assert "not confirmed; nothing was sent" in said


def priced(name: str, **words) -> Order:
    provider = SimpleNamespace(name=name)
    return Order(provider=provider, plan=Plan(provider=name, request={}), price=Quote(**words))


def test_the_most_is_the_dearest_one_and_all_together_where_all_may_be_paid():
    orders = [
        priced("a", amount=Decimal("0.01"), high=Decimal("0.02")),
        priced("b", amount=Decimal("0.015")),
        priced("c"),
    ]

    assert at_most(orders[:2], together=False) == "$0.02"
    assert at_most(orders[:2], together=True) == "$0.035"
    assert at_most(orders, together=False) == "$0.02 or an unknown price at c"
    assert at_most([orders[0], priced("d", amount=Decimal(1), currency="EUR")], together=True) == "$0.02 and 1.00 EUR"


def test_what_is_asked_names_the_first_and_the_most():
    free, dear, cheap = (
        priced(name, amount=Decimal(cost)) for name, cost in (("a", "0"), ("b", "0.02"), ("c", "0.01"))
    )

    def asked(*orders: Order) -> str:
        queue = [Candidate(order=order, rank=0, fidelity=1.0) for order in orders]
        return question(queue, [order for order in orders if order is not free], "$0.02")

    assert asked(cheap) == "Spend $0.01 at c?"
    assert asked(cheap, dear) == "Spend $0.01 at c, at most $0.02 if others are asked?"
    assert asked(free, dear) == "Spend at most $0.02 if a does not make it?"
