"""The facts about samplers and schedules: the pairs that exist, and the vocabularies of tools; read on first use."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, cast

from attrs import frozen

Grade = Literal["exact", "near", "approx", "none", "unlisted", "fallback"]
"""How close a name comes: *exact* same solver and sigmas (only the noise source differs), *near* same solver
with other sigmas or last step, *approx* another solver, *none* no counterpart, *unlisted* the engine has it
but its documents do not list it, *fallback* another sampler stands in."""

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
    return tuple(table().values())


def row(sampler: str, schedule: str | None) -> Row | None:
    """The row of a pair of neutral ids, or `None`; schedule `None` takes the sampler's default."""
    return table().get((sampler, schedule or default_schedule(sampler)))


def sources() -> Mapping[str, str]:
    """What the words in `Row.source` stand for: repository and commit, or how it was measured."""
    return MappingProxyType(cast("dict[str, str]", _names()["sources"]))


def default_schedule(sampler: str) -> str:
    """The schedule meant when none is said: A1111 1.9's Automatic, else the first that the table has."""
    automatic = cast("dict[str, str]", _names()["a1111_automatic_schedule"]["values"])
    return automatic.get(sampler) or _first_schedules().get(sampler, "uniform")


@cache
def all_samplers() -> frozenset[str]:
    """Every neutral sampler id."""
    return frozenset({sampler for sampler, _ in table()} | set(filter(None, vocabulary("samplers", "comfy").values())))


@cache
def all_schedules() -> frozenset[str]:
    """Every neutral schedule id."""
    said = {schedule for tool in _names()["schedules"] for schedule in vocabulary("schedules", tool).values()}
    return frozenset(filter(None, said | _EXTRA_SCHEDULES | {schedule for _, schedule in table()}))


def tools(kind: str) -> tuple[str, ...]:
    """Return the tools whose names of a *kind* (`samplers`, `schedules`) are known."""
    return tuple(_names()[kind])


def vocabulary(kind: str, tool: str) -> dict[str, str | None]:
    """Return a tool's names of a *kind*, and what each means in neutral ids; None = nothing that we know."""
    return cast("dict[str, str | None]", _names()[kind][tool]["values"])


def read_csv(text: str) -> Iterator[dict[str, str]]:
    """Yield the lines of a CSV by the names of its columns, without blanks around values."""
    for line in csv.DictReader(io.StringIO(text), strict=True):
        yield {key: (value or "").strip() for key, value in line.items()}


def flags(text: str) -> dict[str, str]:
    """Read "key=value;key=value"; a part without "=" is a remark and dropped."""
    pairs = (part.split("=", 1) for part in text.split(";") if "=" in part)
    return {key.strip(): value.strip() for key, value in pairs}


@cache
def table() -> dict[tuple[str, str], Row]:
    """Return the rows by (sampler, schedule), in the order of the file."""
    by_pair = {}
    for line in read_csv(_data("samplers.csv")):
        fields: dict[str, Any] = {**line, "other_flags": flags(line["other_flags"])}
        found = Row(sampler=fields.pop("neutral_sampler"), **fields)
        by_pair[found.sampler, found.schedule] = found
    return by_pair


@cache
def _names() -> dict[str, Any]:
    names: dict[str, Any] = json.loads(_data("sampler_names.json"))
    return names


@cache
def _first_schedules() -> dict[str, str]:
    first: dict[str, str] = {}
    for sampler, schedule in table():
        first.setdefault(sampler, schedule)
    return first


def _data(name: str) -> str:
    from importlib.resources import files  # slow to import, and only needed here

    return files("imagegen").joinpath("data", name).read_text("utf-8")
