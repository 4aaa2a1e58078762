"""
A neutral request as a ComfyUI graph: `plan(request, provider="tams", form="workflow")`.

Gives what stages cannot: every sampler and schedule of ComfyUI by its exact name, two weights per LoRA, seeds of 64
bits.  Only nodes of ComfyUI itself are used (Comfy-Org/ComfyUI@a125cd84 `nodes.py`).

ComfyUI builds the schedule for `steps / denoise` and runs the last `steps` of it, where A1111 and TAMS's stages run
`int(min(strength, 0.999) * steps) + 1` of `steps`.  `recipe` says the same steps in ComfyUI's words.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from imagegen import prompts, samplers
from imagegen.defaults import DEFAULTS
from imagegen.families import snap_size
from imagegen.flow import Call
from imagegen.placeholders import Slot
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context
from imagegen.request import GenerationRequest, Upscale

from . import options, vocabulary
from .desk import Desk, note_key, resolve_model
from .passes import conversion
from .settings import NAME, base_url
from .stages import MAX_COUNT, REQUEST_ID, passes_of, split
from .uploads import slot, wanted
from .wire import CreateWorkflowJob, WorkflowNode, encode
from .workflow import job_call

Link = list[Any]  # [node, output]

_LATENT_METHODS = {
    "Latent": "bilinear",
    "Latent (bicubic)": "bicubic",
    "Latent (nearest)": "nearest-exact",
    "Latent (nearest-exact)": "nearest-exact",
}
_PIXEL_METHODS = {"Lanczos": "lanczos", "Nearest": "nearest-exact"}


def plan(request: GenerationRequest, context: Context) -> Plan:
    """Draft the graph, once per call."""
    desk = Desk(request=request, context=context, book=Notebook(request, NAME), where="params")
    counts = split(request.n, MAX_COUNT)
    calls: list[Call] = []
    graph = _Graph(desk=desk)
    size = graph.build(counts[0])
    base = base_url(context.settings)
    body = encode(CreateWorkflowJob(request_id=REQUEST_ID, params=graph.nodes, running_notify_url=context.hook))
    options.apply(body, request.provider_options.get(NAME, {}), desk.book)
    before = 0
    for count in counts:
        calls.append(job_call(base, {**body, "params": graph.shifted(body["params"], before, count)}))
        before += count
    _n(desk, counts)
    uploads = [wanted(context, "init_image")] if request.init_image is not None else []
    if request.mask_image is not None:
        uploads.append(wanted(context, "mask_image", conversion(desk)))
    family = desk.family
    return Plan(
        provider=NAME,
        request=request,
        calls=tuple(calls),
        notes=desk.book.finish(),
        blockers=tuple(desk.book.blockers),
        facts={
            "kind": "workflow",
            "base_url": base,
            "family": family.name if family else None,
            "width": size[0],
            "height": size[1],
            "uploads": uploads,
        },
    )


def recipe(steps: int, strength: float) -> tuple[int, float]:
    """
    Return ComfyUI's `steps` and `denoise` that run exactly the steps that A1111 runs.

    >>> recipe(20, 0.5)
    (11, 0.5365853658536586)
    """
    run = min(int(min(strength, 0.999) * steps) + 1, steps)
    return run, 1.0 if run == steps else run / (steps + 0.5)


def _n(desk: Desk, counts: tuple[int, ...]) -> None:
    place = "params.*.inputs.batch_size"
    if len(counts) == 1:
        desk.book.exact("n", place, counts[0])
    else:
        reason = f"{len(counts)} calls of at most {counts[0]}, each with the seed shifted by the pictures before"
        desk.book.emulated("n", list(counts), place, reason, "split")


@define
class _Graph:
    """The nodes, numbered as they are added, and the links that the next part continues from."""

    desk: Desk
    nodes: dict[str, WorkflowNode] = field(factory=dict)
    model: Link = field(factory=list)
    clip: Link = field(factory=list)
    vae: Link = field(factory=list)
    batch: str = ""

    def add(self, class_type: str, **inputs: Any) -> str:
        """Add a node and return its name."""
        name = str(len(self.nodes) + 1)
        given = {key: value for key, value in inputs.items() if value is not None}
        self.nodes[name] = WorkflowNode(class_type=class_type, inputs=given)
        return name

    def build(self, count: int) -> tuple[int, int]:
        """Add everything; return the size that comes out."""
        request = self.desk.request
        self._loaders()
        positive, negative = self._prompts()
        size = self._size()
        start, steps, denoise = self._start(size, count)
        latent = self._sample(start, positive, negative, steps, denoise)
        if request.upscale is not None:
            latent, size = self._upscale(latent, positive, negative, size)
        image = [self.add("VAEDecode", samples=latent, vae=self.vae), 0]
        self.add("SaveImage", filename_prefix="imagegen", images=image)
        self._left_out()
        return size

    def shifted(self, params: dict[str, Any], before: int, count: int) -> dict[str, Any]:
        """Return the graph of one call: its number of pictures, and the seed shifted by those before."""
        made = {}
        for key, node in params.items():
            inputs = dict(node["inputs"])
            if "seed" in inputs:
                inputs["seed"] = _seed(self.desk.request.seed, before)
            if key == self.batch:
                inputs["amount" if "amount" in inputs else "batch_size"] = count
            made[key] = {**node, "inputs": inputs}
        return made

    # --- what is loaded

    def _loaders(self) -> None:
        desk, request = self.desk, self.desk.request
        found = resolve_model(desk, "model", desk.checkpoint, "checkpoint", "params.1.inputs.ckpt_name")
        given = request.model.access_key if request.model else None
        key = note_key(desk, "model.access_key", given, found, "params.1.inputs.access_key")
        loader = self.add("CheckpointLoaderSimple", ckpt_name=found.id, access_key=key)
        self.model, self.clip, self.vae = [loader, 0], [loader, 1], [loader, 2]
        for index in range(len(request.loras)):
            self._lora(index)
        self._clip_skip()
        self._vae()

    def _lora(self, index: int) -> None:
        lora, path = self.desk.request.loras[index], f"loras[{index}]"
        place = f"params.{len(self.nodes) + 1}.inputs"
        found = resolve_model(self.desk, f"{path}.model", lora.model, "lora", f"{place}.lora_name")
        key = note_key(self.desk, f"{path}.access_key", lora.access_key, found, f"{place}.access_key")
        self.desk.book.exact(f"{path}.weight", f"{place}.strength_model")
        if lora.clip_weight is not None:
            self.desk.book.exact(f"{path}.clip_weight", f"{place}.strength_clip")
        node = self.add(
            "LoraLoader",
            lora_name=found.id,
            strength_model=lora.weight,
            strength_clip=lora.weight if lora.clip_weight is None else lora.clip_weight,
            model=self.model,
            clip=self.clip,
            access_key=key,
        )
        self.model, self.clip = [node, 0], [node, 1]

    def _clip_skip(self) -> None:
        skip, family = self.desk.request.clip_skip, self.desk.family
        if skip is None:
            return
        effective = family.clip_skip.effective(skip) if family else (skip if skip > 1 else None)
        if effective is None:
            reason = "off, or what this family does anyway: no node needed"
            self.desk.book.exact("clip_skip", "", None, reason=reason)
            return
        node = self.add("CLIPSetLastLayer", stop_at_clip_layer=-effective, clip=self.clip)
        self.clip = [node, 0]
        self.desk.book.exact("clip_skip", f"params.{node}.inputs.stop_at_clip_layer", -effective)

    def _vae(self) -> None:
        wanted_vae = self.desk.request.vae
        if wanted_vae is None:
            return
        name = vocabulary.pick("vaes", wanted_vae)
        if name in ("Automatic", "None"):
            self.desk.book.exact("vae", "", name, reason="the checkpoint's own")
        elif name is None:
            self.desk.book.dropped("vae", f"{wanted_vae!r} is not in the list of VAEs", "unknown_vae")
        else:
            node = self.add("VAELoader", vae_name=name)
            self.vae = [node, 0]
            reason = "the list of VAEs is that of stage jobs; no page says that graphs have the same"
            place = f"params.{node}.inputs.vae_name"
            self.desk.book.approximated("vae", name, place, reason, "undocumented_vae")

    # --- what is said

    def _prompts(self) -> tuple[Link, Link]:
        request = self.desk.request
        positive: Link = [self._text("prompt", request.prompt), 0]
        negative: Link = [self._text("negative_prompt", request.negative_prompt), 0]
        if request.distilled_guidance is not None:
            node = self.add("FluxGuidance", guidance=request.distilled_guidance, conditioning=positive)
            self.desk.book.exact("distilled_guidance", f"params.{node}.inputs.guidance")
            positive = [node, 0]
        return positive, negative

    def _text(self, path: str, text: str | None) -> str:
        said = prompts.to_comfy(prompts.parse(text or ""))
        node = self.add("CLIPTextEncode", text=said, clip=self.clip)
        if text is None:
            return node
        place, lost = f"params.{node}.inputs.text", prompts.constructs(text) - {"de-emphasis"}
        if lost:
            reason = f"ComfyUI has no {', '.join(sorted(lost))}"
            self.desk.book.approximated(path, said, place, reason, "prompt_syntax")
        elif said != text:
            self.desk.book.adjusted(path, said, place, "weights as ComfyUI reads them", "prompt_syntax")
        else:
            self.desk.book.exact(path, place)
        return node

    # --- what is drawn

    def _size(self) -> tuple[int, int]:
        request = self.desk.request
        asked = (request.width or DEFAULTS["width"], request.height or DEFAULTS["height"])
        sent = snap_size(*asked, 8)
        for name, want, gets in (("width", asked[0], sent[0]), ("height", asked[1], sent[1])):
            place = f"params.*.inputs.{name}"
            if want == gets:
                self.desk.book.exact(name, place, gets)
            else:
                self.desk.book.adjusted(name, gets, place, "sides are multiples of 8", "size")
        return sent

    def _start(self, size: tuple[int, int], count: int) -> tuple[Link, int, float]:
        """Return the latent to begin with, and how many steps at what denoise."""
        request, book = self.desk.request, self.desk.book
        steps = request.steps or int(DEFAULTS["steps"])
        if request.init_image is None:
            self.batch = self.add("EmptyLatentImage", width=size[0], height=size[1], batch_size=count)
            book.exact("steps", "params.*.inputs.steps", steps)
            return [self.batch, 0], steps, 1.0
        strength = request.strength if request.strength is not None else float(DEFAULTS["strength"])
        run, denoise = recipe(steps, strength)
        book.exact("steps", "params.*.inputs.steps", run, reason=f"{run} of {steps} run at strength {strength}")
        book.exact("strength", "params.*.inputs.denoise", denoise, reason="the same steps in ComfyUI's words")
        return self._from_picture(size, count), run, denoise

    def _from_picture(self, size: tuple[int, int], count: int) -> Link:
        self.desk.book.exact("init_image", "params.*.inputs.image", slot("init_image"))
        image: Link = [self.add("LoadImage", image=slot("init_image")), 0]
        known = self.desk.context.images.get("init_image")
        if known is None or (known.width, known.height) != size:
            image = [self._scale(image, "lanczos", size), 0]
        latent: Link = [self.add("VAEEncode", pixels=image, vae=self.vae), 0]
        if self.desk.request.mask_image is not None:
            latent = self._masked(latent)
        if self.desk.request.n > 1:
            self.batch = self.add("RepeatLatentBatch", samples=latent, amount=count)
            latent = [self.batch, 0]
        return latent

    def _masked(self, latent: Link) -> Link:
        book, how = self.desk.book, self.desk.request.inpaint
        mask = self.add("LoadImageMask", image=slot("mask_image"), channel="red")
        reason = "sent as a black and white JPEG, white = repaint"
        book.adjusted("mask_image", slot("mask_image"), f"params.{mask}.inputs.image", reason, "mask_jpeg")
        if how is not None:
            self._inpaint_notes()
        return [self.add("SetLatentNoiseMask", samples=latent, mask=[mask, 0]), 0]

    def _inpaint_notes(self) -> None:
        book, how = self.desk.book, self.desk.request.inpaint
        assert how is not None
        if how.fill == "original":
            book.exact("inpaint.fill", "params.*.inputs.mask")
        else:
            reason = "a latent noise mask keeps the original below"
            book.approximated("inpaint.fill", "original", "params.*.inputs.mask", reason, "fill")
        if how.invert:
            book.emulated("inpaint.invert", None, "", "the mask is inverted before upload")
        else:
            book.exact("inpaint.invert", "", False)
        for name in ("mask_blur", "only_masked", "padding"):
            book.dropped(f"inpaint.{name}", "no node of ComfyUI itself does it", "no_node")

    def _sample(self, latent: Link, positive: Link, negative: Link, steps: int, denoise: float) -> Link:
        name, scheduler = self._sampler()
        request, book = self.desk.request, self.desk.book
        cfg = request.cfg_scale if request.cfg_scale is not None else float(DEFAULTS["cfg_scale"])
        node = self._ksampler(latent, positive, negative, steps, denoise, (name, scheduler), cfg)
        book.exact("cfg_scale", f"params.{node}.inputs.cfg", cfg)
        if request.seed is not None:
            reason = "repeats the picture at this vendor only: noise is drawn differently elsewhere"
            book.exact("seed", f"params.{node}.inputs.seed", request.seed, reason=reason)
        return [node, 0]

    def _ksampler(
        self,
        latent: Link,
        positive: Link,
        negative: Link,
        steps: int,
        denoise: float,
        solver: tuple[str, str],
        cfg: float,
    ) -> str:
        return self.add(
            "KSampler",
            seed=_seed(self.desk.request.seed, 0),
            steps=steps,
            cfg=cfg,
            sampler_name=solver[0],
            scheduler=solver[1],
            denoise=denoise,
            model=self.model,
            positive=positive,
            negative=negative,
            latent_image=latent,
        )

    def _sampler(self) -> tuple[str, str]:
        request, book = self.desk.request, self.desk.book
        sampler = request.sampler or str(DEFAULTS["sampler"])
        schedule = request.schedule or samplers.default_schedule(sampler)
        found, row = samplers.comfy_name(sampler, schedule), samplers.row(sampler, schedule)
        if found is None:
            reason = f"ComfyUI has no {sampler} with schedule {schedule}"
            book.block("sampler", reason, "sampler_not_offered")
            book.dropped("sampler", reason, "sampler_not_offered")
            book.dropped("schedule", reason, "sampler_not_offered")
            return "dpmpp_2m", "karras"
        places = "params.*.inputs.sampler_name", "params.*.inputs.scheduler"
        book.exact("sampler", places[0], found[0])
        if row is None or row.comfy_grade == "exact":
            book.exact("schedule", places[1], found[1])
        else:
            reason = f"ComfyUI's steps of it are {row.comfy_grade}, not equal to A1111's"
            book.approximated("schedule", found[1], places[1], reason, "schedule_near")
        return found

    # --- larger

    def _upscale(
        self, latent: Link, positive: Link, negative: Link, base: tuple[int, int]
    ) -> tuple[Link, tuple[int, int]]:
        wish, book = self.desk.request.upscale or Upscale(), self.desk.book
        asked = wish.size(*base)
        size = snap_size(*asked, 8)
        place = f"params.{len(self.nodes) + 1}.inputs"
        for path, value in (("scale", f"{size[0]}x{size[1]}"), ("width", size[0]), ("height", size[1])):
            if getattr(wish, path) is None:
                continue
            if asked == size:
                book.exact(f"upscale.{path}", f"{place}.width", value)
            else:
                book.adjusted(f"upscale.{path}", value, f"{place}.width", "sides are multiples of 8", "size")
        larger = self._larger(latent, size, wish)
        steps, denoise = recipe(wish.steps or 10, 0.3 if wish.strength is None else wish.strength)
        for path, sent in (("steps", steps), ("strength", denoise)):
            book.exact(f"upscale.{path}", f"params.{len(self.nodes) + 1}.inputs", sent)
        cfg = self.desk.request.cfg_scale if self.desk.request.cfg_scale is not None else 7.0
        solver = samplers.comfy_name(
            self.desk.request.sampler or str(DEFAULTS["sampler"]), self.desk.request.schedule
        ) or ("dpmpp_2m", "karras")
        return [self._ksampler(larger, positive, negative, steps, denoise, solver, cfg), 0], size

    def _larger(self, latent: Link, size: tuple[int, int], wish: Upscale) -> Link:
        name = vocabulary.pick("upscalers", wish.upscaler) if wish.upscaler else None
        if name in _LATENT_METHODS:
            node = self.add(
                "LatentUpscale",
                upscale_method=_LATENT_METHODS[name],
                width=size[0],
                height=size[1],
                crop="disabled",
                samples=latent,
            )
            self.desk.book.exact("upscale.upscaler", f"params.{node}.inputs.upscale_method", name)
            return [node, 0]
        image: Link = [self.add("VAEDecode", samples=latent, vae=self.vae), 0]
        method = _PIXEL_METHODS.get(name or "", "lanczos")
        node = self._scale(image, method, size)
        place = f"params.{node}.inputs.upscale_method"
        if name in _PIXEL_METHODS:
            self.desk.book.exact("upscale.upscaler", place, method)
        else:
            reason = "no page names the upscaling models of graphs; enlarged with lanczos"
            self.desk.book.approximated("upscale.upscaler", method, place, reason, "upscaler_in_graph")
        return [self.add("VAEEncode", pixels=[node, 0], vae=self.vae), 0]

    def _scale(self, image: Link, method: str, size: tuple[int, int]) -> str:
        return self.add(
            "ImageScale", upscale_method=method, width=size[0], height=size[1], crop="disabled", image=image
        )

    def _left_out(self) -> None:
        """Say what a graph of ComfyUI's own nodes cannot do; stage jobs can."""
        request, book = self.desk.request, self.desk.book
        reason = "not in the graph form; the stage form has it"
        bare = [f"detailers[{index}]" for index in range(len(request.detailers))]  # has no leaf of its own
        for path in (*bare, *book.leaves):
            if path.startswith(("embeddings[", "controls[", "detailers[")):
                book.dropped(path, reason, "stage_form_only")
        order = passes_of(request)
        if "diffusion" not in order and request.passes is not None:
            book.block("passes", "the graph form starts with a diffusion", "order")


def _seed(seed: int | None, shift: int) -> int | Slot:
    return Slot("seed", shift) if seed is None else (seed + shift) % 2**64
