"""
Clients that know nothing of us, only an address: the vendor's own Python SDK, and plain HTTP with the bodies of the pages.

The other SDK, from npm, is run by `make sdk`.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pages import of_kind
from PIL import Image

from imagegen.emulator import KEY
from imagegen.emulator.asgi import serving
from imagegen.emulator.chassis import open_chassis
from imagegen.emulator.clock import Clock

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
def url() -> Iterator[str]:
    chassis = open_chassis(None, clock=Clock(speed=50))
    with serving(chassis) as address:
        yield address
    chassis.close()


def opened(link: str) -> Image.Image:
    return Image.open(io.BytesIO(requests.get(link, timeout=10).content)).convert("RGB")


def data_uri(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


# --- modelslab-py --------------------------------------------------------------------------------------------------


@pytest.fixture
def community(url: str) -> Any:
    from modelslab_py.core.apis.community import Community
    from modelslab_py.core.client import Client

    client = Client(api_key=KEY, fetch_retry=20, fetch_timeout=0.05)
    client.base_url = f"{url}/modelslab/api/"  # all that is moved
    return Community(client=client)


def test_modelslab_py_goes_through_text2img_upload_img2img_inpaint_and_fetch(community: Any) -> None:
    from modelslab_py.schemas.community import Image2Image, Inpainting, Text2Image

    drawn = community.text_to_image(Text2Image(**SMALL, lora_model="more_details", lora_strength=0.5))
    first = opened(drawn["output"][0])
    mask = Image.new("L", first.size, 0)
    mask.paste(255, (0, 0, 32, 64))
    put = [
        community.client.post(f"{community.client.base_url}v6/base64_to_url", {"base64_string": data_uri(image)})
        for image in (first, mask)
    ]
    picture, hole = (answer["output"][0] for answer in put)
    over = community.image_to_image(Image2Image(**{**SMALL, "prompt": "a dog"}, init_image=picture, strength=0.5))
    inside = community.inpainting(Inpainting(**{**SMALL, "prompt": "a dog"}, init_image=picture, mask_image=hole))
    queued = community.text_to_image(Text2Image(**{**SMALL, "prompt": "a cat [emu:queue]"}))
    fetched = community.fetch(str(queued["id"]))

    statuses = [answer["status"] for answer in (drawn, *put, over, inside, queued, fetched)]
    assert statuses == ["success"] * 5 + ["processing", "success"]
    second = opened(inside["output"][0])
    assert second.crop((33, 0, 64, 64)).tobytes() == first.crop((33, 0, 64, 64)).tobytes()  # black is kept
    assert second.tobytes() != first.tobytes() != opened(over["output"][0]).tobytes()
    assert opened(fetched["output"][0]).size == (64, 64)


# --- plain HTTP ----------------------------------------------------------------------------------------------------


def mixed(tree: Any, number: int = 0) -> Any:
    """Write a body as strangers do: keys in both spellings, numbers as text."""
    if isinstance(tree, dict):
        names = [_other_case(key) if (number + index) % 2 else key for index, key in enumerate(tree)]
        return {name: mixed(value, number + 1) for name, value in zip(names, tree.values(), strict=True)}
    if isinstance(tree, list):
        return [mixed(item, number + 1) for item in tree]
    return str(tree) if isinstance(tree, (int, float)) and not isinstance(tree, bool) else tree


def _other_case(key: str) -> str:
    if "_" in key:
        head, *rest = key.split("_")
        return head + "".join(word.capitalize() for word in rest)
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)


def finished(url: str, job_id: str, headers: dict[str, str]) -> dict[str, Any]:
    for _ in range(200):
        job = requests.get(f"{url}/tams/v1/jobs/{job_id}", headers=headers, timeout=10).json()["job"]
        if job["status"] in ("SUCCESS", "FAILED", "CANCELED"):
            return dict(job)
        time.sleep(0.02)
    raise AssertionError(f"job {job_id} is never over")


@pytest.mark.parametrize(
    "example", [e for e in of_kind("request", "tams-guides") if e.title.startswith("txt2img")], ids=lambda e: e.title
)
def test_a_plain_client_gets_pictures_for_the_bodies_of_the_txt2img_page(url: str, example: Any) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    body = mixed(example.body)
    body["stages"][1]["diffusion"]["no_page_knows_this"] = True
    for key in ("request_id", "requestId"):
        if key in body:
            body[key] = example.title  # "should be unique"
    created = requests.post(f"{url}/tams/v1/jobs", json=body, headers=headers, timeout=10).json()["job"]
    done = finished(url, created["id"], headers)
    pictures = [opened(image["url"]) for image in done["successInfo"]["images"]]

    assert (created["status"], done["status"], len(pictures)) == ("CREATED", "SUCCESS", 2)
    assert {picture.size for picture in pictures} == {(1024, 1024) if "Upscaler" in example.title else (512, 512)}
    assert pictures[0].tobytes() != pictures[1].tobytes()
    journal = requests.get(f"{url}/_emulator/requests", timeout=10).json()
    assert any("no_page_knows_this" in str(entry["warnings"]) for entry in journal)


def test_what_a_stranger_writes_is_what_the_page_prints() -> None:
    page = {"clip_skip": 2, "sdVae": "Automatic", "cfg_scale": 7.5, "enable": True}

    assert mixed(page) == {"clip_skip": "2", "sd_vae": "Automatic", "cfg_scale": "7.5", "enable": True}
    assert mixed(page, 1) == {"clipSkip": "2", "sdVae": "Automatic", "cfgScale": "7.5", "enable": True}
