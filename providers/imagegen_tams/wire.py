"""
What TAMS takes: one class per object of its request schema, and how they become JSON.

Attributes are the fields of https://tams-docs.tensor.art/api/ in snake_case; `encode` writes camelCase and leaves out
what is unset.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import attrs
from attrs import field, frozen

from imagegen.wire import camel


@frozen(kw_only=True)
class WireObject:
    """An object of the vendor's JSON, asked or answered; fields that no page shows are in `extra`, as they are."""

    extra: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Prompt(WireObject):
    """One piece of a prompt; the pages split a bracket group over items, so they are joined."""

    text: str | None = None
    weight: float | None = None


@frozen(kw_only=True)
class LoraItem(WireObject):
    """A LoRA; `block_weight` is A1111's `lbw` text."""

    lora_model: str | None = None
    weight: float | None = None
    block_weight: str | None = None
    lora_access_key: str | None = None


@frozen(kw_only=True)
class Loras(WireObject):
    """The LoRA stack."""

    items: tuple[LoraItem, ...] | None = None


@frozen(kw_only=True)
class EmbeddingItem(WireObject):
    """A textual inversion."""

    model: str | None = None
    weight: float | None = None
    embedding_access_key: str | None = None


@frozen(kw_only=True)
class Embeddings(WireObject):
    """All textual inversions."""

    items: tuple[EmbeddingItem, ...] | None = None


@frozen(kw_only=True)
class ControlArg(WireObject):
    """One ControlNet."""

    input_image_resource_id: str | None = None
    mask_resource_id: str | None = None
    preprocessor: str | None = None
    model: str | None = None
    weight: float | None = None
    resize_mode: str | None = None
    guidance: float | None = None
    guidance_start: float | None = None
    guidance_end: float | None = None
    control_mode: str | None = None
    pixel_perfect: bool | None = None
    preprocessor_params: Mapping[str, Any] | None = None


@frozen(kw_only=True)
class Controlnet(WireObject):
    """All ControlNets of a diffusion."""

    args: tuple[ControlArg, ...] | None = None


@frozen(kw_only=True)
class AnimateDiffArg(WireObject):
    """A moving picture out of a diffusion."""

    video_length: int | None = None
    fps: int | None = None
    motion_lora: Loras | None = None


@frozen(kw_only=True)
class AnimateDiff(WireObject):
    """AnimateDiff; the result is in `successInfo.videos`."""

    args: tuple[AnimateDiffArg, ...] | None = None


@frozen(kw_only=True)
class LayerDiffusion(WireObject):
    """A transparent background."""

    enable: bool | None = None
    weight: float | None = None


@frozen(kw_only=True)
class Diffusion(WireObject):
    """The stage DIFFUSION, and the parameters that the other stages need when a job has no such stage."""

    width: int | None = None
    height: int | None = None
    prompts: tuple[Prompt, ...] | None = None
    negative_prompts: tuple[Prompt, ...] | None = None
    sd_model: str | None = None
    sd_vae: str | None = None
    sampler: str | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    clip_skip: int | None = None
    denoising_strength: float | None = None
    eta_noise_seed_delta: int | None = None
    controlnet: Controlnet | None = None
    lora: Loras | None = None
    animate_diff: AnimateDiff | None = None
    embedding: Embeddings | None = None
    v1_clip: bool | None = None
    model_access_key: str | None = None
    schedule_name: str | None = None
    enable_ella: bool | None = None
    enable_pix2pix: bool | None = None
    use_hunyuan_dit: bool | None = None
    layer_diffusion: LayerDiffusion | None = None
    clip_encoder_name: str | None = None


@frozen(kw_only=True)
class InputInitialize(WireObject):
    """The stage INPUT_INITIALIZE.  A seed of 0 means a random one; 64-bit numbers may be text."""

    seed: str | None = None
    image_resource_id: str | None = None
    count: int | None = None


@frozen(kw_only=True)
class ImageToUpscaler(WireObject):
    """The stage IMAGE_TO_UPSCALER.  `hr_scale` wins over `hr_resize_x` and `hr_resize_y`."""

    hr_upscaler: str | None = None
    hr_resize_x: int | None = None
    hr_resize_y: int | None = None
    hr_scale: float | None = None
    hr_second_pass_steps: int | None = None
    denoising_strength: float | None = None
    diffusion: Diffusion | None = None


@frozen(kw_only=True)
class Detail(WireObject):
    """One detector of IMAGE_TO_ADETAILER and how what it finds is drawn again."""

    ad_model: str | None = None
    ad_prompt: tuple[Prompt, ...] | None = None
    ad_negative_prompt: tuple[Prompt, ...] | None = None
    ad_confidence: float | None = None
    ad_dilate_erode: int | None = None
    ad_mask_merge_invert: str | None = None
    ad_denoising_strength: float | None = None
    ad_inpaint_only_masked: bool | None = None
    ad_inpaint_only_masked_padding: float | None = None
    ad_use_inpaint_width_height: bool | None = None
    ad_inpaint_width: int | None = None
    ad_inpaint_height: int | None = None
    ad_use_steps: bool | None = None
    ad_steps: int | None = None
    ad_use_cfg_scale: bool | None = None
    ad_cfg_scale: float | None = None
    lora: Loras | None = None
    ad_use_checkpoint: bool | None = None
    ad_checkpoint: str | None = None
    ad_use_sampler: bool | None = None
    ad_sampler: str | None = None
    ad_use_noise_multiplier: bool | None = None
    ad_noise_multiplier: float | None = None
    ad_use_clip_skip: bool | None = None
    ad_clip_skip: int | None = None


