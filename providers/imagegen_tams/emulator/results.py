"""What a finished job made: painted when it is first asked for, kept as resources, described as the vendor does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from imagegen.emulator.effects import keep_result
from imagegen.emulator.world import World

from .jobs import Jobs, faults_of
from .painting import Painting, paint
from .recipe import Recipe
from .resources import LINK_SECONDS, Resources, picture_meta

RecipesOf = Callable[[str, Any], tuple[Recipe, ...]]
"""Turns the form and the body of a stored job into recipes again."""


@frozen(kw_only=True)
class Results:
    """The results of one world's jobs, with links that start with *base*."""

    world: World
    base: str
    recipes_of: RecipesOf

    def of(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a job's results.  Two callers may paint at once: the pictures are equal, and kept once."""
        results: list[dict[str, Any]] | None = record["results"]
        if results is not None:
            return results
        painted = [
            (recipe, self._paint(recipe, record, number))
            for recipe in self.recipes_of(record["form"], record["body"])
            for number in range(recipe.count)
        ]
        with self.world.change():
            record |= Jobs(self.world).get(record["id"])
            if record["results"] is None:
                record["results"] = [self._keep(recipe, painting, record) for recipe, painting in painted]
                Jobs(self.world).put(record)
        results = record["results"]
        return results or []

    def resource(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return a result as a Resource of `successInfo`."""
        return {
            "id": result["id"],
            "url": self.base + Resources(self.world).link(result["id"]),
            "expiredIn": str(LINK_SECONDS),
            "meta": picture_meta(result["width"], result["height"]),
        }

    def output_ui(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return a result as a workflow's node shows it."""
        return {
            "filename": self.resource(result)["url"],
            "type": "output",
            "height": result["height"],
            "width": result["width"],
            "format": result["format"],
            "imageResourceId": result["id"],
        }

    def _paint(self, recipe: Recipe, record: Mapping[str, Any], number: int) -> Painting:
        seed = random_seed(record["id"]) if recipe.seed is None else recipe.seed
        resources = Resources(self.world)
        return paint(recipe, seed + number, lambda name: resources.read(name, "resource"), faults_of(record))

    def _keep(self, recipe: Recipe, painting: Painting, record: Mapping[str, Any]) -> dict[str, Any]:
        resources = Resources(self.world)
        resource_id = resources.new_id()
        file = f"tams/{resource_id}/0.{painting.suffix}"
        media, faults = painting.media_type, faults_of(record)
        keep_result(self.world, file, painting.data, media, faults, seconds=LINK_SECONDS)
        resources.add(resource_id, file)
        return {
            "id": resource_id,
            "node": recipe.node,
            "kind": "videos" if painting.suffix == "webp" else "images",
            "format": painting.suffix,
            "width": painting.width,
            "height": painting.height,
            "exif": _exif(painting),
        }


def random_seed(job_id: str) -> int:
    """Return the seed of a job that did not name one: 1 to 4294967295, the same for the same job."""
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:4], "big") or 1


def _exif(painting: Painting) -> dict[str, str]:
    """The four words that real answers have under `imageExifMetaMap`."""
    return {
        "FileSize": _file_size(len(painting.data)),
        "ImageSize": f"{painting.width}x{painting.height}",
        "MIMEType": painting.media_type,
        "Seed": str(painting.seed),
    }


def _file_size(size: int) -> str:
    return f"{round(size / 1000)} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
