"""Which room plans and runs which kind of request."""

from __future__ import annotations

from typing import Any

from imagegen.flow import Flow, Made
from imagegen.plans import Plan
from imagegen.provider import Context
from imagegen.request import (
    DetectControl,
    GenerationRequest,
    Interrogate,
    TemplateRequest,
    VideoRequest,
    WorkflowRequest,
)

from . import flow as jobs
from . import graphform, stages, templates, tools, video, workflow


def plan(request: Any, context: Context) -> Plan:
    """Draft *request*."""
    match request:
        case GenerationRequest() if context.form == "workflow":
            return graphform.plan(request, context)
        case GenerationRequest():
            return stages.plan(request, context)
        case VideoRequest():
            return video.plan(request, context)
        case WorkflowRequest():
            return workflow.plan(request, context)
        case TemplateRequest():
            return templates.plan(request, context)
        case Interrogate():
            return tools.plan_interrogate(request, context)
        case DetectControl():
            return tools.plan_detect(request, context)
    raise TypeError(f"TAMS has nothing for a {type(request).__name__}")


def flow(plan: Plan) -> Flow[Made]:
    """Tell the order of things for a bound plan."""
    return tools.run(plan) if plan.facts["kind"] in ("tagger", "detect") else jobs.run(plan)
