"""
Words that stand for something that must not be seen, or is not known yet.

Both are strings whose text is the placeholder itself: printing, logging, `json.dumps`, f-strings and reprs can
only ever show `<secret>` or `<requestId>`.  What is behind a `Secret` is reached by one method, `reveal()`, which
the shells call at the last moment; what belongs in a `Slot` is put there by `fill()`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

SECRET = "<secret>"  # noqa: S105 (this is the text that is shown instead of one)


class Secret(str):
    """
    A key that never shows: `Secret("sk-...")`, or by reference `Secret("env:SOME_KEY")`, `Secret("keyring:NAME")`.

    Its text is the reference, or `<secret>`.  Equality compares what is behind it.
    """

    __slots__ = ("_hidden",)
    _hidden: str | None

    def __new__(cls, value: str) -> Secret:
        if isinstance(value, Secret):
            return value
        by_reference = value.startswith(("env:", "keyring:"))
        self = super().__new__(cls, value if by_reference else SECRET)
        self._hidden = None if by_reference else value
        return self

    @property
    def reference(self) -> str | None:
        """Where the value lives (`env:NAME`), or None for a value given in the program."""
        return None if self._hidden is not None else str.__str__(self)

    def reveal(self, environ: Mapping[str, str] | None = None) -> str:
        """Return the value itself; a `LookupError` that names the reference when there is none."""
        if self._hidden is not None and self._hidden != SECRET:
            return self._hidden
        if self._hidden == SECRET:
            raise LookupError("this secret was read back from a file that never held it; give it again")
        scheme, _, name = str.__str__(self).partition(":")
        found = (environ if environ is not None else os.environ).get(name) if scheme == "env" else _keyring(name)
        if not found:
            raise LookupError(f"no value behind {str.__str__(self)}")
        return found

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Secret):
            return self._hidden == other._hidden and str.__eq__(self, other)
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __repr__(self) -> str:
        return f"Secret({str.__str__(self)!r})"

    def __reduce__(self) -> Any:
        return (Secret, (str.__str__(self),))  # a pickle carries the reference, never the value

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: Any) -> Secret:
        return self


def _keyring(name: str) -> str | None:
    try:
        import keyring
    except ImportError as error:
        raise LookupError("keyring:... needs the extra: pip install 'imagegen[keyring]'") from error
    return keyring.get_password("imagegen", name)


class Slot(str):
    """A value known only when the job runs: `<requestId>`, `<seed>`, `<resource:mask>`, `<model:juggernaut>`."""

    __slots__ = ("name", "offset")
    name: str
    offset: int

    def __new__(cls, name: str, offset: int = 0) -> Slot:
        self = super().__new__(cls, f"<{name}+{offset}>" if offset else f"<{name}>")
        self.name, self.offset = name, offset
        return self

    def __repr__(self) -> str:
        return f"Slot({self.name!r}, {self.offset})" if self.offset else f"Slot({self.name!r})"

    def __reduce__(self) -> Any:
        return (Slot, (self.name, self.offset))


class Attached(str):
    """
    Content too large to show or to keep, a picture as text for instance: `<data:init_image>`.

    Its text is the placeholder; *make* gives the content when it is sent, and only then.
    """

    __slots__ = ("_make", "name")
    name: str
    _make: Callable[[], str]

    def __new__(cls, name: str, make: Callable[[], str]) -> Attached:
        self = super().__new__(cls, f"<data:{name}>")
        self.name, self._make = name, make
        return self

    @classmethod
    def gone(cls, name: str, why: str = "run it again") -> Attached:
        """Return an attachment whose content is not there any more."""

        def make() -> str:
            raise LookupError(f"{name} is no longer at hand: {why}")

        return cls(name, make)

    def reveal(self) -> str:
        """Return the content; a `LookupError` when it is not there any more."""
        return self._make()

    def __reduce__(self) -> Any:
        return (str, (str.__str__(self),))  # a stored plan says what was attached, and no more


def walk(tree: Any) -> Iterator[Any]:
    """Yield every leaf of a JSON-like tree."""
    if isinstance(tree, (dict, Mapping)):  # dict first: asking an abstract class is slow
        for value in tree.values():
            yield from walk(value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from walk(value)
    else:
        yield tree


def rebuild(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return *tree* with *change* applied to every leaf; untouched branches are shared."""
    if type(tree) is str or tree is None:
        return tree  # no slot, no secret
    if isinstance(tree, (dict, Mapping)):
        return {key: rebuild(value, change) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [rebuild(value, change) for value in tree]
    return change(tree)


def fill(tree: Any, values: Mapping[str, Any]) -> Any:
    """Put *values* into the slots of *tree*; a numeric value gets the slot's offset added; unknown slots stay."""

    def change(leaf: Any) -> Any:
        if isinstance(leaf, Slot) and leaf.name in values:
            value = values[leaf.name]
            return value + leaf.offset if leaf.offset and isinstance(value, int) else value
        return leaf

    return rebuild(tree, change)


def slots(tree: Any) -> tuple[Slot, ...]:
    """Return the slots that are still open in *tree*."""
    return tuple(leaf for leaf in walk(tree) if isinstance(leaf, Slot))


def reveal(tree: Any) -> Any:
    """Return *tree* with every secret and attachment in clear.  Only the shells call this, on the way to the wire."""
    return rebuild(tree, lambda leaf: leaf.reveal() if isinstance(leaf, (Secret, Attached)) else leaf)


def store(tree: Any) -> Any:
    """Return *tree* as plain JSON for the ledger: placeholders become tagged objects without what is behind them."""

    def change(leaf: Any) -> Any:
        if isinstance(leaf, Slot):
            return {"$slot": leaf.name, "offset": leaf.offset}
        if isinstance(leaf, Secret):
            return {"$secret": leaf.reference or ""}
        if isinstance(leaf, Attached):
            return {"$attached": leaf.name}
        return leaf

    return rebuild(tree, change)


def restore(tree: Any) -> Any:
    """
    Undo `store`.  What was never kept cannot be revealed: a secret that had no reference comes back as an empty `env:`
    reference, an attachment as one that is no longer at hand.
    """
    if isinstance(tree, dict):
        if "$slot" in tree:
            return Slot(tree["$slot"], tree.get("offset", 0))
        if "$secret" in tree:
            return Secret(tree["$secret"] or "env:")
        if "$attached" in tree:
            return Attached.gone(tree["$attached"])
        return {key: restore(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [restore(value) for value in tree]
    return tree
