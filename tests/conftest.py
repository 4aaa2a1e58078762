"""Every test gets a home of its own, no keys, no settings files and no network but this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from ledgers import clock, store  # noqa: F401  # fixtures

from imagegen import planning
from imagegen.plugins import installed

settings.register_profile("house", deadline=None)  # how long a case takes says more about the machine than about us
settings.load_profile("house")

KEYS = ("TAMS_", "MODELSLAB_", "STABLEDIFFUSIONAPI_", "IMAGEGEN_")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import os

    for name in list(os.environ):
        if name.startswith(KEYS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IMAGEGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IMAGEGEN_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    planning.desk.cache_clear()
    yield
    planning.desk.cache_clear()


@pytest.fixture
def provider_names() -> list[str]:
    return list(installed().providers)
