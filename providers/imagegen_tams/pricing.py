"""
What a plan costs, by the page "Intro To Billing" of https://tams-docs.tensor.art.

    DIFFUSION                      factor * count * ceil(steps / 5) / 5
    ADETAILER, INPAINT, UPSCALER   ... * ceil(width * height / 1024 / 1024 * 2) / 2
    UPSCALER on FLUX.1             ... * ceil(width * height / 1024 / 1024 * 3) / 2
    video                          (frames + 1) * coefficient * discount * 1.25, to 2 decimals

Later stages take width and height from the stage before, and ADETAILER and INPAINT the steps of DIFFUSION.  All of it
is exact: integers and `Decimal`.  Where the page contradicts itself the price is a range; docs/pricing.md lists
where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from attrs import frozen

from imagegen.plans import Plan
from imagegen.provider import Quote

from .settings import usd_per_credit
from .video import coefficients

SOURCE = 'page "Intro To Billing" of https://tams-docs.tensor.art'
CHECKED_ON = "2026-11-21"
_MEGAPIXEL = 1024 * 1024
_AD_STEPS = 20  # the schema's default of adSteps
_CENT = Decimal("0.01")


@frozen
class Credits:
    """Credits from *low* to *high*."""

    low: Decimal
    high: Decimal

    def __add__(self, other: Credits) -> Credits:
        return Credits(self.low + other.low, self.high + other.high)

    @classmethod
    def exactly(cls, amount: Decimal) -> Credits:
        """Return an amount without doubt."""
        return cls(amount, amount)


NOTHING = Credits.exactly(Decimal(0))


@frozen(kw_only=True)
class Canvas:
    """What later stages inherit."""

    width: int
    height: int
    steps: int | None = None


def price(plan: Plan, settings: Mapping[str, Any]) -> Quote:
    """Price *plan*; what no formula covers is unknown, not 0."""
    if not plan.paid_calls and plan.calls:
        return _free()
    costs = [_of_call(call.json, plan.facts) for call in plan.paid_calls]
    per_call = [cost for cost in costs if cost is not None]
    if len(per_call) < len(costs):
        reason = "the page prices neither templates nor such graphs; the vendor can be asked"
        return Quote(per_call=(None,) * len(costs), source=SOURCE, checked_on=CHECKED_ON, reason=reason)
    total = sum(per_call, NOTHING)
    rate = usd_per_credit(settings)
    doubt = _doubt(plan.facts)
    return Quote(
        amount=total.high * rate,
        low=total.low * rate,
        high=total.high * rate,
        credits=total.high,
        per_call=tuple(one.high * rate for one in per_call),
        basis="assumed" if doubt else "formula",
        checked_on=CHECKED_ON,
        source=SOURCE,
        reason="; ".join(filter(None, [doubt, _contradiction(total)])),
    )


def _free() -> Quote:
    """`Other unpaid capabilities are currently in public testing phase and can be used for free`, says the page."""
    zero = Decimal(0)
    return Quote(amount=zero, low=zero, high=zero, credits=zero, basis="free", checked_on=CHECKED_ON, source=SOURCE)


def _doubt(facts: Mapping[str, Any]) -> str:
    """Return what had to be assumed, if anything."""
    if facts.get("kind") == "video":
        named = coefficients(facts) is not None
        return "" if named else "the page's table does not name the model; its row for other models is taken"
    if facts.get("kind") == "workflow":
        return "no page prices graphs; its one example costs the sum of its samplers' steps"
    return "" if facts.get("family") else "the model's family is not known; factor 1 is taken (FLUX has 2)"


def _contradiction(total: Credits) -> str:
    return "" if total.low == total.high else "the page says two things about the steps of ADETAILER"


def _of_call(body: Mapping[str, Any], facts: Mapping[str, Any]) -> Credits | None:
    match facts.get("kind"):
        case "video":
            return Credits.exactly(video(facts))
        case "job":
            return job(body["stages"], facts.get("family"))
        case "workflow":
            return graph(body["params"], facts.get("family"))
    return None


# --- stages ------------------------------------------------------------------------------------------------------


def job(stages: Sequence[Mapping[str, Any]], family: str | None = None) -> Credits:
    """Return the credits of a stage job: every stage apart, each with what it inherits."""
    flux = is_flux(family)
    start = stages[0].get("inputInitialize", {}) if stages else {}
    factor = int(start.get("count", 1)) * (2 if flux else 1)
    total, canvas = NOTHING, None
    for stage in stages:
        cost, canvas = _stage(stage, canvas, flux)
        total += Credits(cost.low * factor, cost.high * factor)
    return total


def is_flux(family: str | None) -> bool:
    """Whether the page's factor 2 applies."""
    return family is not None and family.startswith("flux")


