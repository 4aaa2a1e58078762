"""
How things look on a terminal and in a pipe: one style for tables, notes, prices and results.

Everything here takes plain values and gives rich renderables or text; nothing asks the network or a clock.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from imagegen.money import for_people

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from imagegen.plans import Note
    from imagegen.provider import Quote
    from imagegen.result import Cost

_READABLE = 12  # a column that wraps is still readable when it is so wide
PIPE_WIDTH = 120  # columns when nobody's terminal says
# What a person wants to read first: what is lost, then what is another thing, then what is only another number.
STATUS_STYLE = {"dropped": "red", "approximated": "yellow", "emulated": "cyan", "adjusted": "blue", "exact": "green"}


def console(*, stderr: bool = False) -> Console:
    """Return a console for stdout or stderr; a pipe gets no colours and no terminal's width."""
    stream = sys.stderr if stderr else sys.stdout
    said = os.environ.get("COLUMNS", "")
    width = PIPE_WIDTH if said == "0" or not (stream.isatty() or said) else None
    return _console_class()(stderr=stderr, width=width, highlight=False, emoji=False)


@functools.cache
def _console_class() -> type[Console]:
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            """Let the error go on to where the exit code is known; rich would end the program with 1."""
            raise  # called where a BrokenPipeError is being handled

    return Plain


def show(*things: RenderableType) -> None:
    """Print to stdout.  Nothing is cut: a line from `whole` runs on past the edge, a table that is too wide stacks."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    for thing in things:
        if isinstance(thing, Text):
            out.print(thing, soft_wrap=bool(thing.no_wrap) or not out.is_terminal)
            continue
        padding, inner = _unpadded(thing)
        if isinstance(inner, Table) and not fits(inner, less=padding):
            thing = indented(_stacked(inner), padding)
        out.print(thing)


def whole(text: object, style: str = "") -> Text:
    """Return a line that is never wrapped or cut, as people copy what is in it: a path, a command."""
    from rich.text import Text

    return Text(str(text), style=style, no_wrap=True, overflow="ignore")


def table(
    *headers: str, right: Sequence[str] = (), whole: Sequence[str] | None = None, cut: Sequence[str] = ()
) -> Table:
    """
    Return an empty table in the house style.

    Columns in *right* are numbers; those in *whole* (if not said: the first) are never wrapped or cut; those in *cut*
    end in dots where they are too long; all others wrap.  On a screen too narrow for that `show` stacks the rows.
    """
    from rich.table import Table

    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for number, header in enumerate(headers):
        stiff = number == 0 if whole is None else header in whole
        made.add_column(
            header,
            justify="right" if header in right else "left",
            no_wrap=stiff or header in cut,
            overflow="ellipsis" if header in cut else "fold",
        )
    return made


def fits(made: Table, *, less: int = 0) -> bool:
    """
    Return whether the screen (*less* columns of it) is wide enough to show *made* as a table; if so, lay it out.

    Columns that must stay whole get all they need, and no header is broken; the others share what is left.
    """
    from rich.measure import Measurement

    out = console()

    def width(thing: RenderableType) -> int:
        return Measurement.get(out, out.options, thing).maximum

    wants = [max(map(width, (column.header, *column.cells))) for column in made.columns]
    stiff = [column.no_wrap and column.overflow == "fold" for column in made.columns]
    least = [
        want if fixed else max(width(column.header), min(want, _READABLE))
        for column, want, fixed in zip(made.columns, wants, stiff, strict=True)
    ]
    room = out.width - less - 2 * (len(wants) - 1)
    if sum(least) > room:
        return not any(column.header for column in made.columns)  # names and values are as narrow as can be
    left = room - sum(least)
    more = [want - low for want, low in zip(wants, least, strict=True)]
    for done, number in enumerate(sorted(range(len(more)), key=more.__getitem__)):  # who wants little gets all of it
        given = min(more[number], left // (len(more) - done))
        made.columns[number].width = least[number] + given
        left -= given
    return True


def _stacked(made: Table) -> RenderableType:
    """Return the rows of *made* one below the other, each as names and values under its first cell."""
    from rich.console import Group

    heads = [column.header for column in made.columns]
    rows: list[RenderableType] = []
    for cells in zip(*(column.cells for column in made.columns), strict=True):
        facts = [(head, cell) for head, cell in zip(heads[1:], cells[1:], strict=True) if str(cell)]
        rows += [_names_and_values([(heads[0], cells[0])]), indented(_names_and_values(facts))]
    return Group(*rows)


def _names_and_values(pairs: Iterable[tuple[RenderableType, RenderableType]]) -> Table:
    from rich.table import Table

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True, style="dim")
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(name, value)
    return made


def _unpadded(thing: RenderableType) -> tuple[int, RenderableType]:
    """Return by how much something is moved to the right, and what it is."""
    from rich.padding import Padding

    if not isinstance(thing, Padding):
        return 0, thing
    left, inner = _unpadded(thing.renderable)
    return left + thing.left, inner


def plain(text: object, style: str = "") -> Text:
    """Return text that is shown as it is (no markup is read in it)."""
    from rich.text import Text

    return Text(str(text), style=style)


def heading(name: str, rest: str = "") -> Text:
    """Return a provider's line above what is about it."""
    return plain(name, "bold").append(f"  {rest}" if rest else "", "not bold dim")


