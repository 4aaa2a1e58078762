"""
A plan in the making, and what is said in it besides the neutral fields: vendor defaults, upscale, the user's own words.

A public room: the three providers of the family draft with it.  Pure; nothing is changed without a note.  The neutral
fields are in `models` (models, LoRAs, prompts) and `sampling` (size, steps, sampler, seed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from imagegen.catalogue import Resolution
from imagegen.families import Family, families
from imagegen.plans import Notebook
from imagegen.provider import Context
from imagegen.redaction import without_secrets
from imagegen.request import GenerationRequest

from . import wire
from .dialect import truth, yes_no
from .service import Service


@frozen(kw_only=True)
class Loaded:
    """A model that a provider brings to the vendor first: its id there, and why that is told."""

    id: str
    reason: str
    code: str = "load_model"
    emulated: bool = True


Loader = Callable[[Resolution], Loaded | None]


@define(kw_only=True)
class Draft:
    """One plan in the making: what is said so far in the vendor's words, and the notes on it."""

    request: GenerationRequest
    context: Context
    service: Service
    target: Any
    notes: Notebook
    loader: Loader | None = None
    values: dict[str, Any] = field(factory=dict)
    family: Family | None = None
    flux: bool = False

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.service.name

    @property
    def size(self) -> tuple[int, int]:
        """The size that is sent."""
        return self.values["width"], self.values["height"]

    def takes(self, name: str) -> bool:
        """Whether the endpoint documents the field *name*."""
        return name in wire.fields(self.target)

    def resolve(self, path: str, ref: str, kind: str) -> str | None:
        """Return the vendor's id of a model; writes the note, or the blocker when there is none."""
        found = self.context.model(ref, kind, self.provider)
        name = VENDOR_FIELDS[kind]
        if kind == "checkpoint":
            self._remember_family(found)
        if found.id is None:
            return self._loaded(path, found, name)
        if "," in found.id:
            self.notes.block(path, f"{found.id!r} holds a comma, which separates ids here", "bad_id")
        if found.match in ("given", "same-file", "same-version"):
            self.notes.exact(path, name, found.id)
        else:
            why = {"substitute": "is another model that stands in", "same-name": "has the same name, no more is known"}
            reason = f"{found.id} {why.get(found.match, found.match)}"
            self.notes.approximated(path, found.id, name, reason, found.match.replace("-", "_"))
        return found.id

    def _loaded(self, path: str, found: Resolution, name: str) -> str | None:
        made = self.loader(found) if self.loader is not None else None
        if made is None:
            self.notes.block(path, f"{without_secrets(found.ref)} {found.problem}", found.code or "model_not_mapped")
            self.notes.dropped(path, found.problem, found.code or "model_not_mapped")
            return None
        status = "emulated" if made.emulated else "exact"
        requested = without_secrets(found.ref)
        self.notes.put(path, status, made.id, name, reason=made.reason, code=made.code, requested=requested)  # type: ignore[arg-type]
        return made.id

    def _remember_family(self, found: Resolution) -> None:
        self.family = families().get(found.family) if found.family else None
        name = self.family.name if self.family else (found.id or "")
        self.flux = name.lower().startswith("flux")


VENDOR_FIELDS = {
    "checkpoint": "model_id",
    "lora": "lora_model",
    "embedding": "embeddings_model",
    "vae": "vae",
    "controlnet": "controlnet_model",
}

# --- passes and vendor words -------------------------------------------------------------------------------------


def upscale(draft: Draft) -> None:
    """A neutral upscale of exactly two times is the vendor's `upscale: yes`."""
    wanted = draft.request.upscale
    if wanted is None:
        return
    width, height = draft.values["width"], draft.values["height"]
    doubled = wanted.size(width, height) == (2 * width, 2 * height)
    if not doubled or draft.flux or not draft.takes("upscale"):
        why = "Flux models have none" if draft.flux else "this operation has none" if doubled else "only 2x exists"
        for path in ("upscale", *_leaves(draft, "upscale.")):
            draft.notes.dropped(path, f"{why} here", "no_upscale")
        if draft.takes("upscale") and not draft.flux:
            draft.values["upscale"] = "no"
        return
    draft.values["upscale"] = "yes"
    draft.notes.put("upscale", "exact", "yes", "upscale", reason="2x; the vendor's method is not documented")
    for path in _leaves(draft, "upscale."):
        if path in ("upscale.width", "upscale.height", "upscale.scale"):
            draft.notes.exact(path, "upscale", "yes")
        else:
            draft.notes.dropped(path, "the vendor's upscale has no choices", "not_supported")


def detailers(draft: Draft) -> None:
    """There is no such pass; a detailer of which nothing is said has no leaf and is told all the same."""
    for index in range(len(draft.request.detailers)):
        prefix = f"detailers[{index}]"
        for path in (prefix, *_leaves(draft, f"{prefix}.")):
            draft.notes.dropped(path, "the vendor has no pass that finds and redraws details", "no_detailer")


def _leaves(draft: Draft, prefix: str) -> list[str]:
    return [path for path in draft.notes.leaves if path.startswith(prefix)]


def defaults(draft: Draft) -> None:
    """Vendor defaults that would change the picture, said explicitly; and the words that settings ask for."""
    settings = draft.context.settings
    asked: dict[str, Any] = {}
    for name in ("safety_checker", "base64", "temp"):
        if settings.get(name) is not None:
            asked[name] = yes_no(truth(settings[name]))
    for name in ("safety_checker_type", "loadbalancer"):
        if settings.get(name):
            asked[name] = settings[name]
    if draft.context.hook is not None:
        asked["webhook"] = draft.context.hook
    for name, value in asked.items():
        if draft.takes(name):
            draft.values[name] = value
            draft.notes.put(name, "exact", value, name, requested=value, reason=f"the setting {name}")
    for name, (value, reason) in draft.service.neutral.items():
        if draft.takes(name) and name not in draft.values and not draft.notes.has(name):
            if draft.flux and name in ("upscale", "panorama", "self_attention", "highres_fix", "enhance_prompt"):
                continue  # documented as unsupported by Flux models
            draft.values[name] = value
            draft.notes.put(name, "exact", value, name, requested=None, reason=reason, code="vendor_default")


def options(draft: Draft) -> Mapping[str, Any]:
    """Return the user's own vendor words; those that the documents know are held to the documented limits."""
    given = dict(draft.request.provider_options.get(draft.provider, {}))
    for fault in wire.faults(draft.target, given):
        draft.notes.block(f"provider_options.{draft.provider}.{fault.path}", fault.message, "bad_option")
    for name, value in given.items():
        path = f"provider_options.{draft.provider}.{name}"
        if name in draft.service.plan_words:
            draft.notes.exact(path, reason="for the load that comes first")
        elif draft.takes(name):
            draft.notes.exact(path, name)
        else:
            draft.notes.approximated(path, value, name, "passed on as given; no document names it", "undocumented")
    return {name: value for name, value in given.items() if name not in draft.service.plan_words}
