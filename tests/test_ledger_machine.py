"""
The ledger against a model of it in Python: whatever is asked in whatever order, both say the same.

The model knows states, attempts, tokens and money per call, and adds up budgets the slow way, over all calls.
"""

import os
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from attrs import define, evolve, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from imagegen.errors import LedgerError
from imagegen.ledger import FINAL, FOLLOWS, Budget, LeaseLost, NewJob, Owner, Scope, job_state
from imagegen.ledger.owners import this_process
from imagegen.ledger.sqlite import SqliteStore

STEPS = 100
FULL = bool(os.environ.get("IMAGEGEN_CAMPAIGN"))

ME = this_process()
DEAD = Owner(host=ME.host, pid=ME.pid, started=-1.0)
SCOPES = [
    Scope(provider="acme", account="f00d", base_url="https://acme.example", emulated=emulated)
    for emulated in (False, True)
]
money = st.integers(0, 30).map(lambda cents: Decimal(cents) / 100 + Decimal(cents) / 10**9)
prices = st.one_of(st.none(), money)
pick = st.integers(0, 1)


@define
class Call:
    state: str = "prepared"
    attempts: int = 0
    doubts: int = 0
    key: str | None = None
    vendor_id: str | None = None
    ceiling: Decimal | None = None
    reserved: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    booked: float = 0.0


@define
class Job:
    name: str
    emulated: bool
    run: str
    label: str
    token: int = 1
    held: bool = True  # by a living owner
    open: bool = True
    calls: list[Call] = field(factory=lambda: [Call(), Call()])

    @property
    def state(self):
        return job_state([call.state for call in self.calls])


