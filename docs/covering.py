"""
`coverage.md`: each documented endpoint, stage and field, and what a user writes to reach it.

Made from the program: the endpoint tables and wire classes of the provider packages, and the notes of real plans, which
name the vendor's field for every neutral word.  `generate.py` writes the page; this room knows the vendors by name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import attrs
from attrs import frozen

from imagegen import catalogue, plugins, settings
from imagegen.parts import read
from imagegen.planning import Desk, draft
from imagegen.plans import Note
from imagegen.request import VideoRequest
from imagegen.wire import camel
from imagegen_modelslab import dialect, model_calls
from imagegen_modelslab import provider as modelslab
from imagegen_modelslab import service as family
from imagegen_modelslab import wire as family_wire
from imagegen_stablediffusionapi import provider as stablediffusionapi
from imagegen_stablediffusionapi import servers
from imagegen_tams import endpoints
from imagegen_tams.wire import Diffusion

_STAGE = re.compile(r"^stages\[\d+\]\.")
_NUMBER = re.compile(r"\[\d+\]")
Notes = Iterable[tuple[str, Note]]  # provider and note


@frozen(kw_only=True)
class Row:
    """One documented field: where it stands, and *reach*, what a user writes."""

    provider: str
    endpoint: str
    field: str
    reach: str


@frozen(kw_only=True)
class Door:
    """One documented endpoint."""

    provider: str
    endpoint: str
    reach: str
    gives: str
    source: str


# --- what notes say ------------------------------------------------------------------------------------------------


def neutral_words(notes: Notes, provider: str) -> dict[str, list[str]]:
    """Return the neutral words by the vendor's field, as the notes of plans tell them; numbers are taken out."""
    found: dict[str, list[str]] = {}
    for name, note in notes:
        if name == provider and note.vendor_field and note.status != "dropped":
            place = _NUMBER.sub("[]", _STAGE.sub("", note.vendor_field))
            word = _NUMBER.sub("[]", note.field)
            if word not in found.setdefault(place, []):
                found[place].append(word)
    return found


_VIDEO = {
    "prompt": "a cat",
    "negative_prompt": "blurry",
    "model": "tams:757279507095956705",
    "width": 512,
    "height": 512,
    "fast": True,
    "loras": [{"model": "tams:757279507095956705", "access_key": "env:SOME_KEY"}],
    "start_image": "a.png",
    "end_image": "b.png",
    "control_video": "tams:f204c24a-52dc-4cf4-930a-9b8f73969414",
    "control_module": "canny",
    "on_unsupported": "lenient",
}


def video_notes() -> Iterator[tuple[str, Note]]:
    """Plan one video with everything, at who makes videos."""
    registry = plugins.installed()
    desk = Desk(
        registry=registry, config=settings.Config(home=Path(__file__).parent), catalogue=catalogue.load(registry)
    )
    request = read(VideoRequest, _VIDEO)
    for provider in registry.providers.values():
        if VideoRequest in provider.capabilities:
            for note in draft(request, provider, desk).notes:
                yield provider.name, attrs.evolve(note, field=f"VideoRequest.{note.field}")


# --- TAMS ----------------------------------------------------------------------------------------------------------

# What no single word of a request comes to.
_TAMS_OURS: Mapping[str, str] = {
    "requestId": "set by us from job and call, the same after a crash",
    "notifyUrl": "setting `webhook`; `provider_options.tams.notifyUrl`",
    "runningNotifyUrl": "setting `webhook`; `provider_options.tams.runningNotifyUrl`",
    "stages[]": "follow from what is set, in the order of `passes`",
    "stages[].type": "follows from what is set",
    "stages[].inputInitialize": "always there",
    "stages[].diffusion": "`GenerationRequest`, unless `passes` leaves it out",
    "stages[].imageToUpscaler": "`upscale`",
    "stages[].imageToAdetailer": "`detailers`",
    "stages[].imageToInpaint": "`init_image` with `mask_image`; `inpaint`",
    "stages[].videoDiffusion": "`VideoRequest`",
    "params": '`WorkflowRequest.graph`; `GenerationRequest` with `form="workflow"`',
    "templateId": "`TemplateRequest.template`",
    "fields": "`TemplateRequest.fields`",
    "fields.fieldAttrs[].nodeId": "`TemplateRequest.fields` (the part before the colon)",
    "fields.fieldAttrs[].fieldName": "`TemplateRequest.fields` (the part after the colon)",
    "fields.fieldAttrs[].fieldValue": "`TemplateRequest.fields` (the value; a picture is uploaded)",
    "fields.fieldAttrs[]": "`TemplateRequest.fields`",
    "expireSec": "3600, said with every upload",
    "resourceId": "`Interrogate.image`, `DetectControl.image`",
    "tagger": "`Interrogate.natural`",
    "controlnetModule": "`DetectControl.module`",
}


