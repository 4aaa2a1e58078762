"""
The order of things: submit, be accepted, ask until it is over, keep the pictures.

A public room of the family.  Facts: a queued answer tells an `eta` and where to ask (`fetch_result`, which is only
believed on the configured host, because the key goes along); "try again later" means still working; "Request not
found" is said shortly after submitting too; the answer to a fetch has no `meta`, so that of the first answer is kept.
Source: GitHub ModelsLab/docs-v2 @ ef9d723, `image-generation/community-models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import frozen

from imagegen.errors import JobFailed, OutcomeUnknown, ProviderError, ResultError
from imagegen.flow import Accepted, Call, Download, Flow, Heard, Made, Pause, Remember, Settled, Stored, recall, send
from imagegen.placeholders import fill
from imagegen.plans import Note, Plan
from imagegen.provider import Record

from .dialect import Envelope, decode, read, truth
from .echo import compare
from .explain import TRY_LATER, refusal, unknown_job
from .sampling import SEEDS
from .service import same_host

SHORTEST, LONGEST, USUAL = 1.0, 30.0, 2.0  # seconds between two questions
MISSES = 5  # how often a job may be unknown, or an answer unreadable, in a row
REFETCHES = 2  # how often fresh links are asked for when a picture cannot be had
LINK_MARGIN = 3600.0  # an uploaded picture is not relied on in the last hour of its life
_TRANSIENT = ("rate_limited", "service_unavailable")
_HIDDEN = ("key", "webhook")  # not for the sidecar


@frozen(kw_only=True)
class Asking:
    """How the result of a job is asked for."""

    base_url: str
    url: str
    by_body: bool

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Asking:
        """Read what a plan noted."""
        return cls(base_url=facts["base_url"], url=facts["fetch"]["url"], by_body=facts["fetch"]["by_body"])

    def call(self, job: Envelope) -> Call:
        """Return the free call that asks for *job*."""
        if job.fetch_result and same_host(job.fetch_result, self.base_url):
            return Call(method="POST", url=job.fetch_result, json={}, purpose="poll")
        if self.by_body:
            return Call(method="POST", url=self.url, json={"request_id": job.id}, purpose="poll")
        return Call(method="POST", url=self.url.replace("{id}", job.id), json={}, purpose="poll")

    def can(self, job: Envelope) -> bool:
        """Whether there is any way to ask."""
        return bool(job.id) or (bool(job.fetch_result) and same_host(job.fetch_result, self.base_url))


def pictures(plan: Plan) -> Flow[Made]:
    """Make all pictures of *plan*: uploads, then one job per paid call that makes pictures."""
    values = yield from uploaded(plan)
    parts = []
    for call in plan.calls:
        if call.purpose == "generate":
            parts.append((yield from picture_job(plan, ready(call, values))))
    return together(parts)


def uploaded(plan: Plan) -> Flow[dict[str, str]]:
    """Upload the plan's local pictures, unless they still lie at the vendor; return their addresses."""
    values: dict[str, str] = {}
    calls = (call for call in plan.calls if call.purpose == "upload")
    for fact, call in zip(plan.facts["uploads"], calls, strict=True):
        address = yield from recall("resource", fact["key"])
        if address is None:
            answer = yield from ask(call, plan.provider)
            if not answer.output:
                raise ProviderError("took the upload and gave no address", provider=plan.provider, charged=False)
            address = answer.output[0]
            lives = float(fact["seconds"]) - LINK_MARGIN
            yield Remember(kind="resource", key=fact["key"], value=address, seconds=lives)
        values[fact["slot"]] = address
    return values


def ask(call: Call, provider: str, *, bare: bool = False) -> Flow[Envelope]:
    """Perform one call that makes no job; a refusal is raised."""
    reply = yield from send(call)
    answer = decode(reply, provider=provider, bare=bare)
    if answer.refused:
        raise refusal(answer, reply.status, provider=provider)
    return answer


def ready(call: Call, values: Mapping[str, Any]) -> Call:
    """Return *call* with its last slots filled; a drawn seed plus its shift is brought back to 32 bits."""
    body = fill(call.json, values)
    if isinstance(body.get("seed"), int):
        body = {**body, "seed": body["seed"] % SEEDS}
    return call.evolve(json=body)


