"""
Samplers and schedules: two neutral fields, and every tool's spelling of them.

Takes a name as somebody wrote it ("DPM++ 2M Karras", `dpmpp_2m`, `EulerAncestralDiscreteScheduler`) and
gives the pair (*sampler*, *schedule*) in neutral ids; takes a pair and gives what the open tools call it.
What a vendor calls it stands in that vendor's own package, as a CSV that `VendorTable` reads.

The facts are in `data/samplers.csv` (one row per pair, `rows()`) and `data/sampler_names.json` (closed
vocabularies with their sources); both are read on first use, so importing this module costs nothing.

One ambiguity cannot be decided from a name.  Before A1111 1.9 "DPM++ 2M" meant the uniform schedule and
"DPM++ 2M Karras" was a sampler of its own; from 1.9 on the bare name is a sampler and an unsaid schedule
(*Automatic*) means karras for it.  So a bare name parses to schedule `None`, "not said".  The *word*
Automatic exists only from 1.9 on and is therefore resolved (`default_schedule`).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, cast

from attrs import evolve, field, frozen

__all__ = [
    "FALLBACKS",
    "SAMPLERS",
    "SCHEDULES",
    "SECOND_ORDER",
    "USES_ENSD",
    "Grade",
    "Match",
    "Row",
    "VendorTable",
    "a1111_name",
    "comfy_name",
    "default_schedule",
    "is_schedule",
    "parse",
    "parse_schedule",
    "row",
    "rows",
    "sources",
]

Grade = Literal["exact", "near", "approx", "none", "unlisted", "fallback"]
"""How close a name comes: *exact* same solver and sigmas (only the noise source differs), *near* same solver
with other sigmas or last step, *approx* another solver, *none* no counterpart, *unlisted* the engine has it
but its documents do not list it, *fallback* another sampler stands in."""

SAMPLERS: frozenset[str]
"""Every neutral sampler id: those of `rows()` and those that only ComfyUI has.  Read on first use."""

SCHEDULES: frozenset[str]
"""Every neutral schedule id; *native* is a sampler's own that cannot be chosen.  Read on first use."""

FALLBACKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "dpmpp_2s_a": ("dpmpp_2m", "karras"),
        "dpmpp_sde": ("dpmpp_2m_sde", "karras"),
        "dpmpp_3m_sde": ("dpmpp_2m_sde", "karras"),
        "dpm_fast": ("dpmpp_2m", "karras"),
        "dpm_adaptive": ("dpmpp_2m", "karras"),
        "unipc": ("unipc_bh2", "uniform"),
        "unipc_bh2": ("dpmpp_2m", "karras"),
        "plms": ("ddim", "native"),
    }
)
"""What comes nearest when a sampler is missing; a chain, ended by what is offered.  Never used silently."""

SECOND_ORDER = frozenset({"heun", "dpm_2", "dpm_2_a", "dpmpp_2s_a", "dpmpp_sde"})
"""Two model calls per step (Haidra-Org/AI-Horde@fbd5ed46 `horde/consts.py`, SECOND_ORDER_SAMPLERS)."""

USES_ENSD = frozenset({"euler_a", "dpm_2_a", "dpmpp_2s_a", "dpm_fast", "dpm_adaptive"})
"""Samplers that an eta noise seed delta changes (A1111 `sd_samplers_kdiffusion.py`, option `uses_ensd`)."""

_EXTRA_SCHEDULES = frozenset({"native", "turbo"})


@frozen
class Row:
    """One (sampler, schedule) pair and what the open tools call it; an empty string means it has none."""

    sampler: str
    schedule: str
    a1111: str
    comfy_sampler: str
    comfy_scheduler: str
    diffusers_class: str
    use_karras_sigmas: str
    algorithm_type: str
    other_flags: Mapping[str, str]
    comfy_grade: str
    diffusers_grade: str
    source: str


