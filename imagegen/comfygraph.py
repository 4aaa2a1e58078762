"""
ComfyUI's API graph read back into a request's words, from the picture that was saved to the noise it came from.

A graph is a program and a request is not: what lies on the way from the saved picture back (samplers, the words, the
LoRA chain, the checkpoint, sizes) is read, every node that is not is named in the remarks.  Nodes are known by their
inputs' names rather than by their class, because custom nodes keep those.

The form is that of Comfy-Org/ComfyUI@a125cd84 `nodes.py`: `{id: {"class_type": name, "inputs": {name: value}}}`, where
a value `[id, slot]` is another node's output.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field, frozen

from . import prompts, samplers
from .errors import InvalidInput
from .prompts import Span

__all__ = ["Read", "read"]

_MOST_NODES = 500  # longer chains are loops
_PICTURES = ("images", "image", "samples", "latent_image", "latent", "pixels")  # what leads back to the noise
_MODELS = ("model", "unet")
_WORDS = ("conditioning", "conditioning_1", "conditioning_to", "positive")
_EMBEDDING = re.compile(r"\bembedding:(?=[\w.\-]+)")


@frozen(kw_only=True)
class Read:
    """The words of a request, as they stand in the graph; see `foreign.Inspected` for the rest."""

    words: Mapping[str, Any]
    remarks: tuple[str, ...]
    missing: tuple[str, ...]


def read(graph: Mapping[str, Any]) -> Read:
    """Read a graph; `InvalidInput` where no sampler, or no words, lead to a saved picture."""
    reader = _Reader(_clean(graph))
    reader.run()
    return Read(words=reader.words, remarks=tuple(reader.remarks), missing=tuple(reader.missing))


def _clean(value: Any) -> Any:
    """ComfyUI writes NaN where a widget is empty."""
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@define
class _Reader:
    """One reading of one graph; *seen* are the nodes that were understood."""

    graph: Mapping[str, Any]
    words: dict[str, Any] = field(factory=dict)
    remarks: list[str] = field(factory=list)
    missing: list[str] = field(factory=list)
    seen: set[str] = field(factory=set)

    def run(self) -> None:
        chain = self._back(self._saved(), _PICTURES)
        passes = [node for node in chain if self._is_sampler(node)]
        if not passes:
            raise InvalidInput("holds a graph whose saved picture comes from no sampler that is understood")
        first = passes[-1]
        self._sampling(first)
        self._prompts(first)
        self._models(first)
        self._source(chain[chain.index(first) + 1 :], first)
        self._second_pass(chain[: chain.index(first)], passes[:-1])
        self._vae(chain)
        self._unread()

    # --- moving about ----------------------------------------------------------------------------------------

    def inputs(self, node: str) -> Mapping[str, Any]:
        found = self.graph[node].get("inputs") if isinstance(self.graph[node], Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def kind(self, node: str) -> str:
        return str(self.graph[node].get("class_type", "?")) if isinstance(self.graph[node], Mapping) else "?"

    def linked(self, node: str, name: str) -> str | None:
        """The node that an input comes from."""
        value = self.inputs(node).get(name)
        if isinstance(value, list) and len(value) == 2 and str(value[0]) in self.graph:
            return str(value[0])
        return None

    def value(self, node: str, name: str) -> Any:
        """An input's value; one that comes from a node which only holds a value is read there."""
        source = self.linked(node, name)
        if source is None:
            found = self.inputs(node).get(name)
            return None if isinstance(found, (list, Mapping)) else found
        plain = [v for v in self.inputs(source).values() if isinstance(v, (str, int, float))]
        if len(plain) != 1:
            return None
        self.seen.add(source)
        return plain[0]

    def _back(self, start: str | None, names: tuple[str, ...]) -> list[str]:
        """The chain of nodes from *start* upstream, over the first of *names* that each of them has."""
        chain: list[str] = []
        node = start
        while node is not None and node not in chain and len(chain) < _MOST_NODES:
            chain.append(node)
            links = (self.linked(chain[-1], name) for name in names)
            node = next((link for link in links if link is not None), None)
        return chain

    def _saved(self) -> str:
        used = {source for node in self.graph for name in self.inputs(node) if (source := self.linked(node, name))}
        ends = [node for node in self.graph if node not in used and self.linked(node, "images")]
        saves = sorted(ends, key=lambda node: ("Save" not in self.kind(node), len(node), node))
        if not saves:
            raise InvalidInput("holds a graph that saves no picture")
        if len(saves) > 1:
            self.remarks.append(f"the graph saves {len(saves)} pictures; read is node {saves[0]}")
        self.seen.update(saves)
        return saves[0]

    # --- what is read ----------------------------------------------------------------------------------------

    def _is_sampler(self, node: str) -> bool:
        return any(name in self.inputs(node) for name in ("sampler_name", "sampler")) and (
            self.linked(node, "model") is not None or self.linked(node, "guider") is not None
        )

    def _parts(self, node: str) -> list[str]:
        """A sampler and the nodes that modern graphs take it apart into."""
        names = ("sampler", "sigmas", "noise", "guider")
        return [node, *(part for name in names if (part := self.linked(node, name)) is not None)]

    def _of(self, node: str, *names: str) -> Any:
        """The first value that a sampler or one of its parts has under one of *names*."""
        for part in self._parts(node):
            self.seen.add(part)
            for name in names:
                found = self.value(part, name)
                if found is not None:
                    return found
        return None

    def _sampling(self, node: str) -> None:
        given = {
            "steps": self._of(node, "steps"),
            "cfg_scale": self._of(node, "cfg"),
            "seed": self._of(node, "seed", "noise_seed"),
        }
        self.words |= {name: value for name, value in given.items() if value is not None}
        name, schedule = self._of(node, "sampler_name"), self._of(node, "scheduler")
        try:
            self.words["sampler"], said = samplers.parse(str(name), schedule)
        except ValueError as error:
            self.remarks.append(f"sampler: {error}; another one will be taken")
        else:
            self.words["schedule"] = said or samplers.default_schedule(self.words["sampler"])

    def _prompts(self, node: str) -> None:
        holder = next((one for one in self._parts(node) if self._conditions(one)), node)
        positive = self.linked(holder, "positive") or self.linked(holder, "conditioning")
        said = self._text(positive, "prompt")
        if not said.strip():
            raise InvalidInput("holds a graph whose sampler gets no words that are understood")
        self.words["prompt"] = said
        if negative := self._text(self.linked(holder, "negative"), "negative_prompt"):
            self.words["negative_prompt"] = negative

    def _conditions(self, node: str) -> bool:
        return any(self.linked(node, name) is not None for name in ("positive", "conditioning"))

    def _text(self, start: str | None, path: str) -> str:
        names = ("negative", *_WORDS) if path == "negative_prompt" else _WORDS
        for node in self._back(start, names):
            self.seen.add(node)
            self._on_the_way(node)
            for name in ("text", "text_g", "t5xxl", "clip_l", "prompt"):
                found = self.value(node, name)
                if isinstance(found, str):
                    self._clip_skip(node)
                    return self._neutral(found, path)
        return ""

    def _on_the_way(self, node: str) -> None:
        """What changes the words' effect: guidance of distilled models, ControlNets."""
        guidance = self.value(node, "guidance")
        if isinstance(guidance, (int, float)):
            self.words["distilled_guidance"] = guidance
        if self.linked(node, "control_net") is not None:
            self._control(node)
        if self.linked(node, "conditioning_2") or self.linked(node, "conditioning_from"):
            self.remarks.append(f"{self.kind(node)} joins several prompts; only the first is read")

    def _neutral(self, text: str, path: str) -> str:
        if _EMBEDDING.search(text):
            self.remarks.append(f"{path}: an embedding by file name stays a word; name it as an embedding instead")
        return prompts.to_a1111(_spans(_EMBEDDING.sub("", text)))

    def _clip_skip(self, node: str) -> None:
        self.words.setdefault("clip_skip", 1)
        for part in self._back(self.linked(node, "clip"), ("clip",)):
            layer = self.value(part, "stop_at_clip_layer")
            if isinstance(layer, int) and -24 <= layer <= -1:
                self.words["clip_skip"] = -layer
                self.seen.add(part)

    def _control(self, node: str) -> None:
        loader = self.linked(node, "control_net")
        name = self.value(loader, "control_net_name") if loader else None
        pictures = self._back(self.linked(node, "image"), ("image",))
        self.seen.update([*([loader] if loader else []), *pictures])
        made = {"model": name, "image": self.value(pictures[-1], "image") if pictures else None}
        numbers = {"weight": "strength", "start": "start_percent", "end": "end_percent"}
        made |= {ours: self.value(node, theirs) for ours, theirs in numbers.items()}
        if len(pictures) > 1:
            made["module"] = self.kind(pictures[0])
        if not made["model"] or not made["image"]:
            self.remarks.append(f"{self.kind(node)}: a ControlNet that is not understood, left out")
            return
        controls = self.words.setdefault("controls", [])
        control = {key: value for key, value in made.items() if value is not None}
        if control in controls:  # the positive and the negative words pass through the same node
            return
        path = f"controls[{len(controls)}].image"
        controls.append(control)
        self._not_here(path, made["image"])

    def _not_here(self, path: str, name: Any) -> None:
        self.missing.append(path)
        self.remarks.append(f"{path}: {name} lies in ComfyUI's input folder, not in this file: give it again")

    def _models(self, node: str) -> None:
        """From the sampler back over the LoRAs to the checkpoint; the last LoRA of the chain comes first."""
        start = self.linked(node, "model")
        if start is None and (guider := self.linked(node, "guider")) is not None:
            start = self.linked(guider, "model")
        loras = []
        for part in self._back(start, _MODELS):
            inputs = self.inputs(part)
            if "lora_name" in inputs:
                self.seen.add(part)
                loras.append(self._lora(part))
            name = next((n for n in ("ckpt_name", "unet_name", "model_name") if self.value(part, n)), None)
            if name is not None:
                self.seen.add(part)
                self.words["model"] = self.value(part, name)
                self.remarks.append(f"model: {self.words['model']!r} is a file's name, not a vendor's id")
        if loras:
            self.words["loras"] = loras[::-1]
            self.remarks.append("loras: their names are names of files, not vendors' ids")

    def _lora(self, node: str) -> dict[str, Any]:
        weight = self.value(node, "strength_model")
        clip = self.value(node, "strength_clip")
        made = {"model": self.value(node, "lora_name"), "weight": 1.0 if weight is None else weight}
        return made if clip is None or clip == weight else {**made, "clip_weight": clip}

    def _source(self, chain: list[str], sampler: str) -> None:
        """Where the first sampler starts: an empty latent of some size, or a picture."""
        for node in chain:
            if self.linked(node, "mask") is not None:
                self.missing.append("mask_image")
                self.remarks.append(f"mask_image: {self.kind(node)} repaints a part only; its mask is not in this file")
            if (name := self.value(node, "image")) is not None:
                self.seen.update(chain)
                self._init(str(name), sampler)
                return
            width, height = self.value(node, "width"), self.value(node, "height")
            if width and height:
                self.seen.add(node)
                self.words |= {"width": width, "height": height, "n": self.value(node, "batch_size") or 1}
                return
        self.remarks.append("size: the graph does not say it in a way that is understood")

    def _init(self, name: str, sampler: str) -> None:
        self.words["init_image"] = name
        denoise = self._of(sampler, "denoise")
        self.words["strength"] = 1.0 if denoise is None else denoise
        self._not_here("init_image", name)
        self.remarks.append("steps: ComfyUI runs all of them whatever the strength; others run that share of them")

    def _second_pass(self, chain: list[str], samplers_after: list[str]) -> None:
        """What lies between the first sampler and the saved picture: a larger size, and whether it was drawn again."""
        made: dict[str, Any] = {}
        for node in chain:
            size = {name: self.value(node, name) for name in ("width", "height")}
            scale = next((v for n in ("scale_by", "upscale_by") if (v := self.value(node, n)) is not None), None)
            model = self.linked(node, "upscale_model")
            if all(size.values()) or scale is not None or model is not None:
                self.seen.add(node)
                made |= size if all(size.values()) else {} if scale is None else {"scale": scale}
            if model is not None:
                self.seen.add(model)
                made["upscaler"] = self.value(model, "model_name")
        if samplers_after:
            again = samplers_after[-1]
            made |= {"steps": self._of(again, "steps"), "strength": self._of(again, "denoise")}
        if "width" in made:
            made.pop("scale", None)
        if made:
            self.words["upscale"] = {name: value for name, value in made.items() if value is not None}
        if len(samplers_after) > 1:
            self.remarks.append(f"{len(samplers_after)} further sampling passes; only the first of them is read")

    def _vae(self, chain: list[str]) -> None:
        for node in chain:
            self.seen.update(one for one in [node] if self.linked(one, "vae"))
            loader = self.linked(node, "vae")
            name = self.value(loader, "vae_name") if loader else None
            if loader and name and "vae" not in self.words:
                self.seen.add(loader)
                self.words["vae"] = name
                self.remarks.append(f"vae: {name!r} is a file's name")

    def _unread(self) -> None:
        left = sorted({self.kind(node) for node in self.graph if node not in self.seen})
        if left:
            self.remarks.append(f"not read: {', '.join(left)}")


