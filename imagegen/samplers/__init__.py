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

from .facts import (
    FALLBACKS,
    SECOND_ORDER,
    USES_ENSD,
    Grade,
    Row,
    all_samplers,
    all_schedules,
    default_schedule,
    row,
    rows,
    sources,
)
from .names import a1111_name, comfy_name, is_schedule, parse, parse_schedule
from .vendors import Match, VendorTable

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

SAMPLERS: frozenset[str]
"""Every neutral sampler id: those of `rows()` and those that only ComfyUI has.  Read on first use."""

SCHEDULES: frozenset[str]
"""Every neutral schedule id; *native* is a sampler's own that cannot be chosen.  Read on first use."""


def __getattr__(name: str) -> frozenset[str]:
    match name:
        case "SAMPLERS":
            return all_samplers()
        case "SCHEDULES":
            return all_schedules()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