def rows() -> tuple[Row, ...]:
    """All pairs, in the order of the table."""
    return tuple(_rows().values())


def row(sampler: str, schedule: str | None) -> Row | None:
    """The row of a pair of neutral ids, or `None`; schedule `None` takes the sampler's default."""
    return _rows().get((sampler, schedule or default_schedule(sampler)))


def sources() -> Mapping[str, str]:
    """What the words in `Row.source` stand for: repository and commit, or how it was measured."""
    return MappingProxyType(cast("dict[str, str]", _names()["sources"]))


def default_schedule(sampler: str) -> str:
    """The schedule meant when none is said: A1111 1.9's Automatic, else the first that the table has."""
    automatic = cast("dict[str, str]", _names()["a1111_automatic_schedule"]["values"])
    return automatic.get(sampler) or _first_schedules().get(sampler, "uniform")


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


# --- a vendor's column -------------------------------------------------------------------------------------------


@frozen
class Match:
    """What to send for a pair.  *sampler* and *schedule* are what it really is (other on a fallback)."""

    name: str
    extra: Mapping[str, str]
    grade: Grade
    reason: str
    sampler: str
    schedule: str


@frozen
class VendorTable:
    """
    A vendor's names for (sampler, schedule) pairs, from a CSV in the vendor's own package.

    Columns: `sampler,schedule,name,extra,grade,reason`.  *extra*: more wire fields, `key=value;...`.
    A pair that is absent, or whose name is empty or grade is *none*, is not offered.
    """

    offers: Mapping[tuple[str, str], Match]
    refusals: Mapping[tuple[str, str], str] = field(factory=dict)
    _by_name: Mapping[str, tuple[Match, ...]] = field(init=False, repr=False, eq=False)

    @_by_name.default
    def _index(self) -> Mapping[str, tuple[Match, ...]]:
        index: dict[str, tuple[Match, ...]] = {}
        for match in self.by_grade():
            key = match.name.casefold()
            index[key] = (*index.get(key, ()), match)
        return index

    @classmethod
    def load(cls, package: str, resource: str) -> VendorTable:
        """Read *resource* (a path inside *package*); read once per process."""
        return _vendor_table(package, resource)

    @classmethod
    def from_csv(cls, text: str) -> VendorTable:
        """Read the table from CSV text; a wrong id, grade or repeated pair raises `ValueError`."""
        offers: dict[tuple[str, str], Match] = {}
        refusals: dict[tuple[str, str], str] = {}
        for match in _matches(text):
            key = match.sampler, match.schedule
            if key in offers or key in refusals:
                raise ValueError(f"the pair {key} stands twice in the table")
            if match.name and match.grade != "none":
                offers[key] = match
            else:
                refusals[key] = match.reason
        return cls(offers, refusals)

    def find(self, sampler: str, schedule: str | None = None) -> Match | None:
        """
        What to send for a pair of neutral ids; schedule `None` takes the sampler's default.

        A missing pair is followed through `FALLBACKS` (grade *fallback*, with a reason); `None` = refused.
        """
        key = sampler, schedule or default_schedule(sampler)
        found = self.offers.get(key)
        return found if found is not None else self._fallback(*key)

    def _fallback(self, sampler: str, schedule: str) -> Match | None:
        step = FALLBACKS.get(sampler)
        while step is not None:
            found = self.offers.get(step)
            if found is not None:
                return evolve(found, grade="fallback", reason=self.reason(sampler, schedule))
            step = FALLBACKS.get(step[0])
        return None

    def reason(self, sampler: str, schedule: str | None = None) -> str:
        """Why a pair is graded as it is, or why it is not offered."""
        key = sampler, schedule or default_schedule(sampler)
        if key in self.offers:
            return self.offers[key].reason
        return self.refusals.get(key) or f"{key[0]} with schedule {key[1]} is not offered"

    def by_grade(self) -> tuple[Match, ...]:
        """Every pair that is offered, the surest first."""
        return tuple(sorted(self.offers.values(), key=lambda match: _RANK[match.grade]))

    def names(self) -> frozenset[str]:
        """Every name that may be sent."""
        return frozenset(match.name for match in self.offers.values())

    def parse(self, name: str, extra: Mapping[str, str] | None = None) -> tuple[str, str]:
        """
        The pair behind a vendor's *name*; give *extra* as it was sent to tell its pairs apart.

        One name may stand for several pairs: those that *extra* fits come first, then the better grade, then
        the order of the file.
        """
        matches = self._by_name.get(name.strip().casefold())
        if not matches:
            raise ValueError(_unknown("sampler", name, self.names()))
        given = (extra or {}).items()
        fitting = [match for match in matches if match.extra.items() <= given]
        best = max(fitting, key=lambda match: len(match.extra), default=matches[0])
        return best.sampler, best.schedule


