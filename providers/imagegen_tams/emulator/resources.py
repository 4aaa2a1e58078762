"""
Pictures that come and go: uploads by a signed link or by a form, results as links that expire.

A resource is an id (a uuid), bytes, and an end: term 1 = 7 days, 2 = for ever (`term` in the generated types of
https://github.com/Tensor-Art/tams-sdk.js).  The resources of the pages' own examples exist from the start.
"""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from attrs import define
from PIL import Image, ImageDraw

from imagegen.emulator.world import World

from .errors import bad_argument
from .messages import CreateResource

LINK_SECONDS = 3600
UPLOAD_SECONDS = 3600
SHORT_TERM = 7 * 24 * 3600.0
CONTENT_TYPE = "image/png"

_KIND = "tams_resource"
_NAMESPACE = UUID("5e3a8a2b-6f39-4b8e-9f1c-7a1f0c2d9e11")
# The ids in the examples of the pages "img2img", "Inpaint" and "Workflow Template": size, and whether it is a mask.
_PAGE_RESOURCES = {
    "f204c24a-52dc-4cf4-930a-9b8f73969414": (512, 512, False),
    "67f8de0b-4949-4f88-abb4-cf57b16459da": (1536, 2304, False),
    "48203af7-6b07-4f1c-8506-f3f545613653": (1536, 2304, True),
    "f29036b4-ff7b-4394-8c26-aabc1bdae008": (512, 768, False),
}


class StorageProblem(Exception):
    """A refusal of the object storage, which speaks XML."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@define
class Resources:
    """The resources of one world."""

    world: World

    def new_id(self) -> str:
        """Return the next resource id; equal worlds give equal ids."""
        return str(uuid5(_NAMESPACE, f"resource {self.world.next('tams_resource')}"))

    def open(self, order: CreateResource) -> tuple[str, int]:
        """Make room for an upload; return its id and until when the link works."""
        if order.term not in (0, 1, 2):
            raise bad_argument("term", "term must be 1 or 2")
        until = int(self.world.now()) + (order.expire_sec if order.expire_sec > 0 else UPLOAD_SECONDS)
        resource_id = self.new_id()
        self.world.put(_KIND, resource_id, {"upload_until": until, "forever": order.term == 2, "file": ""})
        return resource_id, until

    def upload(self, resource_id: str, data: bytes) -> None:
        """Take the bytes of an upload that `open` announced."""
        record = self.world.get(_KIND, resource_id)
        if record is None:
            raise StorageProblem(404, "NoSuchKey", "The specified key does not exist.")
        if record["upload_until"] <= self.world.now():
            raise StorageProblem(403, "AccessDenied", "Request has expired.")
        media = media_type(data)
        if not media:
            raise StorageProblem(400, "InvalidArgument", "The uploaded object is not an image.")
        until = None if record["forever"] else self.world.now() + SHORT_TERM
        name = f"tams/upload/{resource_id}"
        with self.world.change():
            self.world.keep(name, data, media, seconds=0)  # nobody gets a link to an upload
            self.world.put(_KIND, resource_id, {**record, "file": name, "until": until})

    def add(self, resource_id: str, file: str) -> None:
        """Make a resource of a file that the world keeps already (a result)."""
        now = self.world.now()
        told = {"file": file, "until": now + SHORT_TERM, "link_until": now + LINK_SECONDS}
        self.world.put(_KIND, resource_id, told)

    def find(self, resource_id: str) -> bytes | None:
        """Return the bytes of a resource, or None: unknown, never uploaded, expired."""
        record = self.world.get(_KIND, resource_id)
        if record is None:
            page = _PAGE_RESOURCES.get(resource_id)
            return page and _page_picture(*page)
        if not record["file"] or (record["until"] is not None and record["until"] <= self.world.now()):
            return None
        found = self.world.file(record["file"])
        return found[0] or None if found else None

    def read(self, resource_id: str, path: str) -> bytes:
        """Return the bytes of a resource that a request names at *path*, or refuse the request."""
        data = self.find(resource_id)
        if data is None:
            raise bad_argument(path, f"resource not found: {resource_id}")
        return data

    def link(self, resource_id: str) -> str:
        """Return a link path to a result; after an hour a fresh one, and the one before it stays dead."""
        with self.world.change():
            record = self.world.get(_KIND, resource_id)
            if record["link_until"] <= self.world.now():
                record = self._renewed(resource_id, record)
        expires = int(record["link_until"])
        return f"/files/{record['file']}?auth_key={expires}-0-0-{sign(record['file'], expires)[:32]}"

    def _renewed(self, resource_id: str, record: dict[str, Any]) -> dict[str, Any]:
        found = self.world.file(record["file"])
        if found is None or not found[0]:
            return record
        folder, _, name = record["file"].rpartition("/")
        number, _, suffix = name.partition(".")
        file = f"{folder}/{int(number) + 1}.{suffix}"
        self.world.keep(file, found[0], found[1], seconds=LINK_SECONDS)
        told = {**record, "file": file, "link_until": self.world.now() + LINK_SECONDS}
        self.world.put(_KIND, resource_id, told)
        return told


def sign(*parts: object) -> str:
    """Return the signature that the emulated storage puts into its links."""
    text = "\n".join(str(part) for part in parts)
    return hmac.new(b"emulated storage", text.encode(), hashlib.sha256).hexdigest()


def media_type(data: bytes) -> str:
    """Return `image/png` and the like; nothing when the bytes are no picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()
            return Image.MIME.get(image.format or "", "")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return ""


def size_of(data: bytes) -> tuple[int, int]:
    """Return the size of a picture."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def picture_meta(width: int, height: int) -> Mapping[str, Any]:
    """Return `meta` of a Resource."""
    return {"image": {"width": width, "height": height}}


def _page_picture(width: int, height: int, mask: bool) -> bytes:
    """Draw what the pages only name: a figure before a wall, or a white disc where its face is."""
    image = Image.new("L" if mask else "RGB", (width, height), 0 if mask else (96, 120, 150))
    pen = ImageDraw.Draw(image)
    face = (width * 0.36, height * 0.2, width * 0.64, height * 0.4)
    if not mask:
        pen.rectangle((width * 0.25, height * 0.42, width * 0.75, height), fill=(180, 170, 200))
    pen.ellipse(face, fill=255 if mask else (235, 200, 180))
    file = io.BytesIO()
    image.save(file, "JPEG" if mask else "PNG", quality=95)
    return file.getvalue()
