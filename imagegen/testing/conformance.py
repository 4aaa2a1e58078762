"""
The contract of a provider as checks that run: `conformance(provider, requests)` yields them, each with a name.

Every check plans with the core's own `draft`, binds as the engine binds, and drives flows against a bench (by default
the emulator that the provider's own plugin offers).  A check that fails raises an `AssertionError` that says what the
provider did.
"""

from __future__ import annotations

import json
import pickle
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
from attrs import field, frozen

from imagegen import catalogue, plugins
from imagegen.errors import KINDS, ImagegenError, InvalidInput, NotConfigured, ProviderError
from imagegen.flow import Accepted, Call, Download, Heard, Made, Remember, Reply, Settled
from imagegen.images import Blob
from imagegen.parts import plain
from imagegen.placeholders import Secret, reveal
from imagegen.planning import Desk, draft, read_images
from imagegen.plans import Plan
from imagegen.plugins import Registry
from imagegen.provider import Choice, Credentials, Provider, Quote, Range, Record, WebhookCall, WebhookHint
from imagegen.request import GenerationRequest, leaves
from imagegen.settings import Config
from imagegen.work import bind, restore_plan

from .bench import NONCE, NOW, Bench, Driven, drive, emulated
from .quiet import quietly
from .strange import strange

ACCESS_KEY = "canary-access-key-5f1d"
CASES = 200  # strange answers per request


@frozen
class Check:
    """One clause of the contract: call it; an `AssertionError` says how it is broken."""

    name: str
    run: Callable[[], None] = field(repr=False)

    def __call__(self) -> None:
        self.run()

    def __str__(self) -> str:
        return self.name


def conformance(
    provider: Provider,
    requests: Sequence[Any],
    *,
    registry: Registry | None = None,
    bench: Callable[[], AbstractContextManager[Bench]] | None = None,
    cases: int = CASES,
) -> Iterator[Check]:
    """
    Yield the checks for *provider*.

    Arguments:
        requests: neutral requests that the provider can make, of every kind that it sells; the more differ, the better.
        registry: the plugins to look at; the provider's own must be among them.
        bench: opens a vendor to talk to, if the plugin offers no emulator.
        cases: strange answers per request.
    """
    registry = registry or plugins.installed()
    trial = Trial(
        provider=provider,
        requests=tuple(requests),
        desk=Desk(registry=registry, config=Config(home=Path()), catalogue=catalogue.load(registry)),
        bench=bench or partial(emulated, provider, registry),
        cases=cases,
    )
    for name, clause in CLAUSES.items():
        yield Check(name, partial(clause, trial))


@frozen(kw_only=True)
class Trial:
    """What the clauses look at."""

    provider: Provider
    requests: tuple[Any, ...]
    desk: Desk
    bench: Callable[[], AbstractContextManager[Bench]]
    cases: int

    def settings(self) -> Mapping[str, Any]:
        """Return the settings of the bench."""
        with self.bench() as bench:
            return bench.settings

    def plan(self, request: Any, settings: Mapping[str, Any]) -> Plan:
        """Plan as the core does."""
        return draft(request, self.provider, self.desk, values=settings, images=read_images(request))

    def plans(self) -> Iterator[Plan]:
        """Plan every request; one of them at least must be possible."""
        settings = self.settings()
        return (self.plan(request, settings) for request in self.requests)

    def bound(self) -> Iterator[tuple[Plan, Mapping[str, Blob]]]:
        """Yield the plans that can be done, as they start, with the pictures that go in."""
        found = [(p, read_images(r)) for r, p in zip(self.requests, self.plans(), strict=True) if p.possible]
        assert found, f"none of the requests can be done: {[str(b) for plan in self.plans() for b in plan.blockers]}"
        for plan, images in found:
            yield bind(plan, "ig-0123456789ab", random.Random(1)), images

    def driven(self, plan: Plan, bench: Bench, images: Mapping[str, Blob]) -> Driven[Made]:
        """Drive a bound plan to its end."""
        return drive(self.provider, self.provider.flow(plan), bench, images)


# --- declared ----------------------------------------------------------------------------------------------------


