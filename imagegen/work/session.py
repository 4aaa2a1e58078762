"""What a client keeps between jobs, and how a request is to be carried out."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from imagegen.engine import Means, Run, keep_files_now
from imagegen.errors import ImagegenError
from imagegen.ledger import LeaseLost, Owner, Scope
from imagegen.planning import Desk
from imagegen.provider import Provider
from imagegen.settings import fingerprint

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
        return BUSY.setdefault(job_id, mine) is mine  # one step: no thread comes in between

    def end(self, job_id: str) -> None:
        """Give it back."""
        BUSY.pop(job_id, None)

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


BUSY: dict[str, object] = {}  # jobs that threads of this process work on, over all its clients


def let_go(run: Run, *, rest: bool) -> None:
    """Give back what a run holds; *rest*: its caller was told that it is over."""
    if run.unwritten is not None:  # the vendor's id, which the ledger could not take
        run.unwritten()
    keep_files_now(run)
    run.means.store.release(run.job_id, run.token, rest=rest)
    if run.ticket is not None and run.means.limiter is not None:
        run.means.limiter.release_slot(run.ticket)
