"""One exchange with a vendor: made ready, signed anew for every attempt, and read; free questions are asked again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from imagegen import USER_AGENT, wire
from imagegen.effects import Connection, Http, TransportError, Wire, Work
from imagegen.errors import ImagegenError, NotConfigured, OutcomeUnknown, ProviderError, Unreachable
from imagegen.flow import Call, Reply
from imagegen.placeholders import reveal, slots
from imagegen.provider import Credentials, Provider

from .patience import seconds_left, seconds_to_wait, take_turn, too_late, wait_for
from .run import Run

PAID_SECONDS = 180.0  # one exchange that pays: some vendors draw while they keep the line
FREE_SECONDS = 30.0


def broken(run: Run, error: Exception) -> ProviderError:
    """Say that a plugin failed; where, but no frame: frames hold requests."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f" in {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
    return ProviderError(
        f"its plugin broke: {type(error).__name__}{where}: {run.redactor.text(str(error)[:200])}",
        provider=run.provider.name,
    )


def explain(run: Run, reply: Reply) -> ProviderError | None:
    """Ask the provider what an answer means; one that it cannot read proves nothing."""
    try:
        return run.provider.explain(reply)
    except Exception as error:  # a stranger's provider may fail in any way
        return broken(run, error)


def ask(run: Run, call: Call) -> Work[Reply]:
    """A free question: asked again while the answer is a passing trouble."""
    ready = made_ready(run, call)
    attempt, last = 0, None
    while True:
        attempt += 1
        error: ImagegenError
        reply: Reply | None = None
        try:
            yield from take_turn(run)
            reply = yield from exchange(run, ready(), seconds_left(run, FREE_SECONDS))
        except TransportError as failure:
            error = failed_exchange(run, failure, pays=False)
        else:
            found = explain(run, reply)
            passing = found is not None and (found.retry_same or (found.charged is None and reply.status >= 500))
            if found is None or not passing:
                run.retries().succeeded(last)
                return reply
            error = found
            error.retry_same, error.charged = True, False  # asking costs nothing
        last = error
        wait = seconds_to_wait(run, error, attempt, run.means.patience)
        if wait is None:
            if reply is not None:
                return reply
            raise error
        yield run.tell("retrying", seconds=wait, message=run.redactor.text(str(error)))
        yield from wait_for(run, wait)


def exchange(run: Run, wire: Wire, seconds: float, connection: Connection | None = None) -> Work[Reply]:
    """Send, and remember the answer."""
    run.left = True
    reply: Reply = yield Http(wire=wire, timeout=seconds, patience=patience(run), connection=connection)
    run.last_answer = reply
    return reply


def patience(run: Run) -> float | None:
    """Return the seconds until the job's deadline, None where there is none."""
    return None if run.deadline is None else run.seconds_left(run.deadline)


def made_ready(run: Run, call: Call) -> Callable[[], Wire]:
    """Check a call before anything is written down; the answer signs it anew for every attempt."""
    open_slots = slots(call.json)
    if open_slots:
        raise ProviderError(f"would send {', '.join(open_slots)} unfilled", provider=run.provider.name, charged=False)
    host = urlsplit(call.url).netloc
    if call.signed and host not in run.provider.hosts(run.settings):
        raise ProviderError(f"wants to show its key to {host}", provider=run.provider.name, charged=False)

    def ready() -> Wire:
        return wire_of(run.provider, call, run.settings, now=run.now(), nonce=run.means.nonce())

    ready()
    return ready


def wire_of(provider: Provider, call: Call, settings: Mapping[str, Any], *, now: float, nonce: str) -> Wire:
    """Return *call* as it leaves: secrets in clear, signed, in bytes."""
    try:
        call = attrs.evolve(call, json=reveal(call.json))
        if call.signed:
            call = provider.authorize(call, Credentials(settings=settings, now=now, nonce=nonce))
    except LookupError as error:
        raise NotConfigured(str(error.args[0] if error.args else error), provider=provider.name) from None
    call = call.encoded()
    headers = {"Accept": "application/json", "User-Agent": USER_AGENT, **call.headers}
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise NotConfigured(
                f"{name} would hold characters that no header can hold; look at the key.", provider=provider.name
            )
    return Wire(method=call.method, url=with_query(call), headers=headers, content=call.content or b"")


def with_query(call: Call) -> str:
    """Return the URL with its query."""
    if not call.params:
        return call.url
    from urllib.parse import urlencode

    return f"{call.url}?{urlencode(dict(call.params))}"


def failed_exchange(run: Run, failure: TransportError, *, pays: bool) -> ImagegenError:
    name = run.provider.name
    words = run.redactor.text(str(failure)).rstrip(".")
    if run.deadline is not None and run.now() >= run.deadline and not (pays and failure.sent):
        late = too_late(run)
        late.charged = False if pays else late.charged  # a call that never left
        return late
    if not failure.sent:
        proof = " Nothing was sent." if pays else ""  # of a question that went unanswered it would say too much
        return Unreachable(f"cannot be reached: {words}.{proof}", provider=name)
    if pays:
        return OutcomeUnknown(
            f"no answer to a call that pays: {words}. The vendor may have taken it, and charged for it.",
            provider=name,
            hint=f"Look at the vendor's site, then: imagegen jobs show {run.job_id}, imagegen reconcile.",
        )
    kind: Any = "provider_timeout" if failure.timeout else "service_unavailable"
    return Unreachable(f"no answer: {words}.", provider=name, kind=kind)


def recordable(reply: Reply | None) -> Any:
    """Return what the ledger keeps of an accepting answer: its JSON, without pictures in text form."""
    if reply is None or len(reply.body) > 256 * 1024:
        return None
    try:
        return wire.loads(reply.body)
    except (ValueError, RecursionError):
        return None
