"""The ledger's verbs, one store in memory, a clock that a test moves."""

import contextlib
import os
import sqlite3
import stat
from decimal import Decimal

import pytest
from attrs import evolve

from imagegen.errors import ImagegenError, InvalidInput, LedgerError
from imagegen.ledger import (
    FINAL,
    Attempt,
    Budget,
    Ending,
    File,
    LeaseLost,
    NewJob,
    Owner,
    Scope,
    job_state,
    leases,
)
from imagegen.ledger.owners import alive, host, this_process
from imagegen.ledger.schema import MIGRATIONS
from imagegen.ledger.sqlite import SqliteStore
from imagegen.sqlitefile import SqliteFile

ME = this_process()
DEAD = Owner(host=ME.host, pid=ME.pid, started=-1.0)  # our pid, as an earlier process had it
ELSEWHERE = Owner(host="elsewhere/boot/1", pid=1, started=1.0)
SCOPE = Scope(provider="acme", account="f00d", base_url="https://acme.example")
NOON = 1_790_000_000.0 // 86400 * 86400 + 43200


class Clock:
    def __init__(self):
        self.time = NOON

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    with contextlib.closing(SqliteStore(":memory:", now=clock)) as made:
        yield made


def new(id="job-1", **changes):
    words = {"scope": SCOPE, "request_hash": "hash", "request": {"prompt": "a lighthouse"}, "plan": {"calls": []}}
    return NewJob(**{**words, "calls": 1, "id": id, **changes})


def opened(store, id="job-1", *, owner=ME, **changes):
    _, token = store.open_job(new(id, **changes), owner)
    return token


def intend(store, token, id="job-1", index=0, *, ceiling="0.02", key=None, **words):
    ceiling = None if ceiling is None else Decimal(ceiling)
    return store.reserve_and_intend(id, index, token, ceiling=ceiling, key=key, **words)


def sent(store, id="job-1", *, ceiling="0.02", **changes):
    token = opened(store, id, **changes)
    intend(store, token, id, ceiling=ceiling)
    return token


def done(store, id="job-1", *, billed="0.01", ceiling="0.02", **changes):
    token = sent(store, id, ceiling=ceiling, **changes)
    store.settle(id, 0, token, "succeeded", billed=None if billed is None else Decimal(billed))
    store.finish(id, token)
    store.release(id, token)


def state(store, id="job-1"):
    return store.job(id).state


def sums(store, **words):
    return [(spent, reserved) for _, spent, reserved in store.budgets(**words)]


PICTURE = File(index=0, n=0, path="/out/ab.png", sha256="ab", media_type="image/png", width=8, height=8, seed=2**64 - 1)


# --- the life of a job -------------------------------------------------------------------------------------------


def test_a_job_is_read_back_as_it_was_lived(store, clock):
    job = new(
        labels={"project": "film", "shot": "3"},
        estimate=Decimal("0.015"),
        idempotency_key="scene-12",
        run="r1",
        model="sdxl",
        output="/out",
    )
    row, token = store.open_job(job, ME)
    fresh = store.job("job-1")
    intend(store, token, key="req-1")
    clock.time += 1
    store.accept("job-1", 0, token, "v-7", {"id": 7})
    store.mark("job-1", 0, token, "running")
    store.keep_file("job-1", token, PICTURE)
    clock.time += 2
    store.settle("job-1", 0, token, "succeeded", billed=Decimal("0.0123456789"), credits=Decimal("1.5"))
    store.finish("job-1", token, Ending(data={"tag": 1}, notes=[{"field": "seed"}], seconds={"run": 3.0}))
    store.release("job-1", token)

    assert fresh == row
    lived = store.job("job-1")
    assert lived == evolve(
        row,
        state="succeeded",
        calls=(
            evolve(
                row.calls[0],
                state="succeeded",
                attempts=1,
                vendor_job_id="v-7",
                key="req-1",
                answer={"id": 7},
                billed=Decimal("0.012345679"),
                credits=Decimal("1.5"),
                charged=True,
                sent_at=NOON,
                accepted_at=NOON + 1,
                done_at=NOON + 3,
                history=(Attempt(n=1, sent_at=NOON, ended_at=NOON + 1, outcome="accepted"),),
            ),
        ),
        files=(PICTURE,),
        billed=Decimal("0.012345679"),
        updated_at=NOON + 3,
        owner=None,
        data={"tag": 1},
        notes=[{"field": "seed"}],
        seconds={"run": 3.0},
    )


