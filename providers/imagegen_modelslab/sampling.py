"""
Numbers: size, count, steps, guidance, sampler and schedule, clip skip, seed, each with its notes.

A public room of the family.  One function per field; each writes value and note.
"""

from __future__ import annotations

from typing import Any

from imagegen.families import ClipSkip, snap_size
from imagegen.placeholders import Slot
from imagegen.samplers import VendorTable

from .draft import Draft

MAX_SIDE = 1024
STEPS = (21, 31, 41)
CONTROLNET_STEPS = (21, 31)
FLUX_STEPS = 50
GUIDANCE = (1.0, 20.0)
SEEDS = 2**32  # no page gives the range; seeds up to 4139316548 were echoed (GitHub ModelsLab/docs-v2 @ ef9d723)
PER_CALL = 4
_STATUS = {"exact": "exact", "near": "approximated", "approx": "approximated"}


def size(draft: Draft) -> None:
    """Width and height: at most 1024, in eights, the aspect kept."""
    width, height = draft.request.width or 512, draft.request.height or 512
    multiple = draft.family.size_multiple if draft.family else 8
    sent = snap_size(width, height, multiple, MAX_SIDE)
    sent = (max(sent[0], 64), max(sent[1], 64))
    draft.values |= {"width": sent[0], "height": sent[1]}
    for name, value, wanted in zip(("width", "height"), sent, (width, height), strict=True):
        if value == wanted:
            draft.notes.exact(name, name, value)
        else:
            reason = f"{width}x{height} becomes {sent[0]}x{sent[1]}: at most {MAX_SIDE} a side, in steps of {multiple}"
            draft.notes.adjusted(name, value, name, reason, "snapped")


def steps(draft: Draft) -> None:
    """The number of steps: of a short list, except for Flux."""
    wanted = draft.request.steps
    if wanted is None:
        return
    if draft.flux:
        sent, reason = min(wanted, FLUX_STEPS), f"Flux models take 1 to {FLUX_STEPS}"
    else:
        allowed = CONTROLNET_STEPS if draft.target is draft.service.controlnet else STEPS
        sent, reason = nearest(wanted, allowed), f"only {', '.join(map(str, allowed))} are documented"
    draft.values["num_inference_steps"] = sent
    if sent == wanted:
        draft.notes.exact("steps", "num_inference_steps")
    else:
        draft.notes.adjusted("steps", sent, "num_inference_steps", reason, "snapped")


def nearest(wanted: int, allowed: tuple[int, ...]) -> int:
    """Return the nearest allowed number, upward on a tie."""
    return min(allowed, key=lambda one: (abs(one - wanted), -one))


def guidance(draft: Draft) -> None:
    """CFG; on Flux `guidance_scale` is distilled guidance and CFG is `true_cfg_scale`."""
    request = draft.request
    if not draft.flux:
        _clamped(draft, "cfg_scale", request.cfg_scale, "guidance_scale", GUIDANCE)
        return
    if request.distilled_guidance is None and request.cfg_scale is not None:
        sent = min(max(request.cfg_scale, GUIDANCE[0]), GUIDANCE[1])
        draft.values["guidance_scale"] = sent
        reason = "on Flux models guidance_scale is distilled guidance, another quantity than CFG"
        draft.notes.approximated("cfg_scale", sent, "guidance_scale", reason, "distilled_guidance")
        return
    _clamped(draft, "distilled_guidance", request.distilled_guidance, "guidance_scale", GUIDANCE)
    if draft.takes("true_cfg_scale"):
        _clamped(draft, "cfg_scale", request.cfg_scale, "true_cfg_scale", (0.0, 10.0))
    elif request.cfg_scale == 1:
        draft.notes.exact("cfg_scale", "", None, reason="off, as Flux models are drawn here")


def _clamped(draft: Draft, path: str, wanted: float | None, name: str, limits: tuple[float, float]) -> None:
    if wanted is None:
        return
    sent = min(max(wanted, limits[0]), limits[1])
    draft.values[name] = sent
    if sent == wanted:
        draft.notes.exact(path, name)
    else:
        draft.notes.adjusted(path, sent, name, f"{limits[0]:g} to {limits[1]:g} are allowed", "clamped")


