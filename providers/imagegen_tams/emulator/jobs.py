"""
The life of a job: accepted once per request id, queued, run on world time, painted when it is first seen finished.

The state is never stored but computed from the time that has passed, so a job goes on while nobody looks.  Fields as
https://tams-docs.tensor.art/docs/api/apis/tams-api-v-1-service-get-job and answers printed in public clients have
them (`expiredIn`, `imageExifMetaMap`, `runtime`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen

from imagegen.emulator import account, outbox
from imagegen.emulator.effects import find, keep_result
from imagegen.emulator.faults import Fault
from imagegen.emulator.world import World

from .errors import ALREADY_EXISTS, FAILED_PRECONDITION, NOT_FOUND, Problem
from .painting import Painting, paint
from .recipe import Recipe
from .resources import LINK_SECONDS, Resources, picture_meta

PROVIDER = "tams"
WAIT_SECONDS, QUEUE_SECONDS = 0.4, 6.0
FINISH_SECONDS = 0.3  # how long a workflow's nodes are done before the job says so, as on the page "workflow"

_JOB, _REQUEST = "tams_job", "tams_request"
_FIRST_ID = 709385162603889157  # the job id in the example of the page "Workflow Template"


@frozen(kw_only=True)
class Order:
    """A valid request for a job, before it is accepted."""

    request_id: str
    form: str  # "stages" or "workflow": how `body` becomes recipes again
    body: Mapping[str, Any]
    fingerprint: str
    prompt: str
    credits: Decimal
    recipes: tuple[Recipe, ...] = field(repr=False)
    notify_url: str = ""


@frozen(kw_only=True)
class Accepted:
    """What became of an order: the job, and the faults of its prompt if it is a new one."""

    job: dict[str, Any]
    faults: tuple[Fault, ...] = ()


@define
class Jobs:
    """The jobs of one world.  *recipes* turns a stored body into recipes again."""

    world: World
    recipes: Callable[[str, Any], tuple[Recipe, ...]]

    def known(self, order: Order) -> dict[str, Any] | None:
        """Return the job that has this request id already; another body under the same id is refused."""
        known = self.world.get(_REQUEST, order.request_id) if order.request_id else None
        if known is None:
            return None
        if known["fingerprint"] != order.fingerprint:
            raise Problem(ALREADY_EXISTS, f"requestId {order.request_id} was used with another request")
        record: dict[str, Any] = self.world.get(_JOB, known["job"])
        return record

    def accept(self, order: Order, faults: Sequence[Fault]) -> dict[str, Any]:
        """Charge for *order* and make it a job.  Belongs in the transaction that asked `known`."""
        number = self.world.next(_JOB, _FIRST_ID)
        job_id = str(number)
        if not account.spend(self.world, PROVIDER, order.credits):
            left = account.balance(self.world, PROVIDER)
            said = f"insufficient credits: {order.credits} needed, {left} left"
            raise Problem(FAILED_PRECONDITION, said)
        record = self._record(order, job_id, faults)
        self.world.put(_JOB, job_id, record)
        if order.request_id:
            told = {"job": job_id, "fingerprint": order.fingerprint}
            self.world.put(_REQUEST, order.request_id, told)
        self.world.charge(PROVIDER, job_id, prompt=order.prompt, credits=order.credits, key=order.request_id)
        return record

    def _record(self, order: Order, job_id: str, faults: Sequence[Fault]) -> dict[str, Any]:
        queue, slow = find(faults, "queue"), find(faults, "slow")
        waits = WAIT_SECONDS
        if queue is not None or self.world.rules.queue:
            waits = queue.number(QUEUE_SECONDS) if queue else QUEUE_SECONDS
        runs = sum(recipe.steps for recipe in order.recipes) * self.world.rules.seconds_per_step
        runs += slow.number(1.0) if slow else 0.0
        ends = self.world.now() + waits + runs + (FINISH_SECONDS if order.form == "workflow" else 0.0)
        record = {
            "id": job_id,
            "at": self.world.now(),
            "waits": waits,
            "runs": runs,
            "ends": ends,
            "form": order.form,
            "body": without_keys(order.body),
            "credits": str(order.credits),
            "faults": [[fault.name, fault.value] for fault in faults],
            "booked": "accepted",
            "results": None,
            "notice": "",
        }
        if order.notify_url:
            status = "FAILED" if self._fails(record) else "SUCCESS"
            body = {"job": {"id": job_id, "status": status}}
            record["notice"] = outbox.queue(self.world, PROVIDER, order.notify_url, body, due=ends)
        return record

    def get(self, job_id: str) -> dict[str, Any]:
        """Return the record of a job, or say that there is none."""
        record: dict[str, Any] | None = self.world.get(_JOB, job_id)
        if record is None:
            raise Problem(NOT_FOUND, f"job not found: {job_id}")
        return record

    def cancel(self, job_id: str) -> None:
        """Stop a job.  What has not started is given back."""
        with self.world.change():
            record = self.get(job_id)
            status = self.status(record)
            if status == "CANCELED":
                return
            if status in ("SUCCESS", "FAILED"):
                raise Problem(FAILED_PRECONDITION, f"job {job_id} is {status}")
            kept = Decimal(record["credits"]) if status == "RUNNING" else Decimal(0)
            account.refund(self.world, PROVIDER, Decimal(record["credits"]) - kept)
            outbox.withdraw(self.world, record["notice"])
            record |= {"booked": "canceled", "credits": str(kept)}
            self.world.put(_JOB, job_id, record)
            self.world.book(job_id, state="canceled", credits=kept, provider=PROVIDER)

    def status(self, record: Mapping[str, Any]) -> str:
        """Return `job.status` as the world's time has it."""
        if record["booked"] == "canceled":
            return "CANCELED"
        now = self.world.now()
        if now >= record["ends"]:
            return "FAILED" if self._fails(record) else "SUCCESS"
        return "WAITING" if now - record["at"] < record["waits"] else "RUNNING"

    def view(self, record: dict[str, Any], base: str) -> dict[str, Any]:
        """Return `job` as `GET /v1/jobs/<id>` answers it; zeros are left out, as protobuf JSON does."""
        status = self.status(record)
        record = self._book(record, status)
        job: dict[str, Any] = {"id": record["id"], "status": status, "credits": number(record["credits"])}
        if not job["credits"]:
            del job["credits"]
        if status == "WAITING":
            job["waitingInfo"] = self._waiting(record)
        elif status == "RUNNING":
            job["runningInfo"] = self._running(record, base)
        elif status == "FAILED":
            job["failedInfo"] = self._failed(record)
        elif status == "SUCCESS":
            job["successInfo"] = self._success(record, base)
        return job

    def _book(self, record: dict[str, Any], status: str) -> dict[str, Any]:
        """Tell the books what the job has come to."""
        state = {"RUNNING": "running", "SUCCESS": "succeeded", "FAILED": "failed"}.get(status)
        if state is None or record["booked"] == state:
            return record
        with self.world.change():
            record = self.get(record["id"])  # somebody else may have booked it meanwhile
            if record["booked"] != state:
                record["booked"] = state
                if state == "failed":
                    account.refund(self.world, PROVIDER, Decimal(record["credits"]))
                    record["credits"] = "0"
                self.world.put(_JOB, record["id"], record)
                self.world.book(record["id"], state=state, credits=Decimal(record["credits"]), provider=PROVIDER)
        return record

    def _fails(self, record: Mapping[str, Any]) -> bool:
        return any(name in ("fail", "nsfw") for name, _ in record["faults"])

    def _waiting(self, record: Mapping[str, Any]) -> dict[str, str]:
        left = record["waits"] - (self.world.now() - record["at"])
        rank = max(math.ceil(left / 0.5), 1)
        return {"queueRank": str(rank), "queueLen": str(rank + 3)}

    def _running(self, record: dict[str, Any], base: str) -> dict[str, Any]:
        passed = self.world.now() - record["at"] - record["waits"]
        progress = min(int(100 * passed / record["runs"]) if record["runs"] else 100, 100)
        recipes = self.recipes(record["form"], record["body"])
        if record["form"] == "workflow":
            done = passed >= record["runs"]
            return {"workflowFinishItem": self._finish_item(record, recipes, progress, base if done else None)}
        told = {"progress": progress} if progress else {}
        images = [{"resourceImage": {}, **told} for recipe in recipes for _ in range(recipe.count)]
        return {"processingImages": images}

    def _failed(self, record: Mapping[str, Any]) -> dict[str, str]:
        value = next((value for name, value in record["faults"] if name == "fail"), None)
        if value is None:
            return {"reason": "the picture was withheld by the safety checker", "code": "FATAL_ERROR"}
        passing = value.lower().startswith("trans")
        return {"reason": "emulated failure", "code": "TRANSITORY_ERROR" if passing else "FATAL_ERROR"}

    def _success(self, record: dict[str, Any], base: str) -> dict[str, Any]:
        results = self._results(record)
        info: dict[str, Any] = {}
        for kind in ("images", "videos"):
            if told := [self._resource(result, base) for result in results if result["kind"] == kind]:
                info[kind] = told
        info["imageExifMetaMap"] = {result["id"]: {"meta": result["exif"]} for result in results}
        info["runtime"] = str(max(math.ceil(record["runs"]), 1))
        if record["form"] == "workflow":
            recipes = self.recipes(record["form"], record["body"])
            info["workflowFinishItem"] = self._finish_item(record, recipes, 100, base)
        return info

    def _resource(self, result: Mapping[str, Any], base: str) -> dict[str, Any]:
        return {
            "id": result["id"],
            "url": base + Resources(self.world).link(result["id"]),
            "expiredIn": str(LINK_SECONDS),
            "meta": picture_meta(result["width"], result["height"]),
        }

    def _finish_item(
        self, record: dict[str, Any], recipes: tuple[Recipe, ...], progress: int, base: str | None
    ) -> dict[str, Any]:
        """Return the state of a workflow's nodes, with the pictures of its output nodes when *base* is given."""
        nodes: dict[str, Any] = {}
        for recipe in recipes:
            nodes[recipe.node] = {"id": recipe.node, "status": "RUNNING" if base is None else "SUCCESS"}
        if base is not None:
            for result in self._results(record):
                shown = nodes[result["node"]].setdefault("outputUi", {"images": []})["images"]
                shown.append(self._output_ui(result, base))
        item = {"id": record["id"], "status": "RUNNING" if base is None else "SUCCESS", "nodes": nodes}
        return {**item, "progress": progress} if progress else item

    def _output_ui(self, result: Mapping[str, Any], base: str) -> dict[str, Any]:
        return {
            "filename": self._resource(result, base)["url"],
            "type": "output",
            "height": result["height"],
            "width": result["width"],
            "format": result["format"],
            "imageResourceId": result["id"],
        }

    def _results(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the results, painted on the first call; two callers may paint at once, the pictures are equal."""
        if record["results"] is None:
            painted = [
                (recipe, self._paint(recipe, record, number))
                for recipe in self.recipes(record["form"], record["body"])
                for number in range(recipe.count)
            ]
            with self.world.change():
                record |= self.get(record["id"])
                if record["results"] is None:
                    record["results"] = [self._keep(*each, record) for each in painted]
                    self.world.put(_JOB, record["id"], record)
        results: list[dict[str, Any]] = record["results"]
        return results

    def _paint(self, recipe: Recipe, record: Mapping[str, Any], number: int) -> Painting:
        seed = random_seed(record["id"]) if recipe.seed is None else recipe.seed
        resources = Resources(self.world)
        return paint(recipe, seed + number, lambda name: resources.read(name, "resource"), _faults(record))

    def _keep(self, recipe: Recipe, painting: Painting, record: Mapping[str, Any]) -> dict[str, Any]:
        resources = Resources(self.world)
        resource_id = resources.new_id()
        file = f"tams/{resource_id}/0.{painting.suffix}"
        faults = _faults(record)
        keep_result(self.world, file, painting.data, painting.media_type, faults, seconds=LINK_SECONDS)
        resources.add(resource_id, file)
        return {
            "id": resource_id,
            "node": recipe.node,
            "kind": "videos" if painting.suffix == "webp" else "images",
            "format": painting.suffix,
            "width": painting.width,
            "height": painting.height,
            "exif": {
                "FileSize": _file_size(len(painting.data)),
                "ImageSize": f"{painting.width}x{painting.height}",
                "MIMEType": painting.media_type,
                "Seed": str(painting.seed),
            },
        }


def _faults(record: Mapping[str, Any]) -> tuple[Fault, ...]:
    return tuple(Fault(name, value) for name, value in record["faults"])


def random_seed(job_id: str) -> int:
    """Return the seed of a job that did not name one: 1 to 4294967295, the same for the same job."""
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:4], "big") or 1


def fingerprint(path: str, data: Any) -> str:
    """Return what two requests must share to be the same one."""
    text = json.dumps([path, data], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def without_keys(tree: Any) -> Any:
    """Return *tree* without access keys: the emulator has no use for them after the request."""
    if isinstance(tree, Mapping):
        kept = {name: value for name, value in tree.items() if not _is_access_key(str(name))}
        return {name: without_keys(value) for name, value in kept.items()}
    return [without_keys(value) for value in tree] if isinstance(tree, list) else tree


def _is_access_key(name: str) -> bool:
    return name.replace("_", "").lower().endswith("accesskey")


def number(credits: str | Decimal) -> int | float:
    """Return credits as the JSON number that the pages print: `1`, `2.4`."""
    value = float(credits)
    return int(value) if value == int(value) else value


def _file_size(size: int) -> str:
    return f"{round(size / 1000)} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
