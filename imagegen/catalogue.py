"""
Which model is meant: references resolved to one vendor's id, by declared facts and never by display name.

A catalogue is TOML in layers (built-in, plugins, the user's, the project's; later layers win, field by field).
An entry says what a model *is* (kind, family, AIR urn, hash) and what each vendor calls it:

    [[entry]]
    name = "meinamix-v11"
    kind = "checkpoint"                 # checkpoint lora embedding vae controlnet upscaler
    family = "sd15"                     # a row of families.csv
    source_url = "https://civitai.com/api/download/models/119057"
    [entry.vendor.some-provider]
    id = "600423083519508503"           # always text
    match = "same-file"                 # same-file same-version same-name substitute
    access_key_ref = "env:MEINAMIX_KEY" # where the key is, never the key

    [[address]]                         # how a model's page or file address says an id
    provider = "some-provider"
    pattern = 'https://example\\.com/models/(\\d+)'
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs import field, frozen

from .errors import Fault, InvalidInput
from .parts import check, filled, finite, one_of, part, read
from .placeholders import Secret

Match = Literal["given", "same-file", "same-version", "same-name", "substitute"]
MATCHES = ("same-file", "same-version", "same-name", "substitute")
KINDS = ("checkpoint", "lora", "embedding", "vae", "controlnet", "upscaler")
_KEYS = ("accesskey", "key", "apikey", "token")
_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]*$")
_AIR = re.compile(  # the reference pattern of @civitai/client 0.2.0-beta.86, dist/utils/Air.js
    r"^(?:urn:)?(?:air:)?(?:(?P<ecosystem>[a-zA-Z0-9_\-\/]+):)?(?:(?P<type>[a-zA-Z0-9_\-\/]+):)?"
    r"(?P<source>[a-zA-Z0-9_\-\/]+):(?P<id>[a-zA-Z0-9_\-\/\.]+)(?:@(?P<version>[a-zA-Z0-9_\-\/.]+))?"
    r"(?:\+(?P<file>\d+))?(?:\.(?P<format>[a-zA-Z0-9_\-]+))?$",
    re.IGNORECASE,
)


@frozen(kw_only=True)
class VendorId:
    """What one vendor calls an entry."""

    id: str
    match: str = "same-name"
    access_key_ref: Secret | None = None
    source: str = ""


@frozen(kw_only=True)
class Entry:
    """One logical model."""

    name: str
    kind: str
    family: str | None = None
    title: str = ""
    air: str | None = None
    sha256: str | None = None
    source_url: str | None = None
    trigger: tuple[str, ...] = ()
    weight: float | None = None
    default: Mapping[str, Any] = field(factory=dict)
    vendor: Mapping[str, VendorId] = field(factory=dict)
    layer: str = "built-in"


@frozen(kw_only=True)
class Address:
    """How an address says a vendor's id (first group of *pattern*)."""

    provider: str
    pattern: re.Pattern[str]


@frozen(kw_only=True)
class Resolution:
    """
    What a reference comes to at one vendor.

    Attributes:
        id: the vendor's id; None when the vendor has none (see `problem`).
        entry: the catalogue entry behind it, if any.
        source_url: where the model could be loaded from, where a vendor can load.
        match: how sure it is that this is the same model; `given` = the user said the id.
        family: of the entry.
        problem, code: why there is no id, for a person (said of the reference: "is not in ...") and for programs.
        access_key: the catalogue's key reference for this vendor.
    """

    ref: str
    kind: str
    id: str | None = None
    entry: Entry | None = None
    source_url: str | None = None
    match: str = "given"
    problem: str = ""
    code: str = ""
    access_key: Secret | None = None

    @property
    def family(self) -> str | None:
        """The family, as far as the catalogue says."""
        return self.entry.family if self.entry else None


