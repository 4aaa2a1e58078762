"""
Words for a picture: a neutral `Interrogate` in the words of `POST /api/v6/image_editing/caption`.

Source: GitHub ModelsLab/docs-v2 @ c1440bc, `image-editing/openapi.json`, which gives the request and not the answer.
That the words stand in `output` is our inference, so the whole answer is kept beside them.
"""

from __future__ import annotations

from typing import Any

import attrs

from imagegen.flow import Call, Flow, Made
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context, Record
from imagegen.request import Interrogate

from . import calls, inputs, jobs, wire
from .dialect import read
from .editing import Caption
from .planning import common_facts, overridden
from .service import Service

_LENGTH = "normal"


def plan_interrogate(request: Interrogate, context: Context, service: Service) -> Plan:
    """Draft the upload, if one is needed, and the call that pays."""
    notes = Notebook(request, service.name)
    uploads = inputs.Uploads(service=service, context=context, notes=notes)
    caption = Caption(init_image=inputs.picture(uploads, "image", request.image), length=_LENGTH)
    if request.natural:
        notes.exact("natural", "length", _LENGTH, reason="a caption is a sentence")
    else:
        notes.approximated("natural", _LENGTH, "length", "there are captions only, no lists of tags", "sentences")
    reason = "no page shows where the words stand; the whole answer is kept beside them"
    notes.put("answer", "approximated", "output", "output", reason=reason, code="inferred")
    given = dict(request.provider_options.get(service.name, {}))
    for fault in wire.faults(Caption, given):
        notes.block(f"provider_options.{service.name}.{fault.path}", fault.message, "bad_option")
    for name in given:
        notes.exact(f"provider_options.{service.name}.{name}", name)
    endpoint = Caption.endpoint
    body = {**wire.body(caption), **given}
    ask = Call(method="POST", url=context.base_url + endpoint.path, json=body, purpose="operate", pays=True)
    facts = {
        **common_facts(context, service),
        "fetch": {"url": context.base_url + endpoint.fetch, "by_body": False},
        "kind": "caption",
        "uploads": uploads.facts,
    }
    return Plan(
        provider=service.name,
        request=request,
        calls=(*uploads.calls, ask),
        notes=overridden(notes.finish(), given),
        blockers=tuple(notes.blockers),
        facts=facts,
    )


def flow(plan: Plan) -> Flow[Made]:
    """Upload the picture, ask, and wait for the words."""
    values = yield from jobs.uploaded(plan)
    return words((yield from calls.answer_of(plan, jobs.ready(plan.calls[-1], values))))


def resume(record: Record) -> Flow[Made]:
    """Ask for the words of an accepted job again."""
    return words((yield from calls.resume(record)))


def words(made: Made) -> Made:
    """Return an answer with its texts as `prompts`."""
    return attrs.evolve(made, data={"prompts": _texts(made.data), "answer": made.data})


def _texts(answer: Any) -> list[str]:
    return [text for text in read(answer).output if not jobs.is_address(text)]
