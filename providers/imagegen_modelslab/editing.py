"""
The tools of image editing, typed, to be called by `calls.VendorCall`.

Source: GitHub ModelsLab/docs-v2 @ c1440bc, `image-editing/openapi.json`; lower limits that it leaves out are those of
the other endpoints (64 pixels, one step).  A public room of the family.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from .operations import Endpoint
from .wire import SAFETY_CHECKER_TYPES, YES_NO, word

_FETCH = "/api/v6/image_editing/fetch/{id}"


def _tool(name: str, *, pictures: bool = True) -> Endpoint:
    return Endpoint(path=f"/api/v6/image_editing/{name}", pays=True, pictures=pictures, fetch=_FETCH)


@frozen(kw_only=True)
class RemoveBackground:
    """Cut out the background, or return the mask of it."""

    endpoint: ClassVar[Endpoint] = _tool("removebg_mask")
    image: str = word(required=True)
    alpha_matting: bool | None = word()
    post_process_mask: bool | None = word()
    only_mask: bool | None = word()
    inverse_mask: bool | None = word()
    seed: int | None = word()
    base64: bool | None = word()
    alpha_matting_foreground_threshold: int | None = word(low=0, high=240)
    alpha_matting_background_threshold: int | None = word(low=0, high=20)
    alpha_matting_erode_size: int | None = word(low=0, high=5)
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class FaceGen:
    """A picture in a style, from words and a face."""

    endpoint: ClassVar[Endpoint] = _tool("face_gen")
    prompt: str = word(required=True)
    face_image: str = word(required=True)
    width: int | None = word(low=64, high=512)
    height: int | None = word(low=64, high=768)
    num_inference_steps: int | None = word(choices=(21, 31, 41))
    guidance_scale: float | None = word(low=1, high=20)
    s_scale: float | None = word(low=0, high=2)
    samples: int | None = word(low=1, high=2)
    safety_checker: bool | None = word()
    safety_checker_type: str | None = word(choices=SAFETY_CHECKER_TYPES)
    base64: bool | None = word()
    style: str | None = word(choices=("comic", "chibi", "3d", "anime", "realistic"))
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class Fashion:
    """Put clothes on a person."""

    endpoint: ClassVar[Endpoint] = _tool("fashion")
    init_image: str = word(required=True)
    cloth_image: str = word(required=True)
    cloth_type: str = word(choices=("upper_body", "lower_body", "dresses"), required=True)
    prompt: str | None = word()
    negative_prompt: str | None = word()
    num_inference_steps: int | None = word(choices=(21, 31, 41))
    temp: str | None = word(choices=YES_NO)
    guidance_scale: int | None = word(low=1, high=20)
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class QwenEdit:
    """Change pictures by words; several may be given."""

    endpoint: ClassVar[Endpoint] = _tool("qwen_edit")
    prompt: str = word(required=True)
    init_image: tuple[str, ...] = word(required=True)
    safety_checker: bool | None = word()
    base64: bool | None = word()
    webhook: str | None = word()
    track_id: int | None = word()
    model_id: str | None = word(choices=("qwen-edit-2509", "qwen-edit-2511"))


@frozen(kw_only=True)
class FluxHeadshot:
    """A portrait from words and a face, by a Flux model."""

    endpoint: ClassVar[Endpoint] = _tool("flux_headshot")
    prompt: str = word(required=True)
    face_image: str = word(required=True)
    seed: int | None = word()
    width: int | None = word(low=64, high=1024)
    height: int | None = word(low=64, high=1024)
    num_inference_steps: int | None = word(low=1, high=26)
    guidance_scale: float | None = word(low=1, high=10)
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class HeadShot:
    """A portrait from words and a face."""

    endpoint: ClassVar[Endpoint] = _tool("head_shot")
    prompt: str = word(required=True)
    face_image: str = word(required=True)
    width: int | None = word(low=64, high=512)
    height: int | None = word(low=64, high=768)
    num_inference_steps: int | None = word(choices=(21, 31, 41))
    guidance_scale: int | None = word(low=1, high=5)
    s_scale: float | None = word(low=0, high=2)
    samples: int | None = word(low=1, high=2)
    safety_checker: bool | None = word()
    safety_checker_type: str | None = word(choices=SAFETY_CHECKER_TYPES)
    base64: bool | None = word()
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class ImageMixer:
    """Mix several pictures by words."""

    endpoint: ClassVar[Endpoint] = _tool("img_mixer")
    prompt: str = word(required=True)
    init_image: tuple[str, ...] = word(required=True)
    negative_prompt: str | None = word()
    width: int | None = word(low=64, high=1024)
    height: int | None = word(low=64, high=1024)
    steps: int | None = word(low=1, high=50)
    guidance_scale: float | None = word(low=1, high=20)
    seed: int | None = word()
    samples: int | None = word(low=1, high=1)
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class EditingInpaint:
    """Inpaint without a model id (white = repaint)."""

    endpoint: ClassVar[Endpoint] = _tool("inpaint")
    prompt: str = word(required=True)
    init_image: str = word(required=True)
    mask_image: str = word(required=True)
    negative_prompt: str | None = word()
    width: int | None = word(low=64, high=1024)
    height: int | None = word(low=64, high=1024)
    samples: int | None = word(low=1, high=4)
    num_inference_steps: int | None = word()
    safety_checker: str | None = word(choices=YES_NO)
    guidance_scale: int | None = word(low=1, high=5)
    strength: float | None = word(low=0, high=1)
    instant_response: str | None = word(choices=("true", "false"))
    base64: str | None = word(choices=("true", "false"))
    seed: int | None = word()
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class MaskCreator:
    """A mask of an object that is named; no page says how the picture is given, so `init_image` is an inference."""

    endpoint: ClassVar[Endpoint] = _tool("mask_creator")
    init_image: str = word(required=True)
    specific_object: str = word(required=True)
    base64: bool | None = word()
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class ObjectRemoval:
    """Remove what a mask covers."""

    endpoint: ClassVar[Endpoint] = _tool("object_removal")
    init_image: str = word(required=True)
    mask_image: str = word(required=True)
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class Outpaint:
    """Draw beyond the edges."""

    endpoint: ClassVar[Endpoint] = _tool("outpaint")
    image: str = word(required=True)
    prompt: str | None = word()
    negative_prompt: str | None = word()
    width: int | None = word(low=64, high=1440)
    height: int | None = word(low=64, high=1440)
    overlap_width: int | None = word(low=1, high=42)
    num_inference_steps: int | None = word(low=1, high=30)
    guidance_scale: float | None = word()
    seed: int | None = word()
    temp: bool | None = word()
    base64: bool | None = word()
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class SuperResolution:
    """Enlarge a picture."""

    endpoint: ClassVar[Endpoint] = _tool("super_resolution")
    init_image: str = word(required=True)
    model_id: str | None = word(
        choices=(
            "RealESRGAN_x4plus",
            "RealESRGAN_x4plus_anime_6B",
            "RealESRGAN_x2plus",
            "realesr-general-x4v3",
            "ultra_resolution",
        )
    )
    scale: int | None = word(low=1, high=8)
    face_enhance: bool | None = word()
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class Caption:
    """Words for a picture."""

    endpoint: ClassVar[Endpoint] = _tool("caption", pictures=False)
    init_image: str = word(required=True)
    prompt: str | None = word()
    length: str | None = word(choices=("short", "normal", "long"))
    base64: bool | None = word()
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class FetchEditing:
    """The result of an editing job."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=_FETCH)
    id: str = word(required=True)


EDITING: tuple[type, ...] = (
    RemoveBackground,
    FaceGen,
    Fashion,
    QwenEdit,
    FluxHeadshot,
    HeadShot,
    ImageMixer,
    EditingInpaint,
    MaskCreator,
    ObjectRemoval,
    Outpaint,
    SuperResolution,
    Caption,
    FetchEditing,
)