def picture_job(plan: Plan, call: Call) -> Flow[Made]:
    """Submit one paid call and see it through."""
    asking = Asking.of(plan.facts)
    reply = yield from send(call)
    first = decode(reply, provider=plan.provider)
    if first.refused:
        raise refusal(first, reply.status, provider=plan.provider)
    if first.id:
        yield Accepted(first.id)
    elif first.working and not asking.can(first):
        raise OutcomeUnknown(
            "took the job and gave no id to ask for it",
            provider=plan.provider,
            vendor_message=first.message,
            hint="Look for the picture in the account's history at modelslab.com.",
        )
    final = yield from poll(asking, first, plan.provider)
    return (yield from keep(asking, call.json, final, plan.provider))


def resume(record: Record) -> Flow[Made]:
    """Go on with an accepted job: ask for it (also if it was done, because links grow old), then keep the pictures."""
    plan = record.plan
    call, asking = plan.paid_calls[record.index], Asking.of(plan.facts)
    known, job = read(record.answer), job_of(record)
    try:
        final = yield from poll(asking, job, plan.provider, pause_first=False)
    except JobFailed:
        if not (known.done and known.output):
            raise
        final = known
    return (yield from keep(asking, call.json or {}, final, plan.provider))


def job_of(record: Record) -> Envelope:
    """Return an accepted job as one that is to be asked for."""
    known = read(record.answer)
    job = attrs.evolve(known, status="processing", id=record.job_id or known.id, eta=None)
    if not Asking.of(record.plan.facts).can(job):
        raise OutcomeUnknown("has no id for this job; nothing can be asked", provider=record.plan.provider)
    return job


# --- asking until it is over -------------------------------------------------------------------------------------


def poll(asking: Asking, first: Envelope, provider: str, *, pause_first: bool = True) -> Flow[Envelope]:
    """Ask until the job is over; returns the last answer, completed by what the first one told."""
    answer, misses = first, 0
    while answer.working:
        yield Heard(state="processing", eta=answer.eta)
        if pause_first:
            yield Pause(pause_of(answer))
        pause_first = True
        try:
            later = yield from _question(asking, first, provider)
        except ProviderError as error:
            misses += 1
            if misses > MISSES or error.kind not in ("provider_error", *_TRANSIENT):
                raise _in_doubt(error) from None
            answer = Envelope(status="processing", eta=error.retry_after)
            continue
        misses = misses + 1 if later is None else 0
        if misses > MISSES:
            return _last_resort(first, provider)
        answer = later.after(first) if later is not None else Envelope(status="processing")
    return answer


def _question(asking: Asking, first: Envelope, provider: str) -> Flow[Envelope | None]:
    """Ask once; None = the vendor does not know the job, which passes when asked too soon."""
    reply = yield from send(asking.call(first))
    answer = decode(reply, provider=provider)
    if not answer.refused:
        return answer
    if unknown_job(answer):
        return None
    if TRY_LATER in answer.message.lower():
        return attrs.evolve(answer, status="processing")
    error = refusal(answer, reply.status, provider=provider)
    if error.kind in _TRANSIENT:
        raise error
    raise JobFailed(
        "could not finish the job",
        provider=provider,
        vendor_job_id=first.id or None,
        vendor_message=answer.message,
        status=reply.status,
        charged=None,  # no page says whether a failed job is billed
        kind=error.kind if error.kind in ("content_policy", "unauthorized") else "job_failed",
    )


def _in_doubt(error: ProviderError) -> ProviderError:
    """Nobody knows whether a job is paid whose state cannot be asked for, whatever the refused question says."""
    error.charged, error.retry_same, error.try_next = None, False, False
    return error


def _last_resort(first: Envelope, provider: str) -> Envelope:
    """The addresses that the vendor predicted are all that is left of a job that it does not know any more."""
    if first.future_links:
        return attrs.evolve(first, status="success", output=first.future_links)
    raise JobFailed(
        "does not know the job (any more)",
        provider=provider,
        vendor_job_id=first.id or None,
        charged=None,
        hint="Look for the picture in the account's history at modelslab.com.",
    )


