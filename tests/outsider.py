"""The tutorial's plugin, imported from its file: nobody has to install it to test it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent
ACME = ROOT / "examples" / "imagegen-acme" / "imagegen_acme.py"


def module_of(path: Path) -> ModuleType:
    """Import a file that is not installed."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made
