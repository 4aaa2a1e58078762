"""
The life of a job: accepted and charged once per request id, queued, run on the world's time, canceled.

The status is not stored but computed from the time that has passed, so a job goes on while nobody looks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen

from imagegen.emulator import account, outbox
from imagegen.emulator.effects import find
from imagegen.emulator.faults import Fault
from imagegen.emulator.world import World

from .errors import ALREADY_EXISTS, FAILED_PRECONDITION, NOT_FOUND, Problem
from .recipe import Recipe

PROVIDER = "tams"
WAIT_SECONDS, QUEUE_SECONDS = 0.4, 6.0
FINISH_SECONDS = 0.3  # how long a workflow's nodes are done before the job says so, as on the page "workflow"

_JOB, _REQUEST = "tams_job", "tams_request"
_FIRST_ID = 709385162603889157  # the job id in the example of the page "Workflow Template"


@frozen(kw_only=True)
class Order:
    """A valid request for a job, before it is accepted."""

    request_id: str
    form: str  # "stages" or "workflow": how `body` becomes recipes again
    body: Mapping[str, Any]
    fingerprint: str
    prompt: str
    credits: Decimal
    recipes: tuple[Recipe, ...] = field(repr=False)
    notify_url: str = ""


@define
class Jobs:
    """The jobs of one world, as records."""

    world: World

    def known(self, order: Order) -> str | None:
        """Return the job that has this request id already; another body under the same id is refused."""
        known = self.world.get(_REQUEST, order.request_id) if order.request_id else None
        if known is None:
            return None
        if known["fingerprint"] != order.fingerprint:
            raise Problem(ALREADY_EXISTS, f"requestId {order.request_id} was used with another request")
        return str(known["job"])

    def accept(self, order: Order, faults: Sequence[Fault]) -> str:
        """Charge for *order* and make it a job.  Belongs in the transaction that asked `known`."""
        number = self.world.next(_JOB, _FIRST_ID)
        job_id = str(number)
        if not account.spend(self.world, PROVIDER, order.credits):
            left = account.balance(self.world, PROVIDER)
            said = f"insufficient credits: {order.credits} needed, {left} left"
            raise Problem(FAILED_PRECONDITION, said)
        record = self._record(order, job_id, faults)
        self.put(record)
        if order.request_id:
            self.world.put(_REQUEST, order.request_id, {"job": job_id, "fingerprint": order.fingerprint})
        self.world.charge(PROVIDER, job_id, prompt=order.prompt, credits=order.credits, key=order.request_id)
        return job_id

    def _record(self, order: Order, job_id: str, faults: Sequence[Fault]) -> dict[str, Any]:
        queue, slow = find(faults, "queue"), find(faults, "slow")
        waits = WAIT_SECONDS
        if queue is not None or self.world.rules.queue:
            waits = queue.number(QUEUE_SECONDS) if queue else QUEUE_SECONDS
        runs = sum(recipe.steps for recipe in order.recipes) * self.world.rules.seconds_per_step
        runs += slow.number(1.0) if slow else 0.0
        ends = self.world.now() + waits + runs + (FINISH_SECONDS if order.form == "workflow" else 0.0)
        record = {
            "id": job_id,
            "at": self.world.now(),
            "waits": waits,
            "runs": runs,
            "ends": ends,
            "form": order.form,
            "body": without_keys(order.body),
            "credits": str(order.credits),
            "faults": [[fault.name, fault.value] for fault in faults],
            "booked": "accepted",
            "results": None,
            "notice": "",
        }
        if order.notify_url:
            status = "FAILED" if self._fails(record) else "SUCCESS"
            body = {"job": {"id": job_id, "status": status}}
            record["notice"] = outbox.queue(self.world, PROVIDER, order.notify_url, body, due=ends)
        return record

    def get(self, job_id: str) -> dict[str, Any]:
        """Return the record of a job, or say that there is none."""
        record: dict[str, Any] | None = self.world.get(_JOB, job_id)
        if record is None:
            raise Problem(NOT_FOUND, f"job not found: {job_id}")
        return record

    def cancel(self, job_id: str) -> None:
        """Stop a job.  What has not started is given back."""
        with self.world.change():
            record = self.get(job_id)
            status = self.status(record)
            if status == "CANCELED":
                return
            if status in ("SUCCESS", "FAILED"):
                raise Problem(FAILED_PRECONDITION, f"job {job_id} is {status}")
            outbox.withdraw(self.world, record["notice"])
            self._book(record, "canceled", Decimal(record["credits"]) if status == "RUNNING" else Decimal(0))

    def status(self, record: Mapping[str, Any]) -> str:
        """Return `job.status` as the world's time has it."""
        if record["booked"] == "canceled":
            return "CANCELED"
        now = self.world.now()
        if now >= record["ends"]:
            return "FAILED" if self._fails(record) else "SUCCESS"
        return "WAITING" if now - record["at"] < record["waits"] else "RUNNING"

    def look(self, job_id: str) -> tuple[dict[str, Any], str]:
        """Return the record and the status of a job, and tell the books what it has come to."""
        record = self.get(job_id)
        status = self.status(record)
        state = {"RUNNING": "running", "SUCCESS": "succeeded", "FAILED": "failed"}.get(status)
        if state is None or record["booked"] == state:
            return record, status
        with self.world.change():
            record = self.get(job_id)
            if record["booked"] not in (state, "canceled"):  # else somebody was quicker
                self._book(record, state)
        return record, self.status(record)

    def put(self, record: Mapping[str, Any]) -> None:
        """Remember a record."""
        self.world.put(_JOB, record["id"], record)

    def _book(self, record: dict[str, Any], state: str, kept: Decimal | None = None) -> None:
        """Write down a new state; what is not kept of the price is given back, of a failed job all."""
        paid = Decimal(record["credits"])
        kept = kept if kept is not None else Decimal(0) if state == "failed" else paid
        if kept != paid:
            account.refund(self.world, PROVIDER, paid - kept)
        record |= {"booked": state, "credits": str(kept)}
        self.put(record)
        self.world.book(record["id"], state=state, credits=kept, provider=PROVIDER)

    def _fails(self, record: Mapping[str, Any]) -> bool:
        return any(name in ("fail", "nsfw") for name, _ in record["faults"])


def fingerprint(path: str, data: Any) -> str:
    """Return what two requests must share to be the same one."""
    text = json.dumps([path, data], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def without_keys(tree: Any) -> Any:
    """Return *tree* without access keys: the emulator has no use for them after the request."""
    if isinstance(tree, Mapping):
        kept = {name: value for name, value in tree.items() if not _is_access_key(str(name))}
        return {name: without_keys(value) for name, value in kept.items()}
    return [without_keys(value) for value in tree] if isinstance(tree, list) else tree


def _is_access_key(name: str) -> bool:
    return name.replace("_", "").lower().endswith("accesskey")


def faults_of(record: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return the faults that a job was submitted with."""
    return tuple(Fault(name, value) for name, value in record["faults"])
