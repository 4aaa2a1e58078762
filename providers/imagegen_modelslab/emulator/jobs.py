"""
The life of a paid job, whatever it makes: taken and charged in one transaction, finished at once or queued, fetched.

A queued job is finished when its time has come and somebody asks for anything; until then its `future_links` lead
nowhere, as the pages say.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from imagegen.emulator import Response, account, answer, limits, outbox
from imagegen.emulator.effects import after_effects, before_effects, find, refusal
from imagegen.emulator.faults import Fault
from imagegen.emulator.world import World

from . import refusals
from .endpoints import Dialect
from .exchange import Exchange, Service
from .painting import DAY, keep
from .refusals import TIP

PRICE = Decimal("0.002")  # USD per picture: "from $0.002", modelslab.com/stable-diffusion-api, copy of 2026-06-08
PLACES = 5  # queued requests of a pay-as-you-go account (github.com/ModelsLab/docs-v2, rate-limits.mdx)
FIRST_ID = 95_120_262  # the id of the LoRA page's answer

GAVE_UP = {"status": "failed", "id": "", "message": "Failed, Try Again", "output": ""}
UNKNOWN = {"status": "failed", "id": "", "message": "Request not found", "output": "", "tip": TIP}
_MESSEGE = {"v6/images/fetch", "v5/images/fetch", "v4/dreambooth/fetch", "v3/dreambooth/fetch", "v3/fetch"}
_BOOKED = {"processing": "accepted", "success": "succeeded", "failed": "failed"}
_QUEUE_TIP = (
    "Your image is processing in background, you can get this image using fetch API: here is link for fetch api :"
    " https://docs.modelslab.com/image-generation/community-models/dreamboothfetchqueimg"
)

Job = dict[str, Any]  # plain JSON, as the world remembers it
Painter = Callable[[Service, World, Job], Sequence[bytes]]


@frozen(kw_only=True)
class Work:
    """
    What a job is to do.

    Attributes:
        prompt: for the books.
        seconds: how long it takes, in world time.
        pictures: how many files it makes.
        texts: what it answers instead of files.
        meta: as the answer shows it, made from the files' common name.
        recipe: what the painter needs besides the body of the request.
        bare: the answer's `output` is one link instead of a list.
    """

    dialect: Dialect
    prompt: str
    seconds: float
    pictures: int = 1
    texts: tuple[str, ...] = ()
    base64: bool = False
    temp: bool = False
    instant: bool = False
    bare: bool = False
    webhook: str = ""
    track_id: Any = None
    meta: Callable[[str], dict[str, Any]]
    recipe: Mapping[str, Any] = field(factory=dict)


def faults_of(call: Exchange, prompt: str) -> tuple[Fault, ...]:
    """Return the faults of a job that is being submitted."""
    return call.world.faults(prompt, provider=call.service.name, path=call.request.path)


def refused(faults: Sequence[Fault], *, legacy: bool) -> Response | None:
    """Return the answer that a fault puts in place of the service's, before anything is charged."""
    if status := refusal(faults):
        fault = find(faults, "http")
        retry = fault.word("retry") if fault else ""
        response = refusals.of_status(status, retry).response(legacy=legacy)
        return after_effects(response, faults)
    return before_effects(faults)


def run(call: Exchange, work: Work, faults: Sequence[Fault], paint: Painter) -> Response:
    """Take a job and answer: with what it made, or with its place in the queue."""
    queued = work.instant or call.world.rules.queue or find(faults, "queue") is not None
    if find(faults, "fail") and not queued:
        return after_effects(answer(GAVE_UP), faults)
    job = _accept(call, work, faults, queued=queued)
    if queued:
        return after_effects(answer(_processing(call, work, job)), faults)
    finish(call.service, call.world, job, paint)
    return after_effects(answer(_success(call, work, job)), faults)


def fetch(call: Exchange) -> Response:
    """Say how a job stands.  The answer has no `meta` and no `generationTime`, as in the pages' examples."""
    asked = call.id or call.reader().text("request_id")
    job = call.world.get(call.kind("job"), asked.strip())
    if job is None:
        return answer(UNKNOWN, 404 if call.path.startswith("v6/") else 200)
    if job["state"] == "failed":
        return answer(GAVE_UP)
    if job["state"] == "processing":
        word = "messege" if call.path in _MESSEGE else "message"
        return answer({"status": "processing", word: "try again later.", "output": "", "tip": TIP})
    return answer({"status": "success", "id": job["id"], "output": outputs(call, job)})


def settle(service: Service, world: World, paint: Painter) -> None:
    """Finish every queued job whose time has come."""
    for number, ready in world.all(f"{service.name}.waiting").items():
        if ready <= world.now() and (job := world.get(f"{service.name}.job", number)):
            finish(service, world, job, paint)


def finish(service: Service, world: World, job: Job, paint: Painter) -> None:
    """Make what a job makes, or give it up.  Two that finish the same job at once make the same files."""
    faults = tuple(Fault(name, value) for name, value in job["faults"])
    if find(faults, "fail"):
        return _change(service, world, job, "failed")
    try:
        made = paint(service, world, job)
    except refusals.Refusal:  # a picture that it was to start from has expired in the queue
        return _change(service, world, job, "failed")
    passing = job["temporary"] or (job["enterprise"] and not world.get(f"{service.name}.storage", "s3"))
    for name, png in zip(job["files"], made, strict=True):
        keep(world, name, png, faults, DAY if passing else None)
    return _change(service, world, job, "success")


def clear(call: Exchange) -> None:
    """Give up every queued job of this server (it restarts)."""
    for job in _waiting(call):
        _change(call.service, call.world, job, "failed")


