"""
Everything else that the vendor documents, typed: lists, uploads, the account, editing, the realtime models.

One class per endpoint, one attribute per documented field; `path`, `method`, `pays` and `pictures` say how it is
called.  Sources: GitHub ModelsLab/docs-v2 @ c1440bc, the OpenAPI files `general-api`, `image-editing`,
`image-generation/model-operation` and `image-generation/realtime-stable-diffusion`.  A public room of the family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from imagegen.parts import check, part

from . import wire
from .wire import YES_NO, word


@frozen(kw_only=True)
class Endpoint:
    """
    How an endpoint is called.

    Attributes:
        path: after the base URL; `{name}` is a field of the call.
        method: GET sends the fields as a query.
        pays: whether it can cost money.
        pictures: whether what comes back is pictures to keep (else it is data).
        fetch: where its jobs are asked for, if not where the service's are.
    """

    path: str
    method: str = "POST"
    pays: bool = False
    pictures: bool = False
    fetch: str = ""


@frozen(kw_only=True)
class FetchImages:
    """The result of a job, id in the body."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/images/fetch")
    request_id: str = word(required=True)


@frozen(kw_only=True)
class FetchImagesById:
    """The result of a job, id in the path; the form inside `fetch_result`."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/images/fetch/{id}")
    id: str = word(required=True)


@frozen(kw_only=True)
class FetchRealtime:
    """The result of a realtime job."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/realtime/fetch/{id}")
    id: str = word(required=True)


@frozen(kw_only=True)
class FetchEditing:
    """The result of an editing job."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/image_editing/fetch/{id}")
    id: str = word(required=True)


@frozen(kw_only=True)
class ModelReload:
    """Bring back a model that was idle for 7 days; takes about two minutes."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/images/model_reload")
    model_id: str = word(required=True)


@frozen(kw_only=True)
class ModelList:
    """The public models: a bare list, very long."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v4/dreambooth/model_list")


@frozen(kw_only=True)
class FinetuneList:
    """The account's own models."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/finetune_list")


@frozen(kw_only=True)
class ModelSearch:
    """The catalogue (https://docs.modelslab.com/agents-api/usage-and-models)."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/model-search", method="GET")
    search: str | None = word()
    feature: str | None = word()


@frozen(kw_only=True)
class ModelSearchOne:
    """One model of the catalogue."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/model-search/{modelId}", method="GET")
    modelId: str = word(required=True)  # noqa: N815 (the page's spelling)


@frozen(kw_only=True)
class ModelSearchFilters:
    """What the catalogue can be filtered by."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/model-search/filters", method="GET")


@frozen(kw_only=True)
class ModelSearchTags:
    """The tags of the catalogue."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/model-search/tags", method="GET")


@frozen(kw_only=True)
class ModelSearchProviders:
    """The makers of the models in the catalogue."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/model-search/providers", method="GET")


@frozen(kw_only=True)
class Base64ToUrl:
    """Put a picture (`data:image/png;base64,...`, up to 5 MB); its address lives 24 hours."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/base64_to_url")
    base64_string: str = word(required=True)


@frozen(kw_only=True)
class EditingBase64ToUrl:
    """The same by another path and field name."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/image_editing/base64_to_url")
    init_image: str = word(required=True)


@frozen(kw_only=True)
class Base64Crop:
    """Put a picture, and crop it."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/base64_crop")
    image: str = word(required=True)
    crop: str | None = word(choices=("true", "false"))


@frozen(kw_only=True)
class DeleteImage:
    """Delete an output."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/delete_image")
    request_id: int = word(required=True)
    type: str | None = word(choices=("image", "video", "voice", "3d"))


@frozen(kw_only=True)
class WalletBalance:
    """What is left."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/wallet_balance")


@frozen(kw_only=True)
class SubscribedProducts:
    """The quota per product."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/subscribed_products", method="GET")


@frozen(kw_only=True)
class RequestCount:
    """How many requests of the account are in the queue; at most 30 questions a minute."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/processing/request_count")


@frozen(kw_only=True)
class AssetsGenerated:
    """The account's history."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/assets_generated")
    type: str = word(choices=("image", "video", "voice", "3d"), required=True)
    per_page: int | None = word(low=1, high=30)
    page: int | None = word(low=1, high=10**9)


@frozen(kw_only=True)
class NsfwImageCheck:
    """Whether a picture is unsafe."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/nsfw_image_check")
    init_image: str = word(required=True)
    threshold: float | None = word(low=0, high=1)


@frozen(kw_only=True)
class NsfwPromptCheck:
    """Whether a prompt is unsafe."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/check_nsfw_cp")
    prompt: str = word(required=True)


@frozen(kw_only=True)
class ClearCache:
    """Forget the account's cached answers."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v5/clear_cache")


