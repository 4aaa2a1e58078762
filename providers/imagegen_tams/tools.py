"""
The tools around pictures: words for a picture (`img2prompt`), and a guide out of it (`controlnet/detect`).

The page "Intro To Billing" calls what it does not price free for now.
"""

from __future__ import annotations

from typing import Any

from imagegen.flow import Call, Flow, Made
from imagegen.placeholders import fill
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context
from imagegen.request import DetectControl, Interrogate

from .answers import DetectAnswer, TaggerAnswer, read
from .flow import ask
from .settings import NAME, base_url
from .uploads import slot, upload_all, wanted
from .wire import DetectRequest, TaggerRequest, encode


def plan_interrogate(request: Interrogate, context: Context) -> Plan:
    """Draft `POST /v1/img2prompt`; sentences come from the tagger `llm`."""
    book = Notebook(request, NAME)
    image = slot("image")
    tagger = "llm" if request.natural else None
    book.exact("image", "resourceId", image)
    book.exact("natural", "tagger", tagger)
    body = encode(TaggerRequest(resource_id=image, tagger=tagger))
    return _plan(request, context, book, "tagger", "/v1/img2prompt", body)


def plan_detect(request: DetectControl, context: Context) -> Plan:
    """Draft `POST /v1/controlnet/detect`."""
    book = Notebook(request, NAME)
    image = slot("image")
    book.exact("image", "resourceId", image)
    book.exact("module", "controlnetModule")
    body = encode(DetectRequest(controlnet_module=request.module, resource_id=image))
    return _plan(request, context, book, "detect", "/v1/controlnet/detect", body)


def _plan(request: Any, context: Context, book: Notebook, kind: str, path: str, body: Any) -> Plan:
    base = base_url(context.settings)
    return Plan(
        provider=NAME,
        request=request,
        calls=(Call(method="POST", url=f"{base}{path}", json=body, purpose=kind),),
        notes=book.finish(),
        blockers=tuple(book.blockers),
        facts={"kind": kind, "base_url": base, "uploads": [wanted(context, "image")]},
    )


def run(plan: Plan) -> Flow[Made]:
    """Upload the picture and ask."""
    values = yield from upload_all(plan.facts["base_url"], plan.facts["uploads"])
    call = plan.calls[0]
    reply = yield from ask(call.evolve(json=fill(call.json, values)))
    if plan.facts["kind"] == "tagger":
        return Made(data={"prompts": list(read(reply, TaggerAnswer).prompts)})
    return Made(data={"result": dict(read(reply, DetectAnswer).result)})
