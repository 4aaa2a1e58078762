"""
Protobuf JSON as TAMS reads it: bytes become the classes of `messages`.

Either spelling of a key, mixed in one body; numbers and booleans as text; null means unset.  All of it is in the
pages' own examples (`request_id` beside `inputInitialize`, `"seed": "-1"`, `"adUseSteps": "false"`).  A field that
nobody documents is ignored and remembered in `Reading.unknown`.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar, cast, get_args, get_origin

import attrs
from attrs import define, field

from .errors import INVALID_ARGUMENT, Problem

T = TypeVar("T")


@define
class Reading:
    """What was noticed while a body was read."""

    unknown: list[str] = field(factory=list)

    def read(self, cls: type[T], data: Any, path: str = "") -> T:
        """Return *data* as *cls*; a code-3 `Problem` names the first value that does not fit."""
        if not isinstance(data, Mapping):
            raise _misfit("object", path or "the body", data)
        values: dict[str, Any] = {}
        fields = _fields(cast(Hashable, cls))
        for key, value in data.items():
            where = f"{path}.{key}" if path else str(key)
            known = fields.get(str(key))
            if known is None:
                self.unknown.append(where)
            elif value is not None:
                name, kind = known
                values[name] = self._value(kind, value, where)
        return cls(**values)

    def _value(self, kind: Any, value: Any, path: str) -> Any:
        if kind in _SCALARS:
            return _SCALARS[kind](value, path)
        if get_origin(kind) is tuple:
            return self._items(get_args(kind)[0], value, path)
        if get_origin(kind) is None and isinstance(kind, type) and attrs.has(kind):
            return self.read(kind, value, path)
        optional = [option for option in get_args(kind) if option is not type(None)]
        return self._value(optional[0], value, path) if len(optional) == 1 else value

    def _items(self, kind: Any, value: Any, path: str) -> tuple[Any, ...]:
        if value == {}:  # the schema example of the page writes `"prompts": {}` for an empty list
            return ()
        if not isinstance(value, list):
            raise _misfit("list", path, value)
        return tuple(self._value(kind, item, f"{path}[{number}]") for number, item in enumerate(value))


@functools.cache
def _fields(cls: Hashable) -> dict[str, tuple[str, Any]]:
    """Both spellings of every field, with its attribute and type."""
    fields = attrs.fields(attrs.resolve_types(cast(type[Any], cls)))
    return {key: (a.name, a.type) for a in fields for key in (a.name, camel(a.name))}


def camel(name: str) -> str:
    """Return `sd_model` as `sdModel`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _misfit(kind: str, path: str, value: Any) -> Problem:
    return Problem(INVALID_ARGUMENT, f"invalid value for {kind} field {path}: {str(value)[:80]!r}")


def _text(value: Any, path: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _misfit("string", path, value)
    return str(value)


def _whole(value: Any, path: str) -> int:
    number = _real(value, path)
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return int(value)  # exact beyond 2**53
    if number != int(number):
        raise _misfit("integer", path, value)
    return value if isinstance(value, int) else int(number)


def _real(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _misfit("number", path, value)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise _misfit("number", path, value) from None
    if number != number or number in (float("inf"), float("-inf")):
        raise _misfit("number", path, value)
    return number


def _flag(value: Any, path: str) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise _misfit("bool", path, value)


_SCALARS: dict[Any, Any] = {str: _text, int: _whole, float: _real, bool: _flag}