def says_what_it_is(trial: Trial) -> None:
    """Names, settings, limits and capabilities are of the kinds that the core reads."""
    provider = trial.provider
    assert isinstance(provider, Provider), "it lacks a method or attribute of `imagegen.provider.Provider`"
    assert provider.name and provider.title and provider.unit, "name, title and unit must say something"
    assert provider.resend in ("with_key", "never")
    names = Counter(setting.name for setting in provider.settings)
    assert max(names.values()) == 1, f"a setting is declared twice: {names}"
    assert "base_url" in names, "without a setting base_url it cannot be pointed at an emulator"
    for cls, fields in provider.capabilities.items():
        unknown = fields.keys() - {a.name for a in attrs.fields(cls)}
        assert not unknown, f"{cls.__name__} has no fields {sorted(unknown)}"
    settings = trial.settings()
    assert urlsplit(str(settings["base_url"])).netloc in provider.hosts(settings), "its own host may not see its key"


def takes_what_it_claims(trial: Trial) -> None:
    """A field without a capability is never noted as sent; a value beyond a declared range is never noted as exact."""
    settings, taken = trial.settings(), trial.provider.capabilities
    for request in trial.requests:
        plan = trial.plan(request, settings)
        for note in plan.notes:
            head = note.field.replace("[", ".").split(".")[0]
            is_leaf = note.field in leaves(plan.request) and head in {a.name for a in attrs.fields(type(plan.request))}
            sent = note.status in ("exact", "adjusted", "approximated") and note.vendor_field
            if is_leaf and sent and not any(b.field == note.field for b in plan.blockers):
                assert head in taken[type(request)], f"{note.field} is sent, and not among the capabilities"
        for path, value in _beyond(request, taken[type(request)]):
            _is_not_exact(trial.plan(request.evolve(**{path: value}), settings), path, value)


