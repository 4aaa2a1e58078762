"""
Pictures that go in: each is uploaded once per content, and then known to a job as a slot that becomes its id.

`POST /v1/resource/image` gives an id and an address for the bytes; what is uploaded lives for 7 days, so it is
remembered for 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from imagegen.flow import Call, Flow, Recall, Remember, Reply, Upload, send
from imagegen.placeholders import Slot
from imagegen.provider import Context

from .answers import ResourceAnswer, StsAnswer, read
from .errors import accepted
from .wire import ResourceRequest, encode

KEEP_SECONDS = 6 * 24 * 3600.0
ADDRESS_SECONDS = "3600"


def slot(image: str) -> Slot:
    """Return the slot of an input: `init_image` -> `<resource:init_image>`."""
    return Slot(f"resource:{image}")


def wanted(context: Context, image: str, convert: str = "") -> dict[str, str]:
    """Return what the flow must know to upload an input (plain JSON, for `Plan.facts`)."""
    blob = context.images.get(image)
    return {"image": image, "sha256": blob.sha256 if blob else "", "convert": convert}


def upload_all(base_url: str, inputs: Iterable[Mapping[str, str]]) -> Flow[dict[str, Any]]:
    """Upload what is not there yet; return the values of all slots."""
    values: dict[str, Any] = {}
    for item in inputs:
        values[slot(item["image"]).name] = yield from _upload(base_url, item)
    return values


def _upload(base_url: str, item: Mapping[str, str]) -> Flow[str]:
    key = ":".join(filter(None, (item["sha256"], item["convert"])))
    if item["sha256"]:
        known: str | None = yield Recall("resource", key)
        if known:
            return known
    place = yield from _place(base_url)
    put: Reply = yield Upload(image=item["image"], url=place.put_url, headers=place.headers, convert=item["convert"])
    accepted(put)
    if item["sha256"]:
        yield Remember(kind="resource", key=key, value=place.resource_id, seconds=KEEP_SECONDS)
    return place.resource_id


def _place(base_url: str) -> Flow[ResourceAnswer]:
    return read((yield from _address(f"{base_url}/v1/resource/image")), ResourceAnswer)


def sts_address(base_url: str) -> Flow[StsAnswer]:
    """Ask for the data of a form upload (`/v1/resource/image/sts`); our own go by `/v1/resource/image`."""
    return read((yield from _address(f"{base_url}/v1/resource/image/sts")), StsAnswer)


def _address(url: str) -> Flow[Reply]:
    body = encode(ResourceRequest(expire_sec=ADDRESS_SECONDS))
    return accepted((yield from send(Call(method="POST", url=url, json=body, purpose="upload"))))