@frozen
class Catalogue:
    """
    Entries by name, and how addresses are read.  Built by `merge`; pure.

    Attributes:
        broken: the plugins whose files could not be read, and why; theirs are left out.
    """

    entries: Mapping[str, Entry]
    addresses: tuple[Address, ...] = ()
    providers: frozenset[str] = frozenset()
    broken: tuple[str, ...] = ()

    def resolve(self, ref: str, kind: str, provider: str) -> Resolution:
        """Resolve *ref* for *provider*.  Never raises for an unknown name: `problem` says what is wrong."""
        if ref.startswith("@"):
            return self._alias(ref, kind, provider)
        if ref.startswith(("http://", "https://")):
            return self._address(ref, kind, provider)
        scheme, colon, rest = ref.partition(":")
        if not colon:
            return Resolution(ref=ref, kind=kind, id=ref, entry=self._by_vendor_id(provider, ref, kind))
        if scheme in ("urn", "air"):
            return self._by_fact("air", ref, kind, provider)
        if scheme == "sha256":
            return self._by_fact("sha256", ref, kind, provider)
        if scheme == "hf":
            entry = self._first(lambda e: e.source_url == ref and e.kind == kind)
            return self._known(ref, entry, provider) if entry else self._nowhere(ref, kind, ref)
        if scheme == provider:
            return Resolution(ref=ref, kind=kind, id=rest, entry=self._by_vendor_id(provider, rest, kind))
        if scheme in self.providers:
            return self._of_another(ref, scheme, rest, kind, provider)
        return Resolution(ref=ref, kind=kind, id=ref)  # a vendor's own id may hold a colon

    def find(self, ref: str) -> Entry | None:
        """Return the entry that *ref* names, whatever the vendor."""
        return self.entries.get(ref.removeprefix("@"))

    def _alias(self, ref: str, kind: str, provider: str) -> Resolution:
        entry = self.entries.get(ref[1:])
        if entry is None:
            same_kind = [name for name, e in self.entries.items() if e.kind == kind]
            near = difflib.get_close_matches(ref[1:], same_kind, n=3, cutoff=0.5)
            hint = f"; did you mean {' or '.join('@' + n for n in near)}?" if near else "; see: imagegen models list"
            text = f"is not in the catalogue as {kind}{hint}"
            return Resolution(ref=ref, kind=kind, problem=text, code="unknown_alias")
        if entry.kind != kind:
            text = f"stands in the catalogue as {entry.kind}, not as {kind}"
            return Resolution(ref=ref, kind=kind, entry=entry, problem=text, code="wrong_kind")
        return self._known(ref, entry, provider)

    def _known(self, ref: str, entry: Entry, provider: str) -> Resolution:
        here = entry.vendor.get(provider)
        if here is None:
            there = ", ".join(entry.vendor) or "no vendor"
            return Resolution(
                ref=ref,
                kind=entry.kind,
                entry=entry,
                source_url=entry.source_url,
                problem=f"has no id at {provider} in the catalogue (it has one at: {there})",
                code="model_not_mapped",
            )
        return Resolution(
            ref=ref,
            kind=entry.kind,
            id=here.id,
            entry=entry,
            source_url=entry.source_url,
            match=here.match,
            access_key=here.access_key_ref,
        )

    def _address(self, ref: str, kind: str, provider: str) -> Resolution:
        for address in self.addresses:
            if (match := address.pattern.match(ref)) is not None:
                own = f"{address.provider}:{match[1]}"
                return attrs.evolve(self.resolve(own, kind, provider), ref=ref)
        entry = self._first(lambda e: e.source_url == ref and e.kind == kind)
        return self._known(ref, entry, provider) if entry else self._nowhere(ref, kind, ref)

    def _nowhere(self, ref: str, kind: str, source: str) -> Resolution:
        text = "is an address, not an id; only a vendor that can load models takes it"
        return Resolution(ref=ref, kind=kind, source_url=source, problem=text, code="needs_load")

    def _by_fact(self, fact: str, ref: str, kind: str, provider: str) -> Resolution:
        wanted = _air_key(ref) if fact == "air" else ref.partition(":")[2].lower()

        def fits(entry: Entry) -> bool:
            value = getattr(entry, fact)
            return value is not None and (_air_key(value) if fact == "air" else value.lower()) == wanted

        entry = self._first(fits)
        if entry is not None:
            return self._known(ref, entry, provider)
        text = "is in no catalogue entry; add one: imagegen models add"
        source = _air_source(ref) if fact == "air" else None
        return Resolution(ref=ref, kind=kind, source_url=source, problem=text, code="model_not_mapped")

    def _of_another(self, ref: str, scheme: str, id: str, kind: str, provider: str) -> Resolution:
        entry = self._by_vendor_id(scheme, id, kind)
        if entry is not None:
            return self._known(ref, entry, provider)
        text = f"is {scheme}'s id, and no catalogue entry says what {provider} calls it"
        return Resolution(ref=ref, kind=kind, problem=text, code="model_not_mapped")

    def _by_vendor_id(self, provider: str, id: str, kind: str) -> Entry | None:
        return self._index.get((provider, id, kind))

    @functools.cached_property
    def _index(self) -> dict[tuple[str, str, str], Entry]:
        entries = self.entries.values()
        return {(name, known.id, e.kind): e for e in entries for name, known in e.vendor.items()}

    def _first(self, fits: Any) -> Entry | None:
        return next((entry for entry in self.entries.values() if fits(entry)), None)


