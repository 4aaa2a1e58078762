"""What the tests of both services share: the providers, and a way to plan at them without settings files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import imagegen_modelslab
import imagegen_stablediffusionapi
from imagegen import catalogue
from imagegen.defaults import resolve
from imagegen.plans import Plan
from imagegen.provider import Context
from imagegen_modelslab.provider import Sibling
from imagegen_stablediffusionapi.provider import StableDiffusionApi, StableDiffusionApiEnterprise

Draft = Callable[..., Plan]


@pytest.fixture(scope="session")
def models() -> catalogue.Catalogue:
    texts = [*imagegen_modelslab.imagegen_catalogue(), *imagegen_stablediffusionapi.imagegen_catalogue()]
    layers = [("built-in", catalogue.built_in()), *(("vendor", text) for text in texts)]
    return catalogue.merge(layers, ["stablediffusionapi", "stablediffusionapi-enterprise"])


@pytest.fixture(scope="session")
def shared() -> StableDiffusionApi:
    return StableDiffusionApi()


@pytest.fixture(scope="session")
def enterprise() -> StableDiffusionApiEnterprise:
    return StableDiffusionApiEnterprise()


@pytest.fixture(scope="session")
def draft(models: catalogue.Catalogue) -> Draft:
    def planned(provider: Sibling, request: Any, *, images: Any = None, known: Any = None, **settings: Any) -> Plan:
        base = next(setting.default for setting in provider.settings if setting.name == "base_url")
        here = {"base_url": base, **settings}
        complete = resolve(request, models, images=images)
        context = Context(settings=here, catalogue=models, images=images or {}, known=known or {})
        return provider.plan(complete, context)

    return planned
