"""
The newer names of the picture endpoints (v7), typed, to be called by `calls.VendorCall`.

No page gives their bodies.  GitHub ModelsLab/skills (image-generation/SKILL.md) and ModelsLab/modelslab-cli name the
paths and post the fields of v6 there, so that the fields are the same is our inference.  The catalogue is that of
https://docs.modelslab.com/guides/model-selection.  A public room of the family.
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from . import wire
from .operations import Endpoint
from .wire import own_words, word

_FETCH = "/api/v7/images/fetch/{id}"


def _picture(name: str) -> Endpoint:
    return Endpoint(path=f"/api/v7/images/{name}", pays=True, pictures=True, fetch=_FETCH)


@frozen(kw_only=True, field_transformer=own_words)
class V7TextToImage(wire.Text2Img):
    """text2img by its newer name."""

    endpoint: ClassVar[Endpoint] = _picture("text-to-image")


@frozen(kw_only=True, field_transformer=own_words)
class V7ImageToImage(wire.Img2Img):
    """img2img by its newer name; one client sends a list of pictures, another one picture."""

    endpoint: ClassVar[Endpoint] = _picture("image-to-image")
    init_image: Any = word(required=True)


@frozen(kw_only=True, field_transformer=own_words)
class V7Inpaint(wire.Inpaint):
    """inpaint by its newer name."""

    endpoint: ClassVar[Endpoint] = _picture("inpaint")


@frozen(kw_only=True)
class V7Fetch:
    """The result of a newer job."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=_FETCH)
    id: str = word(required=True)


@frozen(kw_only=True)
class V7Models:
    """The catalogue by its newer name."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v7/models", method="GET")
    search: str | None = word()
    feature: str | None = word()


NEWER: tuple[type, ...] = (V7TextToImage, V7ImageToImage, V7Inpaint, V7Fetch, V7Models)
