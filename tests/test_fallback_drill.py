"""
The first vendor of a route fails in every way there is: what was tried, what was paid (by the emulator's own books),
what the user reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from imagegen import Client, Event, GenerationRequest, ImagegenError, Lora, Result, Route
from imagegen.effects import Http, TransportError
from imagegen.emulator.faults import Rule
from imagegen.flow import Reply
from imagegen.shells import Shell
from imagegen.transport import Local

ROUTE = Route(["tams", "modelslab"])
REQUEST = GenerationRequest(prompt="a lighthouse at dusk", steps=21, seed=5)
JOBS = "/v1/jobs"


class Drill:
    """A client in an emulated world, the faults of the day, and what came of it."""

    def __init__(self) -> None:
        self.news: list[Event] = []
        self.client = Client(emulated=True, settings={"modelslab": {"plan": "payg"}}, on_event=self.news.append)

    def breaks(self, fault: str, path: str = "", times: int = -1) -> None:
        rule = {"fault": fault, "provider": "tams", "path": path, "times": times}
        self.client.world.chassis.world.add_fault(Rule.of(rule))

    def cannot_connect(self, host_and_path: str) -> None:
        """Every exchange with that address ends before a byte is sent."""

        def refuse() -> Reply:
            raise TransportError("connecting timed out", sent=False, timeout=True)

        self.answers(host_and_path, refuse)

    def answers(self, host_and_path: str, answer: Callable[[], Reply]) -> None:
        """Put something before the world at that address."""
        world = self.client.world

        def send(http: Http) -> Reply:
            return answer() if host_and_path in http.wire.url else world.send(http)

        self.client.shell = Shell(Local(send, world.sleep), self.client._tell)

    def make(self, request: GenerationRequest = REQUEST, route: Route = ROUTE, **wishes) -> Result:
        return self.client.generate(request, route=route, **wishes)

    def fails(self, *args, **words) -> ImagegenError:
        with pytest.raises(ImagegenError) as caught:
            self.make(*args, **words)
        return caught.value

    @property
    def paid(self) -> list[tuple[str, Decimal]]:
        """What the vendors' own books say was charged."""
        books = self.client.world.chassis.world.books()
        return [(row["provider"], Decimal(row["credits"])) for row in books if Decimal(row["credits"])]

    @property
    def moves(self) -> list[str]:
        return [event.message for event in self.news if event.kind == "moved"]


@pytest.fixture
def drill() -> Iterator[Drill]:
    made = Drill()
    yield made
    made.client.close()


def tried(told: Result | ImagegenError) -> list[tuple[str, str, bool | None]]:
    return [(attempt.provider, attempt.outcome, attempt.charged) for attempt in told.attempts]


def test_when_all_is_well_the_first_one_makes_it(drill):
    result = drill.make()

    assert tried(result) == [("tams", "made", True)]
    assert drill.paid == [("tams", Decimal(1))]
    assert result.attempts[0].cost.estimated == Decimal("0.003")


def test_500_leaves_money_in_doubt_so_nobody_else_is_asked(drill):
    drill.breaks("http=500", JOBS)
    error = drill.fails()

    assert tried(error) == [("tams", error.kind, None)]
    assert error.charged is None
    assert drill.paid == []
    assert "tams: failed (HTTP 500)" in str(error)
    assert "Nobody else was asked, because tams may have taken the job and may charge for it." in str(error)
    assert drill.moves == []


def test_500_after_the_vendor_has_charged_is_not_paid_a_second_time(drill):
    drill.breaks("http=500:after", JOBS)
    drill.fails()

    assert drill.paid == [("tams", Decimal(1))], "sent again with the vendor's own key, charged once"


def test_who_may_pay_twice_moves_on_after_a_500(drill):
    drill.breaks("http=500:after", JOBS)
    result = drill.make(route=Route(ROUTE.providers, may_pay_twice=True))

    assert [(one.provider, one.charged) for one in result.attempts] == [("tams", None), ("modelslab", True)]
    assert [provider for provider, _ in drill.paid] == ["tams", "modelslab"]


def test_a_timeout_before_sending_moves_on_and_costs_nothing(drill):
    drill.cannot_connect("emulator.invalid/tams")
    result = drill.make()

    assert tried(result) == [("tams", "service_unavailable", False), ("modelslab", "made", True)]
    assert [provider for provider, _ in drill.paid] == ["modelslab"]
    assert "cannot be reached: connecting timed out. Nothing was sent." in result.attempts[0].reason
    assert result.attempts[0].cost.billed == 0
    assert drill.moves == ["service_unavailable at tams: moving on to modelslab"]


def test_a_timeout_after_sending_stays_where_the_money_may_be(drill):
    drill.breaks("hang", JOBS)
    error = drill.fails()

    assert tried(error) == [("tams", "outcome_unknown", None)]
    assert drill.paid == [("tams", Decimal(1))], "four sendings under one key are one charge"
    assert "no answer to a call that pays" in str(error)
    assert "imagegen reconcile" in str(error)


def test_what_hung_is_found_again_without_a_second_charge(drill):
    drill.breaks("hang", JOBS)
    job_id = drill.fails().job_id
    drill.client.world.chassis.world.clear_faults()
    result = drill.client.job(job_id).result(timeout=60)

    assert result.images[0].path.exists()
    assert drill.paid == [("tams", Decimal(1))]


def test_an_empty_account_is_left_for_the_next_one(drill):
    drill.breaks("http=402", JOBS)
    result = drill.make()

    assert tried(result) == [("tams", "insufficient_credits", False), ("modelslab", "made", True)]
    assert [provider for provider, _ in drill.paid] == ["modelslab"]
    assert "credits are used up" in result.attempts[0].reason


