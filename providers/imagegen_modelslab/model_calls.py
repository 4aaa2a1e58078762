"""
Calls about models, typed, to be called by `calls.VendorCall`: lists, the searchable catalogue, loading and reloading.

Sources: GitHub ModelsLab/docs-v2 @ c1440bc, the OpenAPI file `image-generation/model-operation`, and
https://docs.modelslab.com/agents-api/usage-and-models.  A public room of the family.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from .operations import Endpoint
from .wire import YES_NO, word


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
class ModelReload:
    """Bring back a model that was idle for 7 days; takes about two minutes."""

    endpoint: ClassVar[Endpoint] = Endpoint(path="/api/v6/images/model_reload")
    model_id: str = word(required=True)


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


MODEL_CALLS: tuple[type, ...] = (
    ModelList,
    FinetuneList,
    ModelSearch,
    ModelSearchOne,
    ModelSearchFilters,
    ModelSearchTags,
    ModelSearchProviders,
    ModelReload,
    LoadModel,
)
