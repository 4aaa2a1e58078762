"""
The bodies of the vendor's pages, each produced by a neutral request: equal up to the spelling of keys and the fields that
we always set.  Pieces of one prompt are joined, as the vendor joins them; `{}` and empty tables say nothing.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from tams_desk import MODEL, blob, plan

from imagegen.placeholders import reveal
from imagegen.request import (
    Detailer,
    Embedding,
    GenerationRequest,
    ImageInput,
    Inpaint,
    Lora,
    ModelRef,
    TemplateRequest,
    Upscale,
    WorkflowRequest,
)
from imagegen.wire import camel

BASIC = {
    "width": 512,
    "height": 512,
    "prompts": [{"text": "1girl"}],
    "sampler": "DPM++ 2M Karras",
    "sdVae": "Automatic",
    "steps": 15,
    "sd_model": "600423083519508503",
    "clip_skip": 2,
    "cfg_scale": 7,
}
FACE = {
    "ad_model": "face_yolov8s.pt",
    "ad_confidence": 0.7,
    "ad_dilate_erode": 4,
    "ad_denoising_strength": 0.4,
    "ad_inpaint_only_masked": True,
    "ad_inpaint_only_masked_padding": 32,
}
LATENT = {"hr_upscaler": "Latent", "hr_scale": 2, "hr_second_pass_steps": 10, "denoising_strength": 0.3}
RESOURCE = "f204c24a-52dc-4cf4-930a-9b8f73969414"
BASIC_WORDS = {
    "prompt": "1girl",
    "model": MODEL,
    "width": 512,
    "height": 512,
    "steps": 15,
    "cfg_scale": 7,
    "clip_skip": 2,
}
IMAGE = ImageInput(data=b"png")


def page(*stages: dict[str, Any], start: dict[str, Any]) -> dict[str, Any]:
    kinds = {
        "diffusion": "DIFFUSION",
        "image_to_adetailer": "IMAGE_TO_ADETAILER",
        "image_to_upscaler": "IMAGE_TO_UPSCALER",
        "imageToInpaint": "IMAGE_TO_INPAINT",
        "imageToUpscaler": "IMAGE_TO_UPSCALER",
    }
    first = {"type": "INPUT_INITIALIZE", "inputInitialize": start}
    return {"request_id": "unique_key", "stages": [first, *({"type": kinds[next(iter(s))], **s} for s in stages)]}


def plain(tree: Any) -> Any:
    """Write a body in one way: camelCase, prompts joined, ids of pictures and seeds of chance left open."""
    if isinstance(tree, list):
        return [plain(item) for item in tree]
    if not isinstance(tree, dict):
        return str(tree) if isinstance(tree, str) else tree
    made = {}
    for key, value in tree.items():
        name = camel(key)
        if value in ({}, []) or name == "requestId" or (name == "seed" and str(value) in ("-1", "<seed>")):
            continue
        if name in ("prompts", "negativePrompts"):
            made[name] = ",".join(item["text"] for item in value if item)
        else:
            made[name] = "<picture>" if name.endswith("ResourceId") else plain(value)
    return made


def without(tree: Any, *names: str) -> Any:
    if isinstance(tree, list):
        return [without(item, *names) for item in tree]
    if not isinstance(tree, dict):
        return tree
    return {key: without(value, *names) for key, value in tree.items() if key not in names}


def sent(request: Any, *ours: str, images: Any = None) -> Any:
    made = plan(request, images=images or {})
    return without(plain(reveal(made.calls[-1].json)), *ours)


def test_page_txt2img_basic_minimum_workflow():
    body = page({"diffusion": BASIC}, start={"seed": -1, "count": 2})
    assert sent(GenerationRequest(**BASIC_WORDS, n=2)) == plain(body)


def test_page_txt2img_add_adetailer():
    body = page({"diffusion": BASIC}, {"image_to_adetailer": {"args": [FACE]}}, start={"seed": -1, "count": 2})
    face = Detailer(model="face_yolov8s.pt", confidence=0.7)
    assert sent(GenerationRequest(**BASIC_WORDS, n=2, detailers=(face,))) == plain(body)


def test_page_txt2img_add_upscaler():
    body = page({"diffusion": BASIC}, {"image_to_upscaler": LATENT}, start={"seed": -1, "count": 2})
    wish = Upscale(upscaler="Latent", scale=2, steps=10, strength=0.3)
    assert sent(GenerationRequest(**BASIC_WORDS, n=2, upscale=wish)) == plain(body)


def test_page_img2img_basic_minimum_workflow():
    body = page({"diffusion": BASIC}, start={"image_resource_id": RESOURCE, "count": 2})
    assert sent(GenerationRequest(**BASIC_WORDS, n=2, init_image=IMAGE), "denoisingStrength") == plain(body)


def test_page_img2img_adetailer_without_diffusion():
    own = {"args": [FACE], "diffusion": BASIC}
    body = page({"image_to_adetailer": own}, start={"image_resource_id": RESOURCE, "count": 1})
    face = Detailer(model="face_yolov8s.pt", confidence=0.7)
    request = GenerationRequest(**BASIC_WORDS, init_image=IMAGE, detailers=(face,), passes=("detail",))
    assert sent(request) == plain(body)


def test_page_img2img_image_to_adetailer():
    body = page(
        {"diffusion": BASIC},
        {"image_to_adetailer": {"args": [FACE]}},
        start={"image_resource_id": RESOURCE, "count": 2},
    )
    face = Detailer(model="face_yolov8s.pt", confidence=0.7)
    request = GenerationRequest(**BASIC_WORDS, n=2, init_image=IMAGE, detailers=(face,))
    assert sent(request, "denoisingStrength") == plain(body)


def test_page_img2img_upscale_without_diffusion_is_said_and_refused_for_the_reason_that_the_page_gives_below_it():
    own = {**LATENT, "diffusion": BASIC}
    body = page({"image_to_upscaler": own}, start={"image_resource_id": RESOURCE, "count": 1})
    wish = Upscale(upscaler="Latent", scale=2, steps=10, strength=0.3)
    request = GenerationRequest(**BASIC_WORDS, init_image=IMAGE, upscale=wish, passes=("upscale",))
    assert sent(request) == plain(body)
    assert [blocker.code for blocker in plan(request).blockers] == ["latent_on_image"]


def test_page_img2img_image_to_upscaler():
    ultra = {**LATENT, "hr_upscaler": "4x-UltraSharp"}
    body = page({"diffusion": BASIC}, {"image_to_upscaler": ultra}, start={"image_resource_id": RESOURCE, "count": 2})
    wish = Upscale(upscaler="4x-ultrasharp", scale=2, steps=10, strength=0.3)
    request = GenerationRequest(**BASIC_WORDS, n=2, init_image=IMAGE, upscale=wish)
    made = without(sent(request), "denoisingStrength")
    assert made == without(plain(body), "denoisingStrength")
    assert plan(request).possible


INPAINT_DIFFUSION = {
    "width": 512,
    "height": 768,
    "prompts": [{"text": "crying"}, {"text": " (red eyes:1.5)"}],
    "negativePrompts": [
        {"text": " (worst quality"},
        {"text": " low quality:1.4)"},
        {"text": " negative_hand Negative Embedding"},
        {"text": "verybadimagenegative_v1.3"},
        {},
    ],
    "sdModel": "681693017352010007",
    "sdVae": "None",
    "sampler": "DPM++ 3M SDE Karras",
    "steps": 25,
    "cfgScale": 5,
    "clipSkip": 2,
    "denoisingStrength": 0.4,
    "lora": {},
}
NEGATIVE = " (worst quality, low quality:1.4), negative_hand Negative Embedding,verybadimagenegative_v1.3"
INPAINT_WORDS = {
    "negative_prompt": NEGATIVE,
    "model": "681693017352010007",
    "vae": "None",
    "sampler": "DPM++ 3M SDE Karras",
    "steps": 25,
    "cfg_scale": 5,
    "clip_skip": 2,
    "width": 512,
    "height": 768,
}


def test_page_inpaint_complete_request():
    payload = {
        "resizeMode": "JUST_RESIZE",
        "maskImageResourceId": "48203af7-6b07-4f1c-8506-f3f545613653",
        "maskBlur": 4,
        "inpaintingFill": "ORIGINAL",
        "inpaintFullRes": True,
        "inpaintFullResPadding": 32,
        "diffusion": INPAINT_DIFFUSION,
    }
    start = {"seed": "-1", "imageResourceId": "67f8de0b-4949-4f88-abb4-cf57b16459da", "count": 1}
    request = GenerationRequest(
        prompt="crying, (red eyes:1.5)",
        **INPAINT_WORDS,
        init_image=IMAGE,
        mask_image=IMAGE,
        strength=0.4,
        inpaint=Inpaint(only_masked=True),
    )
    assert sent(request, "inpaintMaskInvert") == plain(page({"imageToInpaint": payload}, start=start))


def test_page_inpaint_first_picture():
    upscaler = {
        "hrUpscaler": "4x-AnimeSharp",
        "hrResizeX": 1536,
        "hrResizeY": 2304,
        "hrSecondPassSteps": 10,
        "denoisingStrength": 0.4,
    }
    diffusion = {**INPAINT_DIFFUSION, "prompts": [{"text": "wide shot"}, {"text": "(depth of field)"}]}
    body = page({"diffusion": diffusion}, {"imageToUpscaler": upscaler}, start={"seed": "933011881", "count": 1})
    request = GenerationRequest(
        prompt="wide shot,(depth of field)",
        **INPAINT_WORDS,
        seed=933011881,
        upscale=Upscale(upscaler="4x-AnimeSharp", width=1536, height=2304, steps=10, strength=0.4),
        provider_options={"tams": {"diffusion": {"denoising_strength": 0.4}}},
    )
    assert sent(request) == plain(body)


def test_page_lora():
    diffusion = {
        "width": 512,
        "height": 768,
        "prompts": [{"text": "1girl"}],
        "negativePrompts": [{"text": "EasyNegative"}],
        "sdModel": "613045163490732233",
        "sdVae": "vae-ft-mse-840000-ema-pruned.ckpt",
        "sampler": "Euler a",
        "steps": 25,
        "cfgScale": 7,
        "clipSkip": 2,
        "etaNoiseSeedDelta": 31337,
        "lora": {"items": [{"loraModel": "661652545330040294", "weight": 1.1}]},
    }
    request = GenerationRequest(
        prompt="1girl",
        negative_prompt="EasyNegative",
        model="@tams-lora-page-checkpoint",
        width=512,
        height=768,
        vae="vae-ft-mse-840000-ema-pruned.ckpt",
        sampler="Euler a",
        steps=25,
        clip_skip=2,
        loras=(Lora("@demo-style", 1.1),),
        provider_options={"tams": {"diffusion": {"etaNoiseSeedDelta": 31337}}},
    )
    assert sent(request) == plain(page({"diffusion": diffusion}, start={"seed": "-1", "count": 1}))


def test_page_private_model_basic_job():
    private = "660447313082219790"
    diffusion = {
        "width": 960,
        "height": 720,
        "prompts": [{"text": "a boy"}],
        "negativePrompts": [{"text": "nsfw"}],
        "sdModel": private,
        "sdVae": "vae-ft-mse-840000-ema-pruned.ckpt",
        "sampler": "DDIM",
        "steps": 30,
        "cfgScale": 9,
        "clipSkip": 2,
        "denoisingStrength": 0.5,
        "v1Clip": True,
        "modelAccessKey": "modelAccessKey",
        "lora": {"items": [{"loraModel": private, "weight": 1, "loraAccessKey": "loraAccessKey"}]},
        "embedding": {
            "items": [{"model": "660447313082234679", "weight": 1, "embeddingAccessKey": "embeddingAccessKey"}]
        },
    }
    request = GenerationRequest(
        prompt="a boy",
        negative_prompt="nsfw",
        model=ModelRef(private, access_key="modelAccessKey"),
        width=960,
        height=720,
        vae="vae-ft-mse-840000-ema-pruned.ckpt",
        sampler="DDIM",
        steps=30,
        cfg_scale=9,
        clip_skip=2,
        loras=(Lora(private, access_key="loraAccessKey"),),
        embeddings=(Embedding("660447313082234679", access_key="embeddingAccessKey"),),
        provider_options={"tams": {"diffusion": {"v1Clip": True, "denoisingStrength": 0.5}}},
    )
    assert sent(request) == plain(page({"diffusion": diffusion}, start={"seed": "-1", "count": 1}))
    assert "AccessKey" not in json.dumps([note.as_dict() for note in plan(request).notes]).replace('AccessKey"', "")
    shown = json.dumps(plan(request).as_dict())
    assert '"loraAccessKey": "<secret>"' in shown and '"modelAccessKey": "<secret>"' in shown


WORKFLOW = {
    "10": {
        "classType": "LoraLoader",
        "inputs": {
            "clip": ["4", 1],
            "lora_name": "648628718430054626",
            "model": ["4", 0],
            "strength_clip": 1,
            "strength_model": 1,
        },
    },
    "3": {
        "classType": "KSampler",
        "inputs": {
            "cfg": 7,
            "denoise": 1,
            "latent_image": ["5", 0],
            "model": ["10", 0],
            "negative": ["6", 0],
            "positive": ["6", 0],
            "sampler_name": "dpmpp_2m_sde",
            "scheduler": "karras",
            "seed": 12345,
            "steps": 26,
        },
        "properties": {"Node name for S&R": "KSampler"},
    },
    "4": {"classType": "CheckpointLoaderSimple", "inputs": {"_base_model": "SD 1", "ckpt_name": "664602165660323756"}},
    "5": {"classType": "EmptyLatentImage", "inputs": {"batch_size": 1, "height": 1536, "width": 1024}},
    "6": {"classType": "CLIPTextEncode", "inputs": {"clip": ["10", 1], "text": " (masterpiece:1.2), layla"}},
    "18": {"classType": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"classType": "SaveImage", "inputs": {"filename_prefix": "TensorArt", "images": ["18", 0]}},
}


@pytest.mark.parametrize("spelling", ["classType", "class_type"])
def test_page_workflow_is_sent_as_it_is(spelling):
    graph = {key: {(spelling if k == "classType" else k): v for k, v in node.items()} for key, node in WORKFLOW.items()}
    made = plan(WorkflowRequest(graph=graph))
    assert made.possible
    assert made.calls[-1].json == {"requestId": "<requestId>", "params": WORKFLOW}


def test_page_workflow_template_create_job():
    request = TemplateRequest(
        template="676018193025756628",
        fields={"25:image": "f29036b4-ff7b-4394-8c26-aabc1bdae008", "27:text": "1 girl"},
    )
    made = plan(request)
    fields = [
        {"nodeId": "25", "fieldName": "image", "fieldValue": "f29036b4-ff7b-4394-8c26-aabc1bdae008"},
        {"nodeId": "27", "fieldName": "text", "fieldValue": "1 girl"},
    ]
    checked = {"templateId": "676018193025756628", "fields": {"fieldAttrs": fields}}
    assert [call.json for call in made.calls] == [checked, {"requestId": "<requestId>", **checked}]


# --- the schema of the page v1/jobs ------------------------------------------------------------------------------


def valued(tree: Any, key: str = "") -> Any:
    """Put a value where the page's sample leaves one open with `{}`."""
    if isinstance(tree, list):
        return [valued(item) for item in tree]
    if tree == {} and key not in ("prompts", "negativePrompts", "preprocessorParams", "diffusion"):
        return "1"
    return {name: valued(value, name) for name, value in tree.items()} if isinstance(tree, dict) else tree


