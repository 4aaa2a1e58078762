"""Workflows and templates at the emulated TAMS: the graph drives the picture, and the page's errors come word for word."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tams_emulated import MODEL, PAGES, Tams, new_world, opened, png, text2img

from imagegen.emulator.draw import facts_of

TEMPLATE = "676018193025756628"
IMAGE = "f29036b4-ff7b-4394-8c26-aabc1bdae008"


def page(name: str) -> dict[str, Any]:
    return copy.deepcopy(next(row["body"] for row in PAGES if row["page"] == name))


def text2img_graph(**sampler: Any) -> dict[str, Any]:
    """The graph of `text2img()`: the same wish in the other form."""
    links = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
    words = {"seed": 7, "steps": 20, "cfg": 7, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 1}
    return {
        "3": {"class_type": "KSampler", "inputs": {**links, **words, **sampler}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": MODEL}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "a lighthouse"}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": ""}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}},
    }


def make(tams: Tams, params: dict[str, Any]) -> list[bytes]:
    return tams.make({"requestId": "w-1", "params": params}, "/v1/jobs/workflow")


def scene(params: dict[str, Any]) -> dict[str, Any]:
    (picture,) = make(Tams(), params)
    found: dict[str, Any] = facts_of(picture)["scene"]
    return found


def refusal(params: Any) -> dict[str, Any]:
    status, answer = Tams().call("POST", "/v1/jobs/workflow/params/check", {"params": params})
    assert status == 400
    found: dict[str, Any] = answer
    return found


# --- pictures ----------------------------------------------------------------------------------------------------


def test_the_same_wish_as_stages_and_as_graph_is_the_same_picture() -> None:
    assert make(Tams(), text2img_graph()) == Tams().make(text2img())


def test_loras_clip_skip_and_embeddings_mean_the_same_in_both_forms() -> None:
    graph = text2img_graph(model=["10", 0])
    lora = {"model": ["4", 0], "clip": ["4", 1], "lora_name": "661652545330040294", "strength_model": 0.6}
    graph["10"] = {"class_type": "LoraLoader", "inputs": {**lora, "strength_clip": 0.6}}
    graph["11"] = {"class_type": "CLIPSetLastLayer", "inputs": {"clip": ["10", 1], "stop_at_clip_layer": -2}}
    graph["6"]["inputs"] = {"clip": ["11", 0], "text": "a lighthouse, embedding:660447313082234679"}
    stages = text2img(
        clipSkip=2,
        lora={"items": [{"loraModel": "661652545330040294", "weight": 0.6}]},
        embedding={"items": [{"model": "660447313082234679", "weight": 1}]},
    )

    assert make(Tams(), graph) == Tams().make(stages)


def test_two_samplers_in_a_chain_are_a_first_and_a_second_pass() -> None:
    tams = Tams()
    (picture,) = tams.make(page("workflow: Using workflows to generate"), "/v1/jobs/workflow")
    facts = facts_of(picture)

    assert (facts["scene"]["steps"], facts["scene"]["sampler"]) == (26, "dpmpp_2m_sde karras")
    assert facts["scene"]["loras"] == [["648628718430054626", 1.0], ["631627137633337321", 0.6]]
    assert facts["passes"] == [{"pass": "upscale", "name": "Latent (nearest-exact)", "width": 1024, "height": 1536}]
    assert ["upscale Latent (nearest-exact)", "30 steps, strength 0.3"] in facts["scene"]["extra"]


def test_an_uploaded_picture_is_drawn_over_by_denoise() -> None:
    tams = Tams()
    graph = text2img_graph(latent_image=["5", 0], denoise=0.4)
    graph["12"] = {"class_type": "LoadImage", "inputs": {"image": tams.upload(png(320, 256))}}
    graph["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["12", 0], "vae": ["4", 2]}}
    (picture,) = make(tams, graph)

    assert opened(picture).size == (320, 256)
    assert facts_of(picture)["scene"]["strength"] == 0.4


def test_a_mask_in_a_graph_is_an_inpaint() -> None:
    tams = Tams()
    graph = text2img_graph(latent_image=["14", 0])
    graph["12"] = {"class_type": "LoadImage", "inputs": {"image": tams.upload(png(256, 256, (9, 9, 9)))}}
    graph["13"] = {"class_type": "LoadImageMask", "inputs": {"image": tams.upload(png(256, 256, 0)), "channel": "red"}}
    graph["14"] = {
        "class_type": "VAEEncodeForInpaint",
        "inputs": {"pixels": ["12", 0], "vae": ["4", 2], "mask": ["13", 0]},
    }
    (picture,) = make(tams, graph)

    assert opened(picture).convert("RGB").getcolors() == [(256 * 256, (9, 9, 9))]


def test_a_batch_gives_so_many_pictures() -> None:
    graph = text2img_graph()
    graph["5"]["inputs"]["batch_size"] = 3

    assert len(set(make(Tams(), graph))) == 3


def test_flux_nodes_are_understood() -> None:
    links = {
        "noise": ["20", 0],
        "guider": ["21", 0],
        "sampler": ["22", 0],
        "sigmas": ["23", 0],
        "latent_image": ["5", 0],
    }
    graph = text2img_graph()
    graph |= {
        "3": {"class_type": "SamplerCustomAdvanced", "inputs": links},
        "4": {"class_type": "UNETLoader", "inputs": {"unet_name": "100000000000000002"}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["26", 0]}},
        "20": {"class_type": "RandomNoise", "inputs": {"noise_seed": 2**63}},
        "21": {"class_type": "BasicGuider", "inputs": {"model": ["4", 0], "conditioning": ["24", 0]}},
        "22": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "23": {
            "class_type": "BasicScheduler",
            "inputs": {"model": ["4", 0], "scheduler": "simple", "steps": 8, "denoise": 1},
        },
        "24": {"class_type": "FluxGuidance", "inputs": {"conditioning": ["6", 0], "guidance": 3.5}},
        "25": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "a", "clip_name2": "b", "type": "flux"}},
        "26": {"class_type": "VAELoader", "inputs": {"vae_name": "ae.sft"}},
    }
    graph["6"]["inputs"]["clip"] = ["25", 0]
    del graph["7"]
    found = scene(graph)

    assert (found["seed"], found["steps"], found["sampler"], found["vae"]) == (2**63, 8, "euler simple", "ae.sft")
    assert found["extra"] == [["guidance", "3.5"]]
    answer = Tams().post("/v1/jobs/workflow/params/check", {"params": graph})
    assert answer == {"valid": True, "credits": 0.8}  # two steps terms of 0.2, times 2 for FLUX


def test_an_unknown_node_is_let_through_with_a_warning() -> None:
    tams = Tams()
    graph = text2img_graph()
    graph["15"] = {"class_type": "Film Grain", "inputs": {"image": ["8", 0]}}
    graph["9"]["inputs"]["images"] = ["15", 0]

    assert make(tams, graph) == make(Tams(), text2img_graph())
    assert ["unknown node class Film Grain"] in [row["warnings"] for row in tams.world.journal()]


def test_a_prompt_behind_a_prompt_box_is_read() -> None:
    graph = text2img_graph()
    graph["16"] = {"class_type": "TensorArt_PromptText", "inputs": {"Text": "a castle"}}
    graph["6"]["inputs"]["text"] = ["16", 0]

    assert scene(graph)["prompt"] == "a castle"


def test_nodes_are_done_before_the_job_says_so() -> None:
    tams = Tams()
    job = tams.post("/v1/jobs/workflow", {"requestId": "w", "params": text2img_graph()})["job"]
    tams.world.advance(1.5)
    running = tams.job(job["id"])
    done = tams.finish({"job": job})

    item = running["runningInfo"]["workflowFinishItem"]
    (shown,) = item["nodes"]["9"]["outputUi"]["images"]
    assert (running["status"], item["status"]) == ("RUNNING", "SUCCESS")
    assert (shown["type"], shown["format"], shown["width"]) == ("output", "png", 512)
    assert done["successInfo"]["images"][0]["id"] == shown["imageResourceId"]


# --- refusals ----------------------------------------------------------------------------------------------------


def faulty(node: str, **inputs: Any) -> dict[str, Any]:
    graph = text2img_graph()
    graph[node]["inputs"] |= inputs
    return graph


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (faulty("3", steps=None), "node id: 3\nclass type: KSampler\nsteps: 字段必填\n"),
        (faulty("3", model=["99", 0]), "node id: 3\nclass type: KSampler\nmodel: linked node 99 does not exist\n"),
        (
            faulty("8", samples=["4", 3]),
            "node id: 8\nclass type: VAEDecode\nsamples: node 4 (CheckpointLoaderSimple) has no output 3\n",
        ),
        (
            faulty("3", sampler_name="euler_b"),
            "node id: 3\nclass type: KSampler\nsampler_name: value not in list: 'euler_b'\n",
        ),
        (faulty("3", latent_image=["8", 0]), "node id: 3\nclass type: KSampler\ninputs: the links run in a circle\n"),
        (faulty("3", steps="many"), "node id: 3\nclass type: KSampler\nsteps: not a number: 'many'\n"),
        ({"1": {"inputs": {}}}, "node id: 1\nclass type: \nclassType: 字段必填\n"),
        ({"4": text2img_graph()["4"]}, "the workflow has no output node"),
        (None, "params: 字段必填"),
    ],
)
def test_a_wrong_graph_is_refused_by_node(params: Any, told: str) -> None:
    answer = refusal(params)

    assert (answer["code"], answer["message"]) == (3, "Params Valid")
    assert [detail["message"] for detail in answer["details"]] == [told]


def test_all_wrong_nodes_are_told_at_once() -> None:
    graph = faulty("3", steps=None)
    graph["5"]["inputs"]["width"] = None

    assert len(refusal(graph)["details"]) == 2


def test_a_workflow_with_a_missing_model_is_refused() -> None:
    graph = faulty("4", ckpt_name="missing-1")
    status, answer = Tams().call("POST", "/v1/jobs/workflow", {"requestId": "w", "params": graph})

    assert (status, answer["code"]) == (404, 5)


def test_the_check_prices_what_the_pages_job_cost() -> None:
    body = page("workflow: Using workflows to generate")
    tams = Tams()
    checked = tams.post("/v1/jobs/workflow/params/check", {"params": body["params"]})
    tams.post("/v1/jobs/workflow", body)

    assert checked == {"valid": True, "credits": 2.4}
    assert [row["credits"] for row in tams.world.books()] == ["2.4"]


def test_unknown_words_beside_inputs_are_refused_by_a_strict_world() -> None:
    graph = text2img_graph()
    graph["3"]["widgets"] = []
    status, answer = Tams(new_world(strict=True)).call("POST", "/v1/jobs/workflow", {"params": graph})

    assert (status, answer["message"]) == (400, 'proto: unknown field "params.3.widgets"')


# --- templates: the page "Workflow Template" ---------------------------------------------------------------------


def test_the_template_is_answered_as_the_page_shows_it() -> None:
    fields = [
        {"nodeId": "25", "fieldName": "image", "fieldValue": ""},
        {"nodeId": "27", "fieldName": "text", "fieldValue": "1 girl"},
    ]

    assert Tams().call("GET", f"/v1/workflows/{TEMPLATE}") == (
        200,
        {"templateId": TEMPLATE, "name": "二次元转真实", "fields": {"fieldAttrs": fields}},
    )


def test_a_missing_field_is_refused_in_the_pages_words() -> None:
    body = {
        "template_id": TEMPLATE,
        "fields": {"field_attrs": [{"node_id": "27", "field_name": "text", "field_value": "1 girl, amber_eyes"}]},
    }

    assert Tams().call("POST", "/v1/workflows/template/check", body) == (
        500,
        {"code": 2, "message": "can't find [nodeId:fieldName] 25:image in fields parameter"},
    )


def template_fields(image: Any, text: str = "1 girl") -> dict[str, Any]:
    attrs = [
        {"nodeId": "25", "fieldName": "image", "fieldValue": image},
        {"nodeId": "27", "fieldName": "text", "fieldValue": text},
    ]
    return {"templateId": TEMPLATE, "fields": {"fieldAttrs": attrs}}


def test_a_null_image_is_refused_in_the_pages_words() -> None:
    detail = {
        "@type": "type.googleapis.com/tams_api.ArgumentError",
        "field": "workflow",
        "message": "node id: 25\nclass type: LoadImage\nimage: 字段必填\n",
    }

    assert Tams().call("POST", "/v1/workflows/template/check", template_fields(None)) == (
        400,
        {"code": 3, "message": "Params Valid", "details": [detail]},
    )


def test_right_fields_cost_one_credit_as_on_the_page() -> None:
    answer = Tams().post("/v1/workflows/template/check", template_fields(IMAGE))

    assert answer == {"valid": True, "credits": 1}
    assert isinstance(answer["credits"], int)


def test_a_template_job_draws_over_the_picture_it_is_given() -> None:
    tams = Tams()
    fields = template_fields(tams.upload(png(320, 448)), "a castle")
    (picture,) = tams.make({"requestId": "t", **fields}, "/v1/jobs/workflow/template")

    assert opened(picture).size == (320, 448)
    assert facts_of(picture)["scene"]["prompt"] == "a castle"
    assert [row["credits"] for row in tams.world.books()] == ["1"]


def test_another_template_is_not_found() -> None:
    assert Tams().call("GET", "/v1/workflows/1")[0] == 404
