"""A vendor's own names for samplers and schedules: the CSV in its package, each pair with its grade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import cast

from attrs import evolve, field, frozen

from .facts import FALLBACKS, Grade, all_samplers, all_schedules, default_schedule, flags, read_csv
from .names import unknown

_GRADES = ("exact", "near", "unlisted", "approx", "none")
_RANK = {grade: rank for rank, grade in enumerate((*_GRADES, "fallback"))}


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
            raise ValueError(unknown("sampler", name, self.names()))
        given = (extra or {}).items()
        fitting = [match for match in matches if match.extra.items() <= given]
        best = max(fitting, key=lambda match: len(match.extra), default=matches[0])
        return best.sampler, best.schedule


def _matches(text: str) -> Iterator[Match]:
    for line in read_csv(text):
        if line["sampler"] not in all_samplers() or line["schedule"] not in all_schedules():
            raise ValueError(f"no neutral ids: {line['sampler']!r}, {line['schedule']!r}")
        if line["grade"] not in _GRADES:
            raise ValueError(f"grade {line['grade']!r} is none of {', '.join(_GRADES)}")
        yield Match(
            line["name"],
            flags(line["extra"]),
            cast("Grade", line["grade"]),
            line["reason"],
            line["sampler"],
            line["schedule"],
        )


@cache
def _vendor_table(package: str, resource: str) -> VendorTable:
    from importlib.resources import files  # slow to import, and only needed here

    return VendorTable.from_csv(files(package).joinpath(resource).read_text("utf-8"))