def test_a_jobs_state_is_the_worst_that_is_still_open():
    assert job_state(["succeeded", "unknown", "running"]) == "unknown"
    assert job_state(["succeeded", "running"]) == "running"
    assert job_state(["succeeded", "failed"]) == "failed"
    assert job_state(["succeeded", "succeeded"]) == "succeeded"


def test_a_job_without_paid_calls_ends_as_finish_says(store):
    store.finish("job-1", opened(store, calls=0), Ending(data={"tags": ["sea"]}))
    store.finish("job-2", opened(store, "job-2", calls=0), state="failed")

    assert (state(store), state(store, "job-2")) == ("succeeded", "failed")


def test_no_step_leads_backward(store):
    token = sent(store)
    store.accept("job-1", 0, token, "v-7", None)
    store.mark("job-1", 0, token, "running")

    with pytest.raises(ValueError, match="running cannot become unknown"):
        store.mark("job-1", 0, token, "unknown")
    with pytest.raises(ValueError, match="running cannot become submitting"):
        intend(store, token)
    with pytest.raises(ValueError, match="no intent to withdraw"):
        store.withdraw("job-1", 0, token)
    store.settle("job-1", 0, token, "succeeded")
    with pytest.raises(ValueError, match="succeeded cannot become failed"):
        store.settle("job-1", 0, token, "failed")
    with pytest.raises(ValueError, match="succeeded cannot become running"):
        store.mark("job-1", 0, token, "running")


def test_only_settle_ends_a_call_and_only_intent_begins_it(store):
    token = sent(store)

    with pytest.raises(ValueError, match="does not make a call succeeded"):
        store.mark("job-1", 0, token, "succeeded")
    with pytest.raises(ValueError, match="no end"):
        store.settle("job-1", 0, token, "running")


def test_a_step_that_was_made_before_is_no_step(store):
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    token = sent(store)
    for _ in range(2):
        store.accept("job-1", 0, token, "v-7", None)
    for _ in range(2):
        store.mark("job-1", 0, token, "running")
    store.accept("job-1", 0, token, "v-7", None)
    for _ in range(2):
        store.settle("job-1", 0, token, "succeeded", billed=Decimal("0.01"))

    assert sums(store) == [(Decimal("0.01"), Decimal(0))]


def test_a_second_vendor_job_for_one_paid_call_is_refused(store):
    token = sent(store)
    store.accept("job-1", 0, token, "v-7", None)

    with pytest.raises(ValueError, match="submitted cannot become submitted"):
        store.accept("job-1", 0, token, "v-8", None)


def test_a_call_that_may_have_arrived_goes_out_again_only_with_the_same_key(store):
    keyed = opened(store)
    intend(store, keyed, key="req-1")
    again = intend(store, keyed, key="req-1")
    keyless = sent(store, "job-2")

    assert again == 2
    with pytest.raises(ValueError, match="only with the vendor's own key"):
        intend(store, keyed, key="req-2")
    with pytest.raises(ValueError, match="only with the vendor's own key"):
        intend(store, keyless, "job-2")


def test_a_withdrawn_intent_frees_its_money_and_may_be_tried_again(store):
    store.set_budget(Budget(per="day", limit=Decimal("0.02")))
    token = sent(store)
    store.withdraw("job-1", 0, token, {"kind": "service_unavailable"})
    withdrawn = store.job("job-1").calls[0]

    assert (withdrawn.state, withdrawn.reserved, withdrawn.attempts) == ("prepared", None, 1)
    assert withdrawn.error == {"kind": "service_unavailable"}
    assert sums(store) == [(Decimal(0), Decimal(0))]
    assert intend(store, token) == 2


