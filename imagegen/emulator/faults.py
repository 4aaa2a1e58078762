"""
Things that go wrong on purpose: marks in a prompt (`a cat [emu:http=429]`), or rules posted to `/_emulator/faults`.

    http=CODE   answer with that status        fail        the job fails
    queue       the job queues                 slow=S      everything takes S seconds longer
    drop        charge, then drop the line     truncate    the picture is cut short
    nsfw        the safety checker hits        expired     result links are expired at once
    hang        never answer                   html        a proxy's HTML page instead of JSON
    ignore_loras, steps=N, seed=N              the vendor does other than it was told
"""

from __future__ import annotations

import re

from attrs import define, field, frozen

_MARK = re.compile(r"\[emu:([a-z_]+)(?:=([^\]]*))?\]")


@frozen
class Fault:
    """One fault: its name and its value (text, may be empty)."""

    name: str
    value: str = ""

    def number(self, default: float = 0.0) -> float:
        """Return the value as a number."""
        try:
            return float(self.value)
        except ValueError:
            return default


def parse_marks(prompt: str) -> tuple[Fault, ...]:
    """Return the faults that a prompt asks for."""
    return tuple(Fault(name, value or "") for name, value in _MARK.findall(prompt)) if "[emu:" in prompt else ()


def without_marks(prompt: str) -> str:
    """Return the prompt as the picture should show it."""
    return _MARK.sub("", prompt).strip()


@define(kw_only=True)
class Rule:
    """A fault for all calls that match, so many times (`left`; -1 = always), after letting `after` matching calls pass."""

    fault: Fault
    provider: str = ""
    path: str = ""
    left: int = 1
    after: int = field(default=0)

    def applies(self, provider: str, path: str) -> bool:
        """Whether it strikes this call; counts it."""
        if self.left == 0 or (self.provider and self.provider != provider) or self.path not in path:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.left > 0:
            self.left -= 1
        return True