def _air_key(ref: str) -> tuple[str | None, ...]:
    match = _AIR.match(ref)
    return (match["source"].lower(), match["id"], match["version"]) if match else (ref,)


def _air_source(ref: str) -> str | None:
    """Return where an AIR's file lies, for the two sources whose addresses are documented."""
    match = _AIR.match(ref)
    if match is None:
        return None
    if match["source"].lower() == "civitai" and match["version"]:
        return f"https://civitai.com/api/download/models/{match['version']}"
    return f"hf:{match['id']}" if match["source"].lower() == "huggingface" else None


# --- reading and layering ----------------------------------------------------------------------------------------


def _good_name(value: Any) -> str | None:
    good = isinstance(value, str) and _NAME.match(value) is not None
    return None if good else "must be lower-case letters, digits, dots, dashes"


def _known_family(value: Any) -> str | None:
    from .families import families

    return None if value is None or value in families() else f"{value!r} is not a known family"


def _reference(value: Any) -> str | None:
    """Rule: where a key is; what is no such thing may be the key itself, and is not repeated."""
    good = value is None or str(value).startswith(("env:", "keyring:"))
    return None if good else "must be env:NAME or keyring:NAME, never the key"


def _one_group(value: Any) -> str | None:
    """Rule: a pattern whose first group is the id."""
    try:
        return None if re.compile(value).groups else "must have a group around the id: (...)"
    except (re.error, TypeError) as error:
        return f"must be a regular expression, not {value!r}: {error}"


def _a_weight(value: Any) -> str | None:
    """Rule: a number, or a table whose `default` is one."""
    return finite(value.get("default") if isinstance(value, Mapping) else value)


@frozen(kw_only=True)
class _VendorRow:
    id: str = part(rule=filled)
    match: str = part(default="same-name", rule=one_of(*MATCHES))
    access_key_ref: str | None = part(default=None, rule=_reference)
    source: str = ""
    __attrs_post_init__ = check

    @classmethod
    def from_plain(cls, value: Any) -> _VendorRow:
        """Read a table; one that holds a key instead of a reference is refused before anything of it can show."""
        keys = [w for w in value if w.lower().replace("_", "") in _KEYS] if isinstance(value, Mapping) else []
        if keys:
            words = "holds a key; write access_key_ref = 'env:NAME' instead"
            raise InvalidInput([Fault(word, words) for word in keys])
        return read(cls, value)


