"""The closed lists of names that TAMS documents, each with its source: `data/vocabulary.json`, read on first use."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from imagegen.samplers import VendorTable


def samplers() -> VendorTable:
    """Return the vendor's column of samplers and schedules."""
    return VendorTable.load(__package__, "samplers.csv")


def names(kind: str) -> tuple[str, ...]:
    """Return all names of a *kind* (`vaes`, `upscalers`, `controlnets`, `preprocessors`, `detectors`)."""
    return tuple(_data()[kind]["values"])


def pick(kind: str, name: str) -> str | None:
    """Return *name* as TAMS spells it, or None if its lists do not have it."""
    wanted = name.strip().casefold()
    return next((known for known in names(kind) if known.casefold() == wanted), None)


def controlnet_for(module: str) -> str | None:
    """Return the ControlNet that goes with a short name (`canny`) or a preprocessor (`depth_midas`)."""
    table: dict[str, str] = _data()["controlnet_for"]["values"]
    key = module.strip().casefold()
    fitting = [short for short in table if key == short or key.startswith(short + "_")]
    return table[max(fitting, key=len)] if fitting else None


@cache
def _data() -> dict[str, Any]:
    from importlib.resources import files  # slow to import, and only needed here

    data: dict[str, Any] = json.loads(files(__package__).joinpath("data/vocabulary.json").read_text("utf-8"))
    return data