def pause_of(answer: Envelope) -> float:
    """Return how long to wait: what the vendor expects, within bounds."""
    return USUAL if answer.eta is None else max(SHORTEST, min(answer.eta, LONGEST))


# --- keeping -----------------------------------------------------------------------------------------------------


def keep(asking: Asking, sent: Mapping[str, Any], final: Envelope, provider: str) -> Flow[Made]:
    """Fetch the pictures of a finished job and tell what the vendor's echo proves."""
    downloads = downloads_of(sent, final)
    if not downloads:
        raise ResultError(
            "says success and names no picture",
            provider=provider,
            vendor_job_id=final.id or None,
            vendor_message=final.message,
        )
    files = []
    for index in range(len(downloads)):
        files.append((yield from _kept(asking, sent, final, index, provider)))
    yield Settled(charged=True)
    notes = (*compare(sent, final.meta), *_result_notes(sent, final, len(files)))
    return Made(files=tuple(files), notes=notes, echo={"calls": [echo_of(final)]})


def _kept(asking: Asking, sent: Mapping[str, Any], final: Envelope, index: int, provider: str) -> Flow[Stored]:
    """Fetch one picture; a link that is too old, or too young to hold anything, is asked for again."""
    answer, tries = final, REFETCHES
    while True:
        download = downloads_of(sent, answer)[index]
        try:
            stored: Stored = yield download
            return stored
        except ResultError as error:
            if not tries or error.kind == "storage_failed" or not asking.can(final):
                raise
        tries -= 1
        yield Pause(USUAL)
        fresh = yield from _question(asking, final, provider)
        if fresh is not None and fresh.done and len(fresh.output) > index:
            answer = fresh.after(final)


def downloads_of(sent: Mapping[str, Any], final: Envelope) -> tuple[Download, ...]:
    """Return what to fetch, in the vendor's order.  One seed is reported for all; it is the first picture's."""
    links = final.output or final.future_links
    scale = 2 if truth(sent.get("upscale")) else 1
    width, height = (_whole(sent.get(name)) for name in ("width", "height"))
    return tuple(
        Download(
            url=link if is_address(link) else "",
            data=None if is_address(link) else link,
            mirrors=final.proxy_links[index : index + 1] if len(final.proxy_links) == len(links) else (),
            width=width * scale if width else None,
            height=height * scale if height else None,
            kind="base64" if link.lower().partition("?")[0].endswith(".base64") else "image",
            seed=_whole(final.meta.get("seed")) if index == 0 else None,
        )
        for index, link in enumerate(links)
    )


def is_address(text: str) -> bool:
    """Whether an output is an address; with `base64: yes` it may be the picture itself."""
    return text.startswith(("http://", "https://"))


def _whole(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else None


def _result_notes(sent: Mapping[str, Any], final: Envelope, count: int) -> tuple[Note, ...]:
    notes = []
    wanted = sent.get("samples", count)
    if isinstance(wanted, int) and wanted != count:
        reason = f"the vendor gave {count} of {wanted} pictures"
        notes.append(_verified("n", wanted, count, "output", reason, "vendor_changed"))
    if final.nsfw:
        reason = "the vendor calls it unsafe; the picture may be a replacement"
        notes.append(_verified("safety_checker", None, True, "nsfw_content_detected", reason, "nsfw_detected"))
    return tuple(notes)


def _verified(path: str, requested: Any, sent: Any, vendor_field: str, reason: str, code: str) -> Note:
    return Note(
        field=path,
        status="approximated",
        requested=requested,
        sent=sent,
        vendor_field=vendor_field,
        reason=reason,
        code=code,
        verified=True,
    )


def echo_of(final: Envelope) -> dict[str, Any]:
    """Return what the vendor told about a run, for the sidecar."""
    told = {"id": final.id, "generationTime": final.generation_time, "meta": _public(final.meta)}
    return {name: value for name, value in told.items() if value not in (None, "", {})}


def _public(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in meta.items() if name not in _HIDDEN}


def together(parts: list[Made]) -> Made:
    """Return the results of several jobs as one."""
    return Made(
        files=tuple(file for part in parts for file in part.files),
        notes=tuple(note for part in parts for note in part.notes),
        echo={"calls": [call for part in parts for call in part.echo.get("calls", ())]},
    )
