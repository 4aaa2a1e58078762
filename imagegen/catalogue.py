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
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs import field, frozen

from .errors import Fault, InvalidInput
from .placeholders import Secret

Match = Literal["given", "same-file", "same-version", "same-name", "substitute"]
MATCHES = ("same-file", "same-version", "same-name", "substitute")
KINDS = ("checkpoint", "lora", "embedding", "vae", "controlnet", "upscaler")
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
    """Entries by name, and how addresses are read.  Built by `merge`; pure."""

    entries: Mapping[str, Entry]
    addresses: tuple[Address, ...] = ()
    providers: frozenset[str] = frozenset()

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


def read_layer(text: str, layer: str) -> tuple[list[dict[str, Any]], list[Address]]:
    """Read one TOML layer; all faults at once.  A file that holds a key instead of a reference is refused."""
    from .request import read_toml

    data = read_toml(text)
    faults: list[Fault] = []
    rows = [{**row, "layer": layer} for row in data.get("entry", ())]
    for index, row in enumerate(rows):
        faults += (fault.below(f"entry[{index}]") for fault in _row_faults(row))
    if faults:
        raise InvalidInput(faults, what=f"the catalogue ({layer})")
    addresses = [Address(provider=a["provider"], pattern=re.compile(a["pattern"])) for a in data.get("address", ())]
    return rows, addresses


def _row_faults(row: Mapping[str, Any]) -> Iterator[Fault]:
    from .families import families

    if not _NAME.match(str(row.get("name", ""))):
        yield Fault("name", "must be lower-case letters, digits, dots, dashes")
    if row.get("kind") not in (None, *KINDS):
        yield Fault("kind", f"must be one of {', '.join(KINDS)}")
    if row.get("family") is not None and row["family"] not in families():
        yield Fault("family", f"{row['family']!r} is not a known family")
    for provider, vendor in row.get("vendor", {}).items():
        for word in vendor:
            if word.lower().replace("_", "") in ("accesskey", "key", "apikey", "token"):
                yield Fault(f"vendor.{provider}.{word}", "holds a key; write access_key_ref = 'env:NAME' instead")
        if not isinstance(vendor.get("id"), str):
            yield Fault(f"vendor.{provider}.id", "must be text in quotes")
        if vendor.get("match", "same-name") not in MATCHES:
            yield Fault(f"vendor.{provider}.match", f"must be one of {', '.join(MATCHES)}")
        key_ref = vendor.get("access_key_ref")
        if key_ref is not None and not str(key_ref).startswith(("env:", "keyring:")):
            yield Fault(f"vendor.{provider}.access_key_ref", "must be env:NAME or keyring:NAME, never the key")


def merge(layers: Iterable[tuple[str, str]], providers: Iterable[str] = ()) -> Catalogue:
    """Build a catalogue from `(layer name, TOML text)` pairs, the weakest first."""
    rows: dict[str, dict[str, Any]] = {}
    addresses: list[Address] = []
    for layer, text in layers:
        found, more = read_layer(text, layer)
        addresses += more
        for row in found:
            known = rows.setdefault(row["name"], {})
            vendor = {**known.get("vendor", {}), **row.get("vendor", {})}
            known.update(row)
            known["vendor"] = vendor
    entries = {name: _entry(row) for name, row in rows.items()}
    return Catalogue(entries, tuple(addresses), frozenset(providers))


def _entry(row: Mapping[str, Any]) -> Entry:
    vendor = {
        provider: VendorId(
            id=words["id"],
            match=words.get("match", "same-name"),
            access_key_ref=Secret(words["access_key_ref"]) if words.get("access_key_ref") else None,
            source=words.get("source", ""),
        )
        for provider, words in row["vendor"].items()
    }
    weight = row.get("weight")
    return Entry(
        name=row["name"],
        kind=row.get("kind", "checkpoint"),
        family=row.get("family"),
        title=row.get("title", ""),
        air=row.get("air"),
        sha256=row.get("sha256"),
        source_url=row.get("source_url"),
        trigger=tuple(row.get("trigger", ())),
        weight=weight.get("default") if isinstance(weight, Mapping) else weight,
        default=row.get("default", {}),
        vendor=vendor,
        layer=row["layer"],
    )


def built_in() -> str:
    """Return the built-in layer."""
    return resources.files("imagegen").joinpath("data/catalogue.toml").read_text("utf-8")


def load(registry: Any, files: Iterable[Path] = ()) -> Catalogue:
    """Build the catalogue in force: built-in, plugins, then *files* (the user's, the project's) that exist."""
    layers = [("built-in", built_in())]
    for impl in registry.manager.hook.imagegen_catalogue.get_hookimpls():
        layers += [(impl.plugin_name, text) for text in impl.function()]
    for file in files:
        if file.is_file():
            layers.append((str(file), file.read_text("utf-8")))
    return merge(layers, registry.providers)
