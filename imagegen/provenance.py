"""
Provenance: what a stored picture says about itself.

`dresser` gives the function that puts it in, just before a picture is written down: A1111 infotext (what other
tools read), our own JSON chunk `imagegen` (what `imagegen inspect` and `rerun` read) and an XMP packet (IPTC digital
source type).  Equal runs must give equal bytes, and pictures are passed around, so nothing goes in that differs
between equal runs (job ids, times, costs, links) or that belongs to this machine or account (paths, keys): a picture
that went in is named by its SHA-256.  What is left out stands in the ledger and in the sidecar.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import infotext, samplers
from .containers import GENERATED_XMP, embed
from .flow import Stored
from .images import Blob, decode_text
from .infotext import Infotext
from .parts import plain
from .plans import Note, Plan, canonical
from .redaction import Redactor

__all__ = ["SCHEMA", "about", "dresser"]

SCHEMA = 1
_MODELS = re.compile(r"^(model|vae|(loras|embeddings|controls)\[\d+\]\.model)$")
_PICTURES = re.compile(r"(^|[.:])\w*image$")
_NOT_OF_THE_PICTURE = frozenset({"labels"})  # the user's own words, for budgets and searches
_DRAWS_NOTHING = frozenset({"DetectControl"})  # traces a picture: no model made up what comes out


def dresser(
    plan: Plan, redactor: Redactor, images: Mapping[str, Blob] | None = None, *, kind: str = "GenerationRequest"
) -> Callable[[bytes, Stored], bytes]:
    """
    Return what embeds the provenance of *plan* into one picture's bytes.

    *images* are the inputs by leaf path; a local input that is missing there is read once more.  *kind* is the class
    of the request.  A file that can carry nothing (a video, a damaged or a signed one) comes back as it is.
    """
    common = about(plan, redactor, images, kind=kind)
    request = common["request"]
    notes = {note.field: note for note in plan.notes}
    xmp = "" if kind in _DRAWS_NOTHING else GENERATED_XMP

    def dress(data: bytes, stored: Stored) -> bytes:
        seed = _seed(request, stored)
        parameters = infotext.write(_infotext(common, notes, stored, seed)) if "prompt" in request else ""
        try:
            return embed(data, parameters=parameters, chunk=canonical({**common, "seed": seed}), xmp=xmp)
        except ValueError:
            return data

    return dress


def about(
    plan: Plan, redactor: Redactor, images: Mapping[str, Blob] | None = None, *, kind: str = "GenerationRequest"
) -> dict[str, Any]:
    """Return what our chunk says of every picture of *plan*, as plain JSON; a picture's own seed is added to it."""
    found = {
        "schema": SCHEMA,
        "kind": kind,
        "provider": plan.provider,
        "request": redactor.links(_scrubbed(plain(plan.request), images or {}, redactor)),
        "models": {note.field: str(note.sent) for note in plan.notes if note.sent and _MODELS.match(note.field)},
        "notes": redactor.links([_told(note) for note in plan.notes if note.status != "exact"]),
    }
    withheld = [note.field for note in plan.notes if note.field.endswith("access_key")]
    return {**found, "withheld": withheld} if withheld else found


# --- what may be told --------------------------------------------------------------------------------------------


