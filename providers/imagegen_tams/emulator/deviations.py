"""Every rule of this emulator that no document of the vendor supports, one sentence each."""

from __future__ import annotations

DEVIATIONS = ("The key is emulator-key for everybody, and all callers are one account.",)
