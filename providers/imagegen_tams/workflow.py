"""
Workflow jobs: a ComfyUI graph of the user's own (`WorkflowRequest`), checked, priced by the vendor, and run.

Page "workflow" of https://tams-docs.tensor.art: `POST /v1/jobs/workflow` with the nodes under `params`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from imagegen.flow import Call
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context
from imagegen.request import ImageInput, WorkflowRequest

from . import graph as graphs
from . import options
from .settings import NAME, base_url
from .stages import REQUEST_ID
from .uploads import slot, wanted
from .wire import CheckWorkflow, CreateWorkflowJob, WorkflowNode, encode


def plan(request: WorkflowRequest, context: Context) -> Plan:
    """Draft the check, which is free, and the job."""
    book = Notebook(request, NAME)
    nodes, problems = graphs.read_graph(request.graph)
    for problem in (*problems, *graphs.faults(nodes)):
        book.block(problem.path, problem.reason, problem.code)
    count = f"{len(nodes)} nodes"
    book.exact("graph", "params", count, requested=count)
    for key in graphs.strange_keys(nodes):
        reason = f"no page says that a {nodes[key].class_type} reads an access key"
        book.approximated(f"graph.{key}.inputs.access_key", "<secret>", f"params.{key}", reason, "access_key_node")
    nodes = _seeded(request, nodes, book)
    pictures = _pictures(request, nodes, context, book)
    nodes = {key: _with_slots(key, node, pictures) for key, node in nodes.items()}
    body = encode(CreateWorkflowJob(request_id=REQUEST_ID, params=nodes, running_notify_url=context.hook))
    options.apply(body, request.provider_options.get(NAME, {}), book)
    base = base_url(context.settings)
    return Plan(
        provider=NAME,
        request=request,
        calls=(check_call(base, nodes), job_call(base, body)),
        notes=book.finish(),
        blockers=tuple(book.blockers),
        facts={
            "kind": "workflow",
            "base_url": base,
            "family": None,
            "uploads": [wanted(context, path) for path in pictures],
        },
    )


def job_call(base: str, body: Mapping[str, Any]) -> Call:
    """Return the call that pays for a graph."""
    return Call(method="POST", url=f"{base}/v1/jobs/workflow", json=body, pays=True, key=REQUEST_ID)


def check_call(base: str, nodes: Mapping[str, WorkflowNode]) -> Call:
    """Return the free call that says whether a graph is valid and what it costs."""
    body = encode(CheckWorkflow(params=nodes))
    return Call(method="POST", url=f"{base}/v1/jobs/workflow/params/check", json=body, purpose="check")


def _pictures(
    request: WorkflowRequest, nodes: Mapping[str, WorkflowNode], context: Context, book: Notebook
) -> list[str]:
    """Return which inputs of nodes are pictures of the user's, and note them; other names are ids at the vendor."""
    given = [
        f"graph.{key}.inputs.{name}"
        for key, node in nodes.items()
        for name, value in node.inputs.items()
        if isinstance(value, ImageInput)
    ]
    names = request.image_names()
    given += [path for path, name in names.items() if path in context.images or ImageInput(name).is_url]
    for path in given:
        place = path.replace("graph.", "params.", 1)
        book.exact(path, place, slot(path), requested=names.get(path, "a picture"), reason="uploaded first, free")
    for path in names.keys() - set(given):
        place = path.replace("graph.", "params.", 1)
        reason = "no file here has this name, so it is taken for the id of a resource"
        book.exact(path, place, names[path], requested=names[path], reason=reason)
    return given


def _with_slots(key: str, node: WorkflowNode, pictures: list[str]) -> WorkflowNode:
    inputs = {
        name: slot(path) if (path := f"graph.{key}.inputs.{name}") in pictures else value
        for name, value in node.inputs.items()
    }
    return attrs.evolve(node, inputs=inputs)


def _seeded(request: WorkflowRequest, nodes: dict[str, WorkflowNode], book: Notebook) -> dict[str, WorkflowNode]:
    if request.seed is None:
        return nodes
    nodes, count = graphs.with_seed(nodes, request.seed)
    if count:
        book.exact("seed", "params.*.inputs.seed", request.seed)
    else:
        book.dropped("seed", "no node of the graph takes a seed as a number", "no_seed_node")
    return nodes
