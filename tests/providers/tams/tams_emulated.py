"""What the tests of the emulated TAMS share: a world on a manual clock, and a caller."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from attrs import define, field
from PIL import Image

from imagegen.emulator import KEY, Request, Response
from imagegen.emulator.chassis import Chassis
from imagegen.emulator.clock import Clock
from imagegen.emulator.world import Rules, World
from imagegen_tams.emulator import emulators

# Every example request of the pages of https://tams-docs.tensor.art, comments and trailing commas removed.
PAGES = json.loads(Path(__file__).with_name("tams_pages.json").read_text("utf-8"))
START = 1_700_000_000.0
MODEL = "600423083519508503"


def new_world(**rules: Any) -> World:
    return World(clock=Clock(manual=True, start=START), rules=Rules(**rules))


@define
class Tams:
    """Calls the emulator as a client would, below its prefix."""

    world: World = field(factory=new_world)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Response:
        path, _, query = path.partition("?")
        request = Request(
            method=method,
            path=path,
            target=path + (f"?{query}" if query else ""),
            query=dict(part.split("=", 1) for part in query.split("&") if part),
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            body=body,
        )
        return Chassis(self.world, emulators()).handle(request)

    def call(self, method: str, path: str, body: Any = None, token: str = KEY) -> tuple[int, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        response = self.send(method, f"/tams{path}", data, authorization=f"Bearer {token}")
        return response.status, json.loads(response.body) if response.body else None

    def post(self, path: str, body: Any) -> Any:
        status, answer = self.call("POST", path, body)
        assert status == 200, answer
        return answer

    def job(self, job_id: str) -> dict[str, Any]:
        return self.call("GET", f"/v1/jobs/{job_id}")[1]["job"]

    def finish(self, job: dict[str, Any]) -> dict[str, Any]:
        self.world.advance(1000)
        return self.job(job["job"]["id"])

    def make(self, body: Any, path: str = "/v1/jobs") -> list[bytes]:
        """Run a job to its end and return its pictures."""
        info = self.finish(self.post(path, body))["successInfo"]
        return [self.fetch(result["url"]) for result in (*info.get("images", ()), *info.get("videos", ()))]

    def fetch(self, url: str) -> bytes:
        response = self.send("GET", url.removeprefix("http://emulator.invalid"))
        assert response.status == 200, response
        return response.body

    def upload(self, data: bytes) -> str:
        ticket = self.post("/v1/resource/image", {})
        url = ticket["putUrl"].removeprefix("http://emulator.invalid")
        assert self.send("PUT", url, data, content_type=ticket["headers"]["Content-Type"]).status == 200
        return str(ticket["resourceId"])


def diffusion(**words: Any) -> dict[str, Any]:
    told = {"width": 512, "height": 512, "prompts": [{"text": "a lighthouse"}], "sdModel": MODEL}
    return {**told, "sampler": "DPM++ 2M Karras", "sdVae": "Automatic", "steps": 20, "cfgScale": 7, **words}


def text2img(request_id: str = "r-1", start: dict[str, Any] | None = None, **words: Any) -> dict[str, Any]:
    return stage_job(
        {"type": "DIFFUSION", "diffusion": diffusion(**words)}, request_id=request_id, start=start or {"seed": "7"}
    )


def stage_job(*stages: dict[str, Any], request_id: str = "r-1", start: dict[str, Any]) -> dict[str, Any]:
    first = {"type": "INPUT_INITIALIZE", "inputInitialize": start}
    return {"requestId": request_id, "stages": [first, *stages]}


def png(width: int = 512, height: int = 512, colour: Any = (90, 120, 150), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, kind)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.copy()
