"""
How a request checks itself: every fault at once, each with its path.

A *part* is a frozen attrs class whose fields carry rules (`rule=`).  Building one runs all rules and raises one
`InvalidInput` that lists every fault.  `read()` builds one from a mapping (TOML, JSON, a web form): unknown names,
wrong types and broken rules of all levels are gathered before anything is raised.
"""

from __future__ import annotations

import difflib
import functools
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import attrs

from .errors import Fault, InvalidInput

T = TypeVar("T")
Rule = Callable[[Any], str | None]  # gives the complaint, or None


def part(*, rule: Rule | None = None, name: bool = False, **options: Any) -> Any:
    """`attrs.field` with a rule.  *name*: the text is somebody's id, which careless writers give as a number."""
    return attrs.field(metadata={"rule": rule, "name": name}, **options)


def between(low: float, high: float, *, whole: bool = False, optional: bool = True) -> Rule:
    """Rule: a number within *low*..*high*, both included."""
    noun = "a whole number" if whole else "a number"
    bounds = f"{int(low)} to {int(high)}" if whole else f"{low:g} to {high:g}"  # a seed's bound has 20 digits

    def rule(value: Any) -> str | None:
        if value is None:
            return None if optional else "is required"
        good = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not good or not low <= value <= high:
            return f"must be {noun} from {bounds}, not {value!r}"
        return None

    return rule


def finite(value: Any) -> str | None:
    """Rule: a finite number (weights may be negative)."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e6
    return None if value is None or good else f"must be a finite number, not {value!r}"


def filled(value: Any) -> str | None:
    """Rule: text that is not blank."""
    if not isinstance(value, str):
        return f"must be text, not {value!r}"
    return None if value.strip() else "must not be empty"


def one_of(*words: str) -> Rule:
    """Rule: None or one of *words*."""

    def rule(value: Any) -> str | None:
        return None if value is None or value in words else f"must be one of {', '.join(words)}, not {value!r}"

    return rule


@functools.cache
def _rules(cls: Any) -> tuple[tuple[str, Rule], ...]:
    hints = _hints(cls)
    pairs = ((a.name, a.metadata.get("rule") or _rule_of(hints[a.name])) for a in attrs.fields(cls))
    return tuple((name, _for_text(rule)) for name, rule in pairs if rule is not None)


def _for_text(rule: Rule) -> Rule:
    """Add to a rule what holds for every text."""

    def judge(value: Any) -> str | None:
        said = rule(value)
        if said is None and isinstance(value, str) and not is_text(value):
            return "holds what is no text (bytes that are not UTF-8)"
        return said

    return judge


def _rule_of(hint: Any) -> Rule | None:
    """The rule of a field without one: text, a truth value or a part is nothing else."""
    kinds = [kind for kind in _options(hint) if kind is not type(None)]
    if len(kinds) != 1 or not (kinds[0] in (str, bool) or attrs.has(kinds[0])):
        return None
    optional, kind = len(_options(hint)) > 1, kinds[0]
    noun = {str: "text", bool: "true or false"}.get(kind) or f"of the class {kind.__name__}"

    def rule(value: Any) -> str | None:
        good = isinstance(value, kind) or (optional and value is None)
        return None if good else f"must be {noun}, not {value!r}"

    return rule


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def is_text(value: str) -> bool:
    """Whether *value* can be written as UTF-8; half of a surrogate pair, as bad bytes become in Python, can not."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def faults_of(cls: type, values: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what the rules of *cls* say about *values* (a field that is absent is not judged)."""
    for name, rule in _rules(cls):
        if name in values and (complaint := rule(values[name])):
            yield Fault(name, complaint)


def check(instance: Any) -> None:
    """Raise one `InvalidInput` with every fault of *instance*; called from `__attrs_post_init__`."""
    cls: Any = type(instance)
    found = [Fault(name, said) for name, rule in _rules(cls) if (said := rule(getattr(instance, name)))]
    together = getattr(cls, "faults_together", None)
    if together is not None and not found:
        found = [*together(instance)]
    if found:
        raise InvalidInput(found, what=cls.__name__)


# --- reading -----------------------------------------------------------------------------------------------------


