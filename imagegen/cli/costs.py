"""`imagegen costs`: what was estimated and what was billed, from the ledger, as a table, JSON or a chart."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from imagegen.errors import InvalidInput
from imagegen.money import as_text

from .options import OUTPUT, Json, OfEmulator
from .output import OK, check_place, print_json, remark, write_file
from .render import money, plain, show, table
from .session import open_client

if TYPE_CHECKING:
    from imagegen.client import Client
    from imagegen.ledger import JobRow, Spend

By = Literal["provider", "model", "day", "label", "job"]


def command(
    *,
    by: Annotated[By, Parameter(help="What is summed: provider, model, day, label, or nothing (job).")] = "provider",
    since: Annotated[str | None, Parameter(help="From this day on (UTC).", metavar="YYYY-MM-DD")] = None,
    emulated: OfEmulator = False,
    svg: Annotated[
        Path | None, Parameter(help="Write a chart as SVG into this file.", metavar="FILE", group=OUTPUT)
    ] = None,
    html: Annotated[
        Path | None, Parameter(help="Write a page with chart and table into this file.", metavar="FILE", group=OUTPUT)
    ] = None,
    as_json: Json = False,
) -> int:
    """
    Show what was estimated and what was billed.

    A vendor that never says what it charged has no billed figure; an unknown price is said, never counted as 0.
    Emulated jobs are no spending; --emulated shows what they would have cost.
    """
    start = None if since is None else _day(since)
    with open_client(emulated=emulated) as client:
        rows = _rows(client, by, start, emulated=emulated)
    title = f"Costs by {by}" + (f" since {since}" if since else "") + (" (emulated: no money)" if emulated else "")
    charts = [(file, draw) for file, draw in ((svg, chart), (html, page)) if file is not None]
    for file, _ in charts:
        check_place(file)
    if as_json:
        print_json({"by": by, "rows": [as_dict(row) for row in rows], "totals": [as_dict(row) for row in totals(rows)]})
    else:
        _show(rows, by)
    for file, draw in charts:
        write_file(file, draw(title, rows).encode())
        remark(f"written: {file}")
    return OK


def _day(text: str) -> float:
    try:
        return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()
    except ValueError:
        raise InvalidInput(f"--since must be a day such as 2026-11-21, not {text!r}") from None


def _rows(client: Client, by: By, since: float | None, *, emulated: bool) -> list[Spend]:
    store = client.session.means.store
    if by != "job":
        return store.costs(by, since=since, emulated=emulated)
    jobs = store.jobs(emulated=emulated, limit=None)
    return [_of_job(job) for job in jobs if job.created_at >= (since or 0.0) and _cost_something(job)]


def _cost_something(job: JobRow) -> bool:
    return any(call.attempts and call.charged is not False and call.state != "prepared" for call in job.calls)


def _of_job(job: JobRow) -> Spend:
    from imagegen.ledger import Spend

    return Spend(
        group=job.id,
        jobs=1,
        images=len(job.files),
        estimated=job.estimate,
        billed=job.billed,
        unknown_price=int(job.estimate is None and job.billed is None),
        currency=job.currency,
        expected=None if job.billed is None else job.estimate,
    )


def totals(rows: Sequence[Spend]) -> list[Spend]:
    """Return one sum per currency; what no row knows is None."""
    from imagegen.ledger import Spend

    made = []
    for currency in dict.fromkeys(row.currency for row in rows):
        mine = [row for row in rows if row.currency == currency]
        made.append(
            Spend(
                group="all",
                jobs=sum(row.jobs for row in mine),
                images=sum(row.images for row in mine),
                estimated=_sum([row.estimated for row in mine]),
                billed=_sum([row.billed for row in mine]),
                unknown_price=sum(row.unknown_price for row in mine),
                currency=currency,
                expected=_sum([row.expected for row in mine]),
            )
        )
    return made


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def as_dict(row: Spend) -> dict[str, Any]:
    """Return one sum as plain JSON; money as text, unknown as null."""
    return {
        "group": row.group,
        "jobs": row.jobs,
        "images": row.images,
        "estimated": as_text(row.estimated),
        "billed": as_text(row.billed),
        "difference": as_text(_difference(row)),
        "unknown_price": row.unknown_price,
        "currency": row.currency,
    }


def _difference(row: Spend) -> Decimal | None:
    """Return by how much the bills that are known differ from the estimates of the same jobs."""
    return None if row.billed is None or row.expected is None else row.billed - row.expected


def _words(row: Spend) -> tuple[str, ...]:
    shown = gap_text(row)
    unknown = f"{row.unknown_price} of them" if row.unknown_price else "-"
    name = row.group or "(none)"
    figures = (money(row.estimated, row.currency), money(row.billed, row.currency))
    return (name, str(row.jobs), str(row.images), *figures, shown, unknown)


def gap_text(row: Spend) -> str:
    """Say by how much the known bills differ, and how much of the estimate nobody has billed yet."""
    gap = _difference(row)
    if gap is None or row.expected is None:
        return ""
    said = "as estimated" if gap == 0 else f"{'+' if gap > 0 else '-'}{money(abs(gap), row.currency)}"
    unbilled = (row.estimated or Decimal(0)) - row.expected
    return f"{said}; {money(unbilled, row.currency)} not billed yet" if unbilled > 0 else said


_HEADS = ("jobs", "pictures", "estimated", "billed", "difference", "no price known")


def _show(rows: Sequence[Spend], by: str) -> None:
    if not rows:
        show(plain("The ledger knows of no paid job. (Emulated ones: --emulated.)", "dim"))
    else:
        shown = table(by, *_HEADS, right=_HEADS)
        for row in rows:
            shown.add_row(*_words(row))
        for row in totals(rows):
            shown.add_row(*(plain(word, "bold") for word in _words(row)))
        show(shown)


# --- charts ------------------------------------------------------------------------------------------------------


def chart(title: str, rows: Sequence[Spend]) -> str:
    """Return estimated and billed side by side, as SVG."""
    from imagegen.charts import Bar, bars

    made = [
        Bar(
            label=row.group or "(none)",
            parts=(row.estimated, row.billed),
            figure=f"{money(row.estimated, row.currency)} / {money(row.billed, row.currency)}",
        )
        for row in rows
    ]
    return bars(title, made, keys=("estimated", "billed"), stacked=False)


def page(title: str, rows: Sequence[Spend]) -> str:
    """Return chart and table as one HTML page that loads nothing."""
    from importlib.resources import files

    css = files("imagegen").joinpath("data/report.css").read_text("utf-8")
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("", *_HEADS))
    body = "".join(_html_row(_words(row)) for row in (*rows, *totals(rows)))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>\n{css}</style></head><body><header><h1>{escape(title)}</h1></header>"
        f'<main><div class="frame"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
        f'<h2>Estimated and billed</h2><div class="charts"><div class="card">{chart(title, rows)}</div></div></main>'
        "<footer></footer></body></html>\n"
    )


def _html_row(words: Sequence[str]) -> str:
    cells = "".join(f'<td data-name="{h}">{escape(word)}</td>' for h, word in zip(_HEADS, words[1:], strict=True))
    return f'<tr><th scope="row">{escape(words[0])}</th>{cells}</tr>'