SCHEMA = valued(json.loads(Path(__file__).with_name("page_v1_jobs.json").read_text("utf-8")))


def unread(value: Any, path: str = "") -> list[str]:
    """Return the fields that a read wire object had no attribute for."""
    import attrs

    if attrs.has(type(value)):
        found = [f"{path}.{key}" for key in value.extra]
        parts = [(a.name, getattr(value, a.name)) for a in attrs.fields(type(value)) if a.name != "extra"]
        return found + [one for name, part in parts for one in unread(part, f"{path}.{name}")]
    if isinstance(value, tuple):
        return [one for item in value for one in unread(item, f"{path}[]")]
    return []


def test_page_v1_jobs_every_field_of_the_schema_has_an_attribute():
    from imagegen.wire import read
    from imagegen_tams.wire import CreateJob

    job = read(SCHEMA, CreateJob, provider="tams")
    assert unread(job) == []
    assert job.stages[0].image_to_adetailer.args[0].ad_use_noise_multiplier is True
    assert job.stages[0].diffusion.animate_diff.args[0].motion_lora.items[0].block_weight == "string"


def test_what_is_read_is_written_again():
    from imagegen.wire import read
    from imagegen_tams.wire import CreateJob, encode

    again = encode(read(SCHEMA, CreateJob, provider="tams"))
    for name, payload in SCHEMA["stages"][0].items():
        if isinstance(payload, dict):
            assert set(again["stages"][0][name]) == set(payload)


def test_the_mask_must_be_as_large_as_the_picture():
    request = GenerationRequest(prompt="x", model=MODEL, init_image=IMAGE, mask_image=IMAGE)
    images = {"init_image": blob(512, 512), "mask_image": blob(256, 512)}
    assert [blocker.code for blocker in plan(request, images=images).blockers] == ["mask_size"]