class LedgerMachine(RuleBasedStateMachine):
    jobs = Bundle("jobs")

    def __init__(self):
        super().__init__()
        self.time = 1_790_000_000.0
        self.store = SqliteStore(":memory:", now=lambda: self.time)
        self.model = {}
        self.budgets = {}

    def teardown(self):
        self.store.close()

    # -- the model's own arithmetic --

    def sums(self, bucket, emulated):
        calls = [
            call
            for job in self.model.values()
            for call in job.calls
            if job.emulated == emulated and call.attempts and bucket in self.buckets(job, call.booked)
        ]
        return sum((c.spent for c in calls), Decimal(0)), sum((c.reserved for c in calls), Decimal(0))

    @staticmethod
    def buckets(job, at):
        day = datetime.fromtimestamp(at, UTC).date()
        return {("run", job.run), ("day", day), ("month", (day.year, day.month)), ("label", job.label)}

    def bucket(self, budget, job=None):
        day = datetime.fromtimestamp(self.time, UTC).date()
        run = job.run if job else "r0"
        parts = {"run": run, "day": day, "month": (day.year, day.month), "label": budget.label}
        return budget.per, parts[budget.per]

    def refused(self, job, ceiling, allow_unpriced):
        for budget in self.budgets.values():
            if budget.per == "label" and budget.label != job.label:
                continue
            if ceiling is None:
                if not allow_unpriced:
                    return True
            elif ceiling and sum(self.sums(self.bucket(budget, job), job.emulated)) + ceiling > budget.limit:
                return True
        return False

    def attempt(self, job, allowed, verb, *, stale=False, wrong=ValueError):
        """Run *verb* with the job's token (or an old one): it must do what the model says."""
        token = job.token - 1 if stale else job.token
        if stale:
            with pytest.raises(LeaseLost):
                verb(token)
            return False
        if not allowed:
            with pytest.raises(wrong):
                verb(token)
            return False
        verb(token)
        return True

    # -- rules --

    @initialize(target=jobs)
    def begin(self):
        for per in ("run", "day", "month", "label"):
            self.set_budget(per, "r0", Decimal(3))
        return multiple(*(self.open_job(emulated, False, "r0") for emulated in (False, False, True)))

    @rule(target=jobs, emulated=st.booleans(), dead=st.booleans(), run=st.sampled_from(["r0", "r1"]))
    def open_job(self, emulated, dead, run):
        name = f"job-{len(self.model)}"
        label = f"project={run}"
        new = NewJob(
            id=name,
            scope=SCOPES[emulated],
            request_hash=name,
            request={},
            plan={},
            calls=2,
            idempotency_key=name,
            labels={"project": run},
            run=run,
        )
        _, token = self.store.open_job(new, DEAD if dead else ME)
        assert token == 1
        self.model[name] = Job(name, emulated, run, label, held=not dead)
        return name

    @rule(name=jobs)
    def open_again(self, name):
        job = self.model[name]
        new = NewJob(
            id="another",
            scope=SCOPES[job.emulated],
            request_hash=name,
            request={},
            plan={},
            calls=2,
            idempotency_key=name,
        )
        row, token = self.store.open_job(new, ME)
        assert row.id == name
        assert (token is not None) == (job.open and not job.held)
        self.took(job, token)
        if job.open:
            with pytest.raises(LedgerError):
                self.store.open_job(evolve(new, request_hash="other"), ME)

    def took(self, job, token):
        if token is not None:
            assert token == job.token + 1
            job.token, job.held = token, True

    @rule(name=jobs)
    def claim(self, name):
        job = self.model[name]
        token = self.store.claim(name, ME)
        assert (token is None) == job.held
        self.took(job, token)

    @rule()
    def claim_stale(self):
        stale = [name for name, job in self.model.items() if job.open and not job.held]
        taken = self.store.claim_stale(ME)
        assert [job.id for job, _ in taken] == stale
        for job, token in taken:
            self.took(self.model[job.id], token)

    @rule(name=jobs)
    def release(self, name):
        job = self.model[name]
        self.store.release(name, job.token)
        job.token, job.held = job.token + 1, False
        job.open = job.state not in FINAL

    @rule(
        name=jobs,
        index=pick,
        ceiling=prices,
        key=st.sampled_from([None, "k1", "k2"]),
        allow_unpriced=st.booleans(),
        stale=st.sampled_from([False] * 9 + [True]),
    )
    def intend(self, name, index, ceiling, key, allow_unpriced, stale):
        job = self.model[name]
        call = job.calls[index]
        again = call.state in ("submitting", "unknown")
        if again:
            allowed, wrong = key is not None and key == call.key, ValueError
        elif call.state != "prepared":
            allowed, wrong = False, ValueError
        else:
            allowed, wrong = not self.refused(job, ceiling, allow_unpriced), LedgerError

        def verb(token):
            got = self.store.reserve_and_intend(
                name, index, token, ceiling=ceiling, key=key, allow_unpriced=allow_unpriced
            )
            assert got == call.attempts + 1

        if self.attempt(job, allowed, verb, stale=stale, wrong=wrong):
            call.attempts, call.doubts = call.attempts + 1, call.doubts + 1
            if not again:
                call.state, call.key, call.booked = "submitting", key, self.time
                call.ceiling, call.reserved = ceiling, ceiling or Decimal(0)

    @rule(name=jobs, index=pick, vendor_id=st.sampled_from(["v1", "v2"]), stale=st.sampled_from([False] * 9 + [True]))
    def accept(self, name, index, vendor_id, stale):
        job = self.model[name]
        call = job.calls[index]
        same = call.state in ("submitted", "running", *FINAL) and call.vendor_id == vendor_id
        allowed = same or "submitted" in FOLLOWS[call.state]
        if self.attempt(
            job, allowed, lambda token: self.store.accept(name, index, token, vendor_id, None), stale=stale
        ):
            call.vendor_id = vendor_id
            call.state = call.state if same else "submitted"

    @rule(name=jobs, index=pick, state=st.sampled_from(["running", "unknown"]))
    def mark(self, name, index, state):
        job = self.model[name]
        call = job.calls[index]
        allowed = state == call.state or state in FOLLOWS[call.state]
        if self.attempt(job, allowed, lambda token: self.store.mark(name, index, token, state)):
            call.state = state

    @rule(name=jobs, index=pick)
    def withdraw(self, name, index):
        job = self.model[name]
        call = job.calls[index]
        allowed = call.state in ("prepared", "submitting", "unknown")
        if self.attempt(job, allowed, lambda token: self.store.withdraw(name, index, token)) and call.doubts:
            call.doubts -= 1
            if not call.doubts:
                call.state, call.reserved = "prepared", Decimal(0)

    @rule(
        name=jobs,
        index=pick,
        state=st.sampled_from(sorted(FINAL)),
        billed=prices,
        charged=st.sampled_from([True, False, None]),
        stale=st.sampled_from([False] * 9 + [True]),
    )
    def settle(self, name, index, state, billed, charged, stale):
        job = self.model[name]
        call = job.calls[index]
        same = call.state == state
        intended = call.state != "prepared"

        def verb(token):
            self.store.settle(name, index, token, state, billed=billed, charged=charged)

        if self.attempt(job, same or state in FOLLOWS[call.state], verb, stale=stale) and not same:
            spent = call.reserved if billed is None else billed
            call.spent = spent if intended and charged is not False else Decimal(0)
            call.state, call.reserved = state, Decimal(0)

    @rule(name=jobs, index=pick, ceiling=prices, billed=prices, charged=st.sampled_from([True, True, False, None]))
    def go_on(self, name, index, ceiling, billed, charged):
        """The next likely step of a call, so that long lives are common and not only possible."""
        match self.model[name].calls[index].state:
            case "prepared":
                self.intend(name, index, ceiling, "k1", True, False)
            case "submitting" | "unknown" if charged is None:
                self.intend(name, index, ceiling, "k1", True, False)
            case "submitting" | "unknown":
                self.accept(name, index, "v1", False)
            case "submitted":
                self.mark(name, index, "running")
            case "running":
                self.settle(name, index, "succeeded" if charged else "failed", billed, charged, False)
            case _:
                self.finish(name)

    @rule(name=jobs)
    def finish(self, name):
        job = self.model[name]
        self.attempt(job, True, lambda token: self.store.finish(name, token))
        job.open = job.state not in FINAL

    @rule(name=jobs, charged=st.booleans())
    def resolve_unknown(self, name, charged):
        job = self.model[name]
        calls = [call for call in job.calls if call.state in ("unknown", "submitting")]
        if job.held or not calls:
            with pytest.raises((LedgerError, ValueError)):
                self.store.resolve_unknown(name, charged=charged)
            return
        self.store.resolve_unknown(name, charged=charged)
        for call in calls:
            call.state, call.spent = "failed", call.reserved if charged else Decimal(0)
            call.reserved = Decimal(0)
        job.token, job.open = job.token + 1, job.state not in FINAL

    @rule(
        per=st.sampled_from(["run", "day", "month", "label"]),
        run=st.sampled_from(["r0", "r1"]),
        limit=money.map(lambda limit: limit * 5),
    )
    def set_budget(self, per, run, limit):
        budget = Budget(per=per, limit=limit, label=f"project={run}" if per == "label" else "")
        self.store.set_budget(budget)
        self.budgets[per, budget.label] = budget

    @rule(per=st.sampled_from(["run", "day", "month"]))
    def remove_budget(self, per):
        assert self.store.remove_budget(per) == (self.budgets.pop((per, ""), None) is not None)

    @rule(hours=st.sampled_from([1, 30, 24 * 20]))
    def wait(self, hours):
        self.time += hours * 3600

    # -- what must always hold --

    @invariant()
    def calls_are_where_the_model_says(self):
        for job in self.store.jobs(limit=1000):
            model = self.model[job.id]
            assert job.state == model.state
            for call, expected in zip(job.calls, model.calls, strict=True):
                assert (call.state, call.attempts, call.vendor_job_id) == (
                    expected.state,
                    expected.attempts,
                    expected.vendor_id,
                )
                assert (call.reserved or 0) == expected.reserved

    @invariant()
    def budgets_add_up_to_the_nano_unit(self):
        for emulated in (False, True):
            found = {(b.per, b.label): (s, r) for b, s, r in self.store.budgets(run="r0", emulated=emulated)}
            assert found == {key: self.sums(self.bucket(budget), emulated) for key, budget in self.budgets.items()}


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=1100 if FULL else 110,  # about 100,000 and 10,000 steps
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
