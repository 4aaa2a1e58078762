"""
What is in force and where it came from.  The environment and the settings files are read here, once.

Order, the strongest first: what the program gives, the environment, `imagegen.toml` in the working folder,
`imagegen.toml` in the user's config folder, the provider's documented default.  A `prices.toml` beside an
`imagegen.toml` (written by `imagegen prices set`) has the same shape, is stronger than it, and only tells prices.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from .errors import Fault, InvalidInput, NotConfigured
from .placeholders import Secret
from .plugins import Registry
from .provider import Provider, Setting

FILE = "imagegen.toml"
PRICES = "prices.toml"
CORE_WORDS = {"default_provider", "providers", "output", "namespace"}

# What the user may say about the price of any provider; see `imagegen.pricebook`.
OWN_PRICE = (
    Setting(name="usd_per_image", price=True, help="your own price per picture"),
    Setting(name="price_source", price=True, help="where your own price is from"),
    Setting(name="price_checked_on", price=True, help="the day on which it was so"),
)


def own_words(provider: Provider) -> tuple[Setting, ...]:
    """Return the settings of `OWN_PRICE` that *provider* has not declared itself."""
    declared = {setting.name for setting in provider.settings}
    return tuple(setting for setting in OWN_PRICE if setting.name not in declared)


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
            if setting.choices and value not in setting.choices:
                words = ", ".join(setting.choices)
                raise NotConfigured(f"{provider}.{setting.name} from {origin} must be one of {words}, not {value!r}")
            if setting.secret:
                value = _secret(value, setting, origin)
            elif setting.name == "base_url":
                value = normal_url(str(value))
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
            return registry.provider(str(default)).name
        ready = [p.name for p in registry.providers.values() if self.has_key(p)]
        if len(ready) == 1:
            return ready[0]
        why = "none has a key" if not ready else f"several have a key ({', '.join(ready)})"
        raise NotConfigured(
            f"no provider was named and {why}.",
            hint="Name one with --provider, set default_provider in imagegen.toml, set a key "
            f"({_key_names(registry)}), or try without any: --emulated.",
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


def normal_url(url: str) -> str:
    """Add a missing scheme; take off trailing slashes and a `/v1` or `/api` suffix, which users carry along."""
    url = url.strip()
    if "://" not in url:
        url = f"https://{url}"
    url = url.rstrip("/")
    for suffix in ("/v1", "/api"):
        url = url.removesuffix(suffix).rstrip("/")
    return url


def load(environ: Mapping[str, str] | None = None, *, folder: Path | None = None, home: Path | None = None) -> Config:
    """Read the environment and the settings files."""
    environ = os.environ if environ is None else environ
    files = tuple(file for file in _candidates(environ, folder or Path.cwd()) if file.is_file())
    tables = tuple(_table(file) for file in files)
    return Config(home=home or _home(environ), environ=environ, files=files, tables=tables)


def _candidates(environ: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    return tuple(place / name for place in (folder, user_folder(environ)) for name in (PRICES, FILE))


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
        table = read_toml(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, InvalidInput) as error:
        raise NotConfigured(f"cannot read {file}: {error}") from None
    faults = [Fault(name, "is not a setting") for name in table if name not in CORE_WORDS]
    if faults:
        raise NotConfigured(f"{file}: " + "; ".join(map(str, faults)))
    return table


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
        elif setting.name == "app_id" and value:
            digest.update(f"{setting.name}={value}".encode())
    return digest.hexdigest()[:12]