def read(cls: type[T], data: Any, *, spellings: Callable[[dict[str, Any]], dict[str, Any]] | None = None) -> T:
    """Build *cls* from a mapping.  All faults of all levels come in one `InvalidInput`."""
    if isinstance(data, cls):
        return data
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{cls.__name__} must be a table of names and values, not {type(data).__name__}")
    words = {str(name): value for name, value in data.items()}
    given = spellings(words) if spellings else words
    kind: Any = cls  # for the type checker, who cannot know that it is an attrs class
    fields = {a.name: a for a in attrs.fields(kind)}
    faults = [Fault(name, f"is not a field{did_you_mean(name, fields)}") for name in given if name not in fields]
    values: dict[str, Any] = {}
    hints = _hints(kind)
    for name in fields.keys() & given.keys():
        try:
            values[name] = _value(_name_of(given[name], fields[name]), hints[name])
        except InvalidInput as error:
            faults += [fault.below(name) for fault in error.faults]
        except (TypeError, ValueError, ArithmeticError) as error:
            faults.append(Fault(name, str(error)))
    faults += [Fault(n, "is required") for n, a in fields.items() if a.default is attrs.NOTHING and n not in given]
    if faults:
        order = list(fields)
        judged = [*faults, *faults_of(cls, values)]
        judged.sort(key=lambda f: order.index(_head(f.path)) if _head(f.path) in fields else len(order))
        raise InvalidInput(judged, what=cls.__name__)
    return cls(**values)


def _head(path: str) -> str:
    return path.replace("[", ".").split(".", 1)[0]


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return the end of a complaint about *word*: the one of *words* that it is a slip of, or nothing."""
    near = difflib.get_close_matches(word, [*words], n=1)
    return f"; did you mean {near[0]}?" if near else ""


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _value(value: Any, hint: Any) -> Any:
    """Turn one plain value into what *hint* asks for; a `ValueError` or `InvalidInput` says why not."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        if value is None and len(options) < len(typing.get_args(hint)):
            return None
        return _value(value, options[0]) if len(options) == 1 else value
    if origin is tuple:
        return _items(value, typing.get_args(hint)[0])
    if origin is Mapping:
        return _table(value, typing.get_args(hint)[1])
    if hint is Any or origin is not None:
        return value
    if attrs.has(hint):
        single = getattr(hint, "from_plain", None)
        return single(value) if single is not None else read(hint, value)
    return _scalar(value, hint)


def _name_of(value: Any, field: Any) -> Any:
    """64-bit ids arrive as numbers from careless writers."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number and field.metadata.get("name") else value


def _items(value: Any, hint: Any) -> tuple[Any, ...]:
    if isinstance(value, Mapping):
        raise ValueError("must be a list, not one table")
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise ValueError(f"must be a list, not {value!r}")
    return tuple(_each(((f"[{index}]", item) for index, item in enumerate(value)), hint).values())


def _table(value: Any, hint: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a table of names and values, not {value!r}")
    return value if hint is Any else _each(value.items(), hint)


def _each(pairs: Iterable[tuple[str, Any]], hint: Any) -> dict[str, Any]:
    """Read every value of a list or a table, by its place in it."""
    made: dict[str, Any] = {}
    faults: list[Fault] = []
    for place, item in pairs:
        try:
            made[place] = _value(item, hint)
        except InvalidInput as error:
            faults += [fault.below(str(place)) for fault in error.faults]
        except (TypeError, ValueError, ArithmeticError) as error:
            faults.append(Fault(str(place), str(error)))
    if faults:
        raise InvalidInput(faults)
    return made


def _scalar(value: Any, hint: Any) -> Any:
    if hint is bool:
        words = {"yes": True, "true": True, "no": False, "false": False}
        if not isinstance(value, bool):
            value = words.get(str(value).lower(), value)
        if not isinstance(value, bool):
            raise ValueError(f"must be true or false, not {value!r}")
        return value
    if hint in (int, float, Decimal):
        return _number(value, hint)
    if hint is str and not isinstance(value, str):
        raise ValueError(f"must be text, not {value!r}")
    if isinstance(hint, type) and not isinstance(value, hint):
        try:
            return hint(value)
        except Exception as error:
            raise ValueError(f"must be {hint.__name__.lower()}, not {value!r}") from error
    return value


def _number(value: Any, hint: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError(f"must be a number, not {value!r}")
    try:
        number = hint(value)
    except (ValueError, ArithmeticError):
        raise ValueError(f"must be a {'whole ' if hint is int else ''}number, not {value!r}") from None
    if hint is int and isinstance(value, float) and number != value:
        raise ValueError(f"must be a whole number, not {value!r}")
    return number


# --- writing -----------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return *value* as plain JSON/TOML data: unset fields left out, secrets as references or `<secret>`."""
    if attrs.has(type(value)):
        single = getattr(value, "to_plain", None)
        if single is not None:
            return single()
        pairs = ((a.name, getattr(value, a.name), a.default) for a in attrs.fields(type(value)))
        return {name: plain(item) for name, item, default in pairs if item is not None and item != _default(default)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Path):
        return str(value)
    return value


def _default(default: Any) -> Any:
    return default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
