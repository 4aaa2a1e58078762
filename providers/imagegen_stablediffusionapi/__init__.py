"""
stablediffusionapi.com: providers `stablediffusionapi` (shared service) and `stablediffusionapi-enterprise`.

The vendor is the one behind ModelsLab, so this package builds on the documented public rooms of
`imagegen_modelslab` (its docstring names them).
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import TYPE_CHECKING, Any

from imagegen.hookspecs import hookimpl

if TYPE_CHECKING:
    from imagegen.provider import Provider


@hookimpl
def imagegen_providers() -> Iterable[Provider]:
    """Offer both services."""
    from .provider import StableDiffusionApi, StableDiffusionApiEnterprise

    return (StableDiffusionApi(), StableDiffusionApiEnterprise())


@hookimpl
def imagegen_catalogue() -> Iterable[str]:
    """Offer the ids of the vendor's own examples."""
    return (resources.files(__name__).joinpath("catalogue.toml").read_text("utf-8"),)


@hookimpl
def imagegen_emulators() -> Iterable[Any]:
    """Offer the emulators of both services."""
    from .emulator import emulators

    return emulators()