def indented(thing: RenderableType, by: int = 2) -> RenderableType:
    """Move something to the right."""
    from rich.padding import Padding
    from rich.text import Text

    if isinstance(thing, Text) and thing.no_wrap:
        return whole(" " * by).append_text(thing)  # a padding would cut it
    return Padding(thing, (0, 0, 0, by), expand=False)


def pretty_json(data: Any) -> str:
    """Return JSON for reading; slots and secrets show as their placeholders."""
    return json.dumps(data, ensure_ascii=False, indent=2, default=str)


# --- notes -------------------------------------------------------------------------------------------------------


def short(value: Any, most: int = 60) -> str:
    """Return a value in one short line."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def why(note: Note) -> str:
    """Return a note's reason without the value that stands beside it."""
    sent = note.sent if isinstance(note.sent, str) else ""
    return f"it{note.reason.removeprefix(sent)}" if sent and note.reason.startswith(f"{sent} ") else note.reason


def group_notes(notes: Iterable[Note]) -> list[tuple[str, tuple[Note, ...]]]:
    """Return the notes that are not exact as (status, notes that say the same), the worst status first."""
    groups: dict[tuple[str, str, bool], list[Note]] = {}
    for note in notes:
        if note.status != "exact":
            groups.setdefault((note.status, why(note) or note.field, note.verified), []).append(note)
    order = list(STATUS_STYLE)
    ranked = sorted(groups.items(), key=lambda item: order.index(item[0][0]))
    return [(key[0], tuple(found)) for key, found in ranked]


def change(note: Note) -> str:
    """Return what becomes of a leaf: `steps 30 → 31`."""
    if note.status == "dropped":
        return f"{note.field} {short(note.requested)}" if note.requested is not None else note.field
    if note.requested == note.sent:
        return f"{note.field} {short(note.sent)}"
    before = "" if note.requested is None else f"{short(note.requested)} → "
    return f"{note.field} {before}{short(note.sent)}"


def notes_list(notes: Sequence[Note]) -> RenderableType:
    """Return what will come out differently, one group of notes after the other; it reads at any width."""
    from rich.table import Table

    groups = group_notes(notes)
    if not groups:
        return plain("Nothing comes out differently.", "green")
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for status, found in groups:
        words = plain("\n".join(change(note) for note in found))
        if found[0].reason:
            words.append(f"\n{why(found[0])}", "dim")
        if found[0].verified:
            words.append("\nseen in the vendor's answer", "bold")
        made.add_row(plain(status, STATUS_STYLE[status]), words)
    return made


def exact_line(notes: Iterable[Note]) -> Text:
    """Return the leaves that arrive as they were said."""
    names = [note.field for note in notes if note.status == "exact"]
    return plain(f"exact: {', '.join(names) or 'nothing'}", "dim")


# --- money -------------------------------------------------------------------------------------------------------


money = for_people


def credits_text(credits: Decimal | None, unit: str = "credit") -> str:
    """Return `0.8 credits`, or nothing when it is not known."""
    if credits is None:
        return ""
    number = f"{credits.normalize():f}"
    return f"{number} {unit}{'' if number == '1' else 's'}"


def price_text(price: Quote, unit: str = "credit") -> str:
    """Return a price in one line."""
    if price.amount is None:
        text = "unknown"
        if price.low is not None and price.high is not None:
            text = f"{money(price.low, price.currency)} to {money(price.high, price.currency)}"
    elif price.amount == 0:
        text = "free"
    else:
        text = money(price.amount, price.currency)
        if price.low is not None and price.high is not None and price.low != price.high:
            text += f" ({money(price.low, price.currency)} to {money(price.high, price.currency)})"
    own = credits_text(price.credits, unit) if price.credits else ""
    return f"{text}, {own}" if own else text


def cost_text(cost: Cost) -> str:
    """Return what a job was thought to cost, and what it did."""
    if cost.estimated == 0 and not cost.billed:
        return "free"
    if cost.emulated:
        if cost.estimated is None and not cost.credits:
            return "nothing, it is emulated (the vendor's price is unknown)"
        return f"nothing, it is emulated (at the vendor about {_estimate(cost)})"
    return f"estimated {_estimate(cost)}, billed {money(cost.billed, cost.currency)}"


def _estimate(cost: Cost) -> str:
    text = money(cost.estimated, cost.currency)
    return f"{text}, {credits_text(cost.credits)}" if cost.credits else text
