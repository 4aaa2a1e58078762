"""What the vendor itself says a plan would cost.  Free: `/v1/jobs/credits` and the two checks."""

from __future__ import annotations

from decimal import Decimal

from imagegen.flow import Call, Flow, Reply
from imagegen.placeholders import fill
from imagegen.plans import Plan

from .answers import CheckAnswer, CreditsAnswer, read
from .flow import accept, ask
from .uploads import upload_all

_CHECKS = {
    "job": ("/v1/jobs/credits", ("stages",)),
    "video": ("/v1/jobs/credits", ("stages",)),
    "workflow": ("/v1/jobs/workflow/params/check", ("params",)),
    "template": ("/v1/workflows/template/check", ("templateId", "fields")),
}


def price(plan: Plan) -> Flow[tuple[Decimal, ...]]:
    """Ask for the credits of every paid call, in order.  Pictures are uploaded first, which is free too."""
    base, kind = plan.facts["base_url"], plan.facts["kind"]
    path, words = _CHECKS[kind]
    values = {**(yield from upload_all(base, plan.facts.get("uploads", ()))), "seed": 1}
    found = []
    for call in plan.paid_calls:
        body = {word: call.json[word] for word in words}
        reply = yield from ask(Call(method="POST", url=base + path, json=fill(body, values), purpose="check"))
        found.append(Decimal(str(_answer(kind, reply).credits)))
    return tuple(found)


def _answer(kind: str, reply: Reply) -> CreditsAnswer | CheckAnswer:
    return read(reply, CreditsAnswer) if kind in ("job", "video") else accept(reply)
