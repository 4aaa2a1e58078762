"""
The plan of a picture: which endpoint, which calls, in which order.

A public room of the family.  Uploads come first (free), then one paid call per four pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs

from imagegen.flow import Call
from imagegen.plans import Note, Notebook, Plan
from imagegen.provider import Context
from imagegen.request import GenerationRequest

from . import controls, draft, inputs, models, sampling, wire
from .draft import Draft, Loader
from .service import Service


class Loads(Protocol):
    """Models that are brought to the vendor first: asked while drafting; their calls come before all others."""

    @property
    def calls(self) -> list[Call]:
        """The calls, in order."""
        ...

    @property
    def facts(self) -> list[dict[str, Any]]:
        """What the flow has to know about each load."""
        ...

    @property
    def loader(self) -> Loader:
        """What the draft asks for a model that has no id at the vendor."""
        ...


def target(request: GenerationRequest, service: Service) -> Any:
    """Return the wire class of the operation that *request* asks for."""
    if request.controls:
        return service.controlnet
    if request.mask_image is not None:
        return service.inpaint
    return service.img2img if request.init_image is not None else service.text2img


def plan_picture(request: GenerationRequest, context: Context, service: Service, loads: Loads | None = None) -> Plan:
    """Draft the calls for *request*.  Pure."""
    notes = Notebook(request, service.name)
    cls = target(request, service)
    one = Draft(
        request=request,
        context=context,
        service=service,
        target=cls,
        notes=notes,
        loader=loads.loader if loads is not None else None,
    )
    uploads = inputs.Uploads(service=service, context=context, notes=notes)
    _fields(one, uploads)
    given = draft.options(one)
    known = wire.fields(cls)
    complete = cls(**{name: value for name, value in one.values.items() if name in known})
    body = {**wire.body(complete), **given}
    url = service.url(context.base_url, cls.path)
    made = sampling.counts(request.n)
    calls = [*(loads.calls if loads else ()), *uploads.calls, *_paid(url, body, given, made)]
    facts = {
        **common_facts(context, service),
        "kind": "picture",
        "uploads": uploads.facts,
        "loads": loads.facts if loads else [],
        "family": one.family.name if one.family else ("flux" if one.flux else ""),
    }
    return Plan(
        provider=service.name,
        request=request,
        calls=tuple(calls),
        notes=overridden(notes.finish(), given),
        blockers=tuple(notes.blockers),
        facts=facts,
    )


def common_facts(context: Context, service: Service) -> dict[str, Any]:
    """What every flow of the service has to know again."""
    fetch = service.fetch
    url = service.url(context.base_url, fetch.path)
    return {"base_url": context.base_url, "fetch": {"url": url, "by_body": fetch.by_body}}


def _fields(one: Draft, uploads: inputs.Uploads) -> None:
    models.model(one)
    models.prompts(one)
    sampling.size(one)
    sampling.pictures(one)
    sampling.steps(one)
    sampling.guidance(one)
    sampling.sampling(one)
    sampling.seed(one)
    sampling.clip_skip(one)
    models.loras(one)
    models.embeddings(one)
    models.vae(one)
    _pictures_in(one, uploads)
    draft.upscale(one)
    draft.detailers(one)
    draft.defaults(one)


def _pictures_in(one: Draft, uploads: inputs.Uploads) -> None:
    request = one.request
    if request.controls:
        controls.controls(one, uploads)
    if request.init_image is not None:
        one.values["init_image"] = inputs.picture(uploads, "init_image", request.init_image, one.size)
        if request.strength is not None:
            one.values["strength"] = request.strength
            one.notes.exact("strength", "strength")
    if request.mask_image is not None:
        invert = request.inpaint is not None and request.inpaint.invert
        one.values["mask_image"] = inputs.mask(uploads, request.mask_image, one.size, invert=invert)
        _inpaint(one)


def _inpaint(one: Draft) -> None:
    """The vendor has no word for how the masked part starts; what needs none is exact."""
    how = one.request.inpaint
    if how is None:
        return
    notes, none = one.notes, "the vendor has no word for it"
    if how.fill == "original":
        notes.exact("inpaint.fill", "", None, reason="what happens unasked below strength 1")
    else:
        notes.dropped("inpaint.fill", none)
    if how.mask_blur == 0:
        notes.exact("inpaint.mask_blur", "", None, reason="the mask is sent sharp")
    else:
        notes.dropped("inpaint.mask_blur", f"{none}; the mask is sent sharp")
    if how.only_masked:
        notes.dropped("inpaint.only_masked", none)
        notes.dropped("inpaint.padding", none)
    else:
        notes.exact("inpaint.only_masked", "", None, reason="the whole picture, which is what happens unasked")
        notes.exact("inpaint.padding", "", None, reason="only matters with only_masked")
    if how.invert:
        notes.emulated("inpaint.invert", True, "mask_image", "the mask is inverted before upload", "mask_converted")
    else:
        notes.exact("inpaint.invert", "", None, reason="white = repaint")


def _paid(url: str, body: Mapping[str, Any], given: Mapping[str, Any], counts: list[int]) -> list[Call]:
    """Return one call per batch; what the user's own vendor words say stands in all of them."""
    calls, made = [], 0
    for count in counts:
        parts = {"samples": count, "seed": sampling.shifted(body.get("seed"), made)}
        own = {name: value for name, value in parts.items() if name not in given}
        calls.append(Call(method="POST", url=url, json={**body, **own}, pays=True))
        made += count
    return calls


def overridden(notes: tuple[Note, ...], given: Mapping[str, Any]) -> tuple[Note, ...]:
    """Tell in the notes where the user's own vendor words took the place of a neutral field's."""
    if not given:
        return notes

    def told(note: Note) -> Note:
        is_option = note.field.startswith("provider_options.")
        if is_option or note.vendor_field not in given or note.sent == given[note.vendor_field]:
            return note
        sent = given[note.vendor_field]
        return attrs.evolve(note, status="adjusted", sent=sent, reason="set by provider_options", code="overridden")

    return tuple(told(note) for note in notes)
