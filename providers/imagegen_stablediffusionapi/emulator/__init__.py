"""
An emulator of stablediffusionapi.com: the shared service (v3, v4, v5) and dedicated servers (v1/enterprise).

ModelsLab is the successor of this host and speaks the same language, so its package has the code; models, jobs and
accounts of the two are apart.
"""

from __future__ import annotations

from imagegen_modelslab.emulator import DEVIATIONS, Service, VendorEmulator

EMULATOR = VendorEmulator(
    service=Service(name="stablediffusionapi", title="stablediffusionapi emulator"),
    deviations=DEVIATIONS,
    providers=("stablediffusionapi", "stablediffusionapi-enterprise"),
)

__all__ = ["EMULATOR", "emulators"]


def emulators() -> tuple[VendorEmulator, ...]:
    """Return what the hook `imagegen_emulators` offers."""
    return (EMULATOR,)