@frozen(kw_only=True)
class ImageToAdetailer(WireObject):
    """The stage IMAGE_TO_ADETAILER."""

    args: tuple[Detail, ...] | None = None
    diffusion: Diffusion | None = None


@frozen(kw_only=True)
class ImageToInpaint(WireObject):
    """The stage IMAGE_TO_INPAINT.  The mask: white = repaint, JPEG, as large as the picture."""

    resize_mode: str | None = None
    mask_image_resource_id: str | None = None
    mask_blur: int | None = None
    inpainting_fill: str | None = None
    inpaint_full_res: bool | None = None
    inpaint_full_res_padding: int | None = None
    inpaint_mask_invert: int | None = None
    diffusion: Diffusion | None = None


@frozen(kw_only=True)
class VideoControlArg(WireObject):
    """A guide video."""

    input_video_resource_id: str | None = None
    preprocessor: str | None = None


@frozen(kw_only=True)
class VideoControlnet(WireObject):
    """All guide videos."""

    args: tuple[VideoControlArg, ...] | None = None


@frozen(kw_only=True)
class InpArg(WireObject):
    """The first and the last picture of a video."""

    start_image_resource_id: str | None = None
    end_image_resource_id: str | None = None


@frozen(kw_only=True)
class Inp(WireObject):
    """Image to video."""

    args: tuple[InpArg, ...] | None = None


@frozen(kw_only=True)
class VideoDiffusion(WireObject):
    """A video.  The page shows these fields and not the name of their stage."""

    sd_model: str | None = None
    lora: Loras | None = None
    generation_mode: str | None = None
    width: int | None = None
    height: int | None = None
    fps: int | None = None
    total_frames: int | None = None
    prompts: tuple[Prompt, ...] | None = None
    negative_prompts: tuple[Prompt, ...] | None = None
    model_access_key: str | None = None
    controlnet: VideoControlnet | None = None
    inp: Inp | None = None


@frozen(kw_only=True)
class Stage(WireObject):
    """One stage: its type, and one object with its parameters."""

    type: str
    input_initialize: InputInitialize | None = None
    diffusion: Diffusion | None = None
    image_to_upscaler: ImageToUpscaler | None = None
    image_to_adetailer: ImageToAdetailer | None = None
    image_to_inpaint: ImageToInpaint | None = None
    video_diffusion: VideoDiffusion | None = None


@frozen(kw_only=True)
class CreateJob(WireObject):
    """`POST /v1/jobs`.  The page says of `request_id` that it is there to "ensure request idempotence"."""

    request_id: str
    stages: tuple[Stage, ...] = ()
    notify_url: str | None = None


@frozen(kw_only=True)
class JobCredits(WireObject):
    """`POST /v1/jobs/credits`: what a job would cost."""

    stages: tuple[Stage, ...] = ()


@frozen(kw_only=True)
class WorkflowNode(WireObject):
    """A node of a ComfyUI graph.  The names of its inputs are ComfyUI's and stay as they are."""

    class_type: str
    inputs: Mapping[str, Any] = field(factory=dict)
    properties: Mapping[str, Any] | None = None


@frozen(kw_only=True)
class CreateWorkflowJob(WireObject):
    """`POST /v1/jobs/workflow`."""

    request_id: str
    params: Mapping[str, WorkflowNode] = field(factory=dict)
    running_notify_url: str | None = None


@frozen(kw_only=True)
class CheckWorkflow(WireObject):
    """`POST /v1/jobs/workflow/params/check`."""

    params: Mapping[str, WorkflowNode] = field(factory=dict)


@frozen(kw_only=True)
class FieldAttr(WireObject):
    """One field of a workflow template; the value is any JSON value."""

    node_id: str
    field_name: str
    field_value: Any = None


@frozen(kw_only=True)
class Fields(WireObject):
    """The fields of a workflow template; all that a template has must be sent back."""

    field_attrs: tuple[FieldAttr, ...] = ()


@frozen(kw_only=True)
class CreateTemplateJob(WireObject):
    """`POST /v1/jobs/workflow/template`; without `request_id` also `POST /v1/workflows/template/check`."""

    request_id: str | None = None
    template_id: str
    fields: Fields


@frozen(kw_only=True)
class ResourceRequest(WireObject):
    """`POST /v1/resource/image` and `.../sts`: the seconds for which the upload address lives."""

    expire_sec: str | None = None


@frozen(kw_only=True)
class TaggerRequest(WireObject):
    """`POST /v1/img2prompt`; `tagger` = `llm` asks for sentences."""

    resource_id: str
    tagger: str | None = None


@frozen(kw_only=True)
class DetectRequest(WireObject):
    """`POST /v1/controlnet/detect`."""

    controlnet_module: str
    resource_id: str


def encode(value: Any) -> Any:
    """Return *value* as JSON data: camelCase, unset fields left out; slots and secrets stay what they are."""
    if isinstance(value, WireObject):
        kind: Any = type(value)
        pairs = ((key, getattr(value, name)) for name, key in _keys(kind))
        return {key: encode(item) for key, item in pairs if item is not None} | dict(value.extra)
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


@cache
def _keys(cls: Any) -> tuple[tuple[str, str], ...]:
    """Return attribute and JSON name of every field of a wire class."""
    return tuple((a.name, camel(a.name)) for a in attrs.fields(cls) if a.name != "extra")
