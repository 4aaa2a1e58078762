"""Names of samplers and schedules: read in any tool's spelling, written in A1111's and ComfyUI's."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from typing import cast

from .facts import all_samplers, all_schedules, default_schedule, row, table, tools, vocabulary

# flow_euler is A1111's and ComfyUI's plain Euler on a flow-matching model.
_PLAIN_EULER = {"flow_euler": "euler"}


def parse(name: str, schedule: str | None = None) -> tuple[str, str | None]:
    """
    Read any tool's spelling as (sampler, schedule) in neutral ids; schedule `None`: it was not said.

    Case, spaces and punctuation do not matter.  A schedule may stand in *name*, in *schedule* or in both if
    they agree.  Raises `ValueError`, which names what is near, for a name that nobody uses.
    """
    sampler, said = _sampler_and_schedule(name)
    if schedule is None or not schedule.strip():
        return sampler, said
    given = _schedule(schedule)
    if given == "automatic":
        return sampler, said or default_schedule(sampler)
    given = _canonical(sampler, given)
    if said not in (None, given):
        raise ValueError(f"sampler {name!r} says schedule {said!r}, but schedule {schedule!r} was given too")
    return sampler, given


def parse_schedule(name: str) -> str:
    """Read any tool's spelling of a schedule alone as a neutral id; `ValueError` names what is near."""
    return _schedule(name)


def is_schedule(name: str) -> bool:
    """Whether *name* is some tool's spelling of a schedule (`karras`, `SGM Uniform`)."""
    try:
        _schedule(name)
    except ValueError:
        return False
    return True


def a1111_name(sampler: str, schedule: str | None) -> tuple[str, str] | None:
    """
    The pair as A1111 1.9+ infotext writes it, `Sampler` and `Schedule type`; `None` if A1111 has none.

    The schedule is "Automatic" (which writers may leave out) where the bare name already means this pair.
    """
    label = _labels().get(_PLAIN_EULER.get(sampler, sampler))
    schedule = schedule or default_schedule(sampler)
    found = row(sampler, schedule)
    if label is None:
        return None
    if schedule == "native" or (found is not None and found.a1111 == label):
        return label, "Automatic"
    said = _schedule_labels().get(schedule)
    return (label, said) if said else None


def comfy_name(sampler: str, schedule: str | None) -> tuple[str, str] | None:
    """ComfyUI's `sampler_name` and `scheduler`, or `None` (sent anyway, it becomes euler/simple)."""
    schedule = schedule or default_schedule(sampler)
    found = row(sampler, schedule)
    if found is not None:
        return (found.comfy_sampler, found.comfy_scheduler) if found.comfy_sampler else None
    name, scheduler = _comfy_samplers().get(sampler), _comfy_schedules().get(schedule)
    return (name, scheduler) if name and scheduler else None


def unknown(what: str, name: str, known: frozenset[str]) -> str:
    """Return what to tell somebody who wrote a name that nobody uses: what is near."""
    lower = {one.lower(): one for one in sorted(known)}
    written = [lower[one] for one in get_close_matches(name.lower(), lower, n=4, cutoff=0.5)]
    return f"unknown {what} {name!r}; " + (f"near: {', '.join(written)}" if written else "see: imagegen samplers")


def _sampler_and_schedule(name: str) -> tuple[str, str | None]:
    key = _key(name)
    for candidate in (key, key[1:]) if name.strip().lower().startswith("k_") else (key,):
        found = _spellings().get(candidate) or _without_schedule(candidate)
        if found is not None:
            return found
    raise ValueError(unknown("sampler", name, _known_names()))


def _without_schedule(key: str) -> tuple[str, str | None] | None:
    """Read "dpmpp2mkarras" as a sampler followed by a schedule, the longest schedule first."""
    for ending, schedule in _schedule_spellings().items():
        found = _spellings().get(key.removesuffix(ending)) if key.endswith(ending) else None
        if found is not None and found[1] is None:
            automatic = schedule == "automatic"
            return found[0], default_schedule(found[0]) if automatic else _canonical(found[0], schedule)
    return None


def _schedule(name: str) -> str:
    found = _schedule_spellings().get(_key(name))
    if found is None:
        raise ValueError(unknown("schedule", name, all_schedules()))
    return found


def _canonical(sampler: str, schedule: str) -> str:
    """Say *native* for ComfyUI's word for it: (ddim, ddim_uniform), (dpm_fast, normal)."""
    own = table().get((sampler, "native"))
    return "native" if own is not None and own.comfy_scheduler == _comfy_schedules().get(schedule) else schedule


def _key(name: str) -> str:
    """What of a name matters: letters and digits; "++" is spelled "pp", as in ComfyUI."""
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("++", "pp"))


@cache
def _labels() -> dict[str, str]:
    return {sampler: label for label, sampler in vocabulary("samplers", "a1111").items() if sampler}


@cache
def _schedule_labels() -> dict[str, str]:
    labels: dict[str, str] = {}
    for label, schedule in vocabulary("schedules", "a1111").items():
        labels.setdefault(cast("str", schedule), label)  # Uniform, not its twin Normal
    return labels


@cache
def _comfy_samplers() -> dict[str, str]:
    names: dict[str, str] = {}
    for name, sampler in vocabulary("samplers", "comfy").items():
        names.setdefault(cast("str", sampler), name)  # dpmpp_sde, not dpmpp_sde_gpu
    return names


@cache
def _comfy_schedules() -> dict[str, str]:
    return {cast("str", schedule): name for name, schedule in vocabulary("schedules", "comfy").items()}


@cache
def _spellings() -> dict[str, tuple[str, str | None]]:
    """Every spelling's key and its meaning; where two tools differ, the neutral id and A1111 come first."""
    table: dict[str, tuple[str, str | None]] = {_key(sampler): (sampler, None) for sampler in all_samplers()}
    for tool in ("a1111", "comfy", "diffusers", "horde", "civitai", "invokeai"):
        for name, meaning in vocabulary("samplers", tool).items():
            if meaning is not None:
                sampler, _, schedule = meaning.partition(" ")
                table.setdefault(_key(name), (sampler, schedule or None))
    for name, meaning in vocabulary("samplers", "diffusers").items():
        table.setdefault(_key(name.removesuffix("Scheduler")), (cast("str", meaning), None))
    return table


@cache
def _schedule_spellings() -> dict[str, str]:
    table = {_key(schedule): schedule for schedule in all_schedules()} | {"automatic": "automatic"}
    for tool in tools("schedules"):
        for name, schedule in vocabulary("schedules", tool).items():
            table.setdefault(_key(name), cast("str", schedule))
    return dict(sorted(table.items(), key=lambda item: -len(item[0])))


@cache
def _known_names() -> frozenset[str]:
    spelled = (name for tool in tools("samplers") for name in vocabulary("samplers", tool))
    return all_samplers().union(spelled) - {"Undefined"}