def test_proof_about_the_second_attempt_says_nothing_about_the_first(store):
    store.set_budget(Budget(per="day", limit=Decimal("0.02")))
    token = opened(store)
    for _ in range(2):
        intend(store, token, key="req-1")
    store.withdraw("job-1", 0, token)

    assert state(store) == "submitting"
    assert sums(store) == [(Decimal(0), Decimal("0.02"))]
    store.withdraw("job-1", 0, token)
    assert state(store) == "prepared"


def test_every_attempt_and_what_became_of_it_is_told(store, clock):
    token = opened(store)
    for verb in (
        lambda: store.withdraw("job-1", 0, token, {"kind": "rate_limited"}),
        lambda: store.mark("job-1", 0, token, "unknown", {"kind": "outcome_unknown"}),
        lambda: store.accept("job-1", 0, token, "v-7", None),
    ):
        intend(store, token, key="req-1")
        clock.time += 1
        verb()
    store.settle("job-1", 0, token, "succeeded")

    assert store.job("job-1").calls[0].history == (
        Attempt(
            n=1,
            sent_at=NOON,
            ended_at=NOON + 1,
            outcome="withdrawn",
            error={"kind": "rate_limited"},
        ),
        Attempt(
            n=2,
            sent_at=NOON + 1,
            ended_at=NOON + 2,
            outcome="unknown",
            error={"kind": "outcome_unknown"},
        ),
        Attempt(n=3, sent_at=NOON + 2, ended_at=NOON + 3, outcome="accepted"),
    )


def test_a_person_ends_what_nobody_knew(store):
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    for name in ("job-1", "job-2"):
        token = sent(store, name)
        store.mark(name, 0, token, "unknown")
        store.release(name, token)
    paid, free = store.resolve_unknown("job-1", charged=True), store.resolve_unknown("job-2", charged=False)

    assert [(job.state, job.calls[0].charged, job.billed) for job in (paid, free)] == [
        ("failed", True, None),
        ("failed", False, Decimal(0)),
    ]
    assert sums(store) == [(Decimal("0.02"), Decimal(0))]
    with pytest.raises(InvalidInput, match="no paid call of unknown outcome"):
        store.resolve_unknown("job-1", charged=False)


def test_nobody_decides_over_the_head_of_a_process_at_work(store):
    token = sent(store)

    with pytest.raises(LedgerError, match="being worked on"):
        store.resolve_unknown("job-1", charged=False)
    store.accept("job-1", 0, token, "v-7", None)


def test_words_that_utf8_cannot_hold_do_not_stop_a_vendor_id_from_being_kept(store):
    token = sent(store)
    store.accept("job-1", 0, token, "v-\ud800", {"id": "v-\ud800"})
    store.accept("job-1", 0, token, "v-\ud800", {"id": "v-\ud800"})

    assert store.job("job-1").calls[0].vendor_job_id == "v-\\ud800"


# --- idempotency -------------------------------------------------------------------------------------------------


def test_the_same_key_is_the_same_job(store):
    first, token = store.open_job(new("job-1", idempotency_key="k"), ME)
    second, none = store.open_job(new("job-2", idempotency_key="k"), ME)

    assert (token, none) == (1, None)
    assert second.id == first.id == "job-1"


def test_the_same_key_with_another_request_is_an_error(store):
    opened(store, idempotency_key="k")

    with pytest.raises(LedgerError, match="another request") as caught:
        opened(store, "job-2", idempotency_key="k", request_hash="other")
    assert (caught.value.kind, caught.value.job_id) == ("idempotency_conflict", "job-1")


