"""
What a program asks for, in neutral words.

`GenerationRequest` is a picture; beside it stand the other things that vendors can be asked to do (`VideoRequest`,
`WorkflowRequest`, `TemplateRequest`, `ModelLoad`, `Interrogate`, `DetectControl`).  All are frozen, check themselves
with every fault at once, and go to and from TOML and JSON without loss.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

import attrs
from attrs import frozen

from .errors import Fault, InvalidInput
from .parts import between, check, filled, finite, one_of, part, plain, read
from .placeholders import Secret

Policy = Literal["strict", "balanced", "lenient"]
MAX_SEED = 2**64 - 1
MAX_SIDE = 16384  # no vendor sells more; guards against a slip of the keyboard


def _secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)


def _tuple(value: Any) -> tuple[Any, ...]:
    if isinstance(value, (str, Mapping)) or attrs.has(type(value)):
        return (value,)
    return tuple(value or ())


def _hide_keys(tree: Any) -> Any:
    """Make access keys in free tables secrets, so that no plan, log or ledger shows them."""
    if isinstance(tree, Mapping):
        return {key: _hidden(key, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_hide_keys(item) for item in tree]
    return tree


def _hidden(key: Any, value: Any) -> Any:
    is_key = isinstance(value, str) and str(key).lower().replace("_", "").endswith("accesskey")
    return Secret(value) if is_key else _hide_keys(value)


# --- images ------------------------------------------------------------------------------------------------------


@frozen
class ImageInput:
    """
    A picture that goes in: a path, an `https://` address, a data URI, bytes, or a PIL image (see `of`).

    Attributes:
        source: the path or address; empty when the bytes themselves were given.
        data: the bytes themselves.
    """

    source: str = ""
    data: bytes | None = attrs.field(default=None, repr=lambda data: f"<{len(data)} bytes>" if data else "None")

    @classmethod
    def of(cls, value: Any) -> ImageInput:
        """Accept whatever a program has at hand."""
        if isinstance(value, cls):
            return value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return cls("", bytes(value))
        if isinstance(value, str) and value.startswith("data:"):
            return cls("", _from_data_uri(value))
        if isinstance(value, (str, PathLike)):
            if not str(value).strip():
                raise InvalidInput("must not be empty")
            return cls(str(value))
        if hasattr(value, "save") and hasattr(value, "mode"):
            return cls("", _png_of(value))
        raise InvalidInput(f"must be a path, an address, bytes or a PIL image, not {type(value).__name__}")

    from_plain = of

    def to_plain(self) -> str:
        """Return the path or address, or the bytes as a data URI."""
        if self.data is None:
            return self.source
        return "data:application/octet-stream;base64," + base64.b64encode(self.data).decode("ascii")

    def __str__(self) -> str:
        return self.source or f"<{len(self.data or b'')} bytes>"

    @property
    def is_url(self) -> bool:
        """Whether it lies on the network."""
        return self.source.startswith(("http://", "https://"))


def _from_data_uri(text: str) -> bytes:
    head, comma, body = text.partition(",")
    if not comma or not head.endswith(";base64"):
        raise InvalidInput("is not a base64 data URI")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise InvalidInput("holds broken base64") from None


def _png_of(image: Any) -> bytes:
    import io

    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _picture(value: Any) -> ImageInput:
    return ImageInput.of(value)


def _image(value: Any) -> ImageInput | None:
    return None if value is None else ImageInput.of(value)


def _free_table(tree: Any) -> Any:
    """Read a table that is a vendor's or a tool's own: access keys are hidden, what is no text is a picture."""
    return _pictures(_hide_keys(tree))


def _pictures(tree: Any) -> Any:
    """Make bytes, data URIs, paths and PIL images in a free table an `ImageInput`; a plain text stays a text."""
    if isinstance(tree, Mapping):
        return {key: _pictures(value) for key, value in tree.items()}
    if isinstance(tree, str):
        return ImageInput.of(tree) if re.match(r"data:[\w/+.-]+;base64,", tree) else tree
    is_picture = isinstance(tree, (bytes, bytearray, memoryview, PathLike)) or hasattr(tree, "getbands")
    return ImageInput.of(tree) if is_picture else tree


# --- parts: a field with a converter is an `attrs.field`, so that type checkers see what may be given ---------------


@frozen
class ModelRef:
    """
    A model, and the key that opens it where it is private.

    `ref` is `@alias`, `urn:air:...`, `<provider>:<id>`, `hf:org/name`, an `https://` address, or a vendor's bare id.
    """

    ref: str = part(rule=filled)
    access_key: Secret | None = attrs.field(default=None, converter=_secret, kw_only=True)
    __attrs_post_init__ = check

    @classmethod
    def of(cls, value: Any) -> ModelRef:
        """Accept a plain reference."""
        if isinstance(value, Mapping):
            return read(cls, value)
        return value if isinstance(value, cls) else cls(str(value))

    from_plain = of

    def to_plain(self) -> Any:
        """Return the bare reference when that is all there is."""
        return self.ref if self.access_key is None else {"ref": self.ref, "access_key": self.access_key}

    def __str__(self) -> str:
        return self.ref


def _model(value: ModelRef | str | Mapping[str, Any] | None) -> ModelRef | None:
    return None if value is None else ModelRef.of(value)


@frozen
class Lora:
    """A LoRA of the stack.  `weight` acts on the diffusion model, `clip_weight` on the text encoder (None = same)."""

    model: str = part(rule=filled)
    weight: float = part(default=1.0, rule=finite)
    clip_weight: float | None = part(default=None, rule=finite)
    access_key: Secret | None = attrs.field(default=None, converter=_secret, kw_only=True)
    __attrs_post_init__ = check

    @classmethod
    def from_plain(cls, value: Any) -> Lora:
        """Accept `"@film-grain=0.6"` beside a table."""
        if isinstance(value, str):
            ref, equals, weight = value.rpartition("=")
            try:
                return cls(ref, float(weight)) if equals else cls(value)
            except ValueError:
                raise InvalidInput([Fault("weight", f"must be a number, not {weight!r}")]) from None
        return read(cls, value)


@frozen
class Embedding:
    """A textual inversion.  `target` says into which prompt its trigger belongs."""

    model: str = part(rule=filled)
    weight: float = part(default=1.0, rule=finite)
    access_key: Secret | None = attrs.field(default=None, converter=_secret, kw_only=True)
    target: Literal["positive", "negative"] = part(
        default="positive", rule=one_of("positive", "negative"), kw_only=True
    )
    __attrs_post_init__ = check

    @classmethod
    def from_plain(cls, value: Any) -> Embedding:
        """Accept a bare reference beside a table."""
        return cls(value) if isinstance(value, str) else read(cls, value)


@frozen(kw_only=True)
class Inpaint:
    """
    How the masked part is made new.  White = repaint.

    Attributes:
        fill: what lies under the mask at the start: `original`, `blur`, `noise` or `zero`.
        mask_blur: pixels (A1111's default is 4).
        only_masked: work on the masked part at full resolution.
        padding: pixels around it.
        invert: black = repaint instead.
    """

    fill: Literal["original", "blur", "noise", "zero"] = part(
        default="original", rule=one_of("original", "blur", "noise", "zero")
    )
    mask_blur: int = part(default=4, rule=between(0, 256, whole=True))
    only_masked: bool = False
    padding: int = part(default=32, rule=between(0, 1024, whole=True))
    invert: bool = False
    __attrs_post_init__ = check


@frozen(kw_only=True)
class Control:
    """A ControlNet: `module` makes the guide from `image` (None = it is one already), `model` follows it."""

    image: ImageInput = attrs.field(converter=_picture)
    module: str | None = None
    model: str | None = None
    weight: float = part(default=1.0, rule=finite)
    start: float = part(default=0.0, rule=between(0, 1))
    end: float = part(default=1.0, rule=between(0, 1))
    __attrs_post_init__ = check

    def faults_together(self) -> Iterator[Fault]:
        """Say what single fields cannot."""
        if not (self.module or self.model):
            yield Fault("model", "name a model, a module, or both")
        if self.start > self.end:
            yield Fault("start", "must not be after end")


@frozen(kw_only=True)
class Upscale:
    """A second pass that makes the picture larger: to a size in pixels, or by `scale` (2 when nothing is said)."""

    width: int | None = part(default=None, rule=between(64, MAX_SIDE, whole=True))
    height: int | None = part(default=None, rule=between(64, MAX_SIDE, whole=True))
    scale: float | None = part(default=None, rule=between(1, 16))
    steps: int | None = part(default=None, rule=between(1, 150, whole=True))
    strength: float | None = part(default=None, rule=between(0, 1))
    upscaler: str | None = None
    __attrs_post_init__ = check

    def faults_together(self) -> Iterator[Fault]:
        """Say what single fields cannot."""
        if (self.width is None) != (self.height is None):
            yield Fault("width", "give width and height, or scale")
        if self.scale is not None and self.width is not None:
            yield Fault("scale", "give width and height, or scale, not both")

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size that comes out for a picture of *width* x *height*."""
        if self.width is not None and self.height is not None:
            return self.width, self.height
        scale = self.scale or 2.0
        return round(width * scale), round(height * scale)


@frozen(kw_only=True)
class Detailer:
    """A pass that finds faces or hands (`model`, an ADetailer detector) and draws them again."""

    model: str | None = None
    steps: int | None = part(default=None, rule=between(1, 150, whole=True))
    prompt: str | None = None
    negative_prompt: str | None = None
    strength: float | None = part(default=None, rule=between(0, 1))
    confidence: float | None = part(default=None, rule=between(0, 1))
    dilate: int | None = part(default=None, rule=between(-128, 128, whole=True))
    padding: int | None = part(default=None, rule=between(0, 1024, whole=True))
    __attrs_post_init__ = check


# --- the request -------------------------------------------------------------------------------------------------

PASSES = ("diffusion", "inpaint", "upscale", "detail")


def _passes(value: Any) -> str | None:
    if value is None or (set(value) <= set(PASSES) and len(set(value)) == len(value)):
        return None
    return f"must name each of {', '.join(PASSES)} at most once"


def _options(value: Any) -> str | None:
    good = isinstance(value, Mapping) and all(isinstance(item, Mapping) for item in value.values())
    return None if good else "must be a table of tables: {provider: {word: value}}"


def _labels(value: Any) -> str | None:
    good = isinstance(value, Mapping) and all(isinstance(v, str) for pair in value.items() for v in pair)
    return None if good else "must be a table of words"


@frozen(kw_only=True)
class GenerationRequest:
    """
    One picture (or `n` of them), whoever makes it.

    Unset fields are filled by `resolve()` from the catalogue or the documented neutral defaults, so that nothing
    differs between vendors because somebody left it out.  See docs/request.md for every field.
    """

    prompt: str = part(rule=filled)
    negative_prompt: str | None = None
    model: ModelRef | None = attrs.field(default=None, converter=_model)
    width: int | None = part(default=None, rule=between(8, MAX_SIDE, whole=True))
    height: int | None = part(default=None, rule=between(8, MAX_SIDE, whole=True))
    n: int = part(default=1, rule=between(1, 1000, whole=True, optional=False))
    steps: int | None = part(default=None, rule=between(1, 150, whole=True))
    cfg_scale: float | None = part(default=None, rule=between(0, 100))
    distilled_guidance: float | None = part(default=None, rule=between(0, 100))
    sampler: str | None = None
    schedule: str | None = None
    seed: int | None = part(default=None, rule=between(0, MAX_SEED, whole=True))
    clip_skip: int | None = part(default=None, rule=between(1, 24, whole=True))
    loras: tuple[Lora, ...] = attrs.field(default=(), converter=_tuple)
    embeddings: tuple[Embedding, ...] = attrs.field(default=(), converter=_tuple)
    vae: str | None = None
    init_image: ImageInput | None = attrs.field(default=None, converter=_image)
    strength: float | None = part(default=None, rule=between(0, 1))
    mask_image: ImageInput | None = attrs.field(default=None, converter=_image)
    inpaint: Inpaint | None = None
    controls: tuple[Control, ...] = attrs.field(default=(), converter=_tuple)
    upscale: Upscale | None = None
    detailers: tuple[Detailer, ...] = attrs.field(default=(), converter=_tuple)
    passes: tuple[str, ...] | None = part(default=None, rule=_passes)
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=_options, converter=_hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=_labels)

    def __attrs_post_init__(self) -> None:
        faults = [*_read_sampler(self), *_wrong_items(self)]
        try:
            check(self)
        except InvalidInput as error:
            faults = [*error.faults, *faults]
        if faults:
            raise InvalidInput(faults, what="GenerationRequest")

    def faults_together(self) -> Iterator[Fault]:
        """Say what single fields cannot."""
        if self.mask_image is not None and self.init_image is None:
            yield Fault("mask_image", "needs an init_image to paint on")
        if self.inpaint is not None and self.mask_image is None:
            yield Fault("inpaint", "needs a mask_image")
        if self.strength is not None and self.init_image is None:
            yield Fault("strength", "needs an init_image")

    def evolve(self, **changes: Any) -> Self:
        """Return a copy with some fields changed (`sampler="DPM++ 2M Karras"` sets sampler and schedule)."""
        if changes.get("sampler") is not None and "schedule" not in changes:
            changes["schedule"] = None
        return attrs.evolve(self, **changes)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a mapping; the spellings of diffusers, OpenAI and A1111 are understood."""
        made: Self = read(cls, data, spellings=respell)
        return made

    def to_dict(self) -> dict[str, Any]:
        """Return what is set, in our own spelling, as plain data; secrets as references."""
        made: dict[str, Any] = plain(self)
        return made

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read JSON text."""
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise InvalidInput(f"is not JSON: {error}") from None

    def to_json(self, *, indent: int | None = None) -> str:
        """Write JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read TOML text."""
        return cls.from_dict(read_toml(text))

    def to_toml(self) -> str:
        """Write TOML text."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a `.toml` or `.json` file; relative image paths count from the file's folder."""
        file = Path(path)
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot read {file}: {error}") from None
        try:
            request = cls.from_json(text) if file.suffix == ".json" else cls.from_toml(text)
        except InvalidInput as error:
            faults = [fault if fault.path else Fault("", f"{file.name}: {fault.message}") for fault in error.faults]
            raise InvalidInput(faults, what=file.name) from None
        made: Self = _beside(request, file.parent)
        return made


