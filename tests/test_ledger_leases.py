"""Who may work on a job: keys that name it, leases that hold it, owners that live or died."""

import pytest
from attrs import evolve
from ledgers import DEAD, ELSEWHERE, ME, PICTURE, SCOPE, done, intend, new, opened, sent

from imagegen.errors import LedgerError
from imagegen.ledger import LeaseLost, leases
from imagegen.ledger.owners import alive, host

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
