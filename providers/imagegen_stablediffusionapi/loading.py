"""
Bringing models to the vendor: what a load is called at each service, as a request of its own or before a picture.

Pure.  A load pays (it may spend a model credit; no page gives the price), answers "model load started" and nothing
else, so a free question follows it until the model is there: `model_list` at the shared service, `verify_model` at the
enterprise one.  That these are the right questions is our inference; no page says how a load is followed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from imagegen.catalogue import Resolution
from imagegen.families import families
from imagegen.flow import Call
from imagegen.placeholders import Secret
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context
from imagegen.request import ModelLoad
from imagegen_modelslab import wire as family_wire
from imagegen_modelslab.dialect import yes_no
from imagegen_modelslab.draft import Loaded, without_token
from imagegen_modelslab.service import host

from .wire import EnterpriseLoadModel, EnterpriseLoadModelV2, EnterpriseLoadVae, LoadModel

Build = Callable[[ModelLoad, Context, Notebook], Any]
_SDXL = ("sdxl", "sdxl-turbo", "pony", "illustrious")
_KINDS = {"embedding": "embeddings", "textual_inversion": "embeddings"}
_BASES = ("stable_diffusion", "stable_diffusion_xl", "flux", "z_image")
NO_PRICE = "may spend a model credit, whose price no page gives"


@frozen(kw_only=True)
class Desk:
    """
    How one service loads.

    Attributes:
        provider: its name.
        build: makes the wire object of the load (its class says the path), with the notes.
        wait_path: the free question whether the model is there.
        wait_by_id: whether the question names the model (else it asks for the list).
    """

    provider: str
    build: Build
    wait_path: str
    wait_by_id: bool

    def calls(self, load: Any, base_url: str) -> tuple[Call, Call]:
        """Return the load and the question."""
        body = family_wire.body(load)
        model_id = body.get("model_id", body.get("vae_id"))
        url = "vae_url" if "vae_url" in body else "url"
        if without_token(body[url]) != body[url]:
            body[url] = Secret(body[url])  # a download token in the address is as secret as a key
        question = {"model_id": model_id} if self.wait_by_id else {}
        return (
            Call(method="POST", url=base_url + type(load).endpoint.path, json=body, purpose="load", pays=True),
            Call(method="POST", url=base_url + self.wait_path, json=question, purpose="wait"),
        )


# --- a load as a request of its own ------------------------------------------------------------------------------


def plan_load(request: ModelLoad, context: Context, desk: Desk) -> Plan:
    """Draft load and question for *request*."""
    notes = Notebook(request, desk.provider)
    load = desk.build(request, context, notes)
    given = dict(request.provider_options.get(desk.provider, {}))
    for fault in (*family_wire.faults(type(load), family_wire.body(load)), *family_wire.faults(type(load), given)):
        notes.block(fault.path, fault.message, "bad_option")
    for name in given:
        notes.exact(f"provider_options.{desk.provider}.{name}", name)
    load_call, wait_call = desk.calls(load, context.base_url)
    load_call = load_call.evolve(json={**load_call.json, **given})
    notes.exact("wait", "", reason="asked until the model is there; the question is our inference")
    return Plan(
        provider=desk.provider,
        request=request,
        calls=(load_call, wait_call) if request.wait else (load_call,),
        notes=notes.finish(),
        blockers=tuple(notes.blockers),
        facts={"kind": "load", "loads": [fact(request.model_id, request.url, desk)]},
    )


def fact(model_id: str, url: str, desk: Desk) -> dict[str, Any]:
    """Return what the flow has to know about a load; the address without any token is how it is remembered."""
    return {"model_id": model_id, "source": without_token(url), "by_id": desk.wait_by_id}


# --- loads before a picture --------------------------------------------------------------------------------------


@define
class Loads:
    """The loads that one picture needs, each once; what the account is known to have is not loaded again."""

    desk: Desk
    context: Context
    options: Mapping[str, Any]  # the user's own words for these loads
    calls: list[Call] = field(factory=list)
    facts: list[dict[str, Any]] = field(factory=list)

    def loader(self, found: Resolution) -> Loaded | None:
        """Say under which id a model will be there; None = there is no address to load it from."""
        source = found.source_url
        if source is None or found.code not in ("needs_load", "model_not_mapped"):
            return None
        key = without_token(source)
        known = self.context.known.get(("model", key))
        if known is not None:
            return Loaded(id=known, reason="was loaded before", code="loaded_before", emulated=False)
        model_id = loaded_id(key)
        if all(fact["model_id"] != model_id for fact in self.facts):
            self._add(found, source, model_id)
        reason = f"loaded first, as {model_id}; a call that {NO_PRICE}"
        return Loaded(id=model_id, reason=reason)

    def _add(self, found: Resolution, source: str, model_id: str) -> None:
        load = ModelLoad(
            url=source, model_id=model_id, category=category_of(found), format=format_of(source), force_load=False
        )
        load_call, wait_call = self.desk.calls(
            self.desk.build(load, self.context, Notebook(load, self.desk.provider)), self.context.base_url
        )
        self.calls += [load_call.evolve(json={**load_call.json, **self.options}), wait_call]
        self.facts.append(fact(model_id, source, self.desk))


def loaded_id(source: str) -> str:
    """Return the id under which a model from *source* is loaded: the same from every machine, no comma in it."""
    name = re.split(r"[?#]", source.removeprefix("hf:"))[0].rstrip("/").rpartition("/")[2]
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower().rpartition(".")[0] or name.lower()).strip("-")[:32].strip("-")
    digest = hashlib.sha256(source.encode()).hexdigest()[:10]
    return f"{slug}-{digest}" if slug else digest


def format_of(source: str) -> Any:
    """Guess the file format from an address."""
    if source.startswith("hf:"):
        return "diffusers"
    path = re.split(r"[?#]", source)[0].lower()
    return "ckpt" if path.endswith(".ckpt") else "safetensors"


def category_of(found: Resolution) -> str:
    """Return what a model is, as far as the reference and the catalogue say."""
    if found.kind != "checkpoint":
        return found.kind
    family = families().get(found.family) if found.family else None
    return "stable_diffusion_xl" if family and family.root == "sdxl" else "stable_diffusion"


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
    requested = without_token(request.url)
    sent = without_token(repository(request.url))
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
    if family.root == "sdxl" or family.name in _SDXL:
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


def enterprise(request: ModelLoad, context: Context, notes: Notebook) -> Any:
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
