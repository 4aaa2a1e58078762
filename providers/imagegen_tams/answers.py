"""
What TAMS answers: one class per object of its responses, older and newer shapes side by side.

Zero values are missing in its JSON and 64-bit numbers are text, so nearly every field has a default.  Fields that no
page shows, and real answers have (`imageExifMetaMap`, `runtime`), come from clients' published logs.

Sources: https://tams-docs.tensor.art/api/, its guides, and GitHub Tensor-Art/tams-sdk.js @ 6fdf0d1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import attrs
from attrs import field, frozen

from imagegen import wire
from imagegen.errors import ProviderError
from imagegen.flow import Reply

from .settings import NAME
from .wire import WireObject

T = TypeVar("T")
TERMINAL = frozenset({"SUCCESS", "FAILED", "CANCELED"})


@frozen(kw_only=True)
class Resource(WireObject):
    """A picture or video that lies at the vendor for `expired_in` seconds."""

    id: str = ""
    url: str = ""
    expired_in: str = ""
    meta: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class ProcessingImage(WireObject):
    """A picture in the making; `progress` counts to 100."""

    resource_image: Resource | None = None
    progress: float | None = None


@frozen(kw_only=True)
class StageInfo(WireObject):
    """The stage at hand, in the older shape of running, failed and finished jobs."""

    stage_index: str = ""
    processing_images: tuple[ProcessingImage, ...] = ()


@frozen(kw_only=True)
class OutputImage(WireObject):
    """What a node of a workflow put out; `filename` is its address."""

    filename: str = ""
    type: str = ""
    height: int = 0
    width: int = 0
    format: str = ""
    image_resource_id: str = ""


@frozen(kw_only=True)
class OutputUi(WireObject):
    """The outputs of one node."""

    images: tuple[OutputImage, ...] = ()


@frozen(kw_only=True)
class FinishedNode(WireObject):
    """One node of a workflow."""

    id: str = ""
    status: str = ""
    process: float | None = None
    output_ui: OutputUi | None = None


@frozen(kw_only=True)
class WorkflowFinishItem(WireObject):
    """How far a workflow is.  Its status is not the job's: it can say SUCCESS while the job says RUNNING."""

    status: str = ""
    progress: float | None = None
    step: str = ""
    id: str = ""
    ctime: str = ""
    mtime: str = ""
    nodes: Mapping[str, FinishedNode] = field(factory=dict)
    finished_nodes: Any = None


@frozen(kw_only=True)
class WaitingInfo(WireObject):
    """The queue."""

    queue_rank: str = ""
    queue_len: str = ""


@frozen(kw_only=True)
class RunningInfo(WireObject):
    """What is being made."""

    processing_images: tuple[ProcessingImage, ...] = ()
    workflow_finish_item: WorkflowFinishItem | None = None
    stages: tuple[StageInfo, ...] = ()


@frozen(kw_only=True)
class FailedInfo(WireObject):
    """Why it failed: `TRANSITORY_ERROR` or `FATAL_ERROR`."""

    reason: str = ""
    code: str = ""
    stages: tuple[StageInfo, ...] = ()


@frozen(kw_only=True)
class ExifMeta(WireObject):
    """What the vendor wrote into a picture's metadata (`Seed`, `ImageSize`, `MIMEType`, `FileSize`)."""

    meta: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class SuccessInfo(WireObject):
    """What was made."""

    images: tuple[Resource, ...] = ()
    videos: tuple[Resource, ...] = ()
    workflow_finish_item: WorkflowFinishItem | None = None
    image_exif_meta_map: Mapping[str, ExifMeta] = field(factory=dict)
    runtime: str = ""
    stages: tuple[StageInfo, ...] = ()


@frozen(kw_only=True)
class Job(WireObject):
    """A job.  Only `status` says whether it is over; an unknown word means that it is not."""

    id: str
    status: str = "DEFAULT"
    credits: float | None = None
    waiting_info: WaitingInfo | None = None
    running_info: RunningInfo | None = None
    failed_info: FailedInfo | None = None
    success_info: SuccessInfo | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in TERMINAL

    @property
    def cost(self) -> Decimal | None:
        """The credits, exactly as written."""
        return None if self.credits is None else Decimal(str(self.credits))

    def outputs(self) -> tuple[Resource, ...]:
        """Return the results: pictures, else videos, else what the nodes of a workflow put out."""
        done = self.success_info or SuccessInfo()
        return done.images or done.videos or tuple(_of_nodes(done.workflow_finish_item))

    @property
    def moving(self) -> bool:
        """Whether the results are videos."""
        done = self.success_info
        return done is not None and bool(done.videos) and not done.images

    def seed_of(self, image_id: str) -> int | None:
        """Return the seed that the vendor reports for a picture; None = it reports none."""
        exif = (self.success_info or SuccessInfo()).image_exif_meta_map.get(image_id)
        text = str(exif.meta.get("Seed", "")) if exif else ""
        return int(text) if text.isdigit() else None

    def progress(self) -> float | None:
        """Return how far it is, from 0 to 1, where the vendor says so."""
        info = self.running_info
        if info is None:
            return None
        images = info.processing_images or tuple(i for stage in info.stages for i in stage.processing_images)
        if images:
            return min(sum(image.progress or 0 for image in images) / len(images) / 100, 1.0)
        return _of_graph(info.workflow_finish_item)

    def queue(self) -> int | None:
        """Return the place in the queue."""
        rank = self.waiting_info.queue_rank if self.waiting_info else ""
        return int(rank) if rank.isdigit() else None


