"""
What a job costs, in credits, as the page "Intro To Billing" of https://tams-docs.tensor.art says.

Written from the page alone, apart from the client's own calculator, so that the two can be compared.  Where the page
contradicts itself the choice is named in the emulator's deviations.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from attrs import define

from .messages import CreateJob, Diffusion, ImageToAdetailer, ImageToUpscaler, Stage, VideoDiffusion
from .models import base_model

DEFAULT_STEPS = 20

_MEGAPIXEL = 1024 * 1024
_TEXT_TO_VIDEO = {
    "MOCHI_1_10B": "0.45",
    "COGVIDEOX_2B": "0.19",
    "COGVIDEOX_5B": "0.23",
    "COGVIDEOX1_5_5B": "0.93",
    "LTX_VIDEO_2B": "0.05",
    "HUNYUANVIDEO": "0.45",
    "HUNYUANVIDEO_FAST": "0.30",
    "COSMOS_1_7B": "0.73",
    "SKYREELS_V1": "0.91",
    "WAN_2_1": "0.72",
}
_IMAGE_TO_VIDEO = {**_TEXT_TO_VIDEO, "HUNYUANVIDEO": "0.42", "COSMOS_1_7B": "1.0"}
_FAST = {"HUNYUANVIDEO": "0.5", "LTX_VIDEO_2B": "0.6", "COGVIDEOX1_5_5B": "0.5", "WAN_2_1": "0.67"}


def by_steps(steps: int) -> Decimal:
    """CEIL(STEPS / 5) / 5."""
    return Decimal(-(-steps // 5)) / 5


def by_area(width: int, height: int, halves: int = 2) -> Decimal:
    """CEIL(WIDTH * HEIGHT / 1024 / 1024 * 2) / 2; the upscaler of FLUX.1 has 3 in place of the inner 2."""
    return Decimal(-(-width * height * halves // _MEGAPIXEL)) / 2


def model_factor(family: str) -> int:
    """1, for FLUX 2."""
    return 2 if is_flux(family) else 1


def is_flux(family: str) -> bool:
    """Whether *family* is FLUX.1."""
    return family.upper().startswith("FLUX")


def job_credits(job: CreateJob) -> Decimal:
    """Return the sum over the stages of *job*."""
    bill = _Bill(source=_diffusion_stage(job.stages))
    for stage in job.stages:
        bill.add(stage)
    return bill.total


def sampler_credits(steps: Iterable[tuple[int, int, str]]) -> Decimal:
    """Return what a workflow costs: for each sampler its steps, pictures and model family."""
    return sum((model_factor(family) * count * by_steps(n) for n, count, family in steps), Decimal(0))


def video_credits(video: VideoDiffusion, family: str) -> Decimal:
    """(Total Frames + 1) * coefficient * discount * 1.25, to the cent of a credit."""
    table = _IMAGE_TO_VIDEO if video.inp.args else _TEXT_TO_VIDEO
    if family == "PYRAMID_FLOW_MINIFLUX":
        coefficient = "0.09" if (video.width, video.height) == (640, 384) else "0.29"
    else:
        coefficient = table.get(family, "1.0")
    discount = _FAST.get(family, "1.0") if video.generation_mode == "FAST" else "1.0"
    exact = (video.total_frames + 1) * Decimal(coefficient) * Decimal(discount) * Decimal("1.25")
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _diffusion_stage(stages: Iterable[Stage]) -> Diffusion | None:
    return next((stage.diffusion for stage in stages if stage.type == "DIFFUSION" and stage.diffusion), None)


@define
class _Bill:
    """The sum so far, and what the next stage inherits."""

    source: Diffusion | None  # the DIFFUSION stage, whose steps and model all stages take
    count: int = 1
    size: tuple[int, int] | None = None
    total: Decimal = Decimal(0)

    def add(self, stage: Stage) -> None:
        """Add one stage."""
        if stage.type == "INPUT_INITIALIZE" and stage.input_initialize:
            self.count = stage.input_initialize.count or 1
        elif stage.type == "DIFFUSION" and stage.diffusion:
            self.size = (stage.diffusion.width, stage.diffusion.height)
            self.total += self._factor(stage.diffusion) * by_steps(stage.diffusion.steps or DEFAULT_STEPS)
        elif stage.type == "IMAGE_TO_UPSCALER" and stage.image_to_upscaler:
            self._upscaler(stage.image_to_upscaler)
        elif stage.type == "IMAGE_TO_ADETAILER" and stage.image_to_adetailer:
            self._detailer(stage.image_to_adetailer)
        elif stage.type == "IMAGE_TO_INPAINT" and stage.image_to_inpaint:
            settings = self.source or stage.image_to_inpaint.diffusion or Diffusion()
            self._redraw(settings, settings.steps or DEFAULT_STEPS)
        elif stage.type == "VIDEO_DIFFUSION" and stage.video_diffusion:
            video = stage.video_diffusion
            self.total += self.count * video_credits(video, base_model(video.sd_model))

    def _factor(self, settings: Diffusion) -> int:
        return model_factor(base_model(settings.sd_model)) * self.count

    def _redraw(self, settings: Diffusion, steps: int) -> None:
        self.size = self.size or (settings.width, settings.height)
        self.total += self._factor(settings) * by_steps(steps) * by_area(*self.size)

    def _detailer(self, stage: ImageToAdetailer) -> None:
        settings = self.source or stage.diffusion or Diffusion()
        for arg in stage.args:
            inherited = self.source.steps or DEFAULT_STEPS if self.source else arg.ad_steps
            self._redraw(settings, inherited)

    def _upscaler(self, stage: ImageToUpscaler) -> None:
        settings = self.source or stage.diffusion or Diffusion()
        width, height = self.size or (settings.width, settings.height)
        if stage.hr_scale:
            scale = Decimal(str(stage.hr_scale))
            self.size = (int(width * scale), int(height * scale))
        else:
            self.size = (stage.hr_resize_x or width, stage.hr_resize_y or height)
        halves = 3 if is_flux(base_model(settings.sd_model)) else 2
        steps = by_steps(stage.hr_second_pass_steps)
        self.total += self._factor(settings) * steps * by_area(*self.size, halves)
