"""The kit itself: a provider that breaks one clause is caught by that clause."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from outsider import ACME, module_of

from imagegen import GenerationRequest, hookimpl
from imagegen.flow import Accepted, Made, send
from imagegen.plugins import load
from imagegen.provider import Quote, Range
from imagegen.testing import conformance

acme = module_of(ACME)
REQUESTS = (GenerationRequest(prompt="a lighthouse", seed=7, n=2),)


class Dicey(acme.Acme):
    def plan(self, request, context):
        made = super().plan(request, context)
        return made.evolve(facts={"luck": random.random()})


class Nosy(acme.Acme):
    def plan(self, request, context):
        Path("notes.txt").write_text("planned")
        return super().plan(request, context)


class Silent(acme.Acme):
    def plan(self, request, context):
        made = super().plan(request, context)
        return made.evolve(notes=tuple(note for note in made.notes if note.field != "sampler"))


class Boastful(acme.Acme):
    capabilities: ClassVar[Any] = {
        GenerationRequest: {**acme.Acme.capabilities[GenerationRequest], "steps": Range(1, 20)}
    }


class Leaky(acme.Acme):
    def plan(self, request, context):
        key = context.settings["api_key"].reveal()
        return super().plan(request, context).evolve(facts={"key": key})


class Free(acme.Acme):
    def price(self, plan, settings):
        nothing = Decimal(0)
        return Quote(amount=nothing, per_call=(nothing,) * len(plan.paid_calls), basis="table", source="a page")


class Meddling(acme.Acme):
    def authorize(self, call, credentials):
        made = super().authorize(call, credentials)
        return made.evolve(json={**(made.json or {}), "steps": 50})


class Open(acme.Acme):
    def authorize(self, call, credentials):
        key = credentials.settings.get("api_key")
        return call.evolve(headers={"Authorization": f"Bearer {key.reveal() if key else ''}"})


class Forgetful(acme.Acme):
    def flow(self, plan):
        flow, answer = super().flow(plan), None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as done:
                return done.value
            answer = None if isinstance(step, Accepted) else (yield step)


class Double(acme.Acme):
    def flow(self, plan):
        yield from send(plan.paid_calls[0])
        return (yield from super().flow(plan))


class PaysAgain(acme.Acme):
    def resume(self, record):
        return (yield from self.flow(record.plan))


class Trusting(acme.Acme):
    def _read(self, reply):
        import json

        return acme.Picture(**json.loads(reply.body))


class EmptyHanded(acme.Acme):
    def flow(self, plan):
        made = yield from super().flow(plan)
        return Made(files=made.files[:1])


class Blind(acme.Acme):
    def explain(self, reply):
        return None if reply.status == 429 else super().explain(reply)

    def _read(self, reply):
        return (
            acme.Picture(id="1", state="done", url="https://x.example/1.png")
            if reply.status == 429
            else super()._read(reply)
        )


@pytest.mark.parametrize(
    ("broken", "clause"),
    [
        (Dicey, "plans_the_same_twice"),
        (Nosy, "plans_the_same_twice"),
        (Silent, "notes_every_leaf_once"),
        (Boastful, "takes_what_it_claims"),
        (Leaky, "keeps_secrets_out_of_plans"),
        (Free, "prices_what_it_knows"),
        (Meddling, "authorizes_and_no_more"),
        (Open, "says_which_key_is_missing"),
        (Forgetful, "pays_what_was_planned"),
        (Double, "pays_what_was_planned"),
        (EmptyHanded, "pays_what_was_planned"),
        (PaysAgain, "resumes_without_paying"),
        (Trusting, "bears_strange_answers"),
        (Blind, "names_what_it_refuses"),
    ],
)
def test_a_broken_provider_is_caught_by_its_clause(broken: type, clause: str) -> None:
    check = {c.name: c for c in checks_of(broken)}[clause]

    with pytest.raises(AssertionError):
        check()


def checks_of(cls: Any) -> list[Any]:
    class Plugin:
        @hookimpl
        def imagegen_providers(self):
            return (cls(),)

        @hookimpl
        def imagegen_emulators(self):
            return (acme.AcmeEmulator(),)

    registry = load([("acme", Plugin())])
    return list(conformance(registry.provider("acme"), REQUESTS, registry=registry, cases=60))


def test_a_check_has_a_name_and_runs_when_called() -> None:
    first = checks_of(acme.Acme)[0]

    first()
    assert str(first) == first.name == "says_what_it_is"


def test_without_an_emulator_a_bench_is_asked_for() -> None:
    class Plugin:
        @hookimpl
        def imagegen_providers(self):
            return (acme.Acme(),)

    registry = load([("acme", Plugin())])
    [check, *_] = conformance(registry.provider("acme"), REQUESTS, registry=registry)

    with pytest.raises(Exception, match="no plugin offers an emulator for acme; give conformance a bench"):
        check()