def tams_rows(notes: Notes) -> Iterator[Row]:
    """Yield every field of every body."""
    words = neutral_words(notes, "tams")
    for endpoint in endpoints.ENDPOINTS:
        name = f"{endpoint.method} {endpoint.path}"
        if endpoint.takes is None:
            continue
        if name != "POST /v1/jobs" and any(a.type == "tuple[Stage, ...]" for a in attrs.fields(endpoint.takes)):
            yield Row(provider="tams", endpoint=name, field="stages[]", reach="the same stages as `POST /v1/jobs`")
            continue
        for place in dict.fromkeys(_places(endpoint.takes)):
            if (endpoint.path, place) != ("/v1/workflows/template/check", "requestId"):  # of its twin, which pays
                yield Row(provider="tams", endpoint=name, field=place, reach=_tams_reach(place, words))


def _places(cls: Any, prefix: str = "") -> Iterator[str]:
    """Yield the places of a body: `stages[].diffusion.lora.items[].weight`."""
    hints = _hints(cls)
    for a in attrs.fields(cls):
        if a.name == "extra":
            continue
        inner, many = _inner(hints[a.name])
        place = f"{prefix}{camel(a.name)}{many}"
        yield place
        if inner is not None and not _told_elsewhere(inner, place):
            yield from _places(inner, f"{place}.")


def _told_elsewhere(cls: Any, place: str) -> bool:
    """Diffusion parameters inside another stage are those of the stage DIFFUSION."""
    return cls is Diffusion and place != "stages[].diffusion"


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)


def _inner(hint: Any) -> tuple[Any, str]:
    """Return the wire class inside a type, and how its place is written."""
    if attrs.has(hint):
        return hint, ""
    for option in get_args(hint):
        inner, many = _inner(option)
        if inner is not None:
            return inner, "[]" if "tuple" in str(hint) else ".<node>" if "Mapping" in str(hint) else many
    return None, ""


def _tams_reach(place: str, words: Mapping[str, list[str]]) -> str:
    if place in _TAMS_OURS:
        return _TAMS_OURS[place]
    if place.startswith("params."):
        return "`WorkflowRequest.graph`, kept as it is"
    stage = place.removeprefix("stages[].")
    if stage.endswith(".diffusion"):
        return "as `stages[].diffusion`, when the job has no such stage; also by `provider_options.tams.diffusion`"
    return ", ".join([*(f"`{word}`" for word in _said(stage, words)), f"`provider_options.tams.{stage}`"])


def _said(stage: str, words: Mapping[str, list[str]]) -> list[str]:
    """Return the neutral words of a place, or of what stands below it."""
    if stage in words:
        return words[stage]
    below = [word for place, found in words.items() if place.startswith((f"{stage}.", f"{stage}[")) for word in found]
    return list(dict.fromkeys(word.partition("[")[0] for word in below))


def tams_doors() -> Iterator[Door]:
    """Yield every endpoint."""
    for row in endpoints.ENDPOINTS:
        gives = f"`imagegen_tams.answers.{row.gives.__name__}`" if row.gives else ""
        yield Door(
            provider="tams", endpoint=f"{row.method} {row.path}", reach=row.reach, gives=gives, source=row.source
        )


# --- the family of ModelsLab ---------------------------------------------------------------------------------------


def _services() -> Iterator[tuple[str, family.Service, tuple[type, ...], Mapping[str, str]]]:
    yield "modelslab", modelslab.SERVICE, modelslab.ModelsLab.operations, {}
    yield "stablediffusionapi", stablediffusionapi.SHARED, stablediffusionapi.StableDiffusionApi.operations, {}
    own = stablediffusionapi.StableDiffusionApiEnterprise.operations
    yield "stablediffusionapi-enterprise", stablediffusionapi.ENTERPRISE, own, servers.EDITOR_PATHS


_WHEN: Mapping[str, str] = {
    "text2img": "`GenerationRequest`",
    "img2img": "`GenerationRequest` with `init_image`",
    "inpaint": "`GenerationRequest` with `init_image` and `mask_image`",
    "controlnet": "`GenerationRequest` with `controls`",
}
_GIVES = "pictures; `imagegen_modelslab.dialect.Envelope`"
_DATA = "`Result.data`, as it came"


def family_doors() -> Iterator[Door]:
    """Yield every endpoint of the three services."""
    for name, service, calls, others in _services():
        for kind, when in _WHEN.items():
            path = getattr(service, kind).path
            yield Door(provider=name, endpoint=f"POST {path}", reach=when, gives=_GIVES, source=_source(service, kind))
        for cls in calls:
            endpoint = cls.endpoint  # type: ignore[attr-defined]
            gives = _GIVES if endpoint.pictures else _DATA
            yield Door(
                provider=name,
                endpoint=f"{endpoint.method} {endpoint.path}",
                reach=f"{_neutral_call(cls)}`VendorCall({cls.__name__}(...))`: {_first_line(cls)}",
                gives=gives,
                source=cls.__module__,
            )
        for path, what in others.items():
            method = "GET" if "(GET)" in what else "POST"
            reach = f'`VendorCall(Other(path="{path}", words={{...}}))`: {what}'
            yield Door(provider=name, endpoint=f"{method} {path}", reach=reach, gives=_DATA, source="")


