"""Which room plans and runs which kind of request."""

from __future__ import annotations

from typing import Any

from imagegen.flow import Flow, Made
from imagegen.plans import Plan
from imagegen.provider import Context
from imagegen.request import GenerationRequest, VideoRequest

from . import flow as jobs
from . import stages, video


def plan(request: Any, context: Context) -> Plan:
    """Draft *request*."""
    match request:
        case GenerationRequest():
            return stages.plan(request, context)
        case VideoRequest():
            return video.plan(request, context)
    raise TypeError(f"TAMS has nothing for a {type(request).__name__}")


def flow(plan: Plan) -> Flow[Made]:
    """Tell the order of things for a bound plan."""
    return jobs.run(plan)