def test_emulated_jobs_and_other_namespaces_have_keys_of_their_own(store):
    scopes = [SCOPE, evolve(SCOPE, emulated=True), evolve(SCOPE, namespace="tests")]
    rows = [store.open_job(new(f"job-{n}", scope=scope, idempotency_key="k"), ME)[0] for n, scope in enumerate(scopes)]

    assert [row.id for row in rows] == ["job-0", "job-1", "job-2"]


def test_an_unfinished_job_of_a_dead_owner_is_taken_over_by_its_key(store):
    opened(store, owner=DEAD, idempotency_key="k")

    row, token = store.open_job(new("job-2", idempotency_key="k"), ME)
    assert (row.id, row.owner, token) == ("job-1", ME, 2)


def test_a_finished_job_is_returned_without_a_lease(store):
    done(store, idempotency_key="k")

    row, token = store.open_job(new("job-2", idempotency_key="k"), ME)
    assert (row.state, token) == ("succeeded", None)


# --- leases ------------------------------------------------------------------------------------------------------


def test_a_living_owner_is_never_taken_over_even_if_its_lease_ran_out(store, clock):
    opened(store)
    clock.time += 100_000

    assert store.claim("job-1", evolve(ME, pid=ME.pid + 1)) is None
    assert store.claim_stale(ME) == []


def test_a_dead_owner_on_this_host_is_taken_over_at_once(store):
    opened(store, owner=DEAD)

    assert [(job.id, job.owner, token) for job, token in store.claim_stale(ME)] == [("job-1", ME, 2)]
    assert store.claim_stale(ME) == []


def test_an_owner_on_another_host_is_taken_over_when_its_lease_ran_out(store, clock):
    token = opened(store, owner=ELSEWHERE)
    clock.time += leases.LEASE_SECONDS - 1
    store.renew("job-1", token)
    clock.time += leases.LEASE_SECONDS - 1
    early = store.claim("job-1", ME)
    clock.time += 1

    assert early is None
    assert store.claim("job-1", ME) == token + 1


def test_every_write_renews_the_lease(store, clock):
    token = opened(store, owner=ELSEWHERE)
    clock.time += leases.LEASE_SECONDS - 1
    intend(store, token)
    clock.time += leases.LEASE_SECONDS - 1

    assert store.claim("job-1", ME) is None


