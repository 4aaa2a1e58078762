"""Workflows: what a valid graph makes and which sampler runs it is billed for; a graph that is none is refused."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from . import models
from .diffusion import MAX_STEPS, check_size
from .errors import INVALID_ARGUMENT, Problem, argument
from .graph import Graph, Node, check
from .nodes import REQUIRED
from .recipe import Diffuse, Recipe
from .walk import Walk

MAX_PICTURES = 64


@frozen(kw_only=True)
class Workflow:
    """A valid workflow: what it makes, and which sampler runs it is billed for (steps, pictures, model family)."""

    recipes: tuple[Recipe, ...]
    runs: tuple[tuple[int, int, str], ...]
    prompt: str
    strange: tuple[str, ...]  # classes that nobody here knows


def compile_graph(graph: Graph, has_picture: Callable[[str], bool]) -> Workflow:
    """Return what *graph* makes, or refuse it."""
    check(graph, has_picture)
    for node in graph.nodes.values():
        for name in ("ckpt_name", "unet_name", "lora_name"):
            if isinstance(node.inputs.get(name), str):
                models.require(node.inputs[name], f"node {node.id} {name}")
    outputs = _outputs(graph)
    walk = Walk(graph=graph)
    recipes = tuple(walk.recipe(node) for node in outputs)
    for recipe in recipes:
        _check_recipe(recipe)
    runs = tuple(walk.runs.values())
    if any(not (0 < steps <= MAX_STEPS and count <= MAX_PICTURES) for steps, count, _ in runs):
        raise _refused("too many pictures or steps, or none")
    strange = {node.cls for output in outputs for node in graph.reached(output)} - REQUIRED.keys()
    return Workflow(
        recipes=recipes,
        runs=runs,
        prompt=recipes[0].about.prompt,
        strange=tuple(sorted(strange)),
    )


def _check_recipe(recipe: Recipe) -> None:
    if not recipe.passes and not recipe.source:
        raise _refused(f"node {recipe.node} gets no picture")
    for step in recipe.passes:
        if isinstance(step, Diffuse) and step.width:
            check_size(step.width, step.height)


def _outputs(graph: Graph) -> list[Node]:
    """Return the nodes whose pictures are results: what is saved, else what is only shown."""
    saving = [node for node in graph.nodes.values() if "Save" in node.cls or "VideoCombine" in node.cls]
    shown = saving or [node for node in graph.nodes.values() if node.cls == "PreviewImage"]
    if not shown:
        raise _refused("the workflow has no output node")
    return sorted(shown, key=lambda node: (len(node.id), node.id))


def _refused(told: str) -> Problem:
    return Problem(INVALID_ARGUMENT, "Params Valid", argument("workflow", told))
