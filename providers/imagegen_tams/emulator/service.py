"""The door of the emulated TAMS: which path does what, who may come in, and what faults a prompt asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from attrs import evolve, frozen

from imagegen.emulator import Request, Response, answer
from imagegen.emulator.effects import after_effects, before_effects, refusal
from imagegen.emulator.faults import Fault, parse_marks
from imagegen.emulator.limits import wait_needed
from imagegen.emulator.world import World

from . import auth, billing, models, stages, templates, tools
from .deviations import DEVIATIONS
from .diffusion import MAX_PIXELS
from .errors import INVALID_ARGUMENT, NOT_FOUND, Problem, bad_argument, by_status
from .graph import read_graph
from .jobs import PROVIDER, Jobs, Order, fingerprint
from .messages import CreateJob, CreateResource, CreateWorkflowJob, DetectControlnet, Img2Prompt, TemplateJob
from .proto import Reading
from .recipe import Diffuse, Film, Inpaint, Recipe, Upscale, known_sampler
from .resources import Resources, size_of
from .storage import FORM, UPLOADS, Storage
from .views import Views, number
from .workflow import Workflow, compile_graph

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
        views = Views(world=self.world, base=self.request.base, recipes_of=recipes_of)
        return answer({"job": views.show(job_id)})

    def cancel_job(self, job_id: str) -> Response:
        """`DELETE /v1/jobs/<id>`."""
        Jobs(self.world).cancel(job_id)
        return answer({"jobId": job_id})

    # -- workflows and templates --

    def create_workflow_job(self) -> Response:
        """`POST /v1/jobs/workflow`."""
        data, message = self._read(CreateWorkflowJob)
        return self._run(message.request_id, message.params, data, notify_url=message.running_notify_url)

    def check_workflow(self) -> Response:
        """`POST /v1/jobs/workflow/params/check`."""
        _, message = self._read(CreateWorkflowJob)
        return self._checked(message.params)

    def create_template_job(self) -> Response:
        """`POST /v1/jobs/workflow/template`."""
        data, message = self._read(TemplateJob)
        return self._run(message.request_id, self._filled(message), data)

    def check_template(self) -> Response:
        """`POST /v1/workflows/template/check`."""
        _, message = self._read(TemplateJob)
        return self._checked(self._filled(message))

    def template(self, template_id: str) -> Response:
        """`GET /v1/workflows/<id>`; not wrapped, as the page shows."""
        return answer(templates.describe(template_id))

    def _filled(self, message: TemplateJob) -> dict[str, Any]:
        filled = templates.fill(message)
        for name in templates.superfluous(message):
            self.world.warn(f"the template has no field {name}")
        return filled

    def _checked(self, params: Any) -> Response:
        made = self._compiled(params)
        return answer({"valid": True, "credits": number(billing.sampler_credits(made.runs))})

    def _compiled(self, params: Any) -> Workflow:
        graph = read_graph(params)
        self._tell_unknown(graph.unknown)
        made = compile_graph(graph, lambda name: Resources(self.world).find(name) is not None)
        for cls in made.strange:
            self.world.warn(f"unknown node class {cls}")
        return made

    def _run(self, request_id: str, params: Any, data: Any, notify_url: str = "") -> Response:
        made = self._compiled(params)
        for recipe in made.recipes:
            check_resources(self.world, recipe)
        return self._take(
            Order(
                request_id=request_id,
                form="workflow",
                body=params,
                fingerprint=fingerprint(self.request.path, data),
                prompt=made.prompt,
                credits=billing.sampler_credits(made.runs),
                recipes=made.recipes,
                notify_url=notify_url,
            )
        )

    # -- tools --

    def img2prompt(self) -> Response:
        """`POST /v1/img2prompt`."""
        _, message = self._read(Img2Prompt)
        return answer(tools.img2prompt(message, self.world))

    def detect(self) -> Response:
        """`POST /v1/controlnet/detect`."""
        _, message = self._read(DetectControlnet)
        return answer(tools.detect(message, self.world, self.request.base))

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
        except (ValueError, RecursionError):
            raise Problem(INVALID_ARGUMENT, "proto: syntax error: the body is not JSON") from None
        reading = Reading()
        message = reading.read(cls, data)
        self._tell_unknown(reading.unknown)
        return data, message

    def _tell_unknown(self, names: Iterable[str]) -> None:
        for name in names:
            if self.world.rules.strict:
                raise Problem(INVALID_ARGUMENT, f'proto: unknown field "{name}"')
            self.world.warn(f"unknown field {name}")

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
        jobs = Jobs(self.world)
        with self.world.change():
            known = jobs.known(order)
            if known is None:
                faults = self.world.faults(order.prompt, provider=PROVIDER, path=self.request.path)
                job_id = jobs.accept(order, faults)
        if known is not None:
            return self.get_job(known)
        return after_effects(answer({"job": {"id": job_id, "status": "CREATED"}}), _transport(faults))


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
    if size is not None and size[0] * size[1] > MAX_PIXELS:
        raise bad_argument("imageToUpscaler", f"the result must not exceed {MAX_PIXELS} pixels")


def recipes_of(form: str, body: Any) -> tuple[Recipe, ...]:
    """Return the recipes of a stored job, whose pictures were checked when it was accepted."""
    if form == "workflow":
        return compile_graph(read_graph(body), lambda _: True).recipes
    return (stages.compile_job(Reading().read(CreateJob, body)),)


_DOORS: dict[tuple[str, str], Callable[[Desk], Response]] = {
    ("POST", "/v1/jobs"): Desk.create_job,
    ("POST", "/v1/jobs/credits"): Desk.credits,
    ("POST", "/v1/jobs/workflow"): Desk.create_workflow_job,
    ("POST", "/v1/jobs/workflow/params/check"): Desk.check_workflow,
    ("POST", "/v1/jobs/workflow/template"): Desk.create_template_job,
    ("POST", "/v1/workflows/template/check"): Desk.check_template,
    ("POST", "/v1/img2prompt"): Desk.img2prompt,
    ("POST", "/v1/controlnet/detect"): Desk.detect,
    ("POST", "/v1/resource/image"): Desk.resource,
    ("POST", "/v1/resource/image/sts"): Desk.resource_sts,
}
_NAMED: dict[tuple[str, str], Callable[[Desk, str], Response]] = {
    ("GET", "/v1/jobs"): Desk.get_job,
    ("DELETE", "/v1/jobs"): Desk.cancel_job,
    ("GET", "/v1/models"): Desk.model,
    ("GET", "/v1/workflows"): Desk.template,
}
