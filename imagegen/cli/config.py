"""`imagegen config`: the settings in force and where each comes from.  A secret shows as where it lives, no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagegen import plugins, settings

from .options import Json
from .output import OK, print_json
from .render import plain, show, table, whole

if TYPE_CHECKING:
    from imagegen.plugins import Registry
    from imagegen.settings import Config, InForce


def command(*, as_json: Json = False) -> int:
    """
    Show the settings in force and where each comes from.

    The strongest first: the environment, imagegen.toml here, imagegen.toml in your config folder, the default.
    """
    registry = plugins.installed()
    config = settings.load(registry=registry)
    if as_json:
        print_json(_as_dict(registry, config))
    else:
        _show(registry, config)
    return OK


def _core(config: Config) -> list[tuple[str, str, str]]:
    """Return the settings of imagegen itself: name, value, origin."""
    home = "environment IMAGEGEN_HOME" if config.environ.get("IMAGEGEN_HOME") else "default"
    rows = [("home", str(config.home), home)]
    defaults = {
        "default_provider": "none: the only one with a key",
        "output": str(config.home / "images"),
        "namespace": "default",
    }
    for name, default in defaults.items():
        found = next((i for i, t in enumerate(config.tables) if name in t), None)
        origin = "default" if found is None else str(config.files[found])
        rows.append((name, default if found is None else str(config.word(name)), origin))
    return rows


def shown(one: InForce) -> str:
    """Return a value for people; a secret is its reference (`env:NAME`) or `<secret>`."""
    return str(one.value)


def _as_dict(registry: Registry, config: Config) -> dict[str, Any]:
    return {
        "files": [str(file) for file in config.files],
        "looked_for": [str(file) for file in settings.candidates(config.environ)],
        "no_effect": list(config.strangers(registry)),
        "core": {name: {"value": value, "origin": origin} for name, value, origin in _core(config)},
        "providers": {
            provider.name: {one.name: {"value": shown(one), "origin": one.origin} for one in config.of(provider)}
            for provider in registry.providers.values()
        },
    }


def _show(registry: Registry, config: Config) -> None:
    found = {str(file) for file in config.files}
    for file in map(str, settings.candidates(config.environ)):
        show(whole(f"{file}: {'read' if file in found else 'not there'}", "" if file in found else "dim"))
    rows = table("setting", "value", "comes from")
    for name, value, origin in _core(config):
        rows.add_row(name, plain(value), plain(origin, "dim"))
    for provider in registry.providers.values():
        for one in config.of(provider):
            rows.add_row(f"{provider.name}.{one.name}", plain(shown(one)), plain(one.origin, "dim"))
        lacking = [s for s in provider.settings if s.missing(config.values(provider))]
        for setting in lacking:
            how = f"set {setting.env}" if setting.env else "set it in imagegen.toml"
            rows.add_row(f"{provider.name}.{setting.name}", plain("missing", "yellow"), plain(how, "yellow"))
    show(plain(""), rows)
    for words in config.strangers(registry):
        show(plain(words, "yellow"))