_GRADES = ("exact", "near", "unlisted", "approx", "none")
_RANK = {grade: rank for rank, grade in enumerate((*_GRADES, "fallback"))}


def _matches(text: str) -> Iterator[Match]:
    for line in _read_csv(text):
        if line["sampler"] not in _samplers() or line["schedule"] not in _schedules():
            raise ValueError(f"no neutral ids: {line['sampler']!r}, {line['schedule']!r}")
        if line["grade"] not in _GRADES:
            raise ValueError(f"grade {line['grade']!r} is none of {', '.join(_GRADES)}")
        yield Match(
            line["name"],
            _flags(line["extra"]),
            cast("Grade", line["grade"]),
            line["reason"],
            line["sampler"],
            line["schedule"],
        )


@cache
def _vendor_table(package: str, resource: str) -> VendorTable:
    from importlib.resources import files  # slow to import, and only needed here

    return VendorTable.from_csv(files(package).joinpath(resource).read_text("utf-8"))


# --- reading names -----------------------------------------------------------------------------------------------


def _sampler_and_schedule(name: str) -> tuple[str, str | None]:
    key = _key(name)
    for candidate in (key, key[1:]) if name.strip().lower().startswith("k_") else (key,):
        found = _spellings().get(candidate) or _without_schedule(candidate)
        if found is not None:
            return found
    raise ValueError(_unknown("sampler", name, _known_names()))


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
        raise ValueError(_unknown("schedule", name, _schedules()))
    return found


def _canonical(sampler: str, schedule: str) -> str:
    """Say *native* for ComfyUI's word for it: (ddim, ddim_uniform), (dpm_fast, normal)."""
    own = _rows().get((sampler, "native"))
    return "native" if own is not None and own.comfy_scheduler == _comfy_schedules().get(schedule) else schedule


def _key(name: str) -> str:
    """What of a name matters: letters and digits; "++" is spelled "pp", as in ComfyUI."""
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("++", "pp"))


def _unknown(what: str, name: str, known: frozenset[str]) -> str:
    lower = {one.lower(): one for one in sorted(known)}
    written = [lower[one] for one in get_close_matches(name.lower(), lower, n=4, cutoff=0.5)]
    return f"unknown {what} {name!r}; " + (f"near: {', '.join(written)}" if written else "see: imagegen samplers")


# --- tables, read on first use -----------------------------------------------------------------------------------

# flow_euler is A1111's and ComfyUI's plain Euler on a flow-matching model.
_PLAIN_EULER = {"flow_euler": "euler"}


def __getattr__(name: str) -> frozenset[str]:
    match name:
        case "SAMPLERS":
            return _samplers()
        case "SCHEDULES":
            return _schedules()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _data(name: str) -> str:
    from importlib.resources import files  # slow to import, and only needed here

    return files("imagegen").joinpath("data", name).read_text("utf-8")


def _read_csv(text: str) -> Iterator[dict[str, str]]:
    for line in csv.DictReader(io.StringIO(text), strict=True):
        yield {key: (value or "").strip() for key, value in line.items()}


