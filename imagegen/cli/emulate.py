"""`imagegen emulate`: every provider's emulator behind one socket on this machine."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from imagegen.errors import InvalidInput

from .options import Json
from .output import OK, print_json
from .render import heading, indented, plain, show

if TYPE_CHECKING:
    from imagegen.emulator.chassis import Chassis


def command(
    *,
    port: Annotated[int, Parameter(help="Port; 0 picks a free one. Default: 8085.")] = 8085,
    host: Annotated[str, Parameter(help="Address to listen on. Default: 127.0.0.1, this machine only.")] = "127.0.0.1",
    speed: Annotated[float, Parameter(help="How fast the emulated world's time runs. Default: 1.")] = 1.0,
    strict: Annotated[bool, Parameter(help="Refuse unknown fields in the vendor's own words.")] = False,
    limits: Annotated[bool, Parameter(help="Enforce the vendors' rate limits.")] = False,
    queue: Annotated[bool, Parameter(help="Everything queues, also where a vendor would answer at once.")] = False,
    deviations: Annotated[bool, Parameter(help="List every rule that no document supports, and end.")] = False,
    state: Annotated[
        Path | None, Parameter(help="Keep the world in this file; without it, it ends with the server.", metavar="FILE")
    ] = None,
    as_json: Json = False,
) -> int:
    """
    Serve every installed provider's emulator: real pictures, job states and books; no key, no network, no money.

    The key is emulator-key. Ctrl-C ends it.
    """
    from imagegen.emulator.chassis import open_chassis
    from imagegen.emulator.clock import Clock
    from imagegen.emulator.world import Rules

    if not speed > 0:
        raise InvalidInput("--speed must be more than 0")
    if not 0 <= port <= 65535:
        raise InvalidInput("--port must be from 0 to 65535")
    rules = Rules(strict=strict, limits=limits, queue=queue)
    try:
        chassis = open_chassis(None if deviations else state, rules=rules, clock=Clock(speed=speed))
    except (OSError, sqlite3.Error) as error:
        raise InvalidInput(f"--state {state} cannot be opened: {error}.") from None
    try:
        if deviations:
            _show_deviations(chassis, as_json=as_json)
        else:
            _serve(chassis, host, port, as_json=as_json)
    finally:
        chassis.close()
    return OK


def _show_deviations(chassis: Chassis, *, as_json: bool) -> None:
    found = {name: list(lines) for name, lines in chassis.deviations().items()}
    if as_json:
        print_json(found)
        return
    for name, lines in found.items():
        show(heading(name, f"{len(lines)} rules that no document supports"))
        show(*(indented(plain(f"- {line}")) for line in lines), plain(""))


def _serve(chassis: Chassis, host: str, port: int, *, as_json: bool) -> None:
    from imagegen.emulator.asgi import serve

    def ready(url: str) -> None:
        addresses = _addresses(chassis, url)
        if as_json:
            print_json({"url": url, "key": _key(), "emulators": addresses, "broken": _broken(chassis)})
        else:
            _welcome(chassis, url)

    serve(chassis, host=host, port=port, ready=ready)


def _addresses(chassis: Chassis, url: str) -> dict[str, str]:
    return {emulator.prefix.strip("/"): url + emulator.prefix for emulator in chassis.emulators}


def _key() -> str:
    from imagegen.emulator import KEY

    return KEY


def _broken(chassis: Chassis) -> list[dict[str, Any]]:
    return [{"name": one.name, "reason": one.reason} for one in chassis.broken]


def _welcome(chassis: Chassis, url: str) -> None:
    """Say where everybody is, as lines that can be pasted into a shell."""
    from imagegen.plugins import installed

    print(f"The emulator listens on {url} (Ctrl-C ends it). Nothing costs money here.\n")
    for provider in installed().providers.values():
        prefix = chassis.prefix_for(provider.name)
        if prefix is None:
            continue
        for setting in provider.settings:
            if setting.env and setting.name == "base_url":
                print(f"export {setting.env}={url}{prefix}")
            elif setting.env and setting.secret and setting.required:
                print(f"export {setting.env}={_key()}")
    for one in chassis.broken:
        print(f"{one.name} failed to load and is skipped: {one.reason}")
    print(f"\nWhat is charged: {url}/_emulator/jobs   All doors: {url}/", flush=True)
