"""
The parameters of a diffusion out of neutral words: what the stage DIFFUSION takes, and what the other stages need
when a job has no such stage.

Limits are those of the vendor's SDK (https://github.com/Tensor-Art/tams-sdk.js, 6fdf0d1).  The pages themselves go
beyond several of them (960x720, billing rows of 2 and 60 steps), so a value outside is sent as it is, with a note; only
what no page and no SDK allows is changed.
"""

from __future__ import annotations

from imagegen.defaults import DEFAULTS
from imagegen.families import ClipSkip, snap_size
from imagegen.placeholders import Secret
from imagegen.request import Control
from imagegen.samplers import Match, VendorTable, comfy_name

from . import vocabulary
from .desk import Desk, note_key, resolve_model
from .uploads import slot
from .wire import (
    ControlArg,
    Controlnet,
    Diffusion,
    EmbeddingItem,
    Embeddings,
    LoraItem,
    Loras,
    Prompt,
)

MAX_SIDE, MAX_PIXELS = 1536, 2_073_600
MAX_CFG = 35.0
_COMMONEST = "DPM++ 2M Karras"  # stands in a plan that is blocked anyway


def build(desk: Desk) -> Diffusion:
    """Draft the parameters, one note per leaf."""
    request, book = desk.request, desk.book
    width, height = _size(desk)
    model, key = _model(desk)
    book.exact("prompt", desk.at("prompts[0].text"))
    if request.negative_prompt is not None:
        book.exact("negative_prompt", desk.at("negativePrompts[0].text"))
    return Diffusion(
        width=width,
        height=height,
        prompts=(Prompt(text=request.prompt),),
        negative_prompts=(Prompt(text=request.negative_prompt),) if request.negative_prompt else None,
        sd_model=model,
        model_access_key=key,
        sd_vae=_vae(desk),
        sampler=_sampler(desk),
        steps=_steps(desk),
        cfg_scale=_cfg(desk),
        clip_skip=_clip_skip(desk),
        lora=_loras(desk),
        embedding=_embeddings(desk),
        controlnet=_controls(desk),
        extra=_guidance(desk),
    )


def _model(desk: Desk) -> tuple[str | None, Secret | None]:
    found = resolve_model(desk, "model", desk.checkpoint, "checkpoint", desk.at("sdModel"))
    given = desk.request.model.access_key if desk.request.model else None
    return found.id, note_key(desk, "model.access_key", given, found, desk.at("modelAccessKey"))


# --- size --------------------------------------------------------------------------------------------------------


def _size(desk: Desk) -> tuple[int, int]:
    request = desk.request
    asked = (request.width or DEFAULTS["width"], request.height or DEFAULTS["height"])
    sent = sendable_size(*asked)
    remark = "" if _documented(*sent) else "documented are multiples of 64 from 512 to 1536; 960x720 is too"
    for name, want, gets in (("width", asked[0], sent[0]), ("height", asked[1], sent[1])):
        if want != gets:
            reason = f"{asked[0]}x{asked[1]} does not fit; the nearest that does is {sent[0]}x{sent[1]}"
            desk.book.adjusted(name, gets, desk.at(name), reason, "size")
        else:
            desk.book.exact(name, desk.at(name), gets, reason=remark, code="undocumented_size" if remark else "")
    return sent


def sendable_size(width: int, height: int) -> tuple[int, int]:
    """Return the size that is sent: multiples of 8 as they are, within the largest documented side and area."""
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        return snap_size(width, height, 64, MAX_SIDE, MAX_PIXELS)
    return snap_size(width, height, 8, MAX_SIDE, MAX_PIXELS)


def _documented(width: int, height: int) -> bool:
    sides = all(side % 64 == 0 and 512 <= side <= MAX_SIDE for side in (width, height))
    return sides and width * height <= MAX_PIXELS


# --- sampling ----------------------------------------------------------------------------------------------------


