"""From neutral words to a stage job: what is sent, and what is said about it."""

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tams_desk import MODEL, PROVIDER, blob, plan, stage

from imagegen import samplers
from imagegen.placeholders import Slot, walk
from imagegen.plans import policy_blockers
from imagegen.request import Control, Detailer, Embedding, GenerationRequest, ImageInput, Inpaint, Lora, Upscale, leaves
from imagegen_tams import stages, vocabulary
from imagegen_tams.wire import AnimateDiff, AnimateDiffArg, LoraItem, Loras

IMAGE = ImageInput(data=b"png")


def status(made, path):
    return made.note(path).status


# --- LoRAs, models, keys


def test_three_weights_have_one_note_each_and_are_sent_as_they_are():
    style = "661652545330040294"
    made = plan(loras=(Lora(style, -0.5), Lora(style, 0.05), Lora(style, 1.1)))
    items = stage(made, "diffusion")["lora"]["items"]
    assert [item["weight"] for item in items] == [-0.5, 0.05, 1.1]
    notes = [made.note(f"loras[{index}].weight") for index in range(3)]
    assert [note.status for note in notes] == ["approximated", "exact", "exact"]
    assert notes[0].code == "unverified_range" and not notes[0].verified


def test_ids_are_text_and_an_address_is_read():
    made = plan(
        model=f"https://tensor.art/models/{MODEL}?x=1", loras=(Lora("https://tusiart.com/models/661652545330040294"),)
    )
    assert stage(made, "diffusion")["sdModel"] == MODEL
    assert stage(made, "diffusion")["lora"]["items"][0]["loraModel"] == "661652545330040294"


@pytest.mark.parametrize("ref", ["juggernaut-xl", "12345", "tams:99", "invalid_model_name"])
def test_what_is_no_id_is_a_blocker_that_says_what_an_id_is(ref):
    blocker = plan(model=ref).blockers[0]
    assert (blocker.field, blocker.code) == ("model", "bad_model_id")
    assert "15 to 20 digits" in blocker.reason


def test_a_model_that_would_have_to_be_loaded_is_a_blocker():
    made = plan(loras=(Lora("https://civitai.com/api/download/models/119057"),))
    assert [blocker.code for blocker in made.blockers] == ["needs_load"]


def test_two_weights_of_one_lora_become_one():
    made = plan(loras=(Lora("661652545330040294", 0.8, 0.4), Lora("661652545330040294", 0.8, 0.8)))
    assert status(made, "loras[0].clip_weight") == "approximated"
    assert status(made, "loras[1].clip_weight") == "exact"


def test_a_substitute_of_the_catalogue_is_said():
    assert plan(model="@demo-checkpoint").note("model").code == "match_substitute"


# --- pictures, calls, seeds


def test_six_pictures_are_two_calls_with_a_shifted_seed():
    made = plan(n=6, seed=100)
    starts = [stage(made, "inputInitialize", call) for call in (0, 1)]
    assert starts == [{"seed": "100", "count": 4}, {"seed": "104", "count": 2}]
    assert made.note("n").sent == [4, 2]


def test_a_seed_that_is_drawn_later_is_a_slot_with_the_same_shift():
    made = plan(n=6)
    slots = [stage(made, "inputInitialize", call)["seed"] for call in (0, 1)]
    assert [(slot.name, slot.offset) for slot in slots] == [("seed", 0), ("seed", 4)]


def test_every_paid_call_carries_its_own_key():
    made = plan(n=6)
    assert [call.key for call in made.paid_calls] == ["<requestId>", "<requestId>"]
    assert all(isinstance(call.key, Slot) and call.json["requestId"] is call.key for call in made.paid_calls)


@pytest.mark.parametrize(
    ("seed", "sent", "status_"),
    [
        (0, "1", "approximated"),
        (2**32 - 1, "4294967295", "exact"),
        (2**32 + 5, "5", "approximated"),
        (2**32, "1", "approximated"),
    ],
)
def test_a_seed_is_never_zero_and_never_too_large(seed, sent, status_):
    made = plan(seed=seed)
    assert stage(made, "inputInitialize")["seed"] == sent
    assert status(made, "seed") == status_


@given(st.integers(0, 2**64 - 1), st.integers(0, 4000))
def test_wire_seeds_stay_in_the_vendors_range(seed, shift):
    assert 1 <= stages.wire_seed(seed, shift) <= 2**32 - 1


@given(st.integers(0, 2**64 - 1))
def test_the_pictures_of_neighbouring_calls_have_different_seeds(seed):
    assert len({stages.wire_seed(seed, shift) for shift in range(0, 400, 4)}) == 100


