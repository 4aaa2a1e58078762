"""
How a sampler runs: which one, for how many steps, at what denoise and CFG.

ComfyUI builds the schedule for `steps / denoise` and runs the last `steps` of it, where A1111 and TAMS's stages run
`int(min(strength, 0.999) * steps) + 1` of `steps`.  `recipe` says the same steps in ComfyUI's words.
"""

from __future__ import annotations

from attrs import frozen

from imagegen import samplers
from imagegen.defaults import DEFAULTS
from imagegen.placeholders import Slot
from imagegen_tams.desk import Desk

from .loaders import Loaded
from .nodes import Link, Nodes
from .words import Words

_STANDS_IN = ("dpmpp_2m", "karras")  # of a plan that is blocked: nothing is sent


@frozen
class Pass:
    """One run of the sampler; *solver* is ComfyUI's `sampler_name` and `scheduler`."""

    steps: int
    denoise: float
    solver: tuple[str, str]
    cfg: float


def first_pass(desk: Desk) -> Pass:
    """Return how the picture is drawn: whole, or the last steps of it where it starts from a picture."""
    request, book = desk.request, desk.book
    steps, denoise = request.steps or int(DEFAULTS["steps"]), 1.0
    if request.init_image is None:
        book.exact("steps", "params.*.inputs.steps", steps)
    else:
        strength = request.strength if request.strength is not None else float(DEFAULTS["strength"])
        run, denoise = recipe(steps, strength)
        book.exact("steps", "params.*.inputs.steps", run, reason=f"{run} of {steps} run at strength {strength}")
        book.exact("strength", "params.*.inputs.denoise", denoise, reason="the same steps in ComfyUI's words")
        steps = run
    cfg = request.cfg_scale if request.cfg_scale is not None else float(DEFAULTS["cfg_scale"])
    return Pass(steps, denoise, _solver(desk), cfg)


def recipe(steps: int, strength: float) -> tuple[int, float]:
    """
    Return ComfyUI's `steps` and `denoise` that run exactly the steps that A1111 runs.

    >>> recipe(20, 0.5)
    (11, 0.5365853658536586)
    """
    run = min(int(min(strength, 0.999) * steps) + 1, steps)
    return run, 1.0 if run == steps else run / (steps + 0.5)


def sample(desk: Desk, nodes: Nodes, loaded: Loaded, words: Words, latent: Link, how: Pass) -> str:
    """Add a sampler and return its name."""
    return nodes.add(
        "KSampler",
        seed=seed_at(desk.request.seed, 0),
        steps=how.steps,
        cfg=how.cfg,
        sampler_name=how.solver[0],
        scheduler=how.solver[1],
        denoise=how.denoise,
        model=loaded.model,
        positive=words.positive,
        negative=words.negative,
        latent_image=latent,
    )


def seed_at(seed: int | None, shift: int) -> int | Slot:
    """Return the seed after *shift* pictures; seeds have 64 bits here and begin again at 0."""
    return Slot("seed", shift) if seed is None else (seed + shift) % 2**64


def _solver(desk: Desk) -> tuple[str, str]:
    request, book = desk.request, desk.book
    sampler = request.sampler or str(DEFAULTS["sampler"])
    schedule = request.schedule or samplers.default_schedule(sampler)
    found, row = samplers.comfy_name(sampler, schedule), samplers.row(sampler, schedule)
    if found is None:
        reason = f"ComfyUI has no {sampler} with schedule {schedule}"
        book.block("sampler", reason, "sampler_not_offered")
        book.dropped("sampler", reason, "sampler_not_offered")
        book.dropped("schedule", reason, "sampler_not_offered")
        return _STANDS_IN
    places = "params.*.inputs.sampler_name", "params.*.inputs.scheduler"
    book.exact("sampler", places[0], found[0])
    if row is None or row.comfy_grade == "exact":
        book.exact("schedule", places[1], found[1])
    else:
        reason = f"ComfyUI's steps of it are {row.comfy_grade}, not equal to A1111's"
        book.approximated("schedule", found[1], places[1], reason, "schedule_near")
    return found
