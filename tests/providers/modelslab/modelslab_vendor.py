"""The emulated ModelsLab as a client meets it, decided in process on a clock that is moved by hand."""

from __future__ import annotations

import base64
import io
import json
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from imagegen.emulator import KEY, Request, Response
from imagegen.emulator.chassis import Chassis
from imagegen.emulator.clock import Clock
from imagegen.emulator.draw import facts_of
from imagegen.emulator.world import Rules, World
from imagegen_modelslab.emulator import EMULATOR

BASE = "http://127.0.0.1:8085"
CAT = {"model_id": "midjourney", "prompt": "a cat", "enhance_prompt": "no", "width": 64, "height": 64}


class Vendor:
    """The emulated vendor as a client sees it."""

    def __init__(self, **rules: Any) -> None:
        self.world = World(rules=Rules(**rules), clock=Clock(manual=True, start=1_700_000_000.0))
        self.chassis = Chassis(self.world, [EMULATOR])

    def send(self, path: str, body: Any = None, *, method: str = "POST", headers: Any = None, **query: str) -> Response:
        data = b"" if body is None else json.dumps(body).encode()
        target = f"/modelslab/api/{path}"
        request = Request(
            method=method, path=target, target=target, base=BASE, query=query, headers=headers or {}, body=data
        )
        return self.chassis.handle(request)

    def post(self, path: str, **body: Any) -> Any:
        return json.loads(self.send(path, {"key": KEY, **body}).body)

    def text2img(self, **words: Any) -> Any:
        return self.post("v6/images/text2img", **{**CAT, **words})

    def download(self, link: str) -> Response:
        assert link.startswith(f"{BASE}/files/")
        return self.chassis.handle(Request(method="GET", path=urlsplit(link).path, base=BASE))

    def picture(self, link: str) -> Image.Image:
        return Image.open(io.BytesIO(self.download(link).body)).convert("RGB")

    def scene(self, answer: Any, number: int = 0) -> dict[str, Any]:
        return facts_of(self.download(answer["output"][number]).body)["scene"]

    def warnings(self) -> list[str]:
        return self.world.journal()[-1]["warnings"]


def png(width: int = 64, height: int = 64, colour: str = "navy") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def as_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()