@frozen(kw_only=True)
class _EntryRow:
    """An `[[entry]]` as it is written; what it does not say, an earlier layer may have said."""

    name: str = part(rule=_good_name)
    kind: str | None = part(default=None, rule=one_of(*KINDS))
    family: str | None = part(default=None, rule=_known_family)
    title: str | None = None
    air: str | None = None
    sha256: str | None = None
    source_url: str | None = None
    trigger: tuple[str, ...] | None = None
    weight: Any = part(default=None, rule=_a_weight)
    default: Mapping[str, Any] | None = None
    vendor: Mapping[str, _VendorRow] = field(factory=dict)
    __attrs_post_init__ = check


@frozen(kw_only=True)
class _AddressRow:
    provider: str = part(rule=filled)
    pattern: str = part(rule=_one_group)
    __attrs_post_init__ = check


@frozen(kw_only=True)
class _Layer:
    """One TOML file."""

    schema: int | None = None
    entry: tuple[_EntryRow, ...] = ()
    address: tuple[_AddressRow, ...] = ()


def read_layer(text: str, layer: str) -> _Layer:
    """Read one TOML layer; all faults at once.  A file that holds a key instead of a reference is refused."""
    from .request import read_toml

    try:
        return read(_Layer, read_toml(text))
    except InvalidInput as error:
        found = [Fault(f"{layer}: {fault.path}" if fault.path else layer, fault.message) for fault in error.faults]
        raise InvalidInput(found, what="the catalogue") from None


def merge(layers: Iterable[tuple[str, str]], providers: Iterable[str] = ()) -> Catalogue:
    """Build a catalogue from `(layer name, TOML text)` pairs, the weakest first."""
    return _joined([(layer, read_layer(text, layer)) for layer, text in layers], providers)


def _joined(layers: Iterable[tuple[str, _Layer]], providers: Iterable[str]) -> Catalogue:
    entries: dict[str, Entry] = {}
    addresses: list[Address] = []
    for layer, found in layers:
        addresses += (Address(provider=one.provider, pattern=re.compile(one.pattern)) for one in found.address)
        for row in found.entry:
            known = entries.get(row.name) or Entry(name=row.name, kind="checkpoint")
            entries[row.name] = attrs.evolve(known, layer=layer, **_said(row, known))
    return Catalogue(entries, tuple(addresses), frozenset(providers))


def _said(row: _EntryRow, known: Entry) -> dict[str, Any]:
    """Return what a row says, with what was said before it of other vendors."""
    said = {name: value for name in _PLAIN if (value := getattr(row, name)) is not None}
    if isinstance(row.weight, Mapping):
        said["weight"] = row.weight.get("default")
    return {**said, "vendor": {**known.vendor, **{name: _vendor_id(one) for name, one in row.vendor.items()}}}


_PLAIN = tuple(one.name for one in attrs.fields(_EntryRow) if one.name not in ("name", "vendor"))


def _vendor_id(row: _VendorRow) -> VendorId:
    key = None if row.access_key_ref is None else Secret(row.access_key_ref)
    return VendorId(id=row.id, match=row.match, access_key_ref=key, source=row.source)


def built_in() -> str:
    """Return the built-in layer."""
    return resources.files("imagegen").joinpath("data/catalogue.toml").read_text("utf-8")


def load(registry: Any, files: Iterable[Path] = ()) -> Catalogue:
    """
    Build the catalogue in force: built-in, plugins, then *files* (the user's, the project's) that exist.

    Raises `InvalidInput` for a file of the user's; a plugin's that cannot be read is named in `broken` and left out.
    """
    layers = [("built-in", read_layer(built_in(), "built-in"))]
    broken: list[str] = []
    for impl in registry.manager.hook.imagegen_catalogue.get_hookimpls():
        try:
            layers += [(impl.plugin_name, read_layer(text, impl.plugin_name)) for text in impl.function()]
        except Exception as error:  # a stranger's plugin may fail in any way
            broken.append(f"{impl.plugin_name}: {error}")
    layers += [(str(file), read_layer(_text(file), str(file))) for file in files if file.is_file()]
    return attrs.evolve(_joined(layers, registry.providers), broken=tuple(broken))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read {file}: {error}") from None
