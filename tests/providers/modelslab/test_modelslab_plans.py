"""What is planned for ModelsLab, and what the notes say about it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagegen.images import inspect_input
from imagegen.placeholders import Slot, reveal
from imagegen.plans import policy_blockers
from imagegen.request import Control, Embedding, GenerationRequest, ImageInput, Inpaint, Lora, Upscale, leaves
from imagegen.samplers import VendorTable
from imagegen_modelslab import wire
from imagegen_modelslab.sampling import counts, nearest, shifted

PROMPT = "actual 8K portrait photo of gareth person, portrait, happy colors, bright eyes"
# https://docs.modelslab.com/image-generation/community-models/dreamboothlora, "Body" (prompts shortened)
PAGE_BODY = {
    "model_id": "tamarin-xl-v1",
    "prompt": PROMPT,
    "negative_prompt": "painting, extra fingers",
    "width": "512",
    "height": "512",
    "samples": "1",
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
}


def png(width: int, height: int, mode: str = "RGB", colour: Any = 0) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, "PNG")
    return out.getvalue()


def test_the_lora_page_example_is_what_a_neutral_request_comes_to(draft):
    request = GenerationRequest(
        prompt=PROMPT,
        negative_prompt="painting, extra fingers",
        model="tamarin-xl-v1",
        width=512,
        height=512,
        steps=31,
        cfg_scale=7.5,
        sampler="UniPCMultistepScheduler",
        loras=(Lora("xl-realistic-cake-art-sty", 0.45),),
        provider_options={"modelslab": {"enhance_prompt": "yes"}},
    )
    call = draft(request).calls[0]
    sent = {name: value for name, value in call.json.items() if name in PAGE_BODY}

    assert (call.method, call.url, call.pays) == ("POST", "https://modelslab.com/api/v6/images/text2img", True)
    assert {k: str(v) for k, v in sent.items()} == {k: str(v) for k, v in PAGE_BODY.items()}
    assert call.json.keys() - PAGE_BODY.keys() == {
        "seed",  # the page sends null; drawn on our side, so that a repetition is one
        "use_karras_sigmas",
        "algorithm_type",
        "tomesd",
        "clip_skip",
        "highres_fix",
    }


def test_three_lora_weights_get_one_note_each_before_any_network(draft):
    plan = draft(GenerationRequest(prompt="p", model="m", loras=(Lora("a", -0.5), Lora("b", 0.05), Lora("c", 1.1))))

    found = [(plan.note(f"loras[{i}].weight").status, plan.note(f"loras[{i}].weight").sent) for i in range(3)]
    assert found == [("dropped", None), ("adjusted", 0.1), ("adjusted", 1.0)]
    assert plan.note("loras[0].model").status == "dropped"
    assert (plan.calls[0].json["lora_model"], plan.calls[0].json["lora_strength"]) == ("b,c", "0.1,1")
    assert {b.field for b in policy_blockers(plan.notes, "balanced")} == {"loras[0].model", "loras[0].weight"}


def test_six_pictures_are_two_calls_with_a_shifted_seed(draft):
    drawn = draft(GenerationRequest(prompt="p", model="m", n=6))
    given = draft(GenerationRequest(prompt="p", model="m", n=6, seed=7))

    assert [(c.json["samples"], c.json["seed"]) for c in drawn.calls] == [(4, Slot("seed")), (2, Slot("seed", 4))]
    assert [(c.json["samples"], c.json["seed"]) for c in given.calls] == [(4, 7), (2, 11)]
    assert given.note("n").status == "emulated"


@pytest.mark.parametrize(
    ("wanted", "sent"), [(1, 21), (25, 21), (26, 31), (31, 31), (35, 31), (36, 41), (41, 41), (150, 41)]
)
def test_steps_go_to_the_nearest_documented_count_and_up_on_a_tie(wanted, sent):
    assert nearest(wanted, (21, 31, 41)) == sent


def test_flux_takes_its_own_steps_and_no_negative_prompt(draft):
    plan = draft(GenerationRequest(prompt="p", negative_prompt="n", model="flux", steps=7))

    assert plan.calls[0].json["num_inference_steps"] == 7
    assert "negative_prompt" not in plan.calls[0].json
    assert plan.note("negative_prompt").status == "dropped"


def test_a_size_beyond_the_limit_is_made_smaller_with_its_aspect_kept(draft):
    plan = draft(GenerationRequest(prompt="p", model="m", width=1216, height=832))

    assert (plan.calls[0].json["width"], plan.calls[0].json["height"]) == (1024, 704)
    assert plan.note("width").status == plan.note("height").status == "adjusted"


def test_karras_with_euler_a_is_refused_with_a_reason_for_people(draft):
    plan = draft(GenerationRequest(prompt="p", model="m", sampler="Euler a Karras"))

    assert [b.field for b in plan.blockers] == ["sampler"]
    assert "no Karras sigmas" in plan.blockers[0].reason
    lenient = draft(GenerationRequest(prompt="p", model="m", sampler="Euler a Karras", on_unsupported="lenient"))
    assert lenient.possible
    assert lenient.note("sampler").status == "dropped"
    assert "scheduler" not in lenient.calls[0].json


def test_a_sampler_that_is_missing_falls_back_and_says_so(draft):
    plan = draft(GenerationRequest(prompt="p", model="m", sampler="DPM fast"))

    assert plan.calls[0].json["scheduler"] == "DPMSolverMultistepScheduler"
    assert (plan.note("sampler").status, plan.note("sampler").code) == ("approximated", "fallback")


def test_every_scheduler_of_the_table_is_one_that_the_vendor_lists():
    assert VendorTable.load("imagegen_modelslab", "samplers.csv").names() <= set(wire.SCHEDULERS)


def test_a_seed_beyond_32_bits_is_reduced_and_called_approximated(draft):
    plan = draft(GenerationRequest(prompt="p", model="m", seed=2**32 + 5))

    assert (plan.calls[0].json["seed"], plan.note("seed").status) == (5, "approximated")


def test_clip_skip_off_is_exact_and_any_other_is_unverified(draft):
    off = draft(GenerationRequest(prompt="p", model="m", clip_skip=1)).note("clip_skip")
    two = draft(GenerationRequest(prompt="p", model="m", clip_skip=2)).note("clip_skip")
    ten = draft(GenerationRequest(prompt="p", model="m", clip_skip=10)).note("clip_skip")

    assert [(n.status, n.sent, n.code) for n in (off, two, ten)] == [
        ("exact", 1, ""),
        ("approximated", 2, "unverified"),
        ("approximated", 8, "unverified"),
    ]


def test_vendor_defaults_that_change_the_picture_are_said_with_a_note_each(draft):
    plan = draft(GenerationRequest(prompt="p", model="m"))
    names = ["enhance_prompt", "safety_checker", "tomesd", "panorama", "self_attention", "highres_fix", "upscale"]

    assert {name: plan.calls[0].json[name] for name in names} == dict.fromkeys(names, "no")
    assert {plan.note(name).code for name in names} == {"vendor_default"}


def test_settings_reach_the_body(draft):
    plan = draft(GenerationRequest(prompt="p", model="m"), safety_checker="yes", base64="yes", webhook="https://me/x")

    body = plan.calls[0].json
    assert (body["safety_checker"], body["base64"], body["webhook"]) == ("yes", "yes", "<webhook>")


def test_the_users_own_vendor_words_win_and_the_notes_say_so(draft):
    options = {"modelslab": {"num_inference_steps": 50, "brand_new": 1}}
    plan = draft(GenerationRequest(prompt="p", model="m", provider_options=options))

    assert (plan.calls[0].json["num_inference_steps"], plan.calls[0].json["brand_new"]) == (50, 1)
    assert (plan.note("steps").sent, plan.note("steps").code) == (50, "overridden")
    assert plan.note("provider_options.modelslab.brand_new").code == "undocumented"


def test_a_vendor_word_out_of_the_documented_limits_is_refused(draft):
    options = {"modelslab": {"clip_skip": 9, "scheduler": "Euler"}}
    plan = draft(GenerationRequest(prompt="p", model="m", provider_options=options))

    assert [b.field for b in plan.blockers] == [
        "provider_options.modelslab.clip_skip",
        "provider_options.modelslab.scheduler",
    ]


def test_twice_the_size_is_the_vendors_upscale_and_nothing_else_is(draft):
    twice = draft(GenerationRequest(prompt="p", model="m", upscale=Upscale(scale=2, steps=20)))
    thrice = draft(GenerationRequest(prompt="p", model="m", upscale=Upscale(scale=3)))

    assert twice.calls[0].json["upscale"] == "yes"
    assert (twice.note("upscale.scale").status, twice.note("upscale.steps").status) == ("exact", "dropped")
    assert thrice.calls[0].json["upscale"] == "no"
    assert thrice.note("upscale.scale").status == "dropped"


def test_an_unknown_alias_and_a_foreign_address_are_blockers_with_the_reason(draft):
    plan = draft(GenerationRequest(prompt="p", model="@demo-chekpoint", loras=(Lora("hf:org/name"),)))

    assert "did you mean @demo-checkpoint" in plan.blockers[0].reason
    assert "only a vendor that can load models" in plan.blockers[1].reason


def test_the_demo_entries_are_the_ids_of_the_vendors_examples(draft):
    plan = draft(GenerationRequest(prompt="p", model="@demo-checkpoint", loras=(Lora("@demo-style"),)))

    assert plan.calls[0].json["model_id"] == "tamarin-xl-v1"
    assert plan.note("loras[0].model").code == "substitute"


def test_an_embeddings_id_is_sent_and_its_weight_is_not(draft):
    plan = draft(GenerationRequest(prompt="p", model="m", embeddings=(Embedding("easy", 0.8),)))

    assert plan.calls[0].json["embeddings_model"] == "easy"
    assert plan.note("embeddings[0].weight").status == "dropped"


# --- pictures that go in -----------------------------------------------------------------------------------------


def test_a_public_address_goes_as_it_is(draft):
    request = GenerationRequest(prompt="p", model="m", init_image="https://example.com/cat.png", strength=0.7)
    call = draft(request).calls[0]

    assert call.url == "https://modelslab.com/api/v6/images/img2img"
    assert (call.json["init_image"], call.json["strength"]) == ("https://example.com/cat.png", 0.7)


def test_a_local_file_is_put_first_and_shows_as_a_slot(draft):
    data = png(512, 512)
    request = GenerationRequest(prompt="p", model="m", init_image=data)
    plan = draft(request, images={"init_image": inspect_input(data)})
    upload, paid = plan.calls

    assert (upload.url, upload.pays) == ("https://modelslab.com/api/v6/base64_to_url", False)
    assert upload.json == {"base64_string": "<data:init_image>"}
    assert reveal(upload.json)["base64_string"].startswith("data:image/png;base64,iVBOR")
    assert paid.json["init_image"] == Slot("resource:init_image")


def test_a_file_above_five_megabytes_is_a_blocker(draft):
    blob = inspect_input(png(8, 8))
    big = {"init_image": blob.__class__(**{**_fields(blob), "size": 6 * 2**20})}
    plan = draft(GenerationRequest(prompt="p", model="m", init_image=b"x"), images=big)

    assert plan.blockers[0].reason == "has 6.0 MB; the vendor takes at most 5 MB"


def test_a_mask_of_another_size_is_a_blocker(draft):
    images = {"init_image": inspect_input(png(64, 64)), "mask_image": inspect_input(png(32, 64))}
    plan = draft(GenerationRequest(prompt="p", model="m", init_image=b"i", mask_image=b"m"), images=images)

    assert "mask has 32x64, the picture 64x64" in plan.blockers[0].reason


@pytest.mark.parametrize("invert", [False, True])
def test_a_transparent_mask_becomes_white_where_it_repaints(draft, invert):
    picture, mask = png(64, 64), png(64, 64, "RGBA", (0, 0, 0, 0))
    request = GenerationRequest(
        prompt="p", model="m", init_image=picture, mask_image=mask, inpaint=Inpaint(invert=invert)
    )
    images = {"init_image": inspect_input(picture), "mask_image": inspect_input(mask)}
    plan = draft(request, images=images)
    sent = reveal(next(c for c in plan.calls if c.json.get("base64_string") == "<data:mask_image>").json)

    assert plan.note("mask_image").status == "emulated"
    assert _pixel(sent["base64_string"]) == (0 if invert else 255)
    assert plan.calls[-1].url == "https://modelslab.com/api/v6/images/inpaint"


def test_an_address_that_the_vendor_cannot_reach_is_a_blocker(draft):
    plan = draft(GenerationRequest(prompt="p", model="m", init_image="http://10.0.0.1/cat.png"))

    assert plan.blockers[0].code == "unreachable_input"


def test_a_control_goes_to_the_controlnet_endpoint_with_short_ids(draft):
    guide = ImageInput("https://example.com/guide.png")
    controls = (
        Control(image=guide, module="canny", model="control_v11p_sd15_canny", weight=0.8, end=0.9),
        Control(image=guide, module="depth_midas"),
    )
    plan = draft(GenerationRequest(prompt="p", model="m", controls=controls))
    body = plan.calls[0].json

    assert plan.calls[0].url == "https://modelslab.com/api/v5/controlnet"
    assert (body["controlnet_model"], body["auto_hint"], body["controlnet_conditioning_scale"]) == (
        "canny,depth",
        "yes",
        0.8,
    )
    assert body["control_image"] == body["init_image"] == "https://example.com/guide.png"
    assert plan.note("controls[0].end").status == "dropped"
    assert plan.note("controls[1].weight").code == "one_weight"


def test_controls_with_two_pictures_are_a_blocker(draft):
    controls = (
        Control(image="https://example.com/a.png", model="canny"),
        Control(image="https://example.com/b.png", model="depth"),
    )
    assert draft(GenerationRequest(prompt="p", model="m", controls=controls)).blockers[0].code == "one_control_image"


def _fields(blob: Any) -> dict[str, Any]:
    return {name: getattr(blob, name) for name in ("sha256", "media_type", "width", "height", "source", "data")}


def _pixel(data_uri: str) -> int:
    import base64

    with Image.open(io.BytesIO(base64.b64decode(data_uri.partition(",")[2]))) as picture:
        return picture.getpixel((0, 0))


# --- rules that hold for all requests ----------------------------------------------------------------------------

_weights = st.floats(-2, 3, allow_nan=False)
_requests = st.builds(
    GenerationRequest,
    prompt=st.text(min_size=1, max_size=20).filter(str.strip),
    negative_prompt=st.none() | st.text(max_size=20),
    model=st.sampled_from(["m", "flux", "@demo-checkpoint", "hf:org/name"]),
    width=st.none() | st.integers(8, 4096),
    height=st.none() | st.integers(8, 4096),
    n=st.integers(1, 20),
    steps=st.none() | st.integers(1, 150),
    cfg_scale=st.none() | st.floats(0, 100),
    sampler=st.none() | st.sampled_from(["euler", "euler_a", "dpm_fast", "dpmpp_sde", "restart", "ddim", "lcm"]),
    seed=st.none() | st.integers(0, 2**64 - 1),
    clip_skip=st.none() | st.integers(1, 24),
    loras=st.lists(st.builds(Lora, st.sampled_from(["a", "b", "@demo-style"]), _weights), max_size=4),
    embeddings=st.lists(st.builds(Embedding, st.sampled_from(["e", "f"]), _weights), max_size=2),
    upscale=st.none() | st.builds(Upscale, scale=st.none() | st.sampled_from([1, 2, 3])),
    on_unsupported=st.sampled_from(["strict", "balanced", "lenient"]),
)


@settings(max_examples=150, deadline=None)
@given(_requests)
def test_every_leaf_has_one_note_and_every_value_is_within_the_documented_limits(draft, request_):
    plan = draft(request_)
    noted = [note.field for note in plan.notes]

    assert len(noted) == len(set(noted))
    assert set(leaves(plan.request)) <= set(noted)
    assert plan == draft(request_)
    for call in plan.calls:
        assert not [*wire.faults(wire.Text2Img, call.json)]
        ids, weights = call.json.get("lora_model", ""), call.json.get("lora_strength", "")
        assert ids.count(",") == weights.count(",")
    assert sum(call.json["samples"] for call in plan.calls) == request_.n


@given(st.integers(1, 1000), st.integers(0, 2**32 - 1))
def test_no_two_pictures_of_a_request_share_a_seed(n, seed):
    firsts, made = [], 0
    for count in counts(n):
        firsts += [(shifted(seed, made) + i) % 2**32 for i in range(count)]
        made += count

    assert len(set(firsts)) == n == made