def _of_nodes(item: WorkflowFinishItem | None) -> Iterator[Resource]:
    for node in item.nodes.values() if item else ():
        for image in node.output_ui.images if node.output_ui else ():
            yield Resource(id=image.image_resource_id, url=image.filename)


def _of_graph(item: WorkflowFinishItem | None) -> float | None:
    if item is None:
        return None
    if item.progress is not None:
        return min(item.progress, 1.0)
    nodes = item.nodes.values()
    return sum(node.status == "SUCCESS" for node in nodes) / len(nodes) if nodes else None


@frozen(kw_only=True)
class JobAnswer(WireObject):
    """The envelope of all that creates or shows a job."""

    job: Job


@frozen(kw_only=True)
class CreditsAnswer(WireObject):
    """`POST /v1/jobs/credits`."""

    credits: float = 0.0


@frozen(kw_only=True)
class CheckAnswer(WireObject):
    """`POST /v1/jobs/workflow/params/check` and `/v1/workflows/template/check`."""

    valid: bool = False
    credits: float = 0.0


@frozen(kw_only=True)
class TemplateField(WireObject):
    """One field of a template; `node_name` and `input_string` (JSON text with options) come with some."""

    node_id: str = ""
    field_name: str = ""
    field_value: Any = None
    node_name: str = ""
    input_string: str = ""


@frozen(kw_only=True)
class TemplateFields(WireObject):
    """All fields of a template."""

    field_attrs: tuple[TemplateField, ...] = ()


@frozen(kw_only=True)
class TemplateAnswer(WireObject):
    """`GET /v1/workflows/{id}`; not wrapped in anything."""

    template_id: str = ""
    name: str = ""
    fields: TemplateFields = TemplateFields()


@frozen(kw_only=True)
class Model(WireObject):
    """What a model is."""

    id: str = ""
    name: str = ""
    description: str = ""
    base_model: str = ""
    model_type: str = ""
    showcase_image_urls: tuple[str, ...] = ()
    project_name: str = ""
    trigger_words: tuple[str, ...] = ()


@frozen(kw_only=True)
class ModelAnswer(WireObject):
    """`GET /v1/models/{id}` (the page calls it "cancel job")."""

    model: Model


@frozen(kw_only=True)
class ResourceAnswer(WireObject):
    """`POST /v1/resource/image`: put the bytes to `put_url` with exactly these headers."""

    resource_id: str
    put_url: str
    headers: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class StsAnswer(WireObject):
    """`POST /v1/resource/image/sts`: what a form upload to the storage needs."""

    resource_id: str = ""
    access_id: str = ""
    signature: str = ""
    host: str = ""
    expire: str = ""
    callback: str = ""
    file_path: str = ""
    policy: str = ""
    security_token: str = ""


@frozen(kw_only=True)
class TaggerAnswer(WireObject):
    """`POST /v1/img2prompt`."""

    prompts: tuple[str, ...] = ()


@frozen(kw_only=True)
class DetectAnswer(WireObject):
    """`POST /v1/controlnet/detect`; no page shows what the result holds."""

    result: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class CancelAnswer(WireObject):
    """`DELETE /v1/jobs/{id}`, as the vendor's SDK of 2024 has it."""

    job_id: str = ""


@frozen(kw_only=True)
class ErrorDetail(WireObject):
    """One detail of a refusal (`tams_api.ArgumentError`)."""

    type: str = attrs.field(default="", metadata={"wire": ("@type",)})
    field: str = ""
    message: str = ""


@frozen(kw_only=True)
class ErrorAnswer(WireObject):
    """A refusal: a gRPC code with words."""

    code: int
    message: str = ""
    details: tuple[ErrorDetail, ...] = ()


def read(reply: Reply, cls: type[T]) -> T:
    """Read an answer that is no refusal."""
    return wire.read(wire.parse(reply, provider=NAME), cls, provider=NAME)


def read_job(reply: Reply) -> Job:
    """Read an answer that must hold a job; some answers have HTTP 200 and none."""
    job = read(reply, JobAnswer).job
    if not job.id:
        raise ProviderError("sent a job without an id", provider=NAME)
    return job
