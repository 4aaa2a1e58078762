"""
The generation endpoints: where they are, which fields their pages name, how their answers are spelt.

A `Dialect` is one generation of the API; an `Endpoint` is one path of it.
"""

from __future__ import annotations

from typing import Literal

from attrs import evolve, frozen

from .order import Defaults, Kind

Shape = Literal["community", "realtime", "legacy", "enterprise"]


@frozen(kw_only=True)
class Dialect:
    """
    How one generation of the API speaks.

    Attributes:
        fetch: where its jobs are polled (what `fetch_result` shows), below `/api/`.
        message: the field of a pending answer's words: `messege` in the older ones.
        legacy: refusals list their faults by field, under HTTP 200.
        shape: which example the `meta` of its answers follows.
        prefixed: result files are `generations/<i>-<name>` (else `generations/<name>-<i>`).
        nameless: its success carries no id (the enterprise Flux page's example).
        nothing: the `output` of a pending answer.
        enterprise: a dedicated server: own models, a flat fee, files that live for 24 hours.
    """

    fetch: str
    message: str = "messege"
    legacy: bool = False
    shape: Shape = "community"
    prefixed: bool = False
    nameless: bool = False
    nothing: tuple[str, ...] | str = ()
    enterprise: bool = False
    defaults: Defaults = Defaults()


@frozen(kw_only=True)
class Endpoint:
    """
    One path.  *sized_by_input*: the result has the size of `init_image`, whatever was asked for (v6 img2img page).
    """

    path: str
    kind: Kind
    dialect: Dialect
    fields: frozenset[str]
    required: tuple[str, ...]
    sized_by_input: bool = False


V6 = Dialect(fetch="v6/images/fetch", prefixed=True)
V7 = evolve(V6, fetch="v7/images/fetch", message="message")  # named by github.com/ModelsLab/skills and modelslab-cli
REALTIME = Dialect(
    fetch="v6/realtime/fetch",
    message="message",
    shape="realtime",
    defaults=Defaults(enhance=False, guidance=1.0),
)
V3 = Dialect(fetch="v3/fetch", legacy=True, shape="legacy")
V4 = Dialect(fetch="v3/dreambooth/fetch", legacy=True)  # a v4 job carries a v3 link: captured on github.com
V5 = Dialect(
    fetch="v3/fetch",
    legacy=True,
    nothing="",
    defaults=Defaults(karras=True, tomesd=True, algorithm="none", strength=0.55, steps=30, checker=False),
)
ENTERPRISE = Dialect(
    fetch="v1/enterprise/fetch",
    shape="enterprise",
    enterprise=True,
    defaults=Defaults(karras=True, tomesd=True, algorithm="none", steps=21),
)
EDITING = Dialect(
    fetch="v6/image_editing/fetch", message="message", shape="realtime", defaults=Defaults(enhance=False, guidance=5.0)
)
EDITING_SERVER = evolve(EDITING, fetch="v1/enterprise/fetch", shape="enterprise", enterprise=True)
FAMILIES = ("flux", "flux_klein", "flux_kontext_dev", "qwen", "z_image_turbo")

_COMMON = frozenset(
    [
        "key",
        "prompt",
        "negative_prompt",
        "width",
        "height",
        "samples",
        "safety_checker",
        "seed",
        "webhook",
        "track_id",
        "base64",
        "temp",
    ]
)
_TUNING = frozenset(
    [
        "num_inference_steps",
        "safety_checker_type",
        "enhance_prompt",
        "guidance_scale",
        "lora_model",
        "lora_strength",
        "scheduler",
        "tomesd",
        "use_karras_sigmas",
        "algorithm_type",
        "vae",
        "clip_skip",
    ]
)
_ADAPTER = frozenset({"ip_adapter_id", "ip_adapter_scale", "ip_adapter_image"})
_LOOKS = frozenset({"panorama", "self_attention", "upscale", "highres_fix", "multi_lingual", "embeddings_model"})
_FLUX = frozenset(
    ["injected_noise_alpha", "sigma_threshold", "true_cfg_scale", "use_cfg_zero_star", "use_zero_init", "zero_steps"]
)
_INIT = frozenset({"init_image", "strength"})
_MASK = frozenset({"mask_image"})
_CONTROL = frozenset(
    ["controlnet_model", "controlnet_type", "auto_hint", "guess_mode", "control_image", "controlnet_conditioning_scale"]
)

