"""Opens a session: settings, plugins, catalogue, ledger, limits and, for an emulated client, its world."""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import planning, plugins, settings
from .breaker import Breakers
from .downloads import Dress
from .engine import Means
from .ledger import Store
from .ledger.sqlite import SqliteStore
from .limiter import SqliteLimiter, limits_file
from .planning import Desk
from .redaction import Redactor
from .retry import RetryBudget, RetryPolicy
from .work import Order, Session

if TYPE_CHECKING:
    from .emulator.inprocess import InProcess


def open_session(
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
) -> tuple[InProcess | None, Session]:
    """Build what a client keeps between jobs, and the world it talks to if it is emulated."""
    found = registry or plugins.installed()
    config = settings.load(home=home, registry=found)
    settings.check_given(given or {}, found)
    world = _world(config.home, found) if emulated else None
    words = {name: dict(values) for name, values in (given or {}).items()}
    if world is not None:
        for name, provider in found.providers.items():
            words[name] = {**words.get(name, {}), **world.settings_for(provider)}
    session = Session(
        desk=Desk(registry=found, config=config, catalogue=planning.load_catalogue(found, config)),
        means=_means(
            ledger or SqliteStore(config.home / "ledger.sqlite3"),
            config.home,
            clock=time.time if world is None else world.now,
            dice=dice,
            policy=policy,
            limited=world is None,
        ),
        output=Path(output or config.word("output") or config.home / "images"),
        given=words,
        emulated=emulated,
        namespace=str(config.word("namespace") or "default"),
        private_hosts=private_hosts,
        new_id=lambda: f"ig-{secrets.token_hex(6)}",
        dress=_dress,
        world=world,
    )
    return world, session


def _world(home: Path, registry: plugins.Registry) -> InProcess:
    from .emulator.inprocess import open_in_process

    return open_in_process(home, registry=registry)


def _dress(order: Order, redactor: Redactor) -> Dress:
    from .provenance import dresser

    return dresser(order.plan, redactor, order.images, kind=order.kind or type(order.request).__name__)


def _means(
    store: Store,
    home: Path,
    *,
    clock: Callable[[], float],
    dice: random.Random | None,
    policy: RetryPolicy | None,
    limited: bool,
) -> Means:
    limits = limits_file(home / "limits.sqlite3")
    budgets: dict[str, RetryBudget] = {}
    return Means(
        store=store,
        clock=clock,
        dice=dice or random.SystemRandom(),
        policy=policy or RetryPolicy(),
        budget=lambda account: budgets.setdefault(account, RetryBudget()),
        limiter=SqliteLimiter(limits) if limited else None,
        circuits=Breakers(limits),
        nonce=lambda: secrets.token_hex(16),
    )
