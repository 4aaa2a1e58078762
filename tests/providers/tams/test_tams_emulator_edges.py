"""Rarer graphs, odd values, and whatever a program may send: the emulated TAMS understands it or says no."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tams_emulated import MODEL, PAGES, Tams, diffusion, opened, png, stage_job, text2img

from imagegen.emulator.draw import facts_of
from imagegen_tams.emulator.errors import Problem
from imagegen_tams.emulator.messages import DetailerArg, Diffusion, InputInitialize
from imagegen_tams.emulator.proto import Reading

# --- what values mean --------------------------------------------------------------------------------------------


def test_numbers_and_booleans_may_be_text_and_null_is_unset() -> None:
    read = Reading().read

    assert read(InputInitialize, {"seed": "-1", "count": "2"}) == InputInitialize(seed=-1, count=2)
    assert read(InputInitialize, {"seed": 4.0, "count": None}) == InputInitialize(seed=4)
    assert read(DetailerArg, {"adUseSteps": "true", "ad_inpaint_only_masked": "false"}) == DetailerArg(
        ad_use_steps=True, ad_inpaint_only_masked=False
    )
    assert read(Diffusion, {"prompts": {}, "lora": {}}) == Diffusion()


@pytest.mark.parametrize(
    "data",
    [
        {"seed": True},
        {"seed": "1.5"},
        {"seed": 1e400},
        {"seed": "9" * 400},
        {"seed": []},
        {"imageResourceId": {}},
        {"imageResourceId": True},
        {"count": {}},
    ],
)
def test_values_that_do_not_fit_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(Problem, match="invalid value for"):
        Reading().read(InputInitialize, data)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.just([]),
    st.just({}),
    st.just(["4", 0]),
    st.just([["x"]]),
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, value in items for place in ((*path, key), *places(value, (*path, key)))]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_body_breaks_the_emulator(data: st.DataObject) -> None:
    page = data.draw(st.sampled_from(PAGES))
    body = copy.deepcopy(page["body"])
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(places(body)))
        here = body
        for key in path:
            here = here[key] if isinstance(here, (dict, list)) and key in _keys(here) else {}
        if last in _keys(here):
            here[last] = copy.deepcopy(data.draw(JUNK))
    tams = Tams()
    status, answer = tams.call("POST", page["path"], body)

    assert status == 200 or answer["code"] in (2, 3, 5), answer


def _keys(tree: Any) -> Any:
    return tree.keys() if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()


# --- rarer stages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"type": "INPUT_INITIALIZE", "inputInitialize": {}}, "INPUT_INITIALIZE must be the first stage"),
        ({"type": "IMAGE_TO_ADETAILER", "imageToAdetailer": {"args": []}}, "args is required"),
        ({"type": "IMAGE_TO_INPAINT", "imageToInpaint": {}}, "maskImageResourceId is required"),
        (
            {"type": "VIDEO_DIFFUSION", "videoDiffusion": {"sdModel": MODEL, "width": 64, "height": 64}},
            "totalFrames is",
        ),
    ],
)
def test_stages_without_what_they_need_are_refused(stage: dict[str, Any], message: str) -> None:
    body = stage_job({"type": "DIFFUSION", "diffusion": diffusion()}, stage, start={"seed": 1})
    status, answer = Tams().call("POST", "/v1/jobs", body)

    assert (status, message in answer["message"]) == (400, True), answer


def test_a_job_of_nothing_but_a_beginning_is_refused() -> None:
    assert Tams().call("POST", "/v1/jobs", stage_job(start={"seed": 1}))[1]["message"] == "no stage makes an image"


def test_a_detailer_tells_every_argument_it_was_given() -> None:
    arg = {
        "adModel": "face_yolov8s.pt",
        "adNegativePrompt": [{"text": "blurry"}],
        "adUseCheckpoint": True,
        "adCheckpoint": MODEL,
        "adUseSteps": True,
        "adSteps": 7,
        "lora": {"items": [{"loraModel": "661652545330040294", "weight": 0.4}]},
    }
    detailer = {"type": "IMAGE_TO_ADETAILER", "imageToAdetailer": {"args": [arg]}}
    body = stage_job({"type": "DIFFUSION", "diffusion": diffusion()}, detailer, start={"seed": 1})
    told = dict(facts_of(Tams().make(body)[0])["scene"]["extra"])

    assert {name.removeprefix("detail face_yolov8s.pt "): value for name, value in told.items()} == {
        "adUseSteps": "true",
        "adSteps": "7",
        "adUseCheckpoint": "true",
        "adCheckpoint": MODEL,
        "lora 661652545330040294": "0.4",
        "adNegativePrompt": "blurry",
    }


# --- rarer graphs ------------------------------------------------------------------------------------------------


def node(cls: str, **inputs: Any) -> dict[str, Any]:
    return {"classType": cls, "inputs": inputs}


def graph(**changes: Any) -> dict[str, Any]:
    links = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
    words = {"seed": 7, "steps": 20, "cfg": 7, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 1}
    return {
        "3": node("KSampler", **links, **words),
        "4": node("CheckpointLoaderSimple", ckpt_name=MODEL),
        "5": node("EmptyLatentImage", width=256, height=256, batch_size=1),
        "6": node("CLIPTextEncode", clip=["4", 1], text="a lighthouse"),
        "7": node("CLIPTextEncode", clip=["4", 1], text="fog"),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", images=["8", 0]),
    } | changes


def made(params: dict[str, Any], tams: Tams | None = None) -> bytes:
    (result,) = (tams or Tams()).make({"requestId": "w", "params": params}, "/v1/jobs/workflow")
    return result


def test_a_model_enlarges_and_a_scale_sets_the_final_size() -> None:
    picture = made(
        graph(
            **{
                "9": node("SaveImage", images=["22", 0]),
                "20": node("UpscaleModelLoader", model_name="4x-UltraSharp.pth"),
                "21": node("ImageUpscaleWithModel", upscale_model=["20", 0], image=["8", 0]),
                "22": node("ImageScale", image=["21", 0], upscale_method="lanczos", width=320, height=384),
            }
        )
    )

    assert opened(picture).size == (320, 384)
    assert [step["name"] for step in facts_of(picture)["passes"]] == ["4x-UltraSharp"]


def test_scales_after_each_other_multiply() -> None:
    picture = made(
        graph(
            **{
                "9": node("SaveImage", images=["22", 0]),
                "20": node("UpscaleModelLoader", model_name="2x-Any.pth"),
                "21": node("ImageUpscaleWithModel", upscale_model=["20", 0], image=["8", 0]),
                "22": node("ImageScaleBy", image=["21", 0], upscale_method="lanczos", scale_by=0.75),
            }
        )
    )

    assert opened(picture).size == (384, 384)


def test_a_second_sampler_over_a_larger_latent_is_an_upscale() -> None:
    params = graph(**{"8": node("VAEDecode", samples=["31", 0], vae=["4", 2])})
    params["30"] = node("LatentUpscaleBy", samples=["3", 0], upscale_method="bicubic", scale_by=1.5)
    params["31"] = copy.deepcopy(params["3"])
    params["31"]["inputs"] |= {"latent_image": ["30", 0], "steps": 8, "denoise": 0.4}
    picture = made(params)

    assert opened(picture).size == (384, 384)
    assert ["upscale Latent (bicubic)", "8 steps, strength 0.4"] in facts_of(picture)["scene"]["extra"]


def test_a_second_sampler_over_the_same_latent_draws_over_it() -> None:
    params = graph(**{"8": node("VAEDecode", samples=["31", 0], vae=["4", 2])})
    params["31"] = copy.deepcopy(params["3"])
    params["31"]["inputs"] |= {"latent_image": ["3", 0], "denoise": 0.4}

    assert made(params) != made(graph())


def test_a_resized_upload_is_drawn_over_at_its_new_size() -> None:
    tams = Tams()
    params = graph(
        **{
            "5": node("VAEEncode", pixels=["41", 0], vae=["4", 2]),
            "40": node("TensorArt_LoadImage", image=tams.upload(png(100, 80))),
            "41": node("ImageScale", image=["40", 0], upscale_method="lanczos", width=256, height=192),
        }
    )
    params["3"]["inputs"]["denoise"] = 0.5
    picture = made(params, tams)

    assert (opened(picture).size, facts_of(picture)["passes"]) == ((256, 192), [])


def test_an_upload_scaled_by_a_factor_is_drawn_over_at_its_new_size() -> None:
    tams = Tams()
    params = graph(
        **{
            "5": node("VAEEncode", pixels=["41", 0], vae=["4", 2]),
            "40": node("LoadImage", image=tams.upload(png(128, 96))),
            "41": node("ImageScaleBy", image=["40", 0], upscale_method="lanczos", scale_by=2),
        }
    )

    assert opened(made(params, tams)).size == (256, 192)


def test_a_transparent_part_of_an_upload_is_its_mask() -> None:
    import io

    from PIL import Image

    image = Image.new("RGBA", (256, 256), (9, 9, 9, 255))
    image.paste((0, 0, 0, 0), (0, 0, 128, 256))
    file = io.BytesIO()
    image.save(file, "PNG")
    tams = Tams()
    params = graph(
        **{
            "5": node("SetLatentNoiseMask", samples=["42", 0], mask=["40", 1]),
            "40": node("LoadImage", image=tams.upload(file.getvalue())),
            "42": node("VAEEncode", pixels=["40", 0], vae=["4", 2]),
        }
    )
    drawn = opened(made(params, tams)).convert("RGB")

    assert drawn.crop((128, 0, 256, 256)).getcolors() == [(128 * 256, (9, 9, 9))]
    assert drawn.crop((0, 0, 128, 256)).getcolors() != [(128 * 256, (0, 0, 0))]


def test_an_inverted_mask_in_a_graph_is_inverted() -> None:
    tams = Tams()
    params = graph(
        **{
            "5": node("VAEEncodeForInpaint", pixels=["40", 0], vae=["4", 2], mask=["43", 0]),
            "40": node("LoadImage", image=tams.upload(png(256, 256, (9, 9, 9)))),
            "41": node("LoadImage", image=tams.upload(png(256, 256, (255, 255, 255)))),
            "42": node("ImageToMask", image=["41", 0], channel="red"),
            "43": node("InvertMask", mask=["42", 0]),
        }
    )

    assert opened(made(params, tams)).convert("RGB").getcolors() == [(256 * 256, (9, 9, 9))]


def test_control_nets_conditioning_and_clip_weights_are_understood() -> None:
    tams = Tams()
    params = graph(
        **{
            "10": node(
                "LoraLoader",
                model=["4", 0],
                clip=["4", 1],
                lora_name="661652545330040294",
                strength_model=0.6,
                strength_clip=0.2,
            ),
            "11": node("LoraLoaderModelOnly", model=["10", 0], lora_name="648628718430054626", strength_model=1),
            "50": node("ControlNetLoader", control_net_name="control_v11p_sd15_canny.pth"),
            "51": node("LoadImage", image=tams.upload(png(256, 256))),
            "52": node("CLIPTextEncode", clip=["10", 1], text="at dusk"),
            "53": node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["52", 0]),
            "54": node("ControlNetApply", conditioning=["53", 0], control_net=["50", 0], image=["51", 0], strength=0.7),
        }
    )
    params["3"]["inputs"] |= {"model": ["11", 0], "positive": ["54", 0]}
    scene = facts_of(made(params, tams))["scene"]

    assert (scene["prompt"], scene["negative_prompt"]) == ("a lighthouse, at dusk", "fog")
    assert scene["controls"] == [["control_v11p_sd15_canny", 0.7]]
    assert scene["loras"] == [["661652545330040294", 0.6], ["648628718430054626", 1.0]]
    assert scene["extra"] == [["strength_clip 661652545330040294", "0.2"]]


def test_a_sampler_that_starts_late_leaves_more_of_the_picture() -> None:
    tams = Tams()
    params = graph(
        **{
            "5": node("VAEEncode", pixels=["40", 0], vae=["4", 2]),
            "40": node("LoadImage", image=tams.upload(png(256, 256))),
        }
    )
    inputs = params["3"]["inputs"]
    inputs |= {"noise_seed": inputs.pop("seed"), "start_at_step": 15, "end_at_step": 20}
    del inputs["denoise"]
    params["3"]["classType"] = "KSamplerAdvanced"
    scene = facts_of(made(params, tams))["scene"]

    assert (scene["strength"], scene["seed"]) == (0.25, 7)


def test_an_animated_output_is_a_video() -> None:
    tams = Tams()
    params = graph(
        **{
            "5": node("RepeatLatentBatch", samples=["60", 0], amount=4),
            "9": node("SaveAnimatedWEBP", images=["8", 0], fps=6),
            "60": node("EmptyLatentImage", width=256, height=256, batch_size=1),
        }
    )
    answer = tams.post("/v1/jobs/workflow", {"requestId": "w", "params": params})

    assert [video["meta"]["image"] for video in tams.finish(answer)["successInfo"]["videos"]] == [
        {"width": 256, "height": 256}
    ]


def test_an_upload_may_be_saved_as_it_is() -> None:
    tams = Tams()
    params = {"1": node("LoadImage", image=tams.upload(png(64, 48))), "2": node("SaveImage", images=["1", 0])}

    assert opened(made(params, tams)).size == (64, 48)


def test_a_preview_counts_when_nothing_is_saved() -> None:
    assert opened(made(graph(**{"9": node("PreviewImage", images=["8", 0])}))).size == (256, 256)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"9": node("SaveImage", images="x")}, "node 9 gets no picture"),
        (
            graph(**{"5": node("EmptyLatentImage", width=256, height=256, batch_size=999)}),
            "too many pictures or steps, or none",
        ),
    ],
)
def test_a_graph_that_makes_nothing_or_too_much_is_refused(params: dict[str, Any], message: str) -> None:
    status, answer = Tams().call("POST", "/v1/jobs/workflow", {"requestId": "w", "params": params})

    assert (status, answer["details"][0]["message"]) == (400, message)


def test_two_posts_with_other_faults_do_not_disturb_each_other() -> None:
    tams = Tams()
    failing = tams.post("/v1/jobs", text2img(request_id="a", prompts=[{"text": "x [emu:fail]"}]))
    fine = tams.post("/v1/jobs", text2img(request_id="b"))

    assert [tams.finish(job)["status"] for job in (failing, fine)] == ["FAILED", "SUCCESS"]