def test_an_account_that_its_own_jobs_emptied_is_left_too(drill):
    """The vendor's half says no in its own words, not a proxy in front of it."""
    from imagegen.emulator.world import Rules

    drill.client.world.chassis.world.rules = Rules(credits=Decimal("1.5"))
    drill.make()
    result = drill.make(GenerationRequest(prompt="another", steps=21, seed=6))

    assert [one.provider for one in result.attempts] == ["tams", "modelslab"]
    assert result.attempts[0].outcome == "insufficient_credits"
    assert drill.paid[0] == ("tams", Decimal(1)) and drill.paid[1][0] == "modelslab"


def refused() -> Reply:
    """HTTP 200 and a refusal inside, as this vendor does it."""
    said = {"status": "error", "message": "This kind of content is NSFW and not allowed"}
    return Reply(200, json.dumps(said).encode(), {"content-type": "application/json"})


def test_a_refused_prompt_is_refused_everywhere(drill):
    """Who sends a refused prompt around may lose every account; the user decides."""
    drill.answers("emulator.invalid/modelslab", refused)
    error = drill.fails(route=Route(["modelslab", "tams"]))

    assert tried(error) == [("modelslab", "content_policy", False)]
    assert drill.paid == []
    assert "NSFW and not allowed" in str(error)


def test_a_route_may_say_that_a_refused_prompt_moves_on(drill):
    drill.answers("emulator.invalid/modelslab", refused)
    told = drill.make(route=Route(["modelslab", "tams"], on_error={"content_policy": "next"}))

    assert tried(told) == [("modelslab", "content_policy", False), ("tams", "made", True)]
    assert drill.paid == [("tams", Decimal(1))]


def test_a_lora_that_the_plan_knows_to_be_missing_leaves_the_vendor_out(drill):
    request = REQUEST.evolve(loras=(Lora("modelslab:add-detail", 0.6),))
    result = drill.make(request)

    assert [(one.provider, one.outcome) for one in result.attempts] == [("tams", "left out"), ("modelslab", "made")]
    assert "loras[0].model" in result.attempts[0].reason
    assert [provider for provider, _ in drill.paid] == ["modelslab"]


CATALOGUE = """
schema = 1
[[entry]]
name = "grain"
kind = "lora"
[entry.vendor.modelslab]
id = "missing-lora"
[entry.vendor.tams]
id = "661652545330040294"
"""


@pytest.fixture
def catalogued(tmp_path):
    (tmp_path / "catalogue.toml").write_text(CATALOGUE)  # the working folder's, read when a client opens


def test_a_lora_that_only_the_vendor_knows_to_be_missing_moves_on(catalogued, drill):
    result = drill.make(REQUEST.evolve(loras=(Lora("@grain", 0.6),)), Route(["modelslab", "tams"]))

    assert tried(result) == [("modelslab", "model_not_found", False), ("tams", "made", True)]
    assert [provider for provider, _ in drill.paid] == ["tams"]


def test_ten_minutes_of_rate_limit_are_not_waited_for(drill):
    drill.breaks("http=429:retry=600", JOBS)
    before = drill.client.world.now()
    result = drill.make()

    assert tried(result) == [("tams", "rate_limited", False), ("modelslab", "made", True)]
    assert drill.client.world.now() - before < 60
    assert [provider for provider, _ in drill.paid] == ["modelslab"]
    assert "asked too often" in result.attempts[0].reason


def test_an_open_circuit_is_passed_over_and_told(drill):
    drill.cannot_connect("emulator.invalid/tams")
    for number in range(5):
        drill.make(REQUEST.evolve(seed=10 + number))
    drill.news.clear()
    result = drill.make(REQUEST.evolve(seed=20))

    assert tried(result) == [("tams", "passed over", False), ("modelslab", "made", True)]
    assert "circuit is open" in result.attempts[0].reason
    assert not any(event.provider == "tams" for event in drill.news), "nothing was asked there"


def test_the_last_one_able_to_serve_is_asked_though_its_circuit_is_open(drill):
    drill.cannot_connect("emulator.invalid/tams")
    for number in range(5):
        drill.make(REQUEST.evolve(seed=10 + number))
    drill.cannot_connect("nowhere")
    result = drill.make(route=Route(["tams"]))

    assert tried(result) == [("tams", "made", True)]


def test_after_the_cool_down_one_probe_brings_the_first_one_back(drill):
    drill.cannot_connect("emulator.invalid/tams")
    for number in range(5):
        drill.make(REQUEST.evolve(seed=10 + number))
    drill.cannot_connect("nowhere")
    drill.client.world.sleep(3600)
    result = drill.make(REQUEST.evolve(seed=20))

    assert tried(result) == [("tams", "made", True)]


def test_a_failed_job_that_was_not_charged_moves_on(drill):
    drill.breaks("fail")
    result = drill.make()

    assert tried(result) == [("tams", "job_failed", False), ("modelslab", "made", True)]
    assert [provider for provider, _ in drill.paid] == ["modelslab"]


def test_the_same_key_leads_through_the_same_attempts_and_pays_once(drill):
    drill.breaks("http=402", JOBS)
    first = drill.make(idempotency_key="scene-12")
    again = drill.make(idempotency_key="scene-12")

    assert again.images[0].sha256 == first.images[0].sha256
    assert len(drill.paid) == 1


def test_no_attempt_and_no_error_shows_a_key(drill):
    drill.breaks("http=500", JOBS)
    error = drill.fails()

    assert "emulator-key" not in str(error.as_dict())
