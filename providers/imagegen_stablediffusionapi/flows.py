"""
The order of things where models have to be brought first: load, ask until the model is there, make the picture.

A load is accepted under the id that we chose ourselves, so it can be found again after a crash; what was loaded is
remembered for the account by the address it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.errors import JobFailed, ProviderError
from imagegen.flow import Accepted, Call, Flow, Heard, Made, Pause, Remember, Settled, send
from imagegen.plans import Plan
from imagegen.provider import Record
from imagegen_modelslab import jobs
from imagegen_modelslab.dialect import Envelope, decode
from imagegen_modelslab.explain import refusal
from imagegen_modelslab.lookup import READY, entries, state_of

BETWEEN = 10.0  # seconds between two questions; loads take minutes
QUESTIONS = 360  # an hour of them


def run(plan: Plan) -> Flow[Made]:
    """Do everything that *plan* holds (after a crash: all that is free, and one call that pays)."""
    made = yield from _loads(plan)
    if plan.facts["kind"] == "load":
        return made
    return (yield from jobs.pictures(plan))


def _loads(plan: Plan) -> Flow[Made]:
    """Load what is to be loaded; wait for each model before the next step needs it."""
    facts = {fact["model_id"]: fact for fact in plan.facts["loads"]}
    waits = iter(facts.values())
    loaded: dict[str, Any] | None = None
    state = "model load started"
    for call in plan.calls:
        if call.purpose == "load":
            state = yield from _load(plan, call)
            loaded = next(iter(facts.values())) if len(facts) == 1 else loaded
        elif call.purpose == "wait":
            loaded = next(waits)
            state = yield from _wait(plan, call, loaded)
    return Made(data=_told(loaded, state))


def _load(plan: Plan, call: Call) -> Flow[str]:
    answer = yield from jobs.ask(call, plan.provider)
    yield Accepted(str(call.json.get("model_id", call.json.get("vae_id"))))
    return answer.message


def _wait(plan: Plan, call: Call, fact: Mapping[str, Any]) -> Flow[str]:
    state = yield from wait_for(call, fact, plan.provider)
    yield Remember(kind="model", key=fact["source"], value=fact["model_id"])
    yield Settled(charged=None)  # no page says whether a load costs anything
    return state


def _told(fact: Mapping[str, Any] | None, state: str) -> dict[str, Any] | None:
    return None if fact is None else {"model_id": fact["model_id"], "source": fact["source"], "state": state}


def wait_for(call: Call, fact: Mapping[str, Any], provider: str) -> Flow[str]:
    """Ask until the model is there; returns the vendor's word for it."""
    model_id = str(fact["model_id"])
    for _ in range(QUESTIONS):
        reply = yield from send(call)
        answer = decode(reply, provider=provider, bare=True)
        state = verified(answer) if fact["by_id"] else listed(answer, model_id)
        if answer.refused and (error := refusal(answer, reply.status, provider=provider)).kind in _FINAL:
            raise error
        if state == READY:
            return state
        if "fail" in state or "error" in state:
            raise _failed(provider, model_id, state)
        yield Heard(state=state or "loading")
        yield Pause(BETWEEN)
    raise _failed(provider, model_id, "not there after an hour")


_FINAL = ("unauthorized", "forbidden", "insufficient_credits")


def _failed(provider: str, model_id: str, state: str) -> ProviderError:
    return JobFailed(
        f"did not load {model_id}: {state}",
        provider=provider,
        vendor_job_id=model_id,
        charged=None,
        hint="The vendor reports nothing about failed loads; look at the address and the format of the model.",
    )


def listed(answer: Envelope, model_id: str) -> str:
    """Return the state of a model in a list; empty when it is not in it."""
    for entry in entries(answer.data):
        if str(entry.get("model_id")) == model_id:
            return state_of(entry)
    return ""


def verified(answer: Envelope) -> str:
    """Read `verify_model`: anything but a success that says "exists" means that it is not there."""
    said = answer.message.lower()
    return READY if answer.done and "exist" in said and "not exist" not in said else ""


def resume(record: Record) -> Flow[Made]:
    """Go on with an accepted paid call: a load is waited for, a picture is asked for."""
    plan = record.plan
    call = plan.paid_calls[record.index]
    if call.purpose != "load":
        return (yield from jobs.resume(record))
    model_id = str(record.job_id or call.json.get("model_id", call.json.get("vae_id")))
    waits = (one for one in plan.calls if one.purpose == "wait")
    for fact, wait in zip(plan.facts["loads"], waits, strict=False):  # without wait there is nothing to pair
        if fact["model_id"] == model_id:
            state = yield from _wait(plan, wait, fact)
            return Made(data=_told(fact, state) if plan.facts["kind"] == "load" else None)
    yield Settled(charged=None)
    return Made(data={"model_id": model_id, "source": "", "state": "model load started"})
