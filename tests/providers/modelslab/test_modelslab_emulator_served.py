"""The vendor's own SDK (modelslab-py) against the served emulator, its base URL moved."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import pytest
import requests
from PIL import Image

from imagegen.emulator import KEY
from imagegen.emulator.asgi import serving
from imagegen.emulator.chassis import Chassis
from imagegen.emulator.clock import Clock
from imagegen.emulator.world import World
from imagegen_modelslab.emulator import EMULATOR

# The SDK is written for pydantic 1.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SMALL = {
    "prompt": "a cat",
    "model_id": "midjourney",
    "width": 64,
    "height": 64,
    "samples": 1,
    "num_inference_steps": 31,
}


@pytest.fixture(scope="module")
def chassis() -> Iterator[Chassis]:
    chassis = Chassis(World(clock=Clock(speed=20)), [EMULATOR])
    yield chassis
    chassis.close()


@pytest.fixture(scope="module")
def url(chassis: Chassis) -> Iterator[str]:
    with serving(chassis) as address:
        yield address


@pytest.fixture
def client(url: str):
    from modelslab_py.core.client import Client

    client = Client(api_key=KEY, fetch_retry=10, fetch_timeout=1)
    client.base_url = f"{url}/modelslab/api/"
    return client


def size(link: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(requests.get(link, timeout=10).content)).size


def data_uri() -> str:
    file = io.BytesIO()
    Image.new("RGB", (80, 80), "white").save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize("enterprise", [False, True])
def test_text_to_image_and_fetch(client, enterprise):
    from modelslab_py.core.apis.community import Community
    from modelslab_py.schemas.community import Text2Image

    api = Community(client=client, enterprise=enterprise)
    at_once = api.text_to_image(Text2Image(**SMALL, lora_model="a,b", lora_strength=0.5))
    queued = api.text_to_image(Text2Image(**{**SMALL, "prompt": "a cat [emu:queue]"}))
    done = api.fetch(str(queued["id"]))

    assert (at_once["status"], queued["status"], done["status"]) == ("success", "processing", "success")
    assert size(at_once["output"][0]) == size(done["output"][0]) == (64, 64)


def test_image_to_image_inpainting_and_controlnet(client):
    from modelslab_py.core.apis.community import Community
    from modelslab_py.schemas.community import ControlNet, Image2Image, Inpainting

    api, up = Community(client=client), data_uri()
    made = [
        api.image_to_image(Image2Image(**SMALL, init_image=up)),
        api.inpainting(Inpainting(**SMALL, init_image=up, mask_image=up)),
        api.controlnet(ControlNet(**SMALL, init_image=up, controlnet_model="canny", controlnet_type="canny")),
    ]

    assert [answer["status"] for answer in made] == ["success"] * 3
    assert [size(answer["output"][0]) for answer in made] == [(80, 80), (64, 64), (64, 64)]


def test_realtime(client, capsys):
    from modelslab_py.core.apis.realtime import Realtime
    from modelslab_py.schemas.realtime import RealtimeText2ImageSchema

    answer = Realtime(client=client).text_to_image(RealtimeText2ImageSchema(prompt="a cat", width=64, height=64))

    assert size(answer["output"][0]) == (64, 64)


def test_a_dedicated_servers_details(client):
    from modelslab_py.core.apis.community import Community

    assert Community(client=client, enterprise=True).system_details()["status"] == "ok"
