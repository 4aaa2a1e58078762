"""
Videos: `POST /v1/jobs` with one `videoDiffusion`.

The page "v1/jobs" shows the fields and not the name of the stage's type; `VIDEO_DIFFUSION` is taken from the heading of
the billing page and noted as a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from imagegen.families import snap_size
from imagegen.flow import Call
from imagegen.placeholders import Slot
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context
from imagegen.request import VideoRequest

from . import options
from .diffusion import MAX_SIDE
from .ids import ID_FORM, is_id
from .settings import NAME, base_url
from .stages import REQUEST_ID
from .uploads import slot, wanted
from .wire import (
    CreateJob,
    Inp,
    InpArg,
    InputInitialize,
    LoraItem,
    Loras,
    Prompt,
    Stage,
    VideoControlArg,
    VideoControlnet,
    VideoDiffusion,
    encode,
)

STAGE = "VIDEO_DIFFUSION"
_AT = "stages[1].videoDiffusion"
_RESOURCE = re.compile(r"tams:([0-9a-fA-F-]{8,})")


def plan(request: VideoRequest, context: Context) -> Plan:
    """Draft the video."""
    book = Notebook(request, NAME)
    width, height = _size(request, context, book)
    payload = VideoDiffusion(
        sd_model=_model(request, context, book),
        model_access_key=request.model.access_key if request.model else None,
        lora=_loras(request, context, book),
        generation_mode="FAST" if request.fast else None,
        width=width,
        height=height,
        fps=request.fps,
        total_frames=request.frames,
        prompts=(Prompt(text=request.prompt),),
        negative_prompts=(Prompt(text=request.negative_prompt),) if request.negative_prompt else None,
        inp=_pictures(request, book),
        controlnet=_guide(request, book),
    )
    _plain_fields(request, book)
    reason = "no page names the type of this stage; this is the heading of the billing page"
    book.approximated("stage", STAGE, "stages[1].type", reason, "inferred")
    start = Stage(type="INPUT_INITIALIZE", input_initialize=InputInitialize(seed=Slot("seed"), count=1))
    made = (start, Stage(type=STAGE, video_diffusion=payload))
    body = encode(CreateJob(request_id=REQUEST_ID, stages=made, notify_url=context.hook))
    options.apply(body, request.provider_options.get(NAME, {}), book)
    return Plan(
        provider=NAME,
        request=request,
        calls=(Call(method="POST", url=f"{base_url(context.settings)}/v1/jobs", json=body, pays=True, key=REQUEST_ID),),
        notes=book.finish(),
        blockers=tuple(book.blockers),
        facts={**_facts(request, context), "width": width, "height": height},
    )


def coefficients(facts: Mapping[str, Any]) -> tuple[Decimal, Decimal] | None:
    """Return coefficient and discount of the billing page's table, None when it does not name the model."""
    name = str(facts.get("model") or "")
    sized = f"{name} {facts.get('width')}x{facts.get('height')}"
    row = _table().get(sized) or _table().get(name)
    if row is None:
        return None
    words, pictures, discount = (Decimal(text) for text in row)
    return (pictures if facts.get("from_image") else words), (discount if facts.get("fast") else Decimal(1))


@cache
def _table() -> dict[str, list[str]]:
    from importlib.resources import files  # slow to import, and only needed here

    table: dict[str, list[str]] = json.loads(files(__package__).joinpath("data/video.json").read_text("utf-8"))[
        "values"
    ]
    return table


def _facts(request: VideoRequest, context: Context) -> dict[str, Any]:
    pictures = [name for name in ("start_image", "end_image") if getattr(request, name) is not None]
    return {
        "kind": "video",
        "base_url": base_url(context.settings),
        "model": _billing_name(request, context),
        "frames": request.frames,
        "fast": request.fast,
        "from_image": bool(pictures),
        "uploads": [wanted(context, name) for name in pictures],
    }


def _billing_name(request: VideoRequest, context: Context) -> str:
    """Return the model as the billing page spells it, as far as the catalogue's name or title says it."""
    if request.model is None:
        return ""
    entry = context.model(request.model.ref, "checkpoint", NAME).entry
    spellings = (entry.name, entry.title, entry.family or "") if entry else (request.model.ref,)
    table = {re.sub(r"[^A-Z0-9]", "", known): known for known in _table()}
    keys = (re.sub(r"[^A-Z0-9]", "", spelling.upper()) for spelling in spellings)
    return next((table[key] for key in keys if key in table), "")


