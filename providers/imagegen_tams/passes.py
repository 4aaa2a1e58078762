"""
The stages that work on a picture: IMAGE_TO_INPAINT, IMAGE_TO_UPSCALER, IMAGE_TO_ADETAILER.

What a request leaves open is filled with the values of the pages' own examples (page "txt2img"), and said.
"""

from __future__ import annotations

from typing import Any

from imagegen.families import snap_size
from imagegen.request import Detailer, Upscale

from . import vocabulary
from .desk import Desk
from .uploads import slot
from .wire import Detail, Diffusion, ImageToAdetailer, ImageToInpaint, ImageToUpscaler, Prompt

MASK_JPEG = "sent as a black and white JPEG, white = repaint"
MAX_UPSCALED = 8_294_400  # hrResizeX * hrResizeY, https://tams-docs.tensor.art/api/
HR_STEPS, HR_STRENGTH = 10, 0.3
_UPSCALER = "4x-UltraSharp"
_DETECTOR, _CONFIDENCE, _DILATE, _AD_STRENGTH, _PADDING = "face_yolov8n.pt", 0.3, 4, 0.4, 32
_FILLS = {"blur": "FILL", "original": "ORIGINAL", "noise": "LATENT_NOISE", "zero": "LATENT_NOTHING"}


def _default(desk: Desk, path: str, value: Any, vendor_field: str) -> None:
    reason = "not said; the value of the pages' examples"
    desk.book.put(path, "exact", value, vendor_field, reason=reason, code="vendor_default")


# --- inpaint -----------------------------------------------------------------------------------------------------


def inpaint(desk: Desk, place: str, diffusion: Diffusion | None) -> ImageToInpaint:
    """Draft IMAGE_TO_INPAINT.  The mask goes as a black and white JPEG, and inverted by us where asked."""
    request, book = desk.request, desk.book
    mask = slot("mask_image")
    book.adjusted("mask_image", mask, f"{place}.maskImageResourceId", MASK_JPEG, "mask_jpeg")
    _same_size(desk)
    how = request.inpaint
    if how is not None:
        book.exact("inpaint.fill", f"{place}.inpaintingFill", _FILLS[how.fill])
        book.exact("inpaint.mask_blur", f"{place}.maskBlur")
        book.exact("inpaint.only_masked", f"{place}.inpaintFullRes")
        book.exact("inpaint.padding", f"{place}.inpaintFullResPadding")
        if how.invert:
            book.emulated("inpaint.invert", 0, f"{place}.inpaintMaskInvert", "the mask is inverted before upload")
        else:
            book.exact("inpaint.invert", f"{place}.inpaintMaskInvert", 0)
    return ImageToInpaint(
        resize_mode="JUST_RESIZE",
        mask_image_resource_id=mask,
        mask_blur=how.mask_blur if how else 4,
        inpainting_fill=_FILLS[how.fill] if how else "ORIGINAL",
        inpaint_full_res=how.only_masked if how else False,
        inpaint_full_res_padding=how.padding if how else 32,
        inpaint_mask_invert=0,
        diffusion=diffusion,
    )


def conversion(desk: Desk) -> str:
    """Return what is done to the mask before it is uploaded (`imagegen.images.converted`)."""
    inverted = desk.request.inpaint is not None and desk.request.inpaint.invert
    return "mask-jpeg-inverted" if inverted else "mask-jpeg"


def _same_size(desk: Desk) -> None:
    image, mask = desk.context.images.get("init_image"), desk.context.images.get("mask_image")
    if image and mask and (image.width, image.height) != (mask.width, mask.height):
        reason = (
            f"has {mask.width}x{mask.height} pixels and the picture {image.width}x{image.height}; they must be equal"
        )
        desk.book.block("mask_image", reason, "mask_size")


# --- upscale -----------------------------------------------------------------------------------------------------


def upscale(desk: Desk, place: str, base: tuple[int, int], diffusion: Diffusion | None) -> ImageToUpscaler:
    """Draft IMAGE_TO_UPSCALER for a picture of the size *base*."""
    wish = desk.request.upscale or Upscale()
    steps = _own(desk, "upscale.steps", wish.steps, HR_STEPS, f"{place}.hrSecondPassSteps")
    strength = _own(desk, "upscale.strength", wish.strength, HR_STRENGTH, f"{place}.denoisingStrength")
    return ImageToUpscaler(
        hr_upscaler=_upscaler(desk, wish, place),
        hr_second_pass_steps=steps,
        denoising_strength=strength,
        diffusion=diffusion,
        **_target(desk, wish, place, base),
    )


def upscaled(wish: Upscale, base: tuple[int, int]) -> tuple[int, int]:
    """Return the size that comes out: whole scales as they are, other sizes in multiples of 64."""
    size = wish.size(*base)
    if _whole(wish) and size[0] * size[1] <= MAX_UPSCALED:
        return size
    return snap_size(*size, 64, None, MAX_UPSCALED)


def _whole(wish: Upscale) -> bool:
    return wish.width is None and float(wish.scale or 2).is_integer()