def _scrubbed(request: Mapping[str, Any], images: Mapping[str, Blob], redactor: Redactor) -> dict[str, Any]:
    """The request without keys, paths and pictures in text form."""

    def clean(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            inner = f"{path}." if path else ""
            return {k: clean(v, f"{inner}{k}") for k, v in value.items() if k != "access_key"}
        if isinstance(value, list):
            return [clean(item, f"{path}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, str) and (path in images or value.startswith("data:") or _is_picture(path)):
            return _picture(value, images.get(path), redactor)
        return value

    made: dict[str, Any] = clean({k: v for k, v in request.items() if k not in _NOT_OF_THE_PICTURE}, "")
    return made


def _is_picture(path: str) -> bool:
    return _PICTURES.search(path) is not None and not path.startswith("provider_options.")


def _picture(source: str, blob: Blob | None, redactor: Redactor) -> str:
    """Name a picture by its content; by its address, without what signs it, where only the vendor fetched it."""
    if blob is not None:
        return f"sha256:{blob.sha256}"
    if source.startswith(("http://", "https://")):
        return redactor.text(source)
    if source.startswith("data:sha256:"):  # as the ledger keeps it
        return source.removeprefix("data:")
    try:
        data = decode_text(source) if source.startswith("data:") else Path(source).expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError):  # no picture, or no name that a file can have
        return "sha256:unknown"
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _told(note: Note) -> dict[str, Any]:
    told = {name: value for name, value in note.as_dict().items() if value not in ("", None)}
    if _is_picture(note.field) or note.field.endswith("access_key"):
        told.pop("requested", None)
        told.pop("sent", None)
    return told


# --- infotext ----------------------------------------------------------------------------------------------------


def _seed(request: Mapping[str, Any], stored: Stored) -> int | None:
    """The true seed where the vendor reports it; else the one that was sent, if it can only be this picture's."""
    if stored.seed is not None or request.get("n", 1) != 1:
        return stored.seed
    return request.get("seed")


def _infotext(common: Mapping[str, Any], notes: Mapping[str, Note], stored: Stored, seed: int | None) -> Infotext:
    """What A1111 calls the same things, in its order; what was dropped is not in the picture and not in here."""
    request = common["request"]
    negative = notes.get("negative_prompt")
    lost = negative is not None and negative.status == "dropped"
    fields = {name: text for name, text in _fields(request, notes, stored, seed) if text}
    return Infotext(
        request["prompt"],
        "" if lost else request.get("negative_prompt", ""),
        {**fields, "Provider": common["provider"]},
    )


def _fields(
    request: Mapping[str, Any], notes: Mapping[str, Note], stored: Stored, seed: int | None
) -> Iterator[tuple[str, str]]:
    def used(path: str) -> str:
        return _number(_used(_at(request, path), notes.get(path)))

    upscaled = "upscale" in request
    clip_skip = used("clip_skip")
    yield "Steps", used("steps")
    yield from _sampler(request, notes.get("sampler"))
    yield "CFG scale", used("cfg_scale")
    yield "Distilled CFG Scale", used("distilled_guidance")
    yield "Seed", "" if seed is None else str(seed)
    yield "Size", f"{used('width')}x{used('height')}" if upscaled else f"{stored.width}x{stored.height}"
    yield "Model", _ref(request.get("model"))
    yield "VAE", request.get("vae", "")
    yield "Denoising strength", used("strength") or used("upscale.strength")
    yield "Clip skip", clip_skip if clip_skip != "1" else ""
    if upscaled:
        yield from _hires(request["upscale"], used)
    yield "Loras", ", ".join(f"{_ref(one)}: {_number(one.get('weight', 1.0))}" for one in request.get("loras", ()))
    yield "Embeddings", ", ".join(_ref(one) for one in request.get("embeddings", ()))


def _hires(upscale: Mapping[str, Any], used: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    if "width" in upscale and "height" in upscale:
        yield "Hires resize", f"{used('upscale.width')}x{used('upscale.height')}"
    else:
        yield "Hires upscale", used("upscale.scale") or "2"
    yield "Hires steps", used("upscale.steps")
    yield "Hires upscaler", upscale.get("upscaler", "")


def _at(request: Any, path: str) -> Any:
    for name in path.split("."):
        request = request.get(name) if isinstance(request, Mapping) else None
    return request


def _used(value: Any, note: Note | None) -> Any:
    """What the picture was really made with."""
    if note is None or note.status in ("exact", "emulated"):
        return value
    if note.status == "dropped":
        return None
    try:
        return float(note.sent)
    except (TypeError, ValueError):  # said in the vendor's own words
        return value


def _sampler(request: Mapping[str, Any], note: Note | None) -> Iterator[tuple[str, str]]:
    sampler, schedule = request.get("sampler"), request.get("schedule")
    if sampler is None or (note is not None and note.status == "dropped"):
        return
    if note is not None and note.status != "exact":
        sampler, schedule = _stand_in(str(note.sent), sampler, schedule)
    name, kind = samplers.a1111_name(sampler, schedule) or (sampler, schedule or "")
    yield "Sampler", name
    yield "Schedule type", "" if kind == "Automatic" else kind


def _stand_in(sent: str, sampler: str, schedule: str | None) -> tuple[str, str | None]:
    """Another sampler that the vendor took instead, if its word for it says so."""
    try:
        other, said = samplers.parse(sent)
    except ValueError:
        return sampler, schedule
    return (sampler, schedule) if other == sampler else (other, said)


def _ref(model: Any) -> str:
    """A reference as the user wrote it."""
    if isinstance(model, Mapping):
        return str(model.get("ref") or model.get("model") or "")
    return str(model or "")


def _number(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