def steps_term(steps: int) -> Decimal:
    """ceil(steps / 5) / 5"""
    return Decimal(_ceil(steps, 5)) / 5


def area_term(width: int, height: int, thirds: bool = False) -> Decimal:
    """ceil(megapixels * 2) / 2, and for a FLUX upscaler ceil(megapixels * 3) / 2, as the page has it."""
    return Decimal(_ceil(width * height * (3 if thirds else 2), _MEGAPIXEL)) / 2


def _ceil(number: int, by: int) -> int:
    return -(-number // by)


def _stage(stage: Mapping[str, Any], canvas: Canvas | None, flux: bool) -> tuple[Credits, Canvas | None]:
    for name, value in stage.items():
        match name:
            case "diffusion":
                made = Canvas(width=int(value["width"]), height=int(value["height"]), steps=int(value["steps"]))
                return Credits.exactly(steps_term(int(value["steps"]))), made
            case "imageToUpscaler":
                return _upscaler(value, canvas or _own(value), flux)
            case "imageToInpaint":
                here = canvas or _own(value)
                steps = here.steps or int(value.get("diffusion", {}).get("steps", 0))
                return Credits.exactly(steps_term(steps) * area_term(here.width, here.height)), here
            case "imageToAdetailer":
                here = canvas or _own(value)
                return sum((_detail(arg, here) for arg in value.get("args", ())), NOTHING), here
    return NOTHING, canvas


def _own(payload: Mapping[str, Any]) -> Canvas:
    """The first stage that makes a picture takes its own parameters; then there are no steps to inherit."""
    params = payload.get("diffusion", {})
    return Canvas(width=int(params.get("width", 512)), height=int(params.get("height", 512)))


def _upscaler(payload: Mapping[str, Any], canvas: Canvas, flux: bool) -> tuple[Credits, Canvas]:
    if payload.get("hrScale"):
        scale = Decimal(str(payload["hrScale"]))
        width, height = (int(side * scale) for side in (canvas.width, canvas.height))
    else:
        width, height = (int(payload.get(key) or 0) for key in ("hrResizeX", "hrResizeY"))
    cost = steps_term(int(payload.get("hrSecondPassSteps", 0))) * area_term(width, height, thirds=flux)
    return Credits.exactly(cost), Canvas(width=width, height=height, steps=canvas.steps)


def _detail(arg: Mapping[str, Any], canvas: Canvas) -> Credits:
    """
    One detector.  The page says that it takes the steps of DIFFUSION, and in a notice that it takes `adSteps`; in its
    example both are 20.
    """
    own = int(arg.get("adSteps") or _AD_STEPS)
    choices = [steps_term(steps) for steps in {own, canvas.steps or own}]
    area = area_term(canvas.width, canvas.height)
    return Credits(min(choices) * area, max(choices) * area)


# --- graphs ------------------------------------------------------------------------------------------------------


def graph(nodes: Mapping[str, Mapping[str, Any]], family: str | None = None) -> Credits | None:
    """
    Return the credits of a ComfyUI graph after the one example of the page "workflow": 26 and 30 steps, 2.4 credits.

    Unknown when something else than a KSampler draws, or nothing does.
    """
    drawing = [node for node in nodes.values() if "sampler" in str(node.get("classType", "")).casefold()]
    if not drawing or any(node["classType"] != "KSampler" for node in drawing):
        return None
    counts = [node["inputs"].get(name, 1) for node in nodes.values() for name in ("batch_size", "amount")]
    steps = [node["inputs"].get("steps") for node in drawing]
    if not all(isinstance(number, int) for number in (*counts, *steps)):
        return None
    factor = max(counts, default=1) * (2 if is_flux(family) else 1)
    return Credits.exactly(sum((steps_term(number) for number in steps), Decimal(0)) * factor)


# --- video -------------------------------------------------------------------------------------------------------


def video(facts: Mapping[str, Any]) -> Decimal:
    """(frames + 1) * coefficient * discount * 1.25; a model that the page does not name counts as "other"."""
    coefficient, discount = coefficients(facts) or (Decimal(1), Decimal(1))
    exact = (int(facts["frames"]) + 1) * coefficient * discount * Decimal("1.25")
    return exact.quantize(_CENT, ROUND_HALF_UP)