def _read_sampler(request: GenerationRequest) -> Iterator[Fault]:
    """Turn any known spelling into the neutral pair, in place (the object is not yet seen by anyone)."""
    if request.sampler is None and request.schedule is None:
        return
    try:
        sampler, schedule = _neutral(request.sampler, request.schedule)
    except ValueError as error:
        words = {"sampler": request.sampler, "schedule": request.schedule}
        told = [Fault(name, _unread(name, word)) for name, word in words.items() if word is not None]
        yield from [fault for fault in told if fault.message] or [Fault("sampler", str(error))]  # the two disagree
    else:
        object.__setattr__(request, "sampler", sampler)
        object.__setattr__(request, "schedule", schedule)


def _unread(name: str, word: str) -> str:
    """Return why a sampler or a schedule cannot be read by itself, or nothing."""
    try:
        _neutral(**{"sampler": None, "schedule": None, name: word})
    except ValueError as error:
        return str(error)
    return ""


@functools.lru_cache(maxsize=512)
def _neutral(sampler: str | None, schedule: str | None) -> tuple[str | None, str | None]:
    from . import samplers

    if sampler is not None:
        return samplers.parse(sampler, schedule)
    return None, samplers.parse_schedule(schedule or "")


_ITEMS: tuple[tuple[str, type], ...] = (
    ("loras", Lora),
    ("embeddings", Embedding),
    ("controls", Control),
    ("detailers", Detailer),
)


