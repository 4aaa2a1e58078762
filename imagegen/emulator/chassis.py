"""
One function that is all emulated vendors: `Chassis.handle(request) -> response`.

It finds the vendor's half by its prefix, serves files and control itself, applies the faults that were
posted, and writes every vendor call and download into the journal.  It knows no vendor by name; both doors
(`asgi`, `inprocess`) end here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from attrs import evolve, frozen

from imagegen.plugins import Broken, Registry, installed

from . import Emulator, Request, Response, ServesOthers, answer, control, storage
from .clock import Clock
from .effects import after_effects, before_effects, cut_off
from .faults import Fault
from .journal import describe
from .world import Rules, World

WARNING = "x-emulator-warning"  # a vendor half may say it in this header; it goes to the journal, not to the caller


@frozen
class Chassis:
    """All emulators over one world.  Safe to call from many threads."""

    world: World
    emulators: Sequence[Emulator]
    broken: Sequence[Broken] = ()

    def handle(self, request: Request) -> Response:
        """Answer one request; its path still has the vendor's prefix."""
        if request.path == "/":
            return answer(self._index(request.base))
        if request.path == f"{control.PREFIX}/deviations":
            return answer(self.deviations())
        if _below(request.path, control.PREFIX):
            return control.control(request, self.world)
        emulator = self._emulator_of(request.path)
        if emulator is None and not request.path.startswith(storage.PREFIX):
            return answer({"error": f"nothing is served at {request.path}", "served": self._prefixes()}, 404)
        return self._tell(request, emulator)

    def deviations(self) -> Mapping[str, Sequence[str]]:
        """Return, per emulator, every rule of it that no document supports."""
        return {name_of(emulator): list(emulator.deviations) for emulator in self.emulators}

    def prefix_for(self, provider: str) -> str | None:
        """Return where the emulator is mounted that serves *provider*, None without one."""
        return next((emulator.prefix for emulator in self.emulators if provider in served_by(emulator)), None)

    def close(self) -> None:
        """Close the world's state file."""
        self.world.close()

    def _emulator_of(self, path: str) -> Emulator | None:
        fits = [emulator for emulator in self.emulators if _below(path, emulator.prefix)]
        return max(fits, key=lambda emulator: len(emulator.prefix), default=None)

    def _tell(self, request: Request, emulator: Emulator | None) -> Response:
        """Answer under the posted faults, and write it down."""
        provider = name_of(emulator) if emulator else ""
        self.world.warned()  # what a broken call may have left
        faults = self.world.transport_faults(provider=provider, path=request.path, method=request.method)
        response = before_effects(faults)
        handled = response is None
        if response is None:
            response = self._answered(request, emulator)
        if warning := response.headers.get(WARNING):
            self.world.warn(warning)
            response = evolve(response, headers={k: v for k, v in response.headers.items() if k != WARNING})
        arrives = cut_off(after_effects(response, faults), faults) if handled else response
        self.world.note(
            {
                "provider": provider,
                **describe(request),
                "status": response.status,
                "warnings": self.world.warned(),
                "faults": [_shown(fault) for fault in faults],
                "arrives": _fate(arrives),
            }
        )
        return arrives

    def _answered(self, request: Request, emulator: Emulator | None) -> Response:
        if emulator is None:
            return storage.serve_file(request, self.world)
        below = evolve(request, path=request.path[len(emulator.prefix.rstrip("/")) :] or "/")
        try:
            return emulator.handle(below, self.world)
        except Exception as error:  # a vendor half may be a stranger's
            self.world.warn(f"the emulator of {emulator.prefix} broke: {type(error).__name__}: {error}")
            return answer({"error": f"the emulator broke ({type(error).__name__}); see {control.PREFIX}/requests"}, 500)

    def _prefixes(self) -> list[str]:
        return [emulator.prefix for emulator in self.emulators]

    def _index(self, base: str) -> dict[str, object]:
        return {
            "emulators": {name_of(emulator): base + emulator.prefix for emulator in self.emulators},
            "broken": {plugin.name: plugin.reason for plugin in self.broken},
            "control": sorted({f"{base}{control.PREFIX}/{door}" for _, door in control.DOORS}),
            "files": base + storage.PREFIX,
        }


def open_chassis(
    path: Path | None = None,
    *,
    rules: Rules | None = None,
    clock: Clock | None = None,
    registry: Registry | None = None,
) -> Chassis:
    """Build a chassis from the plugins' emulators, with its state in the file *path* or in memory."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    world = World(path=":memory:" if path is None else str(path), rules=rules or Rules(), clock=clock or Clock())
    emulators, broken = offered(installed() if registry is None else registry)
    return Chassis(world, emulators, broken)


def offered(registry: Registry) -> tuple[tuple[Emulator, ...], tuple[Broken, ...]]:
    """Ask the plugins for their emulators, sorted by prefix; a plugin that fails is named and skipped."""
    found: dict[str, Emulator] = {}
    broken = list(registry.broken)
    for impl in registry.manager.hook.imagegen_emulators.get_hookimpls():
        try:
            for emulator in cast("Iterable[Emulator]", impl.function()):
                found.setdefault(emulator.prefix, emulator)
        except Exception as error:  # a stranger's plugin may fail in any way
            broken.append(Broken(name=impl.plugin_name, reason=f"{type(error).__name__}: {error}"))
    return tuple(found[prefix] for prefix in sorted(found)), tuple(broken)


def name_of(emulator: Emulator) -> str:
    """Return the name of an emulator in journal, rules and index: its prefix without slashes."""
    return emulator.prefix.strip("/")


def served_by(emulator: Emulator) -> Sequence[str]:
    """Return the names of the providers that an emulator serves: those it declares, else that of its prefix."""
    declared = emulator.providers if isinstance(emulator, ServesOthers) else ()
    return declared or (name_of(emulator),)


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def _shown(fault: Fault) -> str:
    return f"{fault.name}={fault.value}" if fault.value else fault.name


def _fate(response: Response) -> str:
    if response.hang or response.drop:
        return "never" if response.hang else "dropped"
    return "whole" if response.truncate is None else f"{response.truncate} of {len(response.body)} bytes"
