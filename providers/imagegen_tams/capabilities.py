"""What TAMS can be asked for, field by field; what is absent is unsupported."""

from __future__ import annotations

from collections.abc import Mapping

from imagegen.provider import Capability, Range, Switch
from imagegen.request import (
    DetectControl,
    GenerationRequest,
    Interrogate,
    TemplateRequest,
    VideoRequest,
    WorkflowRequest,
)

_GENERATION: Mapping[str, Capability] = {
    "prompt": Switch(),
    "negative_prompt": Switch(),
    "model": Switch("ids out of https://tensor.art/models/<id>"),
    "width": Range(512, 1536, 64),
    "height": Range(512, 1536, 64),
    "n": Range(1, None, 1),
    "steps": Range(1, 150, 1),
    "cfg_scale": Range(0, 35),
    "distilled_guidance": Switch("in no page; clients of FLUX models send it"),
    "sampler": Switch("the 20 of samplers.csv"),
    "schedule": Switch("uniform or karras, as part of the sampler's name"),
    "seed": Range(1, 2**32 - 1, 1),
    "clip_skip": Range(1, None, 1),  # no page gives a limit
    "loras": Switch(),
    "embeddings": Switch(),
    "vae": Switch("the 11 of data/vocabulary.json"),
    "init_image": Switch(),
    "strength": Range(0, 1),
    "mask_image": Switch(),
    "inpaint": Switch(),
    "controls": Switch("SD 1.5 only"),
    "upscale": Switch(),
    "detailers": Switch(),
    "passes": Switch(),
}

CAPABILITIES: Mapping[type, Mapping[str, Capability]] = {
    GenerationRequest: _GENERATION,
    VideoRequest: {
        "prompt": Switch(),
        "negative_prompt": Switch(),
        "model": Switch(),
        "width": Switch(),
        "height": Switch(),
        "frames": Switch(),
        "fps": Switch(),
        "fast": Switch(),
        "loras": Switch(),
        "start_image": Switch(),
        "end_image": Switch(),
        "control_video": Switch("as tams:<resource id>"),
        "control_module": Switch(),
    },
    WorkflowRequest: {"graph": Switch(), "seed": Range(0, 2**64 - 1, 1)},
    TemplateRequest: {"template": Switch(), "fields": Switch()},
    Interrogate: {"image": Switch(), "natural": Switch()},
    DetectControl: {"image": Switch(), "module": Switch()},
}
