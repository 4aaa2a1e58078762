"""What the tests of TAMS share: a desk with the catalogue, and how to plan on it."""

from typing import Any

import imagegen_tams
from imagegen import catalogue
from imagegen.defaults import resolve
from imagegen.images import Blob
from imagegen.plans import Plan
from imagegen.provider import Context
from imagegen.request import GenerationRequest

PROVIDER = imagegen_tams.imagegen_providers()[0]
CATALOGUE = catalogue.merge(
    [("built-in", catalogue.built_in()), *(("tams", text) for text in imagegen_tams.imagegen_catalogue())],
    {"tams", "modelslab"},
)
MODEL = "600423083519508503"


def blob(width: int = 512, height: int = 512, sha256: str = "ab" * 32) -> Blob:
    return Blob(sha256=sha256, media_type="image/png", width=width, height=height, size=1)


def context(settings: dict[str, Any] | None = None, **words: Any) -> Context:
    return Context(settings=settings or {}, catalogue=CATALOGUE, **words)


def plan(request: Any = None, *, settings: dict[str, Any] | None = None, form: str | None = None, **words: Any) -> Plan:
    """Plan a request, or a `GenerationRequest` of *words*."""
    images = words.pop("images", {})
    if request is None:
        request = GenerationRequest(**{"prompt": "1girl", "model": MODEL, **words})
    request = resolve(request, CATALOGUE, default_model=MODEL, images=images)
    return PROVIDER.plan(request, context(settings, images=images, form=form))


def stage(made: Plan, payload: str, call: int = 0) -> dict[str, Any]:
    """Return the payload of a stage in a planned body."""
    return next(one[payload] for one in made.calls[call].json["stages"] if payload in one)