def _wrong_items(request: GenerationRequest) -> Iterator[Fault]:
    """Accept `loras=["@grain=0.6"]` and `loras=[{"model": ...}]` from Python too; name what is neither."""
    for name, cls in _ITEMS:
        items = getattr(request, name)
        if all(isinstance(item, cls) for item in items):
            continue
        made: list[Any] = []
        for index, item in enumerate(items):
            try:
                made.append(item if isinstance(item, cls) else _plain_item(cls, item))
            except InvalidInput as error:
                yield from (fault.below(f"{name}[{index}]") for fault in error.faults)
        object.__setattr__(request, name, tuple(made))


def _plain_item(cls: Any, item: Any) -> Any:
    return cls.from_plain(item) if hasattr(cls, "from_plain") else read(cls, item)


def _beside(request: Any, folder: Path) -> Any:
    """Make relative image paths of *request* count from *folder*."""

    def moved(image: ImageInput | None) -> ImageInput | None:
        if image is None or image.data is not None or image.is_url or Path(image.source).is_absolute():
            return image
        return ImageInput(str(folder / image.source))

    controls = tuple(attrs.evolve(control, image=moved(control.image)) for control in request.controls)
    return attrs.evolve(
        request, init_image=moved(request.init_image), mask_image=moved(request.mask_image), controls=controls
    )


