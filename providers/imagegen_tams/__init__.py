"""TAMS, Tensor.Art's model service, as an imagegen plugin: what is offered at which hook, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from imagegen.hookspecs import hookimpl


@hookimpl
def imagegen_providers() -> Iterable[Any]:
    """Offer the provider."""
    from .provider import Tams

    return (Tams(),)


@hookimpl
def imagegen_catalogue() -> Iterable[str]:
    """Offer the ids that the vendor's pages use in their examples."""
    from importlib.resources import files

    return (files(__name__).joinpath("catalogue.toml").read_text("utf-8"),)


@hookimpl
def imagegen_price_book() -> Iterable[Mapping[str, Any]]:
    """Offer what the vendor's pages say about its prices."""
    from importlib.resources import files

    from imagegen.pricebook import tables

    return tables(files(__name__).joinpath("prices.toml").read_text("utf-8"))


@hookimpl
def imagegen_emulators() -> Iterable[Any]:
    """Offer the vendor's emulator."""
    from .emulator import emulators

    return emulators()
