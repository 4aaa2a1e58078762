"""
The order of things: upload, submit, wait, fetch, settle.

Only `job.status` says whether a job is over.  The page "workflow" shows a running job beside a finished graph, and an
unknown state word means that it still goes on.  FAILED is not charged
(https://tams-docs.tensor.art/docs/api/guide/integration-faq); nobody says what CANCELED costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from attrs import frozen

from imagegen.errors import JobFailed, ResultError, VendorRefused
from imagegen.flow import (
    Accepted,
    Call,
    Download,
    Flow,
    Heard,
    Made,
    Pause,
    Reply,
    Settled,
    Stored,
    fetch,
    send,
)
from imagegen.placeholders import fill
from imagegen.plans import Note, Plan
from imagegen.provider import Record

from .answers import CancelAnswer, CheckAnswer, Job, Resource, read, read_job
from .errors import accepted, explain
from .settings import NAME
from .stages import wire_seed
from .uploads import upload_all

_QUICK_POLLS, _QUICK, _SLOW = 5, 2.0, 5.0  # 5 requests a second are allowed in all


@frozen(kw_only=True)
class Sent:
    """What a call asked for, as far as its answer can be compared with it."""

    base_url: str
    width: int | None
    height: int | None
    seed: int | None
    count: int
    kind: str


def run(plan: Plan) -> Flow[Made]:
    """Perform the calls of a bound plan, one after the other: free checks, and jobs."""
    values = yield from upload_all(plan.facts["base_url"], plan.facts.get("uploads", ()))
    parts = []
    for call in plan.calls:
        ready = call.evolve(json=_ready(fill(call.json, values)))
        if not call.pays:
            accept((yield from ask(ready)))
            continue
        job = read_job((yield from ask(ready)))
        yield Accepted(job.id)
        parts.append((yield from finish(job, sent_by(ready, plan.facts))))
    return join(parts)


def resume(record: Record) -> Flow[Made]:
    """Go on with a job that was accepted."""
    call = record.plan.paid_calls[record.index]
    sent = sent_by(call.evolve(json=_ready(call.json)), record.plan.facts)
    job = read_job((yield from ask(_get(sent.base_url, str(record.job_id)))))
    return (yield from finish(job, sent))


def cancel(record: Record) -> Flow[bool]:
    """
    Try to cancel.  No page has the call; the vendor's SDK of 2024 does, so a refusal only means no.

    A canceled job may have been charged all the same.
    """
    if record.job_id is None:
        return False
    url = _job_url(record.plan.facts["base_url"], record.job_id)
    reply = yield from send(Call(method="DELETE", url=url, purpose="cancel"))
    return explain(reply) is None and read(reply, CancelAnswer).job_id in ("", record.job_id)


def ask(call: Call) -> Flow[Reply]:
    """Send a call; a refusal is raised."""
    return accepted((yield from send(call)))


def accept(reply: Reply) -> CheckAnswer:
    """Read a free check; what it calls invalid is refused before anything is paid."""
    answer = read(reply, CheckAnswer)
    if not answer.valid:
        raise VendorRefused("says that the parameters are not valid", kind="invalid_input", provider=NAME)
    return answer


def _ready(body: Any) -> Any:
    """Write a drawn seed as text and in the vendor's range."""
    if not isinstance(body, dict) or "stages" not in body:
        return body
    first, *others = body["stages"]
    start = first.get("inputInitialize", {})
    if not isinstance(start.get("seed"), int) or start["seed"] < 0:
        return body
    stage = {**first, "inputInitialize": {**start, "seed": str(wire_seed(start["seed"]))}}
    return {**body, "stages": [stage, *others]}


def sent_by(call: Call, facts: Mapping[str, Any]) -> Sent:
    """Read back what a call asked for."""
    stages = call.json.get("stages") or [{}]
    start = stages[0].get("inputInitialize", {})
    seed = str(start.get("seed", ""))
    return Sent(
        base_url=facts["base_url"],
        width=facts.get("width"),
        height=facts.get("height"),
        seed=int(seed) if seed.isdigit() and int(seed) else None,
        count=int(start.get("count", 1)),
        kind="video" if facts.get("kind") == "video" else "image",
    )


# --- waiting -----------------------------------------------------------------------------------------------------


