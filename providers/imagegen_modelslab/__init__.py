"""
ModelsLab (https://modelslab.com), provider `modelslab`: community models, API v6.

Rooms that `imagegen_stablediffusionapi`, the same vendor's other services, may use: `dialect`, `service`, `wire`,
`draft`, `models`, `sampling`, `inputs`, `controls`, `planning`, `jobs`, `echo`, `explain`, `pricing`, `operations`,
`model_calls`, `editing`, `realtime`, `newer`, `calls`, `lookup`, `emulator`, `provider.Sibling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

from imagegen.hookspecs import hookimpl

if TYPE_CHECKING:
    from imagegen.provider import Provider


@hookimpl
def imagegen_providers() -> Iterable[Provider]:
    """Offer `modelslab`."""
    from .provider import ModelsLab

    return (ModelsLab(),)


@hookimpl
def imagegen_catalogue() -> Iterable[str]:
    """Offer the ids of the vendor's own examples."""
    return (resources.files(__name__).joinpath("catalogue.toml").read_text("utf-8"),)


@hookimpl
def imagegen_price_book() -> Iterable[Mapping[str, Any]]:
    """Offer what the vendor's pages say about its prices."""
    from imagegen.pricebook import tables

    return tables(resources.files(__name__).joinpath("prices.toml").read_text("utf-8"))


@hookimpl
def imagegen_emulators() -> Iterable[Any]:
    """Offer the vendor's emulator."""
    from .emulator import emulators

    return emulators()
