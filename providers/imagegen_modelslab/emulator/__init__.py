"""
An emulator of ModelsLab, and of its older host stablediffusionapi.com: one service at two prefixes.

It reads the vendor's documents on its own and shares nothing with the provider that it is there to test.
"""

from __future__ import annotations

from .deviations import DEVIATIONS
from .exchange import Service
from .service import VendorEmulator

EMULATOR = VendorEmulator(service=Service(name="modelslab", title="ModelsLab emulator"), deviations=DEVIATIONS)

__all__ = ["DEVIATIONS", "EMULATOR", "Service", "VendorEmulator", "emulators"]


def emulators() -> tuple[VendorEmulator, ...]:
    """Return what the hook `imagegen_emulators` offers."""
    return (EMULATOR,)
