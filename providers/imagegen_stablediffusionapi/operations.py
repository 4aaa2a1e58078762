"""
The other documented endpoints of both services, typed, to be called by `imagegen_modelslab.calls.VendorCall`.

What destroys or restarts something (`DeleteModel`, `ClearQueue`, `RestartServer`, `UpdateServer`, `ResetS3`) is only
ever called by name: nothing in this package plans it by itself.  Sources: https://stablediffusionapi.com/docs,
https://docs.modelslab.com/enterprise-api and GitHub ModelsLab/docs-v2 @ c1440bc.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from imagegen.placeholders import Secret
from imagegen_modelslab.model_calls import FinetuneList, ModelList
from imagegen_modelslab.operations import (
    Base64Crop,
    BuyModel,
    BuySubscription,
    ClearCache,
    DeleteImage,
    Endpoint,
    NsfwImageCheck,
)
from imagegen_modelslab.wire import word

from .wire import ENTERPRISE, EnterpriseLoadModel, EnterpriseLoadModelV2, EnterpriseLoadVae, LoadModel

# --- the shared service ------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class V4Fetch:
    """The result of a job."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v4/dreambooth/fetch")
    request_id: str = word(required=True)


@frozen(kw_only=True)
class V3Fetch:
    """The same by the older path, the one that stands in answers about v4 jobs."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/fetch/{id}")
    id: str = word(required=True)


@frozen(kw_only=True)
class V3DreamboothFetch:
    """The same by the path that stands in `fetch_result` of v4 jobs."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/dreambooth/fetch/{id}")
    id: str = word(required=True)


@frozen(kw_only=True)
class ModelReload:
    """Bring back a model that was idle for 7 days; takes about two minutes."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v4/dreambooth/model_reload")
    model_id: str = word(required=True)


@frozen(kw_only=True)
class SystemLoad:
    """How long the queue is."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/system_load")


@frozen(kw_only=True)
class CancelSubscription:
    """End the account's plan."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v3/cancel_subscription")


SHARED: tuple[type, ...] = (
    LoadModel,
    ModelReload,
    ModelList,
    FinetuneList,
    V4Fetch,
    V3Fetch,
    V3DreamboothFetch,
    SystemLoad,
    Base64Crop,
    DeleteImage,
    NsfwImageCheck,
    ClearCache,
    BuySubscription,
    CancelSubscription,
    BuyModel,
)


# --- the enterprise API ------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class EnterpriseFetch:
    """The result of a job."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/fetch")
    request_id: str = word(required=True)


@frozen(kw_only=True)
class EnterpriseSuperResolution:
    """Enlarge a picture; a flat fee covers it."""

    endpoint: ClassVar[Endpoint] = Endpoint(
        path=f"{ENTERPRISE}/super_resolution", pays=True, pictures=True, fetch=f"{ENTERPRISE}/fetch/{{id}}"
    )
    url: str = word(required=True)
    scale: int | None = word(low=1, high=4)
    model_id: str | None = word(
        choices=(
            "RealESRGAN_x4plus",
            "RealESRNet_x4plus",
            "RealESRGAN_x4plus_anime_6B",
            "RealESRGAN_x2plus",
            "realesr-general-x4v3",
            "ultra_resolution",
        )
    )
    face_enhance: bool | None = word()
    webhook: str | None = word()


@frozen(kw_only=True)
class UploadImage:
    """Upload a picture (bare base64); needs a storage bucket of your own, see `UpdateS3`."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/upload_image")
    base64_image: str = word(required=True)
    image_type: str = word(choices=("png", "jpeg", "jpg"), required=True)


@frozen(kw_only=True)
class EnterpriseNsfwImageCheck:
    """Whether a picture is unsafe."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/nsfw_image_check")
    init_image: str = word(required=True)


@frozen(kw_only=True)
class VerifyModel:
    """Whether the server has a model; how it says no is not documented."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/verify_model")
    model_id: str = word(required=True)


@frozen(kw_only=True)
class GetAllModels:
    """The models on the server."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/get_all_models")


@frozen(kw_only=True)
class DeleteModel:
    """Remove a model from the server."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/delete_model")
    model_id: str = word(required=True)


@frozen(kw_only=True)
class SyncModels:
    """Copy the models to a second server, named by its key."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/sync_models")
    sync_key: Secret = word(required=True, secret=True)


@frozen(kw_only=True)
class SchedulersList:
    """The schedulers that the server has (no status in the answer)."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/schedulers_list")


@frozen(kw_only=True)
class SystemDetails:
    """How busy the server is."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/system_details")


@frozen(kw_only=True)
class RestartServer:
    """Restart; running jobs are lost."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/restart_server")


@frozen(kw_only=True)
class UpdateServer:
    """Update the server's software (the vendor's clients post to `update` instead)."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/update_server")


@frozen(kw_only=True)
class EnterpriseClearCache:
    """Forget cached answers."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/clear_cache")


@frozen(kw_only=True)
class ClearQueue:
    """Throw away all queued jobs; the server restarts."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/clear_queue")


@frozen(kw_only=True)
class UpdateS3:
    """Let the server keep pictures in a bucket of your own (it needs PutObjectAcl)."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/update_s3")
    deploy_type: str = word(required=True)
    public_url: str = word(required=True)
    region_name: str = word(required=True)
    endpoint_url: str = word(required=True)
    aws_access_key_id: Secret = word(required=True, secret=True)
    aws_secret_access_key: Secret = word(required=True, secret=True)
    image_directory: str | None = word()


@frozen(kw_only=True)
class ResetS3:
    """Forget the bucket."""

    endpoint: ClassVar[Endpoint] = Endpoint(path=f"{ENTERPRISE}/reset_s3")
    deploy_type: str = word(required=True)


ENTERPRISE_CALLS: tuple[type, ...] = (
    EnterpriseLoadModel,
    EnterpriseLoadModelV2,
    EnterpriseLoadVae,
    VerifyModel,
    GetAllModels,
    DeleteModel,
    SyncModels,
    EnterpriseFetch,
    EnterpriseSuperResolution,
    UploadImage,
    EnterpriseNsfwImageCheck,
    SchedulersList,
    SystemDetails,
    RestartServer,
    UpdateServer,
    EnterpriseClearCache,
    ClearQueue,
    UpdateS3,
    ResetS3,
)
