"""Reads the vendors' own examples (`tests/corpus/*.txt`): bodies as printed, made JSON."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen

FOLDER = Path(__file__).parent / "corpus"
# A string, or a comment outside of one; a comma before a closing bracket is looked for when the comments are gone.
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*')
_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


@frozen(kw_only=True)
class Example:
    """One example: *file* and *title* say where it stands, *kind* is request, part or response."""

    file: str
    kind: str
    status: str
    method: str
    path: str
    title: str
    text: str

    @property
    def body(self) -> Any:
        return loose(self.text)

    @property
    def name(self) -> str:
        return f"{self.file}: {self.path} {self.title} ({self.kind})"


def loose(text: str) -> Any:
    """Read JSON as people write it on pages: comments and trailing commas are removed, of equal keys the last counts."""
    plain = _COMMENT.sub(lambda match: match[1] or "", text)
    return json.loads(_COMMA.sub(lambda match: match[1] or "", plain))


@cache
def examples() -> tuple[Example, ...]:
    """Return every example of every page."""
    return tuple(example for file in sorted(FOLDER.glob("*.txt")) for example in _of(file))


def _of(file: Path) -> list[Example]:
    found = []
    for part in file.read_text("utf-8").split("\n==> ")[1:]:
        head, _, text = part.partition("\n")
        kinds, endpoint, title = (word.strip() for word in head.split("|"))
        kind, _, status = kinds.partition(" ")
        method, _, path = endpoint.partition(" ")
        found.append(
            Example(file=file.stem, kind=kind, status=status, method=method, path=path, title=title, text=text)
        )
    return found


def of_kind(kind: str, prefix: str = "") -> list[Example]:
    """Return the examples of a kind in the files whose names begin with *prefix*."""
    return [example for example in examples() if example.kind == kind and example.file.startswith(prefix)]


def answer(file: str, path: str, title: str) -> Any:
    """Return one printed answer."""
    (found,) = (e for e in of_kind("response") if (e.file, e.path, e.title) == (file, path, title))
    return found.body
