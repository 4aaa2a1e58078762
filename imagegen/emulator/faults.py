"""
Things that go wrong on purpose: marks in a prompt (`a cat [emu:http=429]`), or rules posted to the emulator.

    http=CODE   answer with that status        fail        the job fails
    queue       the job queues                 slow=S      everything takes S seconds longer
    drop        charge, then drop the line     truncate    the picture is cut short
    nsfw        the safety checker hits        expired     result links are expired at once
    hang        never answer                   html        a proxy's HTML page instead of JSON
    drip=N      N bytes per second
    ignore_loras, steps=N, seed=N              the vendor does other than it was told

A value may carry words behind colons: `http=500:after` (after the vendor has handled the call, so a charge
stands), `drop:before` (nothing was handled), `http=429:retry=600` (with that Retry-After), `drop:reset` (a
hard reset).  Faults of `TRANSPORT`, when posted as rules, strike every path and are the chassis' business;
the others, and all marks in prompts, are the business of the vendor's half (see `effects`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

TRANSPORT = frozenset({"http", "slow", "drop", "truncate", "hang", "html", "drip"})
KNOWN = TRANSPORT | {"fail", "queue", "nsfw", "expired", "ignore_loras", "steps", "seed"}

_MARK = re.compile(r"\[emu:([a-z_]+)(?:[=:]([^\]]*))?\]")


@frozen
class Fault:
    """One fault: its name and its value (text, may be empty; words of it are set apart by colons)."""

    name: str
    value: str = ""

    @classmethod
    def of(cls, text: str) -> Fault:
        """Read `http=500`, `http=500:after` or `drop:reset`."""
        return cls(*re.split("[=:]", text.strip(), maxsplit=1))

    def number(self, default: float = 0.0) -> float:
        """Return the value as a number."""
        try:
            return float(self.value.split(":")[0])
        except ValueError:
            return default

    def says(self, word: str) -> bool:
        """Whether the value carries *word* (`after`, `before`, `reset`)."""
        return word in self.value.split(":")

    def word(self, name: str) -> str:
        """Return what the value says for `name=...`, or nothing."""
        return next((part.partition("=")[2] for part in self.value.split(":") if part.startswith(f"{name}=")), "")


def parse_marks(prompt: str) -> tuple[Fault, ...]:
    """Return the faults that a prompt asks for."""
    return tuple(Fault(name, value or "") for name, value in _MARK.findall(prompt)) if "[emu:" in prompt else ()


def without_marks(prompt: str) -> str:
    """Return the prompt as the picture should show it."""
    return _MARK.sub("", prompt).strip()


@frozen(kw_only=True)
class Rule:
    """
    A fault for all calls that match.

    Attributes:
        provider: a provider's name; empty = any.
        path: a part of the path, below the prefix or with it; empty = any.
        method: empty = any.
        left: how often it strikes; -1 = always.
        after: how many matching calls pass before it starts.
    """

    fault: Fault
    provider: str = ""
    path: str = ""
    method: str = ""
    left: int = 1
    after: int = 0

    @classmethod
    def of(cls, data: Any) -> Rule:
        """
        Read `{"fault": "http=500", "provider": "", "path": "/v1", "method": "", "times": 2, "after": 0}`.

        Only the fault is required.  `ValueError` says what is wrong.
        """
        if not isinstance(data, Mapping):
            raise ValueError("a rule is an object with at least a `fault`")
        if strange := set(data) - {"fault", "provider", "path", "method", "times", "after"}:
            raise ValueError(f"a rule has no {', '.join(sorted(strange))}")
        texts = {name: data.get(name, "") for name in ("fault", "provider", "path", "method")}
        counts = {name: data.get(name, default) for name, default in (("times", 1), ("after", 0))}
        for name, value in texts.items():
            if not isinstance(value, str):
                raise ValueError(f"{name} must be text")
        for name, value in counts.items():
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"{name} must be a whole number (times: -1 = always)")
        fault = Fault.of(texts["fault"])
        if fault.name not in KNOWN:
            raise ValueError(f"no fault is called {fault.name!r}; there are {', '.join(sorted(KNOWN))}")
        return cls(
            fault=fault,
            provider=texts["provider"],
            path=texts["path"],
            method=texts["method"].upper(),
            left=counts["times"],
            after=counts["after"],
        )

    def plain(self) -> dict[str, Any]:
        """Return what `of` reads, as far as it is not used up."""
        text = f"{self.fault.name}={self.fault.value}" if self.fault.value else self.fault.name
        named = {"provider": self.provider, "path": self.path, "method": self.method}
        return {"fault": text, **named, "times": self.left, "after": self.after}

    def matches(self, provider: str, path: str, method: str = "") -> bool:
        """Whether this call is meant (an unnamed method of the call matches every rule)."""
        return (
            self.left != 0
            and self.provider in ("", provider)
            and self.path in path
            and (not self.method or not method or self.method == method)
        )

    def struck(self) -> tuple[bool, Rule]:
        """Count one matching call: whether it strikes this time, and the rule as it is from now on."""
        if self.after > 0:
            return False, evolve(self, after=self.after - 1)
        return True, self if self.left < 0 else evolve(self, left=self.left - 1)
