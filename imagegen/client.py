"""
`Client` and `AsyncClient`: the same names, one blocking, one awaiting.  Thin: what they do is in `imagegen.work`.

    with Client.from_config() as client:
        result = client.generate(request, provider="...")

A new client holds open connections and nothing else; plugins, catalogues and the ledger are read on first use.
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

if TYPE_CHECKING:
    import asyncio
    import random
    from concurrent.futures import Future, ThreadPoolExecutor
    from decimal import Decimal

    from .effects import Work
    from .emulator.inprocess import InProcess
    from .events import Event
    from .ledger import JobRow, Store
    from .plans import Plan
    from .plugins import Registry
    from .provider import Price
    from .result import Result
    from .retry import RetryPolicy
    from .router import Route
    from .shells import AsyncShell, Shell
    from .work import Order, Session, Wishes

WORKERS = 16  # threads for `submit`; one job each


class Options(TypedDict, total=False):
    """
    How a request is to be carried out; nothing of it changes the picture.

    Attributes:
        idempotency_key: the same key with the same request is the same job, from any process; with another, an error.
        timeout: seconds until `deadline_exceeded`; what the vendor has accepted goes on.
        max_price: refuse what may cost more; what has no known price is refused too, unless *allow_unpriced*.
        output: folder for the results.
        form: which of the provider's forms of the request to use, where it has several.
        run: a name that a budget per run counts together; a client has one of its own.
    """

    idempotency_key: str | None
    timeout: float | None
    max_price: Decimal | float | str | None
    allow_unpriced: bool
    output: str | os.PathLike[str] | None
    form: str | None
    run: str


class _Opened:
    """What both clients share: options, and the session that is built from them on first use."""

    def __init__(
        self,
        *,
        emulated: bool = False,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        home: str | os.PathLike[str] | None = None,
        output: str | os.PathLike[str] | None = None,
        registry: Registry | None = None,
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
            registry: plugins other than the installed ones; *ledger*: a store other than the one in *home*.
            private_hosts: allow results on private addresses (the base URL's own host always is).
            dice: draws seeds and waits; *policy*: how often a paid call is tried.
            on_event: hears everything that happens.
        """
        self._emulated, self._given, self._output = emulated, settings, output
        self._home = Path(home) if home is not None else None
        self._registry, self._store, self._private_hosts = registry, ledger, private_hosts
        self._dice, self._policy = dice, policy
        self._listeners: list[Callable[[Event], None]] = [on_event] if on_event else []
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._world: InProcess | None = None
        self._transport: Any = None
        if emulated:
            _ = self.session
        else:
            self._transport = self._connect()

    @classmethod
    def from_config(cls, **options: Any) -> Self:
        """Open a client and read the settings files and the plugins at once, so that their faults show now."""
        client = cls(**options)
        _ = client.session
        return client

    @property
    def session(self) -> Session:
        """What is kept between jobs; built once, on first use."""
        if self._session is None:
            from .sessions import open_session

            with self._lock:
                if self._session is None:  # another thread may have been quicker
                    self._world, self._session = open_session(
                        emulated=self._emulated,
                        given=self._given,
                        home=self._home,
                        output=self._output,
                        registry=self._registry,
                        ledger=self._store,
                        private_hosts=self._private_hosts,
                        dice=self._dice,
                        policy=self._policy,
                    )
        return self._session

    @property
    def world(self) -> InProcess | None:
        """The emulated world of `emulated=True`, else None."""
        _ = self.session
        return self._world

    def _connect(self) -> Any:
        """Open the connections (each client has its own kind)."""

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            _heard(listener, event)
        hook = self.session.desk.registry.manager.hook.imagegen_event
        if hook.get_hookimpls():
            _heard(lambda event: hook(event=event), event)

    def _name(self, provider: str | None) -> str:
        return provider or self.session.desk.config.choose(self.session.desk.registry)

    def _orders(self, request: Any, provider: str | None, wishes: Mapping[str, Any]) -> Work[list[Order]]:
        from .work import prepare

        _check(request)
        return prepare(self.session, request, [self._name(provider)], _wishes(wishes))

    def _generation(
        self, request: Any, provider: str | None, route: Route | None, wishes: Mapping[str, Any]
    ) -> Work[Result]:
        from .work import generate

        _check(request)
        if route is None:
            return generate(self.session, request, self._name(provider), _wishes(wishes))
        from .errors import InvalidInput
        from .router import routed

        if provider is not None:
            raise InvalidInput("give provider= or route=, not both")
        return routed(self.session, request, route, _wishes(wishes))


