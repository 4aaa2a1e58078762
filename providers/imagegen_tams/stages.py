"""
A picture as a stage job: `POST /v1/jobs` with INPUT_INITIALIZE first and then the passes in their order.

Rules of the pages "txt2img" and "img2img": one call makes at most 4 pictures; a job without DIFFUSION starts from a
picture, makes one, and every stage of it carries the parameters of a diffusion itself.
"""

from __future__ import annotations

from typing import Any

import attrs

from imagegen.flow import Call
from imagegen.placeholders import Slot
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context
from imagegen.request import PASSES, GenerationRequest, Upscale

from . import diffusion, options, passes
from .desk import Desk
from .settings import NAME, base_url
from .uploads import slot, wanted
from .wire import CreateJob, Diffusion, InputInitialize, Stage, encode

MAX_COUNT = 4
MAX_SEED = 2**32 - 1
REQUEST_ID = Slot("requestId")
_TYPES = {
    "diffusion": ("DIFFUSION", "diffusion"),
    "inpaint": ("IMAGE_TO_INPAINT", "imageToInpaint"),
    "upscale": ("IMAGE_TO_UPSCALER", "imageToUpscaler"),
    "detail": ("IMAGE_TO_ADETAILER", "imageToAdetailer"),
}


def plan(request: GenerationRequest, context: Context) -> Plan:
    """Draft the job, or several where more pictures are wanted than one call makes."""
    order = passes_of(request)
    desk = Desk(request=request, context=context, book=Notebook(request, NAME), where=_where(order))
    _check(desk, order)
    stages = _stages(desk, order)
    counts = split(request.n, MAX_COUNT if "diffusion" in order else 1)
    first = InputInitialize(image_resource_id=_init(desk), count=counts[0])
    _seed(desk)
    note_n(desk, counts, "stages[0].inputInitialize.count")
    _left_out(desk, order)
    body = encode(CreateJob(request_id=REQUEST_ID, stages=(_initialize(first), *stages), notify_url=context.hook))
    options.apply(body, request.provider_options.get(NAME, {}), desk.book)
    url = f"{base_url(context.settings)}/v1/jobs"
    calls = tuple(
        Call(method="POST", url=url, json=one, pays=True, key=REQUEST_ID)
        for one in bodies(body, counts, request.seed, options.sets_seed(request))
    )
    return Plan(
        provider=NAME,
        request=request,
        calls=calls,
        notes=desk.book.finish(),
        blockers=tuple(desk.book.blockers),
        facts=_facts(desk, order),
    )


def passes_of(request: GenerationRequest) -> tuple[str, ...]:
    """Return the passes in order: as the request says, else diffusion or inpaint, upscale, detail."""
    if request.passes is not None:
        return request.passes
    first = "inpaint" if request.mask_image is not None else "diffusion"
    wants = {"upscale": request.upscale is not None, "detail": bool(request.detailers)}
    return (first, *(name for name in PASSES if wants.get(name)))


def split(n: int, most: int) -> tuple[int, ...]:
    """Return how many pictures each call makes: 6 -> (4, 2)."""
    whole, rest = divmod(n, most)
    return (most,) * whole + ((rest,) if rest else ())


def note_n(desk: Desk, counts: tuple[int, ...], place: str) -> None:
    """Say how many pictures each call makes."""
    if len(counts) == 1:
        desk.book.exact("n", place, counts[0])
    else:
        reason = f"{len(counts)} calls of at most {counts[0]}, each with the seed shifted by the pictures before"
        desk.book.emulated("n", list(counts), place, reason, "split")


# --- seeds -------------------------------------------------------------------------------------------------------


def wire_seed(seed: int, shift: int = 0) -> int:
    """Return what is sent for a seed: 1 to 4294967295, because 0 means a random one; 0 itself becomes 1."""
    start = seed % 2**32 or 1
    return (start - 1 + shift) % MAX_SEED + 1


def bodies(body: dict[str, Any], counts: tuple[int, ...], seed: int | None, fixed: bool) -> list[dict[str, Any]]:
    """
    Return the body of every call: its number of pictures, and a seed shifted by the pictures before it.

    Seeds are text, as 64-bit numbers are in this JSON.  One that is drawn later stands as a slot, and becomes text in
    the flow.
    """
    made, before = [], 0
    for count in counts:
        start = dict(body["stages"][0]["inputInitialize"])
        if len(counts) > 1 or "count" not in start:
            start["count"] = count
        if not fixed:
            start = {"seed": Slot("seed", before) if seed is None else str(wire_seed(seed, before)), **start}
        stage = {**body["stages"][0], "inputInitialize": start}
        made.append({**body, "stages": [stage, *body["stages"][1:]]})
        before += count
    return made


