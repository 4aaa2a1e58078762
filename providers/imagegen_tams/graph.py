"""
ComfyUI graphs in API format: read in either spelling (`class_type`, `classType`), checked before anything is paid.

What is checked is what ComfyUI itself would refuse: links to nodes that are not there, links to outputs that a known
node does not have, and circles.  The number of outputs is that of Comfy-Org/ComfyUI@a125cd84 `nodes.py`; nodes that
are not in the table are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from imagegen.placeholders import Secret

from .wire import WorkflowNode

ACCESS_NODES = frozenset(  # page "Private model": the nodes that take an access_key
    {
        "CheckpointLoaderSimple",
        "ImageOnlyCheckpointLoader",
        "CheckpointLoaderSimpleWithNoiseSelect",
        "LoraLoader",
        "XY Input: Checkpoint",
        "Efficient Loader",
        "CR Load LoRA",
        "LoraLoaderModelOnly",
        "ttN pipeLoader",
        "LoraLoader|pysssss",
        "CheckpointLoader|pysssss",
    }
)
OUTPUTS: Mapping[str, int] = {
    "CheckpointLoaderSimple": 3,
    "ImageOnlyCheckpointLoader": 3,
    "LoraLoader": 2,
    "LoraLoaderModelOnly": 1,
    "CLIPSetLastLayer": 1,
    "CLIPTextEncode": 1,
    "ControlNetLoader": 1,
    "ControlNetApply": 1,
    "ControlNetApplyAdvanced": 2,
    "EmptyLatentImage": 1,
    "FluxGuidance": 1,
    "ImageScale": 1,
    "ImageScaleBy": 1,
    "ImageUpscaleWithModel": 1,
    "KSampler": 1,
    "KSamplerAdvanced": 1,
    "LatentUpscale": 1,
    "LatentUpscaleBy": 1,
    "LoadImage": 2,
    "LoadImageMask": 1,
    "PreviewImage": 0,
    "RepeatLatentBatch": 1,
    "SaveImage": 0,
    "SetLatentNoiseMask": 1,
    "UpscaleModelLoader": 1,
    "VAEDecode": 1,
    "VAEEncode": 1,
    "VAEEncodeForInpaint": 1,
    "VAELoader": 1,
}
_SEEDS = ("seed", "noise_seed")


@frozen
class Problem:
    """What is wrong with a graph, and where (`graph.3.inputs.model`)."""

    path: str
    reason: str
    code: str


def read_graph(graph: Mapping[str, Any]) -> tuple[dict[str, WorkflowNode], list[Problem]]:
    """Read the nodes; what is no node is a problem."""
    nodes: dict[str, WorkflowNode] = {}
    problems: list[Problem] = []
    for key, data in graph.items():
        try:
            nodes[str(key)] = _node(data)
        except ValueError as error:
            problems.append(Problem(f"graph.{key}", str(error), "bad_node"))
    return nodes, problems


def _node(data: Any) -> WorkflowNode:
    if not isinstance(data, Mapping):
        raise ValueError("is no node; save the graph in API format")
    rest = dict(data)
    name = rest.pop("classType", None) or rest.pop("class_type", None)
    inputs = rest.pop("inputs", {})
    if not isinstance(name, str) or not name:
        raise ValueError("has no class_type")
    if not isinstance(inputs, Mapping):
        raise ValueError("has inputs that are no table")
    hidden = {key: Secret(v) if key == "access_key" and isinstance(v, str) else v for key, v in inputs.items()}
    return WorkflowNode(class_type=name, inputs=hidden, properties=rest.pop("properties", None), extra=rest)


def faults(nodes: Mapping[str, WorkflowNode]) -> Iterator[Problem]:
    """Yield everything that is wrong with the links."""
    for key, node in nodes.items():
        for name, (source, output) in links(node).items():
            path = f"graph.{key}.inputs.{name}"
            if source not in nodes:
                yield Problem(path, f"is linked to node {source}, which is not there", "missing_node")
                continue
            kind = nodes[source].class_type
            if kind in OUTPUTS and not 0 <= output < OUTPUTS[kind]:
                reason = f"is linked to output {output} of node {source}; a {kind} has {OUTPUTS[kind]}"
                yield Problem(path, reason, "wrong_slot")
    circle = _circle(nodes)
    if circle:
        yield Problem(f"graph.{circle[0]}", f"nodes wait for each other: {' -> '.join(circle)}", "cycle")


def links(node: WorkflowNode) -> dict[str, tuple[str, int]]:
    """Return the inputs that are links, as ComfyUI's `is_link` tells them: a list of a node's name and a number."""
    return {
        name: (value[0], int(value[1]))
        for name, value in node.inputs.items()
        if isinstance(value, (list, tuple))
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], (int, float))
    }


def _circle(nodes: Mapping[str, WorkflowNode]) -> list[str]:
    """Return one circle as a path that ends where it began; a walk without recursion, as graphs may be long."""
    done: set[str] = set()
    for start in nodes:
        path: list[str] = []
        todo: list[tuple[str, bool]] = [(start, True)]
        while todo:
            key, entering = todo.pop()
            if not entering:
                done.add(path.pop())
            elif key in path:
                return [*path[path.index(key) :], key]
            elif key in nodes and key not in done:
                path.append(key)
                todo.append((key, False))
                todo.extend((source, True) for source, _ in links(nodes[key]).values())
    return []


def strange_keys(nodes: Mapping[str, WorkflowNode]) -> Iterator[str]:
    """Yield the nodes with an access key where no page says that it is read."""
    for key, node in nodes.items():
        if "access_key" in node.inputs and node.class_type not in ACCESS_NODES:
            yield key


def with_seed(nodes: Mapping[str, WorkflowNode], seed: Any) -> tuple[dict[str, WorkflowNode], int]:
    """Return the graph with *seed* in every node that takes one as a number, and how many do."""
    changed, count = {}, 0
    for key, node in nodes.items():
        own = [name for name in _SEEDS if isinstance(node.inputs.get(name), int)]
        count += len(own)
        inputs = {**node.inputs, **dict.fromkeys(own, seed)}
        changed[key] = WorkflowNode(
            class_type=node.class_type, inputs=inputs, properties=node.properties, extra=node.extra
        )
    return changed, count
