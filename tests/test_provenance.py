"""What a stored picture says about itself: for other tools, for us, and never a secret."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from strategies import PAIRS, prompts

from imagegen import containers, infotext, planning, provenance
from imagegen.dialects import lift_loras
from imagegen.flow import Stored
from imagegen.foreign import read_infotext
from imagegen.images import inspect_input
from imagegen.placeholders import Secret
from imagegen.plans import Note, Plan
from imagegen.redaction import Redactor
from imagegen.request import GenerationRequest, ImageInput, Lora, ModelRef, Upscale

REQUEST = GenerationRequest(
    prompt="a (red:1.2) cat",
    negative_prompt="blurry",
    model="some-model",
    width=512,
    height=512,
    steps=31,
    cfg_scale=7.0,
    sampler="DPM++ 2M Karras",
    seed=5,
    clip_skip=2,
)
KEY = "swordfish-1234"
OWN_NAMES = [pair for pair in PAIRS if pair[0] != "flow_euler"]  # A1111 calls it Euler: the model makes the difference


def picture(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, kind)
    return out.getvalue()


def stored(seed: int | None = None) -> Stored:
    return Stored(path="", sha256="", media_type="image/png", width=512, height=512, seed=seed)


def plan(request: Any = REQUEST, *notes: Note) -> Plan:
    return Plan(provider="somebody", request=request, notes=notes)


def dressed(made: Plan, data: bytes | None = None, seed: int | None = None, **words: Any) -> containers.Embedded:
    dress = provenance.dresser(made, Redactor.of(Secret(KEY)), **words)
    return containers.read(dress(picture() if data is None else data, stored(seed)))


def chunk(found: containers.Embedded) -> dict[str, Any]:
    assert found.imagegen is not None
    ours: dict[str, Any] = json.loads(found.imagegen)
    return ours


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_other_tools_read_what_a_picture_was_made_from(kind: str) -> None:
    found = dressed(plan(), picture(kind), seed=7)

    assert found.parameters == (
        "a (red:1.2) cat\nNegative prompt: blurry\n"
        "Steps: 31, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 7, Size: 512x512, "
        "Model: some-model, Clip skip: 2, Provider: somebody"
    )
    assert "trainedAlgorithmicMedia" in (found.xmp or "")


def test_our_own_chunk_says_the_whole_request_and_what_differed() -> None:
    exact = Note(field="model", status="exact", requested="some-model", sent="the-vendors-id")
    moved = Note(field="steps", status="adjusted", requested=30, sent=31, reason="only 31")

    assert chunk(dressed(plan(REQUEST, exact, moved), seed=7)) == {
        "schema": 1,
        "kind": "GenerationRequest",
        "provider": "somebody",
        "request": REQUEST.to_dict(),
        "models": {"model": "the-vendors-id"},
        "notes": [
            {
                "field": "steps",
                "status": "adjusted",
                "requested": 30,
                "sent": 31,
                "reason": "only 31",
                "verified": False,
            }
        ],
        "seed": 7,
    }


def test_the_sent_seed_stands_only_where_it_must_be_this_pictures() -> None:
    assert chunk(dressed(plan()))["seed"] == 5
    assert chunk(dressed(plan(REQUEST.evolve(n=2))))["seed"] is None


def test_numbers_are_those_that_were_sent() -> None:
    notes = (
        Note(field="steps", status="adjusted", requested=31, sent="21"),
        Note(field="cfg_scale", status="dropped", requested=7.0),
        Note(field="sampler", status="approximated", requested="dpmpp_2m", sent="Euler a"),
    )
    fields = infotext.read(dressed(plan(REQUEST, *notes)).parameters or "").fields

    assert fields["Steps"] == "21"
    assert "CFG scale" not in fields
    assert (fields["Sampler"], fields.get("Schedule type")) == ("Euler a", None)


def test_an_upscaled_picture_says_both_passes() -> None:
    request = REQUEST.evolve(upscale=Upscale(scale=2.0, steps=10, strength=0.4, upscaler="Latent"))
    fields = infotext.read(dressed(plan(request)).parameters or "").fields

    assert fields["Size"] == "512x512"
    assert [fields[f"Hires {name}"] for name in ("upscale", "steps", "upscaler")] == ["2", "10", "Latent"]
    assert fields["Denoising strength"] == "0.4"


def test_no_secret_is_ever_in_a_picture() -> None:
    request = REQUEST.evolve(
        prompt=f"a cat {KEY}",
        model=ModelRef("some-model", access_key=KEY),
        loras=(Lora("grain", access_key="env:GRAIN_KEY"),),
        provider_options={"somebody": {"key": KEY, "deep": {"token": "x" * 20}}},
    )
    note = Note(field="model.access_key", status="exact", requested=Secret(KEY), sent=Secret(KEY))
    data = provenance.dresser(plan(request, note), Redactor.of(Secret(KEY)))(picture(), stored())

    assert KEY.encode() not in data
    assert b"GRAIN_KEY" not in data
    assert b"x" * 20 not in data
    assert chunk(containers.read(data))["withheld"] == ["model.access_key"]


def test_pictures_that_went_in_are_named_by_content(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    path.write_bytes(picture())
    digest = inspect_input(picture()).sha256
    by_path = REQUEST.evolve(init_image=ImageInput(str(path)), strength=0.5)
    by_bytes = REQUEST.evolve(init_image=ImageInput("", picture()), strength=0.5)
    note = Note(field="init_image", status="adjusted", requested=by_path.init_image, sent="<resource:init_image>")

    for request in (by_path, by_bytes):
        found = chunk(dressed(plan(request, note)))
        assert found["request"]["init_image"] == f"sha256:{digest}"
        assert str(tmp_path) not in json.dumps(found)
    known = dressed(plan(by_path), images={"init_image": inspect_input(picture("JPEG"))})
    assert chunk(known)["request"]["init_image"] != f"sha256:{digest}"


def test_an_address_that_went_in_loses_its_signature() -> None:
    request = REQUEST.evolve(init_image=ImageInput("https://example.com/a.png?Signature=abcdef&size=1"))

    assert (
        chunk(dressed(plan(request)))["request"]["init_image"] == "https://example.com/a.png?Signature=<secret>&size=1"
    )


def test_a_request_read_from_the_ledger_gives_the_same_bytes() -> None:
    """After a crash the request is plain data."""
    once = provenance.dresser(plan(), Redactor())(picture(), stored())
    again = provenance.dresser(attrs.evolve(plan(), request=REQUEST.to_dict()), Redactor())(picture(), stored())

    assert once == again


def test_labels_are_nobody_elses_business() -> None:
    assert dressed(plan(REQUEST.evolve(labels={"client": "acme"}))) == dressed(plan())


@pytest.mark.parametrize("data", [b"\x00\x00\x00\x18ftypmp42 a video", b"", picture()[:40]])
def test_a_file_that_can_carry_nothing_is_kept_as_it_is(data: bytes) -> None:
    assert provenance.dresser(plan(), Redactor())(data, stored()) == data


def test_a_signed_file_is_not_touched() -> None:
    signed = picture()[:33] + _caBX() + picture()[33:]

    assert provenance.dresser(plan(), Redactor())(signed, stored()) == signed


def _caBX() -> bytes:
    import zlib

    body = b"caBX" + b"a manifest"
    return (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def test_a_traced_picture_is_not_called_generated() -> None:
    found = dressed(plan({"image": "sha256:00", "module": "canny"}), kind="DetectControl")

    assert (found.xmp, found.parameters) == (None, None)
    assert chunk(found)["kind"] == "DetectControl"


@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(prompts, prompts, st.integers(0, 2**64 - 1), st.integers(1, 150), st.floats(0, 100), st.sampled_from(OWN_NAMES))
def test_what_other_tools_get_reads_back_as_it_was(
    prompt: str, negative: str, seed: int, steps: int, cfg: float, pair: tuple[str, str]
) -> None:
    words = {"prompt": prompt, "negative_prompt": negative, "seed": seed, "steps": steps, "cfg_scale": cfg}
    request = GenerationRequest(**words, sampler=pair[0], schedule=pair[1], loras=(Lora("hf:a/b", 0.25), Lora("x")))
    found = dressed(plan(request))
    read = read_infotext(found.parameters or "").request

    lifted = lift_loras(request)
    assert {name: getattr(read, name) for name in words} == {name: getattr(lifted, name) for name in words}
    assert (read.sampler, read.loras) == (request.sampler, lifted.loras)
    assert chunk(found)["request"]["prompt"] == prompt


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_equal_plans_give_equal_bytes_at_every_provider(kind: str, provider_names: list[str]) -> None:
    for name in provider_names:
        twice = [
            provenance.dresser(planning.plan(REQUEST.evolve(model=f"{name}:1"), name), Redactor())(
                picture(kind), stored()
            )
            for _ in range(2)
        ]
        assert twice[0] == twice[1]