@given(st.integers(1, 1000), st.sampled_from([1, 4]))
def test_a_split_makes_every_picture_once(n, most):
    counts = stages.split(n, most)
    assert sum(counts) == n and all(0 < count <= most for count in counts)


# --- size, sampling


@pytest.mark.parametrize(
    ("asked", "sent", "code"),
    [
        ((512, 768), (512, 768), ""),
        ((960, 720), (960, 720), "undocumented_size"),
        ((600, 400), (600, 400), "undocumented_size"),
        ((513, 767), (512, 768), "size"),
        ((2048, 1024), (1536, 768), "size"),
        ((1536, 1536), (1408, 1408), "size"),
    ],
)
def test_sizes_are_kept_where_they_can_be_sent(asked, sent, code):
    made = plan(width=asked[0], height=asked[1])
    body = stage(made, "diffusion")
    assert (body["width"], body["height"]) == sent
    assert made.note("width").code == code
    assert (status(made, "width") == "adjusted") == (asked[0] != sent[0])


def test_sampler_and_vae_are_always_sent():
    body = stage(plan(), "diffusion")
    assert (body["sampler"], body["sdVae"]) == ("DPM++ 2M Karras", "Automatic")


def test_a_bare_name_is_unverified_and_a_missing_schedule_is_said():
    made = plan(sampler="dpmpp_2m", schedule="uniform")
    assert stage(made, "diffusion")["sampler"] == "DPM++ 2M"
    assert (status(made, "sampler"), status(made, "schedule")) == ("exact", "approximated")
    assert policy_blockers(made.notes, "strict")
    made = plan(sampler="euler_a", schedule="karras")
    assert stage(made, "diffusion")["sampler"] == "Euler a"
    assert (status(made, "sampler"), status(made, "schedule")) == ("exact", "approximated")


def test_a_sampler_whose_usual_schedule_is_not_listed_is_sent_with_the_surest_and_told():
    made = plan(sampler="DPM++ 2M SDE")  # exponential in A1111 since 1.9

    assert stage(made, "diffusion")["sampler"] == "DPM++ 2M SDE Karras"
    assert (status(made, "sampler"), status(made, "schedule")) == ("exact", "approximated")


def test_a_missing_sampler_falls_back_by_the_table_or_blocks():
    made = plan(sampler="unipc")
    assert made.note("sampler").code == "sampler_fallback" and made.note("sampler").sent == "DPM++ 2M Karras"
    assert [blocker.code for blocker in plan(sampler="lcm").blockers] == ["sampler_not_offered"]


def test_cfg_beyond_the_range_is_clamped_and_steps_beyond_it_are_only_said():
    made = plan(cfg_scale=40, steps=60)
    assert stage(made, "diffusion")["cfgScale"] == 35.0 and status(made, "cfg_scale") == "adjusted"
    assert stage(made, "diffusion")["steps"] == 60 and made.note("steps").code == "undocumented_steps"


def test_an_unknown_vae_is_dropped_and_a_known_one_is_spelled_right():
    assert stage(plan(vae="orangemix.VAE.pt"), "diffusion")["sdVae"] == "orangemix.vae.pt"
    made = plan(vae="mine.safetensors")
    assert stage(made, "diffusion")["sdVae"] == "Automatic" and status(made, "vae") == "dropped"


# --- passes


def test_four_stages_from_one_request():
    made = plan(upscale=Upscale(scale=2), detailers=(Detailer(steps=12, prompt="a face"),))
    body = made.calls[0].json
    assert [one["type"] for one in body["stages"]] == [
        "INPUT_INITIALIZE",
        "DIFFUSION",
        "IMAGE_TO_UPSCALER",
        "IMAGE_TO_ADETAILER",
    ]
    assert (made.facts["width"], made.facts["height"]) == (1024, 1024)
    arg = stage(made, "imageToAdetailer")["args"][0]
    assert (arg["adUseSteps"], arg["adSteps"], arg["adPrompt"]) == (True, 12, [{"text": "a face"}])
    assert made.possible


def test_passes_say_the_order():
    made = plan(upscale=Upscale(), detailers=(Detailer(),), passes=("diffusion", "detail", "upscale"))
    assert [one["type"] for one in made.calls[0].json["stages"][1:]] == [
        "DIFFUSION",
        "IMAGE_TO_ADETAILER",
        "IMAGE_TO_UPSCALER",
    ]


