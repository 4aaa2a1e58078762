"""
Neutral words into the vendor's, field by field: one function per field, each of which writes value and note.

A public room: the three providers of the family draft with it.  Pure; nothing is changed without a note.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from imagegen.catalogue import Resolution
from imagegen.dialects import say
from imagegen.families import ClipSkip, Family, families, snap_size
from imagegen.placeholders import Slot
from imagegen.plans import Notebook
from imagegen.provider import Context
from imagegen.request import GenerationRequest
from imagegen.samplers import VendorTable

from . import wire
from .dialect import comma_list, number, truth, yes_no
from .service import Service

MAX_SIDE = 1024
STEPS = (21, 31, 41)
CONTROLNET_STEPS = (21, 31)
FLUX_STEPS = 50
WEIGHTS = (0.1, 1.0)
GUIDANCE = (1.0, 20.0)
SEEDS = 2**32  # no page gives the range; seeds up to 4139316548 were echoed (GitHub ModelsLab/docs-v2 @ ef9d723)
PER_CALL = 4
TABLE = ("imagegen_modelslab", "samplers.csv")
_STATUS = {"exact": "exact", "near": "approximated", "approx": "approximated"}


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
            self.notes.block(path, f"{without_token(found.ref)} {found.problem}", found.code or "model_not_mapped")
            self.notes.dropped(path, found.problem, found.code or "model_not_mapped")
            return None
        status = "emulated" if made.emulated else "exact"
        requested = without_token(found.ref)
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
_TOKENS = ("token", "api_key", "apikey", "key", "access_token")


def without_token(url: str) -> str:
    """Return an address without the secrets that some download links carry in their query."""
    head, mark, query = url.partition("?")
    kept = [part for part in query.split("&") if part.partition("=")[0].lower() not in _TOKENS]
    return head + (mark + "&".join(kept) if mark and any(kept) else "")


# --- models ------------------------------------------------------------------------------------------------------


def model(draft: Draft) -> None:
    """The checkpoint."""
    ref = draft.request.model
    if ref is None:
        draft.notes.block("model", "no model: name one, or set a default model in the settings", "no_model")
        draft.values["model_id"] = ""
        return
    draft.values["model_id"] = draft.resolve("model", ref.ref, "checkpoint") or ""
    if ref.access_key is not None:
        _no_access_key(draft, "model.access_key")


def _no_access_key(draft: Draft, path: str) -> None:
    draft.notes.dropped(path, "there are no access keys here; private models belong to the account", "no_access_keys")


def loras(draft: Draft) -> None:
    """The stack, as two comma lists of equal length."""
    ids, strengths = [], []
    for index, lora in enumerate(draft.request.loras):
        path = f"loras[{index}]"
        strength = _lora_weight(draft, path, lora.weight)
        if lora.access_key is not None:
            _no_access_key(draft, f"{path}.access_key")
        if strength is None:
            draft.notes.dropped(f"{path}.model", "not sent, because its weight is negative", "negative_weight")
            continue
        if lora.clip_weight is not None:
            _lora_clip_weight(draft, path, lora.clip_weight, lora.weight)
        if (found := draft.resolve(f"{path}.model", lora.model, "lora")) is not None:
            ids.append(found)
            strengths.append(number(strength))
    if ids:
        draft.values |= {"lora_model": comma_list(ids), "lora_strength": comma_list(strengths)}


def _lora_weight(draft: Draft, path: str, weight: float) -> float | None:
    low, high = WEIGHTS
    if weight < 0:
        reason = f"weights are {low:g} to {high:g}; a negative one would become its opposite"
        draft.notes.dropped(f"{path}.weight", reason, "negative_weight")
        return None
    sent = min(max(weight, low), high)
    if sent == weight:
        draft.notes.exact(f"{path}.weight", "lora_strength")
    else:
        reason = f"weights are {low:g} to {high:g}"
        draft.notes.adjusted(f"{path}.weight", sent, "lora_strength", reason, "clamped")
    return sent


def _lora_clip_weight(draft: Draft, path: str, clip_weight: float, weight: float) -> None:
    if clip_weight == weight:
        draft.notes.exact(f"{path}.clip_weight", "lora_strength")
        return
    reason = "one strength acts on both the diffusion model and the text encoder"
    draft.notes.approximated(f"{path}.clip_weight", weight, "lora_strength", reason, "one_weight")


def embeddings(draft: Draft) -> None:
    """Textual inversions: ids in one field, their trigger words in the prompt they belong to."""
    if not draft.request.embeddings or not draft.takes("embeddings_model"):
        return
    ids = []
    for index, embedding in enumerate(draft.request.embeddings):
        path = f"embeddings[{index}]"
        if (found := draft.resolve(f"{path}.model", embedding.model, "embedding")) is not None:
            ids.append(found)
        if embedding.access_key is not None:
            _no_access_key(draft, f"{path}.access_key")
        if embedding.weight == 1:
            draft.notes.exact(f"{path}.weight", "", None, reason="1 is how it is always used")
        else:
            draft.notes.dropped(f"{path}.weight", "embeddings have no weight here", "no_weight")
        draft.notes.exact(f"{path}.target", "", reason="decides which prompt gets the trigger word")
    if ids:
        draft.values["embeddings_model"] = comma_list(ids)


def triggers(draft: Draft, target: str) -> list[str]:
    """Return the trigger words of embeddings for the *target* prompt, as far as the catalogue knows them."""
    found: list[str] = []
    for embedding in draft.request.embeddings if draft.takes("embeddings_model") else ():
        entry = draft.context.model(embedding.model, "embedding", draft.provider).entry
        if entry is not None and embedding.target == target:
            found += entry.trigger[:1]
    return found


def vae(draft: Draft) -> None:
    """A VAE of its own."""
    if draft.request.vae is None:
        return
    if draft.request.vae.lower() == "automatic":
        draft.notes.exact("vae", "", None, reason="the checkpoint's own, which is what happens unasked")
    elif (found := draft.resolve("vae", draft.request.vae, "vae")) is not None:
        draft.values["vae"] = found


# --- words -------------------------------------------------------------------------------------------------------


def prompts(draft: Draft) -> None:
    """Prompt and negative prompt, with the trigger words of embeddings."""
    request = draft.request
    draft.values["prompt"] = _prompt(draft, "prompt", request.prompt, triggers(draft, "positive"))
    negative = triggers(draft, "negative")
    if draft.flux and request.negative_prompt is not None:
        draft.notes.dropped("negative_prompt", "Flux models take none here", "not_for_flux")
    elif request.negative_prompt is not None:
        draft.values["negative_prompt"] = _prompt(draft, "negative_prompt", request.negative_prompt, negative)
    elif negative and not draft.flux:
        draft.values["negative_prompt"] = ", ".join(negative)
        reason = "the trigger word of an embedding"
        draft.notes.put(
            "negative_prompt", "adjusted", draft.values["negative_prompt"], "negative_prompt", reason=reason
        )


def _prompt(draft: Draft, path: str, text: str, words: list[str]) -> str:
    missing = [word for word in words if word not in text]
    if missing:
        sent = ", ".join([text, *missing] if text else missing)
        reason = "with the trigger word of an embedding; whether the id alone works is not documented"
        draft.notes.adjusted(path, sent, path, reason, "trigger_added")
        return sent
    return say(draft.notes, path, text, "unverified", path)


# --- numbers -----------------------------------------------------------------------------------------------------


def size(draft: Draft) -> None:
    """Width and height: at most 1024, in eights, the aspect kept."""
    width, height = draft.request.width or 512, draft.request.height or 512
    multiple = draft.family.size_multiple if draft.family else 8
    sent = snap_size(width, height, multiple, MAX_SIDE)
    sent = (max(sent[0], 64), max(sent[1], 64))
    draft.values |= {"width": sent[0], "height": sent[1]}
    for name, value, wanted in zip(("width", "height"), sent, (width, height), strict=True):
        if value == wanted:
            draft.notes.exact(name, name, value)
        else:
            reason = f"{width}x{height} becomes {sent[0]}x{sent[1]}: at most {MAX_SIDE} a side, in steps of {multiple}"
            draft.notes.adjusted(name, value, name, reason, "snapped")


def steps(draft: Draft) -> None:
    """The number of steps: of a short list, except for Flux."""
    wanted = draft.request.steps
    if wanted is None:
        return
    if draft.flux:
        sent, reason = min(wanted, FLUX_STEPS), f"Flux models take 1 to {FLUX_STEPS}"
    else:
        allowed = CONTROLNET_STEPS if draft.target is draft.service.controlnet else STEPS
        sent, reason = nearest(wanted, allowed), f"only {', '.join(map(str, allowed))} are documented"
    draft.values["num_inference_steps"] = sent
    if sent == wanted:
        draft.notes.exact("steps", "num_inference_steps")
    else:
        draft.notes.adjusted("steps", sent, "num_inference_steps", reason, "snapped")


def nearest(wanted: int, allowed: tuple[int, ...]) -> int:
    """Return the nearest allowed number, upward on a tie."""
    return min(allowed, key=lambda one: (abs(one - wanted), -one))


def guidance(draft: Draft) -> None:
    """CFG; on Flux `guidance_scale` is distilled guidance and CFG is `true_cfg_scale`."""
    request = draft.request
    if not draft.flux:
        _clamped(draft, "cfg_scale", request.cfg_scale, "guidance_scale", GUIDANCE)
        return
    if request.distilled_guidance is None and request.cfg_scale is not None:
        sent = min(max(request.cfg_scale, GUIDANCE[0]), GUIDANCE[1])
        draft.values["guidance_scale"] = sent
        reason = "on Flux models guidance_scale is distilled guidance, another quantity than CFG"
        draft.notes.approximated("cfg_scale", sent, "guidance_scale", reason, "distilled_guidance")
        return
    _clamped(draft, "distilled_guidance", request.distilled_guidance, "guidance_scale", GUIDANCE)
    if draft.takes("true_cfg_scale"):
        _clamped(draft, "cfg_scale", request.cfg_scale, "true_cfg_scale", (0.0, 10.0))
    elif request.cfg_scale == 1:
        draft.notes.exact("cfg_scale", "", None, reason="off, as Flux models are drawn here")


def _clamped(draft: Draft, path: str, wanted: float | None, name: str, limits: tuple[float, float]) -> None:
    if wanted is None:
        return
    sent = min(max(wanted, limits[0]), limits[1])
    draft.values[name] = sent
    if sent == wanted:
        draft.notes.exact(path, name)
    else:
        draft.notes.adjusted(path, sent, name, f"{limits[0]:g} to {limits[1]:g} are allowed", "clamped")


def sampling(draft: Draft) -> None:
    """Sampler and schedule, from the table `samplers.csv`."""
    request = draft.request
    if request.sampler is None:
        return
    table = VendorTable.load(*TABLE)
    match = table.find(request.sampler, request.schedule)
    if match is None:
        _no_sampler(draft, table.reason(request.sampler, request.schedule))
        return
    karras = match.extra.get("use_karras_sigmas", "no")
    algorithm = match.extra.get("algorithm_type", "none")
    draft.values |= {"scheduler": match.name, "use_karras_sigmas": karras, "algorithm_type": algorithm}
    sent = match.name if algorithm == "none" else f"{match.name} with {algorithm}"
    status = _STATUS.get(match.grade, "approximated")
    code = "" if status == "exact" else match.grade
    for path, value, name in (("sampler", sent, "scheduler"), ("schedule", karras, "use_karras_sigmas")):
        if path in draft.notes.leaves:
            draft.notes.put(path, status, value, name, reason=match.reason, code=code)  # type: ignore[arg-type]


def _no_sampler(draft: Draft, reason: str) -> None:
    if draft.request.on_unsupported != "lenient":
        draft.notes.block("sampler", reason, "sampler_not_offered")
    for path in ("sampler", "schedule"):
        if path in draft.notes.leaves:
            draft.notes.dropped(path, f"{reason}; the vendor chooses", "sampler_not_offered")


def clip_skip(draft: Draft) -> None:
    """Clip skip, 1 = off; what the vendor counts from is not documented."""
    wanted = draft.request.clip_skip
    if wanted is None:
        return
    rule = ClipSkip.NONE if draft.flux else draft.family.clip_skip if draft.family else ClipSkip.FREE
    if rule in (ClipSkip.NONE, ClipSkip.UNSET):
        _no_clip_skip(draft, wanted)
    elif rule.effective(wanted) is None:
        draft.values["clip_skip"] = 1
        built_in = "the penultimate layer is built in: 1 and 2 draw the same picture" if wanted > 1 else ""
        draft.notes.exact("clip_skip", "clip_skip", 1, reason=built_in or "off; the vendor's lowest value and echo")
    else:
        draft.values["clip_skip"] = min(wanted, 8)
        reason = "1 to 8; that it counts as A1111 does is not documented" + (" (clamped)" if wanted > 8 else "")
        draft.notes.approximated("clip_skip", min(wanted, 8), "clip_skip", reason, "unverified")


def _no_clip_skip(draft: Draft, wanted: int) -> None:
    if wanted == 1:
        draft.notes.exact("clip_skip", "", None, reason="off; this family has no layer to skip")
    else:
        draft.notes.dropped("clip_skip", "this model family has no clip layer to skip", "no_clip_skip")


def seed(draft: Draft) -> None:
    """The seed of the first picture; drawn when the job runs if none is given."""
    wanted = draft.request.seed
    if wanted is None:
        draft.values["seed"] = Slot("seed")
        return
    draft.values["seed"] = wanted % SEEDS
    if wanted < SEEDS:
        draft.notes.exact("seed", "seed")
    else:
        reason = f"seeds have 32 bits: {wanted} modulo 2**32"
        draft.notes.approximated("seed", wanted % SEEDS, "seed", reason, "seed_reduced")


def shifted(value: Any, offset: int) -> Any:
    """Return the seed of a later call, so that no two pictures of a request share one."""
    if isinstance(value, Slot):
        return Slot(value.name, value.offset + offset)
    return (value + offset) % SEEDS if isinstance(value, int) else value


def counts(n: int) -> list[int]:
    """Return how many pictures each call makes."""
    full, rest = divmod(n, PER_CALL)
    return [PER_CALL] * full + ([rest] if rest else [])


def pictures(draft: Draft) -> None:
    """`n`, over as many calls as the vendor's limit asks for."""
    calls = counts(draft.request.n)
    if len(calls) == 1:
        draft.notes.exact("n", "samples")
    else:
        reason = f"{len(calls)} calls of {', '.join(map(str, calls))} pictures; later calls with a shifted seed"
        draft.notes.emulated("n", draft.request.n, "samples", reason, "split")


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


def _leaves(draft: Draft, prefix: str) -> list[str]:
    return [path for path in draft.notes.leaves if path.startswith(prefix)]


def defaults(draft: Draft) -> None:
    """Vendor defaults that would change the picture, said explicitly; and the words that settings ask for."""
    settings = draft.context.settings
    asked: dict[str, Any] = {}
    for name in ("safety_checker", "base64", "temp"):
        if settings.get(name) is not None:
            asked[name] = yes_no(truth(settings[name]))
    for name in ("safety_checker_type", "webhook", "loadbalancer"):
        if settings.get(name):
            asked[name] = settings[name]
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
