"""Pictures of ours, of A1111 and of ComfyUI, read back into requests.  The files are made by hand from their formats."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from strategies import requests, words

from imagegen import planning, provenance
from imagegen.comfygraph import _spans
from imagegen.defaults import resolve
from imagegen.errors import InvalidInput
from imagegen.flow import Stored
from imagegen.foreign import Inspected, read_infotext, read_request
from imagegen.plans import Plan
from imagegen.prompts import Span, to_comfy
from imagegen.redaction import Redactor
from imagegen.request import GenerationRequest, Lora, Upscale

BIG = 2**64 - 1


def png(**texts: str) -> bytes:
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


# --- ours ----------------------------------------------------------------------------------------------------------


def ours(request: Any, seed: int | None = None, **about: Any) -> bytes:
    plan = Plan(provider="somebody", request=request)
    stored = Stored(path="", sha256="", media_type="image/png", width=8, height=8, seed=seed)
    return provenance.dresser(plan, Redactor(), **about)(png(), stored)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests())
def test_our_own_file_gives_the_request_back(request: GenerationRequest) -> None:
    resolved = resolve(request, planning.desk().catalogue)
    found = read_request(ours(resolved))

    told, asked = found.request.to_dict(), resolved.to_dict()
    assert "labels" not in told  # the user's own words, for budgets and searches
    asked.pop("labels", None)
    for path in ("init_image", "mask_image", "controls"):
        assert (path in told) == (path in asked)
        told.pop(path, None)
        asked.pop(path, None)
    assert told == json.loads(json.dumps(_without_keys(asked)))


def _without_keys(tree: Any) -> Any:
    if isinstance(tree, dict):
        kept = {key: _without_keys(value) for key, value in tree.items() if key != "access_key"}
        return kept["ref"] if set(kept) == {"ref"} and "access_key" in tree else kept
    return [_without_keys(item) for item in tree] if isinstance(tree, list) else tree


def test_our_own_file_says_its_true_seed_and_who_made_it() -> None:
    found = read_request(ours(GenerationRequest(prompt="a", model="m", seed=5), seed=BIG))

    assert (found.request.seed, found.source, found.provider) == (BIG, "imagegen", "somebody")


def test_elsewhere_a_bare_id_stays_the_id_of_who_made_it() -> None:
    request = GenerationRequest(prompt="a", model="m", loras=("@grain", "x"), embeddings=["hf:a/b"], seed=1)
    portable = read_request(ours(request)).portable

    assert portable.model is not None and portable.model.ref == "somebody:m"
    assert [one.model for one in portable.loras] == ["@grain", "somebody:x"]
    assert portable.embeddings[0].model == "hf:a/b"


def test_what_is_not_in_the_file_has_to_be_given_again() -> None:
    found = read_request(ours({"prompt": "a", "init_image": "sha256:00", "strength": 0.5}))

    assert found.missing == ("init_image",)
    assert "init_image" in " ".join(found.remarks)


def test_a_signed_file_is_read_from_what_stands_beside_it() -> None:
    about = provenance.about(Plan(provider="somebody", request=GenerationRequest(prompt="a")), Redactor())

    assert read_request(png(), {"imagegen": {**about, "seed": 3}}).request.seed == 3


def test_what_was_not_a_picture_request_is_not_made_one() -> None:
    with pytest.raises(InvalidInput, match="WorkflowRequest"):
        read_request(ours({"graph": {}}, kind="WorkflowRequest"))


@pytest.mark.parametrize(
    ("chunk", "fault"),
    [
        ({"request": [1]}, "request: must be a table"),
        ({"request": {"prompt": "a"}, "notes": ["x"]}, r"notes\[0\]: "),
        ({"request": {"prompt": "a"}, "notes": 5}, "notes: must be a list"),
        ({"request": {"prompt": "a"}, "provider": 5}, "provider: must be text"),
        ({}, "request: is required"),
        ({"request": {"prompt": 5}}, "prompt: must be text"),
    ],
)
def test_a_chunk_that_only_looks_like_ours_is_refused_with_its_faults(chunk: Any, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        read_request(png(imagegen=json.dumps({"schema": 1, **chunk})))


def test_a_chunk_that_names_no_maker_has_none() -> None:
    found = read_request(png(imagegen=json.dumps({"request": {"prompt": "a", "model": "m"}, "of a later version": 1})))

    assert found.provider is None and found.portable is found.request
    assert "None" not in " ".join(found.remarks)


def test_what_is_nested_without_end_is_refused_in_words() -> None:
    with pytest.raises(InvalidInput):
        read_request(png(imagegen="[" * 100_000))
    deep: Any = {"a": 1}
    for _ in range(600):
        deep = {"a": deep}
    with pytest.raises(InvalidInput, match="too deeply"):
        read_request(png(imagegen=json.dumps({"request": {"prompt": "a", "provider_options": {"p": deep}}})))


# --- A1111 ---------------------------------------------------------------------------------------------------------

A1111 = """masterpiece, (cat:1.2), <lora:grain:0.7:0.5>
second line
Negative prompt: bad
Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 18446744073709551615, Size: 512x768, \
Model hash: 0123456789, Model: meinamix_v11, VAE: x.pt, Denoising strength: 0.5, Clip skip: 2, Hires upscale: 1.5, \
Hires steps: 10, Hires upscaler: R-ESRGAN 4x+, ADetailer model: face_yolov8n.pt, ADetailer confidence: 0.3, \
Lora hashes: "grain: 1234", Foo: "1, 2", Version: v1.9.4"""


def test_an_a1111_picture_gives_a_request_that_plans(provider_names: list[str]) -> None:
    found = read_request(png(parameters=A1111))

    assert found.request == GenerationRequest.from_dict(
        {
            "prompt": "masterpiece, (cat:1.2), \nsecond line",
            "negative_prompt": "bad",
            "steps": 25,
            "sampler": "dpmpp_2m",
            "schedule": "karras",
            "cfg_scale": 6.5,
            "seed": BIG,
            "size": "512x768",
            "model": "meinamix_v11",
            "vae": "x.pt",
            "clip_skip": 2,
            "loras": [{"model": "grain", "weight": 0.5, "clip_weight": 0.7}],
            "upscale": {"scale": 1.5, "steps": 10, "strength": 0.5, "upscaler": "R-ESRGAN 4x+"},
            "detailers": [{"model": "face_yolov8n.pt", "confidence": 0.3}],
        }
    )
    assert found.source == "a1111"
    for name in provider_names:
        assert planning.plan(found.request, name).note("seed").requested == BIG


def test_what_is_not_understood_is_a_remark_and_never_lost() -> None:
    said = "\n".join(read_request(png(parameters=A1111)).remarks)

    assert "Foo: 1, 2" in said
    assert "'meinamix_v11' is a display name" in said
    assert "0123456789" in said


def infotext(last: str) -> Inspected:
    return read_infotext(f"a cat\nSteps: 20, {last}, Size: 512x512")


@pytest.mark.parametrize(
    ("last", "schedule"),
    [
        ("Sampler: DPM++ 2M Karras, Version: v1.6.0", "karras"),
        ("Sampler: DPM++ 2M, Version: v1.8.0", "uniform"),
        ("Sampler: DPM++ 2M, Schedule type: Automatic, Version: v1.9.0", "karras"),
        ("Sampler: DPM++ 2M, Schedule type: SGM Uniform", "sgm_uniform"),
    ],
)
def test_old_and_new_spellings_of_samplers_mean_what_they_meant(last: str, schedule: str) -> None:
    request = infotext(last).request

    assert (request.sampler, request.schedule) == ("dpmpp_2m", schedule)


def test_a_bare_name_of_unknown_age_is_told() -> None:
    assert "before A1111 1.9 it was uniform" in " ".join(infotext("Sampler: DPM++ 2M").remarks)


def test_a_picture_made_from_a_picture_misses_it() -> None:
    found = infotext("Denoising strength: 0.6, Sampler: Euler a")

    assert found.missing == ("init_image",)
    assert "0.6" in " ".join(found.remarks)


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("Sampler: No Such Thing", "unknown sampler 'No Such Thing'"),
        ("Seed: many", "Seed: many"),
        ("Hires resize: large", "Hires resize: large"),
        ("CFG scale: 500", "not 500.0 (left out)"),
    ],
)
def test_a_value_that_a_request_cannot_hold_is_left_out_and_told(last: str, told: str) -> None:
    assert told in " ".join(infotext(f"{last}, Clip skip: 2").remarks)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | words)
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        assert read_infotext(text).request.prompt.strip()
    except InvalidInput as error:
        assert str(error)


# --- ComfyUI -------------------------------------------------------------------------------------------------------


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


GRAPH = {
    "3": node(
        "KSampler",
        seed=BIG,
        steps=20,
        cfg=8.0,
        sampler_name="dpmpp_2m",
        scheduler="karras",
        denoise=1.0,
        model=["12", 0],
        positive=["6", 0],
        negative=["7", 0],
        latent_image=["5", 0],
    ),
    "4": node("CheckpointLoaderSimple", ckpt_name="v1-5.safetensors"),
    "5": node("EmptyLatentImage", width=512, height=768, batch_size=2),
    "6": node("CLIPTextEncode", text="a ((cat:1.5) hat) [dull] \\(sic\\)", clip=["13", 0]),
    "7": node("CLIPTextEncode", text="bad", clip=["13", 0]),
    "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    "9": node("SaveImage", filename_prefix="x", images=["8", 0]),
    "11": node("LoraLoader", lora_name="one", strength_model=0.5, strength_clip=0.5, model=["4", 0], clip=["4", 1]),
    "12": node("LoraLoader", lora_name="two", strength_model=0.7, strength_clip=0.2, model=["11", 0], clip=["11", 1]),
    "13": node("CLIPSetLastLayer", stop_at_clip_layer=-2, clip=["12", 1]),
}


def graph(**changes: Any) -> Inspected:
    return read_request(png(prompt=json.dumps({**GRAPH, **changes})))


def test_a_comfyui_picture_gives_a_request_that_plans(provider_names: list[str]) -> None:
    found = graph()

    assert found.request == GenerationRequest(
        prompt="a (cat:1.5)( hat:1.1) \\[dull\\] \\(sic\\)",
        negative_prompt="bad",
        model="v1-5.safetensors",
        width=512,
        height=768,
        n=2,
        steps=20,
        cfg_scale=8.0,
        sampler="dpmpp_2m",
        schedule="karras",
        seed=BIG,
        clip_skip=2,
        loras=(Lora("one", 0.5), Lora("two", 0.7, 0.2)),
    )
    assert found.source == "comfyui"
    for name in provider_names:
        assert planning.plan(found.request, name).note("seed").requested == BIG


def test_nan_in_a_graph_is_no_reason_to_fail_and_unread_nodes_are_named() -> None:
    found = graph(**{"40": {**node("Note", text="hello"), "is_changed": [float("nan")]}})

    assert "not read: Note" in found.remarks


def test_a_second_sampler_is_an_upscale() -> None:
    again = node("KSampler", **{**GRAPH["3"]["inputs"], "steps": 12, "denoise": 0.55, "latent_image": ["21", 0]})
    bigger = node("LatentUpscale", upscale_method="nearest-exact", width=1024, height=1536, samples=["3", 0])
    found = graph(**{"22": again, "21": bigger, "8": node("VAEDecode", samples=["22", 0], vae=["4", 2])})

    assert found.request.upscale == Upscale(width=1024, height=1536, steps=12, strength=0.55)
    assert (found.request.width, found.request.steps) == (512, 20)


def test_a_graph_that_starts_from_a_picture_names_it() -> None:
    start = {"30": node("LoadImage", image="cat.png"), "5": node("VAEEncode", pixels=["30", 0], vae=["4", 2])}
    sampler = node("KSampler", **{**GRAPH["3"]["inputs"], "denoise": 0.4})
    found = graph(**start, **{"3": sampler})

    assert found.request.init_image is not None
    assert (found.request.init_image.source, found.request.strength) == ("cat.png", 0.4)
    assert found.missing == ("init_image",)


def test_a_modern_graph_taken_apart_is_read_too() -> None:
    parts = {
        "3": node(
            "SamplerCustomAdvanced",
            noise=["50", 0],
            guider=["51", 0],
            sampler=["52", 0],
            sigmas=["53", 0],
            latent_image=["5", 0],
        ),
        "50": node("RandomNoise", noise_seed=7),
        "51": node("BasicGuider", model=["4", 0], conditioning=["54", 0]),
        "52": node("KSamplerSelect", sampler_name="euler"),
        "53": node("BasicScheduler", scheduler="simple", steps=28, denoise=1.0, model=["4", 0]),
        "54": node("FluxGuidance", guidance=3.5, conditioning=["6", 0]),
        "4": node("UNETLoader", unet_name="flux1-dev"),
    }
    request = graph(**parts).request

    assert (request.seed, request.steps, request.sampler, request.distilled_guidance) == (7, 28, "euler", 3.5)
    assert request.model is not None and request.model.ref == "flux1-dev"
    assert request.cfg_scale is None


def test_a_controlnet_is_read_with_its_preprocessor() -> None:
    parts = {
        "60": node("ControlNetLoader", control_net_name="canny.pth"),
        "61": node("LoadImage", image="pose.png"),
        "62": node("CannyEdgePreprocessor", image=["61", 0]),
        "63": node(
            "ControlNetApplyAdvanced",
            positive=["6", 0],
            negative=["7", 0],
            control_net=["60", 0],
            image=["62", 0],
            strength=0.8,
            start_percent=0.0,
            end_percent=0.9,
        ),
        "3": node("KSampler", **{**GRAPH["3"]["inputs"], "positive": ["63", 0], "negative": ["63", 1]}),
    }
    found = graph(**parts)

    assert found.request.negative_prompt == "bad"
    assert found.missing == ("controls[0].image",)
    assert [(c.module, c.model, c.weight, c.end) for c in found.request.controls] == [
        ("CannyEdgePreprocessor", "canny.pth", 0.8, 0.9)
    ]


def test_a_mask_is_never_lost_in_silence() -> None:
    masked = {
        "5": node("VAEEncodeForInpaint", pixels=["30", 0], mask=["30", 1]),
        "30": node("LoadImage", image="a.png"),
    }

    assert "mask_image" in graph(**masked).missing


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"9": node("Note")}, "saves no picture"),
        ({"8": node("VAEDecode", samples=["5", 0])}, "no sampler"),
        ({"6": node("CLIPTextEncode", text="")}, "no words"),
        ({"8": node("VAEDecode", samples=["8", 0])}, "no sampler"),
        ({"8": "nonsense"}, "no sampler"),
    ],
)
def test_a_graph_that_says_too_little_is_refused_in_words(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        graph(**changes)


@given(st.lists(st.builds(Span, st.text("ab ,()\\[", min_size=1, max_size=6), st.sampled_from([1.0, 0.5, 1.3]))))
def test_comfyui_weights_read_back_as_they_were_written(spans: list[Span]) -> None:
    text = "".join(f"{span.text}@{span.weight}" for span in _merged(spans))
    read = "".join(f"{span.text}@{span.weight}" for span in _merged(list(_spans(to_comfy(spans)))))

    assert read == text


def _merged(spans: list[Span]) -> list[Span]:
    made: list[Span] = []
    for span in spans:
        if made and made[-1].weight == span.weight:
            made[-1] = Span(made[-1].text + span.text, span.weight)
        elif span.text:
            made.append(span)
    return made


# --- nobody's ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GIF89a", "not a PNG"),
        (png(), "says nothing"),
        (png(Software="NovelAI"), "it has: Software"),
        (png(workflow=json.dumps({"nodes": []})), "editor"),
    ],
)
def test_a_file_that_says_nothing_is_refused_in_words(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read_request(data)
