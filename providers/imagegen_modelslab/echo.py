"""
After the call: the vendor's own echo (`meta`) held against what was sent.

A public room of the family.  What differs becomes a verified note: steps 30 for 31, another seed, a LoRA that is
missing, text appended to a prompt.  What the echo does not mention is not judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

from imagegen.plans import Note

from .dialect import split_list, truth


@frozen
class Compared:
    """A field: ours, the vendor's in the request, the vendor's in the echo (any of), and when two values are equal."""

    field: str
    sent: str
    echoed: tuple[str, ...]
    same: Callable[[Any, Any], bool]


def same_number(sent: Any, echoed: Any) -> bool:
    """31, 31.0 and "31" are one number."""
    try:
        return math.isclose(float(sent), float(echoed), rel_tol=1e-9)
    except (TypeError, ValueError, OverflowError):
        return str(sent) == str(echoed)


def same_text(sent: Any, echoed: Any) -> bool:
    """Blanks around a prompt do not count (the vendor's own example has one more)."""
    return str(sent).strip() == str(echoed).strip()


def same_word(sent: Any, echoed: Any) -> bool:
    """Ids; null, "" and "no" are all nothing."""
    return _word(sent) == _word(echoed)


def same_flag(sent: Any, echoed: Any) -> bool:
    """Yes and true are one."""
    return truth(sent) == truth(echoed)


def same_ids(sent: Any, echoed: Any) -> bool:
    """Comma lists."""
    return split_list(sent) == split_list(echoed)


def same_weights(sent: Any, echoed: Any) -> bool:
    """Comma lists of numbers; one may come back as a bare number."""
    ours, theirs = split_list(sent), split_list(echoed)
    return len(ours) == len(theirs) and all(map(same_number, ours, theirs))


def _word(value: Any) -> str:
    text = "" if value is None else str(value).strip().lower()
    return "" if text in ("no", "none", "null", "false") else text


_COMPARED = (
    Compared("prompt", "prompt", ("prompt",), same_text),
    Compared("negative_prompt", "negative_prompt", ("negative_prompt",), same_text),
    Compared("model", "model_id", ("model_id",), same_word),
    Compared("width", "width", ("W", "width"), same_number),
    Compared("height", "height", ("H", "height"), same_number),
    Compared("n", "samples", ("n_samples", "samples"), same_number),
    Compared("steps", "num_inference_steps", ("steps", "num_inference_steps"), same_number),
    Compared("cfg_scale", "guidance_scale", ("guidance_scale",), same_number),
    Compared("sampler", "scheduler", ("scheduler",), same_word),
    Compared("schedule", "use_karras_sigmas", ("use_karras_sigmas",), same_flag),
    Compared("algorithm_type", "algorithm_type", ("algorithm_type",), same_word),
    Compared("seed", "seed", ("seed",), same_number),
    Compared("clip_skip", "clip_skip", ("clip_skip",), same_number),
    Compared("loras", "lora_model", ("lora",), same_ids),
    Compared("loras.weight", "lora_strength", ("lora_strength",), same_weights),
    Compared("strength", "strength", ("strength",), same_number),
    Compared("vae", "vae", ("vae",), same_word),
)
_FREE = frozenset({"width", "height"})  # what an upscale or an init image changes on purpose


def compare(sent: Mapping[str, Any], meta: Mapping[str, Any]) -> tuple[Note, ...]:
    """Return a verified note for every field that the vendor changed."""
    return tuple(_differences(sent, meta))


def _differences(sent: Mapping[str, Any], meta: Mapping[str, Any]) -> Iterator[Note]:
    resized = truth(sent.get("upscale")) or "init_image" in sent
    changed = set()
    for row in _COMPARED:
        if row.sent not in sent or sent[row.sent] is None or (resized and row.field in _FREE):
            continue
        name = next((name for name in row.echoed if name in meta), None)
        if name is not None and not row.same(sent[row.sent], meta[name]):
            changed.add(row.field)
            if row.field != "loras.weight" or "loras" not in changed:  # weights of other LoRAs say nothing
                yield _note(row, sent[row.sent], meta[name], name)


def _note(row: Compared, sent: Any, echoed: Any, name: str) -> Note:
    code, reason = _judged(row, sent, echoed)
    return Note(
        field=row.field,
        status="approximated",
        requested=sent,
        sent=echoed,
        vendor_field=f"meta.{name}",
        reason=reason,
        code=code,
        verified=True,
    )


def _judged(row: Compared, sent: Any, echoed: Any) -> tuple[str, str]:
    text = str(sent).strip()
    if row.same is same_text and text and text in str(echoed):
        return "vendor_injected", "the vendor added text to it"
    if row.same is same_ids and (lost := [name for name in split_list(sent) if name not in split_list(echoed)]):
        return "vendor_ignored", f"the vendor's echo does not name {' or '.join(lost)}: it was ignored"
    if row.same is same_number:
        return "vendor_changed", f"{sent} was sent and {echoed} came back"
    return "vendor_changed", "the vendor's echo says otherwise"
