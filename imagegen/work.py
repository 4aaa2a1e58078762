"""
What a client does, as generators over `effects`: both clients run the same ones.

One job goes: inputs -> plan -> price -> limits of money -> open in the ledger -> conduct -> result.  `resume` enters
the same road where a crash left it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import secrets
import threading
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, evolve, field, frozen

from . import images as pictures
from .downloads import Errand, fetch
from .effects import Do, Effect, Sleep, Tell
from .engine import Means, Run, conduct, drop_the_rest, leave_slot
from .errors import (
    Fault,
    ImagegenError,
    InvalidInput,
    NotConfigured,
    OutcomeUnknown,
    ProviderError,
    Refused,
)
from .events import Event
from .flow import Call, Download, Flow, Made
from .images import Blob
from .ledger import FINAL, CallRow, JobRow, LeaseLost, NewJob, Owner, Scope
from .parts import plain
from .placeholders import Slot, fill, restore, slots, walk
from .planning import Desk, draft, inputs, mask_faults, read_images
from .plans import Plan, canonical, told_together
from .provider import Price, Provider, Record
from .redaction import Redactor
from .result import Result, cost_of, images_of, note_from
from .settings import fingerprint

T = TypeVar("T")
Work = Generator[Effect, Any, T]
POLL_OTHERS = 0.25  # seconds between looks at a job that another process works on


@frozen(kw_only=True)
class Wishes:
    """How a request is to be carried out (nothing of it changes the picture)."""

    idempotency_key: str | None = None
    timeout: float | None = None
    max_price: Decimal | None = None
    allow_unpriced: bool = False
    output: Path | None = None
    form: str | None = None
    run: str = ""


@define(kw_only=True)
class Session:
    """What a client keeps between jobs.  Built by `client.py`; safe to share between threads."""

    desk: Desk
    means: Means
    owner: Owner
    output: Path
    given: Mapping[str, Mapping[str, Any]] = field(factory=dict, repr=False)  # settings per provider, from the program
    emulated: bool = False
    namespace: str = "default"
    private_hosts: bool = False
    new_id: Callable[[], str]
    dress: Callable[..., Callable[[bytes, Any], bytes]] | None = None
    world: Any = None  # the emulated world of this process, if any
    run: str = field(factory=lambda: secrets.token_hex(6))  # what a budget per run counts together
    left: list[tuple[Run, bool]] = field(factory=list)  # runs that are over, until the ledger knows; see `let_go`
    _values: dict[str, Mapping[str, Any]] = field(factory=dict, repr=False)
    _scopes: dict[str, Scope] = field(factory=dict, repr=False)

    def provider(self, name: str) -> Provider:
        """Return an installed provider."""
        return self.desk.registry.provider(name)

    def values(self, provider: Provider) -> Mapping[str, Any]:
        """Return the settings of *provider* for this client (read once)."""
        if provider.name not in self._values:
            self._values[provider.name] = self.desk.settings(provider, self.given.get(provider.name))
        return self._values[provider.name]

    def scope(self, provider: Provider) -> Scope:
        """Return whose money and which vendor."""
        if provider.name not in self._scopes:
            values = self.values(provider)
            self._scopes[provider.name] = Scope(
                provider=provider.name,
                account=fingerprint(values, provider),
                base_url=str(values.get("base_url", "")),
                emulated=self.emulated,
                namespace=self.namespace,
            )
        return self._scopes[provider.name]

    def close(self) -> None:
        """Close the files."""
        self.means.store.close()
        self.means.circuits.close()
        if self.world is not None:
            self.world.close()

    def account(self, provider: Provider) -> str:
        """Return the name under which limits, retry budget and circuit of an account are kept."""
        scope = self.scope(provider)
        return f"{scope.provider}:{scope.account}"

    def begin(self, job_id: str) -> bool:
        """Take a job in this process; False when another thread of it has it already."""
        mine = object()
        return _BUSY.setdefault(job_id, mine) is mine  # one step: no thread comes in between

    def end(self, job_id: str) -> None:
        """Give it back."""
        _BUSY.pop(job_id, None)

    def abandon(self, run: Run) -> None:
        """Let go of a run that was cut off, where nothing can be awaited: in a thread, so that no event loop waits."""
        self.left.append((run, False))
        with contextlib.suppress(RuntimeError):  # the interpreter ends; then a dead owner's lease is free anyway
            threading.Thread(target=self.give_back, name="imagegen-let-go").start()

    def give_back(self) -> None:
        """Write down what runs that are over have left: an id that could not be written, the lease, the place."""
        for _ in range(len(self.left)):
            try:
                run, rest = self.left.pop()
            except IndexError:  # another thread does the same
                return
            try:
                let_go(run, rest=rest)
            except LeaseLost:
                continue
            except ImagegenError:  # the ledger cannot be written: at the next occasion
                self.left.append((run, rest))


_BUSY: dict[str, object] = {}  # jobs that threads of this process work on, over all its clients
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_BUSY.clear)


@frozen(kw_only=True)
class Order:
    """A request that is planned and priced, and has not cost anything yet."""

    provider: Provider
    plan: Plan
    price: Price
    images: Mapping[str, Blob] = field(factory=dict, repr=False)
    request: Any = None
    kind: str = ""  # the request's class, where it comes from the ledger as plain data

    @property
    def blocked(self) -> str:
        """Why it cannot be done, in one line; empty = it can."""
        return "; ".join(told_together(self.plan.blockers))


# --- from request to order ---------------------------------------------------------------------------------------


def prepare(session: Session, request: Any, names: Sequence[str], wishes: Wishes) -> Work[list[Order]]:
    """Read the inputs once, then plan and price at every provider in *names*."""
    images: dict[str, Blob] = yield Do(partial(read_images, request))
    orders = []
    for name in names:
        provider = session.provider(name)
        mine = dict(images)
        if not getattr(provider, "takes_links", False):
            mine |= yield from _fetch_inputs(session, request, images)
            images = mine
        orders.append((yield from order(session, request, provider, mine, wishes)))
    return orders


def order(
    session: Session, request: Any, provider: Provider, images: Mapping[str, Blob], wishes: Wishes
) -> Work[Order]:
    """Plan and price *request* at one provider."""
    values, scope = session.values(provider), session.scope(provider)
    known = yield Do(partial(session.means.store.known, scope))
    made = draft(request, provider, session.desk, values=values, images=images, known=known, form=wishes.form)
    price = session.desk.price(provider, made, values)
    return Order(provider=provider, plan=made, price=price, images=images, request=made.request)


def _fetch_inputs(session: Session, request: Any, have: Mapping[str, Blob]) -> Work[dict[str, Blob]]:
    """Fetch input addresses for a vendor that takes only bytes; a page instead of a picture is found here, unpaid."""
    found = dict(have)
    errand = Errand(provider="input", private_hosts=session.private_hosts)
    for path, value in inputs(request).items():
        if not value.is_url or path in found:
            continue
        try:
            data = yield from fetch(errand, Download(url=value.source))
            found[path] = pictures.inspect_input(data, value.source)
        except InvalidInput as error:
            raise InvalidInput([fault.below(path) for fault in error.faults]) from None
        except ImagegenError as error:
            raise InvalidInput([Fault(path, f"{value.source} cannot be fetched: {error.message}")]) from None
    if faults := mask_faults(found):
        raise InvalidInput(faults)
    return found


def check_price(order: Order, wishes: Wishes) -> None:
    """Refuse what costs more than the user said, or has no known price under a limit."""
    if wishes.max_price is None:
        return
    high = order.price.high if order.price.high is not None else order.price.amount
    if high is None and not wishes.allow_unpriced:
        raise Refused(
            f"has no known price, and max_price is {wishes.max_price}.",
            kind="price_exceeded",
            provider=order.provider.name,
            hint="Set a price (imagegen prices set) or allow unpriced work.",
        )
    if high is not None and high > wishes.max_price:
        raise Refused(
            f"would cost up to {high} {order.price.currency}, more than {wishes.max_price}.",
            kind="price_exceeded",
            provider=order.provider.name,
        )


# --- one job -----------------------------------------------------------------------------------------------------


def perform(session: Session, order: Order, wishes: Wishes) -> Work[Result]:
    """Carry an order out: nothing is sent before the plan has no blockers and the price is allowed."""
    if order.blocked:
        reasons = told_together(order.plan.blockers)
        listed = f" {reasons[0]}" if len(reasons) == 1 else "".join(f"\n  {reason}" for reason in reasons)
        raise Refused(f"cannot do this:{listed}", provider=order.provider.name, kind=_refusal_kind(order.plan))
    check_price(order, wishes)
    require_key(session, order.provider)
    job_id = session.new_id()
    hook = yield from _hook(session, order.provider, job_id)
    order = evolve(order, plan=bind(order.plan, job_id, session.means.dice, hook))
    new = _new_job(session, order, job_id, wishes)
    session.begin(job_id)
    try:
        row, token = yield from _open(session, new)
        if row.id == job_id and token is not None:
            return (yield from _work(session, order, row, token, wishes))
    except LeaseLost:  # another process took this one for dead and goes on with the job
        token = None
    finally:
        session.end(job_id)
    if token is not None:  # an older job of the same idempotency key, whose worker is gone: `result_of` goes on with it
        yield Do(partial(session.means.store.release, row.id, token))
    return (yield from result_of(session, row.id, wishes))


def _open(session: Session, new: NewJob) -> Work[tuple[JobRow, int | None]]:
    try:
        found: tuple[JobRow, int | None] = yield Do(partial(session.means.store.open_job, new, session.owner))
    except ImagegenError as error:  # without a ledger nothing is sent
        error.charged, error.provider = False, error.provider or new.scope.provider
        raise
    return found


def _refusal_kind(plan: Plan) -> Any:
    codes = {blocker.code for blocker in plan.blockers}
    models = {"unknown_alias", "model_not_mapped", "needs_load", "model_not_found", "no_model"}
    return "model_not_found" if codes & models else "unsupported_parameter"


def require_key(session: Session, provider: Provider) -> None:
    """Raise `NotConfigured` when a secret is missing without which nothing works."""
    values = session.values(provider)
    for setting in provider.settings:
        if setting.secret and setting.missing(values):
            raise NotConfigured(
                f"no {setting.name.replace('_', ' ')} is set.",
                provider=provider.name,
                hint=f"Set {setting.env}, or {setting.name} under [providers.{provider.name}] in imagegen.toml, "
                "or try without any: --emulated.",
            )


def _hook(session: Session, provider: Provider, job_id: str) -> Work[str]:
    """Return where the vendor is to call when this job is over; empty when nobody asked for it."""
    base = session.values(provider).get("webhook")
    if not base:
        return ""
    from .webhooks import address

    where: str = yield Do(partial(address, session.desk.config.home, str(base), job_id))
    return where


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


def request_hash(request: Any) -> str:
    """Name a request by its content (for idempotency keys); labels and provider do not count."""
    data = {k: v for k, v in plain(request).items() if k not in ("labels",)}
    return hashlib.sha256(canonical({"kind": type(request).__name__, **data}).encode()).hexdigest()


def _new_job(session: Session, order: Order, job_id: str, wishes: Wishes) -> NewJob:
    request = order.request
    model = getattr(request, "model", None)
    redactor = Redactor.of(session.values(order.provider), *(call.json for call in order.plan.calls))
    return NewJob(
        id=job_id,
        scope=session.scope(order.provider),
        request_hash=request_hash(request),
        request=redactor.links(_light(plain(order.plan.request))),
        plan=redactor.links({**order.plan.to_record(), "price": _price_record(order.price)}),
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


def _price_record(price: Price) -> dict[str, Any]:
    return {
        "amount": None if price.amount is None else str(price.amount),
        "credits": None if price.credits is None else str(price.credits),
        "currency": price.currency,
        "per_call": [None if value is None else str(value) for value in price.per_call],
    }


def _price_from(record: Mapping[str, Any]) -> Price:
    def money(value: Any) -> Decimal | None:
        return None if value is None else Decimal(value)

    found = record.get("price", {})
    amount = money(found.get("amount"))
    return Price(
        amount=amount,
        low=amount,
        high=amount,
        credits=money(found.get("credits")),
        currency=found.get("currency", "USD"),
        per_call=tuple(money(value) for value in found.get("per_call", ())),
        basis="recorded",
    )


def _run(session: Session, order: Order, job_id: str, token: int, wishes: Wishes) -> Run:
    provider = order.provider
    values = session.values(provider)
    clock = session.means.clock
    redactor = Redactor.of(values, *(call.json for call in order.plan.calls))
    return Run(
        job_id=job_id,
        token=token,
        provider=provider,
        settings=values,
        scope=session.scope(provider),
        plan=order.plan,
        price=order.price,
        means=session.means,
        output=wishes.output or session.output,
        redactor=redactor,
        owner=session.owner,
        images=order.images,
        deadline=None if wishes.timeout is None else clock() + wishes.timeout,
        allow_unpriced=wishes.allow_unpriced,
        private_hosts=session.private_hosts,
        dress=None if session.dress is None else session.dress(order, redactor),
    )


def _work(session: Session, order: Order, row: JobRow, token: int, wishes: Wishes) -> Work[Result]:
    run = _run(session, order, row.id, token, wishes)
    started = run.now()
    try:
        yield run.tell("planned", message=f"{len(order.plan.calls)} calls")
        made = yield from conduct(run, order.provider.flow(order.plan), iter(range(len(order.plan.paid_calls))))
        yield from _report(run, None)
        return (yield from _finish(session, order, run, made, started))
    except ImagegenError as error:
        yield Tell(_failure(run, error))
        yield from _leave(session, run, rest=True)
        yield from _report(run, error)
        raise
    except LeaseLost:
        yield from leave_slot(run)
        raise
    except GeneratorExit:  # cut off: nothing can be awaited here
        session.abandon(run)
        raise


def let_go(run: Run, *, rest: bool) -> None:
    """Give back what a run holds; *rest*: its caller was told that it is over."""
    if run.unwritten is not None:  # the vendor's id, which the ledger could not take
        run.unwritten()
    run.means.store.release(run.job_id, run.token, rest=rest)
    if run.ticket is not None and run.means.limiter is not None:
        run.means.limiter.release_slot(run.ticket)


def _leave(session: Session, run: Run, *, rest: bool) -> Work[None]:
    session.left.append((run, rest))
    yield Do(session.give_back)


def _report(run: Run, error: ImagegenError | None) -> Work[None]:
    """Tell the circuit breaker how it went; a picture is not lost because that cannot be written."""
    try:
        yield Do(partial(run.means.circuits.report, run.account, run.now(), error))
    except ImagegenError:
        return


def _finish(session: Session, order: Order, run: Run, made: Made, started: float) -> Work[Result]:
    passed = run.now() - started
    seconds: dict[str, float] = {part: run.seconds[part] for part in ("queue", "download") if part in run.seconds}
    seconds["run"] = max(passed - sum(seconds.values()), 0.0)
    notes = (*order.plan.notes, *made.notes)
    reports: list[Any] = run.redactor.tree([note.as_dict() for note in notes])
    work = partial(
        session.means.store.finish,
        run.job_id,
        run.token,
        data=run.redactor.tree(made.data),
        notes=reports,
        seconds=seconds,
    )
    yield Do(work)
    row: JobRow = yield Do(partial(session.means.store.job, run.job_id))
    yield Do(partial(session.means.store.release, run.job_id, run.token))
    result = evolve(as_result(row), notes=notes, plan=order.plan, request=order.plan.request)
    yield Do(partial(write_sidecars, result, made.echo, run.redactor, order))
    yield run.tell("done", state=row.state)
    return result


def write_sidecars(result: Result, echo: Mapping[str, Any], redactor: Redactor, order: Order) -> None:
    """
    Write what must not be in the picture (job, cost, link) beside it, as `<picture>.json`.

    What a signed picture could not be given is there too (`imagegen`).
    """
    import json

    from .provenance import about as provenance

    ours = provenance(order.plan, redactor, order.images, kind=order.kind or type(order.request).__name__)
    for file in (*result.images, *result.videos):
        about = {**result.as_dict(), "file": file.as_dict(), "echo": redactor.tree(dict(echo))}
        about |= {"imagegen": {**ours, "seed": file.seed}}
        about.pop("images")
        path = file.path.with_suffix(".json")
        try:
            path.write_bytes(json.dumps(about, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace"))
        except OSError:
            return  # the picture and the ledger are safe; the sidecar is a copy


def _failure(run: Run, error: ImagegenError) -> Event:
    return Event(kind="failed", provider=run.provider.name, job_id=run.job_id, state=error.kind, message=str(error))


def as_result(row: JobRow) -> Result:
    """Build a result from what the ledger knows."""
    images, videos = images_of(row.files)
    return Result(
        provider=row.scope.provider,
        job_id=row.id,
        images=images,
        videos=videos,
        notes=tuple(note_from(note) for note in row.notes),
        cost=cost_of(row),
        seconds=dict(row.seconds),
        data=row.data,
        request=row.request,
    )


# --- going on with a job -----------------------------------------------------------------------------------------


def result_of(session: Session, job_id: str, wishes: Wishes) -> Work[Result]:
    """Return the result of a job, whoever works on it: wait for a living worker, take over from a dead one."""
    clock = session.means.clock
    ends = None if wishes.timeout is None else clock() + wishes.timeout
    while True:
        row = yield from find(session, job_id)
        if _complete(row):
            return as_result(row)
        if row.state in FINAL and row.state != "succeeded":
            raise _past_error(row)
        result = yield from take_over(session, row, wishes)
        if result is not None:
            return result
        if ends is not None and clock() >= ends:
            raise ProviderError(
                "another process works on this job and is not ready before the deadline.",
                kind="deadline_exceeded",
                provider=row.scope.provider,
                job_id=row.id,
            )
        yield Sleep(POLL_OTHERS)


def take_over(session: Session, row: JobRow, wishes: Wishes) -> Work[Result | None]:
    """Go on with a job that nobody works on; None = somebody does."""
    if not session.begin(row.id):
        return None
    try:
        yield Do(session.give_back)
        token = yield Do(partial(session.means.store.claim, row.id, session.owner, own=True))
        if token is None:
            return None
        row = yield from find(session, row.id)  # somebody may have gone on with it until now
        return (yield from _resume(session, row, token, wishes, rest=True))
    except LeaseLost:  # somebody does now
        return None
    finally:
        session.end(row.id)


def find(session: Session, job_id: str) -> Work[JobRow]:
    """Return a job; a clear error when the ledger has none."""
    row = yield Do(partial(session.means.store.job, job_id))
    if row is None:
        raise InvalidInput(f"the ledger has no job {job_id}; see: imagegen jobs list")
    found: JobRow = row
    return found


def _complete(row: JobRow) -> bool:
    return row.state == "succeeded" and (bool(row.files) or row.data is not None)


def _past_error(row: JobRow) -> ImagegenError:
    call = next((call for call in row.calls if call.error), None)
    report = call.error if call is not None and call.error else {}
    kind = report.get("kind", "job_failed")
    error = ProviderError(
        str(report.get("message") or f"the job ended as {row.state}"),
        kind=kind,
        provider=row.scope.provider,
        job_id=row.id,
        vendor_message=str(report.get("vendor_message") or ""),
    )
    error.try_next = bool(report.get("try_next"))  # an old failure leads to where a fresh one would
    error.charged = call.charged if call is not None else None
    if any(call.state == "succeeded" and call.charged for call in row.calls):  # a part of it is made and paid
        error.charged, error.try_next = True, False
    return error


def restore_order(session: Session, row: JobRow) -> Order:
    """Rebuild the order of a job from the ledger."""
    provider = session.provider(row.scope.provider)
    plan = restore_plan(row.plan, row.request, row.notes)
    return Order(provider=provider, plan=plan, price=_price_from(row.plan), request=row.request, kind=row.kind)


def restore_plan(record: Mapping[str, Any], request: Any, notes: Sequence[Mapping[str, Any]] = ()) -> Plan:
    """Undo `Plan.to_record`.  *request* is plain data by now; *notes* are those of a finished job."""
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
        notes=tuple(note_from(note) for note in record.get("notes") or notes),
        facts=restore(record["facts"]),
        version=record["version"],
    )


def _resume(session: Session, row: JobRow, token: int, wishes: Wishes, *, rest: bool) -> Work[Result]:
    """Go on where the protocol stopped, call by call."""
    try:
        order = _restored(session, row)
        run = _run(session, order, row.id, token, evolve(wishes, output=wishes.output or Path(row.output)))
    except ImagegenError:
        yield Do(partial(session.means.store.release, row.id, token))
        raise
    run.paid = sum(call.state == "succeeded" and call.charged is True for call in row.calls)
    started = run.now()
    made = Made()
    try:
        for call in row.calls:
            part = yield from _go_on(session, run, order, call)
            made = evolve(made, notes=(*made.notes, *part.notes), data=part.data or made.data, echo=part.echo)
        return (yield from _finish(session, order, run, made, started))
    except ImagegenError:
        yield from _leave(session, run, rest=rest)
        raise
    except LeaseLost:
        yield from leave_slot(run)
        raise
    except GeneratorExit:
        session.abandon(run)
        raise


def _restored(session: Session, row: JobRow) -> Order:
    """Rebuild the order of a job; whose account it is, and that its record can be read, is checked first."""
    if session.scope(session.provider(row.scope.provider)) != row.scope:
        raise NotConfigured(
            f"job {row.id} belongs to another account or address of {row.scope.provider} "
            f"({row.scope.base_url or 'default'}{', emulated' if row.scope.emulated else ''}).",
            provider=row.scope.provider,
            job_id=row.id,
            hint="Configure that account and try again; no other host is asked about it.",
        )
    try:
        return restore_order(session, row)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProviderError(
            f"the record of this job cannot be read ({type(error).__name__}); another version may have written it.",
            provider=row.scope.provider,
            job_id=row.id,
        ) from None


def _go_on(session: Session, run: Run, order: Order, call: CallRow) -> Work[Made]:
    have = [file for file in (yield from find(session, run.job_id)).files if file.index == call.index]
    if call.state == "succeeded" and (have or call.state in FINAL):
        return Made()
    record = Record(plan=order.plan, index=call.index, job_id=call.vendor_job_id, answer=call.answer)
    if call.state in ("submitted", "running"):
        run.index, run.stage, run.vendor_job_id = call.index, call.state, call.vendor_job_id
        return (yield from conduct(run, order.provider.resume(record), iter(())))
    if call.state in ("submitting", "unknown"):
        yield from _hold_or_resend(session, run, order, call)
    if call.state in FINAL:
        yield Do(partial(drop_the_rest, run))
        raise _past_error((yield from find(session, run.job_id)))
    return (yield from conduct(run, order.provider.flow(only(order.plan, call.index)), iter((call.index,))))


def _hold_or_resend(session: Session, run: Run, order: Order, call: CallRow) -> Work[None]:
    """A call that may have arrived: resent with the vendor's own key, held for a person without."""
    if order.provider.resend == "with_key" and call.key and run.settings.get("on_unknown") != "hold":
        if any(isinstance(leaf, str) and leaf == "env:" for leaf in walk(_bodies(order.plan, call.index))):
            raise _held(run, "its access keys were given in the program and are not stored; run it again with them")
        run.doubts.add(call.index)
        return
    if call.state != "unknown":
        yield Do(partial(session.means.store.mark, run.job_id, call.index, run.token, "unknown"))
    raise _held(run, "the vendor has no key to ask or resend by")