def _sampler(desk: Desk) -> str:
    """Always send one: TAMS picks its own when it is left out."""
    sampler = desk.request.sampler or DEFAULTS["sampler"]
    schedule = desk.request.schedule or (DEFAULTS["schedule"] if desk.request.sampler is None else None)
    table, book, place = vocabulary.samplers(), desk.book, desk.at("sampler")
    match = table.find(sampler, schedule) or table.find(sampler) or _other_schedule(table, sampler)
    if match is None:
        graph = "; form='workflow' offers it" if comfy_name(sampler, schedule) else ""
        reason = f"{table.reason(sampler, schedule)}{graph}"
        book.block("sampler", reason, "sampler_not_offered")
        book.dropped("sampler", reason, "sampler_not_offered")
        book.dropped("schedule", reason, "sampler_not_offered")
        return _COMMONEST
    if match.sampler == sampler:
        book.exact("sampler", place, match.name)
    else:
        book.approximated("sampler", match.name, place, table.reason(sampler, schedule), "sampler_fallback")
    if match.schedule == schedule and match.grade == "exact":
        book.exact("schedule", place, match.name)
    else:
        reason = match.reason or table.reason(sampler, schedule)
        book.approximated("schedule", match.name, place, reason, "schedule_unverified")
    return match.name


def _other_schedule(table: VendorTable, sampler: str) -> Match | None:
    """Return the same solver with the surest schedule there is: another one is nearer than another solver."""
    return next((match for match in table.by_grade() if match.sampler == sampler), None)


def _steps(desk: Desk) -> int:
    steps = desk.request.steps or int(DEFAULTS["steps"])
    remark = "" if 10 <= steps <= 50 else "the SDK says 10 to 50; the billing page bills 2 to 60"
    desk.book.exact("steps", desk.at("steps"), steps, reason=remark, code="undocumented_steps" if remark else "")
    return steps


def _cfg(desk: Desk) -> float:
    scale = desk.request.cfg_scale if desk.request.cfg_scale is not None else DEFAULTS["cfg_scale"]
    if scale > MAX_CFG:
        desk.book.adjusted("cfg_scale", MAX_CFG, desk.at("cfgScale"), "35 is the most", "cfg_scale")
        return MAX_CFG
    desk.book.exact("cfg_scale", desk.at("cfgScale"), scale)
    return float(scale)


def _guidance(desk: Desk) -> dict[str, float]:
    """Distilled guidance has no documented field; clients of FLUX models send `guidance`."""
    value = desk.request.distilled_guidance
    if value is None:
        return {}
    reason = "the field guidance is in no page; clients of FLUX models send it"
    desk.book.approximated("distilled_guidance", value, desk.at("guidance"), reason, "undocumented_field")
    return {"guidance": value}


def _clip_skip(desk: Desk) -> int | None:
    skip, family = desk.request.clip_skip, desk.family
    if skip is None:
        return None
    if family is not None and family.clip_skip is ClipSkip.NONE:
        desk.book.dropped("clip_skip", f"{family.name} has no CLIP layer to skip", "no_clip")
        return None
    desk.book.exact("clip_skip", desk.at("clipSkip"))
    return skip


def _vae(desk: Desk) -> str:
    """`Automatic` is the checkpoint's own choice; a DEMO of the vendor calls the field necessary."""
    wanted = desk.request.vae
    if wanted is None:
        return "Automatic"
    ref = desk.context.model(wanted, "vae", "tams").id or wanted
    name = vocabulary.pick("vaes", ref)
    if name is None:
        reason = f"{wanted!r} is not in the list of VAEs; provider_options.tams.diffusion.sdVae sends any name"
        desk.book.dropped("vae", reason, "unknown_vae")
        return "Automatic"
    desk.book.exact("vae", desk.at("sdVae"), name)
    return name


# --- what is stacked on the model --------------------------------------------------------------------------------


def _loras(desk: Desk) -> Loras | None:
    items = tuple(_lora(desk, index) for index in range(len(desk.request.loras)))
    return Loras(items=items) if items else None


def _lora(desk: Desk, index: int) -> LoraItem:
    lora, path, place = desk.request.loras[index], f"loras[{index}]", desk.at(f"lora.items[{index}]")
    found = resolve_model(desk, f"{path}.model", lora.model, "lora", f"{place}.loraModel")
    key = note_key(desk, f"{path}.access_key", lora.access_key, found, f"{place}.loraAccessKey")
    if lora.weight < 0:
        reason = "no page says whether a weight may be negative; sent as it is"
        desk.book.approximated(f"{path}.weight", lora.weight, f"{place}.weight", reason, "unverified_range")
    else:
        desk.book.exact(f"{path}.weight", f"{place}.weight")
    _clip_weight(desk, index, place)
    return LoraItem(lora_model=found.id, weight=lora.weight, lora_access_key=key)


