"""
Stage jobs: the rules that the pages give for stages, and the recipe that a valid job stands for.

They are on the pages "What's Stage", "txt2img" and "img2img" of https://tams-docs.tensor.art.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from . import models
from .diffusion import DEFAULT_STRENGTH, MAX_PIXELS, check_diffusion, check_size, check_steps, given, join, sampling_of
from .errors import INVALID_ARGUMENT, Problem, bad_argument
from .messages import (
    CreateJob,
    DetailerArg,
    Diffusion,
    ImageToAdetailer,
    ImageToInpaint,
    ImageToUpscaler,
    InputInitialize,
    Prompt,
    Stage,
    VideoDiffusion,
)
from .proto import camel
from .recipe import Control, Detail, Diffuse, Film, Inpaint, Pass, Recipe, Sampling, Upscale

MAX_SEED = 4294967295
_PAYLOADS = {
    "INPUT_INITIALIZE": "input_initialize",
    "DIFFUSION": "diffusion",
    "IMAGE_TO_UPSCALER": "image_to_upscaler",
    "IMAGE_TO_ADETAILER": "image_to_adetailer",
    "IMAGE_TO_INPAINT": "image_to_inpaint",
    "VIDEO_DIFFUSION": "video_diffusion",
}


def compile_job(job: CreateJob) -> Recipe:
    """Return what *job* makes; a `Problem` names the first rule that it breaks."""
    _check_order(job.stages)
    start = next((s.input_initialize for s in job.stages if s.input_initialize), InputInitialize())
    source = _check_start(start, job.stages)
    settings = next((s.diffusion for s in job.stages if s.type == "DIFFUSION" and s.diffusion), None)
    passes: list[Pass] = []
    for number, stage in enumerate(job.stages):
        passes += _passes(stage, settings, source, f"stages[{number}]")
    return Recipe(
        passes=tuple(passes),
        about=_about(job.stages, passes),
        source=source,
        count=start.count or 1,
        seed=start.seed if start.seed > 0 else None,
    )


def prompt_of(job: CreateJob) -> str:
    """Return the job's prompt: of its DIFFUSION stage, else of the first stage that has one."""
    return next((join(prompts) for prompts in _prompts(job) if prompts), "")


