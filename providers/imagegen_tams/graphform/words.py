"""What a graph is told: the two prompts in ComfyUI's spelling, and the guidance of distilled models."""

from __future__ import annotations

from attrs import frozen

from imagegen import prompts
from imagegen_tams.desk import Desk

from .nodes import Link, Nodes


@frozen
class Words:
    """The conditionings that a sampler wants."""

    positive: Link
    negative: Link


def say(desk: Desk, nodes: Nodes, clip: Link) -> Words:
    """Add both prompts."""
    positive = _prompt(desk, nodes, clip, "prompt")
    negative = _prompt(desk, nodes, clip, "negative_prompt")
    return Words(_guided(desk, nodes, positive), negative)


def _prompt(desk: Desk, nodes: Nodes, clip: Link, path: str) -> Link:
    text: str | None = getattr(desk.request, path)
    said = prompts.to_comfy(prompts.parse(text or ""))
    node = nodes.add("CLIPTextEncode", text=said, clip=clip)
    if text is not None:
        _note(desk, path, text, said, f"params.{node}.inputs.text")
    return node, 0


def _note(desk: Desk, path: str, text: str, said: str, place: str) -> None:
    lost = prompts.constructs(text) - {"de-emphasis"}
    if lost:
        reason = f"ComfyUI has no {', '.join(sorted(lost))}"
        desk.book.approximated(path, said, place, reason, "prompt_syntax")
    elif said != text:
        desk.book.adjusted(path, said, place, "weights as ComfyUI reads them", "prompt_syntax")
    else:
        desk.book.exact(path, place)


def _guided(desk: Desk, nodes: Nodes, positive: Link) -> Link:
    guidance = desk.request.distilled_guidance
    if guidance is None:
        return positive
    node = nodes.add("FluxGuidance", guidance=guidance, conditioning=positive)
    desk.book.exact("distilled_guidance", f"params.{node}.inputs.guidance")
    return node, 0
