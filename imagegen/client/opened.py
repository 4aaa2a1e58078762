"""What both clients share: their options, the session that is built from them, and who is told of events."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict

if TYPE_CHECKING:
    import random
    from decimal import Decimal

    from imagegen.effects import Work
    from imagegen.emulator.inprocess import InProcess
    from imagegen.events import Event
    from imagegen.ledger import Store
    from imagegen.plugins import Registry
    from imagegen.result import Result
    from imagegen.retry import RetryPolicy
    from imagegen.router import Route
    from imagegen.work import Order, Session, Wishes


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


class Opened:
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
        self._closed = False
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
        if self._closed:
            from imagegen.errors import InvalidInput

            raise InvalidInput("the client is closed; open another")
        if self._session is None:
            from imagegen.sessions import open_session

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
        from imagegen.work import prepare

        _check(request)
        return prepare(self.session, request, [self._name(provider)], wishes_of(wishes))

    def _generation(
        self, request: Any, provider: str | None, route: Route | None, wishes: Mapping[str, Any]
    ) -> Work[Result]:
        from imagegen.work import generate

        _check(request)
        if route is None:
            return generate(self.session, request, self._name(provider), wishes_of(wishes))
        from imagegen.errors import InvalidInput
        from imagegen.router import routed

        if provider is not None:
            raise InvalidInput("give provider= or route=, not both")
        return routed(self.session, request, route, wishes_of(wishes))


def _faulty(words: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the words that would be misunderstood: `allow_unpriced="no"` is true in Python."""
    timeout, output = words.get("timeout"), words.get("output")
    if not isinstance(words.get("allow_unpriced", False), bool):
        yield "allow_unpriced", "true or false"
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float))):
        yield "timeout", "seconds"
    if output is not None and not isinstance(output, (str, os.PathLike)):
        yield "output", "a folder"


def wishes_of(words: Mapping[str, Any]) -> Wishes:
    from imagegen.errors import Fault, InvalidInput
    from imagegen.money import amount_or_none
    from imagegen.work import Wishes

    unknown = sorted(words.keys() - Options.__annotations__.keys())
    if unknown:
        raise TypeError(f"unexpected keyword {unknown[0]!r}; there are: {', '.join(sorted(Options.__annotations__))}")
    known = dict(words)
    faults = [Fault(name, f"must be {noun}, not {known[name]!r}") for name, noun in _faulty(known)]
    if faults:
        raise InvalidInput(faults)
    known["max_price"] = amount_or_none(known.get("max_price"), "max_price")
    if known.get("output") is not None:
        known["output"] = Path(known["output"])
    return Wishes(**known)


def _check(request: Any) -> None:
    """Refuse what is no request (a bare prompt, a mapping) with a word on what to write."""
    from attrs import has

    if not has(type(request)):
        from imagegen.errors import InvalidInput

        raise InvalidInput(f"a request is needed, GenerationRequest(prompt=...) for instance, not {type(request)}")


def _heard(listener: Callable[[Event], None], event: Event) -> None:
    """Tell one listener; one that fails must not stop a job that is being paid for."""
    try:
        listener(event)
    except Exception as error:
        import logging

        words = "a listener failed at the event %s of job %s: %s"
        logging.getLogger("imagegen").warning(words, event.kind, event.job_id, type(error).__name__)


def both(first: Callable[[Event], None], second: Callable[[Event], None]) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        first(event)
        second(event)

    return tell
