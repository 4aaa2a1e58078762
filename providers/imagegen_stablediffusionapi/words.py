"""
A neutral model load in the words of each service, with its notes.  Pure.

The shared service has one endpoint for everything, the enterprise API two generations of one and another for VAEs.
"""

from __future__ import annotations

from imagegen.families import families
from imagegen.plans import Notebook
from imagegen.provider import Context
from imagegen.redaction import without_secrets
from imagegen.request import ModelLoad
from imagegen_modelslab.dialect import yes_no
from imagegen_modelslab.service import host

from .wire import EnterpriseLoadModel, EnterpriseLoadModelV2, EnterpriseLoadVae, LoadModel

NO_PRICE = "may spend a model credit, whose price no page gives"
_KINDS = {"embedding": "embeddings", "textual_inversion": "embeddings"}
_BASES = ("stable_diffusion", "stable_diffusion_xl", "flux", "z_image")

# --- the shared service's words ----------------------------------------------------------------------------------


def shared(request: ModelLoad, context: Context, notes: Notebook) -> LoadModel:
    """Say a load in the words of `/api/v3/load_model`."""
    _plain(request, notes, "model_id")
    category, subcategory = _category(request, context, notes)
    notes.exact("format", "model_format")
    if request.format == "pt":
        notes.block("format", "the service loads diffusers, safetensors and ckpt", "no_format")
    private = request.visibility == "private"
    notes.exact("visibility", "model_visibility", reason=f"a private load {NO_PRICE}" if private else "")
    for path, name in (("name", "model_name"), ("image", "model_image")):
        if path in notes.leaves:
            notes.exact(path, name)
    return LoadModel(
        url=repository(request.url),
        model_id=request.model_id,
        force_load=_flag(request.force_load, notes, "force_load"),
        revision=_revision(request, notes, "fp16"),
        model_category=category,
        model_subcategory=subcategory,
        model_format="safetensors" if request.format == "pt" else request.format,
        model_visibility=request.visibility,
        model_name=request.name or request.model_id,
        model_image=request.image,
        hf_upload=_flag(request.hf_upload, notes, "hf_upload"),
    )


def repository(url: str) -> str:
    """`hf:org/name` is `org/name` here."""
    return url.removeprefix("hf:")


def _plain(request: ModelLoad, notes: Notebook, id_word: str, url_word: str = "url") -> None:
    requested = without_secrets(request.url)
    sent = without_secrets(repository(request.url))
    notes.put("url", "exact", sent, url_word, requested=requested)
    notes.exact("model_id", id_word)


def _flag(value: bool | None, notes: Notebook, name: str) -> str:
    if value is None:
        why = "a load that is repeated may be paid twice" if name == "force_load" else "not asked for"
        notes.put(name, "exact", "no", name, requested=None, reason=why, code="vendor_default")
    else:
        notes.exact(name, name, yes_no(value))
    return yes_no(bool(value))


def _revision(request: ModelLoad, notes: Notebook, default: str) -> str:
    if request.revision is None:
        reason = "the vendor's default, said"
        notes.put("revision", "exact", default, "revision", requested=None, reason=reason, code="vendor_default")
        return default
    notes.exact("revision", "revision")
    return request.revision


def _category(request: ModelLoad, context: Context, notes: Notebook) -> tuple[str, str | None]:
    """LoRAs have two documented forms; the setting `lora_category` chooses."""
    wanted = request.subcategory if request.subcategory == "lora" else request.category
    base = _base(request.category)
    if wanted != "lora":
        sent = _KINDS.get(request.category, base or request.category)
        notes.exact("category", "model_category", sent)
        if request.subcategory is not None:
            notes.exact("subcategory", "model_subcategory")
        return sent, request.subcategory
    if lora_form(context) == "page":
        notes.exact("category", "model_category", "lora")
        if request.subcategory is not None:
            reason = "this form of the page says it in model_category"
            notes.put("subcategory", "exact", "lora", "model_category", reason=reason)
        return "lora", None
    sent = base or "stable_diffusion"
    if base is None:
        reason = "the newer form wants the base model's category beside the subcategory lora; none was given"
        notes.approximated("category", sent, "model_category", reason, "base_assumed")
    else:
        notes.exact("category", "model_category", sent)
    notes.put("subcategory", "exact", "lora", "model_subcategory", requested=request.subcategory)
    return sent, "lora"


