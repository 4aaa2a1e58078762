"""
The tools around pictures: words for a picture (`img2prompt`), and a guide out of it (`controlnet/detect`).

The page "Intro To Billing" of https://tams-docs.tensor.art calls what it does not price free for now.  No page shows
what `result` of a detection holds: it is kept as it came, and every link in it that gives a picture is fetched too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from imagegen.errors import ResultError
from imagegen.flow import Call, Download, Flow, Made, Stored, fetch
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
    result = dict(read(reply, DetectAnswer).result)
    files = []
    for url in dict.fromkeys(links(result)):
        files += yield from _picture(url)
    return Made(data={"result": result}, files=tuple(files))


def links(tree: Any) -> Iterator[str]:
    """Yield every address in a JSON tree."""
    if isinstance(tree, Mapping):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        for item in tree:
            yield from links(item)
    elif isinstance(tree, str) and tree.startswith(("http://", "https://")):
        yield tree


def _picture(url: str) -> Flow[list[Stored]]:
    """Fetch what a link gives; that it is a picture is our inference, so another thing is no error."""
    try:
        return [(yield from fetch(Download(url=url)))]
    except ResultError as error:
        if error.kind != "result_invalid":
            raise
        return []
