"""
`Client` and `AsyncClient`: the same names, one blocking, one awaiting.  Thin: what they do is in `work.py`.

    with Client.from_config() as client:
        result = client.generate(request, provider="...")
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from attrs import define, field

from . import planning, plugins, settings, work
from .engine import Means
from .errors import ImagegenError, InvalidInput
from .events import Event
from .ledger import JobRow, Owner, Store
from .planning import Desk
from .plans import Plan
from .provider import Price
from .result import Result
from .retry import RetryBudget, RetryPolicy
from .shells import AsyncShell, Shell
from .work import Session, Wishes

if TYPE_CHECKING:
    from .emulator.inprocess import InProcess
    from .router import Route

WORKERS = 16  # threads for `submit`; one job each


def _session(
    *,
    emulated: bool,
    given: Mapping[str, Mapping[str, Any]] | None,
    home: Path | None,
    output: str | os.PathLike[str] | None,
    registry: plugins.Registry | None,
    ledger: Store | None,
    private_hosts: bool,
    dice: random.Random | None,
    policy: RetryPolicy | None,
) -> tuple[Session, InProcess | None]:
    """Build what both clients share."""
    config = settings.load(home=home)
    found = registry or plugins.installed()
    desk = Desk(registry=found, config=config, catalogue=planning.load_catalogue(found, config))
    world = None
    clock: Callable[[], float] = time.time
    words = {name: dict(values) for name, values in (given or {}).items()}
    if emulated:
        from .emulator.inprocess import open_in_process

        world = open_in_process(config.home, registry=found)
        clock = world.now
        for name, provider in found.providers.items():
            words[name] = {**words.get(name, {}), **world.settings_for(provider)}
    session = Session(
        desk=desk,
        means=_means(ledger or _ledger(config.home), clock, dice, policy, config.home, emulated),
        owner=_owner(),
        output=Path(output or config.word("output") or config.home / "images"),
        given=words,
        emulated=emulated,
        namespace=str(config.word("namespace") or "default"),
        private_hosts=private_hosts,
        new_id=lambda: f"ig-{secrets.token_hex(6)}",
        dress=_dress,
    )
    return session, world


def _dress(order: Any, redactor: Any) -> Any:
    from .provenance import dresser

    return dresser(order.plan, redactor, order.images, kind=order.kind or type(order.request).__name__)


def _ledger(home: Path) -> Store:
    from .ledger.sqlite import SqliteStore

    return SqliteStore(home / "ledger.sqlite3")


def _owner() -> Owner:
    from .ledger.owners import this_process

    return this_process()


def _means(
    store: Store,
    clock: Callable[[], float],
    dice: random.Random | None,
    policy: RetryPolicy | None,
    home: Path,
    emulated: bool,
) -> Means:
    from .breaker import Breakers
    from .limiter import SqliteLimiter, limits_file

    limits = limits_file(home / "limits.sqlite3")
    budgets: dict[str, RetryBudget] = {}
    return Means(
        store=store,
        clock=clock,
        dice=dice or random.SystemRandom(),
        policy=policy or RetryPolicy(),
        budget=lambda account: budgets.setdefault(account, RetryBudget()),
        limiter=None if emulated else SqliteLimiter(limits),
        circuits=Breakers(limits),
        nonce=lambda: secrets.token_hex(16),
    )


def _wishes(words: Mapping[str, Any]) -> Wishes:
    known = dict(words)
    if isinstance(known.get("max_price"), (int, float, str)):
        known["max_price"] = Decimal(str(known["max_price"]))
    if known.get("output") is not None:
        known["output"] = Path(known["output"])
    return Wishes(**known)


# --- jobs --------------------------------------------------------------------------------------------------------


@define
class Job:
    """
    A job that runs in the background of a `Client`, or one that the ledger knows.

    `id`, `state` and `events()` can be asked at any time; `result()` waits.
    """

    _client: Client
    _future: Future[Result] | None = None
    _heard: SimpleQueue[Event | None] = field(factory=SimpleQueue)
    _id: str = ""
    _known: threading.Event = field(factory=threading.Event)

    @property
    def id(self) -> str:
        """Our id; waits for the moment until the job is in the ledger, raises what kept it out."""
        while not self._known.wait(0.05):
            if self._future is not None and self._future.done() and not self._known.is_set():
                return self._future.result().job_id
        return self._id

    @property
    def state(self) -> str:
        """The job's state in the ledger."""
        return self._client.row(self.id).state

    def events(self) -> Iterator[Event]:
        """Yield news until the job is over."""
        while (event := self._heard.get()) is not None:
            yield event

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result; after *timeout* seconds a `deadline_exceeded` error, and the job goes on."""
        if self._future is None:
            return self._client.shell.run(work.result_of(self._client.session, self._id, Wishes(timeout=timeout)))
        try:
            return self._future.result(timeout)
        except TimeoutError:
            raise ImagegenError("not ready yet; it goes on.", kind="deadline_exceeded", job_id=self.id) from None

    def cancel(self) -> bool:
        """Ask the vendor to stop; best effort, True only when the vendor confirmed it."""
        return self._client.shell.run(work.cancel(self._client.session, self.id))

    def _listen(self, event: Event) -> None:
        if event.job_id and not self._known.is_set():
            self._id = event.job_id
            self._known.set()
        self._heard.put(event)


class Client:
    """Makes pictures by blocking.  Safe to share between threads; close it, or use `with`."""

    def __init__(
        self,
        *,
        emulated: bool = False,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        home: str | os.PathLike[str] | None = None,
        output: str | os.PathLike[str] | None = None,
        registry: plugins.Registry | None = None,
        ledger: Store | None = None,
        private_hosts: bool = False,
        dice: random.Random | None = None,
        policy: RetryPolicy | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """
        Open a client.

        Arguments:
            emulated: talk to the emulator in this process; no key, no network, no money.
            settings: per provider, stronger than environment and files: `{"some-provider": {"api_key": "env:KEY"}}`.
            home: where state lives (`IMAGEGEN_HOME`); *output*: where pictures go.
            private_hosts: allow results on private addresses (the base URL's own host always is).
            on_event: hears everything that happens.
        """
        self.session, self._world = _session(
            emulated=emulated,
            given=settings,
            home=Path(home) if home is not None else None,
            output=output,
            registry=registry,
            ledger=ledger,
            private_hosts=private_hosts,
            dice=dice,
            policy=policy,
        )
        self._listeners: list[Callable[[Event], None]] = [on_event] if on_event else []
        self.shell = Shell(self._transport(), self._tell)
        self._pool: ThreadPoolExecutor | None = None

    @classmethod
    def from_config(cls, **options: Any) -> Self:
        """Open a client from the environment and the settings files (they are always read; this says so in words)."""
        return cls(**options)

    def _transport(self) -> Any:
        from . import transport

        if self._world is not None:
            return transport.Local(self._world.send, self._world.sleep)
        return transport.Transport()

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)
        self.session.desk.registry.manager.hook.imagegen_event(event=event)

    def plan(self, request: Any, provider: str | None = None, **wishes: Any) -> Plan:
        """Plan with this client's settings and state.  Free of cost; local input files are read."""
        return self._orders(request, [self._name(provider)], wishes)[0].plan

    def quote(self, request: Any, provider: str | None = None, **wishes: Any) -> Price:
        """Price with this client's settings and state."""
        return self._orders(request, [self._name(provider)], wishes)[0].price

    def _orders(self, request: Any, names: list[str], wishes: Mapping[str, Any]) -> list[work.Order]:
        return self.shell.run(work.prepare(self.session, request, names, _wishes(wishes)))

    def _name(self, provider: str | None) -> str:
        return provider or self.session.desk.config.choose(self.session.desk.registry)

    def generate(
        self, request: Any, provider: str | None = None, *, route: Route | None = None, **wishes: Any
    ) -> Result:
        """
        Make the picture and wait for it.

        Keywords (`Wishes`): `idempotency_key`, `timeout`, `max_price`, `allow_unpriced`, `output`, `form`.
        """
        return self.shell.run(self._work(request, provider, route, _wishes(wishes)))

    run = generate  # any request class

    def _work(self, request: Any, provider: str | None, route: Route | None, wishes: Wishes) -> work.Work[Result]:
        return _generate(self.session, request, provider, route, wishes, self._name)

    def submit(self, request: Any, provider: str | None = None, *, route: Route | None = None, **wishes: Any) -> Job:
        """Start a job in the background and return its handle."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="imagegen")
        job = Job(self)
        shell = Shell(self.shell.transport, _both(job._listen, self._tell))
        made = self._work(request, provider, route, _wishes(wishes))

        def carry_out() -> Result:
            try:
                return shell.run(made)
            finally:
                job._heard.put(None)

        job._future = self._pool.submit(carry_out)
        return job

    def job(self, job_id: str) -> Job:
        """Return a job that the ledger knows; `result()` picks it up where it stands."""
        job = Job(self)
        job._id = self.row(job_id).id
        job._known.set()
        job._heard.put(None)
        return job

    def row(self, job_id: str) -> JobRow:
        """Return the ledger's row of a job."""
        return self.shell.run(work.find(self.session, job_id))

    def jobs(self, **filters: Any) -> list[JobRow]:
        """Return jobs from the ledger, newest first (`state=`, `provider=`, `labels=`, `limit=`)."""
        return self.session.means.store.jobs(**filters)

    def reconcile(self, timeout: float = 300.0, *, wait: bool = True) -> list[tuple[str, str, str]]:
        """Take over every unfinished job whose worker is gone: `(job id, state, what a person should know)`."""
        return self.shell.run(work.reconcile(self.session, Wishes(timeout=timeout), wait=wait))

    def close(self) -> None:
        """Wait for background jobs and close everything."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        self.shell.close()
        self.session.means.store.close()
        if self._world is not None:
            self._world.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _both(first: Callable[[Event], None], second: Callable[[Event], None]) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        first(event)
        second(event)

    return tell


def _generate(
    session: Session,
    request: Any,
    provider: str | None,
    route: Route | None,
    wishes: Wishes,
    choose: Callable[[str | None], str],
) -> work.Work[Result]:
    if route is None:
        return work.generate(session, request, choose(provider), wishes)
    if provider is not None:
        raise InvalidInput("give provider= or route=, not both")
    from .router import routed

    return routed(session, request, route, wishes)


class AsyncJob:
    """A job that runs as a task of an `AsyncClient`; the names of `Job`, with `await`."""

    def __init__(self, client: AsyncClient, task: asyncio.Task[Result] | None, job_id: str = "") -> None:
        self._client, self._task, self._id = client, task, job_id
        self._heard: asyncio.Queue[Event | None] = asyncio.Queue()
        self._known = asyncio.Event()
        if job_id:
            self._known.set()
            self._heard.put_nowait(None)

    async def id(self) -> str:
        """Our id; waits for the moment until the job is in the ledger."""
        if self._task is not None and not self._known.is_set():
            known = asyncio.ensure_future(self._known.wait())
            await asyncio.wait({known, self._task}, return_when=asyncio.FIRST_COMPLETED)
            known.cancel()
            if not self._known.is_set():
                return (await self._task).job_id
        return self._id

    async def state(self) -> str:
        """The job's state in the ledger."""
        row = await self._client.row(await self.id())
        return row.state

    async def events(self) -> Any:
        """Yield news until the job is over."""
        while (event := await self._heard.get()) is not None:
            yield event

    async def result(self, timeout: float | None = None) -> Result:
        """Wait for the result; after *timeout* seconds a `deadline_exceeded` error, and the job goes on."""
        if self._task is None:
            return await self._client.shell.run(work.result_of(self._client.session, self._id, Wishes(timeout=timeout)))
        try:
            return await asyncio.wait_for(asyncio.shield(self._task), timeout)
        except TimeoutError:
            raise ImagegenError("not ready yet; it goes on.", kind="deadline_exceeded", job_id=self._id) from None

    async def cancel(self) -> bool:
        """Ask the vendor to stop; best effort."""
        return await self._client.shell.run(work.cancel(self._client.session, await self.id()))

    def _listen(self, event: Event) -> None:
        if event.job_id and not self._known.is_set():
            self._id = event.job_id
            self._known.set()
        self._heard.put_nowait(event)


class AsyncClient:
    """Makes pictures by awaiting; the names and arguments of `Client`."""

    def __init__(
        self,
        *,
        emulated: bool = False,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        home: str | os.PathLike[str] | None = None,
        output: str | os.PathLike[str] | None = None,
        registry: plugins.Registry | None = None,
        ledger: Store | None = None,
        private_hosts: bool = False,
        dice: random.Random | None = None,
        policy: RetryPolicy | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Open a client; see `Client`."""
        self.session, self._world = _session(
            emulated=emulated,
            given=settings,
            home=Path(home) if home is not None else None,
            output=output,
            registry=registry,
            ledger=ledger,
            private_hosts=private_hosts,
            dice=dice,
            policy=policy,
        )
        self._listeners: list[Callable[[Event], None]] = [on_event] if on_event else []
        self.shell = AsyncShell(self._transport(), self._tell)

    @classmethod
    def from_config(cls, **options: Any) -> Self:
        """Open a client from the environment and the settings files."""
        return cls(**options)

    def _transport(self) -> Any:
        from . import transport

        if self._world is not None:
            return transport.AsyncLocal(self._world.send, self._world.sleep)
        return transport.AsyncTransport()

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)
        self.session.desk.registry.manager.hook.imagegen_event(event=event)

    def _name(self, provider: str | None) -> str:
        return provider or self.session.desk.config.choose(self.session.desk.registry)

    async def plan(self, request: Any, provider: str | None = None, **wishes: Any) -> Plan:
        """Plan with this client's settings and state."""
        return (await self._orders(request, [self._name(provider)], wishes))[0].plan

    async def quote(self, request: Any, provider: str | None = None, **wishes: Any) -> Price:
        """Price with this client's settings and state."""
        return (await self._orders(request, [self._name(provider)], wishes))[0].price

    async def _orders(self, request: Any, names: list[str], wishes: Mapping[str, Any]) -> list[work.Order]:
        return await self.shell.run(work.prepare(self.session, request, names, _wishes(wishes)))

    async def generate(
        self, request: Any, provider: str | None = None, *, route: Route | None = None, **wishes: Any
    ) -> Result:
        """Make the picture and wait for it; see `Client.generate`."""
        return await self.shell.run(_generate(self.session, request, provider, route, _wishes(wishes), self._name))

    run = generate  # any request class

    async def submit(
        self, request: Any, provider: str | None = None, *, route: Route | None = None, **wishes: Any
    ) -> AsyncJob:
        """Start a job as a task and return its handle."""
        job = AsyncJob(self, None)
        shell = AsyncShell(self.shell.transport, _both(job._listen, self._tell))
        made = _generate(self.session, request, provider, route, _wishes(wishes), self._name)

        async def carry_out() -> Result:
            try:
                return await shell.run(made)
            finally:
                job._heard.put_nowait(None)

        job._task = asyncio.create_task(carry_out())
        return job

    def job(self, job_id: str) -> AsyncJob:
        """Return a job that the ledger knows."""
        return AsyncJob(self, None, job_id)

    async def row(self, job_id: str) -> JobRow:
        """Return the ledger's row of a job."""
        return await self.shell.run(work.find(self.session, job_id))

    async def jobs(self, **filters: Any) -> list[JobRow]:
        """Return jobs from the ledger, newest first."""
        return await asyncio.to_thread(lambda: self.session.means.store.jobs(**filters))

    async def reconcile(self, timeout: float = 300.0, *, wait: bool = True) -> list[tuple[str, str, str]]:
        """Take over every unfinished job whose worker is gone."""
        return await self.shell.run(work.reconcile(self.session, Wishes(timeout=timeout), wait=wait))

    async def close(self) -> None:
        """Close everything."""
        await self.shell.close()
        await asyncio.to_thread(self.session.means.store.close)
        if self._world is not None:
            self._world.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