def _clip_weight(desk: Desk, index: int, place: str) -> None:
    lora, path = desk.request.loras[index], f"loras[{index}].clip_weight"
    if lora.clip_weight is None:
        return
    if lora.clip_weight == lora.weight:
        desk.book.exact(path, f"{place}.weight", lora.weight)  # the very number: -0.0 equals 0.0
    else:
        reason = "one weight acts on both model and text encoder; form='workflow' has two"
        desk.book.approximated(path, lora.weight, f"{place}.weight", reason, "one_weight")


def _embeddings(desk: Desk) -> Embeddings | None:
    items = tuple(_embedding(desk, index) for index in range(len(desk.request.embeddings)))
    return Embeddings(items=items) if items else None


def _embedding(desk: Desk, index: int) -> EmbeddingItem:
    given, path, place = desk.request.embeddings[index], f"embeddings[{index}]", desk.at(f"embedding.items[{index}]")
    found = resolve_model(desk, f"{path}.model", given.model, "embedding", f"{place}.model")
    key = note_key(desk, f"{path}.access_key", given.access_key, found, f"{place}.embeddingAccessKey")
    desk.book.exact(f"{path}.weight", f"{place}.weight")
    reason = "no page says in which prompt it acts; its trigger word there decides"
    desk.book.approximated(f"{path}.target", given.target, f"{place}.model", reason, "target_undocumented")
    return EmbeddingItem(model=found.id, weight=given.weight, embedding_access_key=key)


# --- controls ----------------------------------------------------------------------------------------------------


def _controls(desk: Desk) -> Controlnet | None:
    args = tuple(_control(desk, index, control) for index, control in enumerate(desk.request.controls))
    return Controlnet(args=args) if args else None


def _control(desk: Desk, index: int, control: Control) -> ControlArg:
    """The modes are sent because no page says what `DEFAULT` means."""
    path, place, book = f"controls[{index}]", desk.at(f"controlnet.args[{index}]"), desk.book
    image = slot(f"{path}.image")
    book.exact(f"{path}.image", f"{place}.inputImageResourceId", image)
    book.exact(f"{path}.weight", f"{place}.weight")
    book.exact(f"{path}.start", f"{place}.guidanceStart")
    book.exact(f"{path}.end", f"{place}.guidanceEnd")
    return ControlArg(
        input_image_resource_id=image,
        preprocessor=_preprocessor(desk, index, control),
        model=_control_model(desk, index, control),
        weight=control.weight,
        guidance_start=control.start,
        guidance_end=control.end,
        resize_mode="CROP_AND_RESIZE",
        control_mode="BALANCED",
        pixel_perfect=True,
    )


def _preprocessor(desk: Desk, index: int, control: Control) -> str:
    path, place = f"controls[{index}].module", desk.at(f"controlnet.args[{index}].preprocessor")
    if control.module is None:
        return "none"
    known = vocabulary.pick("preprocessors", control.module)
    if known:
        desk.book.exact(path, place, known)
        return known
    reason = "the preprocessor is in no page that was read; sent as it is"
    desk.book.approximated(path, control.module, place, reason, "unlisted_preprocessor")
    return control.module


def _control_model(desk: Desk, index: int, control: Control) -> str | None:
    path, place = f"controls[{index}].model", desk.at(f"controlnet.args[{index}].model")
    wanted = control.model or control.module or ""
    known = vocabulary.pick("controlnets", wanted) or vocabulary.controlnet_for(wanted)
    if known is None:
        reason = f"{wanted!r} is no ControlNet of the documented list, and none goes with that name"
        desk.book.block(path, reason, "unknown_controlnet")
    if control.model is not None and known is not None:
        desk.book.exact(path, place, known)
    elif control.model is not None:
        desk.book.dropped(path, "it is not in the documented list", "unknown_controlnet")
    return known
