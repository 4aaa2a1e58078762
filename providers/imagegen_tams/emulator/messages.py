"""
The requests of the TAMS pages as classes, field by field.

Sources: https://tams-docs.tensor.art/zh/docs/api/apis/tams-api-v-1-service-create-job (the schema sample), the pages
"Private model", "workflow" and "Workflow Template" of the same site, and the generated types of
https://github.com/Tensor-Art/tams-sdk.js (`term`, `mask`).  Defaults are the pages' where they give one.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class Prompt:
    text: str = ""
    weight: float | None = None


@frozen(kw_only=True)
class LoraItem:
    lora_model: str = ""
    weight: float = 1.0
    block_weight: str = ""
    lora_access_key: str = field(default="", repr=False)


@frozen(kw_only=True)
class Loras:
    items: tuple[LoraItem, ...] = ()


@frozen(kw_only=True)
class EmbeddingItem:
    model: str = ""
    weight: float = 1.0
    embedding_access_key: str = field(default="", repr=False)


@frozen(kw_only=True)
class Embeddings:
    items: tuple[EmbeddingItem, ...] = ()


@frozen(kw_only=True)
class ControlArg:
    input_image_resource_id: str = ""
    mask_resource_id: str = ""
    mask: str = ""  # its name in tams-sdk.js
    preprocessor: str = ""
    model: str = ""
    weight: float = 1.0
    resize_mode: str = "DEFAULT"
    guidance: float | None = None
    guidance_start: float | None = None
    guidance_end: float | None = None
    control_mode: str = "DEFAULT"
    pixel_perfect: bool = False
    preprocessor_params: Any = None


@frozen(kw_only=True)
class Controlnet:
    args: tuple[ControlArg, ...] = ()


@frozen(kw_only=True)
class AnimateDiffArg:
    video_length: int = 0
    fps: int = 0
    motion_lora: Loras = Loras()


@frozen(kw_only=True)
class AnimateDiff:
    args: tuple[AnimateDiffArg, ...] = ()


@frozen(kw_only=True)
class LayerDiffusion:
    enable: bool = False
    weight: float = 1.0


@frozen(kw_only=True)
class Diffusion:
    width: int = 512
    height: int = 512
    prompts: tuple[Prompt, ...] = ()
    negative_prompts: tuple[Prompt, ...] = ()
    sd_model: str = ""
    sd_vae: str = ""
    sampler: str = ""
    steps: int = 0
    cfg_scale: float = 7.0
    clip_skip: int = 0
    denoising_strength: float | None = None
    eta_noise_seed_delta: int = 0
    controlnet: Controlnet = Controlnet()
    lora: Loras = Loras()
    animate_diff: AnimateDiff = AnimateDiff()
    embedding: Embeddings = Embeddings()
    v1_clip: bool = False
    model_access_key: str = field(default="", repr=False)
    schedule_name: str = ""
    enable_ella: bool = False
    enable_pix2pix: bool = False
    use_hunyuan_dit: bool = False
    layer_diffusion: LayerDiffusion = LayerDiffusion()
    clip_encoder_name: str = ""
    guidance: float | None = None  # not in the schema sample; clients for FLUX send it


@frozen(kw_only=True)
class InputInitialize:
    seed: int = 0
    image_resource_id: str = ""
    count: int = 0


@frozen(kw_only=True)
class ImageToUpscaler:
    hr_upscaler: str = ""
    hr_resize_x: int = 0
    hr_resize_y: int = 0
    hr_scale: float = 0.0
    hr_second_pass_steps: int = 0
    denoising_strength: float = 0.0
    diffusion: Diffusion | None = None


@frozen(kw_only=True)
class DetailerArg:
    ad_model: str = "face_yolov8n.pt"
    ad_prompt: tuple[Prompt, ...] = ()
    ad_negative_prompt: tuple[Prompt, ...] = ()
    ad_confidence: float = 0.3
    ad_dilate_erode: int = 4
    ad_mask_merge_invert: str = "None"
    ad_denoising_strength: float = 0.4
    ad_inpaint_only_masked: bool = True
    ad_inpaint_only_masked_padding: float = 32.0
    ad_use_inpaint_width_height: bool = False
    ad_inpaint_width: int = 512
    ad_inpaint_height: int = 512
    ad_use_steps: bool = False
    ad_steps: int = 20
    ad_use_cfg_scale: bool = False
    ad_cfg_scale: float = 7.0
    lora: Loras = Loras()
    ad_use_checkpoint: bool = False
    ad_checkpoint: str = ""
    ad_use_sampler: bool = False
    ad_sampler: str = ""
    ad_use_noise_multiplier: bool = False
    ad_noise_multiplier: float = 1.0
    ad_use_clip_skip: bool = False
    ad_clip_skip: int = 1


@frozen(kw_only=True)
class ImageToAdetailer:
    args: tuple[DetailerArg, ...] = ()
    diffusion: Diffusion | None = None


@frozen(kw_only=True)
class ImageToInpaint:
    resize_mode: str = "DEFAULT"
    mask_image_resource_id: str = ""
    mask_blur: int = 0
    inpainting_fill: str = "DEFAULT"
    inpaint_full_res: bool = False
    inpaint_full_res_padding: int = 0
    inpaint_mask_invert: int = 0
    diffusion: Diffusion | None = None


@frozen(kw_only=True)
class VideoControlArg:
    input_video_resource_id: str = ""
    preprocessor: str = ""


@frozen(kw_only=True)
class VideoControlnet:
    args: tuple[VideoControlArg, ...] = ()


@frozen(kw_only=True)
class InpArg:
    start_image_resource_id: str = ""
    end_image_resource_id: str = ""


@frozen(kw_only=True)
class Inp:
    args: tuple[InpArg, ...] = ()


@frozen(kw_only=True)
class VideoDiffusion:
    sd_model: str = ""
    lora: Loras = Loras()
    generation_mode: str = "DEFAULT"
    width: int = 0
    height: int = 0
    fps: int = 0
    total_frames: int = 0
    prompts: tuple[Prompt, ...] = ()
    negative_prompts: tuple[Prompt, ...] = ()
    model_access_key: str = field(default="", repr=False)
    controlnet: VideoControlnet = VideoControlnet()
    inp: Inp = Inp()


@frozen(kw_only=True)
class Stage:
    type: str = "DEFAULT"
    input_initialize: InputInitialize | None = None
    diffusion: Diffusion | None = None
    image_to_upscaler: ImageToUpscaler | None = None
    image_to_adetailer: ImageToAdetailer | None = None
    image_to_inpaint: ImageToInpaint | None = None
    video_diffusion: VideoDiffusion | None = None


@frozen(kw_only=True)
class CreateJob:
    """`POST /v1/jobs`, and `POST /v1/jobs/credits` (which tolerates the whole job body)."""

    request_id: str = ""
    stages: tuple[Stage, ...] = ()
    notify_url: str = ""


@frozen(kw_only=True)
class CreateWorkflowJob:
    """`POST /v1/jobs/workflow`, and `.../params/check`; *params* is a graph, its `inputs` are free words."""

    request_id: str = ""
    params: Any = None
    running_notify_url: str = ""


@frozen(kw_only=True)
class FieldAttr:
    node_id: str = ""
    field_name: str = ""
    field_value: Any = None
    node_name: str = ""  # of the answer, sent back by clients
    input_string: str = ""


@frozen(kw_only=True)
class Fields:
    field_attrs: tuple[FieldAttr, ...] = ()


@frozen(kw_only=True)
class TemplateJob:
    """`POST /v1/jobs/workflow/template`, and `POST /v1/workflows/template/check`."""

    request_id: str = ""
    template_id: str = ""
    fields: Fields = Fields()


@frozen(kw_only=True)
class CreateResource:
    """`POST /v1/resource/image` and `.../sts`.  *term* 1 keeps a picture 7 days, 2 for ever."""

    expire_sec: int = 0
    term: int = 1


@frozen(kw_only=True)
class Img2Prompt:
    resource_id: str = ""
    tagger: str = ""


@frozen(kw_only=True)
class DetectControlnet:
    controlnet_module: str = ""
    resource_id: str = ""
