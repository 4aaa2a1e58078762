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
from imagegen.redaction import without_secrets
from imagegen.request import ModelLoad
from imagegen_modelslab import wire as family_wire
from imagegen_modelslab.draft import Loaded

from .words import NO_PRICE

Build = Callable[[ModelLoad, Context, Notebook], Any]


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
        if without_secrets(body[url]) != body[url]:
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
    return {"model_id": model_id, "source": without_secrets(url), "by_id": desk.wait_by_id}


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
        key = without_secrets(source)
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
