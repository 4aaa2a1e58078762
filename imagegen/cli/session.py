"""Opens the client of a command and says which providers are meant."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from imagegen.errors import ImagegenError, NotConfigured

if TYPE_CHECKING:
    from imagegen.client import Client
    from imagegen.flow import Flow
    from imagegen.provider import Provider
    from imagegen.work import Order

T = TypeVar("T")


@contextmanager
def open_client(
    *, emulated: bool = False, output: Path | None = None, on_event: Callable[[Any], None] | None = None
) -> Iterator[Client]:
    """Open a client from the settings in force, and close it."""
    from imagegen.client import Client

    try:
        client = Client(emulated=emulated, output=output, on_event=on_event)
    except (OSError, sqlite3.Error) as error:  # the emulated world is opened at once, the ledger when it is used
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        hint = "Name another folder with IMAGEGEN_HOME."
        raise NotConfigured(f"the folder of the ledger cannot be used: {where}{reason}.", hint=hint) from None
    try:
        yield client
    except KeyboardInterrupt:
        raise  # not closed: workers may still write to the ledger; the process ends right after this
    except BaseException:
        client.close()
        raise
    client.close()


def choose(client: Client, named: Sequence[str]) -> tuple[str, ...]:
    """Return who is asked: those that were named, else the configured default, else the only one there is."""
    registry = client.session.desk.registry
    if named:
        return tuple(registry.provider(name).name for name in dict.fromkeys(named))
    config = client.session.desk.config
    if client.session.emulated and not config.word("default_provider"):
        return (_only_emulated(client),)
    return (config.choose(registry),)


def _only_emulated(client: Client) -> str:
    """With the emulator nobody needs a key, so all whose emulator is installed are ready."""
    session = client.session
    ready = [provider.name for provider in session.desk.registry.providers.values() if ready_at(client, provider)]
    if len(ready) == 1:
        return ready[0]
    names = ", ".join(ready) or "none"
    raise NotConfigured(
        f"no provider was named; these can be emulated: {names}.",
        hint="Name one with --provider NAME (repeat it to ask several), or set default_provider in imagegen.toml.",
    )


def ready_at(client: Client, provider: Provider) -> bool:
    """Return whether all secrets of *provider* are set."""
    values = client.session.values(provider)
    return not any(setting.missing(values) for setting in provider.settings if setting.secret)


def free_of_charge(client: Client, provider: Provider) -> bool:
    """Return whether no money can be spent there: it is emulated, or the only key is the emulator's own."""
    if client.session.emulated:
        return True
    from imagegen.emulator import KEY
    from imagegen.placeholders import Secret

    values = client.session.values(provider)
    secrets = [values[s.name] for s in provider.settings if s.secret and isinstance(values.get(s.name), Secret)]
    try:
        return bool(secrets) and all(secret.reveal() == KEY for secret in secrets)
    except LookupError:
        return False


def prepare(client: Client, request: Any, name: str, *, form: str | None = None) -> Order:
    """Plan and price at one provider; local files are read, addresses are fetched if the vendor wants bytes."""
    from imagegen.work import Wishes
    from imagegen.work import prepare as orders

    return client.shell.run(orders(client.session, request, [name], Wishes(form=form)))[0]


def draft_offline(client: Client, request: Any, name: str, *, form: str | None = None) -> Order:
    """Plan and price *request* at one provider without any network."""
    from imagegen.planning import read_images
    from imagegen.work import Wishes, order

    session = client.session
    planned = order(session, request, session.provider(name), read_images(request), Wishes(form=form))
    return client.shell.run(planned)


def at_each(names: Sequence[str], act: Callable[[str], Order]) -> tuple[list[Order], list[ImagegenError]]:
    """Do *act* for every name; a failure at one does not stop the others."""
    made, errors = [], []
    for name in names:
        try:
            made.append(act(name))
        except ImagegenError as error:
            error.provider = error.provider or name
            errors.append(error)
    return made, errors


def empty_order(client: Client, name: str) -> Order:
    """Return an order of nothing, for questions that need no plan."""
    from imagegen.plans import Plan
    from imagegen.provider import Quote
    from imagegen.work import Order

    provider = client.session.provider(name)
    return Order(provider=provider, plan=Plan(provider=name, request={}), price=Quote())


def ask_vendor(client: Client, order: Order, question: Flow[T]) -> T:
    """Ask a provider something that costs nothing."""
    from imagegen.work import ask

    return client.shell.run(ask(client.session, order, question))