def _source(service: family.Service, kind: str) -> str:
    return str(getattr(service, kind).__module__)


def _neutral_call(cls: type) -> str:
    """Say which neutral request does the same."""
    if "Load" in cls.__name__ and "Reload" not in cls.__name__ and "System" not in cls.__name__:
        return "`ModelLoad`, a LoRA or model by its address; " if cls is not model_calls.LoadModel else ""
    if cls.__name__.endswith(("Fetch", "FetchImages", "FetchImagesById")):
        return "every job while it runs; "
    return "every picture that goes in; " if cls.__name__ in ("Base64ToUrl", "Base64Crop", "UploadImage") else ""


def _first_line(cls: type) -> str:
    return next(line.strip() for line in (cls.__doc__ or "").splitlines() if line.strip()).rstrip(".")


def family_rows(notes: Notes) -> Iterator[Row]:
    """Yield every field of every body of the three services."""
    for name, service, calls, _ in _services():
        words = neutral_words(notes, name)
        for kind in _WHEN:
            cls = getattr(service, kind)
            for field in family_wire.fields(cls).values():
                yield Row(
                    provider=name,
                    endpoint=f"POST {cls.path}",
                    field=field.name,
                    reach=_family_reach(name, field, words),
                )
        for call in calls:
            endpoint = call.endpoint  # type: ignore[attr-defined]
            for field in family_wire.fields(call).values():
                via = field.metadata.get("via")
                neutral = f"`ModelLoad.{via}`, " if via and call is not model_calls.LoadModel else ""
                reach = f"{neutral}`VendorCall({call.__name__}({field.name}=...))`"
                yield Row(provider=name, endpoint=f"{endpoint.method} {endpoint.path}", field=field.name, reach=reach)


def _family_reach(name: str, field: Any, words: Mapping[str, list[str]]) -> str:
    via = field.metadata["via"]
    said = dict.fromkeys([*([via] if via else []), *(w for w in words.get(field.name, []) if w != field.name)])
    settings_ = {setting.name for setting in modelslab.picture_settings("", "", "", "")} | {"loadbalancer"}
    own = [f"`provider_options.{name}.{field.name}`"]
    configured = [f"setting `{field.name}`"] if field.name in settings_ else []
    return ", ".join([*(f"`{word}`" for word in said), *configured, *own])


# --- writing -------------------------------------------------------------------------------------------------------

_HEAD = """\
# What of the vendors' documents is reached, and how

*Generated by `python docs/generate.py` from the program itself; do not edit.*

Every documented endpoint and every documented field of its body, and what a user writes to reach it: a neutral word of
a request, a setting, the vendor's own word in `provider_options`, or a typed call in the vendor's words. A test
compares this with a list of fields that was transcribed from the vendors' pages (`tests/corpus/fields.toml`).

`provider_options` replace one field of a stage as a whole: to reach `...controlnet.args[].guidance`, give `controlnet`.

Answers are read into classes; what no class names is kept (`extra`), and the answer as it came is in the picture's
sidecar file or in `Result.data`.
"""


def page(notes: Notes) -> str:
    """Return docs/coverage.md."""
    known = [*notes, *video_notes()]
    doors = [*tams_doors(), *family_doors()]
    rows = [*tams_rows(known), *family_rows(known)]
    parts = [_HEAD]
    for provider in dict.fromkeys(door.provider for door in doors):
        parts += [f"## {provider}", "", *_doors([door for door in doors if door.provider == provider])]
        for endpoint in dict.fromkeys(row.endpoint for row in rows if row.provider == provider):
            parts += _fields(endpoint, [row for row in rows if (row.provider, row.endpoint) == (provider, endpoint)])
    return "\n".join([*parts, *_envelope(), ""])


def _doors(doors: list[Door]) -> Iterator[str]:
    yield "| endpoint | what a user writes | what comes back |"
    yield "|---|---|---|"
    for door in doors:
        yield f"| `{door.endpoint}` | {_cell(door.reach)} | {_cell(door.gives)} |"
    yield ""


def _fields(endpoint: str, rows: list[Row]) -> Iterator[str]:
    yield f"### {endpoint}"
    yield ""
    yield "| field | what a user writes |"
    yield "|---|---|"
    for row in rows:
        yield f"| `{row.field}` | {_cell(row.reach)} |"
    yield ""


def _envelope() -> Iterator[str]:
    yield "## The answers of ModelsLab and its siblings"
    yield ""
    yield "| word of the answer | where it is read to |"
    yield "|---|---|"
    for word, (name, _) in dialect.WORDS.items():
        yield f"| `{word}` | `Envelope.{name}` |"
    yield "| any other | `Envelope.extra`, and untouched in `Envelope.data` |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
