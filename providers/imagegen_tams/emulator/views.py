"""
A job as `GET /v1/jobs/<id>` answers it, by its status; zeros are left out, as protobuf JSON does.

Fields as https://tams-docs.tensor.art/zh/docs/api/apis/tams-api-v-1-service-create-job and answers printed in public
clients have them (`expiredIn`, `imageExifMetaMap`, `runtime`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from imagegen.emulator.world import World

from .jobs import Jobs
from .results import RecipesOf, Results


@frozen(kw_only=True)
class Views:
    """Shows the jobs of one world to a caller who came in at *base*."""

    world: World
    base: str
    recipes_of: RecipesOf

    def show(self, job_id: str) -> dict[str, Any]:
        """Return `job`."""
        record, status = Jobs(self.world).look(job_id)
        job: dict[str, Any] = {"id": job_id, "status": status}
        if cost := number(record["credits"]):
            job["credits"] = cost
        if status == "WAITING":
            job["waitingInfo"] = self._waiting(record)
        elif status == "RUNNING":
            job["runningInfo"] = self._running(record)
        elif status == "FAILED":
            job["failedInfo"] = _failed(record)
        elif status == "SUCCESS":
            job["successInfo"] = self._success(record)
        return job

    def _waiting(self, record: Mapping[str, Any]) -> dict[str, str]:
        left = record["waits"] - (self.world.now() - record["at"])
        rank = max(math.ceil(left / 0.5), 1)
        return {"queueRank": str(rank), "queueLen": str(rank + 3)}

    def _running(self, record: dict[str, Any]) -> dict[str, Any]:
        passed = self.world.now() - record["at"] - record["waits"]
        progress = min(int(100 * passed / record["runs"]) if record["runs"] else 100, 100)
        if record["form"] == "workflow":
            return {"workflowFinishItem": self._nodes(record, progress, done=passed >= record["runs"])}
        told = {"progress": progress} if progress else {}
        recipes = self.recipes_of(record["form"], record["body"])
        images = [{"resourceImage": {}, **told} for recipe in recipes for _ in range(recipe.count)]
        return {"processingImages": images}

    def _success(self, record: dict[str, Any]) -> dict[str, Any]:
        results = self._results()
        made = results.of(record)
        info: dict[str, Any] = {}
        for kind in ("images", "videos"):
            if told := [results.resource(result) for result in made if result["kind"] == kind]:
                info[kind] = told
        info["imageExifMetaMap"] = {result["id"]: {"meta": result["exif"]} for result in made}
        info["runtime"] = str(max(math.ceil(record["runs"]), 1))
        if record["form"] == "workflow":
            info["workflowFinishItem"] = self._nodes(record, 100, done=True)
        return info

    def _nodes(self, record: dict[str, Any], progress: int, *, done: bool) -> dict[str, Any]:
        """Return the state of a workflow's output nodes, with their pictures when they are done."""
        status = "SUCCESS" if done else "RUNNING"
        recipes = self.recipes_of(record["form"], record["body"])
        nodes: dict[str, Any] = {recipe.node: {"id": recipe.node, "status": status} for recipe in recipes}
        results = self._results()
        for result in results.of(record) if done else ():
            shown = nodes[result["node"]].setdefault("outputUi", {"images": []})["images"]
            shown.append(results.output_ui(result))
        item = {"id": record["id"], "status": status, "nodes": nodes}
        return {**item, "progress": progress} if progress else item

    def _results(self) -> Results:
        return Results(world=self.world, base=self.base, recipes_of=self.recipes_of)


def number(credits: str | Decimal) -> int | float:
    """Return credits as the JSON number that the pages print: `1`, `2.4`."""
    value = float(credits)
    return int(value) if value == int(value) else value


def _failed(record: Mapping[str, Any]) -> dict[str, str]:
    value = next((value for name, value in record["faults"] if name == "fail"), None)
    if value is None:
        return {"reason": "the picture was withheld by the safety checker", "code": "FATAL_ERROR"}
    passing = value.lower().startswith("trans")
    return {"reason": "emulated failure", "code": "TRANSITORY_ERROR" if passing else "FATAL_ERROR"}
