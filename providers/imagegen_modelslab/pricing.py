"""
What a plan costs, from dated presets.

The vendor's own pages (https://modelslab.com/stable-diffusion-api, https://stablediffusionapi.com/faq; all of them are
rows of `prices.toml`) disagree, so nothing here is a constant: the setting `plan` chooses a preset
(default `unknown`: the price is None, never 0), and `usd_per_image` or `monthly_images` say what a flat fee comes to.
A public room of the family.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Any

from attrs import frozen

from imagegen.errors import InvalidInput, NotConfigured
from imagegen.families import families
from imagegen.flow import Call
from imagegen.money import read_amount
from imagegen.plans import Plan
from imagegen.pricebook import Row, read_rows
from imagegen.provider import Quote

FREE = Decimal(0)


@frozen(kw_only=True)
class Preset:
    """One statement of a price: per image (SD and SDXL family), or a flat fee per month."""

    title: str
    per_image: Decimal | None = None
    per_image_sdxl: Decimal | None = None
    per_month: Decimal | None = None
    checked_on: str
    source: str


def _presets() -> Mapping[str, Preset]:
    """Read the statements from the rows of `prices.toml`; those of one plan make one preset."""
    plans: dict[str, list[Row]] = {}
    for row in read_rows(files(__package__).joinpath("prices.toml").read_text("utf-8")):
        if row.when:
            plans.setdefault(row.when.removeprefix("plan="), []).append(row)
    return {name: _preset(rows) for name, rows in plans.items()}


def _preset(rows: list[Row]) -> Preset:
    first, last = rows[0], rows[-1]  # SD, then SDXL; or one row for all
    images = first.unit == "image"
    return Preset(
        title=first.note,
        per_image=first.amount if images else None,
        per_image_sdxl=last.amount if images else None,
        per_month=None if images else first.amount,
        checked_on=first.checked_on,
        source=first.source,
    )


PRESETS = _presets()


def price(plan: Plan, settings: Mapping[str, Any]) -> Quote:
    """Price *plan*.  Documented-free calls cost 0; a model load has no documented price."""
    if not plan.paid_calls:
        return Quote(amount=FREE, low=FREE, high=FREE, basis="free", reason="no call of this plan is billed")
    preset, image = _per_image(settings, str(plan.facts.get("family") or ""))
    load = _decimal(settings, "usd_per_load")
    lows = [_cost(call, image[0], load) for call in plan.paid_calls]
    highs = [_cost(call, image[1], load) for call in plan.paid_calls]
    total = _sum(highs)
    return Quote(
        amount=total,
        low=_sum(lows),
        high=total,
        per_call=tuple(highs),
        basis=_basis(preset, settings, image) if total is not None else "unknown",
        checked_on=preset.checked_on if preset else "",
        source=preset.source if preset else "",
        reason=_reason(preset, highs, load, plan),
    )


def _per_image(settings: Mapping[str, Any], family: str) -> tuple[Preset | None, tuple[Decimal | None, Decimal | None]]:
    name = settings.get("plan") or "unknown"
    preset = PRESETS.get(name)
    own = _decimal(settings, "usd_per_image")
    if own is not None:
        return None, (own, own)
    if preset is None:
        return None, (None, None)
    if preset.per_month is not None:
        images = _decimal(settings, "monthly_images")
        share = preset.per_month / images if images else None
        return preset, (share, share)
    known = families().get(family)
    if known is None:
        return preset, (preset.per_image, preset.per_image_sdxl)
    exact = preset.per_image if known.root in ("sd15", "sd21", "sd21-base") else preset.per_image_sdxl
    return preset, (exact, exact)


def _cost(call: Call, image: Decimal | None, load: Decimal | None) -> Decimal | None:
    if call.purpose == "load":
        return load
    if call.purpose != "generate":  # upscaling, captions, subscriptions: no preset names their price
        return None
    samples = (call.json or {}).get("samples", 1)
    try:
        return None if image is None else image * Decimal(str(samples))
    except InvalidOperation:  # somebody's own word for samples
        return None


def _sum(costs: list[Decimal | None]) -> Decimal | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known, FREE) if len(known) == len(costs) else None


def _basis(preset: Preset | None, settings: Mapping[str, Any], image: tuple[Decimal | None, Decimal | None]) -> str:
    if settings.get("usd_per_image") or (preset and preset.per_month):
        return "plan" if image[0] is not None else "unknown"
    if preset is None:
        return "unknown"
    return "table" if image[0] == image[1] else "assumed"


def _reason(preset: Preset | None, costs: list[Decimal | None], load: Decimal | None, plan: Plan) -> str:
    if load is None and any(call.purpose == "load" for call in plan.paid_calls):
        return "no page says what a model load costs; set usd_per_load if you know"
    if any(call.purpose == "operate" for call in plan.paid_calls):
        return "no page says what this costs"
    if preset is None:
        return "" if None not in costs else "the vendor's pages disagree; set plan, or usd_per_image"
    if preset.per_month is not None and None in costs:
        return f"{preset.title}: a flat fee; set monthly_images to share it out"
    return preset.title


def _decimal(settings: Mapping[str, Any], name: str) -> Decimal | None:
    value = settings.get(name)
    if value in (None, ""):
        return None
    try:
        made = read_amount(value)
    except InvalidInput as error:
        raise NotConfigured(f"the setting {name} {error}") from None
    if name == "monthly_images" and made == 0:
        raise NotConfigured(f"the setting {name} must be more than 0")
    return made
