"""
Endpoints in the vendor's own words: how one is called (`Endpoint`), and those about results, uploads and the account.

One class per endpoint, one attribute per documented field.  Others are in `editing`, `realtime`, `model_calls` and
`newer`; what has no class is reached by `Other`.  Sources: GitHub ModelsLab/docs-v2 @ c1440bc, the OpenAPI files
`general-api` and `image-editing`.  A public room of the family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from imagegen.parts import check, part

from .wire import word


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
class Base64ToUrl:
    """Upload a picture (`data:image/png;base64,...`, up to 5 MB); its address lives 24 hours."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/base64_to_url")
    base64_string: str = word(required=True)


@frozen(kw_only=True)
class EditingBase64ToUrl:
    """The same by another path and field name."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/image_editing/base64_to_url")
    init_image: str = word(required=True)


@frozen(kw_only=True)
class Base64Crop:
    """Upload a picture, and crop it."""

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
)
