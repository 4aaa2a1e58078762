"""
A request for one documented endpoint in the vendor's own words: how it is planned and carried out.

    client.run(VendorCall(ModelList()), provider="modelslab").data
    client.run(VendorCall(SuperResolution(init_image="https://...")), provider="modelslab").images

The endpoint classes are in `operations`, `editing`, `realtime`, `model_calls` and `newer`.  A public room of the
family.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
from attrs import frozen

from imagegen.flow import Accepted, Call, Flow, Made, Settled
from imagegen.parts import check, one_of, part
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context, Record

from . import jobs, wire
from .dialect import Envelope
from .operations import Endpoint, Other
from .planning import common_facts
from .service import Service

_IN_PATH = re.compile(r"\{(\w+)\}")


@frozen
class VendorCall:
    """One documented endpoint, asked in the vendor's own words; *call* is an object of a class with an `endpoint`."""

    call: Any = part(
        rule=lambda call: None if hasattr(type(call), "endpoint") else "must be one of the endpoint classes"
    )
    provider_options: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, kw_only=True)
    on_unsupported: str = part(default="balanced", rule=one_of("strict", "balanced", "lenient"), kw_only=True)
    labels: Mapping[str, str] = attrs.field(factory=dict, kw_only=True)
    __attrs_post_init__ = check


def plan_vendor_call(request: VendorCall, context: Context, service: Service, known: tuple[type, ...]) -> Plan:
    """Draft the one call."""
    cls = type(request.call)
    endpoint: Endpoint = request.call.endpoint
    notes = Notebook(request, service.name)
    if cls not in (*known, Other):
        notes.block("call", f"{cls.__name__} is no endpoint of {service.name}", "not_offered")
    if isinstance(request.call, Other):
        body = dict(request.call.words)
        for leaf in notes.leaves:
            notes.exact(leaf)
    else:
        body = wire.body(request.call)
        for name, value in body.items():
            notes.exact(f"call.{name}", name, value)
        for fault in wire.faults(cls, body):
            notes.block(f"call.{fault.path}", fault.message, "bad_option")
    facts = common_facts(context, service)
    if endpoint.fetch:
        path = _IN_PATH.sub(lambda match: str(body.get(match[1], match[0])), endpoint.fetch)
        facts["fetch"] = {"url": context.base_url + path, "by_body": False}
    return Plan(
        provider=service.name,
        request=request,
        calls=(_call(endpoint, body, context.base_url),),
        notes=notes.finish(),
        blockers=tuple(notes.blockers),
        facts={**facts, "kind": "call", "pictures": endpoint.pictures},
    )


def _call(endpoint: Endpoint, body: dict[str, Any], base_url: str) -> Call:
    path = _IN_PATH.sub(lambda match: str(body.pop(match[1])), endpoint.path)
    url = base_url + path
    purpose = "operate" if endpoint.pays else "ask"
    if endpoint.method == "GET":
        query = {name: str(value) for name, value in body.items()}
        return Call(method="GET", url=url, params=query, purpose=purpose, pays=endpoint.pays)
    return Call(method=endpoint.method, url=url, json=body, purpose=purpose, pays=endpoint.pays)


def answer_flow(plan: Plan) -> Flow[Made]:
    """Perform the call; pictures are kept, everything else is the answer as data."""
    call = plan.calls[0]
    if plan.facts["pictures"]:
        return (yield from jobs.picture_job(plan, call))
    return (yield from answer_of(plan, call))


def answer_of(plan: Plan, call: Call) -> Flow[Made]:
    """Perform a call whose answer is data."""
    first = yield from jobs.ask(call, plan.provider, bare=True)
    if not call.pays:
        return Made(data=first.data)
    if first.id:
        yield Accepted(first.id)
    return (yield from _waited(plan, first))


def resume(record: Record) -> Flow[Made]:
    """Go on with an accepted call whose answer is data."""
    job = jobs.job_of(record)
    return (yield from _waited(record.plan, job, pause_first=False))


def _waited(plan: Plan, job: Envelope, *, pause_first: bool = True) -> Flow[Made]:
    final = yield from jobs.poll(jobs.Asking.of(plan.facts), job, plan.provider, pause_first=pause_first)
    yield Settled(charged=True)
    return Made(data=final.data, echo={"calls": [jobs.echo_of(final)]})