def _wishes(words: Mapping[str, Any]) -> Wishes:
    from .money import amount_or_none
    from .work import Wishes

    unknown = sorted(words.keys() - Options.__annotations__.keys())
    if unknown:
        raise TypeError(f"unexpected keyword {unknown[0]!r}; there are: {', '.join(sorted(Options.__annotations__))}")
    known = dict(words)
    known["max_price"] = amount_or_none(known.get("max_price"), "max_price")
    if known.get("output") is not None:
        known["output"] = Path(known["output"])
    return Wishes(**known)


def _check(request: Any) -> None:
    """Refuse what is no request (a bare prompt, a mapping) with a word on what to write."""
    from attrs import has

    if not has(type(request)):
        from .errors import InvalidInput

        raise InvalidInput(f"a request is needed, GenerationRequest(prompt=...) for instance, not {type(request)}")


def _heard(listener: Callable[[Event], None], event: Event) -> None:
    """Tell one listener; one that fails must not stop a job that is being paid for."""
    try:
        listener(event)
    except Exception as error:
        import logging

        words = "a listener failed at the event %s of job %s: %s"
        logging.getLogger("imagegen").warning(words, event.kind, event.job_id, type(error).__name__)


def _both(first: Callable[[Event], None], second: Callable[[Event], None]) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        first(event)
        second(event)

    return tell


# --- blocking ----------------------------------------------------------------------------------------------------


