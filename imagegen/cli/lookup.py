"""Asks a provider about what lies at the vendor (a template, a model, a list of models).  Free of charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagegen.errors import InvalidInput, NotConfigured
from imagegen.provider import LooksUp

from .output import OK, print_json
from .render import heading, indented, plain, short, show, table
from .session import ask_vendor, choose, empty_order, open_client, ready_at

if TYPE_CHECKING:
    from rich.console import RenderableType

    from imagegen.client import Client


def look_up(what: str, ref: str, named: Sequence[str], *, emulated: bool, as_json: bool) -> int:
    """Ask every provider that is meant, and print what it says."""
    with open_client(emulated=emulated) as client:
        found = {name: ask(client, name, what, ref) for name in choose(client, named)}
    if as_json:
        print_json(found)
        return OK
    for name, answer in found.items():
        show(heading(name), indented(answer_view(answer)))
    return OK


def ask(client: Client, name: str, what: str, ref: str) -> Any:
    """Ask one provider."""
    order = empty_order(client, name)
    if not isinstance(order.provider, LooksUp):
        raise InvalidInput(f"offers no question about {what.removesuffix('s')}s.", provider=name)
    if not ready_at(client, order.provider):
        lacking = [s.env or s.name for s in order.provider.settings if s.missing(client.session.values(order.provider))]
        raise NotConfigured(f"no key is set; set {', '.join(lacking)}, or use --emulated.", provider=name)
    return ask_vendor(client, order, order.provider.look_up(what, ref, client.session.values(order.provider)))


def answer_view(answer: Any) -> RenderableType:
    """Return plain JSON as a person reads it: a list as a table, an object as names and values."""
    if isinstance(answer, Sequence) and not isinstance(answer, str) and answer and isinstance(answer[0], Mapping):
        names = list(dict.fromkeys(name for row in answer for name in row))
        rows = table(*names)
        for row in answer:
            rows.add_row(*(plain(short(row[name]) if row.get(name) is not None else "-") for name in names))
        return rows
    if isinstance(answer, Mapping):
        rows = table("", "")
        rows.show_header = False
        for name, value in answer.items():
            if value in (None, "", [], {}):
                continue
            nested = isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping)
            rows.add_row(plain(name), answer_view(value) if nested else plain(short(value, 400)))
        return rows
    return plain(short(answer, 2000))