def resources_of(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield the path and id of every resource that *recipe* reads."""
    if recipe.source:
        yield "inputInitialize.imageResourceId", recipe.source
    for step in recipe.passes:
        if isinstance(step, Inpaint):
            yield "imageToInpaint.maskImageResourceId", step.mask
        if isinstance(step, (Diffuse, Inpaint, Film)):
            for control in step.sampling.controls:
                yield "controlnet.inputImageResourceId", control.image


def _prompts(job: CreateJob) -> Iterator[tuple[Prompt, ...]]:
    for stage in sorted(job.stages, key=lambda stage: stage.type != "DIFFUSION"):
        for name in list(_PAYLOADS.values())[1:]:
            payload = getattr(stage, name)
            payload = getattr(payload, "diffusion", payload)
            yield getattr(payload, "prompts", ())


def _check_order(stages: tuple[Stage, ...]) -> None:
    if not stages:
        raise bad_argument("stages", "stages is required")
    drawn = False
    for number, stage in enumerate(stages):
        payload = _PAYLOADS.get(stage.type)
        if payload is None:
            raise bad_argument(f"stages[{number}].type", f"unsupported stage type {stage.type}")
        if getattr(stage, payload) is None:
            raise bad_argument(f"stages[{number}].{camel(payload)}", f"{camel(payload)} is required")
        if stage.type == "INPUT_INITIALIZE" and number > 0:
            raise bad_argument(f"stages[{number}].type", "INPUT_INITIALIZE must be the first stage")
        if stage.type == "DIFFUSION" and drawn:
            raise bad_argument(f"stages[{number}].type", "DIFFUSION must be the first stage that makes an image")
        drawn = drawn or stage.type != "INPUT_INITIALIZE"
    if not drawn:
        raise bad_argument("stages", "no stage makes an image")


def _check_start(start: InputInitialize, stages: tuple[Stage, ...]) -> str:
    """Check what INPUT_INITIALIZE says; return its picture."""
    if not 0 <= start.count <= 4:
        raise Problem(INVALID_ARGUMENT, "invalid_samples: Sample count may only be greater then 1")
    if not -1 <= start.seed <= MAX_SEED:
        raise bad_argument("stages[0].inputInitialize.seed", f"seed must not exceed {MAX_SEED}")
    if {"DIFFUSION", "VIDEO_DIFFUSION"} & {stage.type for stage in stages}:
        return start.image_resource_id
    if start.count > 1:
        raise bad_argument("stages[0].inputInitialize.count", "count can only be 1 without a DIFFUSION stage")
    if not start.image_resource_id:
        raise bad_argument("stages[0].inputInitialize.imageResourceId", "imageResourceId is required")
    return start.image_resource_id


def _about(stages: tuple[Stage, ...], passes: list[Pass]) -> Sampling:
    for step in passes:
        if isinstance(step, (Diffuse, Inpaint, Film)):
            return step.sampling
    own = (getattr(getattr(stage, name), "diffusion", None) for stage in stages for name in _PAYLOADS.values())
    return next((sampling_of(settings) for settings in own if settings is not None), Sampling(prompt=""))


def _passes(stage: Stage, settings: Diffusion | None, source: str, path: str) -> list[Pass]:
    if stage.type == "DIFFUSION" and stage.diffusion:
        return _diffusion(stage.diffusion, source, f"{path}.diffusion")
    if stage.type == "IMAGE_TO_UPSCALER" and stage.image_to_upscaler:
        own = _settings(stage.image_to_upscaler.diffusion, settings, f"{path}.imageToUpscaler.diffusion")
        return [_upscale(stage.image_to_upscaler, own, f"{path}.imageToUpscaler")]
    if stage.type == "IMAGE_TO_ADETAILER" and stage.image_to_adetailer:
        _settings(stage.image_to_adetailer.diffusion, settings, f"{path}.imageToAdetailer.diffusion")
        return _details(stage.image_to_adetailer, f"{path}.imageToAdetailer")
    if stage.type == "IMAGE_TO_INPAINT" and stage.image_to_inpaint:
        own = _settings(stage.image_to_inpaint.diffusion, settings, f"{path}.imageToInpaint.diffusion")
        size = (own.width, own.height) if settings is None else (0, 0)  # a DIFFUSION before it has set the size
        return [_inpaint(stage.image_to_inpaint, own, size, f"{path}.imageToInpaint")]
    if stage.type == "VIDEO_DIFFUSION" and stage.video_diffusion:
        return [_film(stage.video_diffusion, f"{path}.videoDiffusion")]
    return []


def _settings(own: Diffusion | None, shared: Diffusion | None, path: str) -> Diffusion:
    """Return the settings of an IMAGE_TO stage: the DIFFUSION stage's win over its own."""
    if shared is not None:
        return shared
    if own is None:
        raise bad_argument(path, "diffusion is required when the job has no DIFFUSION stage")
    check_diffusion(own, path)
    return own


def _diffusion(diffusion: Diffusion, source: str, path: str) -> list[Pass]:
    check_diffusion(diffusion, path)
    sampling = sampling_of(diffusion)
    strength = None
    if source:
        told = diffusion.denoising_strength
        strength = DEFAULT_STRENGTH if told is None else told
    passes: list[Pass] = [Diffuse(sampling=sampling, width=diffusion.width, height=diffusion.height, strength=strength)]
    for arg in diffusion.animate_diff.args[:1]:
        passes.append(
            Film(
                frames=arg.video_length or 16,
                fps=arg.fps or 8,
                sampling=sampling,
                width=diffusion.width,
                height=diffusion.height,
            )
        )
    return passes


def _upscale(stage: ImageToUpscaler, settings: Diffusion, path: str) -> Upscale:
    if not stage.hr_upscaler:
        raise bad_argument(f"{path}.hrUpscaler", "hrUpscaler is required")
    if stage.hr_scale <= 0 and (stage.hr_resize_x < 128 or stage.hr_resize_y < 128):
        raise bad_argument(f"{path}.hrScale", "hrScale, or hrResizeX and hrResizeY of at least 128, is required")
    if not stage.hr_second_pass_steps:
        raise bad_argument(f"{path}.hrSecondPassSteps", "hrSecondPassSteps is required")
    check_steps(stage.hr_second_pass_steps, f"{path}.hrSecondPassSteps")
    step = Upscale(
        name=stage.hr_upscaler,
        width=stage.hr_resize_x,
        height=stage.hr_resize_y,
        scale=stage.hr_scale,
        steps=stage.hr_second_pass_steps,
        strength=stage.denoising_strength,
    )
    width, height = step.size(settings.width, settings.height)
    if width * height > MAX_PIXELS:
        raise bad_argument(f"{path}.hrScale", f"the result must not exceed {MAX_PIXELS} pixels")
    return step


def _details(stage: ImageToAdetailer, path: str) -> list[Pass]:
    if not stage.args:
        raise bad_argument(f"{path}.args", "args is required")
    return [_detail(arg, f"{path}.args[{number}]") for number, arg in enumerate(stage.args)]


def _detail(arg: DetailerArg, path: str) -> Detail:
    check_steps(arg.ad_steps, f"{path}.adSteps")
    if arg.ad_use_checkpoint:
        models.require(arg.ad_checkpoint, f"{path}.adCheckpoint")
    for number, lora in enumerate(arg.lora.items):
        models.require(lora.lora_model, f"{path}.lora.items[{number}].loraModel")
    words = [*given(arg, lambda name: name not in ("ad_model", "ad_prompt", "ad_negative_prompt", "lora"))]
    words += [(f"lora {item.lora_model}", f"{item.weight:g}") for item in arg.lora.items]
    if arg.ad_negative_prompt:
        words.append(("adNegativePrompt", join(arg.ad_negative_prompt)))
    return Detail(name=arg.ad_model, prompt=join(arg.ad_prompt), words=tuple(words))


def _inpaint(stage: ImageToInpaint, settings: Diffusion, size: tuple[int, int], path: str) -> Inpaint:
    if not stage.mask_image_resource_id:
        raise bad_argument(f"{path}.maskImageResourceId", "maskImageResourceId is required")
    sampling = sampling_of(settings)
    words = given(stage, lambda name: name not in ("mask_image_resource_id", "inpaint_mask_invert", "diffusion"))
    strength = settings.denoising_strength
    return Inpaint(
        sampling=attrs.evolve(sampling, extra=(*sampling.extra, *words)),
        mask=stage.mask_image_resource_id,
        width=size[0],
        height=size[1],
        invert=bool(stage.inpaint_mask_invert),
        strength=DEFAULT_STRENGTH if strength is None else strength,
    )


def _film(video: VideoDiffusion, path: str) -> Film:
    models.require(video.sd_model, f"{path}.sdModel")
    check_size(video.width, video.height)
    if not 0 < video.total_frames <= 1000:
        raise bad_argument(f"{path}.totalFrames", "totalFrames is out of range")
    ends = [(arg.start_image_resource_id, arg.end_image_resource_id) for arg in video.inp.args]
    sampling = Sampling(
        prompt=join(video.prompts),
        negative_prompt=join(video.negative_prompts),
        model=video.sd_model,
        loras=tuple((item.lora_model, item.weight) for item in video.lora.items),
        controls=tuple(
            Control(name=name, image=image)
            for pair in ends
            for name, image in zip(("start", "end"), pair, strict=True)
            if image
        ),
        extra=(("generationMode", video.generation_mode),) if video.generation_mode != "DEFAULT" else (),
    )
    return Film(
        frames=video.total_frames, fps=video.fps or 8, sampling=sampling, width=video.width, height=video.height
    )
