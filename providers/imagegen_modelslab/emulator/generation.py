"""
text2img, img2img, inpaint and controlnet, in every generation of the API: from a body to a job, from a job to pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from imagegen.emulator import Response
from imagegen.emulator.effects import find
from imagegen.emulator.faults import Fault
from imagegen.emulator.world import World

from . import jobs, models
from .endpoints import ENDPOINTS, Endpoint
from .exchange import Exchange, Service
from .jobs import Job, Work
from .meta import describe
from .order import Order, read_order
from .painting import Canvas, inputs, paint, size_of

_USUAL = (512, 512)
_WIDEST = 1024


def generate(call: Exchange) -> Response:
    """Take an order for pictures."""
    endpoint = ENDPOINTS[call.path]
    faults = jobs.faults_of(call, str(call.body.get("prompt") or ""))
    if early := jobs.refused(faults, legacy=endpoint.dialect.legacy):
        return early
    order = _understood(call.body, endpoint, faults)
    for name in order.models:
        models.require(call, name)
    canvas = _canvas(call, endpoint, order, faults)
    work = Work(
        dialect=endpoint.dialect,
        prompt=order.prompt_sent,
        seconds=canvas.steps * order.samples * call.world.rules.seconds_per_step,
        pictures=order.samples,
        base64=order.base64,
        temp=order.temp,
        instant=order.instant,
        webhook=order.webhook,
        track_id=order.track_id,
        meta=lambda name: describe(endpoint, order, canvas, name),
        recipe={
            "seed": canvas.seed,
            "steps": canvas.steps,
            "width": canvas.width,
            "height": canvas.height,
        },
    )
    return jobs.run(call, work, faults, pictures)


def pictures(service: Service, world: World, job: Job) -> Sequence[bytes]:
    """Paint the pictures of a job."""
    endpoint = ENDPOINTS[job["path"]]
    faults = tuple(Fault(name, value) for name, value in job["faults"])
    order = _understood(job["body"], endpoint, faults)
    canvas = Canvas(title=service.title, images=inputs(world, order), **job["recipe"])
    return [paint(order, canvas, number, faults) for number in range(order.samples)]


def _understood(body: Mapping[str, Any], endpoint: Endpoint, faults: Sequence[Fault]) -> Order:
    """Read an order; LoRAs that are ignored on purpose are missing in the answer's `meta` too."""
    order = read_order(body, endpoint.kind, endpoint.dialect.defaults, endpoint.required)
    return evolve(order, loras=(), lora_strength=1) if find(faults, "ignore_loras") else order


def _canvas(call: Exchange, endpoint: Endpoint, order: Order, faults: Sequence[Fault]) -> Canvas:
    brought = inputs(call.world, order)
    width, height = _size(endpoint, order, brought)
    other_seed, other_steps = find(faults, "seed"), find(faults, "steps")
    seed = order.seed if order.seed is not None else _random_seed(call)
    return Canvas(
        title=call.service.title,
        seed=int(other_seed.number(seed)) if other_seed else seed,
        width=width,
        height=height,
        steps=max(int(other_steps.number(order.steps)), 1) if other_steps else order.steps,
        images=brought,
    )


def _size(endpoint: Endpoint, order: Order, brought: Mapping[str, bytes]) -> tuple[int, int]:
    """The size asked for; where none was, that of the init image as far as it fits."""
    width, height = size_of(brought["init_image"]) if "init_image" in brought else _USUAL
    longer = max(width, height)
    if longer > _WIDEST:
        width, height = max(width * _WIDEST // longer, 1), max(height * _WIDEST // longer, 1)
    if endpoint.sized_by_input:
        return width, height
    return order.width or width, order.height or height


def _random_seed(call: Exchange) -> int:
    """Draw a 32-bit seed, the same ones in every new world."""
    number = call.world.next(call.kind("seed"))
    return int.from_bytes(hashlib.sha256(f"{call.service.name} {number}".encode()).digest()[:4], "big")
