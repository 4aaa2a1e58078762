"""Finds the plugins, survives the broken ones, and keeps what they offer."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pluggy
from attrs import field, frozen

from . import hookspecs
from .errors import NotConfigured
from .parts import did_you_mean
from .provider import Provider

GROUP = "imagegen"


@frozen(kw_only=True)
class Broken:
    """A plugin that could not be used: named and skipped."""

    name: str
    reason: str


@frozen(kw_only=True)
class Registry:
    """What is installed.  Build one with `load()`, or give `load` other plugins in a test."""

    manager: pluggy.PluginManager
    providers: Mapping[str, Provider]
    broken: tuple[Broken, ...] = field(default=())

    def provider(self, name: str) -> Provider:
        """Return the provider called *name*; a clear error that lists the others."""
        try:
            return self.providers[name]
        except KeyError:
            raise NotConfigured(self.unknown(name)) from None

    def unknown(self, name: str) -> str:
        """Return what to tell somebody who says *name*: what it may be a slip of, and who is installed."""
        known = ", ".join(self.providers) or "none"
        bad = "".join(f" Plugin {b.name} failed to load: {b.reason}." for b in self.broken)
        return f"no provider is called {name!r}{did_you_mean(name, self.providers)}; installed: {known}.{bad}"


def load(plugins: Iterable[tuple[str, Any]] | None = None) -> Registry:
    """Load the installed plugins (or *plugins*, pairs of name and module or object)."""
    manager = pluggy.PluginManager("imagegen")
    manager.add_hookspecs(hookspecs)
    broken: list[Broken] = []
    for name, plugin in _installed(broken) if plugins is None else plugins:
        try:
            manager.register(plugin, name=name)
            manager.check_pending()
        except Exception as error:  # a stranger's plugin may fail in any way
            broken.append(Broken(name=name, reason=f"{type(error).__name__}: {error}"))
            if manager.has_plugin(name):
                manager.unregister(name=name)
    return Registry(manager=manager, providers=_providers(manager, broken), broken=tuple(broken))


def _installed(broken: list[Broken]) -> Iterable[tuple[str, Any]]:
    from importlib.metadata import entry_points  # 23 ms: only when plugins are wanted

    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            yield point.name, point.load()
        except Exception as error:
            broken.append(Broken(name=point.name, reason=f"{type(error).__name__}: {error}"))


def _providers(manager: pluggy.PluginManager, broken: list[Broken]) -> dict[str, Provider]:
    found: dict[str, Provider] = {}
    for impl in manager.hook.imagegen_providers.get_hookimpls():
        try:
            offered: list[Provider] = [*cast(Any, impl.function())]
        except Exception as error:
            broken.append(Broken(name=impl.plugin_name, reason=f"{type(error).__name__}: {error}"))
            continue
        for provider in offered:
            found.setdefault(provider.name, provider)
    return dict(sorted(found.items()))


@functools.cache
def installed() -> Registry:
    """Return the installed plugins; entry points are scanned once per process."""
    return load()