def pending(call: Exchange) -> list[float]:
    """Return for how many more seconds each queued job of this account will run."""
    return [max(job["ready"] - call.world.now(), 0.0) for job in _waiting(call)]


def outputs(call: Exchange, job: Job) -> list[str]:
    """Return what a job gives: links on the base that the caller used, or texts."""
    return job["texts"] or [call.file(name) for name in job["files"]]


def _waiting(call: Exchange) -> list[Job]:
    jobs = (call.world.get(call.kind("job"), number) for number in call.world.all(call.kind("waiting")))
    return [job for job in jobs if job and job["biller"] == call.biller]


def _accept(call: Exchange, work: Work, faults: Sequence[Fault], *, queued: bool) -> Job:
    """Charge for a job and remember it, in one transaction.  A dedicated server has a flat fee and no queue limit."""
    world = call.world
    price = Decimal(0) if work.dialect.enterprise else PRICE * max(work.pictures, 1)
    with world.change():
        job = _job(call, work, faults)
        number, ready = str(job["id"]), job["ready"]
        limited = queued and not work.dialect.enterprise
        if limited and not limits.take_place(world, call.service.name, number, places=PLACES, until=ready):
            raise refusals.of_status(429)
        if not account.spend(world, call.biller, price):
            raise refusals.of_status(402)
        world.charge(call.biller, number, prompt=work.prompt, credits=price)
        world.put(call.kind("job"), number, job)
        world.put(call.kind("waiting"), number, ready)  # at once too: whoever finds it goes on after a crash
        _announce(call, work, job, due=ready if queued else None)
    return job


def _job(call: Exchange, work: Work, faults: Sequence[Fault]) -> Job:
    number = call.world.next("modelslab family jobs", FIRST_ID)
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{call.service.name}/{number}"))
    slow = find(faults, "slow")
    seconds = work.seconds + (slow.number(1.0) if slow else 0.0)
    return {
        "id": number,
        "path": call.path,
        "biller": call.biller,
        "enterprise": work.dialect.enterprise,
        "body": {key: value for key, value in call.body.items() if key != "key"},
        "recipe": dict(work.recipe),
        "faults": [[fault.name, fault.value] for fault in faults],
        "name": name,
        "files": _files(call, work, name),
        "texts": list(work.texts),
        "temporary": work.temp or work.base64,
        "state": "processing",
        "eta": round(work.seconds, 4),
        "seconds": seconds,
        "ready": call.world.now() + seconds,
    }


def _files(call: Exchange, work: Work, name: str) -> list[str]:
    folder = "temp" if work.temp or work.base64 else "generations"
    suffix = "base64" if work.base64 else "png"
    stems = (
        f"{number}-{name}" if work.dialect.prefixed and not work.base64 else f"{name}-{number}"
        for number in range(work.pictures)
    )
    return [f"{call.service.name}/{folder}/{stem}.{suffix}" for stem in stems]


def _announce(call: Exchange, work: Work, job: Job, *, due: float | None) -> None:
    """Queue the webhook call (github.com/ModelsLab/docs-v2, webhooks.mdx)."""
    if not work.webhook:
        return
    told: dict[str, Any] = {"status": "success", "id": str(job["id"])}
    if any(name == "fail" for name, _ in job["faults"]):
        told |= {"status": "failed", "message": "Failed, Try Again", "track_id": work.track_id}
    else:
        told |= {"output": outputs(call, job), "generationTime": job["seconds"], "track_id": work.track_id}
        told["meta"] = work.meta(job["name"])
    outbox.queue(call.world, call.service.name, work.webhook, told, due=due)


def _change(service: Service, world: World, job: Job, state: str) -> None:
    with world.change():
        world.put(f"{service.name}.job", str(job["id"]), {**job, "state": state})
        world.remove(f"{service.name}.waiting", str(job["id"]))
        world.book(str(job["id"]), state=_BOOKED[state], provider=job["biller"])


def _success(call: Exchange, work: Work, job: Job) -> dict[str, Any]:
    links, shape = outputs(call, job), work.dialect.shape
    nsfw = any(name == "nsfw" for name, _ in job["faults"])
    said: dict[str, Any] = {"status": "success", "generationTime": job["seconds"]}
    if not work.dialect.nameless:
        said["id"] = job["id"]
    said["output"] = links[0] if work.bare else links
    if shape in ("community", "realtime") and not work.texts:
        said |= {"proxy_links": links, "nsfw_content_detected": nsfw}
    elif nsfw:
        said["nsfw_content_detected"] = True
    if shape == "community":
        said |= {"webhook_status": "", "tip": TIP}
    return said | {"meta": work.meta(job["name"])}


def _processing(call: Exchange, work: Work, job: Job) -> dict[str, Any]:
    dialect, links = work.dialect, outputs(call, job) if job["files"] else []
    said: dict[str, Any] = {"status": "processing", "tip": TIP}
    if dialect.shape == "community":
        said["tip_1"] = _QUEUE_TIP
    meta = {"webhook": work.webhook or None, "track_id": work.track_id, "id": str(job["id"]), "output": links}
    said |= {
        "eta": job["eta"],
        dialect.message: "Try to fetch request after seconds estimated",
        "webhook_status": "",
        "fetch_result": call.api(f"{dialect.fetch}/{job['id']}"),
        "id": job["id"],
        "output": dialect.nothing,
        "meta": work.meta(job["name"]) | meta,
        "future_links": links,
    }
    return said | ({"proxy_links": links} if dialect.shape == "realtime" else {})