@frozen(kw_only=True)
class BuySubscription:
    """Buy a plan: this spends real money, and the answer holds a new key."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/buy_subscription", pays=True)
    plan_name: str = word(
        choices=(
            "basic_monthly",
            "basic_yearly",
            "standard_monthly",
            "standard_yearly",
            "premium_monthly",
            "premium_yearly",
        ),
        required=True,
    )


@frozen(kw_only=True)
class BuyModel:
    """Buy room for private models: this spends real money."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/dreambooth/buy_model", pays=True)
    quantity: str = word(required=True)


@frozen(kw_only=True)
class SuperResolution:
    """Enlarge a picture."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        path="/api/v6/image_editing/super_resolution",
        pays=True,
        pictures=True,
        fetch="/api/v6/image_editing/fetch/{id}",
    )
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

    endpoint: ClassVar[Endpoint] = Endpoint(
        path="/api/v6/image_editing/caption", pays=True, fetch="/api/v6/image_editing/fetch/{id}"
    )
    init_image: str = word(required=True)
    prompt: str | None = word()
    length: str | None = word(choices=("short", "normal", "long"))
    base64: bool | None = word()
    webhook: str | None = word()
    track_id: int | None = word()


@frozen(kw_only=True)
class RealtimeText2Img:
    """A picture by the fast models, which have no id, no sampler, no steps and no LoRAs."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        path="/api/v6/realtime/text2img", pays=True, pictures=True, fetch="/api/v6/realtime/fetch/{id}"
    )
    prompt: str = word(required=True)
    negative_prompt: str | None = word()
    width: int | None = word(low=64, high=1024)
    height: int | None = word(low=64, high=1024)
    samples: int | None = word(low=1, high=4)
    safety_checker: bool | None = word()
    safety_checker_type: str | None = word(choices=wire.SAFETY_CHECKER_TYPES)
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

    endpoint: ClassVar[Endpoint] = Endpoint(
        path="/api/v6/realtime/img2img", pays=True, pictures=True, fetch="/api/v6/realtime/fetch/{id}"
    )
    init_image: str = word(required=True)
    strength: float | None = word(low=0, high=1)


@frozen(kw_only=True)
class RealtimeInpaint(RealtimeImg2Img):
    """The same, inside a mask (white = repaint)."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        path="/api/v6/realtime/inpaint", pays=True, pictures=True, fetch="/api/v6/realtime/fetch/{id}"
    )
    mask_image: str = word(required=True)


@frozen(kw_only=True)
class LoadModel:
    """
    Bring a model to the shared service, by the newer page's form (a LoRA is a subcategory).

    No page says whether this spends a model credit, so it counts as a call that pays.
    """

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/load_model", pays=True)
    url: str = word("url", required=True)
    model_id: str = word("model_id", required=True)
    model_format: str = word("format", choices=("diffusers", "safetensors", "ckpt"), required=True)
    model_category: str = word("category", required=True)
    model_subcategory: str | None = word("subcategory")
    model_visibility: str = word("visibility", choices=("private", "public"), required=True)
    model_name: str | None = word("name")
    model_image: str | None = word("image")
    revision: str | None = word("revision", choices=("fp16", "fp32"))
    force_load: str | None = word("force_load", choices=YES_NO)
    hf_upload: str | None = word("hf_upload", choices=YES_NO)


@frozen(kw_only=True)
class Other:
    """
    Any other path of the API, in the vendor's own words: what has no class here.

    It counts as a call that pays.  *pictures* says that pictures come back, *fetch* where a queued job is asked for.
    """

    path: str = part(rule=lambda path: None if str(path).startswith("/api/") else "must begin with /api/")
    words: Mapping[str, Any] = field(factory=dict)
    method: str = "POST"
    pictures: bool = False
    fetch: str = ""
    __attrs_post_init__ = check

    @property
    def endpoint(self) -> Endpoint:
        """How it is called."""
        return Endpoint(path=self.path, method=self.method, pays=True, pictures=self.pictures, fetch=self.fetch)


OPERATIONS: tuple[type, ...] = (
    FetchImages,
    FetchImagesById,
    FetchRealtime,
    FetchEditing,
    ModelReload,
    ModelList,
    FinetuneList,
    ModelSearch,
    ModelSearchOne,
    ModelSearchFilters,
    ModelSearchTags,
    ModelSearchProviders,
    Base64ToUrl,
    EditingBase64ToUrl,
    Base64Crop,
    DeleteImage,
    WalletBalance,
    SubscribedProducts,
    RequestCount,
    AssetsGenerated,
    NsfwImageCheck,
    NsfwPromptCheck,
    ClearCache,
    BuySubscription,
    BuyModel,
    SuperResolution,
    Caption,
    RealtimeText2Img,
    RealtimeImg2Img,
    RealtimeInpaint,
    LoadModel,
)
