"""The client that blocks, and the handle of a job that runs in its background."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self, Unpack

from .opened import Opened, Options, both, wishes_of

if TYPE_CHECKING:
    import os
    from concurrent.futures import Future, ThreadPoolExecutor

    from imagegen.events import Event
    from imagegen.ledger import JobRow
    from imagegen.plans import Plan
    from imagegen.provider import Quote
    from imagegen.result import Result
    from imagegen.router import Route
    from imagegen.shells import Shell

WORKERS = 16  # threads for `submit`; one job each


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

    def result(self, timeout: float | None = None, *, output: str | os.PathLike[str] | None = None) -> Result:
        """
        Wait for the result; after *timeout* seconds a `deadline_exceeded` error, and the job goes on.

        *output* is another folder for what has yet to be stored of a job from the ledger.
        """
        from imagegen.errors import ImagegenError
        from imagegen.work import result_of

        if self._future is None:
            wishes = wishes_of({"timeout": timeout, "output": output})
            return self._client.shell.run(result_of(self._client.session, self._id, wishes))
        try:
            return self._future.result(timeout)
        except TimeoutError:
            raise ImagegenError("not ready yet; it goes on.", kind="deadline_exceeded", job_id=self.id) from None

    def cancel(self) -> bool:
        """Ask the vendor to stop; best effort, True only when the vendor confirmed it."""
        from imagegen.work import cancel

        return self._client.shell.run(cancel(self._client.session, self.id))

    def _listen(self, event: Event) -> None:
        if event.job_id and not self._known.is_set():
            self._id = event.job_id
            self._known.set()
        self._heard.put(event)


class Client(Opened):
    """Makes pictures by blocking.  Safe to share between threads; close it, or use `with`."""

    _pool: ThreadPoolExecutor | None = None
    _shell: Shell | None = None

    def _connect(self) -> Any:
        from imagegen.transport import Transport

        return Transport()

    @property
    def shell(self) -> Shell:
        """Performs this client's effects."""
        if self._shell is None:
            from imagegen.shells import Shell
            from imagegen.transport import Local

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

    def quote(self, request: Any, provider: str | None = None, **wishes: Unpack[Options]) -> Quote:
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

        from imagegen.shells import Shell

        with self._lock:
            self._pool = self._pool or ThreadPoolExecutor(WORKERS, thread_name_prefix="imagegen")
        job = Job(self)
        shell = Shell(self.shell.transport, both(job._listen, self._tell))
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
        from imagegen.work import find

        return self.shell.run(find(self.session, job_id))

    def jobs(self, **filters: Any) -> list[JobRow]:
        """Return jobs from the ledger, newest first (`state=`, `provider=`, `labels=`, `limit=`)."""
        return self.session.means.store.jobs(**filters)

    def reconcile(
        self, timeout: float = 300.0, *, wait: bool = True, output: str | os.PathLike[str] | None = None
    ) -> list[tuple[str, str, str]]:
        """
        Take over every unfinished job whose worker is gone: `(job id, state, what a person should know)`.

        *timeout* is in seconds for each job; *output* another folder than the one that each was begun with.
        """
        from imagegen.work import reconcile

        wishes = wishes_of({"timeout": timeout, "output": output})
        return self.shell.run(reconcile(self.session, wishes, wait=wait))

    def close(self) -> None:
        """Wait for background jobs and close everything."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        if self._transport is not None:
            self._transport.close()
        if self._session is not None:
            self._session.close()
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
