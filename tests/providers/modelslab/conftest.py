"""What the ModelsLab tests share: the provider, a way to plan at it without settings files, and its emulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from modelslab_vendor import Vendor

from imagegen import catalogue
from imagegen.defaults import resolve
from imagegen.plans import Plan
from imagegen.provider import Context
from imagegen_modelslab import imagegen_catalogue
from imagegen_modelslab.provider import ModelsLab

Draft = Callable[..., Plan]


@pytest.fixture(scope="session")
def modelslab() -> ModelsLab:
    return ModelsLab()


@pytest.fixture(scope="session")
def models() -> catalogue.Catalogue:
    layers = [("built-in", catalogue.built_in()), *(("modelslab", text) for text in imagegen_catalogue())]
    return catalogue.merge(layers, ["modelslab"])


@pytest.fixture(scope="session")
def draft(modelslab: ModelsLab, models: catalogue.Catalogue) -> Draft:
    def planned(request: Any, *, images: Any = None, **settings: Any) -> Plan:
        here = {"base_url": "https://modelslab.com", **settings}
        complete = resolve(request, models, images=images)
        return modelslab.plan(complete, Context(settings=here, catalogue=models, images=images or {}))

    return planned


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()