def _spans(text: str) -> Iterator[Span]:
    """ComfyUI's weights (`comfy/sd1_clip.py`, token_weights): the inner number replaces the outer one."""
    hidden = text.replace("\\)", "\0\1").replace("\\(", "\0\2")
    for part, weight in _weighted(hidden, 1.0):
        yield Span(part.replace("\0\1", ")").replace("\0\2", "("), round(weight, 6))


def _weighted(text: str, weight: float) -> Iterator[tuple[str, float]]:
    for part in _bracketed(text):
        if not (len(part) > 1 and part[0] == "(" and part[-1] == ")"):
            yield part, weight
            continue
        inner, colon, number = part[1:-1].rpartition(":")
        try:
            own = float(number) if colon and inner else math.nan
        except ValueError:
            own = math.nan
        yield from _weighted(part[1:-1], weight * 1.1) if math.isnan(own) else _weighted(inner, own)


def _bracketed(text: str) -> Iterator[str]:
    """Cut *text* into what stands outside of round brackets and what stands in them, brackets included."""
    depth, start = 0, 0
    for place, mark in enumerate(text):
        if mark == "(":
            if depth == 0 and place > start:
                yield text[start:place]
                start = place
            depth += 1
        elif mark == ")" and depth:
            depth -= 1
            if depth == 0:
                yield text[start : place + 1]
                start = place + 1
    if start < len(text):
        yield text[start:]
