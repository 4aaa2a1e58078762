"""Every path that a page describes, what answers it, and which fields its page names."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from imagegen.emulator import Response

from . import accounts, editing, generation, jobs, models, servers, uploads
from .endpoints import ENDPOINTS, FAMILIES
from .exchange import Exchange

Handler = Callable[[Exchange], Response]


@frozen(kw_only=True)
class Route:
    """
    What is behind a path.

    Attributes:
        fields: besides the key; None = no page lists them.
        get: GET is described too.
        needs_id: there is only the form with an id at the end.
    """

    handler: Handler
    fields: frozenset[str] | None = frozenset()
    get: bool = False
    needs_id: bool = False


def _named(handler: Handler, fields: str = "", *, get: bool = False) -> Route:
    return Route(handler=handler, fields=frozenset(fields.split()), get=get)


_LOAD = (
    "url model_id force_load model_format revision model_category model_subcategory model_visibility model_name"
    " model_image hf_upload"
)
_SERVER_LOAD = "url model_id model_type model_category model_format from_safetensors revision webhook upcast_attention"
_BUCKET = (
    "deploy_type public_url region_name endpoint_url aws_access_key_id aws_secret_access_key"
    " image_directory bucket_name"
)


def _fetches() -> Iterable[tuple[str, Route]]:
    """Any fetch finds any job of the host: v4 jobs carry v3 links, and clients mix the forms."""
    by_body = ("v6/images/fetch", "v4/dreambooth/fetch", "v1/enterprise/fetch")
    by_id = ("v7/images/fetch", "v6/realtime/fetch", "v6/image_editing/fetch", "v3/fetch", "v3/dreambooth/fetch")
    families = (f"v1/enterprise/{family}/fetch" for family in _SERVER_FAMILIES)
    for path in by_body:
        yield path, _named(jobs.fetch, "request_id")
    for path in (*by_id, *families):
        yield path, Route(handler=jobs.fetch, needs_id=True)
    yield "v5/images/fetch", Route(handler=jobs.fetch, get=True, needs_id=True)  # GET only in controlnet's OpenAPI


_SERVER_FAMILIES = (*FAMILIES, "realtime", "super_resolution", "super-resolution", "image_editing")


def _shared() -> dict[str, Route]:
    """The shared service."""
    history = _named(accounts.history, "type per_page page")
    reload = _named(models.reload, "model_id")
    return {
        "v6/images/model_reload": reload,
        "v4/dreambooth/model_reload": reload,
        "v4/dreambooth/model_list": _named(models.list_all),
        "v3/finetune_list": _named(models.list_own),
        "v3/load_model": _named(models.load, _LOAD),
        "v6/image_editing/super_resolution": _named(
            editing.enlarge, "init_image url model_id scale face_enhance webhook track_id"
        ),
        "v6/image_editing/caption": _named(editing.caption, "init_image length base64 webhook track_id prompt"),
        "v3/super_resolution": _named(editing.enlarge, "url scale model_id face_enhance webhook track_id"),
        "v6/image_editing/base64_to_url": _named(uploads.to_url, "init_image"),
        "v6/base64_to_url": _named(uploads.to_url, "base64_string"),
        "v3/base64_crop": _named(uploads.crop, "image crop"),
        "v3/delete_image": _named(uploads.delete, "request_id type"),
        "v3/nsfw_image_check": _named(editing.check, "init_image threshold"),
        "v3/system_load": _named(accounts.load),
        "v5/clear_cache": _named(accounts.clear_cache, get=True),
        "v6/processing/request_count": _named(accounts.under_way, get=True),
        "v6/assets_generated": history,
        "assets_generated": history,
        "wallet_balance": _named(accounts.balance),
        "subscribed_products": _named(accounts.products, get=True),
    }


def _dedicated() -> dict[str, Route]:
    """Dedicated servers."""
    server = {
        "system_details": _named(servers.details),
        "restart_server": _named(servers.restart),
        "update_server": _named(servers.update),
        "update": _named(servers.update),
        "clear_cache": _named(servers.clear_cache),
        "clear_queue": _named(servers.clear_queue),
    }
    routes = {
        **server,
        **{f"{family}/{path}": route for family in _SERVER_FAMILIES for path, route in server.items()},
        "load_model": _named(models.load_on_server, _SERVER_LOAD),
        "load_model_v2": _named(models.load_on_server, _SERVER_LOAD),
        "load_vae": _named(models.load_vae, "vae_id vae_url vae_type webhook"),
        "verify_model": _named(models.verify, "model_id"),
        "get_all_models": _named(models.on_server),
        "delete_model": _named(models.delete, "model_id"),
        "sync_models": _named(models.sync, "sync_key"),
        "model_reload": _named(models.reload, "model_id"),
        "schedulers_list": _named(servers.schedulers),
        "upload_image": _named(uploads.to_bucket, "base64_image image_type"),
        "nsfw_image_check": _named(editing.check, "init_image"),
        "super_resolution": _named(editing.enlarge, "url init_image scale model_id face_enhance webhook track_id"),
        "super_resolution/make": _named(editing.enlarge, "init_image scale model_id face_enhance webhook track_id"),
        "update_s3": _named(servers.use_bucket, _BUCKET),
        "reset_s3": _named(servers.leave_bucket, "deploy_type"),
    }
    return {f"v1/enterprise/{path}": route for path, route in routes.items()}


ROUTES: dict[str, Route] = {
    **{path: Route(handler=generation.generate, fields=endpoint.fields) for path, endpoint in ENDPOINTS.items()},
    **dict(_fetches()),
    **_shared(),
    **_dedicated(),
}