def test_without_diffusion_a_call_makes_one_picture():
    made = plan(init_image=IMAGE, passes=("upscale",), upscale=Upscale(upscaler="4x-AnimeSharp"), n=2)
    assert [stage(made, "inputInitialize", call)["count"] for call in (0, 1)] == [1, 1]
    assert "diffusion" in stage(made, "imageToUpscaler")
    assert made.possible


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"passes": ("upscale",)}, "needs_image"),
        ({"passes": ()}, "no_pass"),
        ({"passes": ("upscale", "diffusion"), "init_image": IMAGE}, "order"),
        ({"passes": ("inpaint",), "init_image": IMAGE}, "needs_mask"),
        ({"init_image": IMAGE, "upscale": Upscale(upscaler="Latent (nearest)")}, "latent_on_image"),
    ],
)
def test_what_no_job_can_do_is_a_blocker(words, code):
    assert code in [blocker.code for blocker in plan(**words).blockers]


def test_an_inpaint_names_its_uploads_and_inverts_the_mask_itself():
    made = plan(
        init_image=IMAGE,
        mask_image=IMAGE,
        inpaint=Inpaint(fill="noise", invert=True),
        images={"init_image": blob(sha256="a" * 64), "mask_image": blob(sha256="b" * 64)},
    )
    assert made.facts["uploads"] == [
        {"image": "init_image", "sha256": "a" * 64, "convert": ""},
        {"image": "mask_image", "sha256": "b" * 64, "convert": "mask-jpeg-inverted"},
    ]
    payload = stage(made, "imageToInpaint")
    assert (payload["inpaintingFill"], payload["inpaintMaskInvert"]) == ("LATENT_NOISE", 0)
    assert (status(made, "mask_image"), status(made, "inpaint.invert")) == ("adjusted", "emulated")


@pytest.mark.parametrize(
    ("wish", "sent", "status_"),
    [
        (Upscale(scale=2), {"hrScale": 2}, "exact"),
        (Upscale(scale=1.5), {"hrResizeX": 768, "hrResizeY": 768}, "exact"),
        (Upscale(scale=1.3), {"hrResizeX": 640, "hrResizeY": 640}, "adjusted"),
        (Upscale(scale=8), {"hrResizeX": 2880, "hrResizeY": 2880}, "adjusted"),
    ],
)
def test_whole_scales_go_as_scales_and_others_as_sizes(wish, sent, status_):
    made = plan(upscale=wish)
    assert sent.items() <= stage(made, "imageToUpscaler").items()
    assert status(made, "upscale.scale") == status_


def test_a_control_finds_its_model_by_its_short_name():
    made = plan(
        controls=(Control(image=IMAGE, module="canny", end=0.8), Control(image=IMAGE, model="control_v11f1e_sd15_tile"))
    )
    args = stage(made, "diffusion")["controlnet"]["args"]
    assert [(arg["preprocessor"], arg["model"]) for arg in args] == [
        ("canny", "control_v11p_sd15_canny"),
        ("none", "control_v11f1e_sd15_tile"),
    ]
    assert args[0]["inputImageResourceId"] == "<resource:controls[0].image>" and args[0]["guidanceEnd"] == 0.8
    assert "unknown_controlnet" in [b.code for b in plan(controls=(Control(image=IMAGE, model="sdxl-thing"),)).blockers]


# --- the vendor's own words


def test_the_vendors_words_are_merged_last_in_either_spelling_and_typed():
    motion = AnimateDiff(
        args=(AnimateDiffArg(video_length=16, fps=8, motion_lora=Loras(items=(LoraItem(lora_model=MODEL),))),)
    )
    made = plan(
        provider_options={
            "tams": {"diffusion": {"sd_vae": "None", "animateDiff": motion}, "notifyUrl": "https://x.test/hook"}
        }
    )
    body = stage(made, "diffusion")
    assert body["sdVae"] == "None"
    assert body["animateDiff"]["args"][0]["motionLora"]["items"] == [{"loraModel": MODEL}]
    assert made.calls[0].json["notifyUrl"] == "https://x.test/hook"
    assert status(made, "provider_options.tams.diffusion") == "exact"


def test_an_undocumented_word_is_sent_and_said_and_a_strange_one_is_dropped():
    made = plan(provider_options={"tams": {"diffusion": {"guidance": 3.5}, "sampler": "x", "imageToUpscaler": {}}})
    assert stage(made, "diffusion")["guidance"] == 3.5
    codes = {note.field.rpartition(".")[2]: note.code for note in made.notes if note.field.startswith("provider")}
    assert codes == {"diffusion": "undocumented_field", "sampler": "unknown_option", "imageToUpscaler": "no_such_stage"}


