"""
What a job makes, in words of neither form: stage jobs and workflows both become recipes, and a recipe is painted.

So the same wish said in stages and as a graph gives the same picture with the same facts in it.  Samplers are named
as ComfyUI names them (`dpmpp_2m karras`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from attrs import frozen

_SOLVERS = {
    "Euler a": "euler_ancestral",
    "Euler": "euler",
    "LMS": "lms",
    "Heun": "heun",
    "DPM2": "dpm_2",
    "DPM2 a": "dpm_2_ancestral",
    "DPM++ 2S a": "dpmpp_2s_ancestral",
    "DPM++ 2M": "dpmpp_2m",
    "DPM++ SDE": "dpmpp_sde",
    "DPM++ 2M SDE": "dpmpp_2m_sde",
    "DPM++ 2M SDE Heun": "dpmpp_2m_sde_heun",
    "DPM++ 3M SDE": "dpmpp_3m_sde",
    "DPM fast": "dpm_fast",
    "DPM adaptive": "dpm_adaptive",
    "DDIM": "ddim",
    "DDPM": "ddpm",
    "LCM": "lcm",
    "UniPC": "uni_pc",
}
_SCHEDULES = {
    " Karras": "karras",
    " Exponential": "exponential",
    " SGM Uniform": "sgm_uniform",
    " Simple": "simple",
    " Beta": "beta",
    " Normal": "normal",
    " Uniform": "normal",
}


@frozen(kw_only=True)
class Control:
    """One control net: its model (or module) and guide picture."""

    name: str
    image: str  # resource id
    weight: float = 1.0


@frozen(kw_only=True)
class Sampling:
    """Everything that a run of a sampler is told."""

    prompt: str
    negative_prompt: str = ""
    model: str = ""
    steps: int = 20
    cfg_scale: float = 7.0
    sampler: str = "euler_ancestral normal"
    clip_skip: int = 1
    loras: tuple[tuple[str, float], ...] = ()
    embeddings: tuple[str, ...] = ()
    vae: str = ""
    controls: tuple[Control, ...] = ()
    transparent: bool = False
    extra: tuple[tuple[str, str], ...] = ()  # words that one form has and the other has not


@frozen(kw_only=True)
class Diffuse:
    """Draw; over what is there already when *strength* is set, and then 0 keeps its size."""

    sampling: Sampling
    width: int = 0
    height: int = 0
    strength: float | None = None


@frozen(kw_only=True)
class Inpaint:
    """Draw only where the mask is white, with *alpha* where it is transparent; a size of 0 is that of the picture."""

    sampling: Sampling
    mask: str  # resource id
    width: int = 0
    height: int = 0
    alpha: bool = False
    invert: bool = False
    strength: float = 1.0


@frozen(kw_only=True)
class Upscale:
    """Enlarge to a size, or by a scale."""

    name: str
    width: int = 0
    height: int = 0
    scale: float = 0.0
    steps: int = 0
    strength: float = 0.0

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size that a picture of *width* x *height* gets; the scale wins over the size."""
        if self.scale:
            scale = Decimal(str(self.scale))
            return int(width * scale), int(height * scale)
        return self.width or width, self.height or height


@frozen(kw_only=True)
class Detail:
    """Redo a part (a face, a hand)."""

    name: str
    prompt: str = ""
    words: tuple[tuple[str, str], ...] = ()  # every other argument that was given


@frozen(kw_only=True)
class Film:
    """The last pass of a video: so many frames."""

    frames: int
    fps: int
    sampling: Sampling
    width: int
    height: int


Pass: TypeAlias = Diffuse | Inpaint | Upscale | Detail | Film


@frozen(kw_only=True)
class Recipe:
    """
    How one kind of result is made.

    Attributes:
        about: the settings that the result is described by: those of the first sampler.
        node: the output node of a workflow; "" in a stage job.
        source: the resource that everything starts from; "" = from noise.
        count: how many, each with the next seed.
        seed: None = drawn from the job's id.
    """

    passes: tuple[Pass, ...]
    about: Sampling
    node: str = ""
    source: str = ""
    count: int = 1
    seed: int | None = None

    @property
    def steps(self) -> int:
        """How long it takes, in sampler steps."""
        return self.count * sum(_steps(step) for step in self.passes)


def _steps(step: Pass) -> int:
    if isinstance(step, (Diffuse, Inpaint)):
        return step.sampling.steps
    if isinstance(step, Film):
        return step.frames
    return step.steps if isinstance(step, Upscale) else 10


def solver(label: str, schedule: str = "") -> str:
    """Return a sampler name of the stages (`DPM++ 2M Karras`) as ComfyUI's two; an unknown one stays as it is."""
    base, found = label, ""
    for suffix, name in _SCHEDULES.items():
        if label.endswith(suffix):
            base, found = label.removesuffix(suffix), name
    named = _SOLVERS.get(base, base)
    return f"{named} {schedule or found or ('ddim_uniform' if named == 'ddim' else 'normal')}"


def known_sampler(label: str) -> bool:
    """Whether *label* is a sampler of the lists (a lower-case ComfyUI name counts: FLUX clients send `euler`)."""
    base = solver(label).rpartition(" ")[0]
    return base in _SOLVERS.values()