def finish(job: Job, sent: Sent) -> Flow[Made]:
    """Wait for a job, fetch what it made, and settle it."""
    job = yield from _wait(job, sent.base_url)
    if job.status != "SUCCESS":
        yield from _give_up(job)
    outputs = job.outputs()
    if not outputs:
        raise ResultError("reports success and no result", provider=NAME, vendor_job_id=job.id)
    files = []
    for index in range(len(outputs)):
        files.append((yield from _keep(job, index, sent)))
    yield Settled(credits=job.cost)
    return Made(files=tuple(files), notes=_compare(job, files, sent), echo=_echo(job))


def _wait(job: Job, base_url: str) -> Flow[Job]:
    polls = 0
    while not job.over:
        yield Heard(state=job.status, progress=job.progress(), queue=job.queue())
        yield Pause(_QUICK if polls < _QUICK_POLLS else _SLOW)
        job = read_job((yield from ask(_get(base_url, job.id))))
        polls += 1
    yield Heard(state=job.status, progress=1.0 if job.status == "SUCCESS" else None)
    return job


def _give_up(job: Job) -> Flow[None]:
    if job.status == "CANCELED":
        yield Settled(credits=job.cost, charged=None)
        raise JobFailed("was canceled", kind="job_canceled", provider=NAME, vendor_job_id=job.id, charged=None)
    yield Settled(credits=Decimal(0), charged=False)
    info = job.failed_info
    error = JobFailed(
        "could not make the picture",
        provider=NAME,
        vendor_job_id=job.id,
        vendor_message=info.reason if info else "",
        charged=False,
    )
    error.retry_same = info is not None and info.code == "TRANSITORY_ERROR"
    raise error


def _get(base_url: str, job_id: str) -> Call:
    return Call(method="GET", url=_job_url(base_url, job_id), purpose="poll")


def _job_url(base_url: str, job_id: str) -> str:
    return f"{base_url}/v1/jobs/{quote(job_id, safe='')}"


# --- results -----------------------------------------------------------------------------------------------------


def _keep(job: Job, index: int, sent: Sent) -> Flow[Stored]:
    """Fetch one result; an address that has expired is asked for once more."""
    output = job.outputs()[index]
    try:
        return (yield from fetch(_download(job, output, sent)))
    except ResultError as error:
        if error.kind != "result_expired":
            raise
    fresh = read_job((yield from ask(_get(sent.base_url, job.id))))
    again = {one.id: one for one in fresh.outputs()}
    return (yield from fetch(_download(fresh, again.get(output.id, output), sent)))


def _download(job: Job, output: Resource, sent: Sent) -> Download:
    seed = job.seed_of(output.id)
    if seed is None and sent.count == 1 and len(job.outputs()) == 1:
        seed = sent.seed  # of several pictures no page says which seed each has
    kind = "video" if job.moving or sent.kind == "video" else "image"
    return Download(url=output.url, width=sent.width, height=sent.height, kind=kind, seed=seed)


def _compare(job: Job, files: list[Stored], sent: Sent) -> tuple[Note, ...]:
    """Say what came out differently, by the pictures themselves and the vendor's echo."""
    notes = []
    for name in ("width", "height"):
        wanted, got = getattr(sent, name), {getattr(file, name) for file in files}
        if wanted is not None and got != {wanted}:
            notes.append(_changed(name, wanted, sorted(got)[0] if len(got) == 1 else sorted(got)))
    reported = [job.seed_of(output.id) for output in job.outputs()]
    if sent.seed is not None and None not in reported and sent.seed not in reported:
        notes.append(_changed("seed", sent.seed, reported[0] if len(reported) == 1 else reported))
    if len(files) < sent.count:
        notes.append(_changed("n", sent.count, len(files)))
    return tuple(notes)


def _changed(name: str, wanted: Any, got: Any) -> Note:
    return Note(
        field=name,
        status="approximated",
        requested=wanted,
        sent=got,
        reason=f"{wanted} was sent and {got} came back",
        code="vendor_changed",
        verified=True,
    )


def _echo(job: Job) -> dict[str, Any]:
    done = job.success_info
    seeds = {output.id: job.seed_of(output.id) for output in job.outputs()}
    return {
        "job": job.id,
        "credits": None if job.cost is None else str(job.cost),
        "runtime": done.runtime if done else "",
        "seeds": {key: seed for key, seed in seeds.items() if seed is not None},
    }


def join(parts: list[Made]) -> Made:
    """Put the results of several calls into one."""
    if len(parts) == 1:
        return parts[0]
    notes: dict[tuple[str, Any], Note] = {(note.field, note.sent): note for part in parts for note in part.notes}
    return Made(
        files=tuple(file for part in parts for file in part.files),
        notes=tuple(notes.values()),
        echo={"jobs": [dict(part.echo) for part in parts]},
    )
