"""The plan of a graph: all rooms in their order, one call for every four pictures, and what a graph leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from imagegen.flow import Call
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context
from imagegen.request import GenerationRequest
from imagegen_tams import options
from imagegen_tams.desk import Desk
from imagegen_tams.passes import conversion
from imagegen_tams.settings import NAME, base_url
from imagegen_tams.stages import MAX_COUNT, REQUEST_ID, note_n, passes_of, split
from imagegen_tams.uploads import wanted
from imagegen_tams.wire import CreateWorkflowJob, encode
from imagegen_tams.workflow import job_call

from .enlarging import enlarge, second_pass
from .loaders import load
from .nodes import Nodes, Size
from .sampling import first_pass, sample, seed_at
from .start import size_of, start
from .words import say


def plan(request: GenerationRequest, context: Context) -> Plan:
    """Draft the graph, once per call."""
    desk = Desk(request=request, context=context, book=Notebook(request, NAME), where="params")
    counts = split(request.n, MAX_COUNT)
    drawing = _draw(desk, counts[0])
    _note_left_out(desk)
    note_n(desk, counts, "params.*.inputs.batch_size")
    body = encode(CreateWorkflowJob(request_id=REQUEST_ID, params=drawing.nodes.made, running_notify_url=context.hook))
    options.apply(body, request.provider_options.get(NAME, {}), desk.book)
    base = base_url(context.settings)
    family = desk.family
    return Plan(
        provider=NAME,
        request=request,
        calls=tuple(_calls(base, body, drawing, counts, request.seed)),
        notes=desk.book.finish(),
        blockers=tuple(desk.book.blockers),
        facts={
            "kind": "workflow",
            "base_url": base,
            "family": family.name if family else None,
            "width": drawing.size[0],
            "height": drawing.size[1],
            "uploads": _uploads(desk),
        },
    )


@frozen
class _Drawing:
    """A whole graph: its nodes, the input that counts pictures, and the size that comes out."""

    nodes: Nodes
    batch: tuple[str, str] | None
    size: Size


def _draw(desk: Desk, count: int) -> _Drawing:
    nodes = Nodes()
    loaded = load(desk, nodes)
    words = say(desk, nodes, loaded.clip)
    size, how = size_of(desk), first_pass(desk)
    begin = start(desk, nodes, loaded.vae, size, count)
    sampler = sample(desk, nodes, loaded, words, begin.latent, how)
    _note_sampled(desk, sampler, how.cfg)
    wish = desk.request.upscale
    if wish is not None:
        larger, size = enlarge(desk, nodes, loaded.vae, (sampler, 0), wish, size)
        sampler = sample(desk, nodes, loaded, words, larger, second_pass(desk, nodes, wish, how))
    image = nodes.decode((sampler, 0), loaded.vae)
    nodes.add("SaveImage", filename_prefix="imagegen", images=image)
    return _Drawing(nodes, begin.batch, size)


def _note_sampled(desk: Desk, sampler: str, cfg: float) -> None:
    desk.book.exact("cfg_scale", f"params.{sampler}.inputs.cfg", cfg)
    if desk.request.seed is not None:
        reason = "repeats the picture at this vendor only: noise is drawn differently elsewhere"
        desk.book.exact("seed", f"params.{sampler}.inputs.seed", desk.request.seed, reason=reason)


def _calls(
    base: str, body: dict[str, Any], drawing: _Drawing, counts: tuple[int, ...], seed: int | None
) -> Iterator[Call]:
    before = 0
    for count in counts:
        yield job_call(base, {**body, "params": _shifted(body["params"], drawing.batch, seed, before, count)})
        before += count


def _shifted(
    params: dict[str, Any], batch: tuple[str, str] | None, seed: int | None, before: int, count: int
) -> dict[str, Any]:
    """Return the graph of one call: its number of pictures, and the seed shifted by those before."""
    made = {}
    for key, node in params.items():
        inputs = dict(node["inputs"])
        if "seed" in inputs:
            inputs["seed"] = seed_at(seed, before)
        if batch is not None and key == batch[0]:
            inputs[batch[1]] = count
        made[key] = {**node, "inputs": inputs}
    return made


def _uploads(desk: Desk) -> list[dict[str, str]]:
    found = []
    if desk.request.init_image is not None:
        found.append(wanted(desk.context, "init_image"))
    if desk.request.mask_image is not None:
        found.append(wanted(desk.context, "mask_image", conversion(desk)))
    return found


def _note_left_out(desk: Desk) -> None:
    """Say what a graph of ComfyUI's own nodes cannot do; stage jobs can."""
    request, book = desk.request, desk.book
    reason = "not in the graph form; the stage form has it"
    bare = [f"detailers[{index}]" for index in range(len(request.detailers))]  # has no leaf of its own
    for path in (*bare, *book.leaves):
        if path.startswith(("embeddings[", "controls[", "detailers[")):
            book.dropped(path, reason, "stage_form_only")
    if request.passes is not None and "diffusion" not in passes_of(request):
        book.block("passes", "the graph form starts with a diffusion", "order")