def _bodies(plan: Plan, index: int) -> Any:
    return plan.paid_calls[index].json


def _held(run: Run, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"nobody knows whether a call that pays arrived; {why}.",
        provider=run.provider.name,
        job_id=run.job_id,
        hint=f"Look at the vendor's site, then: imagegen jobs resolve {run.job_id} --charged (or --not-charged).",
    )


def only(plan: Plan, index: int) -> Plan:
    """Return *plan* with one of its paid calls, and all that is free."""
    paid, calls = -1, []
    for call in plan.calls:
        paid += call.pays
        if not call.pays or paid == index:
            calls.append(call)
    return plan.evolve(calls=tuple(calls))


def reconcile(session: Session, wishes: Wishes, *, wait: bool = True) -> Work[list[tuple[str, str, str]]]:
    """
    Take over every unfinished job whose worker is gone; returns `(job id, state, what a person should know)`.

    Without *wait*, a job that still runs at the vendor is looked at once and left.
    """
    yield Do(session.give_back)
    limited = wishes if wait else evolve(wishes, timeout=0.5)
    report: dict[str, tuple[str, str, str]] = {}
    while found := (yield from _left_behind(session, report)):
        for row, token in found:
            words = yield from _pick_up(session, row, token, limited)
            now = yield from find(session, row.id)
            report[row.id] = (row.id, now.state, words)
    return list(report.values())


