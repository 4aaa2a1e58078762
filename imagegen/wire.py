"""
Where a vendor's JSON becomes typed classes, once, with every fault named by its path.

Strict in what we send, lenient in what we read: vendors send ids as int, string or "", lists as null, numbers as
strings, errors under HTTP 200.  A wire class says what it wants; `read` bends what can be bent and keeps unknown
fields in `extra` if the class has such a field.
"""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin

import attrs

from .errors import ProviderError

if TYPE_CHECKING:
    from cattrs import Converter

    from .flow import Reply

T = TypeVar("T")


def parse(reply: Reply, *, provider: str) -> Any:
    """Return the JSON of *reply*; a `result_invalid` error when it is none (an HTML page of a proxy, a cut answer)."""
    try:
        return loads(reply.body)
    except (ValueError, RecursionError):
        start = " ".join(reply.text[:80].split())
        raise ProviderError(
            f"answered HTTP {reply.status} with something that is not JSON: {start!r}",
            kind="service_unavailable" if reply.status >= 500 else "provider_error",
            provider=provider,
            status=reply.status,
        ) from None


def loads(body: bytes) -> Any:
    """Return the JSON of *body*.  Half of a surrogate pair, which JSON can hold and no file can, becomes `?`."""
    data = json.loads(body)
    if b"\\ud" in body.lower() or b"\xed" in body:
        data = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
    return data


def read(data: Any, cls: type[T], *, provider: str) -> T:
    """Read *data* into *cls* (an attrs class); a `provider_error` lists every fault with its path."""
    from cattrs import ClassValidationError, transform_error

    try:
        return converter().structure(data, cls)
    except ClassValidationError as error:
        faults = "; ".join(transform_error(error, path="answer"))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        faults = f"{type(error).__name__} @ answer"
    raise ProviderError(f"sent an answer that cannot be understood: {faults}", provider=provider) from None


@functools.cache
def converter() -> Converter:
    """Return the one converter for wire classes: camelCase and snake_case are one, null means unset."""
    import cattrs

    made = cattrs.Converter(detailed_validation=True)
    made.register_structure_hook_func(lambda cls: cls is str, lambda value, _: _text(value))
    made.register_structure_hook_func(lambda cls: cls is int, lambda value, _: _number(value, int))
    made.register_structure_hook_func(lambda cls: cls is float, lambda value, _: _number(value, float))
    made.register_structure_hook_func(lambda cls: cls is bool, lambda value, _: _flag(value))
    made.register_structure_hook_factory(
        lambda cls: isinstance(cls, type) and attrs.has(cls), lambda cls: _wire_hook(made, cls)
    )
    return made


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _number(value: Any, kind: Any) -> Any:
    if isinstance(value, bool) or value is None:
        raise ValueError(f"wants a number, not {value!r}")
    if kind is int and isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return int(value)  # exact beyond 2**53
    number = float(value)
    if kind is int:
        if number != int(number):
            raise ValueError(f"wants a whole number, not {value!r}")
        return int(number)
    return number


def _flag(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("yes", "true", "1")
    return bool(value)


def camel(name: str) -> str:
    """Return `sd_model` as `sdModel`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _wire_hook(made: Converter, cls: Any) -> Any:
    """Build the reader of one wire class: either spelling of a key, null as absent, the unknown kept in `extra`."""
    import cattrs

    fields = [a for a in attrs.fields(attrs.resolve_types(cls)) if a.name != "extra"]
    keys = {key: a.name for a in fields for key in (a.name, camel(a.name), *a.metadata.get("wire", ()))}
    keeps = any(a.name == "extra" for a in attrs.fields(cls))
    inner = cattrs.gen.make_dict_structure_fn(cls, made, _cattrs_detailed_validation=True)
    empty_ok = {a.name for a in fields if a.default is not attrs.NOTHING}
    lists = {a.name for a in fields if _is_list(a.type)}

    def hook(data: Any, _: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValueError(f"wants an object, not {type(data).__name__}")
        values: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for key, value in data.items():
            name = keys.get(key)
            if name is None:
                extra[key] = value
            elif not (name in empty_ok and _is_nothing(value, name in lists)):
                values[name] = value
        if keeps:
            values["extra"] = extra
        return inner(values, cls)

    return hook


def _is_list(kind: Any) -> bool:
    if get_origin(kind) in (Union, types.UnionType):
        return any(_is_list(option) for option in get_args(kind))
    return get_origin(kind) in (tuple, list)


def _is_nothing(value: Any, wants_list: bool) -> bool:
    return value is None or (wants_list and value == "")
