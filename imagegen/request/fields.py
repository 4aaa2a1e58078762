"""Converters and rules that the fields of several requests share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs

from imagegen.placeholders import Secret

Policy = Literal["strict", "balanced", "lenient"]
MAX_SEED = 2**64 - 1
MAX_SIDE = 16384  # no vendor sells more; guards against a slip of the keyboard


def secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)


def as_tuple(value: Any) -> Any:
    """Make one item or any series a tuple; what is neither stays as it is, for the rules to complain of."""
    if isinstance(value, (str, Mapping)) or attrs.has(type(value)):
        return (value,)
    return () if value is None else tuple(value) if isinstance(value, Iterable) else value


def tuple_or_none(value: Any) -> Any:
    return None if value is None else as_tuple(value)


def hide_keys(tree: Any) -> Any:
    """Make access keys in free tables secrets, so that no plan, log or ledger shows them."""
    if isinstance(tree, Mapping):
        return {key: _hidden(key, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [hide_keys(item) for item in tree]
    return tree


def _hidden(key: Any, value: Any) -> Any:
    is_key = isinstance(value, str) and str(key).lower().replace("_", "").endswith("accesskey")
    return Secret(value) if is_key else hide_keys(value)


def options_rule(value: Any) -> str | None:
    good = isinstance(value, Mapping) and all(isinstance(item, Mapping) for item in value.values())
    return None if good else "must be a table of tables: {provider: {word: value}}"


def labels_rule(value: Any) -> str | None:
    good = isinstance(value, Mapping) and all(isinstance(v, str) for pair in value.items() for v in pair)
    return None if good else "must be a table of words"