def _beyond(request: Any, taken: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield values of plain numbers just outside what is declared, as far as a request may hold them."""
    if not isinstance(request, GenerationRequest):
        return
    for name in ("width", "height", "steps", "cfg_scale", "seed", "clip_skip", "distilled_guidance"):
        for value in _outside(taken.get(name)):
            try:
                request.evolve(**{name: value})
            except InvalidInput:
                continue
            yield name, value


def _outside(capability: Any) -> Iterator[int]:
    match capability:
        case Range(low, high, step):
            if low is not None:
                yield int(low) - 1
            if high is not None:
                yield int(high) + 1
            if step is not None and low is not None and step > 1:
                yield int(low) + 1
        case Choice(values):
            yield from (int(v) + 1 for v in values if v.isdigit() and str(int(v) + 1) not in values)


def _is_not_exact(plan: Plan, path: str, value: Any) -> None:
    blocked = any(blocker.field == path for blocker in plan.blockers)
    assert blocked or plan.note(path).status != "exact", f"{path}={value} is beyond what it declares, and noted exact"


# --- plans -------------------------------------------------------------------------------------------------------


def plans_the_same_twice(trial: Trial) -> None:
    """`plan` is pure: equal plans, no file, no socket, no process, no dice."""
    settings = trial.settings()
    for request in trial.requests:
        images = read_images(request)
        once = draft(request, trial.provider, trial.desk, values=settings, images=images)
        with quietly():
            again = draft(request, trial.provider, trial.desk, values=settings, images=images)
        assert once == again, "the same request gave two plans"


def notes_every_leaf_once(trial: Trial) -> None:
    """No leaf without exactly one note, no difference without a reason, nothing exact that changed."""
    for plan in trial.plans():
        counted = Counter(note.field for note in plan.notes)
        missing = leaves(plan.request, plan.provider).keys() - counted.keys()
        assert not missing, f"no note on {sorted(missing)}"
        assert not [field for field, count in counted.items() if count > 1]
        silent = [note.field for note in plan.notes if note.status != "exact" and not note.reason]
        assert not silent, f"no reason is given for {silent}"
        assert all(blocker.reason for blocker in plan.blockers)


def keeps_secrets_out_of_plans(trial: Trial) -> None:
    """Neither the configured keys nor the access keys of models show in a plan, its JSON, its record or a pickle."""
    settings = trial.settings()
    words = [ACCESS_KEY, *(value.reveal() for value in settings.values() if isinstance(value, Secret))]
    for request in map(_with_access_keys, trial.requests):
        plan = trial.plan(request, settings)
        record = json.dumps(plan.to_record())
        for text in (repr(plan), json.dumps(plan.as_dict(), default=str), record, repr(pickle.dumps(plan))):
            assert not [word for word in words if word in text], "a secret shows in a plan"


def _with_access_keys(request: Any) -> Any:
    if not isinstance(request, GenerationRequest):
        return request
    key = Secret(ACCESS_KEY)
    model = request.model and attrs.evolve(request.model, access_key=key)
    return request.evolve(model=model, loras=tuple(attrs.evolve(lora, access_key=key) for lora in request.loras))


def survives_the_ledger(trial: Trial) -> None:
    """A plan comes back from its record and from a pickle with the same calls and facts."""
    for plan, _ in trial.bound():
        back = restore_plan(json.loads(json.dumps(plan.to_record())), plain(plan.request))
        assert _order_of(back) == _order_of(plan), "the record of a plan lost something"
        assert back.notes == restore_plan(plan.to_record(), None).notes
        assert _order_of(pickle.loads(pickle.dumps(plan))) == _order_of(plan), "a pickle of a plan lost something"  # noqa: S301 (its own)


def _order_of(plan: Plan) -> Any:
    calls = [(call.method, call.url, call.json, call.params, call.purpose, call.pays, call.key) for call in plan.calls]
    return plan.provider, plan.version, calls, json.loads(json.dumps(plan.facts))


def strict_refuses(trial: Trial) -> None:
    """With `on_unsupported="strict"` whatever is approximated or dropped stands in the way."""
    settings = trial.settings()
    for request in trial.requests:
        plan = trial.plan(attrs.evolve(request, on_unsupported="strict"), settings)
        lossy = [str(note) for note in plan.notes if note.status in ("approximated", "dropped")]
        assert not (plan.possible and lossy), f"strict would send {lossy}"


# --- prices ------------------------------------------------------------------------------------------------------


def prices_what_it_knows(trial: Trial) -> None:
    """An unknown price is None with a reason and never 0; a known one is a dated Decimal, one per paid call."""
    settings = trial.settings()
    for plan, _ in trial.bound():
        for values in (settings, {}):
            price = trial.provider.price(plan, values)
            assert price == trial.provider.price(plan, values), "the same plan has two prices"
            _is_a_price(price, len(plan.paid_calls))


def _is_a_price(price: Quote, calls: int) -> None:
    figures = [price.amount, price.low, price.high, price.credits, *price.per_call]
    assert all(figure is None or isinstance(figure, Decimal) for figure in figures), "money is Decimal"
    assert all(figure is None or (figure.is_finite() and figure >= 0) for figure in figures)
    assert len(price.per_call) == calls, f"{calls} paid calls, {len(price.per_call)} prices"
    if price.amount is None:
        assert price.reason, "an unknown price needs a reason"
        return
    assert price.amount > 0 or price.basis in ("free", "vendor"), "0 is for what is documented to be free"
    assert (price.low or price.amount) <= price.amount <= (price.high or price.amount), "low, amount and high disagree"
    assert price.source or price.basis in ("free", "assumed", "plan"), "a price needs its source"


# --- credentials -------------------------------------------------------------------------------------------------


def authorizes_and_no_more(trial: Trial) -> None:
    """`authorize` leaves the call as it was given, returns the same call with a credential, twice alike."""
    settings = trial.settings()
    for plan, _ in trial.bound():
        for call in plan.calls:
            if call.signed:
                _adds_only_a_credential(trial.provider, call.evolve(json=reveal(call.json)), settings)


def _adds_only_a_credential(provider: Provider, call: Call, settings: Mapping[str, Any]) -> None:
    credentials = Credentials(settings=settings, now=NOW, nonce=NONCE)
    before = pickle.dumps(call)
    signed = provider.authorize(call, credentials)
    assert pickle.dumps(call) == before, "authorize changed the call that it was given"
    assert signed != call, "authorize added no credential"
    assert signed == provider.authorize(call, credentials), "authorize depends on more than the call and credentials"
    assert (signed.method, signed.url) == (call.method, call.url), "authorize changed where the call goes"
    assert call.params.items() <= signed.params.items()
    assert call.headers.items() <= signed.headers.items()
    body = signed.json if signed.content is None else json.loads(signed.content or b"null")
    kept = call.json if isinstance(call.json, Mapping) else {}
    assert all((body or {}).get(name) == value for name, value in kept.items()), "authorize changed the body"


def says_which_key_is_missing(trial: Trial) -> None:
    """Without its secrets `authorize` raises `LookupError` or `NotConfigured` instead of sending nothing for a key."""
    settings = {name: value for name, value in trial.settings().items() if not isinstance(value, Secret)}
    for plan, _ in trial.bound():
        for call in filter(lambda call: call.signed, plan.calls):
            try:
                trial.provider.authorize(call, Credentials(settings=settings, now=NOW, nonce=NONCE))
            except (LookupError, NotConfigured):
                continue
            raise AssertionError(f"{call.method} {call.url} was authorized without a key")


# --- flows -------------------------------------------------------------------------------------------------------


def pays_what_was_planned(trial: Trial) -> None:
    """Every paid call of the plan is yielded once and in order; `Accepted` comes before anything that can fail."""
    for plan, images in trial.bound():
        with trial.bench() as bench:
            driven = trial.driven(plan, bench, images)
        assert driven.error is None, f"{driven.error}"
        assert driven.made is not None, "the flow did not end"
        paid = [(call.method, call.url, call.key) for call in driven.calls() if call.pays]
        assert paid == [(call.method, call.url, call.key) for call in plan.paid_calls], (
            "it paid other calls than planned"
        )
        _accepted_first(driven)
        if isinstance(plan.request, GenerationRequest):
            assert len(driven.made.files) == plan.request.n, f"{plan.request.n} asked, {len(driven.made.files)} made"


def _accepted_first(driven: Driven[Made]) -> None:
    told = [step for step in driven.steps if not isinstance(step, (Heard, Remember, Settled))]
    for step, after in zip(told, [*told[1:], None], strict=True):
        if isinstance(step, Call) and step.pays:
            assert isinstance(after, Accepted) and after.job_id, f"after the paid call came {after}, not Accepted"


def shows_its_key_to_its_own_hosts(trial: Trial) -> None:
    """A signed call goes to a host that the provider names, and no step shows a secret."""
    for plan, images in trial.bound():
        with trial.bench() as bench:
            driven, hosts = trial.driven(plan, bench, images), trial.provider.hosts(bench.settings)
            secrets = [value.reveal() for value in bench.settings.values() if isinstance(value, Secret)]
        strangers = {urlsplit(call.url).netloc for call in driven.calls() if call.signed} - hosts
        assert not strangers, f"the key would go to {sorted(strangers)}"
        assert not [secret for secret in secrets if secret in repr(driven.steps)], "a secret shows in a step"


def resumes_without_paying(trial: Trial) -> None:
    """Every accepted call can be picked up from its record; nothing is paid, the same results come out."""
    for plan, images in trial.bound():
        if not plan.paid_calls:  # what is free is asked again
            continue
        with trial.bench() as bench:
            driven = trial.driven(plan, bench, images)
            again = [_resumed(trial, record, bench, images) for record in _records(plan, driven)]
        assert driven.made is not None, f"the flow failed: {driven.error}"
        files = [file.source_url for made in again for file in made.files]
        assert len(files) == len(driven.made.files), f"{len(driven.made.files)} results, {len(files)} after a crash"


def _records(plan: Plan, driven: Driven[Made]) -> Iterator[Record]:
    """Yield what the ledger knows of every call that was accepted."""
    kept = restore_plan(json.loads(json.dumps(plan.to_record())), plain(plan.request))
    replies, answer, index = iter(driven.replies), None, -1
    for step in driven.steps:
        if isinstance(step, Call):
            index += step.pays
            answer = _recorded(next(replies))
        elif isinstance(step, Accepted):
            yield Record(plan=kept, index=index, job_id=step.job_id, answer=answer)


def _recorded(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except ValueError:
        return None


def _resumed(trial: Trial, record: Record, bench: Bench, images: Mapping[str, Blob]) -> Made:
    driven = drive(trial.provider, trial.provider.resume(record), bench, images)
    assert not [call for call in driven.calls() if call.pays], "resume pays again"
    assert driven.error is None, f"resume failed: {driven.error}"
    assert driven.made is not None, "resume did not end"
    return driven.made


def cancels_without_paying(trial: Trial) -> None:
    """`cancel` pays nothing and says whether the vendor confirmed it."""
    for plan, images in trial.bound():
        with trial.bench() as bench:
            for record in list(_records(plan, trial.driven(plan, bench, images)))[:1]:
                driven = drive(trial.provider, trial.provider.cancel(record), bench, images)
                assert not [call for call in driven.calls() if call.pays], "cancel pays"
                assert driven.error is not None or isinstance(driven.made, bool), "cancel must say True or False"


# --- strange answers ---------------------------------------------------------------------------------------------


def bears_strange_answers(trial: Trial) -> None:
    """Whatever comes instead of an answer: an error of the tree, or a result; never a result without a picture."""
    for plan, images in trial.bound():
        with trial.bench() as bench:
            real = trial.driven(plan, bench, images).replies
        for seed in range(trial.cases):
            turn = seed % len(real)
            replies = [*real[:turn], strange(real[turn], seed), *real[turn + 1 :]]
            _bears(trial, plan, images, bench, replies, f"strange answer {seed} to call {turn + 1}")


def _bears(
    trial: Trial, plan: Plan, images: Mapping[str, Blob], bench: Bench, replies: Sequence[Reply], which: str
) -> None:
    left = iter(replies)
    told = Bench(settings=bench.settings, answer=lambda _: next(left, replies[-1]))
    try:
        driven = drive(trial.provider, trial.provider.flow(plan), told, images, most=200)
    except Exception as error:
        raise AssertionError(f"{which}: {type(error).__name__}: {error}") from error
    assert driven.error is None or driven.error.kind in KINDS, which
    if driven.made is not None and isinstance(plan.request, GenerationRequest):
        assert driven.made.files, f"{which}: done without a picture"
        assert [step for step in driven.steps if isinstance(step, Download)], f"{which}: nothing was fetched"


def explains_anything(trial: Trial) -> None:
    """`explain` and `read_webhook` take any bytes: a `ProviderError` or None, a hint that may be empty."""
    good = Reply(200, b'{"status": "success", "id": 1, "job": {"id": "2"}, "output": ["https://files.example/1.png"]}')
    for seed in range(trial.cases):
        reply = strange(good, seed)
        error = trial.provider.explain(reply)
        assert error is None or isinstance(error, ProviderError), f"strange answer {seed}: {error!r}"
        hook = WebhookCall(method="POST", path="/", headers={}, body=reply.body)
        assert isinstance(trial.provider.read_webhook(hook), WebhookHint)


def names_what_it_refuses(trial: Trial) -> None:
    """A refused paid call ends in an error of the tree that does not claim to be charged."""
    for plan, images in trial.bound():
        with trial.bench() as bench:
            for status in (401, 403, 429):
                no = Reply(status, b'{"message": "no"}', {"content-type": "application/json"})
                told = Bench(settings=bench.settings, answer=lambda _, no=no: no)  # type: ignore[misc]  # bound per turn
                error = drive(trial.provider, trial.provider.flow(plan), told, images).error
                assert isinstance(error, ImagegenError), f"HTTP {status} was taken for an answer"
                assert error.charged is not True, f"HTTP {status} counts as charged"


CLAUSES: Mapping[str, Callable[[Trial], None]] = {
    clause.__name__: clause
    for clause in (
        says_what_it_is,
        takes_what_it_claims,
        plans_the_same_twice,
        notes_every_leaf_once,
        keeps_secrets_out_of_plans,
        survives_the_ledger,
        strict_refuses,
        prices_what_it_knows,
        authorizes_and_no_more,
        says_which_key_is_missing,
        pays_what_was_planned,
        shows_its_key_to_its_own_hosts,
        resumes_without_paying,
        cancels_without_paying,
        bears_strange_answers,
        explains_anything,
        names_what_it_refuses,
    )
}
