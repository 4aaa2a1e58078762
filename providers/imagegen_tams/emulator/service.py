"""The door of the emulated TAMS: which path does what, who may come in, and what faults a prompt asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attrs import evolve, frozen

from imagegen.emulator import Request, Response, answer
from imagegen.emulator.effects import after_effects, before_effects, refusal
from imagegen.emulator.faults import Fault, parse_marks
from imagegen.emulator.limits import wait_needed
from imagegen.emulator.world import World

from . import auth, billing, models, stages
from .deviations import DEVIATIONS
from .errors import INVALID_ARGUMENT, NOT_FOUND, Problem, bad_argument, by_status
from .jobs import PROVIDER, Jobs, Order, fingerprint, number
from .messages import CreateJob, CreateResource
from .proto import Reading
from .recipe import Diffuse, Film, Inpaint, Recipe, Upscale, known_sampler
from .resources import Resources, size_of
from .storage import FORM, UPLOADS, Storage

QUERIES_PER_SECOND = 5  # "Integration FAQ": 5 QPS, more on request

T = TypeVar("T")


@frozen
class TamsEmulator:
    """TAMS, emulated."""

    prefix: str = "/tams"
    deviations: Sequence[str] = DEVIATIONS

    def handle(self, request: Request, world: World) -> Response:
        """Answer one request."""
        if request.path.startswith(UPLOADS) or request.path == FORM:
            return Storage(world=world, root=request.base + self.prefix).handle(request)
        try:
            auth.check(request, world)
            if wait := wait_needed(world, PROVIDER, per_second=QUERIES_PER_SECOND):
                return _limited(wait)
            return Desk(request=request, world=world, root=request.base + self.prefix).handle()
        except Problem as problem:
            return problem.response()


def _limited(wait: float) -> Response:
    response = by_status(429).response()
    return evolve(response, headers={**response.headers, "retry-after": str(max(round(wait), 1))})


@frozen(kw_only=True)
class Desk:
    """One request on its way through the API."""

    request: Request
    world: World
    root: str

    def handle(self) -> Response:
        """Find what the path means, and do it."""
        method, path = self.request.method, self.request.path.rstrip("/")
        if act := _DOORS.get((method, path)):
            return act(self)
        folder, _, name = path.rpartition("/")
        if named := _NAMED.get((method, folder)):
            return named(self, name)
        raise Problem(NOT_FOUND, "Not Found")

    # -- jobs --

    def create_job(self) -> Response:
        """`POST /v1/jobs`."""
        data, job = self._read(CreateJob)
        if not job.request_id:
            raise bad_argument("requestId", "requestId is required")
        recipe = stages.compile_job(job)
        self._warn_about(recipe)
        check_resources(self.world, recipe)
        return self._take(
            Order(
                request_id=job.request_id,
                form="stages",
                body=data,
                fingerprint=fingerprint(self.request.path, data),
                prompt=stages.prompt_of(job),
                credits=billing.job_credits(job),
                recipes=(recipe,),
                notify_url=job.notify_url,
            )
        )

    def credits(self) -> Response:
        """`POST /v1/jobs/credits`: what the stages would cost."""
        _, job = self._read(CreateJob)
        stages.compile_job(job)
        return answer({"credits": number(billing.job_credits(job))})

    def get_job(self, job_id: str) -> Response:
        """`GET /v1/jobs/<id>`."""
        jobs = Jobs(self.world, recipes_of)
        return answer({"job": jobs.view(jobs.get(job_id), self.request.base)})

    def cancel_job(self, job_id: str) -> Response:
        """`DELETE /v1/jobs/<id>`."""
        Jobs(self.world, recipes_of).cancel(job_id)
        return answer({"jobId": job_id})

    # -- the rest --

    def model(self, model_id: str) -> Response:
        """`GET /v1/models/<id>`."""
        return answer(models.describe(model_id))

    def resource(self) -> Response:
        """`POST /v1/resource/image`."""
        return answer(Storage(world=self.world, root=self.root).put_link(self._read(CreateResource)[1]))

    def resource_sts(self) -> Response:
        """`POST /v1/resource/image/sts`."""
        return answer(Storage(world=self.world, root=self.root).form_fields(self._read(CreateResource)[1]))

    # -- what they share --

    def _read(self, cls: type[T]) -> tuple[Any, T]:
        """Return the body as data and as *cls*; unknown fields are warned of, or refused by a strict world."""
        try:
            data = self.request.json()
        except ValueError:
            raise Problem(INVALID_ARGUMENT, "proto: syntax error: the body is not JSON") from None
        reading = Reading()
        message = reading.read(cls, data)
        for name in reading.unknown:
            if self.world.rules.strict:
                raise Problem(INVALID_ARGUMENT, f'proto: unknown field "{name}"')
            self.world.warn(f"unknown field {name}")
        return data, message

    def _warn_about(self, recipe: Recipe) -> None:
        name = recipe.about.sampler.rpartition(" ")[0]
        if not known_sampler(name):
            self.world.warn(f"unknown sampler {name!r}")

    def _take(self, order: Order) -> Response:
        """Accept *order* once, and let the faults of its prompt have their way with the answer."""
        marks = _transport(parse_marks(order.prompt))
        if status := refusal(marks):
            return _refused(status, marks)
        if instead := before_effects(marks):
            return instead
        jobs = Jobs(self.world, recipes_of)
        with self.world.change():
            record = jobs.known(order)
            if record is not None:
                return answer({"job": {"id": record["id"], "status": jobs.status(record)}})
            faults = self.world.faults(order.prompt, provider=PROVIDER, path=self.request.path)
            record = jobs.accept(order, faults)
        taken = answer({"job": {"id": record["id"], "status": "CREATED"}})
        return after_effects(taken, _transport(faults))


def _refused(status: int, marks: Sequence[Fault]) -> Response:
    wait = next((mark.word("retry") for mark in marks if mark.name == "http"), "")
    response = by_status(status).response()
    return evolve(response, headers={**response.headers, "retry-after": wait}) if wait else response


def _transport(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """The faults that an answer to a create call can show; `slow` and `truncate` are the job's and the picture's."""
    return tuple(fault for fault in faults if fault.name in ("http", "html", "drop", "hang", "drip"))


def check_resources(world: World, recipe: Recipe) -> None:
    """Refuse a job whose pictures are not there or do not fit each other."""
    resources = Resources(world)
    sizes = {name: size_of(resources.read(name, path)) for path, name in stages.resources_of(recipe)}
    size = sizes.get(recipe.source)
    for step in recipe.passes:
        if isinstance(step, Inpaint) and size is not None and sizes[step.mask] != size:
            told = "the mask image must have the resolution of the image: {}x{} is not {}x{}"
            said = told.format(*sizes[step.mask], *size)
            raise bad_argument("imageToInpaint.maskImageResourceId", said)
        if isinstance(step, Upscale):
            size = size and step.size(*size)
        elif isinstance(step, (Diffuse, Film)):
            size = (step.width, step.height)
    if size is not None and size[0] * size[1] > stages.MAX_PIXELS:
        raise bad_argument("imageToUpscaler", f"the result must not exceed {stages.MAX_PIXELS} pixels")


def recipes_of(_form: str, body: Any) -> tuple[Recipe, ...]:
    """Return the recipes of a stored job."""
    return (stages.compile_job(Reading().read(CreateJob, body)),)


_DOORS: dict[tuple[str, str], Callable[[Desk], Response]] = {
    ("POST", "/v1/jobs"): Desk.create_job,
    ("POST", "/v1/jobs/credits"): Desk.credits,
    ("POST", "/v1/resource/image"): Desk.resource,
    ("POST", "/v1/resource/image/sts"): Desk.resource_sts,
}
_NAMED: dict[tuple[str, str], Callable[[Desk, str], Response]] = {
    ("GET", "/v1/jobs"): Desk.get_job,
    ("DELETE", "/v1/jobs"): Desk.cancel_job,
    ("GET", "/v1/models"): Desk.model,
}
