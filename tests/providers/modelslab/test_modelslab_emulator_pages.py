"""
Every request body that the pages of the image API print is accepted by the emulator, under strict rules too.

From github.com/ModelsLab/docs-v2 (the text of docs.modelslab.com); long prompts are shortened, everything else is as
printed.  Links to the network get stand-ins.
"""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from imagegen.emulator import KEY, Request
from imagegen.emulator.clock import Clock
from imagegen.emulator.world import Rules, World
from imagegen_modelslab.emulator import EMULATOR

JPG = "https://i.pinimg.com/736x/20/ab/3d/20ab3df5c180e1cae812020bcfeb3093.jpg"
DOG = "https://raw.githubusercontent.com/CompVis/stable-diffusion/main/data/inpainting_examples/overture-creations-5sI6fQgYIuo.png"
MASK = DOG.replace(".png", "_mask.png")
NONE = {"seed": None, "webhook": None, "track_id": None}
SIZE = {"width": "512", "height": "512", "samples": "1"}


def some_picture() -> str:
    file = io.BytesIO()
    Image.new("RGB", (50, 50)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


CONTROL = {
    "controlnet_model": "canny",
    "controlnet_type": "canny",
    "model_id": "realistic-vision-51",
    "auto_hint": "yes",
    "guess_mode": "no",
    "prompt": "a girl, looking at camera, ocean in background",
    "negative_prompt": "human, unstructure, (black object, white object), colorful background, nsfw",
    "init_image": JPG,
    "mask_image": None,
    **SIZE,
    "scheduler": "UniPCMultistepScheduler",
    "num_inference_steps": "30",
    "safety_checker": "no",
    "enhance_prompt": "yes",
    "guidance_scale": 7.5,
    "strength": 0.55,
    **NONE,
}
ENTERPRISE_INPAINT = {
    "model_id": "your_model_id",
    "prompt": "a cat sitting on a bench",
    "negative_prompt": None,
    "init_image": DOG,
    "mask_image": MASK,
    **SIZE,
    "num_inference_steps": "30",
    "safety_checker": "no",
    "enhance_prompt": "yes",
    "guidance_scale": 7.5,
    "strength": 0.7,
    "scheduler": "PNDMScheduler",
    "lora_model": None,
    "tomesd": "yes",
    "use_karras_sigmas": "yes",
    "vae": None,
    "lora_strength": None,
    **NONE,
}
LORA = {
    "model_id": "tamarin-xl-v1",
    "prompt": "actual 8K portrait photo of gareth person",
    "negative_prompt": "painting, extra fingers",
    **SIZE,
    "num_inference_steps": "31",
    "safety_checker": "no",
    "enhance_prompt": "yes",
    "guidance_scale": 7.5,
    "panorama": "no",
    "self_attention": "no",
    "upscale": "no",
    "lora_strength": "0.45",
    "lora_model": "xl-realistic-cake-art-sty",
    "scheduler": "UniPCMultistepScheduler",
    **NONE,
}
LOAD_V3 = {
    "url": "https://civitai.com/api/download/models/132760?type=Model&format=SafeTensor&size=pruned&fp=fp16",
    "model_id": "stable-diffusion-1.0-inpainting-0.1",
    "force_load": "yes",
    "revision": "fp16",
    "model_category": "stable_diffusion_xl",
    "model_format": "safetensors",
    "model_visibility": "public",
    "model_name": "stable-diffusion-1.0-inpainting-0.1",
    "model_image": "https://cdn2.stablediffusionapi.com/generations/1a14cab3-cc79-4cee-ab28-29379bff766b-0.png",
    "hf_upload": "no",
}
LOAD = {
    "url": "https://civitai.com/api/download/models/94640",
    "model_id": "majicmix-realistic",
    "webhook": "https://modelslab.com",
    "revision": "fp32",
    "upcast_attention": "no",
}
TENNIS = {
    "model_id": "realistic-vision-51",
    "prompt": "women playing tennis",
    "negative_prompt": None,
    "init_image": JPG,
    "samples": "1",
    "num_inference_steps": "31",
    "safety_checker": "yes",
    "guidance_scale": 7.5,
    "strength": 0.7,
    "scheduler": "UniPCMultistepScheduler",
    "lora_model": None,
    "use_karras_sigmas": "yes",
    "vae": None,
    "lora_strength": None,
    **NONE,
}

PAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("LoRA", "v6/images/text2img", LORA),
    (
        "LoRA, the Java sample",
        "v6/images/text2img",
        {**LORA, "num_inference_steps": "30", "embeddings_model": "no", "lora_strength": "0.45,"},
    ),
    ("LoRA, the Python sample", "v6/images/text2img", {**LORA, "embeddings_model": None}),
    (
        "Multi LoRA",
        "v6/images/text2img",
        {
            "model_id": "f222-diffusion",
            "prompt": "a female model doing photoshoot",
            "negative_prompt": "painting",
            **SIZE,
            "num_inference_steps": "31",
            "safety_checker": "yes",
            "guidance_scale": 7.5,
            "upscale": "no",
            "lora_model": "teddy-jacket-v1-0,a-simple-china-dress-v6-0",
            "lora_strength": "0.45,0.55",
            "scheduler": "UniPCMultistepScheduler",
            **NONE,
        },
    ),
    (
        "Text to Image",
        "v6/images/text2img",
        {
            **LORA,
            "negative_prompt": "",
            "lora_model": None,
            "lora_strength": None,
            "tomesd": "yes",
            "clip_skip": "2",
            "use_karras_sigmas": "yes",
            "vae": None,
        },
    ),
    (
        "Flux, Text to Image",
        "v6/images/text2img",
        {
            "model_id": "flux",
            "prompt": "ultra realistic close up portrait",
            "negative_prompt": "blurry",
            "width": 512,
            "height": 512,
            "samples": 1,
            "num_inference_steps": 31,
            "safety_checker": "no",
            "guidance_scale": 7.5,
            "clip_skip": 2,
            "lora_model": "more_details",
            "lora_strength": "0.8",
            **NONE,
        },
    ),
    ("Image to Image", "v6/images/img2img", TENNIS),
    (
        "Inpainting",
        "v6/images/inpaint",
        {
            **{k: v for k, v in ENTERPRISE_INPAINT.items() if k != "num_inference_steps"},
            "model_id": "lazymixv4-inpaint",
            "steps": "21",
            "scheduler": "UniPCMultistepScheduler",
        },
    ),
    ("ControlNet Main, Canny", "v5/controlnet", CONTROL),
    (
        "ControlNet Main, In-Paint",
        "v5/controlnet",
        {**CONTROL, "controlnet_model": "inpaint", "controlnet_type": "inpaint", "mask_image": MASK},
    ),
    ("ControlNet Main, Soft Edge", "v5/controlnet", {**CONTROL, "controlnet_model": "softedge", "mask_image": ""}),
    (
        "ControlNet Main, SDXL",
        "v5/controlnet",
        {
            "model_id": "boziorealvisxlv4",
            "init_image": JPG,
            "prompt": "pink dress, high quality, 4k",
            "negative_prompt": "(normal quality)",
            "auto_hint": "yes",
            "guess_mode": "no",
            "strength": 1,
            "controlnet_conditioning_scale": "0.5",
            "guidance_scale": 5,
            "tomesd": "yes",
            "samples": 1,
            "num_inference_steps": 21,
            **NONE,
            "scheduler": "DPMSolverMultistepScheduler",
            "use_karras_sigmas": "yes",
            "base64": None,
            "clip_skip": 2,
            "controlnet_type": "depth",
            "controlnet_model": "depth",
            "upscale": "no",
        },
    ),
    (
        "ControlNet Multi",
        "v5/controlnet",
        {
            **CONTROL,
            "controlnet_model": "openpose,canny,face_detector",
            "controlnet_type": "openpose",
            "model_id": "midjourney",
            "guess_mode": "yes",
            "control_image": DOG,
            "controlnet_conditioning_scale": 0.7,
            "lora_model": "yae-miko-genshin,more_details",
            "clip_skip": "2",
            "tomesd": "yes",
            "use_karras_sigmas": "yes",
            "lora_strength": None,
        },
    ),
    (
        "Realtime, Text to Image",
        "v6/realtime/text2img",
        {
            "prompt": "ultra realistic close up portrait",
            "negative_prompt": "bad quality",
            "width": "512",
            "height": "512",
            "safety_checker": False,
            "samples": 1,
            "base64": False,
            **NONE,
        },
    ),
    (
        "Realtime, Image to Image",
        "v6/realtime/img2img",
        {
            "prompt": "a cat sitting on a bench",
            "negative_prompt": "bad quality",
            "init_image": DOG,
            **SIZE,
            "temp": False,
            "safety_checker": False,
            "strength": 0.7,
            **NONE,
        },
    ),
    (
        "Realtime, Inpainting",
        "v6/realtime/inpaint",
        {
            "prompt": "a cat sitting on a bench",
            "negative_prompt": "bad quality",
            "init_image": DOG,
            "mask_image": MASK,
            "width": "512",
            "height": "512",
            "samples": 1,
            "safety_checker": False,
            "strength": 0.7,
            "base64": False,
            **NONE,
        },
    ),
    (
        "Super Resolution",
        "v6/image_editing/super_resolution",
        {"init_image": JPG, "face_enhance": False, "scale": 3, "webhook": None, "track_id": None},
    ),
    (
        "Super Resolution, the Java sample",
        "v6/image_editing/super_resolution",
        {"url": JPG, "scale": 3, "webhook": None, "face_enhance": False},
    ),
    (
        "Caption",
        "v6/image_editing/caption",
        {"init_image": JPG, "length": "long", "base64": False, "webhook": None, "track_id": None},
    ),
    ("Base64 to URL", "v6/base64_to_url", {"base64_string": "data:image/png;base64," + some_picture()}),
    ("Base64 Crop", "v3/base64_crop", {"image": "data:image/png;base64," + some_picture(), "crop": "true"}),
    ("Model list", "v4/dreambooth/model_list", {}),
    ("Finetune list", "v3/finetune_list", {}),
    ("Upload Model, Civitai", "v3/load_model", LOAD_V3),
    (
        "Upload Model, diffusers",
        "v3/load_model",
        {**LOAD_V3, "url": "diffusers/stable-diffusion-xl-1.0-inpainting-0.1", "model_format": "diffusers"},
    ),
    ("Upload Model, the Java sample", "v3/load_model", {**LOAD_V3, "model_subcategory": None}),
    ("Wallet Balance", "wallet_balance", {}),
    ("Processing Request Count", "v6/processing/request_count", {}),
    (
        "Enterprise, Text to Image",
        "v1/enterprise/text2img",
        {
            **LORA,
            "model_id": "model_id",
            "num_inference_steps": "20",
            "lora_model": None,
            "clip_skip": "2",
            "tomesd": "yes",
            "use_karras_sigmas": "yes",
            "vae": None,
            "lora_strength": None,
        },
    ),
    ("Enterprise, Image to Image", "v1/enterprise/img2img", {**TENNIS, "enhance_prompt": "yes", "tomesd": "yes"}),
    ("Enterprise, Inpainting", "v1/enterprise/inpaint", ENTERPRISE_INPAINT),
    (
        "Enterprise, Inpainting, the Python sample",
        "v1/enterprise/inpaint",
        {
            **{k: v for k, v in ENTERPRISE_INPAINT.items() if k not in ("model_id", "num_inference_steps")},
            "steps": "30",
        },
    ),
    ("Enterprise, ControlNet", "v1/enterprise/controlnet", {**CONTROL, "model_id": "midjourney"}),
    (
        "Enterprise, Load Model",
        "v1/enterprise/load_model",
        {**LOAD, "model_type": "custom_ckpt", "from_safetensors": "yes"},
    ),
    (
        "Enterprise, Load a ControlNet Model",
        "v1/enterprise/load_model",
        {**LOAD, "url": "lllyasviel/control_v11p_sd15_canny", "model_id": "canny", "model_type": "controlnet"},
    ),
    (
        "Enterprise, Load Model V2",
        "v1/enterprise/load_model_v2",
        {
            "url": "https://civitai.com/api/download/models/94640",
            "model_id": "majicmix-realistic",
            "model_category": "stable_diffusion",
            "model_format": "safetensors",
            "webhook": "https://modelslab.com",
            "revision": "fp16",
        },
    ),
    (
        "Enterprise, Load Model V2, Huggingface",
        "v1/enterprise/load_model_v2",
        {**LOAD, "url": "wavymulder/Analog-Diffusion", "model_type": "huggingface", "from_safetensors": "no"},
    ),
    (
        "Enterprise, Load VAE",
        "v1/enterprise/load_vae",
        {
            "webhook": "http://webhook-url.com",
            "vae_id": "vae-kl-f8-anime2",
            "vae_url": "bullhug/kl-f8-anime2",
            "vae_type": "diffusers",
        },
    ),
    (
        "Enterprise, Super Resolution",
        "v1/enterprise/super_resolution",
        {"url": JPG, "scale": 3, "webhook": None, "face_enhance": True},
    ),
    ("Enterprise, Upload Image", "v1/enterprise/upload_image", {"base64_image": some_picture(), "image_type": "png"}),
]


@pytest.fixture(scope="module")
def world() -> World:
    return World(rules=Rules(strict=True), clock=Clock(manual=True))


@pytest.mark.parametrize(("page", "path", "body"), PAGES, ids=[page for page, _, _ in PAGES])
def test_the_body_of_the_page_is_accepted(world, page, path, body):
    request = Request(method="POST", path=f"/api/{path}", body=json.dumps({"key": KEY, **body}).encode())
    response = EMULATOR.handle(request, world)
    answer = json.loads(response.body)

    assert response.status == 200, answer
    assert isinstance(answer, list) or answer["status"] == "success", answer


def test_the_civitai_body_with_repeated_fields_is_accepted_and_the_last_ones_count(world):
    first = json.dumps({"model_id": "majicmix-realistic", "revision": "fp32"})
    text = first[:-1] + ", " + json.dumps({"key": KEY, **LOAD_V3})[1:]
    EMULATOR.handle(Request(method="POST", path="/api/v3/load_model", body=text.encode()), world)
    listed = EMULATOR.handle(
        Request(method="POST", path="/api/v3/finetune_list", body=json.dumps({"key": KEY}).encode()), world
    )

    assert "majicmix-realistic" not in [model["model_id"] for model in json.loads(listed.body)["data"]]
