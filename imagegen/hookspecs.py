"""The doors that a plugin can open.  A plugin is a module or object under the entry-point group `imagegen`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from .provider import Provider

hookspec = pluggy.HookspecMarker("imagegen")
hookimpl = pluggy.HookimplMarker("imagegen")


@hookspec
def imagegen_providers() -> Iterable[Provider]:
    """
    Offer providers.

    Called once per process by the registry, on first use.  No network, no key look-up, no heavy import.
    """
    return ()


@hookspec
def imagegen_emulators() -> Iterable[Any]:
    """
    Offer emulators of vendors (`imagegen.emulator.Emulator`).

    Called once per emulator chassis, when `imagegen emulate` or an emulated client starts.
    """
    return ()


@hookspec
def imagegen_price_book() -> Iterable[Mapping[str, Any]]:
    """
    Offer rows for the price book (see docs/pricing.md for the columns).

    Called once per price book, by `imagegen prices` and by pricing on first use.
    """
    return ()


@hookspec
def imagegen_catalogue() -> Iterable[str]:
    """
    Offer catalogue files as TOML text.

    Called once per catalogue, on first use; a user's and a project's file win over plugins.
    """
    return ()


@hookspec
def imagegen_event(event: Any) -> None:
    """
    Hear what happens to jobs (`imagegen.events.Event`).

    Called by the shells for every event, in the thread or task that runs the job: be quick, do not raise.
    """


@hookspec(firstresult=True)
def imagegen_rank(request: Any, candidates: Sequence[Any]) -> Sequence[str] | None:  # noqa: ARG001
    """
    Order the candidates of a route (`imagegen.router.Candidate`) by provider name, best first; None passes.

    Called by the router once per routed request, after all candidates were planned and priced.  Pure.
    """
    return None


@hookspec
def imagegen_commands(app: Any) -> None:
    """
    Add commands to the command line (a cyclopts `App`).

    Called once, when the command line starts.
    """