class Job:
    """
    A job that runs in the background of a `Client`, or one that the ledger knows.

    `id`, `state` and `events()` can be asked at any time; `result()` waits.
    """

    def __init__(self, client: Client, job_id: str = "") -> None:
        from queue import SimpleQueue

        self._client, self._id = client, job_id
        self._future: Future[Result] | None = None
        self._heard: SimpleQueue[Event | None] = SimpleQueue()
        self._known = threading.Event()
        if job_id:
            self._known.set()
            self._heard.put(None)

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
        self._heard.put(None)  # whoever asks again is told at once that it is over

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result; after *timeout* seconds a `deadline_exceeded` error, and the job goes on."""
        from .errors import ImagegenError
        from .work import Wishes, result_of

        if self._future is None:
            return self._client.shell.run(result_of(self._client.session, self._id, Wishes(timeout=timeout)))
        try:
            return self._future.result(timeout)
        except TimeoutError:
            raise ImagegenError("not ready yet; it goes on.", kind="deadline_exceeded", job_id=self.id) from None

    def cancel(self) -> bool:
        """Ask the vendor to stop; best effort, True only when the vendor confirmed it."""
        from .work import cancel

        return self._client.shell.run(cancel(self._client.session, self.id))

    def _listen(self, event: Event) -> None:
        if event.job_id and not self._known.is_set():
            self._id = event.job_id
            self._known.set()
        self._heard.put(event)


class Client(_Opened):
    """Makes pictures by blocking.  Safe to share between threads; close it, or use `with`."""

    _pool: ThreadPoolExecutor | None = None
    _shell: Shell | None = None

    def _connect(self) -> Any:
        from .transport import Transport

        return Transport()

    @property
    def shell(self) -> Shell:
        """Performs this client's effects."""
        if self._shell is None:
            from .shells import Shell
            from .transport import Local

            with self._lock:
                if self.world is not None and self._transport is None:
                    self._transport = Local(self.world.send, self.world.sleep)
                self._shell = self._shell or Shell(self._transport, self._tell)
        return self._shell

    @shell.setter
    def shell(self, shell: Shell) -> None:
        self._shell = shell

    def plan(self, request: Any, provider: str | None = None, **wishes: Unpack[Options]) -> Plan:
        """Plan with this client's settings and state.  Free of cost; local input files are read."""
        return self.shell.run(self._orders(request, provider, wishes))[0].plan

    def quote(self, request: Any, provider: str | None = None, **wishes: Unpack[Options]) -> Price:
        """Price with this client's settings and state."""
        return self.shell.run(self._orders(request, provider, wishes))[0].price

    def generate(
        self, request: Any, provider: str | None = None, *, route: Route | None = None, **wishes: Unpack[Options]
    ) -> Result:
        """
        Make the picture and wait for it, at *provider* (or the configured default), or along a *route*.

        Keywords: see `Options`.  Raises `ImagegenError`, whose `kind` says what happened and whose `charged` says
        whether money may be gone.
        """
        return self.shell.run(self._generation(request, provider, route, wishes))

    run = generate  # any request class

    def submit(
        self, request: Any, provider: str | None = None, *, route: Route | None = None, **wishes: Unpack[Options]
    ) -> Job:
        """Start a job in the background and return its handle."""
        from concurrent.futures import ThreadPoolExecutor

        from .shells import Shell

        with self._lock:
            self._pool = self._pool or ThreadPoolExecutor(WORKERS, thread_name_prefix="imagegen")
        job = Job(self)
        shell = Shell(self.shell.transport, _both(job._listen, self._tell))
        made = self._generation(request, provider, route, wishes)

        def carry_out() -> Result:
            try:
                return shell.run(made)
            finally:
                job._heard.put(None)

        job._future = self._pool.submit(carry_out)
        return job

    def job(self, job_id: str) -> Job:
        """Return a job that the ledger knows; `result()` picks it up where it stands."""
        return Job(self, self.row(job_id).id)

    def row(self, job_id: str) -> JobRow:
        """Return the ledger's row of a job."""
        from .work import find

        return self.shell.run(find(self.session, job_id))

    def jobs(self, **filters: Any) -> list[JobRow]:
        """Return jobs from the ledger, newest first (`state=`, `provider=`, `labels=`, `limit=`)."""
        return self.session.means.store.jobs(**filters)

    def reconcile(self, timeout: float = 300.0, *, wait: bool = True) -> list[tuple[str, str, str]]:
        """Take over every unfinished job whose worker is gone: `(job id, state, what a person should know)`."""
        from .work import Wishes, reconcile

        return self.shell.run(reconcile(self.session, Wishes(timeout=timeout), wait=wait))

    def close(self) -> None:
        """Wait for background jobs and close everything."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        if self._transport is not None:
            self._transport.close()
        if self._session is not None:
            self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


# --- awaiting ----------------------------------------------------------------------------------------------------


class AsyncJob:
    """A job that runs as a task of an `AsyncClient`; the names of `Job`, with `await`."""

    def __init__(self, client: AsyncClient, job_id: str = "") -> None:
        import asyncio

        self._client, self._id = client, job_id
        self._task: asyncio.Task[Result] | None = None
        self._heard: asyncio.Queue[Event | None] = asyncio.Queue()
        self._known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if job_id:
            self._known.set_result(None)
            self._heard.put_nowait(None)

    async def id(self) -> str:
        """Our id; waits for the moment until the job is in the ledger, raises what kept it out."""
        import asyncio

        if self._task is not None:
            first: set[asyncio.Future[Any]] = {self._known, self._task}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        return self._id or (await self.result()).job_id

    async def state(self) -> str:
        """The job's state in the ledger."""
        row = await self._client.row(await self.id())
        return row.state

    async def events(self) -> AsyncIterator[Event]:
        """Yield news until the job is over."""
        while (event := await self._heard.get()) is not None:
            yield event
        self._heard.put_nowait(None)  # whoever asks again is told at once that it is over

    async def result(self, timeout: float | None = None) -> Result:
        """Wait for the result; after *timeout* seconds a `deadline_exceeded` error, and the job goes on."""
        import asyncio

        from .errors import ImagegenError
        from .work import Wishes, result_of

        if self._task is None:
            return await self._client.shell.run(result_of(self._client.session, self._id, Wishes(timeout=timeout)))
        try:
            return await asyncio.wait_for(asyncio.shield(self._task), timeout)
        except TimeoutError:
            raise ImagegenError("not ready yet; it goes on.", kind="deadline_exceeded", job_id=self._id) from None

    async def cancel(self) -> bool:
        """Ask the vendor to stop; best effort, True only when the vendor confirmed it."""
        from .work import cancel

        return await self._client.shell.run(cancel(self._client.session, await self.id()))

    def _listen(self, event: Event) -> None:
        if event.job_id and not self._known.done():
            self._id = event.job_id
            self._known.set_result(None)
        self._heard.put_nowait(event)


