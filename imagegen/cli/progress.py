"""
Shows what happens while jobs run: the vendor's own state, live on a terminal, as plain lines on stderr elsewhere.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from attrs import define, field

from imagegen.events import Event

from .output import remark

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

BAR = 20  # characters of the progress bar


def words(event: Event) -> str:
    """Return one piece of news in a few words; empty = not worth a line."""
    match event.kind:
        case "submitting":
            return f"sends the {event.message or 'generate'} call"
        case "accepted":
            return f"accepted as {event.message}" if event.message else "accepted"
        case "state":
            return _state(event)
        case "waiting":
            return f"waits {event.seconds or 0:.0f} s"
        case "retrying":
            said = event.message.removeprefix(f"{event.provider}: ")
            return f"tries again in {event.seconds or 0:.1f} s: {said}"
        case "downloaded":
            return f"kept {event.message}"
        case "moved":
            return event.message.replace(f" at {event.provider}:", ":")  # the line begins with the provider
        case "done":
            return "done"
        case "failed":
            return "failed"
    return ""


def _state(event: Event) -> str:
    parts = [event.state]
    if event.progress is not None:
        parts.append(f"{event.progress:.0%}")
    if event.queue is not None:
        parts.append(f"place {event.queue} in the queue")
    if event.eta:
        parts.append(f"about {event.eta:.0f} s to go")
    return ", ".join(part for part in parts if part)


@define
class Row:
    """One job on the screen."""

    provider: str
    started: float
    text: str = "prepares"
    progress: float | None = None
    over: bool = False
    job_id: str = ""
    vendor_job_id: str = ""


@define
class Progress:
    """Listens to events from any thread; use it as a context manager around the work."""

    quiet: bool = False
    rows: dict[str, Row] = field(factory=dict)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _live: Live | None = field(default=None, init=False)
    _spinners: dict[str, Any] = field(factory=dict, init=False)

    def hear(self, event: Event) -> None:
        """Take one piece of news."""
        text = words(event)
        with self._lock:
            row = self.rows.setdefault(event.provider, Row(event.provider, time.monotonic()))
            row.job_id = event.job_id or row.job_id
            if event.kind == "accepted":
                row.vendor_job_id = event.message
            if event.kind == "state":
                row.progress = event.progress
            row.over = event.kind in ("done", "failed", "moved")
            new, row.text = bool(text) and text != row.text, text or row.text
        if new and not self.quiet and self._live is None:
            remark(f"{event.provider}: {text}")

    def running(self) -> list[Row]:
        """Return the jobs that are not over."""
        with self._lock:
            return [row for row in self.rows.values() if not row.over]

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and not self.quiet:
            from rich.live import Live

            from .render import console

            screen = console(stderr=True)
            self._live = Live(get_renderable=self._view, console=screen, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.quiet = True
        if self._live is not None:
            self._live.stop()

    def _view(self) -> RenderableType:
        from rich.spinner import Spinner
        from rich.table import Table

        from .render import plain

        grid = Table.grid(padding=(0, 1, 0, 0))
        with self._lock:
            for row in self.rows.values():
                spinner = self._spinners.setdefault(row.provider, Spinner("dots"))
                seconds = f"{time.monotonic() - row.started:4.0f} s"
                mark = plain("✓", "green") if row.over else spinner
                grid.add_row(mark, plain(row.provider, "bold"), seconds, plain(_bar(row), "cyan"), plain(row.text))
        return grid


def _bar(row: Row) -> str:
    if row.progress is None or row.over:
        return ""
    done = round(max(0.0, min(row.progress, 1.0)) * BAR)
    return "━" * done + "╌" * (BAR - done)
