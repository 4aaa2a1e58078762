"""
What the documents of stablediffusionapi.com and of the enterprise API call things, one class per request body.

Sources: https://stablediffusionapi.com/docs (v3, v4, v5), https://docs.modelslab.com/enterprise-api/text-to-image and
GitHub ModelsLab/docs-v2 @ c1440bc.  The enterprise page of the inpaint attributes that we could read leaves method and
path blank; ours are those of the sibling pages and of the vendor's own clients, so they are an inference.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from imagegen_modelslab import model_calls
from imagegen_modelslab import wire as family
from imagegen_modelslab.operations import Endpoint
from imagegen_modelslab.wire import YES_NO, Common, IpAdapter, word

ENTERPRISE = "/api/v1/enterprise"

# --- the shared service: v4 --------------------------------------------------------------------------------------


@frozen(kw_only=True)
class V4Text2Img(Common):
    """`POST /api/v4/dreambooth`."""

    path: ClassVar[str] = "/api/v4/dreambooth"
    multi_lingual: str | None = word(choices=YES_NO)
    panorama: str | None = word(choices=YES_NO)
    self_attention: str | None = word(choices=YES_NO)
    upscale: str | None = word("upscale", choices=YES_NO)
    embeddings_model: str | None = word("embeddings[].model")


@frozen(kw_only=True)
class V4Img2Img(Common):
    """`POST /api/v4/dreambooth/img2img`."""

    path: ClassVar[str] = "/api/v4/dreambooth/img2img"
    init_image: str = word("init_image", required=True)
    strength: float | None = word("strength", low=0, high=1)


@frozen(kw_only=True)
class V4Inpaint(V4Img2Img):
    """`POST /api/v4/dreambooth/inpaint`."""

    path: ClassVar[str] = "/api/v4/dreambooth/inpaint"
    mask_image: str = word("mask_image", required=True)


# --- the enterprise API ------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class EnterpriseText2Img(Common):
    """`POST /api/v1/enterprise/text2img`; `loadbalancer` needs more than one server."""

    path: ClassVar[str] = f"{ENTERPRISE}/text2img"
    multi_lingual: str | None = word(choices=YES_NO)
    panorama: str | None = word(choices=YES_NO)
    self_attention: str | None = word(choices=YES_NO)
    upscale: str | None = word("upscale", choices=YES_NO)
    highres_fix: str | None = word(choices=YES_NO)
    embeddings_model: str | None = word("embeddings[].model")
    loadbalancer: str | None = word(choices=YES_NO)


@frozen(kw_only=True)
class EnterpriseImg2Img(IpAdapter):
    """`POST /api/v1/enterprise/img2img`."""

    path: ClassVar[str] = f"{ENTERPRISE}/img2img"
    init_image: str = word("init_image", required=True)
    strength: float | None = word("strength", low=0, high=1)
    loadbalancer: str | None = word(choices=YES_NO)


@frozen(kw_only=True)
class EnterpriseInpaint(Common):
    """`POST /api/v1/enterprise/inpaint`."""

    path: ClassVar[str] = f"{ENTERPRISE}/inpaint"
    init_image: str = word("init_image", required=True)
    mask_image: str = word("mask_image", required=True)
    strength: float | None = word("strength", low=0, high=1)
    loadbalancer: str | None = word(choices=YES_NO)


@frozen(kw_only=True)
class EnterpriseControlNet(family.ControlNet):
    """`POST /api/v1/enterprise/controlnet`."""

    path: ClassVar[str] = f"{ENTERPRISE}/controlnet"
    controlnet_conditioning_scale: float | None = word("controls[].weight", low=0.1, high=20)


# --- loads -------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class LoadModel(model_calls.LoadModel):
    """
    `POST /api/v3/load_model` (https://stablediffusionapi.com/docs, "Upload Model"), where a model must have a name.

    Two pages disagree on LoRAs: `model_category: lora` on the older, `model_subcategory: lora` beside the base
    category on the newer (GitHub ModelsLab/docs-v2, `image-generation/model-operation`).
    """

    model_category: str = word(
        "category",
        choices=(
            "stable_diffusion",
            "stable_diffusion_xl",
            "controlnet",
            "lora",
            "embeddings",
            "vae",
            "flux",
            "z_image",
        ),
        required=True,
    )
    model_name: str = word("name", required=True)


@frozen(kw_only=True)
class EnterpriseLoadModel:
    """`POST /api/v1/enterprise/load_model`."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/load_model", pays=True)
    url: str = word("url", required=True)
    model_id: str = word("model_id", required=True)
    model_type: str = word(
        "category",
        choices=("huggingface", "api_trained", "custom_ckpt", "lora", "embeddings", "controlnet"),
        required=True,
    )
    from_safetensors: str | None = word("format", choices=YES_NO)
    revision: str | None = word("revision", choices=("fp16", "fp32"))
    upcast_attention: str | None = word("upcast_attention", choices=YES_NO)
    webhook: str | None = word("webhook")


@frozen(kw_only=True)
class EnterpriseLoadModelV2:
    """`POST /api/v1/enterprise/load_model_v2`."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/load_model_v2", pays=True)
    url: str = word("url", required=True)
    model_id: str = word("model_id", required=True)
    model_category: str = word(
        "category", choices=("lora", "stable_diffusion", "stable_diffusion_xl", "controlnet"), required=True
    )
    model_format: str = word("format", choices=("ckpt", "safetensors", "pt", "diffusers"), required=True)
    revision: str | None = word("revision", choices=("fp16", "fp32"))
    webhook: str | None = word("webhook")


@frozen(kw_only=True)
class EnterpriseLoadVae:
    """`POST /api/v1/enterprise/load_vae`."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/load_vae", pays=True)
    vae_id: str = word("model_id", required=True)
    vae_url: str = word("url", required=True)
    vae_type: str = word("format", choices=("diffusers", "safetensors", "pt"), required=True)
    webhook: str | None = word("webhook")
