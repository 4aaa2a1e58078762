"""
A graph read backwards: from an output node to the noise, and what was met on the way are the passes.

Known classes are understood as ComfyUI runs them; a class that nobody here knows hands on what its first link brings.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator

from attrs import evolve, field, frozen

from . import models
from .errors import INVALID_ARGUMENT, Problem, argument
from .graph import Graph, Node, link_of
from .recipe import Control, Diffuse, Film, Inpaint, Pass, Recipe, Sampling, Upscale

SAMPLER_NODES = ("KSampler", "KSamplerAdvanced", "SamplerCustomAdvanced")
_LATENT_METHODS = {"nearest-exact": "Latent (nearest-exact)", "bilinear": "Latent", "bicubic": "Latent (bicubic)"}
_IMAGE_METHODS = {"lanczos": "Lanczos", "nearest-exact": "Nearest"}
_EMBEDDING = re.compile(r",?\s*\(?embedding:([\w.-]+)(?::[\d.]+)?\)?")


@frozen(kw_only=True)
class Canvas:
    """
    A picture under way.

    Attributes:
        source: the resource that it began with; "" = noise.
        size: of the empty latent.
        pending: an enlargement that no sampler has worked over yet.
        mask: where the next sampler may draw: resource, from its alpha channel, inverted.
    """

    source: str = ""
    size: tuple[int, int] = (512, 512)
    count: int = 1
    seed: int | None = None
    passes: tuple[Pass, ...] = ()
    pending: Upscale | None = None
    mask: tuple[str, bool, bool] | None = None


@frozen(kw_only=True)
class Walk:
    graph: Graph
    runs: dict[str, tuple[int, int, str]] = field(factory=dict)

    def recipe(self, output: Node) -> Recipe:
        """Return what one output node gets."""
        canvas = _settled(self.picture(self.graph.source(output, "images", "image")))
        passes, count = canvas.passes, canvas.count
        about = next((s.sampling for s in passes if isinstance(s, (Diffuse, Inpaint))), Sampling(prompt=""))
        if "WEBP" in output.cls or "Video" in output.cls:
            fps = int(self.number(output, "fps", self.number(output, "frame_rate", 8)))
            film = Film(frames=count, fps=fps, sampling=about, width=canvas.size[0], height=canvas.size[1])
            passes, count = (*passes, film), 1
        return Recipe(passes=passes, about=about, node=output.id, source=canvas.source, count=count, seed=canvas.seed)

    def picture(self, node: Node | None) -> Canvas:
        """Return the canvas that *node* gives, be it a latent or a picture."""
        if node is None:
            return Canvas()
        act = _PICTURES.get(node.cls)
        return act(self, node) if act else self.picture(self._first_link(node))

    # -- where pictures come from --

    def _empty(self, node: Node) -> Canvas:
        size = (int(self.number(node, "width", 512)), int(self.number(node, "height", 512)))
        return Canvas(size=size, count=max(int(self.number(node, "batch_size", 1)), 1))

    def _load(self, node: Node) -> Canvas:
        return Canvas(source=str(self.graph.literal(node, "image", "")))

    def _decode(self, node: Node) -> Canvas:
        canvas = self.picture(self.graph.source(node, "samples", "pixels"))
        loader = self.graph.source(node, "vae")
        vae = str(self.graph.literal(loader, "vae_name", "")) if loader and loader.cls == "VAELoader" else ""
        return evolve(canvas, passes=tuple(_with_vae(step, vae) for step in canvas.passes)) if vae else canvas

    def _encode_for_inpaint(self, node: Node) -> Canvas:
        return evolve(self.picture(self.graph.source(node, "pixels")), mask=self._mask(node))

    def _noise_mask(self, node: Node) -> Canvas:
        return evolve(self.picture(self.graph.source(node, "samples")), mask=self._mask(node))

    def _repeat(self, node: Node) -> Canvas:
        canvas = self.picture(self.graph.source(node, "samples"))
        return evolve(canvas, count=canvas.count * max(int(self.number(node, "amount", 1)), 1))

    # -- larger and smaller --

    def _scale_latent(self, node: Node) -> Canvas:
        method = str(self.graph.literal(node, "upscale_method", ""))
        name = _LATENT_METHODS.get(method, f"Latent ({method})")
        return self._enlarged(node, self.picture(self.graph.source(node, "samples")), name)

    def _scale_image(self, node: Node) -> Canvas:
        canvas = self.picture(self.graph.source(node, "image"))
        method = str(self.graph.literal(node, "upscale_method", ""))
        by_model = canvas.pending.name if canvas.pending else ""
        return self._enlarged(node, canvas, by_model or _IMAGE_METHODS.get(method, method))

    def _scale_by_model(self, node: Node) -> Canvas:
        loader = self.graph.source(node, "upscale_model")
        name = str(self.graph.literal(loader, "model_name", "")) if loader else ""
        name = name.rpartition(".")[0] or name
        factor = float(name[0]) if name[:1].isdigit() and name[1:2] == "x" else 4.0
        canvas = _settled(self.picture(self.graph.source(node, "image")))
        return evolve(canvas, pending=Upscale(name=name, scale=factor))

    def _enlarged(self, node: Node, canvas: Canvas, name: str) -> Canvas:
        pending = Upscale(
            name=name,
            width=int(self.number(node, "width", 0)),
            height=int(self.number(node, "height", 0)),
            scale=self.number(node, "scale_by", 0.0),
        )
        before = canvas.pending
        if before is not None and before.scale and pending.scale:
            pending = evolve(pending, scale=before.scale * pending.scale)
        return evolve(canvas, pending=pending)

    # -- samplers --

    def _sample(self, node: Node) -> Canvas:
        canvas = self.picture(self.graph.source(node, "latent_image"))
        sampling, seed, denoise = self._settings(node)
        self.runs[node.id] = (sampling.steps, canvas.count, self._family(node))
        drawn = evolve(canvas, seed=seed if canvas.seed is None else canvas.seed)
        if canvas.mask is not None:
            resource, alpha, invert = canvas.mask
            drawn = _settled(drawn)
            inpaint = Inpaint(sampling=sampling, mask=resource, alpha=alpha, invert=invert, strength=denoise)
            return evolve(drawn, passes=(*drawn.passes, inpaint), mask=None)
        if canvas.passes and canvas.pending is not None:
            done = evolve(canvas.pending, steps=sampling.steps, strength=denoise)
            return evolve(drawn, passes=(*canvas.passes, done), pending=None)
        if canvas.pending is not None and canvas.pending.scale:
            canvas = _settled(canvas)
        return evolve(drawn, passes=(*canvas.passes, _diffuse(canvas, sampling, denoise)), pending=None)

    def _settings(self, node: Node) -> tuple[Sampling, int, float]:
        """Return what a sampler is told: its settings, seed and denoise."""
        guider, noise, select, sigmas = (
            self.graph.source(node, name) or node for name in ("guider", "noise", "sampler", "sigmas")
        )
        steps = int(self.number(sigmas, "steps", 20))
        denoise = self.number(sigmas, "denoise", 1.0)
        if node.cls == "KSamplerAdvanced":
            denoise = max(1 - self.number(node, "start_at_step", 0) / max(steps, 1), 0.0)
        model, loras = self._net(guider)
        words = self._words(self.graph.source(guider, "positive", "conditioning"))
        negative = self._words(self.graph.source(guider, "negative"))
        sampler = self.graph.literal(select, "sampler_name", "euler")
        sampling = Sampling(
            prompt=words.prompt,
            negative_prompt=negative.prompt,
            model=model,
            steps=steps,
            cfg_scale=self.number(guider, "cfg", 1.0),
            sampler=f"{sampler} {self.graph.literal(sigmas, 'scheduler', 'normal')}",
            clip_skip=words.clip_skip,
            loras=tuple((lora, weight) for lora, weight, _ in loras),
            embeddings=(*words.embeddings, *negative.embeddings),
            controls=words.controls,
            extra=(*words.extra, *_clip_weights(loras)),
        )
        seed = int(self.number(noise, "seed", self.number(noise, "noise_seed", 0)))
        return sampling, seed, denoise

    def _net(self, node: Node) -> tuple[str, list[tuple[str, float, float]]]:
        """Return checkpoint and LoRAs behind a model link, in the order in which they are laid on."""
        loras: list[tuple[str, float, float]] = []
        here = self.graph.source(node, "model")
        while here is not None:
            for name in ("ckpt_name", "unet_name"):
                if name in here.inputs:
                    return str(self.graph.literal(here, name, "")), loras[::-1]
            if "lora_name" in here.inputs:
                weight = self.number(here, "strength_model", 1.0)
                clip = self.number(here, "strength_clip", weight)
                loras.append((str(self.graph.literal(here, "lora_name", "")), weight, clip))
            here = self.graph.source(here, "model") or self._first_link(here)
        return "", loras[::-1]

    def _family(self, node: Node) -> str:
        """Return the model's family: as a loader's `_base_model` has it, else as the site knows it."""
        for here in self.graph.reached(self.graph.source(node, "guider") or node):
            if "ckpt_name" in here.inputs or "unet_name" in here.inputs:
                told = here.inputs.get("_base_model")
                model = str(here.inputs.get("ckpt_name") or here.inputs.get("unet_name"))
                return str(told) if told else models.base_model(model)
        return ""

    # -- words --

    def _words(self, node: Node | None) -> Sampling:
        """Return what a conditioning says: prompt, embeddings, clip skip, controls."""
        if node is None:
            return Sampling(prompt="")
        if "text" in node.inputs:
            return self._text(node)
        before = self._words(self.graph.source(node, "conditioning", "positive") or self._first_link(node))
        if "control_net" in node.inputs:
            control = self._control(node)
            return evolve(before, controls=(*before.controls, control)) if control.image else before
        if node.cls == "FluxGuidance":
            told = ("guidance", json.dumps(self.number(node, "guidance", 3.5)))
            return evolve(before, extra=(*before.extra, told))
        if node.cls == "ConditioningCombine":
            other = self._words(self.graph.source(node, "conditioning_2"))
            return evolve(before, prompt=", ".join(filter(None, (before.prompt, other.prompt))))
        return before

    def _text(self, node: Node) -> Sampling:
        text = str(self.graph.literal(node, "text", ""))
        return Sampling(
            prompt=_EMBEDDING.sub("", text).strip(),
            embeddings=tuple(_EMBEDDING.findall(text)),
            clip_skip=self._clip_skip(node),
        )

    def _clip_skip(self, node: Node) -> int:
        here = self.graph.source(node, "clip")
        while here is not None:
            if "stop_at_clip_layer" in here.inputs:
                return max(int(-self.number(here, "stop_at_clip_layer", -1)), 1)
            here = self.graph.source(here, "clip")
        return 1

    def _control(self, node: Node) -> Control:
        loader = self.graph.source(node, "control_net")
        name = str(self.graph.literal(loader, "control_net_name", "")) if loader else ""
        picture = self.graph.source(node, "image")
        image = self.picture(picture).source if picture else ""
        return Control(name=name.rpartition(".")[0] or name, image=image, weight=self.number(node, "strength", 1.0))

    def _mask(self, node: Node) -> tuple[str, bool, bool] | None:
        """Return the mask behind a link: LoadImage's second output and the alpha channel mean "transparent"."""
        link, invert = node.linked("mask"), False
        while link is not None:
            here = self.graph.nodes[link[0]]
            if here.cls == "InvertMask":
                invert, link = not invert, here.linked("mask")
            elif here.cls == "ImageToMask":
                link = here.linked("image")
            else:
                alpha = here.inputs.get("channel") == "alpha" or (here.cls.endswith("LoadImage") and link[1] == 1)
                return str(self.graph.literal(here, "image", "")), alpha, invert
        return None

    def _first_link(self, node: Node) -> Node | None:
        links = (link_of(value) for value in node.inputs.values())
        return next((self.graph.nodes[link[0]] for link in links if link), None)

    def number(self, node: Node, name: str, default: float) -> float:
        """Return a numeric input."""
        value = self.graph.literal(node, name, default)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            told = f"node id: {node.id}\nclass type: {node.cls}\n{name}: not a number: {value!r}\n"
            raise Problem(INVALID_ARGUMENT, "Params Valid", argument("workflow", told))
        return int(value) if isinstance(value, int) else number


