"""
Drive a flow by hand: every answer is written down in the test.

    steps, made = play(provider.flow(plan), Reply(200, b'{...}'), Stored(...))

Answers are given in order to the steps that want one (`Call`, `Upload`, `Download`, `Recall`); an exception among them
is thrown into the flow, as the engine does with a failed step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from imagegen.flow import Call, Download, Flow, Recall, Step, Upload

T = TypeVar("T")


def play(flow: Flow[T], *answers: Any) -> tuple[list[Step], T]:
    """Run *flow* with *answers*; return every step that it took and what it returned."""
    steps: list[Step] = []
    waiting: Iterator[Any] = iter(answers)
    try:
        step = next(flow)
        while True:
            steps.append(step)
            answer = next(waiting, None) if isinstance(step, (Call, Download, Recall, Upload)) else None
            step = flow.throw(answer) if isinstance(answer, BaseException) else flow.send(answer)
    except StopIteration as done:
        left = list(waiting)
        assert not left, f"the flow ended before {len(left)} of the answers"
        made: T = done.value
        return steps, made
