"""The client that awaits: the names and arguments of the one that blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Self, Unpack

from .opened import Opened, Options, both, wishes_of

if TYPE_CHECKING:
    import asyncio
    import os

    from imagegen.events import Event
    from imagegen.ledger import JobRow
    from imagegen.plans import Plan
    from imagegen.provider import Quote
    from imagegen.result import Result
    from imagegen.router import Route
    from imagegen.shells import AsyncShell


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

    async def result(self, timeout: float | None = None, *, output: str | os.PathLike[str] | None = None) -> Result:
        """
        Wait for the result; after *timeout* seconds a `deadline_exceeded` error, and the job goes on.

        *output* is another folder for what has yet to be stored of a job from the ledger.
        """
        import asyncio

        from imagegen.errors import ImagegenError
        from imagegen.work import result_of

        if self._task is None:
            wishes = wishes_of({"timeout": timeout, "output": output})
            return await self._client.shell.run(result_of(self._client.session, self._id, wishes))
        try:
            return await asyncio.wait_for(asyncio.shield(self._task), timeout)
        except TimeoutError:
            raise ImagegenError("not ready yet; it goes on.", kind="deadline_exceeded", job_id=self._id) from None

    async def cancel(self) -> bool:
        """Ask the vendor to stop; best effort, True only when the vendor confirmed it."""
        from imagegen.work import cancel

        return await self._client.shell.run(cancel(self._client.session, await self.id()))

    def _listen(self, event: Event) -> None:
        if event.job_id and not self._known.done():
            self._id = event.job_id
            self._known.set_result(None)
        self._heard.put_nowait(event)


class AsyncClient(Opened):
    """Makes pictures by awaiting; the names and arguments of `Client`.  Close it, or use `async with`."""

    _shell: AsyncShell | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _tasks: set[asyncio.Task[Result]]

    def __init__(self, **options: Any) -> None:
        """Open a client; the options are those of `Client`."""
        super().__init__(**options)
        self._tasks = set()  # of `submit`: an event loop itself keeps no task alive

    def _connect(self) -> Any:
        from imagegen.transport import AsyncTransport

        return AsyncTransport()

    @property
    def shell(self) -> AsyncShell:
        """Performs this client's effects, in the event loop that it was first used in."""
        import asyncio

        loop = asyncio.get_running_loop()
        if self._loop not in (None, loop):
            from imagegen.errors import InvalidInput

            raise InvalidInput("an AsyncClient belongs to the event loop that it was first used in; open one for each")
        if self._shell is None:
            from imagegen.shells import AsyncShell
            from imagegen.transport import AsyncLocal

            if self.world is not None:
                self._transport = AsyncLocal(self.world.send, self.world.sleep)
            self._loop, self._shell = loop, AsyncShell(self._transport, self._tell)
        return self._shell

    async def plan(self, request: Any, provider: str | None = None, **wishes: Unpack[Options]) -> Plan:
        """Plan with this client's settings and state.  Free of cost; local input files are read."""
        return (await self.shell.run(self._orders(request, provider, wishes)))[0].plan

    async def quote(self, request: Any, provider: str | None = None, **wishes: Unpack[Options]) -> Quote:
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

        from imagegen.shells import AsyncShell

        job = AsyncJob(self)
        shell = AsyncShell(self.shell.transport, both(job._listen, self._tell))
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
        from imagegen.work import find

        return await self.shell.run(find(self.session, job_id))

    async def jobs(self, **filters: Any) -> list[JobRow]:
        """Return jobs from the ledger, newest first (`state=`, `provider=`, `labels=`, `limit=`)."""
        import asyncio

        return await asyncio.to_thread(lambda: self.session.means.store.jobs(**filters))

    async def reconcile(
        self, timeout: float = 300.0, *, wait: bool = True, output: str | os.PathLike[str] | None = None
    ) -> list[tuple[str, str, str]]:
        """
        Take over every unfinished job whose worker is gone: `(job id, state, what a person should know)`.

        *timeout* is in seconds for each job; *output* another folder than the one that each was begun with.
        """
        from imagegen.work import reconcile

        wishes = wishes_of({"timeout": timeout, "output": output})
        return await self.shell.run(reconcile(self.session, wishes, wait=wait))

    async def close(self) -> None:
        """Wait for background jobs and close everything."""
        import asyncio

        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._transport is not None:
            await self._transport.close()
        if self._session is not None:
            await asyncio.to_thread(self._session.close)
        self._closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
