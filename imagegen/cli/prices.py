"""`imagegen prices show|set`: the price book with its sources and days, and what you pay yourself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from imagegen import planning, pricebook, settings

from .options import Json
from .output import OK, print_json
from .render import money, plain, show, table, whole

if TYPE_CHECKING:
    from imagegen.planning import Desk
    from imagegen.pricebook import Row
    from imagegen.provider import Provider

app = App(name="prices", help="Show the price book, or say what you pay.")


@app.command(name="show")
def show_all(
    providers: Annotated[tuple[str, ...], Parameter(help="Only these providers.", metavar="PROVIDER")] = (),
    /,
    *,
    as_json: Json = False,
) -> int:
    """
    Show every price that is known, where it is from, since when, and which one is in force.

    Where a vendor's pages contradict one another nothing is in force until you say which holds for you.
    """
    desk = planning.desk()
    registry = desk.registry
    wanted = [registry.provider(name) for name in providers] or list(registry.providers.values())
    if as_json:
        print_json({"providers": [_as_dict(desk, provider) for provider in wanted], "broken": list(desk.book.broken)})
        return OK
    for provider in wanted:
        _show(desk, provider)
    for fault in desk.book.broken:
        show(plain(f"The price rows of a plugin cannot be read: {fault}", "red"))
    return OK


@app.command(name="set")
def set_words(
    provider: Annotated[str, Parameter(help="Whose price it is.", metavar="PROVIDER")],
    words: Annotated[
        tuple[str, ...],
        Parameter(
            help="What one unit costs in US dollars (0.0047), or NAME=VALUE such as plan=payg; NAME= takes it back.",
            metavar="AMOUNT|NAME=VALUE",
        ),
    ],
    /,
    *,
    source: Annotated[str | None, Parameter(help="Where it is from, e.g. your contract.", metavar="TEXT")] = None,
    here: Annotated[bool, Parameter(help="Only for the working folder, not for all your work.")] = False,
    as_json: Json = False,
) -> int:
    """Say what you pay, or which statement of a vendor holds for you; kept in prices.toml beside imagegen.toml."""
    desk = planning.desk()
    who = desk.registry.provider(provider)
    asked = [*words, *([f"price_source={source}"] if source else [])]
    found = pricebook.read_words(who, asked)
    if any(value and name.startswith("usd_per_") for name, value in found.items()):
        found.setdefault("price_checked_on", time.strftime("%Y-%m-%d"))
        found.setdefault("price_source", "")  # where another amount was from says nothing of this one
    file = (Path.cwd() if here else settings.user_folder(desk.config.environ)) / settings.PRICES
    kept = save(file, who.name, found)
    if as_json:
        print_json({"file": str(file), "provider": who.name, "prices": kept})
    else:
        words_now = ", ".join(f"{name} = {value}" for name, value in kept.items()) or "nothing of your own"
        show(whole(f"{who.name}: {words_now}  ({file})"))
    return OK


def save(file: Path, provider: str, words: Mapping[str, str]) -> dict[str, str]:
    """Write *words* over what the file says of *provider*; an empty one is taken out.  Returns what it says now."""
    import tomli_w

    from imagegen.downloads import write_durably
    from imagegen.request import read_toml

    table = dict(read_toml(file.read_text("utf-8"))) if file.is_file() else {}
    providers = dict(table.get("providers", {}))
    kept = {name: value for name, value in {**providers.get(provider, {}), **words}.items() if value != ""}
    taken = any(not value and name.startswith("usd_per_") for name, value in words.items())
    if taken and not any(name.startswith("usd_per_") for name in kept):  # its day and source went with the amount
        kept = {name: value for name, value in kept.items() if name not in ("price_checked_on", "price_source")}
    providers[provider] = kept
    text = tomli_w.dumps({**table, "providers": {name: one for name, one in providers.items() if one}})
    write_durably(file, f"# Written by `imagegen prices set`; stronger than imagegen.toml beside it.\n{text}".encode())
    return kept


# --- what is shown -----------------------------------------------------------------------------------------------


def _in_force(desk: Desk, provider: Provider) -> dict[str, tuple[str, str]]:
    """Return the price settings of *provider* that have a value: name, value and where it comes from."""
    names = pricebook.price_settings(provider)
    return {one.name: (str(one.value), one.origin) for one in desk.config.of(provider) if one.name in names}


def _as_dict(desk: Desk, provider: Provider) -> dict[str, Any]:
    values = desk.settings(provider)
    rows = [{**row.as_dict(), "in_force": row.holds(values)} for row in desk.book.of(provider.name)]
    own = {name: {"value": value, "origin": origin} for name, (value, origin) in _in_force(desk, provider).items()}
    choices = {name: list(setting.choices) for name, setting in pricebook.price_settings(provider).items()}
    return {"provider": provider.name, "unit": provider.unit, "settings": own, "choices": choices, "rows": rows}


def _show(desk: Desk, provider: Provider) -> None:
    values = desk.settings(provider)
    shown = table("in force", "price", "what", "known since", "source")
    for row in desk.book.of(provider.name):
        holds = plain("yes", "green") if row.holds(values) else plain(f"if {row.when}", "dim")
        text = f"{row.what}\n{row.note}" if row.what and row.note else row.what or row.note
        shown.add_row(holds, plain(_amount(row)), plain(text), row.checked_on, plain(row.source, "dim"))
    show(plain(f"{provider.name}", "bold").append(f"  billed by the {provider.unit}", "not bold dim"))
    if desk.book.of(provider.name):
        show(shown)
    for name, (value, origin) in _in_force(desk, provider).items():
        show(plain(f"{name} = {value}  ({origin})", "cyan" if origin != "default" else "dim"))
    show(plain(""))


def _amount(row: Row) -> str:
    if row.formula:
        return row.formula
    if row.amount == 0:
        return "free"
    return f"{money(row.amount, row.currency)} per {row.unit}"
