"""What the emulated TAMS makes of stages: every documented example, and pictures that show what was asked."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from PIL import Image, ImageChops
from tams_emulated import MODEL, PAGES, Tams, diffusion, new_world, opened, png, stage_job, text2img

from imagegen.emulator.draw import facts_of


@pytest.mark.parametrize("page", PAGES, ids=[page["page"] for page in PAGES])
def test_every_example_of_the_pages_is_accepted_by_a_strict_world(page: dict[str, Any]) -> None:
    answer = Tams(new_world(strict=True)).post(page["path"], page["body"])

    assert answer.get("valid") or answer["job"]["status"] == "CREATED"


def example(page: str) -> dict[str, Any]:
    return copy.deepcopy(next(row["body"] for row in PAGES if row["page"] == page))


def upscaler(**words: Any) -> dict[str, Any]:
    told = {"hrUpscaler": "4x-UltraSharp", "hrScale": 2, "hrSecondPassSteps": 10, "denoisingStrength": 0.3}
    return {"type": "IMAGE_TO_UPSCALER", "imageToUpscaler": {**told, **words}}


def test_both_spellings_and_numbers_as_text_make_the_same_picture() -> None:
    camel = text2img(clipSkip=2)
    snake = {
        "request_id": "r-2",
        "stages": [
            {"type": "INPUT_INITIALIZE", "input_initialize": {"seed": 7, "count": "1"}},
            {
                "type": "DIFFUSION",
                "diffusion": {
                    "width": "512",
                    "height": "512",
                    "prompts": [{"text": "a lighthouse"}],
                    "sd_model": MODEL,
                    "sampler": "DPM++ 2M Karras",
                    "sd_vae": "Automatic",
                    "steps": "20",
                    "cfg_scale": "7",
                    "clip_skip": 2,
                    "lora": None,
                },
            },
        ],
    }

    assert Tams().make(camel) == Tams().make(snake)


def test_all_four_stages_show_in_the_picture() -> None:
    detailer = {"adModel": "face_yolov8s.pt", "adPrompt": [{"text": "freckles"}], "adDenoisingStrength": 0.5}
    body = stage_job(
        {"type": "DIFFUSION", "diffusion": diffusion(clipSkip=2)},
        upscaler(),
        {"type": "IMAGE_TO_ADETAILER", "imageToAdetailer": {"args": [detailer]}},
        start={"seed": "7"},
    )
    (picture,) = Tams().make(body)
    facts = facts_of(picture)

    assert opened(picture).size == (1024, 1024)
    assert [step["pass"] for step in facts["passes"]] == ["upscale", "detail"]
    assert [step["name"] for step in facts["passes"]] == ["4x-UltraSharp", "face_yolov8s.pt"]
    scene = facts["scene"]
    assert (scene["sampler"], scene["steps"], scene["clip_skip"], scene["seed"]) == ("dpmpp_2m karras", 20, 2, 7)
    assert scene["extra"] == [
        ["upscale 4x-UltraSharp", "10 steps, strength 0.3"],
        ["detail face_yolov8s.pt prompt", "freckles"],
        ["detail face_yolov8s.pt adDenoisingStrength", "0.5"],
    ]


CHANGES: list[dict[str, Any]] = [
    {"prompts": [{"text": "a castle"}]},
    {"prompts": [{"text": "a lighthouse", "weight": 1.2}]},
    {"negativePrompts": [{"text": "fog"}]},
    {"sdModel": "681693017352010007"},
    {"sdVae": "kl-f8-anime.ckpt"},
    {"sampler": "Euler a"},
    {"steps": 21},
    {"cfgScale": 9},
    {"clipSkip": 2},
    {"width": 576},
    {"etaNoiseSeedDelta": 31337},
    {"scheduleName": "beta"},
    {"v1Clip": True},
    {"enableElla": True},
    {"enablePix2pix": True},
    {"useHunyuanDit": True},
    {"clipEncoderName": "t5"},
    {"lora": {"items": [{"loraModel": "661652545330040294", "weight": 1.1}]}},
    {"lora": {"items": [{"loraModel": "661652545330040294", "weight": 1.1, "blockWeight": "1:lbw=MIDD"}]}},
    {"embedding": {"items": [{"model": "660447313082234679", "weight": 1}]}},
    {"embedding": {"items": [{"model": "660447313082234679", "weight": 0.5}]}},
    {"layerDiffusion": {"enable": True, "weight": 1}},
]


def test_every_field_of_diffusion_changes_the_picture() -> None:
    tams = Tams()
    pictures = {
        opened(tams.make(text2img(request_id=f"r-{number}", **words))[0]).tobytes()
        for number, words in enumerate([{}, *CHANGES])
    }

    assert len(pictures) == len(CHANGES) + 1


def test_layer_diffusion_leaves_the_background_transparent() -> None:
    (picture,) = Tams().make(text2img(layerDiffusion={"enable": True, "weight": 1}))

    assert opened(picture).getchannel("A").getextrema()[0] == 0


def test_img2img_stays_near_the_picture_it_began_with() -> None:
    tams = Tams()
    resource = tams.upload(png(colour=(200, 40, 40)))
    distances = []
    for strength in (0.1, 0.9):
        start = {"seed": "7", "imageResourceId": resource}
        body = text2img(request_id=f"s-{strength}", start=start, denoisingStrength=strength)
        image = opened(tams.make(body)[0]).convert("RGB")
        difference = ImageChops.difference(image, Image.new("RGB", image.size, (200, 40, 40))).convert("L")
        distances.append(sum(level * count for level, count in enumerate(difference.histogram())))

    assert distances[0] < distances[1] / 2


def mask(size: tuple[int, int], box: tuple[int, int, int, int], kind: str = "PNG") -> bytes:
    import io

    image = Image.new("L", size, 0)
    image.paste(255, box)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def inpaint(tams: Tams, mask_data: bytes, **words: Any) -> tuple[Image.Image, Image.Image]:
    before = png(512, 768, (60, 90, 60))
    own = diffusion(height=768, denoisingStrength=1.0)
    told = {"maskImageResourceId": tams.upload(mask_data), "inpaintingFill": "ORIGINAL", "diffusion": own, **words}
    body = stage_job(
        {"type": "IMAGE_TO_INPAINT", "imageToInpaint": told},
        start={"seed": "7", "imageResourceId": tams.upload(before), "count": 1},
    )
    return opened(before), opened(tams.make(body)[0]).convert("RGB")


def test_inpaint_changes_only_the_white_pixels_of_the_mask() -> None:
    box = (128, 128, 384, 512)
    before, after = inpaint(Tams(), mask((512, 768), box, "JPEG"))
    outside = Image.new("L", before.size, 255)
    outside.paste(0, box)
    difference = ImageChops.difference(before, after)

    assert difference.getbbox() == box
    assert ImageChops.multiply(difference, outside.convert("RGB")).getbbox() is None


def test_inpaint_gives_the_size_that_its_diffusion_asks_for() -> None:
    tams, box = Tams(), (128, 128, 384, 512)
    told = {
        "maskImageResourceId": tams.upload(mask((512, 768), box)),
        "diffusion": diffusion(width=768, height=1152, denoisingStrength=1.0),
    }
    body = stage_job(
        {"type": "IMAGE_TO_INPAINT", "imageToInpaint": told},
        start={"seed": "7", "imageResourceId": tams.upload(png(512, 768, (60, 90, 60))), "count": 1},
    )
    after = opened(tams.make(body)[0]).convert("RGB")

    changed = ImageChops.difference(Image.new("RGB", after.size, (60, 90, 60)), after).getbbox()
    assert (after.size, changed) == ((768, 1152), (192, 192, 576, 768))


def test_an_inverted_mask_protects_its_white_pixels() -> None:
    box = (0, 0, 512, 600)
    before, after = inpaint(Tams(), mask((512, 768), box), inpaintMaskInvert=1)
    difference = ImageChops.difference(before, after).getbbox()

    assert difference is not None and difference[1] >= 600


def test_a_mask_of_another_size_is_refused_before_it_costs() -> None:
    tams = Tams()
    body = example("Inpaint: Perform inpainting")
    body["stages"][1]["imageToInpaint"]["maskImageResourceId"] = tams.upload(png(512, 512))
    status, answer = tams.call("POST", "/v1/jobs", body)

    assert (status, answer["code"], tams.world.books()) == (400, 3, [])
    assert "512x512 is not 1536x2304" in answer["message"]


def test_the_scale_of_an_upscaler_wins_over_its_size() -> None:
    tams = Tams()
    by_both = stage_job(
        {"type": "DIFFUSION", "diffusion": diffusion()}, upscaler(hrResizeX=640, hrResizeY=640), start={"seed": 1}
    )
    by_size = stage_job(
        {"type": "DIFFUSION", "diffusion": diffusion()},
        upscaler(hrScale=0, hrResizeX=640, hrResizeY=704),
        request_id="r-2",
        start={"seed": 1},
    )

    assert [opened(tams.make(body)[0]).size for body in (by_both, by_size)] == [(1024, 1024), (640, 704)]


def test_an_upscaler_alone_enlarges_the_picture_it_is_given() -> None:
    tams = Tams()
    body = example("img2img: Upscale the image directly without Diffusion")
    body["stages"][0]["inputInitialize"]["image_resource_id"] = tams.upload(png(320, 256))

    assert opened(tams.make(body)[0]).size == (640, 512)


def test_a_control_net_draws_after_its_guide() -> None:
    tams = Tams()
    arg = {"preprocessor": "none", "model": "control_v11p_sd15_canny", "weight": 0.8, "guidanceEnd": 0.7}
    controlnet = {"args": [{**arg, "inputImageResourceId": tams.upload(png())}]}
    (picture,) = tams.make(text2img(controlnet=controlnet))
    scene = facts_of(picture)["scene"]

    assert scene["controls"] == [["control_v11p_sd15_canny", 0.8]]
    assert ["controlnet 0 guidanceEnd", "0.7"] in scene["extra"]


def test_animate_diff_makes_a_video() -> None:
    tams = Tams()
    motion = {"args": [{"video_length": 4, "fps": 8, "motionLora": {"items": [{"loraModel": "661652545330040294"}]}}]}
    info = tams.finish(tams.post("/v1/jobs", text2img(animateDiff=motion)))["successInfo"]

    assert "images" not in info
    assert opened(tams.fetch(info["videos"][0]["url"])).format is None
    assert frames(tams.fetch(info["videos"][0]["url"])) == 4


def frames(data: bytes) -> int:
    import io

    with Image.open(io.BytesIO(data)) as film:
        return int(getattr(film, "n_frames", 1))


def video(**words: Any) -> dict[str, Any]:
    told = {"sdModel": "100000000000000003", "width": 256, "height": 192, "fps": 8, "totalFrames": 5}
    payload = {**told, "prompts": [{"text": "waves"}], **words}
    return stage_job({"type": "VIDEO_DIFFUSION", "videoDiffusion": payload}, start={"seed": "7"})


def test_a_video_has_the_frames_that_were_asked_for() -> None:
    (film,) = Tams().make(video())

    assert frames(film) == 5
    assert facts_of(film)["scene"]["prompt"] == "waves"


def test_a_result_can_be_the_input_of_the_next_job() -> None:
    tams = Tams()
    image = tams.finish(tams.post("/v1/jobs", text2img()))["successInfo"]["images"][0]
    body = text2img(request_id="r-2", start={"imageResourceId": image["id"]}, denoisingStrength=0.0)

    assert tams.make(body)[0] != b""


def test_a_picture_that_nobody_uploaded_is_refused() -> None:
    status, answer = Tams().call("POST", "/v1/jobs", text2img(start={"imageResourceId": "nowhere"}))

    assert (status, answer["message"]) == (400, "resource not found: nowhere")


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([upscaler()], "imageResourceId is required"),
        ([upscaler(), {"type": "DIFFUSION", "diffusion": diffusion()}], "DIFFUSION must be the first"),
        ([{"type": "DIFFUSION", "diffusion": diffusion()}, upscaler(hrScale=20)], "must not exceed 8294400 pixels"),
        ([{"type": "DIFFUSION", "diffusion": diffusion()}, upscaler(hrUpscaler="")], "hrUpscaler is required"),
        ([{"type": "DIFFUSION", "diffusion": diffusion()}, upscaler(hrSecondPassSteps=0)], "hrSecondPassSteps is"),
        ([{"type": "DIFFUSION", "diffusion": diffusion()}, upscaler(hrScale=0)], "hrScale, or hrResizeX"),
    ],
)
def test_stages_that_cannot_be_done_are_refused(stages: list[dict[str, Any]], message: str) -> None:
    status, answer = Tams().call("POST", "/v1/jobs", stage_job(*stages, start={"seed": 1}))

    assert (status, answer["code"], message in answer["message"]) == (400, 3, True), answer
