"""
ControlNets: neutral controls into the one picture, one weight and short ids of the vendor's ControlNet endpoint.

Source: GitHub ModelsLab/docs-v2 @ c1440bc, `image-generation/controlnet/openapi.json`; the short ids stand for the
models of `enterprise-api/text-to-image/load-model-v2.mdx` (`canny` = lllyasviel/control_v11p_sd15_canny, ...).
"""

from __future__ import annotations

import re

from imagegen.request import Control

from .dialect import comma_list, yes_no
from .draft import Draft
from .inputs import Uploads, picture
from .wire import CONTROLNETS

_A1111 = re.compile(r"^control_(?:v11[a-z0-9]*|v1p)_(?:sd15s?2?|sdxl)_(?P<what>[a-z0-9_]+)$", re.IGNORECASE)
_SAME = {
    "normalbae": "normal",
    "normal_bae": "normal",
    "seg": "segmentation",
    "lineart_anime": "lineart",
    "softedge_hed": "softedge",
    "softedge_pidinet": "softedge",
    "qrcode_monster": "qrcode",
    "openpose_full": "openpose",
    "openpose_hand": "openpose",
    "openpose_face": "openpose",
    "depth_midas": "depth",
    "depth_zoe": "depth",
    "depth_leres": "depth",
    "scribble_hed": "scribble",
    "scribble_pidinet": "scribble",
    "lineart_realistic": "lineart",
    "lineart_coarse": "lineart",
    "tile_resample": "tile",
}


def short_id(name: str) -> str | None:
    """Return the vendor's id of a ControlNet or preprocessor by any usual name; None when it has none."""
    bare = name.rpartition(":")[2].rpartition("/")[2].lower().removesuffix(".safetensors").removesuffix(".pth")
    match = _A1111.match(bare)
    bare = match["what"] if match else bare
    bare = _SAME.get(bare, bare)
    return bare if bare in CONTROLNETS else None


def controls(draft: Draft, uploads: Uploads) -> None:
    """Write all ControlNet fields; needs the size to be decided."""
    ids = [_one(draft, index, control) for index, control in enumerate(draft.request.controls)]
    named = [one for one in ids if one]
    draft.values |= {"controlnet_model": comma_list(named), "controlnet_type": named[0] if named else None}
    _hint(draft)
    _weight(draft)
    _picture(draft, uploads)


def _one(draft: Draft, index: int, control: Control) -> str | None:
    path = f"controls[{index}]"
    found = short_id(control.model or control.module or "")
    if found is None:
        wanted = control.model or control.module
        reason = f"no ControlNet here for {wanted!r}; there are: {', '.join(CONTROLNETS)}"
        draft.notes.block(f"{path}.model", reason, "no_controlnet")
    elif control.model is not None:
        same = control.model.lower() == found
        reason = "" if same else "the vendor's short id for it"
        draft.notes.exact(f"{path}.model", "controlnet_model", found, reason=reason)
    for name, neutral in (("start", 0.0), ("end", 1.0)):
        if getattr(control, name) == neutral:
            draft.notes.exact(f"{path}.{name}", "", None, reason="the whole run, which is what happens unasked")
        else:
            draft.notes.dropped(f"{path}.{name}", "a ControlNet acts on the whole run here", "no_guidance_range")
    return found


def _hint(draft: Draft) -> None:
    """`auto_hint` runs the preprocessor that goes with the model; it is one flag for all."""
    with_module = [control.module is not None for control in draft.request.controls]
    draft.values["auto_hint"] = yes_no(any(with_module))
    for index, control in enumerate(draft.request.controls):
        if control.module is None:
            continue
        path = f"controls[{index}].module"
        goes_with = short_id(control.module) == short_id(control.model or control.module)
        if goes_with and all(with_module):
            draft.notes.exact(path, "auto_hint", "yes")
        else:
            draft.notes.approximated(
                path, "yes", "auto_hint", "one flag runs each model's own preprocessor", "auto_hint"
            )


def _weight(draft: Draft) -> None:
    weights = [control.weight for control in draft.request.controls]
    sent = min(max(weights[0], 0.1), 5.0)
    draft.values["controlnet_conditioning_scale"] = sent
    for index, weight in enumerate(weights):
        path, name = f"controls[{index}].weight", "controlnet_conditioning_scale"
        if weight == sent:
            draft.notes.exact(path, name)
        elif index == 0 or weight == weights[0]:
            draft.notes.adjusted(path, sent, name, "0.1 to 5 are allowed", "clamped")
        else:
            draft.notes.approximated(
                path, sent, name, "all ControlNets share one weight, the first one's", "one_weight"
            )


def _picture(draft: Draft, uploads: Uploads) -> None:
    first, *others = draft.request.controls
    guide = picture(uploads, "controls[0].image", first.image, draft.size)
    for index, control in enumerate(others, 1):
        if control.image == first.image:
            draft.notes.exact(f"controls[{index}].image", "control_image", str(guide))
        else:
            reason = "all ControlNets share one picture here"
            draft.notes.block(f"controls[{index}].image", reason, "one_control_image")
    draft.values["control_image"] = guide
    if draft.request.init_image is None:
        reason = "the endpoint wants an init image; at strength 1 nothing of it remains but the guide"
        draft.values |= {"init_image": guide, "strength": 1.0}
        draft.notes.put("controlnet.strength", "exact", 1.0, "strength", reason=reason, code="vendor_default")
