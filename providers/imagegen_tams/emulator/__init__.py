"""
An emulated TAMS (Tensor.Art Model Service): an independent reading of the documents.

Nothing here is shared with the client half of this package, on purpose: prices, parsing and rules are worked out from
the pages a second time, so that a mistake on one side shows against the other.
"""

from __future__ import annotations

from .service import TamsEmulator

__all__ = ["TamsEmulator", "emulators"]


def emulators() -> tuple[TamsEmulator, ...]:
    """Return what this package offers at the hook `imagegen_emulators`."""
    return (TamsEmulator(),)