def _target(desk: Desk, wish: Upscale, place: str, base: tuple[int, int]) -> dict[str, Any]:
    """A whole scale goes as `hrScale`; the SDK says that it is an integer, so other scales go as a size."""
    asked, sent, book = wish.size(*base), upscaled(wish, base), desk.book
    if asked == sent and _whole(wish):
        scale = int(wish.scale or 2)
        if wish.scale is None:
            _default(desk, "upscale.scale", scale, f"{place}.hrScale")
        else:
            book.exact("upscale.scale", f"{place}.hrScale", scale)
        return {"hr_scale": scale}
    places = f"{place}.hrResizeX", f"{place}.hrResizeY"
    if wish.width is None:
        leaves: list[tuple[str, Any, str]] = [("upscale.scale", f"{sent[0]}x{sent[1]}", places[0])]
    else:
        leaves = [("upscale.width", sent[0], places[0]), ("upscale.height", sent[1], places[1])]
    for path, value, vendor_field in leaves:
        if asked == sent:
            book.exact(path, vendor_field, value)
        else:
            reason = f"sizes are multiples of 64 of at most {MAX_UPSCALED} pixels: {sent[0]}x{sent[1]}"
            book.adjusted(path, value, vendor_field, reason, "size")
    return {"hr_resize_x": sent[0], "hr_resize_y": sent[1]}


def _upscaler(desk: Desk, wish: Upscale, place: str) -> str:
    if wish.upscaler is None:
        _default(desk, "upscale.upscaler", _UPSCALER, f"{place}.hrUpscaler")
        return _UPSCALER
    name = vocabulary.pick("upscalers", wish.upscaler)
    if name is None:
        reason = f"{wish.upscaler!r} is not in the list of upscalers"
        desk.book.approximated("upscale.upscaler", _UPSCALER, f"{place}.hrUpscaler", reason, "unknown_upscaler")
        return _UPSCALER
    desk.book.exact("upscale.upscaler", f"{place}.hrUpscaler", name)
    if name.startswith("Latent") and desk.request.init_image is not None:
        # page "img2img": "prohibits the use of late[nt], as [it] only takes effect during ... txt2img"
        reason = "Latent upscalers work on pictures made from words only, not on a picture that was given"
        desk.book.block("upscale.upscaler", reason, "latent_on_image")
    return name


def _own(desk: Desk, path: str, given: Any, default: Any, vendor_field: str) -> Any:
    if given is None:
        _default(desk, path, default, vendor_field)
        return default
    desk.book.exact(path, vendor_field)
    return given


# --- detail ------------------------------------------------------------------------------------------------------


def detail(desk: Desk, place: str, diffusion: Diffusion | None) -> ImageToAdetailer:
    """Draft IMAGE_TO_ADETAILER with one argument per detailer."""
    detailers = desk.request.detailers or (Detailer(),)
    args = tuple(_detail(desk, f"{place}.args[{i}]", i, one) for i, one in enumerate(detailers))
    return ImageToAdetailer(args=args, diffusion=diffusion)


def _detail(desk: Desk, place: str, index: int, wish: Detailer) -> Detail:
    path, book = f"detailers[{index}]", desk.book
    if wish.prompt is not None:
        book.exact(f"{path}.prompt", f"{place}.adPrompt[0].text")
    if wish.negative_prompt is not None:
        book.exact(f"{path}.negative_prompt", f"{place}.adNegativePrompt[0].text")
    if wish.steps is not None:
        book.exact(f"{path}.steps", f"{place}.adSteps")
    confidence = _own(desk, f"{path}.confidence", wish.confidence, _CONFIDENCE, f"{place}.adConfidence")
    dilate = _own(desk, f"{path}.dilate", wish.dilate, _DILATE, f"{place}.adDilateErode")
    strength = _own(desk, f"{path}.strength", wish.strength, _AD_STRENGTH, f"{place}.adDenoisingStrength")
    padding = _own(desk, f"{path}.padding", wish.padding, _PADDING, f"{place}.adInpaintOnlyMaskedPadding")
    return Detail(
        ad_model=_detector(desk, path, wish, place),
        ad_prompt=(Prompt(text=wish.prompt),) if wish.prompt is not None else None,
        ad_negative_prompt=(Prompt(text=wish.negative_prompt),) if wish.negative_prompt is not None else None,
        ad_confidence=confidence,
        ad_dilate_erode=dilate,
        ad_denoising_strength=strength,
        ad_inpaint_only_masked=True,
        ad_inpaint_only_masked_padding=padding,
        ad_use_steps=True if wish.steps is not None else None,
        ad_steps=wish.steps,
    )


def _detector(desk: Desk, path: str, wish: Detailer, place: str) -> str:
    if wish.model is None:
        _default(desk, f"{path}.model", _DETECTOR, f"{place}.adModel")
        return _DETECTOR
    known = vocabulary.pick("detectors", wish.model)
    if known is not None:
        desk.book.exact(f"{path}.model", f"{place}.adModel", known)
        return known
    reason = "the detector is in no page that was read; sent as it is"
    desk.book.approximated(f"{path}.model", wish.model, f"{place}.adModel", reason, "unlisted_detector")
    return wish.model
