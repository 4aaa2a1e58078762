"""
The older generations of the shared service (v3), typed, to be called by `imagegen_modelslab.calls.VendorCall`.

Sources: https://stablediffusionapi.com/docs (text2img, img2img, inpaint, dreambooth) and, for `super_resolution`, the
client GitHub sintanial/stablediffusionapi; no page shows that one's body.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from imagegen_modelslab.operations import Endpoint
from imagegen_modelslab.wire import YES_NO, own_words, word

from . import wire

_BOOTH = "/api/v3/dreambooth/fetch/{id}"


def _v3(name: str) -> Endpoint:
    return Endpoint(path=f"/api/v3/{name}", pays=True, pictures=True, fetch="/api/v3/fetch/{id}")


def _booth(name: str = "") -> Endpoint:
    return Endpoint(path=f"/api/v3/dreambooth{name}", pays=True, pictures=True, fetch=_BOOTH)


@frozen(kw_only=True)
class V3Text2Img:
    """A picture by the model of the service (Stable Diffusion 1.5); it has no model id."""

    endpoint: ClassVar[Endpoint] = _v3("text2img")
    prompt: str = word(required=True)
    negative_prompt: str | None = word()
    width: int | None = word(low=64, high=1024)
    height: int | None = word(low=64, high=1024)
    samples: int | None = word(low=1, high=4)
    num_inference_steps: int | None = word(low=1, high=51)
    safety_checker: str | None = word(choices=YES_NO)
    enhance_prompt: str | None = word(choices=YES_NO)
    seed: int | None = word(low=0, high=2**32 - 1)
    guidance_scale: float | None = word(low=1, high=20)
    multi_lingual: str | None = word(choices=YES_NO)
    panorama: str | None = word(choices=YES_NO)
    self_attention: str | None = word(choices=YES_NO)
    upscale: str | None = word(choices=YES_NO)
    embeddings_model: str | None = word()
    base64: str | None = word(choices=YES_NO)
    temp: str | None = word(choices=YES_NO)
    webhook: str | None = word()
    track_id: str | None = word()


@frozen(kw_only=True)
class V3Img2Img(V3Text2Img):
    """The same, from a picture; the first pages call the strength `prompt_strength`."""

    endpoint: ClassVar[Endpoint] = _v3("img2img")
    init_image: str = word(required=True)
    strength: float | None = word(low=0, high=1)
    prompt_strength: float | None = word(low=0, high=1)


@frozen(kw_only=True)
class V3Inpaint(V3Img2Img):
    """The same, inside a mask (white = repaint)."""

    endpoint: ClassVar[Endpoint] = _v3("inpaint")
    mask_image: str = word(required=True)


@frozen(kw_only=True)
class V3SuperResolution:
    """Enlarge a picture."""

    endpoint: ClassVar[Endpoint] = _v3("super_resolution")
    url: str = word(required=True)
    scale: int | None = word(low=1, high=4)
    face_enhance: bool | None = word()
    model_id: str | None = word()
    webhook: str | None = word()


@frozen(kw_only=True, field_transformer=own_words)
class V3Dreambooth(wire.V4Text2Img):
    """text2img with a model id, before v4."""

    endpoint: ClassVar[Endpoint] = _booth()


@frozen(kw_only=True, field_transformer=own_words)
class V3DreamboothImg2Img(wire.V4Img2Img):
    """img2img with a model id, before v4."""

    endpoint: ClassVar[Endpoint] = _booth("/img2img")


@frozen(kw_only=True, field_transformer=own_words)
class V3DreamboothInpaint(wire.V4Inpaint):
    """inpaint with a model id, before v4."""

    endpoint: ClassVar[Endpoint] = _booth("/inpaint")


OLDER: tuple[type, ...] = (
    V3Text2Img,
    V3Img2Img,
    V3Inpaint,
    V3SuperResolution,
    V3Dreambooth,
    V3DreamboothImg2Img,
    V3DreamboothInpaint,
)