def _left_behind(session: Session, seen: Collection[str]) -> Work[list[tuple[JobRow, int]]]:
    """Claim some of the jobs whose workers are gone, those not that were *seen*."""
    busy = {*seen, *_BUSY}
    work = partial(session.means.store.claim_stale, session.owner, emulated=session.emulated, busy=busy)
    found: list[tuple[JobRow, int]] = yield Do(work)
    return found


def _pick_up(session: Session, row: JobRow, token: int, wishes: Wishes) -> Work[str]:
    """Go on with one job that was claimed; return what a person should know."""
    if not session.begin(row.id):  # a thread of this process was quicker, and waits for the lease
        yield Do(partial(session.means.store.release, row.id, token))
        return "another thread goes on with it"
    try:
        yield from _resume(session, row, token, wishes, rest=False)
    except ImagegenError as error:
        return str(error)
    except LeaseLost:
        return "another process goes on with it"
    finally:
        session.end(row.id)
    return "picked up"


def cancel(session: Session, job_id: str) -> Work[bool]:
    """Ask the vendor to stop a job; best effort: True only when the vendor confirmed it."""
    row = yield from find(session, job_id)
    order = restore_order(session, row)
    run = _run(session, order, row.id, 0, Wishes(timeout=60.0))
    confirmed = False
    for call in row.calls:
        if call.state in ("submitted", "running") and call.vendor_job_id:
            record = Record(plan=order.plan, index=call.index, job_id=call.vendor_job_id, answer=call.answer)
            confirmed = (
                bool((yield from conduct(run, _flag(order.provider.cancel(record)), iter(()))).data) or confirmed
            )
    return confirmed


def _flag(flow: Flow[bool]) -> Flow[Made]:
    done = yield from flow
    return Made(data=done)


def ask(session: Session, order: Order, question: Flow[T], *, timeout: float = 60.0) -> Work[T]:
    """Drive a flow in which nothing pays (a vendor's own price, what a template wants) and return what it found."""
    require_key(session, order.provider)
    answered: Any = yield from conduct(_run(session, order, "", 0, Wishes(timeout=timeout)), question, iter(()))  # type: ignore[arg-type]  # conduct passes on whatever a flow returns
    found: T = answered
    return found


def generate(session: Session, request: Any, provider: str, wishes: Wishes) -> Work[Result]:
    """One request at one provider."""
    orders = yield from prepare(session, request, [provider], wishes)
    return (yield from perform(session, orders[0], wishes))