def _flags(text: str) -> dict[str, str]:
    """Read "key=value;key=value"; a part without "=" is a remark and dropped."""
    pairs = (part.split("=", 1) for part in text.split(";") if "=" in part)
    return {key.strip(): value.strip() for key, value in pairs}


@cache
def _rows() -> dict[tuple[str, str], Row]:
    table = {}
    for line in _read_csv(_data("samplers.csv")):
        fields: dict[str, Any] = {**line, "other_flags": _flags(line["other_flags"])}
        found = Row(sampler=fields.pop("neutral_sampler"), **fields)
        table[found.sampler, found.schedule] = found
    return table


@cache
def _names() -> dict[str, Any]:
    names: dict[str, Any] = json.loads(_data("sampler_names.json"))
    return names


def _vocabulary(kind: str, tool: str) -> dict[str, str | None]:
    return cast("dict[str, str | None]", _names()[kind][tool]["values"])


@cache
def _samplers() -> frozenset[str]:
    return frozenset({sampler for sampler, _ in _rows()} | set(filter(None, _vocabulary("samplers", "comfy").values())))


@cache
def _schedules() -> frozenset[str]:
    said = {schedule for tool in _names()["schedules"] for schedule in _vocabulary("schedules", tool).values()}
    return frozenset(filter(None, said | _EXTRA_SCHEDULES | {schedule for _, schedule in _rows()}))


@cache
def _first_schedules() -> dict[str, str]:
    first: dict[str, str] = {}
    for sampler, schedule in _rows():
        first.setdefault(sampler, schedule)
    return first


@cache
def _labels() -> dict[str, str]:
    return {sampler: label for label, sampler in _vocabulary("samplers", "a1111").items() if sampler}


@cache
def _schedule_labels() -> dict[str, str]:
    labels: dict[str, str] = {}
    for label, schedule in _vocabulary("schedules", "a1111").items():
        labels.setdefault(cast("str", schedule), label)  # Uniform, not its twin Normal
    return labels


@cache
def _comfy_samplers() -> dict[str, str]:
    names: dict[str, str] = {}
    for name, sampler in _vocabulary("samplers", "comfy").items():
        names.setdefault(cast("str", sampler), name)  # dpmpp_sde, not dpmpp_sde_gpu
    return names


@cache
def _comfy_schedules() -> dict[str, str]:
    return {cast("str", schedule): name for name, schedule in _vocabulary("schedules", "comfy").items()}


@cache
def _spellings() -> dict[str, tuple[str, str | None]]:
    """Every spelling's key and its meaning; where two tools differ, the neutral id and A1111 come first."""
    table: dict[str, tuple[str, str | None]] = {_key(sampler): (sampler, None) for sampler in _samplers()}
    for tool in ("a1111", "comfy", "diffusers", "horde", "civitai", "invokeai"):
        for name, meaning in _vocabulary("samplers", tool).items():
            if meaning is not None:
                sampler, _, schedule = meaning.partition(" ")
                table.setdefault(_key(name), (sampler, schedule or None))
    for name, meaning in _vocabulary("samplers", "diffusers").items():
        table.setdefault(_key(name.removesuffix("Scheduler")), (cast("str", meaning), None))
    return table


@cache
def _schedule_spellings() -> dict[str, str]:
    table = {_key(schedule): schedule for schedule in _schedules()} | {"automatic": "automatic"}
    for tool in _names()["schedules"]:
        for name, schedule in _vocabulary("schedules", tool).items():
            table.setdefault(_key(name), cast("str", schedule))
    return dict(sorted(table.items(), key=lambda item: -len(item[0])))


@cache
def _known_names() -> frozenset[str]:
    tools = (name for tool in _names()["samplers"] for name in _vocabulary("samplers", tool))
    return _samplers().union(tools) - {"Undefined"}