def test_every_write_with_a_stale_token_is_refused_and_changes_nothing(store):
    stale = opened(store, owner=DEAD)
    store.claim("job-1", ME)
    before = store.job("job-1")
    writes = [
        lambda: intend(store, stale),
        lambda: store.accept("job-1", 0, stale, "v", None),
        lambda: store.mark("job-1", 0, stale, "unknown"),
        lambda: store.withdraw("job-1", 0, stale),
        lambda: store.keep_file("job-1", stale, PICTURE),
        lambda: store.settle("job-1", 0, stale, "canceled"),
        lambda: store.finish("job-1", stale),
        lambda: store.renew("job-1", stale),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    store.release("job-1", stale)

    assert store.job("job-1") == before


def test_a_lease_that_was_given_back_is_free_for_anybody_and_worth_nothing(store):
    token = opened(store)
    store.release("job-1", token)

    with pytest.raises(LeaseLost):
        intend(store, token)
    assert store.claim("job-1", ME) == token + 2


def test_stale_jobs_can_be_claimed_by_provider_and_apart_from_emulated_ones(store):
    opened(store, "real", owner=DEAD)
    opened(store, "emulated", owner=DEAD, scope=evolve(SCOPE, emulated=True))
    opened(store, "other", owner=DEAD, scope=evolve(SCOPE, provider="other"))

    assert [job.id for job, _ in store.claim_stale(ME, emulated=True)] == ["emulated"]
    assert [job.id for job, _ in store.claim_stale(ME, provider="acme", limit=1)] == ["real"]
    assert [job.id for job, _ in store.claim_stale(ME)] == ["other"]


def test_finished_jobs_are_not_stale_but_those_killed_before_their_end_are(store):
    done(store, "finished")
    token = sent(store, "settled", owner=DEAD)
    store.settle("settled", 0, token, "succeeded")

    assert [job.id for job, _ in store.claim_stale(ME)] == ["settled"]


def test_an_owner_is_known_by_host_boot_pid_and_start():
    name, boot, namespace = host().split("/")

    assert alive(ME) is True
    assert alive(DEAD) is False
    assert alive(evolve(ME, host=f"{name}/an-earlier-boot/{namespace}")) is False
    assert alive(evolve(ME, host=f"{name}/{boot}/another-container")) is None
    assert alive(ELSEWHERE) is None
    assert alive(evolve(ME, host="written by hand")) is None


# --- money -------------------------------------------------------------------------------------------------------


def test_a_budget_counts_what_is_spent_and_what_is_reserved_to_the_nano_unit(store):
    store.set_budget(Budget(per="day", limit=Decimal("0.05")))
    done(store, "a", billed="0.012345678")
    sent(store, "b", ceiling="0.037654322")

    assert sums(store) == [(Decimal("0.012345678"), Decimal("0.037654322"))]
    with pytest.raises(LedgerError, match=r"0\.012345678 is spent and 0\.037654322 reserved") as caught:
        sent(store, "c", ceiling="0.000000001")
    assert (caught.value.kind, caught.value.charged) == ("budget_exceeded", False)
    assert state(store, "c") == "prepared"


def test_a_ceiling_finer_than_a_nano_unit_is_rounded_up(store):
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    sent(store, ceiling="0.0000000001")

    assert sums(store) == [(Decimal(0), Decimal("1E-9"))]


def test_what_was_not_charged_is_not_spent_and_what_nobody_said_is(store):
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    free, silent = sent(store, "free"), sent(store, "silent")
    store.settle("free", 0, free, "failed", charged=False)
    store.settle("silent", 0, silent, "succeeded")

    assert sums(store) == [(Decimal("0.02"), Decimal(0))]


def test_unpriced_work_under_a_budget_needs_to_be_allowed(store):
    free_of_budgets = opened(store, "before")
    intend(store, free_of_budgets, "before", ceiling=None)
    store.set_budget(Budget(per="month", limit=Decimal(100)))
    token = opened(store)

    with pytest.raises(LedgerError, match="nobody knows"):
        intend(store, token, ceiling=None)
    intend(store, token, ceiling=None, allow_unpriced=True)
    store.settle("job-1", 0, token, "succeeded", billed=Decimal("0.5"))
    assert sums(store) == [(Decimal("0.5"), Decimal(0))]


def test_a_price_in_another_currency_is_an_unknown_one(store):
    store.set_budget(Budget(per="day", limit=Decimal(100), currency="EUR"))

    with pytest.raises(LedgerError, match="nobody knows in that currency"):
        sent(store)


def test_a_budget_of_nothing_lets_only_free_work_pass(store):
    done(store, "before")
    store.set_budget(Budget(per="day", limit=Decimal(0)))
    sent(store, "free", ceiling="0")

    with pytest.raises(LedgerError):
        sent(store, "costs", ceiling="0.000000001")


def test_each_run_day_month_and_label_has_its_own_sum(store, clock):
    for budget in (
        Budget(per="run", limit=Decimal("0.02")),
        Budget(per="day", limit=Decimal("0.04")),
        Budget(per="month", limit=Decimal("0.08")),
        Budget(per="label", limit=Decimal("0.10"), label="project=film"),
    ):
        store.set_budget(budget)
    refused = []
    for n, (days, run) in enumerate([(0, "r1"), (0, "r1"), (0, "r2"), (0, "r3"), (1, "r3"), (1, "r4"), (2, "r5")]):
        clock.time = NOON + days * 86400
        try:
            done(store, f"job-{n}", billed="0.02", run=run, labels={"project": "film"})
        except LedgerError as error:
            refused.append((n, error.message.split(" per ")[1].split(",")[0]))

    assert refused == [(1, "run"), (3, "day"), (6, "month")]
    clock.time = NOON + 40 * 86400
    done(store, "next-month", billed="0.02", run="r6", labels={"project": "film"})
    with pytest.raises(LedgerError, match="label project=film"):
        done(store, "too-much", billed="0.02", run="r7", labels={"project": "film"})
    done(store, "other-label", billed="0.02", run="r7", labels={"project": "other"})


def test_jobs_without_a_run_are_runs_of_their_own(store):
    store.set_budget(Budget(per="run", limit=Decimal("0.02")))
    for n in range(3):
        done(store, f"job-{n}", billed="0.02")

    two = opened(store, "two", calls=2)
    intend(store, two, "two", 0)
    with pytest.raises(LedgerError, match="per run"):
        intend(store, two, "two", 1)


def test_a_call_is_counted_on_the_day_of_its_intent(store, clock):
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    token = sent(store)
    clock.time += 86400
    store.settle("job-1", 0, token, "succeeded", billed=Decimal("0.01"))

    assert sums(store) == [(Decimal(0), Decimal(0))]
    clock.time -= 86400
    assert sums(store) == [(Decimal("0.01"), Decimal(0))]


def test_emulated_spend_is_limited_too_but_never_counts_as_real(store):
    store.set_budget(Budget(per="day", limit=Decimal("0.02")))
    done(store, "emulated", billed="0.02", scope=evolve(SCOPE, emulated=True))
    done(store, "real", billed="0.02")

    assert sums(store) == sums(store, emulated=True) == [(Decimal("0.02"), Decimal(0))]
    with pytest.raises(LedgerError):
        sent(store, "one more", scope=evolve(SCOPE, emulated=True))


def test_budgets_are_set_anew_and_removed(store):
    store.set_budget(Budget(per="day", limit=Decimal(1)))
    store.set_budget(Budget(per="day", limit=Decimal(2)))

    assert [budget.limit for budget, _, _ in store.budgets()] == [2]
    assert store.remove_budget("day")
    assert not store.remove_budget("day")
    with pytest.raises(InvalidInput, match="per label names one"):
        store.set_budget(Budget(per="label", limit=Decimal(1)))
    with pytest.raises(InvalidInput, match="not an amount of money"):
        store.set_budget(Budget(per="day", limit=Decimal(-1)))


@pytest.mark.parametrize("amount", ["NaN", "-0.01", "Infinity", "1e30"])
def test_what_is_no_money_is_never_reserved(store, amount):
    with pytest.raises(ValueError, match="not an amount of money"):
        sent(store, ceiling=amount)


# --- reports -----------------------------------------------------------------------------------------------------


def test_costs_are_summed_by_provider_model_day_and_label(store, clock):
    done(store, "a", billed="0.01", estimate=Decimal("0.02"), model="sdxl", labels={"p": "x", "q": "y"})
    clock.time += 86400
    done(store, "b", billed="0.03", estimate=Decimal("0.02"), model="flux", labels={"p": "x"})
    done(store, "unknown", billed=None, model="flux")
    done(store, "emulated", billed="9", ceiling="9", scope=evolve(SCOPE, emulated=True))
    refused = sent(store, "refused", estimate=Decimal(5))
    store.settle("refused", 0, refused, "failed", charged=False)
    opened(store, "never sent", estimate=Decimal(5))

    def short(by, **words):
        return [(s.group, s.jobs, s.estimated, s.billed, s.unknown_price) for s in store.costs(by, **words)]

    both = (Decimal("0.04"), Decimal("0.04"))
    assert short("provider") == [("acme", 3, *both, 1)]
    assert short("model") == [
        ("flux", 2, Decimal("0.02"), Decimal("0.03"), 1),
        ("sdxl", 1, Decimal("0.02"), Decimal("0.01"), 0),
    ]
    assert [row[:2] for row in short("day")] == [("2026-09-21", 1), ("2026-09-22", 2)]
    assert short("label") == [("p=x", 2, *both, 0), ("q=y", 1, Decimal("0.02"), Decimal("0.01"), 0)]
    assert short("provider", emulated=True) == [("acme", 1, None, Decimal(9), 0)]
    assert short("provider", since=NOON + 1) == [("acme", 2, Decimal("0.02"), Decimal("0.03"), 1)]


def test_a_sum_of_unknown_prices_is_unknown(store):
    done(store, billed=None)

    assert [(s.estimated, s.billed, s.unknown_price) for s in store.costs("provider")] == [(None, None, 1)]


def test_costs_count_pictures(store):
    token = sent(store)
    for n in range(3):
        store.keep_file("job-1", token, evolve(PICTURE, n=n))

    assert store.costs("provider")[0].images == 3


def test_jobs_are_listed_newest_first_and_by_what_one_looks_for(store, clock):
    for name, words in {
        "a": {},
        "b": {"labels": {"p": "x", "q": "y"}},
        "c": {"scope": evolve(SCOPE, provider="other", emulated=True), "labels": {"p": "x"}},
    }.items():
        opened(store, name, **words)
        clock.time += 10
    sent(store, "d")

    def ids(**words):
        return [job.id for job in store.jobs(**words)]

    assert ids() == ["d", "c", "b", "a"]
    assert ids(limit=2) == ["d", "c"]
    assert ids(before=NOON + 10) == ["a"]
    assert ids(state="submitting") == ["d"]
    assert ids(provider="other") == ids(emulated=True) == ["c"]
    assert ids(labels={"p": "x"}) == ["c", "b"]
    assert ids(labels={"p": "x", "q": "y"}) == ["b"]
    assert ids(state="failed") == []


def test_a_job_is_found_by_the_beginning_of_its_id_if_there_is_only_one(store):
    for name in ("abc", "abd", "ab"):
        opened(store, name)

    assert store.job("abc").id == "abc"
    assert store.job("ab").id == "ab"
    assert store.job("abd").id == "abd"
    assert store.job("x") is None
    assert store.job("") is None
    with pytest.raises(InvalidInput, match="several jobs begin with a"):
        store.job("a")


def test_a_job_or_call_that_is_not_there_is_said_so(store):
    token = opened(store)

    with pytest.raises(InvalidInput, match="no job nothing"):
        store.claim("nothing", ME)
    with pytest.raises(InvalidInput, match="no job nothing"):
        store.mark("nothing", 0, 1, "running")
    with pytest.raises(InvalidInput, match="no paid call 7"):
        intend(store, token, index=7)


def test_the_expected_time_is_the_median_of_what_succeeded_there(store, clock):
    for n, (seconds, model) in enumerate([(3, "sdxl"), (5, "sdxl"), (40, "sdxl"), (7, "flux")]):
        token = sent(store, f"job-{n}", model=model)
        clock.time += seconds
        store.settle(f"job-{n}", 0, token, "succeeded")

    assert store.seconds(SCOPE, "sdxl") == 5
    assert store.seconds(SCOPE) == 6
    assert store.seconds(evolve(SCOPE, account="other")) is None


def test_prune_forgets_what_ended_long_ago_and_nothing_else(store, clock):
    store.set_budget(Budget(per="label", limit=Decimal(1), label="p=x"))
    done(store, "old", labels={"p": "x"}, idempotency_key="k")
    unknown = sent(store, "unknown")
    store.mark("unknown", 0, unknown, "unknown")
    store.release("unknown", unknown)
    opened(store, "prepared")
    clock.time += 100
    done(store, "new")

    assert store.prune(before=NOON + 50) == 1
    assert [job.id for job in store.jobs()] == ["new", "prepared", "unknown"]
    assert sums(store) == [(Decimal("0.01"), Decimal(0))]
    assert store.open_job(new("again", idempotency_key="k"), ME)[1] == 1


def test_facts_live_as_long_as_they_say(store, clock):
    store.remember(SCOPE, "model", "a", "1")
    store.remember(SCOPE, "model", "a", "2")
    store.remember(SCOPE, "resource", "b", "3", seconds=10)
    store.remember(SCOPE, "resource", "c", "4", seconds=20)
    store.forget(SCOPE, "resource", "c")
    young = store.known(SCOPE)
    clock.time += 10

    assert young == {("model", "a"): "2", ("resource", "b"): "3"}
    assert (store.recall(SCOPE, "model", "a"), store.recall(SCOPE, "resource", "b")) == ("2", None)
    assert store.known(SCOPE) == {("model", "a"): "2"}
    assert store.known(evolve(SCOPE, emulated=True)) == {}


# --- the file ----------------------------------------------------------------------------------------------------


def test_the_file_is_for_its_owner_only(tmp_path):
    with contextlib.closing(SqliteStore(tmp_path / "deep" / "ledger.sqlite3")) as store:
        opened(store)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").iterdir()}

    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700


def test_a_file_of_an_older_version_is_upgraded_in_order(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    scripts = ("CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y DEFAULT 7; CREATE TABLE b (z)")
    old, young = SqliteFile(path, scripts[:1]), SqliteFile(path, scripts)
    with old.change() as db:
        db.execute("INSERT INTO a VALUES (1)")
    old.close()
    with young.read() as db:
        found = (
            [tuple(row) for row in db.execute("SELECT x, y FROM a")],
            db.execute("PRAGMA user_version").fetchone()[0],
        )
    young.close()

    assert found == ([(1, 7)], 2)


def test_a_ledger_of_the_first_version_is_upgraded_with_all_that_is_in_it(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    old = SqliteFile(path, MIGRATIONS[:1])
    with old.change() as db:
        leases.open_job(db, NOON, new(labels={"p": "x"}), DEAD)
    old.close()
    with contextlib.closing(SqliteStore(path)) as store:
        ((job, token),) = store.claim_stale(ME)
        intend(store, token)

        assert (job.id, job.labels, state(store)) == ("job-1", {"p": "x"}, "submitting")
        assert len(store.job("job-1").calls[0].history) == 1


def test_a_file_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")

    with pytest.raises(ImagegenError, match="newer version") as caught:
        SqliteStore(path).jobs()
    assert caught.value.kind == "storage_failed"


def test_what_is_no_ledger_or_cannot_be_reached_is_named(tmp_path):
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no database at all" * 100)
    (tmp_path / "file").write_text("")
    for path in (broken, tmp_path, tmp_path / "file" / "ledger.sqlite3"):
        with pytest.raises(ImagegenError, match="could not be read or written") as caught:
            SqliteStore(path).jobs()
        assert caught.value.kind == "storage_failed"
        assert str(path) in caught.value.message


def test_money_is_committed_durably_and_the_rest_is_not_waited_for(tmp_path):
    with contextlib.closing(SqliteFile(tmp_path / "file", ("CREATE TABLE a (x)",))) as file:
        levels = []
        for durable in (False, True, True, False, True):
            with file.change(durable=durable) as db:
                levels.append(db.execute("PRAGMA synchronous").fetchone()[0])

    assert levels == [1, 2, 2, 1, 2]  # 1 = NORMAL, 2 = FULL


def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(store):
    token = opened(store)
    with pytest.raises(TypeError):
        store.finish("job-1", token, Ending(data={"not": "JSON", "really": {1, 2}}))

    assert store.job("job-1").data is None
    assert intend(store, token) == 1


def test_final_states_are_the_same_for_sql_and_python(store):
    for name in sorted(FINAL):
        token = sent(store, name)
        store.accept(name, 0, token, "v", None)
        store.settle(name, 0, token, name)
        store.release(name, token)

    assert store.claim_stale(ME) == []


def test_a_store_that_was_closed_opens_again(tmp_path):
    store = SqliteStore(tmp_path / "ledger.sqlite3")
    opened(store)
    store.close()

    assert store.job("job-1").owner == evolve(ME, pid=os.getpid())
    store.close()
