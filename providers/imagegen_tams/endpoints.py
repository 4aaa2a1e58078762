"""
Every endpoint of https://tams-docs.tensor.art/api/: what it takes and answers as classes, and how a user reaches it.

`docs/coverage.md` is made from this table and the fields of its classes.
"""

from __future__ import annotations

from attrs import frozen

from . import answers, wire

_API = "https://tams-docs.tensor.art/api/"
_SDK = "https://github.com/Tensor-Art/tams-sdk.js (6fdf0d1)"


@frozen(kw_only=True)
class Endpoint:
    """One row: *takes* and *gives* are wire classes, *reach* says what a user writes."""

    method: str
    path: str
    takes: type | None = None
    gives: type | None = None
    reach: str
    source: str = _API


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/jobs",
        takes=wire.CreateJob,
        gives=answers.JobAnswer,
        reach="GenerationRequest, VideoRequest; other fields by provider_options.tams.<stage>",
    ),
    Endpoint(
        method="POST",
        path="/v1/jobs/credits",
        takes=wire.JobCredits,
        gives=answers.CreditsAnswer,
        reach="quote --live, compare --live; Tams.live_price(plan)",
    ),
    Endpoint(
        method="GET",
        path="/v1/jobs/{jobId}",
        gives=answers.JobAnswer,
        reach="every job while it runs; job(id).result(), reconcile",
    ),
    Endpoint(
        method="DELETE",
        path="/v1/jobs/{jobId}",
        gives=answers.CancelAnswer,
        reach="job.cancel(), jobs cancel; best effort: in no page, only in the vendor's SDK",
        source=_SDK,
    ),
    Endpoint(
        method="POST",
        path="/v1/jobs/workflow",
        takes=wire.CreateWorkflowJob,
        gives=answers.JobAnswer,
        reach="WorkflowRequest, workflow run; GenerationRequest with form='workflow'",
    ),
    Endpoint(
        method="POST",
        path="/v1/jobs/workflow/params/check",
        takes=wire.CheckWorkflow,
        gives=answers.CheckAnswer,
        reach="before every WorkflowRequest; workflow check; Tams.live_price(plan)",
    ),
    Endpoint(
        method="POST",
        path="/v1/jobs/workflow/template",
        takes=wire.CreateTemplateJob,
        gives=answers.JobAnswer,
        reach="TemplateRequest, template run",
    ),
    Endpoint(
        method="POST",
        path="/v1/workflows/template/check",
        takes=wire.CreateTemplateJob,
        gives=answers.CheckAnswer,
        reach="before every TemplateRequest; template check; Tams.live_price(plan)",
    ),
    Endpoint(
        method="GET",
        path="/v1/workflows/{templateId}",
        gives=answers.TemplateAnswer,
        reach="template show",
    ),
    Endpoint(
        method="GET",
        path="/v1/models/{modelId}",
        gives=answers.ModelAnswer,
        reach="models show (an id, or the address of a model's page)",
    ),
    Endpoint(
        method="POST",
        path="/v1/resource/image",
        takes=wire.ResourceRequest,
        gives=answers.ResourceAnswer,
        reach="every picture that goes in, once per content",
    ),
    Endpoint(
        method="POST",
        path="/v1/resource/image/sts",
        takes=wire.ResourceRequest,
        gives=answers.StsAnswer,
        reach="imagegen_tams.uploads.sts_address(base_url)",
    ),
    Endpoint(
        method="POST",
        path="/v1/img2prompt",
        takes=wire.TaggerRequest,
        gives=answers.TaggerAnswer,
        reach="Interrogate(image, natural=...), interrogate",
    ),
    Endpoint(
        method="POST",
        path="/v1/controlnet/detect",
        takes=wire.DetectRequest,
        gives=answers.DetectAnswer,
        reach="DetectControl(image, module=...), detect",
    ),
)
