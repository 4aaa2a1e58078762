"""Pictures inside graphs and templates, and the guide that a detection gives: local ones go up once per content."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from tams_desk import PROVIDER, blob, plan

from imagegen import Client
from imagegen.errors import InvalidInput, ResultError, VendorRefused
from imagegen.flow import Download, Reply, Stored, Upload
from imagegen.request import DetectControl, ImageInput, TemplateRequest, VideoRequest, WorkflowRequest
from imagegen.testing import play

TEMPLATE = "676018193025756628"
ID = "94e1cbc2-871e-44b6-b0ca-79a4f78b38b4"


def loading(**images):
    """Return a graph with one node per picture that it loads and shows."""
    loads = {key: {"class_type": "LoadImage", "inputs": {"image": image}} for key, image in images.items()}
    shows = {f"{key}-out": {"class_type": "SaveImage", "inputs": {"images": [key, 0]}} for key in images}
    return WorkflowRequest(graph=loads | shows)


def picture(colour=(200, 40, 40)):
    return Image.new("RGB", (64, 64), colour)


def png(image):
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def client():
    with Client(emulated=True) as made:
        yield made


def uploads(client):
    journal = client.world.chassis.world.journal()
    return [entry for entry in journal if entry["path"].endswith("/v1/resource/image")]


# --- graphs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [lambda: "./in.png", lambda: Path("in.png"), lambda: png(picture()), picture, lambda: ImageInput("in.png")],
    ids=["a path in text", "a path", "bytes", "a PIL image", "an ImageInput"],
)
def test_a_graph_loads_a_local_picture_whatever_it_is_given_as(client, given):
    picture().save("in.png")

    made = client.run(loading(a=given()), provider="tams")

    with Image.open(made.images[0].path) as image:
        assert image.convert("RGB").getpixel((32, 32)) == (200, 40, 40)
    assert [note.status for note in made.notes] == ["exact", "exact"]


def test_one_content_goes_up_once_however_often_it_is_loaded(client):
    picture().save("in.png")
    picture().save("same.png")

    client.run(loading(a="in.png", b="same.png", c=png(picture())), provider="tams")
    client.run(loading(a="./in.png"), provider="tams")

    assert len(uploads(client)) == 1


def test_a_name_of_which_there_is_no_file_is_the_id_of_a_resource():
    made = plan(loading(a=ID))

    assert made.calls[-1].json["params"]["a"]["inputs"] == {"image": ID}
    assert (made.facts["uploads"], made.note("graph.a.inputs.image").sent) == ([], ID)
    assert "no file here" in made.note("graph.a.inputs.image").reason


def test_a_file_in_a_graph_is_planned_as_a_slot_in_the_check_and_in_the_job():
    made = plan(loading(a="in.png"), images={"graph.a.inputs.image": blob()})

    for call in made.calls:
        assert str(call.json["params"]["a"]["inputs"]["image"]) == "<resource:graph.a.inputs.image>"
    assert [one["image"] for one in made.facts["uploads"]] == ["graph.a.inputs.image"]


def test_an_address_in_a_graph_is_fetched_and_goes_up_as_a_picture():
    made = plan(loading(a="https://example.com/in.png"))

    assert [one["image"] for one in made.facts["uploads"]] == ["graph.a.inputs.image"]


def test_what_is_no_picture_is_refused_before_anything_is_sent(client):
    Path("in.png").write_text("<html>")

    with pytest.raises(InvalidInput, match=r"graph\.a\.inputs\.image.*is text"):
        client.run(loading(a="in.png"), provider="tams")
    assert uploads(client) == []


def test_a_resource_that_the_vendor_does_not_know_is_named_by_node_and_field(client):
    with pytest.raises(VendorRefused, match="a:image"):
        client.run(loading(a="./not-there.png"), provider="tams")


@pytest.mark.parametrize("name", ["", "~nobody-here/x", "x" * 5000, "a\0b"])
def test_a_name_that_no_file_can_have_is_left_to_the_vendor(client, name):
    with pytest.raises(VendorRefused):
        client.run(loading(a=name), provider="tams")


def test_a_graph_with_pictures_reads_back_from_its_own_json():
    request = loading(a=png(picture()), b="in.png")

    assert WorkflowRequest(**json.loads(json.dumps(_plain(request)))).graph == request.graph


def _plain(request):
    from imagegen.parts import plain

    return plain(request)


# --- templates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [lambda: png(picture()), picture, lambda: Path("in.png"), lambda: ImageInput("in.png")],
    ids=["bytes", "a PIL image", "a path", "an ImageInput"],
)
def test_a_field_of_a_template_takes_a_picture_whatever_it_is_given_as(client, given):
    picture().save("in.png")

    made = client.run(
        TemplateRequest(template=TEMPLATE, fields={"25:image": given(), "27:text": "1 girl"}), provider="tams"
    )

    assert len(made.images) == 1 and len(uploads(client)) == 1


def test_a_text_in_a_field_stays_a_text():
    request = TemplateRequest(template=TEMPLATE, fields={"25:image": ID, "27:text": "data: a girl; base64, no"})

    assert dict(request.fields) == {"25:image": ID, "27:text": "data: a girl; base64, no"}


# --- guides ------------------------------------------------------------------------------------------------------


def detected(result, *answers):
    ready = plan(DetectControl(image=b"png", module="canny"), images={"image": blob()})
    return play(PROVIDER.flow(ready), "r1", Reply(200, json.dumps({"result": result}).encode()), *answers)


def test_the_guide_of_a_detection_is_kept_as_a_picture_beside_the_answer(client):
    made = client.run(DetectControl(image=png(picture()), module="canny"), provider="tams")

    assert (made.images[0].width, made.images[0].height) == (64, 64)
    assert made.data["result"]["module"] == "canny"


def test_every_link_in_an_answer_is_fetched_once_wherever_it_stands():
    one, two = "https://x.test/1.png", "http://x.test/2.png?auth_key=1"
    stored = Stored(path="p", sha256="s", media_type="image/png", width=1, height=1)
    steps, made = detected({"a": {"url": one}, "b": [two, one], "c": "no link", "d": 1}, stored, stored)

    assert [step for step in steps if isinstance(step, Download)] == [Download(url=one), Download(url=two)]
    assert len(made.files) == 2 and not any(isinstance(step, Upload) for step in steps)


def test_a_link_that_gives_no_picture_is_only_data():
    result = {"url": "https://x.test/pose.json"}
    _, made = detected(result, ResultError("is text", provider="tams"))

    assert (made.data, made.files) == ({"result": result}, ())


def test_a_guide_that_cannot_be_written_down_is_an_error():
    with pytest.raises(ResultError, match="disk"):
        detected({"url": "https://x.test/1"}, ResultError("disk full", kind="storage_failed", provider="tams"))


# --- videos ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "images", "size"),
    [
        ({}, {}, (512, 512)),
        ({}, {"start_image": blob(700, 500)}, (704, 512)),
        ({"width": 640, "height": 384}, {"start_image": blob(700, 500)}, (640, 384)),
        ({"width": 640}, {}, (640, 512)),
    ],
)
def test_a_video_always_says_its_size(words, images, size):
    start = {"start_image": b"png"} if images else {}
    made = plan(VideoRequest(prompt="waves", model="tams:600423083519508503", **words, **start), images=images)
    payload = made.calls[0].json["stages"][1]["videoDiffusion"]

    assert (payload["width"], payload["height"]) == (made.facts["width"], made.facts["height"]) == size
    assert {made.note(name).status for name in ("width", "height")} == {"exact"}


def test_a_video_from_a_picture_is_made_without_a_size_said(client):
    request = VideoRequest(prompt="waves", model="tams:600423083519508503", frames=5, start_image=png(picture()))

    assert len(client.run(request, provider="tams").videos) == 1
