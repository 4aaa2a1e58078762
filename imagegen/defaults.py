"""
From what was said to what is meant: unset fields that change the picture get the same value at every vendor.

Order: what the request says, then what the catalogue says of the model, then the family's native size and CFG, then
the neutral defaults below.  Each was chosen because the vendors' documents allow it everywhere, unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .catalogue import Catalogue
from .dialects import lift_loras
from .images import Blob
from .request import GenerationRequest, Inpaint, ModelRef

DEFAULTS: Mapping[str, Any] = {
    "width": 512,
    "height": 512,
    "steps": 31,  # of 21, 31 and 41, the only counts that the strictest documents take
    "cfg_scale": 7.0,
    "sampler": "dpmpp_2m",  # with karras the only pair that is graded exact at every documented vendor
    "schedule": "karras",
    "clip_skip": 1,  # off
    "strength": 0.75,  # A1111's default; only with an init image
}


def resolve(
    request: Any,
    catalogue: Catalogue,
    *,
    default_model: str | None = None,
    images: Mapping[str, Blob] | None = None,
) -> Any:
    """Return *request* with every unset field filled that changes the picture.  Pure.  Other classes pass unchanged."""
    if not isinstance(request, GenerationRequest):
        return request
    request = lift_loras(request, catalogue)
    model = request.model or (ModelRef(default_model) if default_model else None)
    entry = catalogue.find(model.ref) if model and model.ref.startswith("@") else None
    changes = _defaults(request, entry.default if entry else {}, entry.family if entry else None, images or {})
    if model is not request.model:
        changes["model"] = model
    if entry is not None and entry.default:
        return request.evolve(**changes)  # a catalogue is somebody's file: what it says is checked
    return request.completed(changes)


def _defaults(
    request: GenerationRequest,
    of_model: Mapping[str, Any],
    family_name: str | None,
    images: Mapping[str, Blob],
) -> dict[str, Any]:
    defaults: dict[str, Any] = {**DEFAULTS, **_of_family(family_name), **of_model}
    init = images.get("init_image")
    if init is not None and request.width is None and request.height is None:
        defaults |= {"width": init.width, "height": init.height}
    if request.init_image is None:
        del defaults["strength"]
    changes = {name: value for name, value in defaults.items() if getattr(request, name, value) is None}
    if request.mask_image is not None and request.inpaint is None:
        changes["inpaint"] = Inpaint()
    return _sampling(request, changes)


def _of_family(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    from .families import family

    facts = family(name)
    found: dict[str, Any] = {"width": facts.native_px, "height": facts.native_px, "cfg_scale": 1.0}  # 1 = off
    if facts.cfg_default:
        found[facts.guidance] = facts.cfg_default
    return found


def _sampling(request: GenerationRequest, changes: dict[str, Any]) -> dict[str, Any]:
    """A sampler without a schedule takes the one it is known for; a schedule alone goes with the default sampler."""
    if request.sampler is not None:
        changes.pop("sampler", None)
        if request.schedule is None:
            from . import samplers

            changes["schedule"] = samplers.default_schedule(request.sampler)
    if "sampler" in changes:
        changes["schedule"] = request.schedule or changes.get("schedule")
    return changes