# --- input spellings ---------------------------------------------------------------------------------------------

SPELLINGS: Mapping[str, str] = {
    "num_inference_steps": "steps",  # diffusers
    "guidance_scale": "cfg_scale",  # diffusers
    "cfg": "cfg_scale",  # ComfyUI
    "num_images": "n",
    "num_images_per_prompt": "n",  # diffusers
    "samples": "n",
    "batch_size": "n",  # A1111
    "sampler_name": "sampler",  # A1111
    "denoising_strength": "strength",  # A1111
    "denoise": "strength",  # ComfyUI
    "image": "init_image",  # diffusers, OpenAI
    "mask": "mask_image",  # OpenAI, A1111
    "negative": "negative_prompt",
    "model_id": "model",
    "checkpoint": "model",
    "lora": "loras",
    "embedding": "embeddings",
    "CLIP_stop_at_last_layers": "clip_skip",  # A1111
}
_SIZE = re.compile(r"^\s*(\d+)\s*[xX×*]\s*(\d+)\s*$")


def read_size(text: str) -> tuple[int, int]:
    """Read `832x1216`."""
    match = _SIZE.match(text)
    if match is None:
        raise InvalidInput([Fault("size", f"must look like 768x512, not {text!r}")])
    return int(match[1]), int(match[2])


