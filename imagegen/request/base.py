"""What every request has: three fields, its rules, and its way to and from TOML and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Self

import attrs
from attrs import frozen

from imagegen.errors import Fault, InvalidInput
from imagegen.parts import check, one_of, part, plain, read

from .fields import Policy, hide_keys, labels_rule, options_rule
from .inputs import ImageInput
from .spellings import read_toml


def own_first(_: Any, fields: list[Any]) -> list[Any]:
    """Put a class's own fields before those that all requests have: what a request is about is written first."""
    return sorted(fields, key=lambda field: bool(field.inherited))


@frozen(kw_only=True)
class AnyRequest:
    """
    A request, whatever it asks for.

    Attributes:
        provider_options: vendors' own words, `{provider: {word: value}}`, merged last.
        on_unsupported: what happens when a vendor cannot do as asked; see docs/request.md.
        labels: the user's own words for budgets, costs and search.
    """

    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=options_rule, converter=hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=labels_rule)
    __attrs_post_init__ = check

    @staticmethod
    def respelled(words: dict[str, Any]) -> dict[str, Any]:
        """Return *words* in our own spelling; a class that understands others says so here."""
        return words

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a mapping; every fault comes in one `InvalidInput`."""
        try:
            return read(cls, data, spellings=cls.respelled)
        except RecursionError:
            raise InvalidInput("is nested too deeply") from None

    def to_dict(self) -> dict[str, Any]:
        """Return what is set, in our own spelling, as plain data; secrets as references."""
        made: dict[str, Any] = plain(self)
        return made

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read JSON text."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidInput(f"is not JSON: {error}") from None
        except RecursionError:
            raise InvalidInput("is nested too deeply") from None
        return cls.from_dict(data)

    def to_json(self, *, indent: int | None = None) -> str:
        """Write JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read TOML text."""
        return cls.from_dict(read_toml(text))

    def to_toml(self) -> str:
        """Write TOML text; `InvalidInput` for what TOML cannot say (a null in a table of a vendor's own words)."""
        import tomli_w

        try:
            return tomli_w.dumps(self.to_dict())
        except TypeError as error:
            raise InvalidInput(f"cannot be written as TOML, only as JSON: {error}") from None

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a `.toml` or `.json` file; relative image paths count from the file's folder."""
        file = Path(path)
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot read {file}: {error}") from None
        try:
            request = cls.from_json(text) if file.suffix == ".json" else cls.from_toml(text)
        except InvalidInput as error:
            faults = [fault if fault.path else Fault("", f"{file.name}: {fault.message}") for fault in error.faults]
            raise InvalidInput(faults, what=file.name) from None
        made: Self = _beside(request, file.parent)
        return made


def _beside(value: Any, folder: Path) -> Any:
    """Return *value* with every relative image path in it counted from *folder*."""
    if isinstance(value, ImageInput):
        here = value.data is not None or value.is_url or Path(value.source).is_absolute()
        return value if here else ImageInput(str(folder / value.source))
    if isinstance(value, tuple):
        return tuple(_beside(item, folder) for item in value)
    if isinstance(value, Mapping):
        return {name: _beside(item, folder) for name, item in value.items()}
    if not attrs.has(type(value)):
        return value
    moved = {field.name: _beside(getattr(value, field.name), folder) for field in attrs.fields(type(value))}
    return attrs.evolve(value, **moved)
