"""`imagegen doctor`: everything that can be checked without spending anything."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from attrs import asdict, frozen
from cyclopts import Parameter

from imagegen import __version__, plugins, settings
from imagegen.errors import ImagegenError
from imagegen.placeholders import Secret

from .options import Json
from .output import BAD_INPUT, OK, print_json
from .render import plain, show, table

if TYPE_CHECKING:
    from imagegen.ledger.sqlite import SqliteStore
    from imagegen.plugins import Registry
    from imagegen.provider import Provider
    from imagegen.settings import Config

Verdict = Literal["good", "note", "bad"]
STYLE = {"good": "green", "note": "yellow", "bad": "bold red"}
HOST_SECONDS = 5.0
CLOCK_SECONDS = 60.0  # signatures and link expiries forgive a little, not more


@frozen
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    words: str


def command(
    *,
    offline: Annotated[bool, Parameter(help="Do not see whether hosts answer.")] = False,
    as_json: Json = False,
) -> int:
    """
    Check keys, hosts, clock, versions and the ledger.  Nothing here can cost anything, and no key is sent.

    Exit code 2 when something is bad.
    """
    registry = plugins.installed()
    config = settings.load(registry=registry)
    found = [*_versions(), *_plugins(registry), *_settings(registry, config), *_home(config), *_ledger(config)]
    found += _providers(registry, config)
    if not offline:
        found += _hosts(registry, config)
    if as_json:
        print_json({"findings": [asdict(one) for one in found], "good": all(one.verdict != "bad" for one in found)})
    else:
        rows = table("what", "", "")
        rows.show_header = False
        for one in found:
            rows.add_row(one.what, plain(one.verdict, STYLE[one.verdict]), plain(one.words))
        show(rows)
    return BAD_INPUT if any(one.verdict == "bad" for one in found) else OK


def _versions() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    yield Finding("imagegen", "good", f"{__version__} on Python {platform.python_version()}, {sys.platform}")
    for name in ("httpx", "Pillow", "attrs", "cattrs", "pluggy", "cyclopts", "rich"):
        try:
            yield Finding(name, "good", version(name))
        except PackageNotFoundError:
            yield Finding(name, "bad", "is not installed")
    for extra, name, use in (("server", "uvicorn", "imagegen emulate"), ("rsa", "cryptography", "signed requests")):
        try:
            yield Finding(name, "good", version(name))
        except PackageNotFoundError:
            yield Finding(name, "note", f"is not installed; {use} needs it: pip install 'imagegen[{extra}]'")


def _plugins(registry: Registry) -> Iterator[Finding]:
    for one in registry.broken:
        yield Finding(f"plugin {one.name}", "bad", f"failed to load and is skipped: {one.reason}")


def _settings(registry: Registry, config: Config) -> Iterator[Finding]:
    from imagegen.planning import load_catalogue

    for words in config.strangers(registry):
        yield Finding("settings", "note", words)
    try:
        catalogue = load_catalogue(registry, config)
    except ImagegenError as error:
        yield Finding("catalogue", "bad", str(error))
    else:
        yield from (Finding("catalogue", "bad", f"a plugin's is left out: {words}") for words in catalogue.broken)


def _home(config: Config) -> Iterator[Finding]:
    try:
        config.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        yield Finding("home", "bad", f"{config.home} cannot be made: {error.strerror}")
        return
    good = os.access(config.home, os.W_OK)
    yield Finding("home", "good" if good else "bad", f"{config.home}{'' if good else ' is not writable'}")


def _ledger(config: Config) -> Iterator[Finding]:
    from imagegen.ledger.sqlite import SqliteStore

    file = config.home / "ledger.sqlite3"
    if not file.exists():
        yield Finding("ledger", "good", "none yet")
        return
    store = SqliteStore(file)
    try:
        yield from _store(store)
    except ImagegenError as error:
        yield Finding("ledger", "bad", str(error))
    finally:
        store.close()


def _store(store: SqliteStore) -> Iterator[Finding]:
    wrong = store.check()
    yield Finding("ledger", "bad" if wrong else "good", "; ".join(wrong[:3]) if wrong else "whole")
    unknown = store.jobs(state="unknown", emulated=False)
    if unknown:
        ids = ", ".join(row.id for row in unknown[:5])
        yield Finding("jobs of unknown outcome", "bad", f"{len(unknown)} ({ids}); see: imagegen reconcile")
    for state in ("submitting", "submitted", "running"):
        if count := len(store.jobs(state=state, emulated=False)):
            yield Finding(f"jobs {state}", "note", f"{count}; if nobody works on them: imagegen reconcile")


def _providers(registry: Registry, config: Config) -> Iterator[Finding]:
    for provider in registry.providers.values():
        yield _key(provider, config)
        live = provider.verified or "nothing was ever checked against the live vendor; all is from its documents"
        yield Finding(f"{provider.name} live", "good" if provider.verified else "note", live)


def _key(provider: Provider, config: Config) -> Finding:
    what = f"{provider.name} key"
    try:
        values = config.values(provider)
        for value in values.values():
            if isinstance(value, Secret):
                value.reveal(config.environ)
    except (LookupError, ImagegenError) as error:
        return Finding(what, "bad", str(error.args[0] if error.args else error))
    missing = [setting.env or setting.name for setting in provider.settings if setting.missing(values)]
    if missing:
        return Finding(what, "note", f"not set; set {', '.join(missing)} to use it (the emulator needs none)")
    return Finding(what, "good", "set")


def _hosts(registry: Registry, config: Config) -> list[Finding]:
    """See whether the hosts answer, side by side; of each answer only its date is read."""
    from concurrent.futures import ThreadPoolExecutor

    urls = {p.name: str(config.values(p).get("base_url") or "") for p in registry.providers.values()}
    with ThreadPoolExecutor(8, thread_name_prefix="doctor") as pool:
        found = list(pool.map(lambda item: knock(*item), [(name, url) for name, url in urls.items() if url]))
    return [finding for findings in found for finding in findings]


def knock(name: str, url: str, now: Callable[[], float] = time.time) -> list[Finding]:
    """Ask the host for its front page's headers: no key, no path, no cost."""
    import http.client

    parts = urlsplit(url)
    kind: Any = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=HOST_SECONDS)
    try:
        connection.request("HEAD", "/")
        answer = connection.getresponse()
        date = answer.getheader("Date")
    except (OSError, http.client.HTTPException) as error:
        return [Finding(f"{name} host", "bad", f"{parts.netloc} does not answer: {error or type(error).__name__}")]
    finally:
        connection.close()
    found = [Finding(f"{name} host", "good", f"{parts.netloc} answers")]
    return [*found, *clock_finding(name, date, now())]


def clock_finding(name: str, date: str | None, now: float) -> list[Finding]:
    """Compare this machine's clock with a host's `Date` header."""
    from email.utils import parsedate_to_datetime

    try:
        there = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return []
    off = now - there
    if abs(off) <= CLOCK_SECONDS:
        return []
    words = f"this machine's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the host's"
    return [Finding(f"{name} clock", "bad", words)]
