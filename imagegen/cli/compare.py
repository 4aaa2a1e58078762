"""`imagegen compare`: one request at every provider, side by side, before and (with --run) after it is made."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from attrs import asdict, evolve
from cyclopts import Parameter

from imagegen.errors import ImagegenError, InvalidInput, NotConfigured

from .live import Live, ask_prices, live_text
from .making import Made, make
from .options import OUTPUT, Json, RequestFlags, RunFlags, Subject, read_request
from .output import (
    NOTHING,
    OK,
    Unwritten,
    complain_of,
    end,
    exit_code_of,
    print_json,
    write_file,
)
from .render import credits_text, money, plain, show, table, whole
from .session import at_each, draft_offline, open_client, ready_at

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from imagegen.client import Client
    from imagegen.comparison import Line
    from imagegen.provider import Quote
    from imagegen.work import Order

MARK = {"cheapest": "green", "fastest": "cyan", "closest": "magenta"}


def command(
    subject: Subject,
    /,
    *,
    flags: RequestFlags = RequestFlags(),
    flow: RunFlags = RunFlags(),
    run: Annotated[
        bool, Parameter(help="Make the pictures, and write them, sheet.png and report.html to DIR.", group=OUTPUT)
    ] = False,
    live: Live = False,
    as_json: Json = False,
) -> int:
    """
    Show what each provider would make of a request, for how much and how fast; --run makes it everywhere.

    Without --provider all that are installed are compared.  Nothing is sent without --live or --run.
    """
    request = read_request(subject, flags)
    if not run:
        _only_with_run(flow)
    if run and getattr(request, "seed", 0) is None:
        request = request.evolve(seed=secrets.randbelow(2**31 - 1) + 1)  # one seed for all, or nothing can be compared
    with open_client(emulated=flow.emulated) as client:
        names = flow.provider or tuple(client.session.desk.registry.providers)
        orders, errors = at_each(names, lambda name: draft_offline(client, request, name))
        asked, refused = ask_prices(client, orders) if live else ({}, [])
        found = look(client, orders, asked)
        ready = [line.name for line in found if line.possible and ready_at(client, line.candidate.order.provider)]
    errors += refused
    if not as_json:
        show(compared(found), *remarks(found))
        for error in errors:
            complain_of(error)
    if not run or not any(line.possible for line in found):
        return _end(found, errors, as_json=as_json)
    if not ready:
        raise NotConfigured(
            "no key is set for any provider that can do this, so nothing can be made.",
            hint="See what to set: imagegen providers; or try it without a key: --emulated.",
        )
    return _run(request, found, ready, flow, errors, as_json=as_json)


def _only_with_run(flow: RunFlags) -> None:
    """Refuse flags that would do nothing: without --run nothing is spent, waited for or written."""
    given = [name for name, value in asdict(flow).items() if value != getattr(RunFlags(), name)]
    idle = [f"--{name.replace('_', '-')}" for name in given if name not in ("provider", "emulated")]
    if idle:
        raise InvalidInput(f"{', '.join(idle)} only means something with --run; without it nothing is made.")


def look(client: Client, orders: Sequence[Order], asked: Mapping[str, Quote]) -> tuple[Line, ...]:
    """Return the lines of a comparison, with what the ledger knows."""
    from imagegen.comparison import lines
    from imagegen.router import seen

    candidates = [client.shell.run(seen(client.session, order, rank)) for rank, order in enumerate(orders)]
    return lines(candidates, asked)


def _end(found: Sequence[Line], errors: Sequence[ImagegenError], *, as_json: bool) -> int:
    if as_json:
        print_json({"lines": [line.as_dict() for line in found], "errors": [error.as_dict() for error in errors]})
    possible = sum(1 for line in found if line.possible)
    return exit_code_of(possible, errors) if errors else (OK if possible else NOTHING)


# --- made everywhere ---------------------------------------------------------------------------------------------


def _run(
    request: Any,
    found: Sequence[Line],
    ready: Sequence[str],
    flow: RunFlags,
    errors: Sequence[ImagegenError],
    *,
    as_json: bool,
) -> int:
    folder = flow.output or _folder(request)
    made = make(request, evolve(flow, provider=tuple(ready), output=folder), quiet=as_json)
    skipped = {line.name: "no key is set" for line in found if line.possible and line.name not in ready}
    made, sheet, page = write(request, found, made, skipped, folder)
    everything = (*errors, *made.errors)

    def say() -> None:
        if as_json:
            lines = [line.as_dict() for line in found]
            files = {"sheet": sheet and str(sheet), "report": page and str(page), "skipped": skipped}
            print_json({"lines": lines, **made.as_dict(), "errors": [e.as_dict() for e in everything], **files})
            return
        _tell(made, skipped)
        for name, file in (("sheet: ", sheet), ("report:", page)):
            if file is not None:
                show(whole(f"{name} {file}"))

    return end(say, len(made.results), everything)


def _tell(made: Made, skipped: Mapping[str, str]) -> None:
    if made.results:
        show(plain(""), outcome(made))
    for failure in made.errors:
        complain_of(failure)
    for name, why in skipped.items():
        show(plain(f"{name} was not asked: {why}", "yellow"))


def _folder(request: Any) -> Path:
    """The same request goes to the same folder."""
    from imagegen.work import request_hash

    return Path(f"comparison-{request_hash(request)[:8]}")


def write(
    request: Any, found: Sequence[Line], made: Made, skipped: Mapping[str, str], folder: Path
) -> tuple[Made, Path | None, Path | None]:
    """Write the contact sheet and the report beside the pictures; returns where they are, or the error in *made*."""
    from imagegen.report import Page, html

    from .generate import with_sheet

    results = {result.provider: result for result in made.results}
    failures = {**skipped, **{error.provider or "": str(error) for error in made.errors}}
    page = Page(
        request=request,
        lines=found,
        results={line.name: results[line.name] for line in found if line.name in results},
        failures=failures,
        when=time.strftime("%Y-%m-%d"),
    )
    made, sheet = with_sheet(made, folder / "sheet.png")
    report = folder / "report.html"
    try:
        write_file(report, html(page).encode())
    except Unwritten as error:
        return evolve(made, errors=(*made.errors, error)), sheet, None
    return made, sheet, report


# --- tables ------------------------------------------------------------------------------------------------------


def compared(found: Sequence[Line]) -> Table:
    """Return the table: one row per provider, the cheapest first, unknown prices behind the known ones."""
    numbers = ("fidelity", "differs", "dollars", "per 1,000", "seconds")
    heads = ("provider", "can it", "fidelity", "differs", "units", *numbers[2:], "price of")
    rows = table(*heads, right=numbers, whole=heads)
    for line in found:
        if not line.possible:
            rows.add_row(line.name, plain("no", "red"))
            continue
        price, seconds = line.price, line.candidate.seconds
        rows.add_row(
            _named(line),
            plain("yes", "green"),
            f"{line.candidate.fidelity:.2f}",
            str(len(line.differing)),
            credits_text(price.credits, line.candidate.order.provider.unit) or "-",
            dollars(line),
            money(line.per_thousand, price.currency),
            "unknown" if seconds is None else f"{seconds:.1f}",
            price.checked_on or "unknown",
        )
    return rows


def remarks(found: Sequence[Line]) -> list[Text]:
    """Return why who cannot do it, and what can be done about a price that is unknown."""
    said = [
        plain(f"{line.name} cannot do this: {line.candidate.order.blocked}", "red")
        for line in found
        if not line.possible
    ]
    for line in found:
        if line.live is not None:
            told = live_text(evolve(line.candidate.order, price=line.offline), line.live)
            said.append(plain(f"{line.name} {told}", "dim"))
    unpriced = [line for line in found if line.possible and line.price.amount is None]
    for reason in dict.fromkeys(line.price.reason for line in unpriced):
        names = [line.name for line in unpriced if line.price.reason == reason]
        said.append(plain(f"no price for {', '.join(names)}{': ' if reason else ''}{reason}", "dim"))
    if unpriced:
        said.append(plain("set one with: imagegen prices set PROVIDER AMOUNT; see: imagegen prices show", "dim"))
    return said


def _named(line: Line) -> Text:
    text = plain(line.name, "bold")
    for number, mark in enumerate(line.marks):
        text.append(" " if number else "\n").append(mark, f"not bold {MARK[mark]}")
    return text


def dollars(line: Line) -> str:
    """Return the price, or its range where the vendor's pages are ambiguous."""
    price = line.price
    if price.low is not None and price.high is not None and price.low != price.high:
        return f"{money(price.low, price.currency)}-{money(price.high, price.currency)}"
    return money(price.amount, price.currency)


def outcome(made: Made) -> Table:
    """Return what came of it: estimated against billed, and where the time went."""
    rows = table(
        "provider",
        "pictures",
        "estimated",
        "billed",
        "queue",
        "run",
        "download",
        right=("pictures", "queue", "run", "download"),
    )
    for result in made.results:
        cost = result.cost
        billed = "nothing (emulated)" if cost.emulated else money(cost.billed, cost.currency)
        times = (f"{result.seconds.get(part, 0.0):.1f} s" for part in ("queue", "run", "download"))
        count = str(len(result.images) + len(result.videos))
        rows.add_row(plain(result.provider, "bold"), count, money(cost.estimated, cost.currency), billed, *times)
    return rows
