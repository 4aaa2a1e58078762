"""The other things a vendor can be asked to do: videos, graphs, templates, model loads, looking at pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs import frozen

from imagegen.errors import InvalidInput
from imagegen.parts import between, check, filled, one_of, part, plain

from .base import AnyRequest, own_first
from .fields import MAX_SEED, MAX_SIDE, as_tuple
from .ingredients import Lora, ModelRef, convert_items, model_or_none
from .inputs import ImageInput, free_table, named_pictures, picture, picture_or_none


@frozen(kw_only=True, field_transformer=own_first)
class VideoRequest(AnyRequest):
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

    def __attrs_post_init__(self) -> None:
        if faults := [*convert_items(self)]:
            raise InvalidInput(faults, what="VideoRequest")
        check(self)


def _a_table(value: Any) -> str | None:
    return None if isinstance(value, Mapping) else f"must be a table of names and values, not {value!r}"


@frozen(kw_only=True, field_transformer=own_first)
class WorkflowRequest(AnyRequest):
    """
    A ComfyUI graph in API format: `{node id: {"class_type": ..., "inputs": {...}}}`.

    An input of a node may be an `ImageInput`, or the name of a local file where a node loads an image.
    """

    graph: Mapping[str, Any] = part(
        converter=free_table, rule=lambda g: None if isinstance(g, Mapping) and g else "must be a graph of nodes"
    )
    seed: int | None = part(default=None, rule=between(0, MAX_SEED, whole=True))

    def to_dict(self) -> dict[str, Any]:
        """Return what is set as plain data; a picture of the graph as `{"$image": ...}`."""
        return {**super().to_dict(), "graph": plain(named_pictures(self.graph))}

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


@frozen(kw_only=True, field_transformer=own_first)
class TemplateRequest(AnyRequest):
    """A vendor's workflow template with its fields filled: `{"25:image": ImageInput(...), "27:text": "1 girl"}`."""

    template: str = part(rule=filled, name=True)
    fields: Mapping[str, Any] = part(factory=dict, converter=free_table, rule=_a_table)

    def to_dict(self) -> dict[str, Any]:
        """Return what is set as plain data; a picture in a field as `{"$image": ...}`."""
        made = super().to_dict()
        return {**made, "fields": plain(named_pictures(self.fields))} if self.fields else made


@frozen(kw_only=True, field_transformer=own_first)
class ModelLoad(AnyRequest):
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


@frozen(kw_only=True, field_transformer=own_first)
class Interrogate(AnyRequest):
    """Ask what a picture shows: words or tags for a prompt.  `natural` asks for sentences instead of tags."""

    image: ImageInput = attrs.field(converter=picture)
    natural: bool = False


@frozen(kw_only=True, field_transformer=own_first)
class DetectControl(AnyRequest):
    """Run a ControlNet preprocessor (`openpose`, `canny`, ...) over a picture."""

    image: ImageInput = attrs.field(converter=picture)
    module: str = part(rule=filled)