def test_the_vendors_own_seed_wins_over_a_drawn_one():
    made = plan(provider_options={"tams": {"inputInitialize": {"seed": "-1"}}}, n=6)
    assert [stage(made, "inputInitialize", call) for call in (0, 1)] == [
        {"count": 4, "seed": "-1"},
        {"count": 2, "seed": "-1"},
    ]


# --- rules without exception

IDS = st.sampled_from([MODEL, "661652545330040294", "@demo-style", "nonsense"])
WEIGHTS = st.floats(-2, 2, allow_nan=False)
REQUESTS = st.builds(
    lambda image, strength, **words: GenerationRequest(
        **words, init_image=IMAGE if image else None, strength=strength if image else None
    ),
    image=st.booleans(),
    strength=st.none() | st.floats(0, 1),
    prompt=st.text(min_size=1).filter(str.strip),
    negative_prompt=st.none() | st.text(),
    model=st.none() | st.sampled_from([MODEL, "@demo-checkpoint", "x"]),
    width=st.none() | st.integers(8, 4096),
    height=st.none() | st.integers(8, 4096),
    n=st.integers(1, 9),
    steps=st.none() | st.integers(1, 150),
    cfg_scale=st.none() | st.floats(0, 100),
    distilled_guidance=st.none() | st.floats(0, 10),
    sampler=st.none() | st.sampled_from(sorted({row.sampler for row in samplers.rows()})),
    schedule=st.none() | st.sampled_from(["karras", "uniform", "exponential", "simple"]),
    seed=st.none() | st.integers(0, 2**64 - 1),
    clip_skip=st.none() | st.integers(1, 12),
    loras=st.lists(st.builds(Lora, IDS, WEIGHTS, st.none() | WEIGHTS), max_size=3),
    embeddings=st.lists(st.builds(Embedding, IDS, WEIGHTS), max_size=2),
    vae=st.none() | st.sampled_from(["Automatic", "mine"]),
    upscale=st.none()
    | st.builds(Upscale, scale=st.none() | st.floats(1, 8), upscaler=st.none() | st.sampled_from(["Latent", "odd"])),
    detailers=st.lists(
        st.builds(Detailer, steps=st.none() | st.integers(1, 50), model=st.none() | st.just("hand.pt")), max_size=2
    ),
    passes=st.none() | st.permutations(["diffusion", "upscale", "detail"]).map(tuple) | st.just(("upscale",)),
    provider_options=st.just({}) | st.just({"tams": {"diffusion": {"v1Clip": True}, "odd": 1}}),
)


def named_wrong(made, form):
    body = made.calls[0].json
    if form == "workflow":
        return [n for n in body["params"].values() if n["classType"] == "KSampler" and not n["inputs"]["sampler_name"]]
    offered = vocabulary.samplers().names()
    found = [
        one
        for stage_ in body["stages"]
        for one in [stage_.get("diffusion"), *(p.get("diffusion") for p in stage_.values() if isinstance(p, dict))]
        if one
    ]
    return [one["sampler"] for one in found if one["sampler"] not in offered]


@pytest.mark.parametrize("form", [None, "workflow"])
@given(request_=REQUESTS)
def test_no_leaf_is_without_a_note_no_name_is_invented_and_a_plan_is_always_the_same(form, request_):
    made = plan(request_, form=form)
    paths = [note.field for note in made.notes]
    assert len(paths) == len(set(paths))
    assert set(leaves(made.request, "tams")) <= set(paths)
    assert all(note.status in ("exact", "adjusted") or note.reason for note in made.notes)
    assert not named_wrong(made, form)
    assert made == plan(request_, form=form)
    json.dumps(made.as_dict())
    PROVIDER.price(made, {})


@given(request_=REQUESTS)
def test_nothing_that_balanced_must_keep_is_lost_without_a_blocker(request_):
    made = plan(request_)
    lost = {note.field for note in made.notes if note.status == "dropped"}
    blocked = {blocker.field for blocker in (*made.blockers, *policy_blockers(made.notes, "balanced"))}
    assert {path for path in lost if path == "model" or (path.endswith(".model") and "detail" not in path)} <= blocked


def test_a_plan_holds_no_access_key_in_clear():
    made = plan(loras=(Lora("661652545330040294", access_key="0123-secret-4567"),))
    assert "0123-secret-4567" not in json.dumps(made.as_dict()) + repr(made) + json.dumps(made.to_record())
    assert any(type(leaf).__name__ == "Secret" for leaf in walk(made.calls[0].json))


def test_every_capability_is_a_field_of_its_request():
    for cls, fields in PROVIDER.capabilities.items():
        assert set(fields) <= {a.name for a in attrs.fields(cls)}
