"""
What a model's family says about a plan, whoever the vendor is.

A provider says what it sends; here is looked at what the picture makes of it: a LoRA of another family than its
model, a clip skip that the family has built in, guidance that it was trained without.  The facts are in
`families.py` and known only for models that the catalogue describes; about others nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from attrs import frozen

from .catalogue import Catalogue
from .families import ClipSkip, Family, compatible, families
from .plans import Blocker, Note, Plan, Status
from .request import GenerationRequest

__all__ = ["checked"]

_STACKS = (
    ("loras", "lora", "LoRA"),
    ("embeddings", "embedding", "embedding"),
    ("controls", "controlnet", "ControlNet"),
)


@frozen(kw_only=True)
class Finding:
    """What is to be said about one leaf that the provider takes as it is."""

    path: str
    reason: str
    code: str
    status: Status = "exact"
    refuse: bool = False


def checked(plan: Plan, catalogue: Catalogue) -> Plan:
    """Return *plan* with what the family of its model has to say: in notes that were exact, and as blockers."""
    request = plan.request
    if not isinstance(request, GenerationRequest) or request.model is None:
        return plan
    name = catalogue.resolve(request.model.ref, "checkpoint", plan.provider).family
    family = families().get(name) if name else None
    if family is None:
        return plan
    found = [*_stack(request, family, catalogue, plan.provider), *_size(request, family)]
    found += [*_clip_skip(request, family), *_guidance(request, family)]
    return _told(plan, found, lenient=request.on_unsupported == "lenient")


def _told(plan: Plan, found: Sequence[Finding], *, lenient: bool) -> Plan:
    if not found:
        return plan
    by_path = {finding.path: finding for finding in found}
    refused = (
        Blocker(field=finding.path, reason=finding.reason, code=finding.code)
        for finding in found
        if finding.refuse and not lenient
    )
    notes = tuple(_amended(note, by_path.get(note.field)) for note in plan.notes)
    return plan.evolve(notes=notes, blockers=(*plan.blockers, *refused))


def _amended(note: Note, finding: Finding | None) -> Note:
    """Add a finding to a note; what a provider says about its own engine stays, and nothing gets better by it."""
    if finding is None or note.status not in ("exact", "approximated"):
        return note
    if finding.status == "exact":  # only a remark
        return note if note.reason else attrs.evolve(note, reason=finding.reason, code=finding.code)
    reason = f"{note.reason}; {finding.reason}" if note.reason else finding.reason
    return attrs.evolve(note, status="approximated", reason=reason, code=finding.code)


# --- what belongs together ---------------------------------------------------------------------------------------


def _stack(request: GenerationRequest, family: Family, catalogue: Catalogue, provider: str) -> Iterator[Finding]:
    """LoRAs, embeddings and ControlNets are made for one family of models."""
    for name, kind, word in _STACKS:
        for index, item in enumerate(getattr(request, name)):
            ref = item.model
            theirs = catalogue.resolve(ref, kind, provider).family if ref else None
            if theirs is not None:
                yield from _fits(f"{name}[{index}].model", f"{word} {ref}", theirs, family)


def _fits(path: str, what: str, theirs: str, family: Family) -> Iterator[Finding]:
    match compatible(theirs, family.name):
        case "no":
            reason = f"{what} was made for {theirs}, the model is {family.name}: it cannot act on it"
            yield Finding(path=path, reason=reason, code="family_mismatch", status="approximated", refuse=True)
        case "near":
            reason = f"{what} was made for {theirs}, the model is {family.name}, its kin: it acts, but less true"
            yield Finding(path=path, reason=reason, code="family_near", status="approximated")


# --- what the family makes of numbers ----------------------------------------------------------------------------


def _size(request: GenerationRequest, family: Family) -> Iterator[Finding]:
    for path, value in (("width", request.width), ("height", request.height)):
        if value is not None and value % family.size_multiple:
            reason = f"{family.name} draws in steps of {family.size_multiple} pixels; the engine will round {value}"
            yield Finding(path=path, reason=reason, code="family_size")
        elif value is not None and value * 2 < family.native_px:
            reason = f"{family.name} was trained at {family.native_px} pixels; far below it draws badly"
            yield Finding(path=path, reason=reason, code="family_size")


def _clip_skip(request: GenerationRequest, family: Family) -> Iterator[Finding]:
    """A1111's number means nothing, or what is built in, or what engines disagree about."""
    skip, rule = request.clip_skip, family.clip_skip
    if skip is None or skip == 1 or rule is ClipSkip.FREE:
        return
    if rule is ClipSkip.BUILT_IN and skip > 2:
        reason = f"engines disagree on clip skip {skip} for {family.name}: some apply it, some ignore it"
        yield Finding(path="clip_skip", reason=reason, code="family_clip_skip", status="approximated")
    elif rule is ClipSkip.NONE:
        yield Finding(path="clip_skip", reason=f"{family.name} has no CLIP layer to skip: no effect", code="no_effect")
    else:
        reason = f"the penultimate layer is built into {family.name}: 1 and 2 draw the same picture"
        yield Finding(path="clip_skip", reason=reason, code="no_effect")


def _guidance(request: GenerationRequest, family: Family) -> Iterator[Finding]:
    """Distilled models were trained without classifier-free guidance, and so without a negative prompt."""
    scale = request.cfg_scale
    guided = scale is not None and scale > 1
    if guided and (family.guidance == "distilled_guidance" or not family.cfg_default):
        own = "its own scale is distilled_guidance" if family.cfg_default else "1 is right for it"
        reason = f"{family.name} is meant to be drawn without CFG; {own}"
        yield Finding(path="cfg_scale", reason=reason, code="family_guidance", status="approximated")
    if request.negative_prompt and not family.negative_prompt and not guided:
        reason = f"a negative prompt has no effect on {family.name} while CFG is off"
        yield Finding(path="negative_prompt", reason=reason, code="no_effect", status="approximated")