def _model(request: VideoRequest, context: Context, book: Notebook) -> str | None:
    if request.model is None:
        book.block("model", "a video needs a model: an id out of https://tensor.art/models/<id>", "no_model")
        return None
    if request.model.access_key is not None:
        book.exact("model.access_key", f"{_AT}.modelAccessKey")
    return _id(request.model.ref, "model", "checkpoint", f"{_AT}.sdModel", context, book)


def _id(ref: str, path: str, kind: str, place: str, context: Context, book: Notebook) -> str | None:
    found = context.model(ref, kind, NAME)
    if found.id is not None and is_id(found.id):
        book.exact(path, place, found.id)
        return found.id
    reason = f"{ref} {found.problem or f'is no id of a model here: {ID_FORM}'}"
    book.block(path, reason, found.code or "bad_model_id")
    book.dropped(path, reason, found.code or "bad_model_id")
    return None


def _loras(request: VideoRequest, context: Context, book: Notebook) -> Loras | None:
    items = []
    for index, lora in enumerate(request.loras):
        path, place = f"loras[{index}]", f"{_AT}.lora.items[{index}]"
        model = _id(lora.model, f"{path}.model", "lora", f"{place}.loraModel", context, book)
        book.exact(f"{path}.weight", f"{place}.weight")
        if lora.access_key is not None:
            book.exact(f"{path}.access_key", f"{place}.loraAccessKey")
        if lora.clip_weight is not None:
            book.dropped(f"{path}.clip_weight", "there is one weight", "one_weight")
        items.append(LoraItem(lora_model=model, weight=lora.weight, lora_access_key=lora.access_key))
    return Loras(items=tuple(items)) if items else None


def _pictures(request: VideoRequest, book: Notebook) -> Inp | None:
    named = {"start_image": "startImageResourceId", "end_image": "endImageResourceId"}
    slots = {name: slot(name) for name in named if getattr(request, name) is not None}
    for name, value in slots.items():
        book.exact(name, f"{_AT}.inp.args[0].{named[name]}", value)
    if not slots:
        return None
    arg = InpArg(start_image_resource_id=slots.get("start_image"), end_image_resource_id=slots.get("end_image"))
    return Inp(args=(arg,))


def _guide(request: VideoRequest, book: Notebook) -> VideoControlnet | None:
    """Only pictures can be uploaded; a guide video must be known to the vendor already."""
    if request.control_video is None:
        return None
    place = f"{_AT}.controlnet.args[0]"
    known = _RESOURCE.fullmatch(request.control_video)
    if known is None:
        reason = "no page has an upload for videos; give one that is there as tams:<resource id>"
        book.block("control_video", reason, "no_video_upload")
        return None
    book.exact("control_video", f"{place}.inputVideoResourceId", known[1])
    if request.control_module is not None:
        book.exact("control_module", f"{place}.preprocessor")
    arg = VideoControlArg(input_video_resource_id=known[1], preprocessor=request.control_module)
    return VideoControlnet(args=(arg,))


def _size(request: VideoRequest, context: Context, book: Notebook) -> tuple[int, int]:
    """Return the size, which is always sent: as asked for, else that of the first picture, else 512x512."""
    picture = context.images.get("start_image") or context.images.get("end_image")
    usual = snap_size(picture.width, picture.height, 64, MAX_SIDE) if picture else (512, 512)
    reason = f"not said; {'the nearest to the picture that was given' if picture else 'the usual size'}"
    for name, value in zip(("width", "height"), usual, strict=True):
        if getattr(request, name) is None:
            book.put(name, "exact", value, f"{_AT}.{name}", reason=reason, code="vendor_default")
        else:
            book.exact(name, f"{_AT}.{name}")
    return request.width or usual[0], request.height or usual[1]


def _plain_fields(request: VideoRequest, book: Notebook) -> None:
    book.exact("prompt", f"{_AT}.prompts[0].text")
    book.exact("frames", f"{_AT}.totalFrames")
    book.exact("fps", f"{_AT}.fps")
    book.exact("fast", f"{_AT}.generationMode", "FAST" if request.fast else None)
    if request.negative_prompt is not None:
        book.exact("negative_prompt", f"{_AT}.negativePrompts[0].text")