def _diffuse(canvas: Canvas, sampling: Sampling, denoise: float) -> Diffuse:
    """Return the first run over noise, or over a picture that may have been resized before."""
    if not canvas.source and not canvas.passes:
        return Diffuse(sampling=sampling, width=canvas.size[0], height=canvas.size[1])
    resized = canvas.pending or Upscale(name="")
    return Diffuse(sampling=sampling, width=resized.width, height=resized.height, strength=denoise)


def _settled(canvas: Canvas) -> Canvas:
    """Make an enlargement that no sampler worked over a pass of its own."""
    if canvas.pending is None:
        return canvas
    return evolve(canvas, passes=(*canvas.passes, canvas.pending), pending=None)


def _with_vae(step: Pass, vae: str) -> Pass:
    if isinstance(step, (Diffuse, Inpaint)) and not step.sampling.vae:
        return evolve(step, sampling=evolve(step.sampling, vae=vae))
    return step


def _clip_weights(loras: list[tuple[str, float, float]]) -> Iterator[tuple[str, str]]:
    return ((f"strength_clip {lora}", f"{clip:g}") for lora, weight, clip in loras if clip != weight)


_PICTURES: dict[str, Callable[[Walk, Node], Canvas]] = {
    "EmptyLatentImage": Walk._empty,
    "EmptySD3LatentImage": Walk._empty,
    "ImageScale": Walk._scale_image,
    "ImageScaleBy": Walk._scale_image,
    "ImageUpscaleWithModel": Walk._scale_by_model,
    "LatentUpscale": Walk._scale_latent,
    "LatentUpscaleBy": Walk._scale_latent,
    "LoadImage": Walk._load,
    "RepeatLatentBatch": Walk._repeat,
    "SetLatentNoiseMask": Walk._noise_mask,
    "TensorArt_LoadImage": Walk._load,
    "VAEDecode": Walk._decode,
    "VAEEncode": Walk._decode,
    "VAEEncodeForInpaint": Walk._encode_for_inpaint,
    **dict.fromkeys(SAMPLER_NODES, Walk._sample),
}
