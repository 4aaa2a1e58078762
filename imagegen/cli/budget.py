"""`imagegen budget set|show|remove`: limits on spending, kept in the ledger, where nobody can pass them by."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from imagegen.errors import InvalidInput
from imagegen.money import as_text, read_amount

from .options import Json, OfEmulator, split_pair
from .output import NOTHING, OK, print_json
from .render import money, plain, show, table
from .session import open_client

if TYPE_CHECKING:
    from imagegen.ledger import Budget

app = App(name="budget", help="Set, show or remove limits on spending.")

Per = Annotated[Literal["run", "day", "month"] | None, Parameter(help="One program run, a day or a month (UTC).")]
Label = Annotated[str | None, Parameter(help="All jobs with this label, for good.", metavar="NAME=VALUE")]


@app.command(name="set")
def set_one(
    amount: Annotated[str, Parameter(help="In US dollars; 0 stops all spending.", metavar="AMOUNT")],
    /,
    *,
    per: Per = None,
    label: Label = None,
    as_json: Json = False,
) -> int:
    """
    Set a limit, in place of the one before it.

    Every call that pays reserves its highest price first, in the transaction that writes down that it will be sent, so
    that any number of programs together cannot overspend.  Under a budget, work without a known price is refused.
    """
    from imagegen.ledger import Budget

    budget = Budget(**_which(per, label), limit=read_amount(amount, "AMOUNT"))
    with open_client() as client:
        client.session.means.store.set_budget(budget)
    if as_json:
        print_json({"budget": _plain(budget)})
    else:
        show(plain(f"No more than {money(budget.limit)} {_words(budget)}."))
    return OK


@app.command(name="show")
def show_all(*, emulated: OfEmulator = False, as_json: Json = False) -> int:
    """Show every limit, and what is spent and reserved of it; emulated spending is counted apart."""
    with open_client(emulated=emulated) as client:
        session = client.session
        rows = session.means.store.budgets(run=session.run, emulated=emulated)
    if as_json:
        amounts = [{**_plain(b), "spent": as_text(s), "reserved": as_text(r)} for b, s, r in rows]
        print_json({"budgets": amounts})
        return OK
    if not rows:
        show(plain("There is no budget.  Set one with: imagegen budget set AMOUNT --per day", "dim"))
        return OK
    shown = table("budget", "limit", "spent", "reserved", "left", right=("limit", "spent", "reserved", "left"))
    for budget, spent, reserved in rows:
        left = max(budget.limit - spent - reserved, Decimal(0))
        figures = (money(value, budget.currency) for value in (budget.limit, spent, reserved, left))
        shown.add_row(_words(budget), *figures)
    show(shown)
    return OK


@app.command
def remove(*, per: Per = None, label: Label = None, as_json: Json = False) -> int:
    """Remove a limit; what was counted stays counted."""
    which = _which(per, label)
    with open_client() as client:
        gone = client.session.means.store.remove_budget(which["per"], which["label"])
    if as_json:
        print_json({"removed": gone})
    else:
        show(plain("Removed." if gone else "There was no such budget."))
    return OK if gone else NOTHING


def _which(per: str | None, label: str | None) -> dict[str, Any]:
    if (per is None) == (label is None):
        raise InvalidInput("say --per run, day or month, or --label NAME=VALUE")
    if label is None:
        return {"per": per, "label": ""}
    name, value = split_pair(label)
    return {"per": "label", "label": f"{name}={value}"}


def _words(budget: Budget) -> str:
    return f"for {budget.label}" if budget.per == "label" else f"per {budget.per}"


def _plain(budget: Budget) -> dict[str, Any]:
    return {"per": budget.per, "label": budget.label, "limit": as_text(budget.limit), "currency": budget.currency}
