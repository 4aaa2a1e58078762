"""`imagegen samplers`: what samplers and schedules are called everywhere, how close each provider comes, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from attrs import asdict, frozen
from cyclopts import Parameter

from imagegen import samplers as names
from imagegen.errors import Fault, InvalidInput
from imagegen.provider import NamesSamplers

from .options import Json, Providers
from .output import OK, print_json
from .render import STATUS_STYLE, fits, heading, indented, plain, show, table

if TYPE_CHECKING:
    from rich.text import Text

    from imagegen.planning import Desk
    from imagegen.provider import Provider

GRADE_STYLE = {"exact": "green", "near": "blue", "unlisted": "yellow", "approx": "yellow", "fallback": "yellow"}


@frozen
class Cell:
    """What one provider makes of a pair: the name it is sent, how close that comes, and why."""

    name: str
    grade: str
    reason: str = ""


Column = Callable[[str, str], Cell]


def command(
    name: Annotated[
        str | None, Parameter(help="Any tool's spelling, e.g. 'DPM++ 2M Karras' or dpmpp_2m.", metavar="NAME")
    ] = None,
    /,
    *,
    provider: Providers = (),
    as_json: Json = False,
) -> int:
    """Show what samplers and schedules are called everywhere; with a NAME, how close each provider comes and why."""
    from imagegen.planning import desk

    here = desk()
    chosen = [here.registry.provider(one) for one in provider or here.registry.providers]
    columns = {one.name: column(one, here) for one in chosen}
    pairs = find(name)
    if as_json:
        print_json([row_dict(pair, columns) for pair in pairs])
    elif name is not None:
        for pair in pairs:
            _show_pair(pair, columns)
    else:
        _show_all(pairs, columns)
    return OK


def find(name: str | None) -> list[tuple[str, str]]:
    """Return the pairs that are meant: all, all of a sampler, or one."""
    every = [(row.sampler, row.schedule) for row in names.rows()]
    if name is None:
        return every
    try:
        sampler, schedule = names.parse(name)
    except ValueError as error:
        raise InvalidInput([Fault("", str(error))]) from None
    if schedule is not None:
        return [(sampler, schedule)]
    return [pair for pair in every if pair[0] == sampler] or [(sampler, names.default_schedule(sampler))]


def column(provider: Provider, desk: Desk) -> Column:
    """Return how *provider* says a pair: by its own table if it offers one (`samplers`), else by what it would plan."""
    return _by_table(provider.samplers()) if isinstance(provider, NamesSamplers) else _by_plan(provider, desk)


def _by_table(own: names.VendorTable) -> Column:
    def say(sampler: str, schedule: str) -> Cell:
        found = own.find(sampler, schedule)
        if found is None:
            return Cell("-", "none", own.reason(sampler, schedule))
        extra = "".join(f", {word}={value}" for word, value in found.extra.items())
        return Cell(found.name + extra, found.grade, found.reason)

    return say


def _by_plan(provider: Provider, desk: Desk) -> Column:
    from imagegen.planning import draft
    from imagegen.request import GenerationRequest

    def say(sampler: str, schedule: str) -> Cell:
        if GenerationRequest not in provider.capabilities:
            return Cell("-", "none", "makes no pictures from a prompt")
        request = GenerationRequest(prompt="x", sampler=sampler, schedule=schedule, on_unsupported="lenient")
        notes = {note.field: note for note in draft(request, provider, desk).notes}
        note = notes.get("sampler")
        if note is None or note.status == "dropped":
            return Cell("-", "none", note.reason if note else "")
        beside = notes.get("schedule")
        worse = beside if beside is not None and beside.status not in ("exact", note.status) else note
        return Cell(str(note.sent), worse.status, worse.reason)

    return say


def row_dict(pair: tuple[str, str], columns: dict[str, Column]) -> dict[str, Any]:
    """Return one pair as plain JSON."""
    a1111, comfy = names.a1111_name(*pair), names.comfy_name(*pair)
    return {
        "sampler": pair[0],
        "schedule": pair[1],
        "a1111": None if a1111 is None else {"sampler": a1111[0], "schedule": a1111[1]},
        "comfyui": None if comfy is None else {"sampler_name": comfy[0], "scheduler": comfy[1]},
        "diffusers": _diffusers(pair) or None,
        "providers": {name: asdict(say(*pair)) for name, say in columns.items()},
    }


def _diffusers(pair: tuple[str, str]) -> str:
    row = names.row(*pair)
    if row is None or not row.diffusers_class:
        return ""
    karras = f", use_karras_sigmas={row.use_karras_sigmas}" if row.use_karras_sigmas else ""
    return row.diffusers_class + karras


def _style(cell: Cell) -> str:
    return GRADE_STYLE.get(cell.grade) or STATUS_STYLE.get(cell.grade, "dim")


def _joined(pair: tuple[str, str] | None) -> str:
    return "-" if pair is None else " / ".join(pair)


def _show_pair(pair: tuple[str, str], columns: dict[str, Column]) -> None:
    rows = table("who", "name", "grade", "why")
    rows.add_row("A1111", plain(_joined(names.a1111_name(*pair))))
    rows.add_row("ComfyUI", plain(_joined(names.comfy_name(*pair))))
    rows.add_row("diffusers", plain(_diffusers(pair) or "-"))
    for name, say in columns.items():
        cell = say(*pair)
        rows.add_row(name, plain(cell.name), plain(cell.grade, _style(cell)), plain(cell.reason, "dim"))
    show(heading(" ".join(pair)), indented(rows), plain(""))


def _show_all(pairs: Sequence[tuple[str, str]], columns: dict[str, Column]) -> None:
    rows = table("sampler", "schedule", *columns, whole=("sampler", "schedule"))
    narrow = table("sampler", "schedule", "how close", whole=("sampler", "schedule"))
    for pair in pairs:
        cells = {name: _brief(say(*pair)) for name, say in columns.items()}
        rows.add_row(plain(pair[0]), plain(pair[1]), *cells.values())
        narrow.add_row(plain(pair[0]), plain(pair[1]), _together(cells))
    show(rows if fits(rows) else narrow)
    show(plain("Names and reasons of one: imagegen samplers NAME", "dim"))


def _together(cells: Mapping[str, Text]) -> Text:
    """Return who comes how close in one cell, for a screen that has no room for a column each."""
    grades: dict[str, list[str]] = {}
    for name, text in cells.items():
        grades.setdefault(text.plain, []).append(name)
    said = plain("")
    for number, (grade, who) in enumerate(grades.items()):
        said.append("\n" if number else "").append(f"{grade} ", cells[who[0]].style).append(", ".join(who))
    return said


def _brief(cell: Cell) -> Text:
    return plain(cell.grade.replace("approximated", "approx"), _style(cell))
