"""The emulated ModelsLab takes pictures: to start from, to guide, to enlarge and to put into words."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from modelslab_vendor import CAT, Vendor, as_uri, png
from PIL import Image, ImageChops

# --- pictures that go in -----------------------------------------------------------------------------------------


def test_img2img_has_the_size_of_its_init_image_and_blends_by_strength(vendor):
    words = {**CAT, "init_image": as_uri(png(96, 80)), "seed": 1, "width": 64}
    faint = vendor.post("v6/images/img2img", **words, strength=0.1)
    strong = vendor.post("v6/images/img2img", **words, strength="0.9")
    navy = Image.open(io.BytesIO(png(96, 80)))

    def distance(answer: Any) -> int:
        grey = ImageChops.difference(vendor.picture(answer["output"][0]), navy).convert("L")
        return sum(grey.tobytes())

    assert vendor.picture(faint["output"][0]).size == (96, 80)
    assert (faint["meta"]["W"], faint["meta"]["strength"]) == (96, 0.1)
    assert distance(faint) < distance(strong)


def test_inpaint_changes_only_what_is_white_in_the_mask(vendor):
    mask = Image.new("L", (128, 128), 0)
    mask.paste(255, (32, 32, 96, 96))
    file = io.BytesIO()
    mask.save(file, "PNG")
    before = Image.open(io.BytesIO(png(128, 128)))
    answer = vendor.post(
        "v6/images/inpaint", **{**CAT, "width": 128, "height": 128}, init_image=as_uri(png(128, 128)),
        mask_image=base64.b64encode(file.getvalue()).decode(), strength=1,
    )  # fmt: skip
    box = ImageChops.difference(vendor.picture(answer["output"][0]), before).getbbox()

    assert box and box[0] >= 32 and box[1] >= 32 and box[2] <= 96 and box[3] <= 96


def test_a_control_net_shows_in_the_picture(vendor):
    words = {**CAT, "seed": 1, "init_image": as_uri(png())}
    canny = vendor.post("v6/images/controlnet", **words, controlnet_model="canny")
    both = vendor.post("v5/controlnet", **words, controlnet_model="canny,depth", controlnet_conditioning_scale="0.5")

    assert vendor.scene(canny)["controls"] == [["canny", 1.0]]
    assert vendor.scene(both)["controls"] == [["canny", 0.5], ["depth", 0.5]]
    wrong = vendor.post("v6/images/controlnet", **words, controlnet_model="magic")
    assert wrong["message"] == "controlnet_model is invalid: magic"


@pytest.mark.parametrize("image", ["data:image/png;base64,AAAA", "not base64!"])
def test_an_image_that_cannot_be_read_is_refused(vendor, image):
    answer = vendor.post("v6/images/img2img", **CAT, init_image=image)

    assert answer["message"] == "Unable to fetch image from provided URL"


def test_an_uploaded_picture_can_be_used_for_a_day(vendor):
    up = vendor.post("v6/base64_to_url", base64_string=as_uri(png(80, 80)))
    again = vendor.post("v6/image_editing/base64_to_url", init_image=as_uri(png(80, 80)))
    fresh = vendor.post("v6/images/img2img", **CAT, init_image=up["output"][0])
    vendor.world.advance(24 * 3600 + 1)
    stale = vendor.post("v6/images/img2img", **CAT, init_image=up["output"][0])

    assert (up["status"], up["id"], again["id"]) == ("success", 1047, 1048)
    assert fresh["meta"]["W"] == 80
    assert stale["message"] == "Unable to fetch image from provided URL"


def test_more_than_five_megabytes_are_refused(vendor):
    message = vendor.post("v6/base64_to_url", base64_string="A" * 7_000_001)["message"]

    assert message == "base64_string must not be greater than 5 MB"


def test_base64_crop_cuts_a_square_and_delete_image_removes_it(vendor):
    up = vendor.post("v3/base64_crop", image=as_uri(png(80, 60)), crop="true")
    size = vendor.picture(up["link"]).size
    gone = vendor.post("v3/delete_image", request_id=up["request_id"], type="image")

    assert (up["messege"], size, gone) == (
        "image uploaded",
        (60, 60),
        {"status": "success", "messege": "image deleted"},
    )
    assert vendor.download(up["link"]).status == 403


# --- editing -----------------------------------------------------------------------------------------------------


def test_super_resolution_enlarges(vendor):
    answer = vendor.post("v6/image_editing/super_resolution", init_image=as_uri(png(40, 30)), scale="2")

    assert vendor.picture(answer["output"][0]).size == (80, 60)
    assert answer["meta"]["upscale_factor"] == 2


def test_super_resolution_can_queue(vendor):
    vendor = Vendor(queue=True)
    taken = vendor.post("v6/image_editing/super_resolution", init_image=as_uri(png(40, 30)), track_id=7)
    vendor.world.advance(taken["eta"])

    assert taken["fetch_result"].endswith(f"/api/v6/image_editing/fetch/{taken['id']}")
    done = vendor.post(f"v6/image_editing/fetch/{taken['id']}")
    assert vendor.picture(done["output"][0]).size == (120, 90)


def test_a_caption_of_our_own_picture_is_its_prompt(vendor):
    ours = vendor.text2img(prompt="a red boat on a quiet lake at noon")["output"][0]

    short = vendor.post("v6/image_editing/caption", init_image=ours, length="short")["output"]
    assert short == ["a red boat on a quiet"]
    assert "picture of 64 by 64" in vendor.post("v6/image_editing/caption", init_image=as_uri(png()))["output"][0]