_COMMUNITY = _COMMON | _TUNING | _ADAPTER | _LOOKS | {"model_id", "instant_response", "enhance_style"}
_EXTRA: dict[Kind, frozenset[str]] = {
    "text2img": frozenset(),
    "img2img": _INIT | {"init_image_2", "guidance"},
    "inpaint": _INIT | _MASK | {"steps"},
    "controlnet": _INIT | _MASK | _CONTROL,
}
_REQUIRED: dict[Kind, tuple[str, ...]] = {
    "text2img": ("prompt",),
    "img2img": ("init_image",),
    "inpaint": ("init_image", "mask_image"),
    "controlnet": ("init_image",),
}


def _endpoint(path: str, kind: Kind, dialect: Dialect, fields: frozenset[str], *, model: bool) -> Endpoint:
    required = (("model_id",) if model else ()) + _REQUIRED[kind]
    return Endpoint(path=path, kind=kind, dialect=dialect, fields=fields | _EXTRA[kind], required=required)


def _all() -> tuple[Endpoint, ...]:
    kinds: tuple[Kind, ...] = ("text2img", "img2img", "inpaint")
    community = [
        _endpoint(f"v6/images/{kind}", kind, V6, _COMMUNITY | _FLUX, model=True) for kind in (*kinds, "controlnet")
    ]
    community[1] = evolve(community[1], sized_by_input=True)
    fast = _COMMON | {"instant_response", "enhance_prompt"}
    realtime = [_endpoint(f"v6/realtime/{kind}", kind, REALTIME, fast, model=False) for kind in kinds]
    old = _COMMUNITY | {"embeddings", "lora", "prompt_strength", "steps"}
    editing = _endpoint("v6/image_editing/inpaint", "inpaint", EDITING, fast | _TUNING, model=False)
    names: dict[str, Kind] = {"text-to-image": "text2img", "image-to-image": "img2img", "inpaint": "inpaint"}
    v7 = [_endpoint(f"v7/images/{name}", kind, V7, _COMMUNITY | _FLUX, model=True) for name, kind in names.items()]
    v3 = [_endpoint(f"v3/{kind}", kind, V3, old, model=False) for kind in kinds]
    booth = [
        _endpoint(path + ("" if kind == "text2img" else f"/{kind}"), kind, V4, old, model=True)
        for path in ("v3/dreambooth", "v4/dreambooth")
        for kind in kinds
    ]
    v5 = _endpoint("v5/controlnet", "controlnet", V5, _COMMUNITY, model=True)
    return (*community, *v7, *realtime, editing, *v3, *booth, v5, *_enterprise(kinds))


def _enterprise(kinds: tuple[Kind, ...]) -> tuple[Endpoint, ...]:
    fields = _COMMUNITY | {"loadbalancer", "steps"}
    own = [
        # A sample of the inpaint page has no model_id.
        _endpoint(f"v1/enterprise/{kind}", kind, ENTERPRISE, fields, model=kind != "inpaint")
        for kind in (*kinds, "controlnet")
    ]
    fast = evolve(REALTIME, fetch="v1/enterprise/realtime/fetch", enterprise=True, defaults=Defaults(guidance=1.0))
    own += [_endpoint(f"v1/enterprise/realtime/{kind}", kind, fast, fields, model=False) for kind in kinds]
    for family in FAMILIES:
        dialect = evolve(
            fast,
            fetch=f"v1/enterprise/{family}/fetch",
            nameless="flux" in family,
            defaults=Defaults(enhance=False, steps=31),
        )
        own += [
            _endpoint(f"v1/enterprise/{family}/{kind}", kind, dialect, fields | _FLUX, model=False) for kind in kinds
        ]
    return tuple(own)


ENDPOINTS = {endpoint.path: endpoint for endpoint in _all()}