def _base(category: str) -> str | None:
    """Return the vendor's word for a checkpoint of a family; None for what is no checkpoint."""
    if category in _BASES:
        return category
    if category == "checkpoint":
        return "stable_diffusion"
    family = families().get(category)
    if family is None:
        return None
    if family.root == "sdxl":
        return "stable_diffusion_xl"
    return "flux" if family.name.startswith("flux") else "stable_diffusion"


def lora_form(context: Context) -> str:
    """The older page's form at the older host, the newer one's at modelslab.com, unless the setting says so."""
    chosen = context.settings.get("lora_category")
    if chosen:
        return str(chosen)
    name = host(context.base_url)[1]
    return "newer" if name == "modelslab.com" or name.endswith(".modelslab.com") else "page"


# --- the enterprise words ----------------------------------------------------------------------------------------


def enterprise(
    request: ModelLoad, context: Context, notes: Notebook
) -> EnterpriseLoadModel | EnterpriseLoadModelV2 | EnterpriseLoadVae:
    """Say a load in the words of the enterprise API; VAEs have an endpoint of their own."""
    own = "the model lies on your own server"
    notes.exact("visibility", "", None, reason=own)
    for path in ("name", "image", "force_load", "hf_upload"):
        if path in notes.leaves:
            notes.dropped(path, "the enterprise load has no word for it", "not_supported")
    if request.webhook is not None:
        notes.exact("webhook", "webhook")
    if request.category == "vae":
        return _enterprise_vae(request, notes)
    _plain(request, notes, "model_id")
    v2 = context.settings.get("load_form") == "load_model_v2"
    return _enterprise_v2(request, notes) if v2 else _enterprise_v1(request, notes)


def _enterprise_vae(request: ModelLoad, notes: Notebook) -> EnterpriseLoadVae:
    _plain(request, notes, "vae_id", "vae_url")
    notes.exact("category", "", None, reason="an endpoint of its own")
    notes.exact("format", "vae_type")
    if request.format == "ckpt":
        notes.block("format", "a VAE is diffusers, safetensors or pt here", "no_format")
    kind = "pt" if request.format == "ckpt" else request.format
    return EnterpriseLoadVae(
        vae_id=request.model_id, vae_url=repository(request.url), vae_type=kind, webhook=request.webhook
    )


def _enterprise_v1(request: ModelLoad, notes: Notebook) -> EnterpriseLoadModel:
    kind = _kind(request)
    if kind in ("lora", "controlnet", "embeddings"):
        model_type = kind
    else:
        model_type = "huggingface" if request.format == "diffusers" else "custom_ckpt"
    notes.exact("category", "model_type", model_type)
    if request.subcategory is not None:
        notes.exact("subcategory", "model_type", model_type)
    if request.format == "pt":
        notes.block(
            "format", "the enterprise load takes diffusers, safetensors and ckpt; load_model_v2 takes pt", "no_format"
        )
    safetensors = yes_no(request.format == "safetensors")
    notes.exact("format", "from_safetensors", safetensors)
    if request.upcast_attention is not None:
        notes.exact("upcast_attention", "upcast_attention", yes_no(request.upcast_attention))
    return EnterpriseLoadModel(
        url=repository(request.url),
        model_id=request.model_id,
        model_type=model_type,
        from_safetensors=safetensors,
        revision=_revision(request, notes, "fp32"),
        upcast_attention=None if request.upcast_attention is None else yes_no(request.upcast_attention),
        webhook=request.webhook,
    )


def _enterprise_v2(request: ModelLoad, notes: Notebook) -> EnterpriseLoadModelV2:
    kind = _kind(request)
    notes.exact("category", "model_category", kind)
    if request.subcategory is not None:
        notes.exact("subcategory", "model_category", kind)
    notes.exact("format", "model_format")
    if request.upcast_attention is not None:
        notes.dropped("upcast_attention", "only the older load has it", "not_supported")
    return EnterpriseLoadModelV2(
        url=repository(request.url),
        model_id=request.model_id,
        model_category=kind,
        model_format=request.format,
        revision=_revision(request, notes, "fp32"),
        webhook=request.webhook,
    )


def _kind(request: ModelLoad) -> str:
    category = request.subcategory if request.subcategory == "lora" else request.category
    return _KINDS.get(category, _base(category) or category)
