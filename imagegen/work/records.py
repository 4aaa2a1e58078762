"""Orders as the ledger keeps them, and back: no secrets, no pictures in text form, enough to go on after a crash."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import evolve

from imagegen.flow import Call
from imagegen.images import Blob
from imagegen.ledger import JobRow, NewJob
from imagegen.parts import plain
from imagegen.placeholders import Slot, fill, restore, slots
from imagegen.plans import Plan, canonical
from imagegen.provider import Quote
from imagegen.redaction import Redactor
from imagegen.result import Result, cost_of, images_of, note_from, notes_of

from .inputs import recorded
from .orders import Order
from .session import Session, Wishes


def bind(plan: Plan, job_id: str, dice: random.Random, hook: str = "") -> Plan:
    """Fill what is known when a job starts: the drawn seed, one request id per paid call, where to call back."""
    seed = dice.randrange(1, 2**31)  # 0 means random at one vendor; room for shifted seeds below 2**32
    calls, paid = [], 0
    for call in plan.calls:
        values = {"seed": seed, "requestId": request_id(job_id, paid), **({"webhook": hook} if hook else {})}
        key = values["requestId"] if isinstance(call.key, Slot) and call.key.name == "requestId" else call.key
        calls.append(call.evolve(json=fill(call.json, values), key=key))
        paid += call.pays
    request = plan.request
    drawn = any(slot.name == "seed" for slot in slots([call.json for call in plan.calls]))
    if drawn and getattr(request, "seed", seed) is None:
        request = evolve(request, seed=seed)  # what the picture and its record will say
    return plan.evolve(request=request, calls=tuple(calls), facts=fill(dict(plan.facts), {"seed": seed}))


def request_id(job_id: str, index: int) -> str:
    """Derive the vendor's idempotency key from job and call, so that it is the same after a crash."""
    return hashlib.sha256(f"{job_id}/{index}".encode()).hexdigest()[:32]


def request_hash(request: Any, images: Mapping[str, Blob] | None = None) -> str:
    """Name a request by its content, that of its pictures included (for idempotency keys); labels do not count."""
    data = {k: v for k, v in plain(request).items() if k != "labels"}
    data |= {f"{path}.sha256": blob.sha256 for path, blob in (images or {}).items()}
    return hashlib.sha256(canonical({"kind": type(request).__name__, **data}).encode()).hexdigest()


def new_job(session: Session, order: Order, job_id: str, wishes: Wishes) -> NewJob:
    request = order.request
    model = getattr(request, "model", None)
    redactor = Redactor.of(session.values(order.provider), *(call.json for call in order.plan.calls))
    return NewJob(
        id=job_id,
        scope=session.scope(order.provider),
        request_hash=request_hash(request, order.images),
        request=redactor.links(_light(plain(order.plan.request))),
        plan=redactor.links(_plan_record(order)),
        calls=len(order.plan.paid_calls),
        idempotency_key=wishes.idempotency_key,
        labels=dict(getattr(request, "labels", {}) or {}),
        estimate=order.price.amount,
        currency=order.price.currency,
        run=wishes.run or session.run,
        kind=type(request).__name__,
        model=str(model) if model is not None else "",
        output=str(wishes.output or session.output),
    )


def _light(data: Any) -> Any:
    """Leave pictures in text form out of what is recorded."""
    if isinstance(data, dict):
        return {key: _light(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_light(item) for item in data]
    if isinstance(data, str) and data.startswith("data:") and len(data) > 512:
        return f"data:sha256:{hashlib.sha256(data.encode()).hexdigest()}"
    return data


def _plan_record(order: Order) -> dict[str, Any]:
    record = {**order.plan.to_record(), "price": _price_record(order.price)}
    return {**record, "inputs": recorded(order.images)} if order.images else record


def _price_record(price: Quote) -> dict[str, Any]:
    return {
        "amount": None if price.amount is None else str(price.amount),
        "credits": None if price.credits is None else str(price.credits),
        "currency": price.currency,
        "per_call": [None if value is None else str(value) for value in price.per_call],
    }


def _price_from(record: Mapping[str, Any]) -> Quote:
    def money(value: Any) -> Decimal | None:
        return None if value is None else Decimal(value)

    found = record.get("price", {})
    amount = money(found.get("amount"))
    return Quote(
        amount=amount,
        low=amount,
        high=amount,
        credits=money(found.get("credits")),
        currency=found.get("currency", "USD"),
        per_call=tuple(money(value) for value in found.get("per_call", ())),
        basis="recorded",
    )


def as_result(row: JobRow) -> Result:
    """Build a result from what the ledger knows."""
    images, videos = images_of(row.files)
    return Result(
        provider=row.scope.provider,
        job_id=row.id,
        images=images,
        videos=videos,
        notes=notes_of(row),
        cost=cost_of(row),
        seconds=dict(row.seconds),
        data=row.data,
        request=row.request,
    )


def restore_order(session: Session, row: JobRow) -> Order:
    """Rebuild the order of a job from the ledger."""
    provider = session.provider(row.scope.provider)
    plan = restore_plan(row.plan, row.request)
    return Order(provider=provider, plan=plan, price=_price_from(row.plan), request=row.request, kind=row.kind)


def restore_plan(record: Mapping[str, Any], request: Any) -> Plan:
    """Undo `Plan.to_record`.  *request* is plain data by now."""
    calls = tuple(
        Call(
            method=call["method"],
            url=call["url"],
            json=restore(call["json"]),
            params=call.get("params", {}),
            purpose=call["purpose"],
            pays=call["pays"],
            key=call["resend"],
        )
        for call in record["calls"]
    )
    return Plan(
        provider=record["provider"],
        request=request,
        calls=calls,
        notes=tuple(note_from(note) for note in record.get("notes", ())),
        facts=restore(record["facts"]),
        version=record["version"],
    )


def only(plan: Plan, index: int) -> Plan:
    """Return *plan* with one of its paid calls, and all that is free."""
    paid, calls = -1, []
    for call in plan.calls:
        paid += call.pays
        if not call.pays or paid == index:
            calls.append(call)
    return plan.evolve(calls=tuple(calls))
