"""
The vendors' own examples: the emulators take every request, ours says every one that neutral words can say, and every
answer is read into classes with nothing lost.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import FOLDER, Example, examples, loose, of_kind

from imagegen import wire
from imagegen.emulator import KEY, Request
from imagegen.emulator.chassis import Chassis, open_chassis
from imagegen.emulator.clock import Clock
from imagegen.emulator.world import Rules
from imagegen.flow import Reply
from imagegen.wire import camel
from imagegen_modelslab import dialect
from imagegen_modelslab.explain import explain
from imagegen_tams import answers, endpoints
from imagegen_tams import wire as tams

TESTS = Path(__file__).parent
REQUESTS = of_kind("request")
MOUNTS = {"tams": "/tams", "modelslab": "/modelslab", "stablediffusionapi": "/stablediffusionapi"}

# --- requests: what the emulator takes -----------------------------------------------------------------------------

PLACEHOLDER = "a schema with placeholders (type DEFAULT, 'string'), no request that anybody means"
# Every request that is not taken, and why.
REFUSED = {
    ("/v1/workflows/template/check", "Workflow Template: Error Request Example 1"): "a documented error: a field lacks",
    ("/v1/workflows/template/check", "Workflow Template: Error Request Example 2"): "a documented error: no image",
    ("/v1/jobs", "Request panel"): PLACEHOLDER,
    ("/v1/jobs/credits", "Request panel"): PLACEHOLDER,
    ("/v1/jobs/workflow", "Request panel"): PLACEHOLDER + "; a graph without nodes",
    ("/v1/jobs/workflow/params/check", "Request panel"): PLACEHOLDER + "; a graph without nodes",
    ("/v1/jobs/workflow/template", "Request panel"): PLACEHOLDER,
    ("/v1/workflows/template/check", "Request panel"): PLACEHOLDER,
    ("/v1/img2prompt", "Request panel"): PLACEHOLDER,
    ("/v1/controlnet/detect", "Request panel"): PLACEHOLDER,
    ("/v1/resource/image", "Request panel"): PLACEHOLDER,
    ("/v1/resource/image/sts", "Request panel"): PLACEHOLDER,
}


def mount(example: Example) -> str:
    return MOUNTS[example.file.partition("-")[0]]


def ask(chassis: Chassis, example: Example) -> tuple[int, Any]:
    """Send an example as its page has it; only the key is put in, which pages leave empty."""
    path, body, headers = mount(example) + example.path, example.body, {}
    if mount(example) == "/tams":
        headers["authorization"] = f"Bearer {KEY}"
    else:
        body = {**body, "key": KEY}
    request = Request(
        method=example.method, path=path, target=path, headers=headers, body=json.dumps(body).encode("utf-8")
    )
    response = chassis.handle(request)
    return response.status, json.loads(response.body)


def taken(status: int, answer: Any) -> bool:
    return status == 200 and (not isinstance(answer, dict) or answer.get("status", "success") == "success")


@pytest.fixture
def strict() -> Any:
    chassis = open_chassis(None, rules=Rules(strict=True), clock=Clock(manual=True))
    yield chassis
    chassis.close()


@pytest.mark.parametrize("example", REQUESTS, ids=lambda example: example.name)
def test_the_emulator_takes_every_example_or_it_is_said_why_not(strict: Chassis, example: Example) -> None:
    status, answer = ask(strict, example)

    assert taken(status, answer) is ((example.path, example.title) not in REFUSED), (status, answer)


def test_the_two_documented_errors_are_answered_as_their_page_prints_them(strict: Chassis) -> None:
    printed = {example.title: example.body for example in of_kind("response", "tams") if example.status == "error"}
    asked = [example for example in REQUESTS if example.title in printed]

    assert {example.title: ask(strict, example)[1] for example in asked} == printed
    assert len(printed) == 2


# --- requests: what neutral words say ------------------------------------------------------------------------------

DOCUMENTED = "providers/tams/test_tams_documented.py"
LORA_PAGE = "providers/modelslab/test_modelslab_plans.py::test_the_lora_page_example_is_what_a_neutral_request_comes_to"
LOADS = "providers/stablediffusionapi/test_sdapi_loads.py"
# Every request that is taken, and the test in which a neutral request comes to it.
PRODUCED = {
    "txt2img: Basic minimum workflow": f"{DOCUMENTED}::test_page_txt2img_basic_minimum_workflow",
    "txt2img: Add Adetailer": f"{DOCUMENTED}::test_page_txt2img_add_adetailer",
    "txt2img: Add Upscaler": f"{DOCUMENTED}::test_page_txt2img_add_upscaler",
    "img2img: Basic minimum workflow": f"{DOCUMENTED}::test_page_img2img_basic_minimum_workflow",
    "img2img: images after detail directly without Diffusion": (
        f"{DOCUMENTED}::test_page_img2img_adetailer_without_diffusion"
    ),
    "img2img: Image To Adetailer": f"{DOCUMENTED}::test_page_img2img_image_to_adetailer",
    "img2img: Upscale the image directly without Diffusion": (
        f"{DOCUMENTED}::test_page_img2img_upscale_without_diffusion_is_said_and_refused_for_the_reason_that_the_page_"
        "gives_below_it"
    ),
    "img2img: Image to Upscaler": f"{DOCUMENTED}::test_page_img2img_image_to_upscaler",
    "Inpaint: the image to be processed": f"{DOCUMENTED}::test_page_inpaint_first_picture",
    "Inpaint: Complete request example": f"{DOCUMENTED}::test_page_inpaint_complete_request",
    "Lora: Request Example": f"{DOCUMENTED}::test_page_lora",
    "Basic Job": f"{DOCUMENTED}::test_page_private_model_basic_job",
    "Workflow Job": ("providers/tams/test_tams_graph.py::test_page_private_model_workflow_job_keeps_every_word"),
    "workflow: Using workflows to generate": f"{DOCUMENTED}::test_page_workflow_is_sent_as_it_is",
    "Workflow Template: Correct Request Example": f"{DOCUMENTED}::test_page_workflow_template_create_job",
    "Workflow Template: Create Workflow Template Job": f"{DOCUMENTED}::test_page_workflow_template_create_job",
    **dict.fromkeys(("Body", "modelslab JS", "modelslab PHP", "modelslab NODE", "modelslab PYTHON"), LORA_PAGE),
    "modelslab JAVA": "test_corpus.py::test_the_java_sample_of_the_lora_page_is_the_same_request_with_its_slips",
    "Load a ckpt or safetensors Model from Civitai": f"{LOADS}::test_the_civitai_example_of_the_page_is_a_model_load",
    "Load a diffusers": f"{LOADS}::test_the_diffusers_example_of_the_page_is_a_model_load",
    **dict.fromkeys(
        [f"stablediffusionapi {language}" for language in ("JS", "PHP", "NODE", "PYTHON", "JAVA")],
        f"{LOADS}::test_the_diffusers_example_of_the_page_is_a_model_load",
    ),
}


def title(example: Example) -> str:
    """Samples in programming languages are called alike on all pages."""
    vendor = example.file.partition("-")[0]
    return f"{vendor} {example.title}" if example.title.isupper() else example.title.rpartition("operation: ")[2]


@pytest.mark.parametrize("example", REQUESTS, ids=lambda example: example.name)
def test_every_example_that_is_taken_is_said_by_a_neutral_request_in_a_test(example: Example) -> None:
    if (example.path, example.title) in REFUSED:
        assert title(example) not in PRODUCED
        return
    file, _, name = PRODUCED[title(example)].partition("::")

    assert re.search(rf"^def {name}\(", (TESTS / file).read_text("utf-8"), re.MULTILINE), PRODUCED[title(example)]


def test_the_samples_of_a_page_in_other_languages_say_the_same_as_its_body() -> None:
    own = {"embeddings_model": None, "model_subcategory": None}  # some samples say these too
    for file in ("modelslab-lora", "stablediffusionapi-load-model"):
        bodies = {e.title: {**own, **e.body, "key": ""} for e in REQUESTS if e.file == file and e.title != "JAVA"}
        bodies.pop("Load a ckpt or safetensors Model from Civitai", None)
        first = next(iter(bodies.values()))
        assert [{**body, "model_visibility": ""} for body in bodies.values()] == (
            [{**first, "model_visibility": ""}] * len(bodies)
        )


def test_the_java_sample_of_the_lora_page_is_the_same_request_with_its_slips() -> None:
    body, java = (next(e.body for e in of_kind("request", "modelslab-lora") if e.title == t) for t in ("Body", "JAVA"))
    slips = {
        "model_id": "your_model_id",
        "num_inference_steps": "30",
        "embeddings_model": "no",
        "lora_strength": "0.45,",
    }

    assert java == {**body, **slips}


# --- parts and answers: nothing is lost ----------------------------------------------------------------------------


def unread(value: Any) -> list[str]:
    """Return the fields for which a read object had no attribute."""
    if attrs.has(type(value)):
        inner = [getattr(value, a.name) for a in attrs.fields(type(value)) if a.name != "extra"]
        return [*value.extra, *(name for part in inner for name in unread(part))]
    if isinstance(value, dict):
        return [name for part in value.values() for name in unread(part)]
    return [name for part in value for name in unread(part)] if isinstance(value, tuple) else []


def said(value: Any) -> Any:
    """Write a read object as JSON again: what is empty is left out, as the vendor leaves it out."""
    if attrs.has(type(value)):
        pairs = [
            (a.metadata.get("wire", (camel(a.name),))[0], a) for a in attrs.fields(type(value)) if a.name != "extra"
        ]
        own = {key: said(getattr(value, a.name)) for key, a in pairs if _told(getattr(value, a.name), a)}
        return {**own, **value.extra}
    if isinstance(value, (list, tuple)):
        return [said(item) for item in value]
    return {key: said(item) for key, item in value.items()} if isinstance(value, dict) else value


def _told(value: Any, field: Any) -> bool:
    default = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default
    return value != default or field.default is attrs.NOTHING


def without_nothing(tree: Any) -> Any:
    """Leave out what says nothing: zero values are missing in this vendor's JSON, and `""` is one."""
    if isinstance(tree, dict):
        return {key: without_nothing(value) for key, value in tree.items() if value not in ("", None)}
    return [without_nothing(item) for item in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize("example", of_kind("part"), ids=lambda example: example.name)
def test_parts_of_requests_are_read_by_their_classes(example: Example) -> None:
    cls = tams.Stage if "inpainting" in example.title else tams.Diffusion
    body = {"type": "IMAGE_TO_INPAINT", **example.body} if cls is tams.Stage else example.body

    assert unread(wire.read(body, cls, provider="tams")) == []


@pytest.mark.parametrize("example", of_kind("response", "tams"), ids=lambda example: example.name)
def test_every_printed_answer_is_read_into_a_class_and_written_again_as_it_was(example: Example) -> None:
    row = next(e for e in endpoints.ENDPOINTS if (e.method, e.path) == (example.method, example.path))
    cls: Any = answers.ErrorAnswer if example.status == "error" else row.gives
    made = wire.read(example.body, cls, provider="tams")

    assert unread(made) == []
    assert without_nothing(said(made)) == without_nothing(example.body)


ENVELOPES = [example for example in of_kind("response") if not example.file.startswith("tams")]
# Where an answer's words end up; every other word has to be in `extra`.
WORDS = {
    "status", "id", "request_id", "output", "link", "image_url", "proxy_links", "future_links", "message", "messege", "tip",
    "tips", "tip_1", "eta", "fetch_result", "generationTime", "meta", "nsfw_content_detected", "retry_after", "track_id",
}  # fmt: skip


@pytest.mark.parametrize("example", ENVELOPES, ids=lambda example: example.name)
def test_every_printed_answer_is_read_into_the_envelope_with_nothing_lost(example: Example) -> None:
    made = dialect.read(example.body)

    assert made.data == example.body  # as it came, whatever was understood
    if isinstance(example.body, dict):
        assert set(made.extra) == set(example.body) - WORDS
        assert made.status == example.body.get("status", "")
        assert made.id == str(example.body.get("id", example.body.get("request_id", "")))
        assert made.meta == example.body.get("meta", {})
        assert made.message == spoken(example.body)
    assert (explain(Reply(200, json.dumps(example.body).encode()), provider="any") is not None) is made.refused


def spoken(body: dict[str, Any]) -> str:
    said = body.get("message", body.get("messege", ""))
    return "; ".join(f"{key}: {' '.join(texts)}" for key, texts in said.items()) if isinstance(said, dict) else said


def test_an_unknown_word_in_any_answer_is_kept() -> None:
    reply = {"job": {"id": "1", "status": "SUCCESS", "successInfo": {"shiny": [1]}, "new": True}, "trace": "t"}
    made = wire.read(reply, answers.JobAnswer, provider="tams")

    assert (made.extra, made.job.extra, made.job.success_info.extra) == ({"trace": "t"}, {"new": True}, {"shiny": [1]})
    assert dialect.read({"status": "success", "shiny": 1}).extra == {"shiny": 1}


# --- the corpus itself ---------------------------------------------------------------------------------------------


def test_every_file_of_the_corpus_names_its_source() -> None:
    for file in FOLDER.glob("*.txt"):
        assert re.search(r"^# source: .*(https://|GitHub )", file.read_text("utf-8"), re.MULTILINE), file
    assert len(examples()) > 80


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids),
    )
)
def test_reading_loosely_changes_nothing_in_what_is_json_already(data: Any) -> None:
    assert loose(json.dumps(data, indent=1)) == data
