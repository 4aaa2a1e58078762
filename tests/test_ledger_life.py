"""The life of a job: states that only go forward, attempts, and what a person decides."""

from decimal import Decimal

import pytest
from attrs import evolve
from ledgers import ME, NOON, PICTURE, intend, new, opened, sent, state, sums

from imagegen.errors import InvalidInput, LedgerError
from imagegen.ledger import Attempt, Budget, Ending, job_state


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