class AsyncClient(_Opened):
    """Makes pictures by awaiting; the names and arguments of `Client`.  Close it, or use `async with`."""

    _shell: AsyncShell | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _tasks: set[asyncio.Task[Result]]

    def __init__(self, **options: Any) -> None:
        """Open a client; the options are those of `Client`."""
        super().__init__(**options)
        self._tasks = set()  # of `submit`: an event loop itself keeps no task alive

    def _connect(self) -> Any:
        from .transport import AsyncTransport

        return AsyncTransport()

    @property
    def shell(self) -> AsyncShell:
        """Performs this client's effects, in the event loop that it was first used in."""
        import asyncio

        loop = asyncio.get_running_loop()
        if self._loop not in (None, loop):
            from .errors import InvalidInput

            raise InvalidInput("an AsyncClient belongs to the event loop that it was first used in; open one for each")
        if self._shell is None:
            from .shells import AsyncShell
            from .transport import AsyncLocal

            if self.world is not None:
                self._transport = AsyncLocal(self.world.send, self.world.sleep)
            self._loop, self._shell = loop, AsyncShell(self._transport, self._tell)
        return self._shell

    async def plan(self, request: Any, provider: str | None = None, **wishes: Unpack[Options]) -> Plan:
        """Plan with this client's settings and state.  Free of cost; local input files are read."""
        return (await self.shell.run(self._orders(request, provider, wishes)))[0].plan

    async def quote(self, request: Any, provider: str | None = None, **wishes: Unpack[Options]) -> Price:
        """Price with this client's settings and state."""
        return (await self.shell.run(self._orders(request, provider, wishes)))[0].price

    async def generate(
        self, request: Any, provider: str | None = None, *, route: Route | None = None, **wishes: Unpack[Options]
    ) -> Result:
        """Make the picture and wait for it; see `Client.generate`."""
        return await self.shell.run(self._generation(request, provider, route, wishes))

    run = generate  # any request class

    async def submit(
        self, request: Any, provider: str | None = None, *, route: Route | None = None, **wishes: Unpack[Options]
    ) -> AsyncJob:
        """Start a job as a task and return its handle."""
        import asyncio

        from .shells import AsyncShell

        job = AsyncJob(self)
        shell = AsyncShell(self.shell.transport, _both(job._listen, self._tell))
        made = self._generation(request, provider, route, wishes)

        async def carry_out() -> Result:
            try:
                return await shell.run(made)
            finally:
                job._heard.put_nowait(None)

        job._task = asyncio.create_task(carry_out())
        self._tasks.add(job._task)
        job._task.add_done_callback(self._tasks.discard)
        return job

    async def job(self, job_id: str) -> AsyncJob:
        """Return a job that the ledger knows; `result()` picks it up where it stands."""
        return AsyncJob(self, (await self.row(job_id)).id)

    async def row(self, job_id: str) -> JobRow:
        """Return the ledger's row of a job."""
        from .work import find

        return await self.shell.run(find(self.session, job_id))

    async def jobs(self, **filters: Any) -> list[JobRow]:
        """Return jobs from the ledger, newest first (`state=`, `provider=`, `labels=`, `limit=`)."""
        import asyncio

        return await asyncio.to_thread(lambda: self.session.means.store.jobs(**filters))

    async def reconcile(self, timeout: float = 300.0, *, wait: bool = True) -> list[tuple[str, str, str]]:
        """Take over every unfinished job whose worker is gone: `(job id, state, what a person should know)`."""
        from .work import Wishes, reconcile

        return await self.shell.run(reconcile(self.session, Wishes(timeout=timeout), wait=wait))

    async def close(self) -> None:
        """Wait for background jobs and close everything."""
        import asyncio

        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._transport is not None:
            await self._transport.close()
        if self._session is not None:
            await asyncio.to_thread(self._session.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
