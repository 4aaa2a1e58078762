"""What a client keeps between jobs, and how a request is to be carried out."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from imagegen.engine import Means, Run, keep_files_now
from imagegen.errors import ImagegenError
from imagegen.ledger import LeaseLost, Owner, Scope
from imagegen.ledger.owners import this_process
from imagegen.planning import Desk
from imagegen.provider import Provider
from imagegen.settings import fingerprint, is_emulated

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
    who: Callable[[], Owner] = this_process  # asked at each use: a client may be carried across a fork
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

    @property
    def owner(self) -> Owner:
        """The process that works on what is begun now."""
        return self.who()

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
                emulated=self.emulated or is_emulated(values, provider),
                namespace=self.namespace,
            )
        return self._scopes[provider.name]

    def close(self) -> None:
        """Tell the ledger what is left to tell, and close the files."""
        self.give_back()
        self.means.store.close()
        self.means.circuits.close()
        if self.world is not None:
            self.world.close()

    def account(self, provider: Provider) -> str:
        """Return the name under which limits, retry budget and circuit of an account are kept."""
        scope = self.scope(provider)
        return f"{scope.provider}:{scope.account}"

    def abandon(self, run: Run) -> None:
        """Let go of a run that was cut off, where nothing can be awaited: in a thread, so that no event loop waits."""
        self.leave(run, rest=False)
        with contextlib.suppress(RuntimeError):  # the interpreter ends; then a dead owner's lease is free anyway
            threading.Thread(target=self.give_back, name="imagegen-let-go").start()

    def leave(self, run: Run, *, rest: bool) -> None:
        """Note that a run is over; it stays this process' own until `give_back` has told the ledger."""
        BUSY.hold(run.job_id)
        self.left.append((run, rest))

    def give_back(self) -> None:
        """Write down what runs that are over have left: what could not be written, the lease, the place."""
        with BUSY.giving_back:
            runs, self.left[:] = self.left[:], []
            for run, rest in runs:
                try:
                    if run.owner == self.owner:  # else it was carried across a fork, and is the other side's
                        let_go(run, rest=rest)
                except LeaseLost:
                    pass
                except ImagegenError:  # the ledger cannot be written: at the next occasion
                    self.left.append((run, rest))
                    continue
                BUSY.end(run.job_id)


class Busy:
    """
    The jobs that threads of this process work on, over all its clients.

    Safe to share between threads, and empty in a forked child, which works on nothing yet.
    """

    def __init__(self) -> None:
        self._clear()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._clear)

    def _clear(self) -> None:
        self.giving_back = threading.RLock()
        self._lock = threading.Lock()
        self._holders: Counter[str] = Counter()

    def begin(self, job_id: str) -> bool:
        """Take a job; False when another thread has it already, or has not let go of it yet."""
        with self._lock:
            if job_id in self._holders:
                return False
            self._holders[job_id] = 1
            return True

    def hold(self, job_id: str) -> None:
        """Keep a job for one more `end`."""
        with self._lock:
            self._holders[job_id] += 1

    def end(self, job_id: str) -> None:
        """Give it back."""
        with self._lock:
            self._holders[job_id] -= 1
            if self._holders[job_id] <= 0:
                del self._holders[job_id]

    def __contains__(self, job_id: object) -> bool:
        with self._lock:
            return job_id in self._holders


BUSY = Busy()


def let_go(run: Run, *, rest: bool) -> None:
    """Give back what a run holds; *rest*: its caller was told that it is over."""
    try:
        if run.unwritten is not None:
            run.unwritten()
            run.unwritten = None
            run.unkept.clear()
        if not run.left and run.stage == "submitting" and run.index is not None and run.index not in run.doubts:
            run.means.store.withdraw(run.job_id, run.index, run.token)
        keep_files_now(run)
        run.means.store.release(run.job_id, run.token, rest=rest)
    finally:
        if run.ticket is not None and run.means.limiter is not None:
            run.means.limiter.release_slot(run.ticket)
            run.ticket = None