def _seed(desk: Desk) -> None:
    seed, place = desk.request.seed, "stages[0].inputInitialize.seed"
    if seed is None:
        return
    sent = str(wire_seed(seed))
    if seed == 0:
        reason = "0 asks for a random seed here; 1 is sent instead"
        desk.book.approximated("seed", sent, place, reason, "seed_zero")
    elif seed > MAX_SEED:
        reason = "seeds end at 4294967295; reduced modulo 2**32"
        desk.book.approximated("seed", sent, place, reason, "seed_range")
    else:
        reason = "repeats the picture at this vendor only: noise is drawn differently elsewhere"
        desk.book.exact("seed", place, sent, reason=reason)


def _left_out(desk: Desk, order: tuple[str, ...]) -> None:
    """Say which parts of the request the user's own `passes` leave out; a bare part has no leaf of its own."""
    request = desk.request
    parts = [f"detailers[{index}]" for index in range(len(request.detailers))] if "detail" not in order else []
    if request.upscale is not None and "upscale" not in order:
        parts.append("upscale")
    for part in parts:
        for path in (part, *(leaf for leaf in desk.book.leaves if leaf.startswith(f"{part}."))):
            desk.book.dropped(path, f"the passes are {', '.join(order)}", "not_in_passes")


# --- stages ------------------------------------------------------------------------------------------------------


def _where(order: tuple[str, ...]) -> str:
    """Return where the parameters of the diffusion stand."""
    if "diffusion" in order:
        return f"stages[{order.index('diffusion') + 1}].diffusion"
    return f"stages[1].{_TYPES[order[0]][1]}.diffusion" if order else "diffusion"


def _check(desk: Desk, order: tuple[str, ...]) -> None:
    request, book = desk.request, desk.book
    if not order:
        book.block("passes", "names no pass, so nothing would be made", "no_pass")
    if "diffusion" not in order and request.init_image is None:
        book.block("init_image", "a job without diffusion needs a picture to start from", "needs_image")
    if "inpaint" in order and request.mask_image is None:
        book.block("mask_image", "inpaint needs a mask", "needs_mask")
    if "diffusion" in order[1:]:
        book.block("passes", "diffusion makes the picture, so it must come first", "order")


def _init(desk: Desk) -> Slot | None:
    if desk.request.init_image is None:
        return None
    image = slot("init_image")
    desk.book.exact("init_image", "stages[0].inputInitialize.imageResourceId", image)
    return image


def _initialize(payload: InputInitialize) -> Stage:
    return Stage(type="INPUT_INITIALIZE", input_initialize=payload)


def _stages(desk: Desk, order: tuple[str, ...]) -> list[Stage]:
    params = diffusion.build(desk)
    repaints = [name for name in order if name in ("diffusion", "inpaint")]
    if desk.request.init_image is not None and desk.request.strength is not None and repaints:
        params = attrs.evolve(params, denoising_strength=desk.request.strength)
        desk.book.exact("strength", desk.at("denoisingStrength"))
    elif desk.request.strength is not None:
        desk.book.dropped("strength", "no pass draws the whole picture again", "no_repaint")
    own = None if "diffusion" in order else params
    size = (params.width or 0, params.height or 0)
    return [_stage(desk, name, index + 1, params, own, size) for index, name in enumerate(order)]


def _stage(desk: Desk, name: str, index: int, params: Diffusion, own: Diffusion | None, size: tuple[int, int]) -> Stage:
    kind, payload = _TYPES[name]
    place = f"stages[{index}].{payload}"
    match name:
        case "inpaint":
            return Stage(type=kind, image_to_inpaint=passes.inpaint(desk, place, own))
        case "upscale":
            return Stage(type=kind, image_to_upscaler=passes.upscale(desk, place, size, own))
        case "detail":
            return Stage(type=kind, image_to_adetailer=passes.detail(desk, place, own))
    return Stage(type=kind, diffusion=params)


# --- facts -------------------------------------------------------------------------------------------------------


def _facts(desk: Desk, order: tuple[str, ...]) -> dict[str, Any]:
    """What the flow and the price need to know again."""
    request = desk.request
    size = diffusion.sendable_size(request.width or 512, request.height or 512)
    if "upscale" in order:
        size = passes.upscaled(request.upscale or Upscale(), size)
    family = desk.family
    return {
        "kind": "job",
        "base_url": base_url(desk.context.settings),
        "family": family.name if family else None,
        "width": size[0],
        "height": size[1],
        "uploads": _uploads(desk, order),
    }


def _uploads(desk: Desk, order: tuple[str, ...]) -> list[dict[str, str]]:
    request, found = desk.request, []
    if request.init_image is not None:
        found.append(wanted(desk.context, "init_image"))
    if request.mask_image is not None and "inpaint" in order:
        found.append(wanted(desk.context, "mask_image", passes.conversion(desk)))
    found += (wanted(desk.context, f"controls[{index}].image") for index in range(len(request.controls)))
    return found
