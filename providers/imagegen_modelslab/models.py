"""
Models and words: checkpoint, LoRAs, embeddings, VAE and the two prompts, each with its notes.

A public room of the family.  One function per field; each writes value and note.
"""

from __future__ import annotations

from imagegen.dialects import say

from .dialect import comma_list, number
from .draft import Draft

WEIGHTS = (0.1, 1.0)


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
            _lora_clip_weight(draft, path, lora.clip_weight, strength, lora.weight)
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


def _lora_clip_weight(draft: Draft, path: str, clip_weight: float, strength: float, weight: float) -> None:
    path = f"{path}.clip_weight"
    if clip_weight == strength:
        draft.notes.exact(path, "lora_strength", strength)
    elif clip_weight == weight:
        draft.notes.adjusted(
            path, strength, "lora_strength", f"weights are {WEIGHTS[0]:g} to {WEIGHTS[1]:g}", "clamped"
        )
    else:
        reason = "one strength acts on both the diffusion model and the text encoder"
        draft.notes.approximated(path, strength, "lora_strength", reason, "one_weight")


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
