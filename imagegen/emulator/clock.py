"""The emulated world's time: real, scaled, or moved by hand."""

from __future__ import annotations

import threading
import time


class Clock:
    """
    Time in unix seconds.  `speed` scales real time; a manual clock moves only by `advance`.

    Ask the `World` for the time rather than its clock: other processes may have moved the world on.
    """

    def __init__(self, *, speed: float = 1.0, manual: bool = False, start: float | None = None) -> None:
        if not speed > 0:
            raise ValueError(f"the clock's speed must be above 0, not {speed}")
        self.speed, self.manual = speed, manual
        self._origin = time.time() if start is None else start
        self._real = time.monotonic()
        self._offset = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the time."""
        passed = 0.0 if self.manual else (time.monotonic() - self._real) * self.speed
        return self._origin + self._offset + passed

    def advance(self, seconds: float) -> None:
        """Move forward."""
        with self._lock:
            self._offset += seconds