def respell(data: dict[str, Any]) -> dict[str, Any]:
    """Return *data* in our own spelling.  Saying one thing twice is a fault."""
    made: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in data.items():
        try:
            pairs = _respelled(name, value)
        except InvalidInput as error:
            faults += error.faults
            continue
        for ours, item in pairs:
            if ours in made:
                faults.append(Fault(name, f"says {ours} a second time"))
            made[ours] = item
    if faults:
        raise InvalidInput(faults, what="GenerationRequest")
    return made


def _respelled(name: str, value: Any) -> Sequence[tuple[str, Any]]:
    if name == "size" and isinstance(value, str):
        width, height = read_size(value)
        return (("width", width), ("height", height))
    if name in ("scheduler", "scheduler_name"):  # ComfyUI means the schedule, diffusers the sampler
        from . import samplers

        return (("schedule" if samplers.is_schedule(str(value)) else "sampler", value),)
    if name == "init_images" and isinstance(value, (list, tuple)) and len(value) == 1:
        return (("init_image", value[0]),)
    if name == "seed" and value in (-1, "-1"):
        return (("seed", None),)  # random, in A1111 and in vendors' documents
    ours = SPELLINGS.get(name, name)
    if ours in ("loras", "embeddings") and isinstance(value, (str, Mapping)):
        value = [value]
    return ((ours, value),)


