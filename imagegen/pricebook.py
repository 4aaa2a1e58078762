"""
The price book: dated rows of who charges what, and the one door through which every plan is priced.

A provider prices its own plans (`Provider.price`), because only it knows its formulas.  The rows say where those
figures come from, so that they can be shown and argued with; plugins offer them at the hook `imagegen_price_book`, as
the tables of a TOML file.  Three layers, the strongest first:

  1. what the user set (`imagegen prices set`, kept in `prices.toml`; see `imagegen.settings`)
  2. what the provider computes
  3. a row with a price per image, for a provider that knows no price of its own

Pure but for reading the plugins once.  An unknown price is None and never 0.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from .errors import Fault, InvalidInput, NotConfigured
from .money import amount_or_none, as_text, read_amount

if TYPE_CHECKING:
    from .plans import Plan
    from .plugins import Registry
    from .provider import Provider, Quote, Setting

OWN = "your own price"


@frozen(kw_only=True)
class Row:
    """
    One statement of a price.

    Attributes:
        provider: whom it is about (a row may be about several).
        unit: what is billed: `image`, `credit`, `month`, `load`, `video`.
        amount: per unit, in *currency*; None where *formula* says it in words, or nobody knows.
        what: the work it holds for (`SDXL`, `UPSCALER`); empty = all.
        when: the setting that chooses it (`plan=payg`); empty = always in force.
        source: a page or a repository; *checked_on*: the day on which it said so.
    """

    provider: tuple[str, ...]
    unit: str
    amount: Decimal | None = None
    formula: str = ""
    what: str = ""
    when: str = ""
    currency: str = "USD"
    source: str
    checked_on: str
    note: str = ""

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Row:
        """Read one table; every fault at once."""
        given = dict(table)
        faults = [Fault(name, "is not a column") for name in sorted(given.keys() - _COLUMNS)]
        faults += [Fault(name, "is required") for name in _REQUIRED if not given.get(name)]
        faults += [Fault(n, "must be text") for n in _TEXTS if not isinstance(given.get(n, ""), str)]
        names = given.get("provider", ())
        names = (names,) if isinstance(names, str) else names
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            faults.append(Fault("provider", "must be a name or a list of names"))
        try:
            given["amount"] = amount_or_none(_exact(given.get("amount")), "amount")
        except InvalidInput as error:
            faults += error.faults
        if not _is_date(given.get("checked_on")):
            faults.append(Fault("checked_on", "must be a day such as 2026-11-21"))
        if faults:
            raise InvalidInput(faults, what="a price row")
        return cls(**{**given, "provider": tuple(names)})

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the settings in force choose this row."""
        name, _, wanted = self.when.partition("=")
        return not self.when or str(values.get(name)) == wanted

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON; an unknown amount is null."""
        made = {name: getattr(self, name) for name in sorted(_COLUMNS)}
        return {**made, "provider": list(self.provider), "amount": as_text(self.amount)}


_TEXTS = ("unit", "formula", "what", "when", "currency", "source", "note")
_REQUIRED = ("provider", "unit", "source", "checked_on")
_COLUMNS = {"provider", "amount", "checked_on", *_TEXTS}


def _exact(value: Any) -> Any:
    """A price book is written by hand, and nothing that is exact is written in binary."""
    if isinstance(value, float):
        raise InvalidInput([Fault("amount", f'must be text such as "0.002", not {value!r}')])
    return value


def _is_date(value: Any) -> bool:
    try:
        datetime.date.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def read_rows(text: str) -> tuple[Row, ...]:
    """Read the `[[price]]` tables of a TOML file (what a plugin's package keeps its rows in)."""
    return tuple(Row.of(table) for table in tables(text))


def tables(text: str) -> list[dict[str, Any]]:
    """Return the `[[price]]` tables of a TOML file as they stand: what the hook wants."""
    found: list[dict[str, Any]] = tomllib.loads(text).get("price", [])
    return found


@frozen(kw_only=True)
class PriceBook:
    """All rows; `broken` names the plugins whose rows could not be read."""

    rows: tuple[Row, ...] = ()
    broken: tuple[str, ...] = ()

    def of(self, provider: str) -> tuple[Row, ...]:
        """Return the rows about *provider*."""
        return tuple(row for row in self.rows if provider in row.provider)

    def per(self, unit: str, provider: Provider, values: Mapping[str, Any]) -> Row | None:
        """Return the first row in force that says what one *unit* costs at *provider* for whatever work."""
        rows = (row for row in self.of(provider.name) if row.unit == unit and not row.what)
        return next((row for row in rows if row.amount is not None and row.holds(values)), None)


def load(registry: Registry) -> PriceBook:
    """Ask every plugin for its rows; a plugin whose rows cannot be read is named and skipped."""
    rows: list[Row] = []
    broken: list[str] = []
    for impl in registry.manager.hook.imagegen_price_book.get_hookimpls():
        try:
            offered: Iterable[Mapping[str, Any]] = impl.function()  # type: ignore[assignment]  # pluggy types no hook
            rows += [Row.of(table) for table in offered]
        except Exception as error:  # a stranger's plugin may fail in any way
            broken.append(f"{impl.plugin_name}: {error}")
    return PriceBook(rows=tuple(rows), broken=tuple(broken))


# --- pricing -----------------------------------------------------------------------------------------------------


def priced(book: PriceBook, provider: Provider, plan: Plan, values: Mapping[str, Any]) -> Quote:
    """Price *plan* with the settings in force: the door through which everybody prices."""
    flat = _own_flat_price(provider, values)
    if flat is not None and plan.paid_calls:
        return _signed(_per_image(provider, plan, flat, "USD"), values)
    price = provider.price(plan, values)
    if any(name.startswith("usd_per_") and values[name] not in (None, "") for name in values):
        return _signed(price, values)
    if price.amount is None and price.high is None and price.credits is None:
        row = book.per("image", provider, values)
        if row is not None and row.amount is not None:
            found = _per_image(provider, plan, row.amount, row.currency)
            return evolve(found, source=row.source, checked_on=row.checked_on, basis="table")
    return price


def _own_flat_price(provider: Provider, values: Mapping[str, Any]) -> Decimal | None:
    """What the user says an image costs, where the provider has no such setting of its own."""
    given = values.get("usd_per_image")
    if given in (None, "") or any(setting.name == "usd_per_image" for setting in provider.settings):
        return None
    try:
        return read_amount(given)
    except InvalidInput as error:
        raise NotConfigured(f"the setting usd_per_image {error}", provider=provider.name) from None


def _signed(price: Quote, values: Mapping[str, Any]) -> Quote:
    """Say that a figure of the user's own is in it, and since when."""
    own = str(values.get("price_source") or OWN)
    source = own if not price.source else f"{price.source}; {own}"
    return evolve(price, source=source, checked_on=str(values.get("price_checked_on") or price.checked_on))


def _per_image(provider: Provider, plan: Plan, amount: Decimal, currency: str) -> Quote:
    """Price by the pictures; a paid call that makes none (a load, a separate upscale) stays unknown."""
    from .provider import Quote

    counts = iter(split(getattr(plan.request, "n", 1), provider.limits.n_per_call))
    per_call = [next(counts, 1) * amount if call.purpose == "generate" else None for call in plan.paid_calls]
    known = [cost for cost in per_call if cost is not None]
    total = sum(known, Decimal(0)) if len(known) == len(per_call) else None
    reason = "" if total is not None else "a price per image says nothing about its other calls"
    return Quote(
        amount=total,
        low=total,
        high=total,
        currency=currency,
        per_call=tuple(per_call),
        basis="plan" if total is not None else "unknown",
        reason=reason,
    )


def split(n: int, most: int) -> Iterator[int]:
    """Yield how many pictures each call makes."""
    while n > 0:
        yield min(n, most)
        n -= most


# --- the vendor's own figure -------------------------------------------------------------------------------------


def from_vendor(
    book: PriceBook, provider: Provider, offline: Quote, values: Mapping[str, Any], figures: Sequence[Decimal]
) -> Quote:
    """
    Turn what the vendor itself says (in its unit, per paid call) into a price.

    The rate is that of our own quote; without one, that of the book; without that the money stays unknown.
    """
    total = sum(figures, Decimal(0))
    rate = _rate(book, provider, offline, values)
    amount = None if rate is None else total * rate
    return evolve(
        offline,
        amount=amount,
        low=amount,
        high=amount,
        credits=total,
        per_call=tuple(None if rate is None else figure * rate for figure in figures),
        basis="vendor",
        source=f"{provider.title}, asked just now",
        reason="",
    )


def _rate(book: PriceBook, provider: Provider, offline: Quote, values: Mapping[str, Any]) -> Decimal | None:
    if offline.amount is not None and offline.credits:
        return offline.amount / offline.credits
    own = values.get(f"usd_per_{provider.unit}")
    if own not in (None, ""):
        return read_amount(own)
    row = book.per(provider.unit, provider, values)
    return None if row is None else row.amount


# --- what the user sets ------------------------------------------------------------------------------------------


def price_settings(provider: Provider) -> dict[str, Setting]:
    """Return the settings of *provider* that say what things cost."""
    from .settings import own_words

    every = (*provider.settings, *own_words(provider))
    return {setting.name: setting for setting in every if setting.price}


def read_words(provider: Provider, words: Sequence[str]) -> dict[str, str]:
    """
    Read `0.0047` (per unit of the provider) and `NAME=VALUE`, the arguments of `imagegen prices set`.

    An empty value takes a word away.
    """
    known = price_settings(provider)
    found: dict[str, str] = {}
    faults = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            name, value = f"usd_per_{provider.unit}", word
        if complaint := _complaint(known, name, value):
            faults.append(Fault(name if equals else word, complaint))
        found[name] = value.removeprefix("$")
    if not words:
        faults.append(Fault("", f"say an amount per {provider.unit}, or one of: {', '.join(known)} (NAME=VALUE)"))
    if faults:
        raise InvalidInput(faults, what="the price")
    return found


def _complaint(known: Mapping[str, Setting], name: str, value: str) -> str:
    setting = known.get(name)
    if setting is None:
        return f"says no price; there are {', '.join(known)}"
    if not value:
        return ""
    if setting.choices and value not in setting.choices:
        return f"must be one of {', '.join(setting.choices)}, not {value!r}"
    if setting.amount:
        try:
            read_amount(value)
        except InvalidInput as error:
            return str(error)
    if name == "price_checked_on" and not _is_date(value):
        return "must be a day such as 2026-11-21"
    return ""
