"""
Foreign files: a picture's own words back into a request, whoever wrote them.

Understood are our own chunk, A1111's infotext (old and new spellings) and ComfyUI's graph.  What the file says and a
request cannot (or the file cannot: the pictures that went in are not in it) becomes a remark, never a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs import define, field, frozen

from . import comfygraph, containers, infotext, samplers
from .dialects import lift_loras
from .errors import InvalidInput
from .infotext import Infotext
from .parts import read
from .request import GenerationRequest

__all__ = ["Inspected", "read_infotext", "read_request"]

Source = Literal["imagegen", "a1111", "comfyui"]


@frozen(kw_only=True)
class Inspected:
    """
    What a picture was made from, as far as its file says.

    Attributes:
        request: as a request of ours; model names are as the file gives them.
        source: who wrote it down.
        remarks: what a person should know: what was not understood, or is not what it seems.
        missing: leaves that a picture went into which is not in the file (`init_image`): it has to be given again.
        provider: who made it, where that is known; a bare id in the request is an id of theirs.
    """

    request: GenerationRequest
    source: Source
    remarks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    provider: str | None = None

    @property
    def portable(self) -> GenerationRequest:
        """The request with bare ids as `provider:id`, so that no other vendor takes them for its own."""
        if self.provider is None:
            return self.request
        model = self.request.model
        return self.request.evolve(
            model=model and attrs.evolve(model, ref=self._own(model.ref)),
            loras=tuple(attrs.evolve(one, model=self._own(one.model)) for one in self.request.loras),
            embeddings=tuple(attrs.evolve(one, model=self._own(one.model)) for one in self.request.embeddings),
            schedule=self.request.schedule,
        )

    def _own(self, ref: str) -> str:
        return ref if ref.startswith("@") or ":" in ref else f"{self.provider}:{ref}"


def read_request(data: bytes, sidecar: Mapping[str, Any] | None = None) -> Inspected:
    """
    Read a PNG, JPEG or WebP; `InvalidInput` says why there is nothing to read.

    *sidecar* is what stands beside the picture: a signed file carries nothing of ours, its sidecar does.
    """
    try:
        found = containers.read(data)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    ours = _json(found.imagegen) or (sidecar or {}).get("imagegen")
    if isinstance(ours, Mapping):
        return _ours(ours)
    if found.comfy_prompt is not None:
        graph = comfygraph.read(found.comfy_prompt)
        request, faults = _built(graph.words)
        return Inspected(request=request, source="comfyui", remarks=(*graph.remarks, *faults), missing=graph.missing)
    if found.parameters is not None:
        return read_infotext(found.parameters)
    raise InvalidInput(_nothing(found))


def _nothing(found: containers.Embedded) -> str:
    if found.comfy_workflow is not None:
        return "holds only the graph of ComfyUI's editor, without the values that ran"
    names = ", ".join(sorted(found.text))
    return "says nothing about how it was made" + (f" that is understood here (it has: {names})" if names else "")


def _built(words: Mapping[str, Any]) -> tuple[GenerationRequest, tuple[str, ...]]:
    """Build a request; a word that ours cannot be (200 steps) is left out, and told."""
    try:
        return GenerationRequest.from_dict(words), ()
    except InvalidInput as error:
        bad = {re.split(r"[.\[]", fault.path)[0]: fault for fault in error.faults}
        good = {name: value for name, value in words.items() if name not in bad}
        if "prompt" not in good or len(good) == len(words):
            raise
        return GenerationRequest.from_dict(good), tuple(f"{fault} (left out)" for fault in bad.values())


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


# --- our own -----------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class _Note:
    field: str
    status: str
    requested: Any = None
    sent: Any = None
    reason: str = ""

    @classmethod
    def from_plain(cls, value: Any) -> _Note:
        return read(cls, _known(cls, value))

    def __str__(self) -> str:
        both = self.requested is not None and self.sent is not None
        change = f" {self.requested} -> {self.sent}" if both else ""
        return f"{self.field}: {self.status}{change}{f' ({self.reason})' if self.reason else ''}"


@frozen(kw_only=True)
class _Chunk:
    """What `provenance` writes, as far as it is wanted here."""

    request: Mapping[str, Any]
    kind: str = "GenerationRequest"
    provider: str | None = None
    seed: int | None = None
    notes: tuple[_Note, ...] = ()
    withheld: tuple[str, ...] = ()


def _known(cls: Any, value: Any) -> Any:
    """A later version may say more; what it says more is not wanted here."""
    names = {one.name for one in attrs.fields(cls)}
    return {name: item for name, item in value.items() if name in names} if isinstance(value, Mapping) else value


def _ours(about: Mapping[str, Any]) -> Inspected:
    try:
        return _of_chunk(read(_Chunk, _known(_Chunk, about)))
    except RecursionError:
        raise InvalidInput("its words are nested too deeply") from None


def _of_chunk(chunk: _Chunk) -> Inspected:
    if chunk.kind != "GenerationRequest":
        raise InvalidInput(f"was made by {chunk.kind}, which asks for no picture; its words: {chunk.request}")
    who = chunk.provider or "a provider that is not named"
    data = dict(chunk.request)
    remarks = [f"made by {who}"]
    if chunk.seed is not None and data.get("n", 1) == 1:
        data["seed"] = chunk.seed  # the true one, where the vendor said it
    elif data.get("n", 1) != 1:
        own = "" if chunk.seed is None else f"; its own seed: {chunk.seed}"
        remarks.append(f"one of {data['n']} pictures of a request{own}")
    remarks += [f"{who}: {note}" for note in chunk.notes]
    remarks += [f"{path} was needed, and is not in the file: give it again" for path in chunk.withheld]
    request = GenerationRequest.from_dict(data)
    missing = tuple(path for path, source in _inputs(request) if source.startswith("sha256:"))
    remarks += [f"{path} is not in the file, only its name by content; give it again" for path in missing]
    return Inspected(
        request=request, source="imagegen", remarks=tuple(remarks), missing=missing, provider=chunk.provider
    )


def _inputs(request: GenerationRequest) -> list[tuple[str, str]]:
    given = {"init_image": request.init_image, "mask_image": request.mask_image}
    given |= {f"controls[{index}].image": one.image for index, one in enumerate(request.controls)}
    return [(path, image.source) for path, image in given.items() if image is not None]


# --- A1111 -------------------------------------------------------------------------------------------------------

_SIZE = re.compile(r"(\d+)\s*[xX]\s*(\d+)")
_SCHEDULES_SPLIT = (1, 9)  # A1111's CHANGELOG, 1.9.0: "Schedule type" became a field of its own
_VERSION = re.compile(r"v?(\d+)\.(\d+)")
# What a picture does not depend on, or what is said by another field already.
_SILENT = frozenset({"Version", "Provider", "Model hash", "Lora hashes", "TI hashes", "VAE hash", "Hashes"})
_DETAILER = {
    "model": "model",
    "prompt": "prompt",
    "negative prompt": "negative_prompt",
    "confidence": "confidence",
    "dilate erode": "dilate",
    "denoising strength": "strength",
    "inpaint padding": "padding",
    "steps": "steps",
}


def read_infotext(text: str) -> Inspected:
    """Read A1111's "parameters" text."""
    reader = _A1111(infotext.read(text))
    return reader.result()


