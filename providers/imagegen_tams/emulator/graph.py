"""
A workflow as a graph: read, and checked as the vendor's own error shows it.

Nodes are ComfyUI's API format, which says `class_type`; the pages say `classType`.  A refusal is the page's own (see
"Workflow Template"): code 3, "Params Valid", and per bad node `node id`, `class type` and its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

from .errors import INVALID_ARGUMENT, Problem, argument
from .nodes import OUTPUTS, REQUIRED, SAMPLERS, SCHEDULERS

REQUIRED_TEXT = "字段必填"  # "the field is required", in the page's own words


@frozen(kw_only=True)
class Node:
    """One node; *inputs* are free words, never renamed."""

    id: str
    cls: str
    inputs: Mapping[str, Any]

    def linked(self, name: str) -> tuple[str, int] | None:
        """Return node and output that an input is linked to."""
        return link_of(self.inputs.get(name))


@frozen(kw_only=True)
class Graph:
    """A workflow; *unknown* are the fields that nobody documents."""

    nodes: Mapping[str, Node]
    unknown: tuple[str, ...] = ()

    def source(self, node: Node, *names: str) -> Node | None:
        """Return the node behind the first of *names* that is linked."""
        links = (node.linked(name) for name in names)
        return next((self.nodes[link[0]] for link in links if link), None)

    def literal(self, node: Node, name: str, default: Any) -> Any:
        """Return a plain input; behind a link it is what the node there holds (a primitive, a prompt box)."""
        value = node.inputs.get(name, default)
        link = link_of(value)
        if link is None:
            return default if value is None else value
        held = (held for held in self.nodes[link[0]].inputs.values() if not isinstance(held, (list, dict)))
        return next(held, default)

    def reached(self, node: Node) -> Iterator[Node]:
        """Yield *node* and everything that it hangs on, each once."""
        waiting, seen = [node.id], {node.id}
        while waiting:
            here = self.nodes[waiting.pop()]
            yield here
            for value in here.inputs.values():
                link = link_of(value)
                if link and link[0] not in seen:
                    seen.add(link[0])
                    waiting.append(link[0])


def link_of(value: Any) -> tuple[str, int] | None:
    """Return `["4", 0]` as a link; None = it is a plain value."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], (str, int)):
        slot = value[1]
        return (str(value[0]), slot) if isinstance(slot, int) and not isinstance(slot, bool) else None
    return None


def read_graph(params: Any) -> Graph:
    """Read `params`; a `Problem` when it is no graph at all."""
    if not isinstance(params, Mapping) or not params:
        raise Problem(INVALID_ARGUMENT, "Params Valid", argument("params", f"params: {REQUIRED_TEXT}"))
    nodes: dict[str, Node] = {}
    unknown: list[str] = []
    for name, data in params.items():
        inputs = data.get("inputs") if isinstance(data, Mapping) else None
        cls = _class_of(data)
        if not cls or not isinstance(inputs, Mapping):
            missing = "inputs" if cls else "classType"
            raise _invalid([(Node(id=name, cls=cls, inputs={}), {missing: REQUIRED_TEXT})])
        nodes[str(name)] = Node(id=str(name), cls=cls, inputs=inputs)
        known = {"classType", "class_type", "inputs", "properties", "_meta"}
        unknown += [f"params.{name}.{key}" for key in data if key not in known]
    return Graph(nodes=nodes, unknown=tuple(unknown))


def check(graph: Graph, has_picture: Callable[[str], bool]) -> None:
    """Refuse a graph with a wrong node, all of them at once; *has_picture* says whether a resource is there."""
    faults = [(node, dict(_faults(graph, node, has_picture))) for node in graph.nodes.values()]
    if bad := [(node, told) for node, told in faults if told]:
        raise _invalid(bad)
    _check_circles(graph)


def _class_of(data: Any) -> str:
    cls = (data.get("classType") or data.get("class_type")) if isinstance(data, Mapping) else None
    return cls if isinstance(cls, str) else ""


def _faults(graph: Graph, node: Node, has_picture: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    for name in REQUIRED.get(node.cls, ()):
        if node.inputs.get(name) is None or (name == "image" and node.inputs[name] == ""):
            yield name, REQUIRED_TEXT
    for name, value in node.inputs.items():
        if isinstance(value, list) and (told := _bad_link(graph, value)):
            yield name, told
    for name, allowed in (("sampler_name", SAMPLERS), ("scheduler", SCHEDULERS)):
        value = node.inputs.get(name)
        if node.cls in REQUIRED and isinstance(value, str) and value not in allowed:
            yield name, f"value not in list: {value!r}"
    picture = node.inputs.get("image")
    loads = node.cls.endswith(("LoadImage", "LoadImageMask"))
    if loads and isinstance(picture, str) and picture and not has_picture(picture):
        yield "image", f"resource not found: {picture}"


def _bad_link(graph: Graph, value: list[Any]) -> str:
    link = link_of(value)
    if link is None:
        return ""  # a list, not a link
    there = graph.nodes.get(link[0])
    if there is None:
        return f"linked node {link[0]} does not exist"
    outputs = OUTPUTS.get(there.cls)
    if link[1] < 0 or (outputs is not None and link[1] >= outputs):
        return f"node {link[0]} ({there.cls}) has no output {link[1]}"
    return ""


def _check_circles(graph: Graph) -> None:
    """Take away nodes that hang on nothing until none is left; what cannot be taken away is a circle."""
    hanging = {
        node.id: {link[0] for link in map(link_of, node.inputs.values()) if link} for node in graph.nodes.values()
    }
    while hanging:
        free = {name for name, needs in hanging.items() if not needs & hanging.keys()}
        if not free:
            name = min(hanging)
            raise _invalid([(graph.nodes[name], {"inputs": "the links run in a circle"})])
        hanging = {name: needs for name, needs in hanging.items() if name not in free}


def _invalid(bad: list[tuple[Node, dict[str, str]]]) -> Problem:
    details = []
    for node, told in bad:
        lines = [f"node id: {node.id}", f"class type: {node.cls}", *(f"{k}: {v}" for k, v in told.items())]
        details.append(argument("workflow", "\n".join(lines) + "\n"))
    return Problem(INVALID_ARGUMENT, "Params Valid", *details)
