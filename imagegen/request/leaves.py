"""The leaves of a request: what needs exactly one note in a plan."""

from __future__ import annotations

import functools
from typing import Any

import attrs

from .ingredients import ModelRef
from .inputs import ImageInput

_NOT_LEAVES = frozenset({"on_unsupported", "labels", "provider_options", "passes"})
_SIMPLE = frozenset({str, int, float, bool, ImageInput, dict})


@functools.cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(a.name for a in attrs.fields(cls) if a.name not in _NOT_LEAVES)


def leaves(request: Any, provider: str | None = None) -> dict[str, Any]:
    """
    Return every leaf of *request* that is set, by path: `prompt`, `loras[0].weight`, `upscale.scale`.

    A leaf is what needs exactly one note in a plan.  With *provider*, its `provider_options` are leaves too.
    """
    found: dict[str, Any] = {}
    _collect("", request, found)
    if provider is not None:
        for word, value in request.provider_options.get(provider, {}).items():
            found[f"provider_options.{provider}.{word}"] = value
    return found


def _collect(prefix: str, part: Any, found: dict[str, Any]) -> None:
    """Walk one part.  Called for every plan, so it looks at types and at nothing else."""
    kind: Any = type(part)
    for name in _names(kind):
        value = getattr(part, name)
        if value is None:
            continue
        path = prefix + name
        if type(value) in _SIMPLE or (type(value) is tuple and value and type(value[0]) is str):
            found[path] = value
        elif type(value) is tuple:
            for index, item in enumerate(value):
                _collect(f"{path}[{index}].", item, found)
        elif type(value) is ModelRef:
            found[path] = value.ref
            if value.access_key is not None:
                found[f"{path}.access_key"] = value.access_key
        elif attrs.has(type(value)):
            _collect(f"{path}.", value, found)
        else:
            found[path] = value
