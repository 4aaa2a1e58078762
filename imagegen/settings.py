"""
What is in force and where it came from.  The environment and the settings files are read here, once.

Order, the strongest first: what the program gives, the environment, `imagegen.toml` in the working folder,
`imagegen.toml` in the user's config folder, the provider's documented default.  A `prices.toml` beside an
`imagegen.toml` (written by `imagegen prices set`) has the same shape, is stronger than it, and only tells prices.

A word that nobody knows is an error, because what it was meant to say would silently not hold.  The one exception is a
section of a provider that is not installed here, as shared files have them: it is told by `config` and `doctor`.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from .emulator import KEY as EMULATOR_KEY
from .errors import Fault, InvalidInput, NotConfigured
from .money import read_amount
from .parts import did_you_mean
from .placeholders import Secret
from .plugins import Registry
from .provider import Provider, Setting

FILE = "imagegen.toml"
PRICES = "prices.toml"
CORE_WORDS = ("default_provider", "output", "namespace")
NEAR = 0.8  # how alike a name must be to an installed provider's to be taken for a slip of it (1 = equal)

# What the user may say of any provider: its price (see `imagegen.pricebook`), and how many jobs it takes at once.
OWN = (
    Setting(name="usd_per_image", price=True, amount=True, help="your own price per picture"),
    Setting(name="price_source", price=True, help="where your own price is from"),
    Setting(name="price_checked_on", price=True, help="the day on which it was so"),
    Setting(name="concurrent", whole=True, help="paid jobs at once, where your plan allows other than is documented"),
)


def own_words(provider: Provider) -> tuple[Setting, ...]:
    """Return the settings of `OWN` that *provider* has not declared itself."""
    declared = {setting.name for setting in provider.settings}
    return tuple(setting for setting in OWN if setting.name not in declared)


@frozen(kw_only=True)
class InForce:
    """One setting with its origin (`environment SOME_KEY`, a file's path, `default`, `program`)."""

    name: str
    value: Any
    origin: str


@frozen(kw_only=True)
class Config:
    """
    Settings of a program run.

    Attributes:
        home: where state lives: ledger, limits, the in-process emulator, pictures without `-o`.
        files: the settings files that were found, the strongest first.
        tables: their content.
    """

    home: Path
    environ: Mapping[str, str] = field(factory=dict, repr=False)
    files: tuple[Path, ...] = ()
    tables: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    def word(self, name: str) -> Any:
        """Return a core setting (`default_provider`, `output`, `namespace`), or None."""
        return next((table[name] for table in self.tables if name in table), None)

    def of(self, provider: Provider, given: Mapping[str, Any] | None = None) -> tuple[InForce, ...]:
        """Return every setting of *provider* that has a value."""
        every = (*provider.settings, *own_words(provider))
        found = (self._one(provider.name, setting, given or {}) for setting in every)
        return tuple(one for one in found if one is not None)

    def values(self, provider: Provider, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the settings of *provider* as names and values; secrets as `Secret`, the base URL normalised."""
        return {one.name: one.value for one in self.of(provider, given)}

    def _one(self, provider: str, setting: Setting, given: Mapping[str, Any]) -> InForce | None:
        for value, origin in self._sources(provider, setting, given):
            if value in (None, ""):
                continue
            if complaint := _complaint(setting, value):
                raise NotConfigured(f"{provider}.{setting.name} from {origin} {complaint}")
            if setting.secret:
                value = _secret(value, setting, origin)
            elif setting.name == "base_url":
                value = normal_url(str(value), setting.suffixes)
            return InForce(name=setting.name, value=value, origin=origin)
        return None

    def _sources(self, provider: str, setting: Setting, given: Mapping[str, Any]) -> list[tuple[Any, str]]:
        sources: list[tuple[Any, str]] = [(given.get(setting.name), "program")]
        if setting.env:
            sources.append((self.environ.get(setting.env), f"environment {setting.env}"))
        for file, table in zip(self.files, self.tables, strict=True):
            if file.name == PRICES and not setting.price:
                continue
            section = table.get("providers", {}).get(provider, {})
            sources.append((section.get(setting.name), str(file)))
        return [*sources, (setting.default, "default")]

    def has_key(self, provider: Provider) -> bool:
        """Whether all required secrets of *provider* are set."""
        values = self.values(provider)
        return not any(setting.missing(values) for setting in provider.settings if setting.secret)

    def choose(self, registry: Registry) -> str:
        """Return the provider when none was named: the configured default, else the only one with a key."""
        default = self.word("default_provider")
        if default:
            return self._installed(str(default), registry)
        ready = [p.name for p in registry.providers.values() if self.has_key(p)]
        if len(ready) == 1:
            return ready[0]
        why = "none has a key" if not ready else f"several have a key ({', '.join(ready)})"
        raise NotConfigured(
            f"no provider was named and {why}.",
            hint="Name one with --provider, set default_provider in imagegen.toml, set a key "
            f"({_key_names(registry)}), or try without any: --emulated.",
        )

    def _installed(self, default: str, registry: Registry) -> str:
        if default not in registry.providers:
            file = next(
                file for file, table in zip(self.files, self.tables, strict=True) if "default_provider" in table
            )
            raise NotConfigured(f"{file}: default_provider: {registry.unknown(default)}")
        return default

    def strangers(self, registry: Registry) -> tuple[str, ...]:
        """Return what the files say about providers that are not installed here: it has no effect."""
        return tuple(
            f"{file}: {path}: {registry.unknown(name)}"
            for file, table in zip(self.files, self.tables, strict=True)
            for path, name in _provider_names(table)
            if name not in registry.providers
        )


def _key_names(registry: Registry) -> str:
    names = [s.env for p in registry.providers.values() for s in p.settings if s.secret and s.required and s.env]
    return ", ".join(names)


def _secret(value: Any, setting: Setting, origin: str) -> Secret:
    if isinstance(value, Secret):
        return value
    if origin.startswith("environment"):
        return Secret(f"env:{setting.env}") if setting.env else Secret(str(value))
    return Secret(str(value))


def normal_url(url: str, suffixes: tuple[str, ...] = ()) -> str:
    """Add a missing scheme; take off trailing slashes and those *suffixes* that users carry along."""
    url = url.strip()
    if "://" not in url:
        url = f"https://{url}"
    url = url.rstrip("/")
    while (suffix := next((one for one in suffixes if url.endswith(one)), None)) is not None:
        url = url.removesuffix(suffix).rstrip("/")
    return url


def load(
    environ: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
    home: Path | None = None,
    registry: Registry | None = None,
) -> Config:
    """
    Read the environment and the settings files.

    Raises `NotConfigured` that lists all that is wrong with the files; with a *registry* also what no provider knows.
    """
    environ = os.environ if environ is None else environ
    files = tuple(file for file in candidates(environ, folder) if file.is_file())
    tables = tuple(_table(file) for file in files)
    found = [f"{file}: {fault}" for file, table in zip(files, tables, strict=True) for fault in _faults(file, table)]
    if registry is not None:
        for file, table in zip(files, tables, strict=True):
            found += [f"{file}: {fault}" for fault in _unknown_words(file, table, registry)]
    if found:
        raise NotConfigured(found[0] if len(found) == 1 else "\n  ".join([f"{len(found)} faults in settings:", *found]))
    return Config(home=home or _home(environ), environ=environ, files=files, tables=tables)


def candidates(environ: Mapping[str, str], folder: Path | None = None) -> tuple[Path, ...]:
    """Return every settings file that would be read if it were there, the strongest first."""
    return tuple(place / name for place in (folder or Path.cwd(), user_folder(environ)) for name in (PRICES, FILE))


def user_folder(environ: Mapping[str, str]) -> Path:
    """Return the user's config folder (`IMAGEGEN_CONFIG` overrides it)."""
    if environ.get("IMAGEGEN_CONFIG"):
        return Path(environ["IMAGEGEN_CONFIG"])
    import platformdirs

    return platformdirs.user_config_path("imagegen")


def _home(environ: Mapping[str, str]) -> Path:
    if environ.get("IMAGEGEN_HOME"):
        return Path(environ["IMAGEGEN_HOME"]).expanduser()
    import platformdirs

    return platformdirs.user_state_path("imagegen")


def _table(file: Path) -> Mapping[str, Any]:
    from .request import read_toml

    try:
        return read_toml(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, InvalidInput) as error:
        raise NotConfigured(f"cannot read {file}: {error}") from None


# --- what is wrong with them -------------------------------------------------------------------------------------


def check_given(given: Mapping[str, Any], registry: Registry) -> None:
    """Raise `InvalidInput` with every word of a program's own settings that no installed provider knows."""
    faults: list[Fault] = []
    for name, words in given.items():
        if name not in registry.providers:
            faults.append(Fault(f"settings.{name}", registry.unknown(name)))
        elif not isinstance(words, Mapping):
            faults.append(Fault(f"settings.{name}", _no_table(words)))
        else:
            faults += (one.below(f"settings.{name}") for one in _section_faults(registry.providers[name], words))
    if faults:
        raise InvalidInput(faults, what="the settings")


def _faults(file: Path, table: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with a file whoever is installed."""
    words = () if file.name == PRICES else CORE_WORDS
    for name, value in table.items():
        if name == "providers":
            yield from _section_shapes(value)
        elif name not in words:
            yield Fault(name, f"is not a setting{did_you_mean(name, (*words, 'providers'))}")
        elif not isinstance(value, str):
            yield Fault(name, f"must be text, not {value!r}")


def _section_shapes(value: Any) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield Fault("providers", _no_table(value))
        return
    for name, words in value.items():
        if not isinstance(words, Mapping):
            yield Fault(f"providers.{name}", _no_table(words))


def _no_table(value: Any) -> str:
    return f"must be a table of settings, not {value!r}"


def _unknown_words(file: Path, table: Mapping[str, Any], registry: Registry) -> Iterator[Fault]:
    """What no installed provider knows; a provider that nobody here knows is no fault unless it looks like a slip."""
    for path, name in _provider_names(table):
        if _is_slip(name, registry):
            yield Fault(path, registry.unknown(name))
    for name, words in _sections(table).items():
        if name in registry.providers and isinstance(words, Mapping):
            found = _section_faults(registry.providers[name], words, only_prices=file.name == PRICES)
            yield from (fault.below(f"providers.{name}") for fault in found)


def _sections(table: Mapping[str, Any]) -> Mapping[str, Any]:
    sections = table.get("providers", {})
    return sections if isinstance(sections, Mapping) else {}


def _provider_names(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield where a file names a provider, and whom."""
    default = table.get("default_provider")
    if isinstance(default, str) and default:
        yield "default_provider", default
    yield from ((f"providers.{name}", name) for name in _sections(table))


def _is_slip(name: str, registry: Registry) -> bool:
    if name in registry.providers or name in {broken.name for broken in registry.broken}:
        return False
    return bool(difflib.get_close_matches(name, registry.providers, n=1, cutoff=NEAR))


def _section_faults(provider: Provider, words: Mapping[str, Any], *, only_prices: bool = False) -> Iterator[Fault]:
    known = {setting.name: setting for setting in (*provider.settings, *own_words(provider))}
    for name, value in words.items():
        setting = known.get(name)
        if setting is None:
            yield Fault(str(name), f"is not a setting of {provider.name}{did_you_mean(str(name), known)}")
        elif only_prices and not setting.price:
            yield Fault(name, f"says no price; it belongs in {FILE}")
        elif complaint := _complaint(setting, value):
            yield Fault(name, complaint)


def _complaint(setting: Setting, value: Any) -> str:
    """Return why a setting cannot have *value*; None and empty text leave it unset."""
    if value in (None, ""):
        return ""
    if isinstance(value, (Mapping, list, tuple)):
        return f"must be one value, not {value!r}" if not setting.secret else "must be one value"
    if setting.choices and value not in setting.choices:
        return f"must be one of {', '.join(setting.choices)}, not {value!r}"
    if setting.whole and not (str(value).isdecimal() and int(value) >= 1):
        return f"must be a whole number, 1 or more, not {value!r}"
    if setting.amount:
        try:
            read_amount(value)
        except InvalidInput as error:
            return str(error)
    return ""


def fingerprint(settings: Mapping[str, Any], provider: Provider) -> str:
    """Name the account by a hash of its secrets: accounts can be told apart, the key cannot be read."""
    digest = hashlib.sha256()
    for setting in provider.settings:
        value = settings.get(setting.name)
        if setting.secret and isinstance(value, Secret):
            try:
                digest.update(f"{setting.name}={value.reveal()}".encode())
            except LookupError:
                continue
        elif setting.account and value:
            digest.update(f"{setting.name}={value}".encode())
    return digest.hexdigest()[:12]


def is_emulated(settings: Mapping[str, Any], provider: Provider) -> bool:
    """Whether the key is the one that every emulator takes and no vendor ever gave out: what it pays is no money."""
    given = (settings.get(setting.name) for setting in provider.settings if setting.secret)
    return any(isinstance(value, Secret) and _shown(value) == EMULATOR_KEY for value in given)


def _shown(secret: Secret) -> str:
    try:
        return secret.reveal()
    except LookupError:
        return ""
