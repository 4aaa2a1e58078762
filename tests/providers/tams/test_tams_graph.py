"""ComfyUI graphs: the user's own, checked; and neutral requests compiled to one."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tams_desk import MODEL, PROVIDER, blob, plan

from imagegen.flow import Call, Reply
from imagegen.placeholders import Secret, reveal
from imagegen.request import ImageInput, Inpaint, Lora, ModelRef, Upscale, WorkflowRequest
from imagegen.testing import play
from imagegen_tams import graph as graphs
from imagegen_tams.graphform.sampling import recipe

IMAGE = ImageInput(data=b"png")
STYLE = "661652545330040294"
PRIVATE = {  # page "Private model", Workflow Job, shortened
    "21": {
        "classType": "KSampler",
        "inputs": {
            "latent_image": ["35", 0],
            "model": ["31", 0],
            "positive": ["27", 0],
            "negative": ["27", 0],
            "sampler_name": "dpmpp_sde_gpu",
            "scheduler": "karras",
            "seed": 911746105591226,
            "steps": 25,
        },
        "properties": {"Node name for S&R": "KSampler"},
    },
    "26": {
        "classType": "CheckpointLoaderSimple",
        "inputs": {
            "_base_model": "SD 1",
            "ckpt_name": "601380436024757697",
            "tams_ckpt_name": "慧晏秋v7 - 1.0",
            "access_key": "xxyyzz999888",
        },
        "properties": {"Node name for S&R": "CheckpointLoaderSimple"},
    },
    "27": {"classType": "CLIPTextEncode", "inputs": {"clip": ["31", 1], "text": "1 girl"}},
    "31": {
        "classType": "LoraLoader",
        "inputs": {
            "clip": ["26", 1],
            "lora_name": "660447313082219790",
            "model": ["26", 0],
            "strength_clip": 1,
            "strength_model": 0.6,
            "access_key": "xxyyzz999999",
        },
    },
    "35": {"classType": "EmptyLatentImage", "inputs": {"batch_size": 1, "height": 512, "width": 512}},
}


def changed(path, value):
    made = copy.deepcopy(PRIVATE)
    node, *rest = path.split("/")
    place = made[node]
    for part in rest[:-1]:
        place = place[part]
    place[rest[-1]] = value
    return made


def codes(graph):
    return [(blocker.field, blocker.code) for blocker in plan(WorkflowRequest(graph=graph)).blockers]


# --- graphs of the user's own


def test_page_private_model_workflow_job_keeps_every_word():
    made = plan(WorkflowRequest(graph=PRIVATE))
    assert made.possible
    assert reveal(made.calls[-1].json)["params"] == PRIVATE


def test_access_keys_of_a_graph_never_show():
    made = plan(WorkflowRequest(graph=PRIVATE))
    shown = json.dumps(made.as_dict()) + repr(made) + json.dumps(made.to_record())
    assert "xxyyzz" not in shown
    assert isinstance(made.calls[-1].json["params"]["26"]["inputs"]["access_key"], Secret)


def test_an_access_key_where_no_page_reads_one_is_said():
    made = plan(WorkflowRequest(graph=changed("27/inputs/access_key", "k")))
    assert made.note("graph.27.inputs.access_key").status == "approximated"


@pytest.mark.parametrize(
    ("path", "value", "field", "code"),
    [
        ("21/inputs/model", ["99", 0], "graph.21.inputs.model", "missing_node"),
        ("21/inputs/model", ["31", 2], "graph.21.inputs.model", "wrong_slot"),
        ("27/inputs/clip", ["26", -1], "graph.27.inputs.clip", "wrong_slot"),
        ("31/inputs/model", ["31", 0], "graph.31", "cycle"),
        ("26/classType", "", "graph.26", "bad_node"),
        ("26/inputs", [], "graph.26", "bad_node"),
    ],
)
def test_broken_links_are_blockers_with_their_place(path, value, field, code):
    assert (field, code) in codes(changed(path, value))


def test_a_circle_is_told_as_a_path():
    graph = {
        key: {"class_type": "X", "inputs": {"a": [other, 0]}} for key, other in (("1", "2"), ("2", "3"), ("3", "1"))
    }
    blocker = plan(WorkflowRequest(graph=graph)).blockers[0]
    assert blocker.code == "cycle" and "1 -> 2 -> 3 -> 1" in blocker.reason


@given(st.dictionaries(st.integers(0, 8).map(str), st.lists(st.integers(0, 8).map(str), max_size=3), min_size=1))
def test_a_circle_is_found_if_and_only_if_there_is_one(edges):
    graph = {k: {"class_type": "X", "inputs": {str(n): [to, 0] for n, to in enumerate(v)}} for k, v in edges.items()}
    nodes, _ = graphs.read_graph(graph)
    found = any(problem.code == "cycle" for problem in graphs.faults(nodes))
    left = {key: {to for to in out if to in edges} for key, out in edges.items()}
    while any(not out for out in left.values()):
        gone = {key for key, out in left.items() if not out}
        left = {key: out - gone for key, out in left.items() if key not in gone}
    assert found == bool(left)


def test_a_long_chain_is_walked():
    graph = {str(n): {"class_type": "X", "inputs": {"a": [str(n + 1), 0]}} for n in range(5000)}
    nodes, _ = graphs.read_graph({**graph, "5000": {"class_type": "X"}})
    assert list(graphs.faults(nodes)) == []


def test_a_seed_goes_to_every_node_that_takes_one():
    made = plan(WorkflowRequest(graph=PRIVATE, seed=2**63))
    assert made.calls[-1].json["params"]["21"]["inputs"]["seed"] == 2**63
    made = plan(WorkflowRequest(graph={"35": PRIVATE["35"]}, seed=1))
    assert made.note("seed").code == "no_seed_node"


def test_a_graph_is_checked_with_the_vendor_before_it_is_paid():
    calls = plan(WorkflowRequest(graph=PRIVATE)).calls
    assert [(call.url.rpartition("/v1")[2], call.pays) for call in calls] == [
        ("/jobs/workflow/params/check", False),
        ("/jobs/workflow", True),
    ]
    steps, found = play(
        PROVIDER.live_price(plan(WorkflowRequest(graph=PRIVATE))), Reply(200, b'{"valid":true,"credits":2.4}')
    )
    assert [str(one) for one in found] == ["2.4"] and isinstance(steps[0], Call) and not steps[0].pays


# --- neutral requests as graphs


def compiled(**words):
    made = plan(form="workflow", **words)
    return made, made.calls[0].json["params"]


def nodes(params, class_type):
    return [node["inputs"] for node in params.values() if node["classType"] == class_type]


def sound(params):
    read, problems = graphs.read_graph(params)
    return not problems and not list(graphs.faults(read))


def test_loras_form_a_chain_with_both_weights_and_their_keys():
    made, params = compiled(
        model=ModelRef(MODEL, access_key="m-key"),
        loras=(Lora(STYLE, 0.8, -0.4), Lora("648628718430054626", 0.5, access_key="l-key")),
    )
    first, second = nodes(params, "LoraLoader")
    assert (first["strength_model"], first["strength_clip"]) == (0.8, -0.4)
    assert (second["strength_model"], second["strength_clip"]) == (0.5, 0.5)
    assert (first["model"], second["model"], second["clip"]) == (["1", 0], ["2", 0], ["2", 1])
    assert nodes(params, "KSampler")[0]["model"] == ["3", 0]
    assert made.note("loras[0].clip_weight").status == "exact"
    assert reveal(params)["1"]["inputs"]["access_key"] == "m-key" and second["access_key"] == Secret("l-key")
    assert sound(params)


def test_clip_skip_counts_from_the_end():
    _, params = compiled(clip_skip=2)
    assert nodes(params, "CLIPSetLastLayer") == [{"stop_at_clip_layer": -2, "clip": ["1", 1]}]
    assert nodes(compiled(clip_skip=1)[1], "CLIPSetLastLayer") == []


@pytest.mark.parametrize(
    ("sampler", "schedule", "names"),
    [
        ("dpmpp_2m", "karras", ("dpmpp_2m", "karras")),
        ("euler_a", "karras", ("euler_ancestral", "karras")),
        ("dpmpp_2m", "uniform", ("dpmpp_2m", "normal")),
    ],
)
def test_samplers_have_their_exact_names(sampler, schedule, names):
    made, params = compiled(sampler=sampler, schedule=schedule)
    inputs = nodes(params, "KSampler")[0]
    assert (inputs["sampler_name"], inputs["scheduler"]) == names
    assert (made.note("sampler").status, made.note("schedule").status) == ("exact", "exact")


def test_what_comfyui_lacks_is_a_blocker_and_what_is_near_is_said():
    assert [blocker.code for blocker in compiled(sampler="restart", schedule="karras")[0].blockers] == [
        "sampler_not_offered"
    ]
    assert compiled(sampler="ddim")[0].note("schedule").status == "approximated"


def comfy_steps(steps, denoise):
    """`KSampler.set_steps` of ComfyUI: the part of a longer schedule that is run."""
    return steps if denoise > 0.9999 else int(steps / denoise)


@given(st.integers(2, 150), st.integers(1, 100))
def test_the_recipe_runs_the_steps_that_a1111_runs(steps, percent):
    strength = percent / 100
    run, denoise = recipe(steps, strength)
    assert run == min(int(min(strength, 0.999) * steps) + 1, steps)
    assert comfy_steps(run, denoise) == steps


def test_a_picture_is_loaded_scaled_and_encoded():
    made, params = compiled(
        init_image=IMAGE, strength=0.5, steps=20, width=512, height=512, n=2, images={"init_image": blob(640, 480)}
    )
    assert nodes(params, "LoadImage") == [{"image": "<resource:init_image>"}]
    assert nodes(params, "ImageScale")[0]["width"] == 512
    assert nodes(params, "RepeatLatentBatch")[0]["amount"] == 2
    assert nodes(params, "KSampler")[0]["steps"] == 11
    assert made.facts["uploads"][0]["image"] == "init_image" and sound(params)
    same = compiled(init_image=IMAGE, width=512, height=512, images={"init_image": blob(512, 512)})[1]
    assert nodes(same, "ImageScale") == []


def test_a_mask_keeps_what_is_black():
    made, params = compiled(init_image=IMAGE, mask_image=IMAGE, inpaint=Inpaint(fill="noise"))
    assert nodes(params, "LoadImageMask") == [{"image": "<resource:mask_image>", "channel": "red"}]
    assert made.note("inpaint.fill").status == "approximated" and sound(params)


@pytest.mark.parametrize(
    ("upscaler", "scales", "status"),
    [("Latent", "LatentUpscale", "exact"), ("Lanczos", "ImageScale", "exact"), (None, "ImageScale", "approximated")],
)
def test_an_upscale_is_a_second_sampler_with_its_own_recipe(upscaler, scales, status):
    made, params = compiled(upscale=Upscale(scale=1.5, steps=20, strength=0.5, upscaler=upscaler))
    assert (nodes(params, scales)[0]["width"], made.facts["width"]) == (768, 768)
    assert [inputs["steps"] for inputs in nodes(params, "KSampler")] == [31, 11]
    assert made.note("upscale.upscaler").status == status and sound(params)


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_a_note_of_an_upscale_names_the_input_that_holds_its_value(upscaler):
    wish = Upscale(width=768, height=1024, steps=20, strength=0.5, upscaler=upscaler)
    made, params = compiled(upscale=wish)
    for field in ("width", "height", "steps", "strength"):
        note = made.note(f"upscale.{field}")
        _, node, _, name = note.vendor_field.split(".")
        assert params[node]["inputs"][name] == note.sent
    assert made.note("upscale.steps").reason == "11 of 20 run at strength 0.5"


def test_seeds_have_64_bits_and_move_on_with_every_call():
    made = plan(form="workflow", seed=2**64 - 1, n=6)
    seeds = [nodes(call.json["params"], "KSampler")[0]["seed"] for call in made.calls]
    sizes = [nodes(call.json["params"], "EmptyLatentImage")[0]["batch_size"] for call in made.calls]
    assert (seeds, sizes) == ([2**64 - 1, 3], [4, 2])
    assert made.note("seed").status == "exact"


def test_weights_are_written_as_comfyui_reads_them():
    made, params = compiled(prompt="((red)) cat [dull]", negative_prompt="plain")
    assert nodes(params, "CLIPTextEncode")[0]["text"] == "(red:1.21) cat (dull:0.909)"
    assert (made.note("prompt").status, made.note("negative_prompt").status) == ("adjusted", "exact")
    assert compiled(prompt="[cat:dog:0.5]")[0].note("prompt").status == "approximated"


def test_guidance_has_a_node_here():
    made, params = compiled(distilled_guidance=3.5)
    assert nodes(params, "FluxGuidance")[0]["guidance"] == 3.5
    assert made.note("distilled_guidance").status == "exact" and sound(params)
