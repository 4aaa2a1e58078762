"""Pictures that go up: `base64_to_url`, `base64_crop`, enterprise `upload_image`; and `delete_image`."""

from __future__ import annotations

import io

from PIL import Image

from imagegen.emulator import Response, answer

from . import refusals
from .exchange import Exchange
from .painting import DAY, fetch_image

LARGEST = 5 * 1024 * 1024  # "<= 5 MB", base64_to_url page
_FIRST_ID = 1047  # of that page's answer


def to_url(call: Exchange) -> Response:
    """Keep a picture for 24 hours; one endpoint calls it `base64_string`, the other `init_image`."""
    name = "init_image" if call.path.startswith("v6/image_editing") else "base64_string"
    number = call.world.next(call.kind("upload"), _FIRST_ID)
    link = _keep(call, _picture(call, name), f"temp/upload-{number}.png", DAY)
    return answer({"status": "success", "id": number, "output": [link]})


def crop(call: Exchange) -> Response:
    """Keep a picture, cut to a square if `crop` says so."""
    data = _picture(call, "image")
    reader = call.reader()
    if reader.flag("crop", False):
        data = _square(data)
    reader.check()
    number = call.world.next(call.kind("upload"), _FIRST_ID)
    link = _keep(call, data, f"generations/upload-{number}.png", None)
    call.world.put(call.kind("uploaded"), str(number), link.partition("/files/")[2])
    return answer({"status": "success", "messege": "image uploaded", "link": link, "request_id": number})


def to_bucket(call: Exchange) -> Response:
    """Enterprise `upload_image`: raw base64 into one's own bucket."""
    data = _picture(call, "base64_image")
    reader = call.reader()
    kind = reader.choice("image_type", "png", frozenset({"png", "jpeg", "jpg"}))
    reader.check()
    number = call.world.next(call.kind("upload"), _FIRST_ID)
    link = _keep(call, data, f"generations/upload-{number}.{kind}", None)
    return answer({"status": "success", "message": "image uploaded", "image_url": link})


def delete(call: Exchange) -> Response:
    """`delete_image`: the files of a job, or of an upload, are gone."""
    reader = call.reader()
    reader.require("request_id")
    reader.choice("type", "image", frozenset({"image", "video", "voice", "3d"}))
    reader.check()
    asked = reader.text("request_id")
    job, upload = call.world.get(call.kind("job"), asked), call.world.get(call.kind("uploaded"), asked)
    names = [*(job["files"] if job else ()), *([upload] if upload else ())]
    if not names:
        return answer({"status": "failed", "id": "", "message": "Request not found", "output": ""})
    for name in names:
        call.world.keep(name, b"", "image/png", seconds=0)
    return answer({"status": "success", "messege": "image deleted"})


def _picture(call: Exchange, name: str) -> bytes:
    reader = call.reader()
    reader.require(name)
    text = reader.text(name)
    if len(text) * 3 // 4 > LARGEST:
        reader.fault(name, "must not be greater than 5 MB")
    reader.check()
    if text.startswith(("http://", "https://", "/files/")):
        raise refusals.invalid({name: ["must be a base64 string"]})
    return fetch_image(call.world, text)


def _square(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        file = io.BytesIO()
        image.crop((left, top, left + side, top + side)).save(file, "PNG")
    return file.getvalue()


def _keep(call: Exchange, data: bytes, name: str, seconds: float | None) -> str:
    media_type = "image/jpeg" if data[:2] == b"\xff\xd8" else "image/png"
    call.world.keep(f"{call.service.name}/{name}", data, media_type, seconds=seconds)
    return call.file(f"{call.service.name}/{name}")