def read_toml(text: str) -> dict[str, Any]:
    """Read TOML text; a syntax fault is an `InvalidInput`."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"is not TOML: {error}") from None


# --- the other things a vendor can be asked to do ---------------------------------------------------------------


@frozen(kw_only=True)
class VideoRequest:
    """A short video from words, from a first (and last) picture, or after a guide video."""

    prompt: str = part(rule=filled)
    negative_prompt: str | None = None
    model: ModelRef | None = attrs.field(default=None, converter=_model)
    width: int | None = part(default=None, rule=between(64, MAX_SIDE, whole=True))
    height: int | None = part(default=None, rule=between(64, MAX_SIDE, whole=True))
    frames: int = part(default=30, rule=between(1, 10_000, whole=True, optional=False))
    fps: int = part(default=8, rule=between(1, 120, whole=True, optional=False))
    fast: bool = False
    loras: tuple[Lora, ...] = attrs.field(default=(), converter=_tuple)
    start_image: ImageInput | None = attrs.field(default=None, converter=_image)
    end_image: ImageInput | None = attrs.field(default=None, converter=_image)
    control_video: str | None = None
    control_module: str | None = None
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=_options, converter=_hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=_labels)
    __attrs_post_init__ = check


@frozen(kw_only=True)
class WorkflowRequest:
    """
    A ComfyUI graph in API format: `{node id: {"class_type": ..., "inputs": {...}}}`.

    An input of a node may be an `ImageInput`, or the name of a local file where a node loads an image.
    """

    graph: Mapping[str, Any] = part(
        converter=_free_table, rule=lambda g: None if isinstance(g, Mapping) and g else "must be a graph of nodes"
    )
    seed: int | None = part(default=None, rule=between(0, MAX_SEED, whole=True))
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=_options, converter=_hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=_labels)
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

    template: str = part(rule=filled)
    fields: Mapping[str, Any] = part(factory=dict, converter=_free_table)
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=_options, converter=_hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=_labels)
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
    model_id: str = part(rule=filled)
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
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=_options, converter=_hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=_labels)
    __attrs_post_init__ = check


@frozen(kw_only=True)
class Interrogate:
    """Ask what a picture shows: words or tags for a prompt.  `natural` asks for sentences instead of tags."""

    image: ImageInput = attrs.field(converter=_picture)
    natural: bool = False
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=_options, converter=_hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=_labels)
    __attrs_post_init__ = check


@frozen(kw_only=True)
class DetectControl:
    """Run a ControlNet preprocessor (`openpose`, `canny`, ...) over a picture."""

    image: ImageInput = attrs.field(converter=_picture)
    module: str = part(rule=filled)
    provider_options: Mapping[str, Mapping[str, Any]] = part(factory=dict, rule=_options, converter=_hide_keys)
    on_unsupported: Policy = part(default="balanced", rule=one_of("strict", "balanced", "lenient"))
    labels: Mapping[str, str] = part(factory=dict, rule=_labels)
    __attrs_post_init__ = check


# --- leaves ------------------------------------------------------------------------------------------------------

_NOT_LEAVES = frozenset({"on_unsupported", "labels", "provider_options", "passes"})
_SIMPLE = frozenset({str, int, float, bool, ImageInput, dict})


@functools.cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(a.name for a in attrs.fields(cls) if a.name not in _NOT_LEAVES)


def leaves(request: Any, provider: str | None = None) -> dict[str, Any]:
    """
    Return every leaf of *request* that is set, by path: `prompt`, `loras[0].weight`, `upscale.scale`.

    A leaf is what needs exactly one note in a plan.  With *provider*, its `provider_options` are leaves too.
    """
    found: dict[str, Any] = {}
    _collect("", request, found)
    if provider is not None:
        for word, value in request.provider_options.get(provider, {}).items():
            found[f"provider_options.{provider}.{word}"] = value
    return found


def _collect(prefix: str, part: Any, found: dict[str, Any]) -> None:
    """Walk one part.  Called for every plan, so it looks at types and at nothing else."""
    kind: Any = type(part)
    for name in _names(kind):
        value = getattr(part, name)
        if value is None:
            continue
        path = prefix + name
        if type(value) in _SIMPLE:
            found[path] = value
        elif type(value) is tuple:
            for index, item in enumerate(value):
                _collect(f"{path}[{index}].", item, found)
        elif type(value) is ModelRef:
            found[path] = value.ref
            if value.access_key is not None:
                found[f"{path}.access_key"] = value.access_key
        elif attrs.has(type(value)):
            _collect(f"{path}.", value, found)
        else:
            found[path] = value
