"""Corners of the TAMS provider: what is rarely said, and what is said wrongly."""

import subprocess
import sys

import pytest
from tams_desk import MODEL, PROVIDER, plan, stage

import imagegen_tams
from imagegen.errors import NotConfigured
from imagegen.flow import Call, Reply
from imagegen.placeholders import Secret
from imagegen.provider import Credentials, Provider
from imagegen.request import (
    Control,
    Detailer,
    ImageInput,
    Lora,
    ModelRef,
    TemplateRequest,
    VideoRequest,
    WorkflowRequest,
)
from imagegen_tams import settings

IMAGE = ImageInput(data=b"png")


def test_it_is_a_provider_and_signs_through_the_same_door():
    assert isinstance(PROVIDER, Provider)
    call = Call(method="GET", url="https://ap-east-1.tensorart.cloud/v1/jobs/1")
    ready = PROVIDER.authorize(call, Credentials(settings={"api_key": Secret("k-1")}, now=1.0, nonce="n"))
    assert ready.headers["Authorization"] == "Bearer k-1"
    assert PROVIDER.hosts({}) == {"ap-east-1.tensorart.cloud"}
    assert PROVIDER.explain(Reply(200, b"{}")) is None


def test_importing_it_loads_nothing_heavy():
    code = "import sys, imagegen_tams as t; [*t.imagegen_providers(), *t.imagegen_catalogue()];" + (
        "print([m for m in ('cryptography', 'PIL', 'cattrs', 'httpx') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_its_emulator_is_offered():
    assert len(list(imagegen_tams.imagegen_emulators())) == 1


@pytest.mark.parametrize(
    ("given", "works"),
    [({}, False), ({"api_key": "k"}, True), ({"app_id": "a"}, False), ({"app_id": "a", "private_key_file": "f"}, True)],
)
def test_a_key_or_an_application_with_its_key_file_is_required(given, works):
    assert any(setting.missing(given) for setting in PROVIDER.settings) != works


def test_wrong_settings_are_said():
    with pytest.raises(NotConfigured, match="base_url"):
        settings.base_url({"base_url": "ftp://x.test"})
    with pytest.raises(NotConfigured, match="tier"):
        settings.usd_per_credit({"tier": "gold"})
    with pytest.raises(NotConfigured, match="PEM"):
        settings.clean_pem("AAAA")


@pytest.mark.parametrize("value", ["", "ключ"])
def test_a_key_that_can_be_none_is_refused(value):
    words = {"api_key": Secret(value), "app_id": None}
    with pytest.raises(NotConfigured, match="characters"):
        PROVIDER.authorize(Call(method="GET", url="https://x.test"), Credentials(settings=words, now=1.0, nonce="n"))


def test_a_key_by_reference_that_is_not_there_is_said(monkeypatch):
    monkeypatch.delenv("TAMS_NO_SUCH", raising=False)
    words = {"api_key": Secret("env:TAMS_NO_SUCH")}
    with pytest.raises(NotConfigured, match="TAMS_NO_SUCH"):
        PROVIDER.authorize(Call(method="GET", url="https://x.test"), Credentials(settings=words, now=1.0, nonce="n"))


def test_a_request_of_another_class_is_a_fault_of_the_caller():
    with pytest.raises(TypeError):
        plan(object())


def test_the_vendors_words_must_be_tables_where_they_are_stages():
    made = plan(provider_options={"tams": {"diffusion": 5}})
    assert made.note("provider_options.tams.diffusion").status == "dropped"


def test_an_access_key_among_the_vendors_words_does_not_show():
    made = plan(provider_options={"tams": {"diffusion": {"modelAccessKey": "0123-secret"}}})
    assert stage(made, "diffusion")["modelAccessKey"] == Secret("0123-secret")
    assert "0123-secret" not in str(made.as_dict()) + repr(made)


def test_clip_skip_has_no_meaning_for_a_family_without_clip():
    from imagegen import catalogue
    from imagegen.provider import Context
    from imagegen.request import GenerationRequest

    entry = f'[[entry]]\nname = "fx"\nkind = "checkpoint"\nfamily = "flux-dev"\n[entry.vendor.tams]\nid = "{MODEL}"\n'
    known = catalogue.merge([("test", entry)], {"tams"})
    request = GenerationRequest(prompt="x", model="@fx", clip_skip=2, steps=20, distilled_guidance=3.5)
    made = PROVIDER.plan(request, Context(catalogue=known))
    assert made.note("clip_skip").code == "no_clip" and "clipSkip" not in stage(made, "diffusion")
    assert stage(made, "diffusion")["guidance"] == 3.5
    price = PROVIDER.price(made, {})
    assert (str(price.credits), price.basis) == ("1.6", "formula")


def test_known_names_of_tools_are_exact_and_others_are_sent_and_said():
    made = plan(
        controls=(Control(image=IMAGE, module="OpenPose"), Control(image=IMAGE, module="depth_midas")),
        detailers=(Detailer(model="face_yolov8s.pt", negative_prompt="blur"), Detailer(model="hand_yolov8n.pt")),
    )
    assert [made.note(f"controls[{n}].module").status for n in (0, 1)] == ["exact", "approximated"]
    assert [made.note(f"detailers[{n}].model").status for n in (0, 1)] == ["exact", "approximated"]
    args = stage(made, "diffusion")["controlnet"]["args"]
    assert [arg["model"] for arg in args] == ["control_v11p_sd15_openpose", "control_v11f1p_sd15_depth"]


@pytest.mark.parametrize(
    ("vae", "status", "code"),
    [
        ("Automatic", "exact", ""),
        ("animevae.pt", "approximated", "undocumented_vae"),
        ("mine", "dropped", "unknown_vae"),
    ],
)
def test_a_graph_says_what_it_makes_of_a_vae(vae, status, code):
    note = plan(form="workflow", vae=vae).note("vae")
    assert (note.status, note.code) == (status, code)


def test_a_graph_cannot_start_without_a_diffusion_and_snaps_odd_sizes():
    made = plan(form="workflow", init_image=IMAGE, passes=("upscale",), width=511, height=512)
    assert "order" in [blocker.code for blocker in made.blockers]
    assert (made.note("width").status, made.note("width").sent) == ("adjusted", 512)


def test_what_is_no_node_no_template_and_no_field_is_a_blocker():
    assert [b.code for b in plan(WorkflowRequest(graph={"1": 5})).blockers] == ["bad_node"]
    made = plan(TemplateRequest(template="x", fields={"25": "y"}))
    assert [b.code for b in made.blockers] == ["bad_template_id", "bad_field_name"]


def test_a_video_says_what_is_missing_and_keeps_its_keys():
    assert [b.code for b in plan(VideoRequest(prompt="x")).blockers] == ["no_model"]
    assert [b.code for b in plan(VideoRequest(prompt="x", model="odd")).blockers] == ["bad_model_id"]
    lora = Lora("661652545330040294", 1.0, 0.5, access_key="l-key")
    made = plan(VideoRequest(prompt="x", negative_prompt="y", model=ModelRef(MODEL, access_key="m-key"), loras=(lora,)))
    payload = made.calls[0].json["stages"][1]["videoDiffusion"]
    assert (payload["modelAccessKey"], payload["lora"]["items"][0]["loraAccessKey"]) == (
        Secret("m-key"),
        Secret("l-key"),
    )
    assert made.note("loras[0].clip_weight").status == "dropped"
