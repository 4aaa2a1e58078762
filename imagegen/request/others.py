"""The other things a vendor can be asked to do: videos, graphs, templates, model loads, looking at pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs import frozen

from imagegen.errors import InvalidInput
from imagegen.parts import between, check, filled, one_of, part

from .fields import MAX_SEED, MAX_SIDE, Policy, as_tuple, hide_keys, labels_rule, options_rule
from .ingredients import Lora, ModelRef, model_or_none, wrong_items
from .inputs import ImageInput, free_table, picture, picture_or_none


@frozen(kw_only=True)
class VideoRequest:
    """A short video from words, from a first (and last) picture, or after a guide video."""

    prompt: str = part(rule=filled)
    negative_prompt: str | None = None
    model: ModelRef | None = attrs.field(default=None, converter=model_or_none)
    width: int | None = part(default=None, rule=between(64, MAX_SIDE, whole=True))
    height: int | None = part(default=None, rule=between(64, MAX_SIDE, whole=True))
    frames: int = part(default=30, rule=between(1, 10_000, whole=True, optional=False))
    fps: int = part(default=8, rule=between(1, 120, whole=True, optional=False))
    fast: bool = False
    loras: tuple[Lora, ...] = attrs.field(default=(), converter=as_tuple)
    start_image: ImageInput | None = attrs.field(default=None, converter=picture_or_none)
    end_image: ImageInput | None = attrs.field(default=None, converter=picture_or_none)
    control_video: str | None = None
    control_module: str | None = None
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=options_rule, converter=hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=labels_rule)

    def __attrs_post_init__(self) -> None:
        if faults := [*wrong_items(self)]:
            raise InvalidInput(faults, what="VideoRequest")
        check(self)


@frozen(kw_only=True)
class WorkflowRequest:
    """
    A ComfyUI graph in API format: `{node id: {"class_type": ..., "inputs": {...}}}`.

    An input of a node may be an `ImageInput`, or the name of a local file where a node loads an image.
    """

    graph: Mapping[str, Any] = part(
        converter=free_table, rule=lambda g: None if isinstance(g, Mapping) and g else "must be a graph of nodes"
    )
    seed: int | None = part(default=None, rule=between(0, MAX_SEED, whole=True))
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=options_rule, converter=hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=labels_rule)
    __attrs_post_init__ = check

    def image_names(self) -> dict[str, str]:
        """Return the names by which nodes load images, by path (`graph.10.inputs.image`): files, addresses or ids."""
        found: dict[str, str] = {}
        for key, node in self.graph.items():
            if not isinstance(node, Mapping) or not isinstance(node.get("inputs"), Mapping):
                continue
            kind, name = str(node.get("class_type") or node.get("classType") or ""), node["inputs"].get("image")
            if kind.endswith(("LoadImage", "LoadImageMask")) and isinstance(name, str):
                found[f"graph.{key}.inputs.image"] = name
        return found


@frozen(kw_only=True)
class TemplateRequest:
    """A vendor's workflow template with its fields filled: `{"25:image": ImageInput(...), "27:text": "1 girl"}`."""

    template: str = part(rule=filled, name=True)
    fields: Mapping[str, Any] = part(factory=dict, converter=free_table)
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=options_rule, converter=hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=labels_rule)
    __attrs_post_init__ = check


@frozen(kw_only=True)
class ModelLoad:
    """
    Bring a model from an address (or `hf:org/name`) to a vendor, under an id of your choice.

    Attributes:
        category: what it is: a checkpoint's base, or `lora`, `embeddings`, `vae`, `controlnet`; vendors' words pass.
        subcategory: where a vendor says "a LoRA of family X" in two words.
        format: `diffusers`, `safetensors`, `ckpt`, `pt`.
        visibility: `public` or `private` (a private load may cost a model credit whose price no page gives).
        wait: whether the call ends when the vendor reports the model ready.
    """

    url: str = part(rule=filled)
    model_id: str = part(rule=filled, name=True)
    category: str = "stable_diffusion"
    subcategory: str | None = None
    format: str = part(default="safetensors", rule=one_of("diffusers", "safetensors", "ckpt", "pt"))
    visibility: Literal["public", "private"] = part(default="public", rule=one_of("public", "private"))
    name: str | None = None
    image: str | None = None
    revision: str | None = part(default=None, rule=one_of("fp16", "fp32"))
    force_load: bool | None = None
    hf_upload: bool | None = None
    upcast_attention: bool | None = None
    webhook: str | None = None
    wait: bool = True
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=options_rule, converter=hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=labels_rule)
    __attrs_post_init__ = check


@frozen(kw_only=True)
class Interrogate:
    """Ask what a picture shows: words or tags for a prompt.  `natural` asks for sentences instead of tags."""

    image: ImageInput = attrs.field(converter=picture)
    natural: bool = False
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=options_rule, converter=hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=labels_rule)
    __attrs_post_init__ = check


@frozen(kw_only=True)
class DetectControl:
    """Run a ControlNet preprocessor (`openpose`, `canny`, ...) over a picture."""

    image: ImageInput = attrs.field(converter=picture)
    module: str = part(rule=filled)
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=options_rule, converter=hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=labels_rule)
    __attrs_post_init__ = check