@define
class _A1111:
    """One reading: fields are taken out one by one, so that what is left over is known."""

    text: Infotext
    left: dict[str, str] = field(init=False)
    words: dict[str, Any] = field(factory=dict)
    remarks: list[str] = field(factory=list)
    missing: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.left = dict(self.text.fields)

    def result(self) -> Inspected:
        if not self.text.prompt.strip():
            raise InvalidInput("names no prompt, so it cannot be made again")
        self.words = {"prompt": self.text.prompt, "clip_skip": 1}  # what A1111 does not write has its default
        if self.text.negative_prompt:
            self.words["negative_prompt"] = self.text.negative_prompt
        self._plain_fields()
        self._sampler()
        self._model()
        self._stacks()
        self._passes()
        self._detailers()
        self.remarks += [f"{name}: {value} (not understood, left out)" for name, value in self._rest()]
        request, faults = _built(self.words)
        self.remarks += faults
        request = lift_loras(request)
        given = len(self.words.get("loras", ()))
        self.remarks += [
            f"loras[{index}]: {lora.model!r} is a file's name, not an id"
            for index, lora in enumerate(request.loras)
            if index >= given
        ]
        return Inspected(request=request, source="a1111", remarks=tuple(self.remarks), missing=tuple(self.missing))

    def _take(self, name: str) -> str | None:
        return self.left.pop(name, None)

    def _rest(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.left.items() if name not in _SILENT]

    def _put(self, name: str, word: str) -> None:
        """One number; what is none stays for the remarks."""
        if _is_number(self.left.get(name)):
            self.words[word] = self.left.pop(name)

    def _plain_fields(self) -> None:
        names = {"Steps": "steps", "CFG scale": "cfg_scale", "Distilled CFG Scale": "distilled_guidance"}
        for name, word in {**names, "Clip skip": "clip_skip", "Seed": "seed"}.items():
            self._put(name, word)
        size = _SIZE.fullmatch(self.left.get("Size", "").strip())
        if size is not None:
            self.words |= {"width": size[1], "height": size[2]}
            del self.left["Size"]

    def _sampler(self) -> None:
        name, schedule = self._take("Sampler"), self._take("Schedule type")
        if name is None:
            return
        try:
            sampler, said = samplers.parse(name, schedule)
        except ValueError as error:
            self.remarks.append(f"Sampler: {error}; another one will be taken")
            return
        self.words["sampler"] = sampler
        self.words["schedule"] = said or self._unsaid_schedule(sampler, name)

    def _unsaid_schedule(self, sampler: str, name: str) -> str:
        """A bare name meant the sampler's plain schedule until A1111 1.9, and its best one since."""
        today = samplers.default_schedule(sampler)
        once = "uniform" if samplers.row(sampler, "uniform") else today
        version = _VERSION.match(self.left.get("Version", ""))
        old = version is not None and (int(version[1]), int(version[2])) < _SCHEDULES_SPLIT
        if once != today and version is None:
            self.remarks.append(f"Sampler {name!r} says no schedule: taken is {today}; before A1111 1.9 it was {once}")
        return once if old else today

    def _model(self) -> None:
        name, digest = self._take("Model"), self.left.get("Model hash")
        if name:
            self.words["model"] = name
            known = f" (its hash begins with {digest})" if digest else ""
            self.remarks.append(f"model: {name!r} is a display name, not a vendor's id{known}")
        elif digest:
            self.remarks.append(f"model: only its hash is known, {digest}")
        if vae := self._take("VAE"):
            self.words["vae"] = vae
            self.remarks.append(f"vae: {vae!r} is a file's name")

    def _stacks(self) -> None:
        """The fields in which `provenance` names LoRAs and embeddings, for a file that lost our own chunk."""
        if "Provider" not in self.left:
            return
        if loras := self._take("Loras"):
            pairs = (item.rpartition(": ") for item in loras.split(", "))
            self.words["loras"] = [{"model": ref, "weight": weight} for ref, _, weight in pairs]
        if embeddings := self._take("Embeddings"):
            self.words["embeddings"] = embeddings.split(", ")

    def _passes(self) -> None:
        """A denoising strength belongs to the second pass if there is one, else to a picture that went in."""
        upscale: dict[str, Any] = {}
        resize = _SIZE.fullmatch(self.left.get("Hires resize", "").strip())
        if resize is not None:
            upscale |= {"width": resize[1], "height": resize[2]}
            del self.left["Hires resize"]
        elif _is_number(self.left.get("Hires upscale")):
            upscale["scale"] = self._take("Hires upscale")
        strength = self._take("Denoising strength")
        if upscale:
            steps = self._take("Hires steps")
            upscale |= {"steps": steps if steps not in (None, "0") else None, "upscaler": self._take("Hires upscaler")}
            self.words["upscale"] = {k: v for k, v in {**upscale, "strength": strength}.items() if v is not None}
        elif strength is not None:
            self.missing.append("init_image")
            self.remarks.append(
                f"made from another picture at strength {strength}, and that picture is not in the file: give it again"
            )

    def _detailers(self) -> None:
        """ADetailer numbers its passes from the second: "ADetailer model", "ADetailer model 2nd"."""
        found = []
        for suffix in ("", " 2nd", " 3rd", " 4th"):
            words = {word: self.left.get(f"ADetailer {name}{suffix}") for name, word in _DETAILER.items()}
            if words["model"] is None:
                break
            for name in _DETAILER:
                self.left.pop(f"ADetailer {name}{suffix}", None)
            found.append({word: value for word, value in words.items() if value})
        if found:
            self.words["detailers"] = found


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True
