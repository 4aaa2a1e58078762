"""
The realtime models, typed, to be called by `calls.VendorCall`: fast, and without id, sampler, steps or LoRAs.

Source: GitHub ModelsLab/docs-v2 @ c1440bc, `image-generation/realtime-stable-diffusion`.  A public room of the family.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from .operations import Endpoint
from .wire import SAFETY_CHECKER_TYPES, word

_FETCH = "/api/v6/realtime/fetch/{id}"


def _picture(name: str) -> Endpoint:
    return Endpoint(path=f"/api/v6/realtime/{name}", pays=True, pictures=True, fetch=_FETCH)


@frozen(kw_only=True)
class RealtimeText2Img:
    """A picture by the fast models, which have no id, no sampler, no steps and no LoRAs."""

    endpoint: ClassVar[Endpoint] = _picture("text2img")
    prompt: str = word(required=True)
    negative_prompt: str | None = word()
    width: int | None = word(low=64, high=1024)
    height: int | None = word(low=64, high=1024)
    samples: int | None = word(low=1, high=4)
    safety_checker: bool | None = word()
    safety_checker_type: str | None = word(choices=SAFETY_CHECKER_TYPES)
    enhance_prompt: bool | None = word()
    enhance_style: str | None = word()
    seed: int | None = word(low=0, high=2**32 - 1)
    instant_response: bool | None = word()
    base64: bool | None = word()
    webhook: str | None = word()
    track_id: str | None = word()


@frozen(kw_only=True)
class RealtimeImg2Img(RealtimeText2Img):
    """The same, from a picture."""

    endpoint: ClassVar[Endpoint] = _picture("img2img")
    init_image: str = word(required=True)
    strength: float | None = word(low=0, high=1)


@frozen(kw_only=True)
class RealtimeInpaint(RealtimeImg2Img):
    """The same, inside a mask (white = repaint)."""

    endpoint: ClassVar[Endpoint] = _picture("inpaint")
    mask_image: str = word(required=True)


@frozen(kw_only=True)
class FetchRealtime:
    """The result of a realtime job."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=_FETCH)
    id: str = word(required=True)


REALTIME: tuple[type, ...] = (RealtimeText2Img, RealtimeImg2Img, RealtimeInpaint, FetchRealtime)