def table() -> VendorTable:
    """Return what the family calls samplers and schedules: `samplers.csv`, read once."""
    return VendorTable.load(__package__, "samplers.csv")


def sampling(draft: Draft) -> None:
    """Sampler and schedule, from the table `samplers.csv`."""
    request = draft.request
    if request.sampler is None:
        return
    match = table().find(request.sampler, request.schedule)
    if match is None:
        _no_sampler(draft, table().reason(request.sampler, request.schedule))
        return
    karras = match.extra.get("use_karras_sigmas", "no")
    algorithm = match.extra.get("algorithm_type", "none")
    draft.values |= {"scheduler": match.name, "use_karras_sigmas": karras, "algorithm_type": algorithm}
    sent = match.name if algorithm == "none" else f"{match.name} with {algorithm}"
    status = _STATUS.get(match.grade, "approximated")
    code = "" if status == "exact" else match.grade
    for path, value, name in (("sampler", sent, "scheduler"), ("schedule", karras, "use_karras_sigmas")):
        if path in draft.notes.leaves:
            draft.notes.put(path, status, value, name, reason=match.reason, code=code)  # type: ignore[arg-type]


def _no_sampler(draft: Draft, reason: str) -> None:
    if draft.request.on_unsupported != "lenient":
        draft.notes.block("sampler", reason, "sampler_not_offered")
    for path in ("sampler", "schedule"):
        if path in draft.notes.leaves:
            draft.notes.dropped(path, f"{reason}; the vendor chooses", "sampler_not_offered")


def clip_skip(draft: Draft) -> None:
    """Clip skip, 1 = off; what the vendor counts from is not documented."""
    wanted = draft.request.clip_skip
    if wanted is None:
        return
    rule = ClipSkip.NONE if draft.flux else draft.family.clip_skip if draft.family else ClipSkip.FREE
    if rule in (ClipSkip.NONE, ClipSkip.UNSET):
        _no_clip_skip(draft, wanted)
    elif rule.effective(wanted) is None:
        draft.values["clip_skip"] = 1
        built_in = "the penultimate layer is built in: 1 and 2 draw the same picture" if wanted > 1 else ""
        draft.notes.exact("clip_skip", "clip_skip", 1, reason=built_in or "off; the vendor's lowest value and echo")
    else:
        draft.values["clip_skip"] = min(wanted, 8)
        reason = "1 to 8; that it counts as A1111 does is not documented" + (" (clamped)" if wanted > 8 else "")
        draft.notes.approximated("clip_skip", min(wanted, 8), "clip_skip", reason, "unverified")


def _no_clip_skip(draft: Draft, wanted: int) -> None:
    if wanted == 1:
        draft.notes.exact("clip_skip", "", None, reason="off; this family has no layer to skip")
    else:
        draft.notes.dropped("clip_skip", "this model family has no clip layer to skip", "no_clip_skip")


def seed(draft: Draft) -> None:
    """The seed of the first picture; drawn when the job runs if none is given."""
    wanted = draft.request.seed
    if wanted is None:
        draft.values["seed"] = Slot("seed")
        return
    draft.values["seed"] = wanted % SEEDS
    if wanted < SEEDS:
        draft.notes.exact("seed", "seed")
    else:
        reason = f"seeds have 32 bits: {wanted} modulo 2**32"
        draft.notes.approximated("seed", wanted % SEEDS, "seed", reason, "seed_reduced")


def shifted(value: Any, offset: int) -> Any:
    """Return the seed of a later call, so that no two pictures of a request share one."""
    if isinstance(value, Slot):
        return Slot(value.name, value.offset + offset)
    return (value + offset) % SEEDS if isinstance(value, int) else value


def counts(n: int) -> list[int]:
    """Return how many pictures each call makes."""
    full, rest = divmod(n, PER_CALL)
    return [PER_CALL] * full + ([rest] if rest else [])


def pictures(draft: Draft) -> None:
    """`n`, over as many calls as the vendor's limit asks for."""
    calls = counts(draft.request.n)
    if len(calls) == 1:
        draft.notes.exact("n", "samples")
    else:
        reason = f"{len(calls)} calls of {', '.join(map(str, calls))} pictures; later calls with a shifted seed"
        draft.notes.emulated("n", draft.request.n, "samples", reason, "split")
