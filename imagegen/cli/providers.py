"""`imagegen providers`: who is installed, what is ready, what failed to load; `show NAME` tells all of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cyclopts import App

from imagegen import plugins
from imagegen.provider import Capability, Choice, Range

from .options import Json
from .output import OK, print_json
from .render import heading, indented, plain, show, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from imagegen.plugins import Registry
    from imagegen.provider import Provider, Setting
    from imagegen.settings import Config

app = App(name="providers", help="List the installed providers, or show one.")


@app.default
def list_all(*, as_json: Json = False) -> int:
    """List the installed providers, whether a key is set, and what failed to load."""
    registry, config = _here()
    if as_json:
        broken = [{"name": one.name, "reason": one.reason} for one in registry.broken]
        print_json({"providers": [as_dict(p, config) for p in registry.providers.values()], "broken": broken})
        return OK
    rows = table("name", "key", "who, and what it makes")
    for provider in registry.providers.values():
        who = plain(f"{provider.title}\n").append(_makes(provider), "dim")
        ready = plain("no key", "yellow") if missing(provider, config) else plain("set", "green")
        rows.add_row(plain(provider.name, "bold"), ready, who)
    show(rows)
    for provider in registry.providers.values():
        if lacking := missing(provider, config):
            names = ", ".join(setting.env or setting.name for setting in lacking)
            show(plain(f"{provider.name} needs {names}; --emulated needs none.", "dim"))
    for one in registry.broken:
        show(plain(f"{one.name} failed to load and is skipped: {one.reason}", "red"))
    return OK


@app.command(name="show")
def show_one(name: str, /, *, as_json: Json = False) -> int:
    """
    Show one provider: settings, capabilities, limits, and what was ever checked against the live vendor.

    Parameters
    ----------
    name
        As `imagegen providers` lists it.
    """
    registry, config = _here()
    provider = registry.provider(name)
    if as_json:
        print_json(as_dict(provider, config, full=True))
    else:
        show(*provider_view(provider, config))
    return OK


def _here() -> tuple[Registry, Config]:
    from imagegen import settings

    registry = plugins.installed()
    return registry, settings.load(registry=registry)


def _makes(provider: Provider) -> str:
    return ", ".join(cls.__name__ for cls in provider.capabilities)


def missing(provider: Provider, config: Config) -> tuple[Setting, ...]:
    """Return the settings without which nothing works."""
    values = config.values(provider)
    return tuple(setting for setting in provider.settings if setting.missing(values))


def describe(capability: Capability) -> str:
    """Return what a vendor takes, in words."""
    match capability:
        case Range():
            return _range(capability)
        case Choice():
            return ", ".join(capability.values)
        case _:
            return capability.note or "yes"


def _range(span: Range) -> str:
    step = f", in steps of {_number(span.step)}" if span.step not in (None, 1) else ""
    if span.high is None:
        return f"{'any number' if span.low is None else f'from {_number(span.low)}'}{step}"
    return f"{'up to' if span.low is None else f'{_number(span.low)} to'} {_number(span.high)}{step}"


def _number(value: float | None) -> str:
    whole = value is not None and float(value).is_integer()
    return str(int(value)) if whole and value is not None else str(value)


def as_dict(provider: Provider, config: Config, *, full: bool = False) -> dict[str, Any]:
    """Return a provider as plain JSON."""
    made: dict[str, Any] = {
        "name": provider.name,
        "title": provider.title,
        "ready": not missing(provider, config),
        "missing": [setting.env or setting.name for setting in missing(provider, config)],
        "requests": [cls.__name__ for cls in provider.capabilities],
        "unit": provider.unit,
        "resend": provider.resend,
        "verified": provider.verified,
    }
    if full:
        made["limits"] = _limits(provider)
        made["hosts"] = sorted(provider.hosts(config.values(provider)))
        made["settings"] = [
            {"name": s.name, "env": s.env, "default": s.default, "secret": s.secret, "required": s.required}
            | {"help": s.help, "choices": list(s.choices)}
            for s in provider.settings
        ]
        made["capabilities"] = {
            cls.__name__: {field: describe(what) for field, what in fields.items()}
            for cls, fields in provider.capabilities.items()
        }
    return made


def _limits(provider: Provider) -> Mapping[str, Any]:
    limits = provider.limits
    return {
        "per_second": limits.per_second,
        "concurrent": limits.concurrent,
        "n_per_call": limits.n_per_call,
        "poll_seconds": limits.poll_seconds,
    }


def provider_view(provider: Provider, config: Config) -> list[RenderableType]:
    """Return all of one provider for reading."""
    limits = _limits(provider)
    said = "not documented"
    facts = table("", "")
    facts.show_header = False
    facts.add_row("pictures per call", str(limits["n_per_call"]))
    facts.add_row("requests per second", said if limits["per_second"] is None else f"{limits['per_second']:g}")
    facts.add_row("jobs at once", said if limits["concurrent"] is None else str(limits["concurrent"]))
    facts.add_row("billed by", provider.unit)
    resend = "with the vendor's own key" if provider.resend == "with_key" else "never: a lost answer is held for you"
    facts.add_row("resends a paid call", resend)
    facts.add_row("the key goes only to", plain(", ".join(sorted(provider.hosts(config.values(provider))))))
    facts.add_row("checked live", plain(provider.verified or "nothing; all of it is from the vendor's documents"))
    view: list[RenderableType] = [heading(provider.name, provider.title), indented(facts)]
    view += [plain("\nSettings", "bold"), indented(_settings(provider, config))]
    for cls, fields in provider.capabilities.items():
        rows = table("field", "takes")
        for name, what in fields.items():
            rows.add_row(name, plain(describe(what)))
        view.append(plain(f"\n{cls.__name__}", "bold"))
        view.append(indented(rows if fields else plain("see the documentation", "dim")))
    return view


def _settings(provider: Provider, config: Config) -> RenderableType:
    in_force = {one.name: one.origin for one in config.of(provider)}
    rows = table("setting", "environment", "comes from", "what for")
    for setting in provider.settings:
        origin = in_force.get(setting.name, "-" if not setting.required else "missing")
        words = setting.help + (f" One of: {', '.join(setting.choices)}." if setting.choices else "")
        rows.add_row(setting.name, setting.env or "-", plain(origin), plain(words, "dim"))
    return rows
