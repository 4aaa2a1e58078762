"""Who may come in to the emulated TAMS, and how pictures get there: tokens, signatures, uploads, tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from tams_emulated import Tams, new_world, png, text2img

from imagegen.emulator import Request
from imagegen.emulator.control import PUBLIC_KEYS
from imagegen_tams.emulator import TamsEmulator, auth
from imagegen_tams.emulator.errors import Problem

TIME, NONCE = "1700000000", "24920decf83f6960b80f737a28eeafc1"


def signed_by(app_id: str, signature: str) -> str:
    return f"TAMS-SHA256-RSA app_id={app_id},nonce_str={NONCE},timestamp={TIME},signature={signature}"


@pytest.mark.parametrize(
    ("authorization", "status", "answer"),
    [
        ("", 401, {"code": 16, "message": "Signature verification failed"}),
        ("Bearer wrong", 401, {"code": 16, "message": "Signature verification failed"}),
        ("Bearer ak_tensor123", 404, {"code": 5, "message": "app not found"}),
        (signed_by("missing-app", "c2lnbmVk"), 404, {"code": 5, "message": "app not found"}),
        (signed_by("app", "no base64!"), 401, {"code": 16, "message": "Signature verification failed"}),
        (signed_by("", "c2lnbmVk"), 401, {"code": 16, "message": "Signature verification failed"}),
        ("TAMS-SHA256-RSA app_id=app", 401, {"code": 16, "message": "Signature verification failed"}),
    ],
)
def test_who_is_not_known_stays_out(authorization: str, status: int, answer: dict[str, Any]) -> None:
    response = Tams().send("GET", "/tams/v1/models/600423083519508503", authorization=authorization)

    assert (response.status, json.loads(response.body)) == (status, answer)


def test_any_well_formed_signature_passes_while_no_key_is_registered() -> None:
    authorization = signed_by("any", "c2lnbmVk+/==")

    assert Tams().send("GET", "/tams/v1/models/600423083519508503", authorization=authorization).status == 200


# Made with a throw-away key by `cryptography` and by `openssl dgst -sha256 -sign`, which agreed.
VECTORS = json.loads(Path(__file__).with_name("tams_emulator_vectors.json").read_text("utf-8"))


@pytest.mark.parametrize("name", VECTORS["vectors"])
def test_a_signature_made_elsewhere_verifies_and_a_changed_call_does_not(name: str) -> None:
    vector = VECTORS["vectors"][name]
    world = new_world()
    world.put(PUBLIC_KEYS, "test_app_id", VECTORS["public_key"])
    request = Request(
        method=vector["method"],
        path=vector["url"],
        target=vector["url"],
        headers={"authorization": vector["authorization"]},
        body=vector["body"].encode(),
    )

    auth.check(request, world)
    with pytest.raises(Problem, match="Signature verification failed"):
        auth.check(evolve(request, target=vector["url"] + "x"), world)
    with pytest.raises(Problem, match="Signature verification failed"):
        auth.check(evolve(request, body=request.body + b" "), world)


@pytest.fixture(scope="module")
def key() -> Any:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    return generate_private_key(65537, 2048)


def sign(key: Any, text: str) -> str:
    from base64 import b64encode

    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def registered(key: Any) -> Tams:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    tams = Tams()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    body = json.dumps({"id": "test_app_id", "pem": pem}).encode()
    assert tams.send("POST", "/_emulator/public-keys", body).status == 200
    return tams


def test_a_signature_covers_method_target_time_nonce_and_body(key: Any) -> None:
    tams = registered(key)
    body = json.dumps(text2img()).encode()
    good = signed_by("test_app_id", sign(key, f"POST\n/tams/v1/jobs\n{TIME}\n{NONCE}\n{body.decode()}"))
    without_prefix = signed_by("test_app_id", sign(key, f"POST\n/v1/jobs\n{TIME}\n{NONCE}\n{body.decode()}"))

    assert tams.send("POST", "/tams/v1/jobs", body, authorization=without_prefix).status == 401
    assert tams.send("POST", "/tams/v1/jobs", body + b" ", authorization=good).status == 401
    assert tams.send("POST", "/tams/v1/jobs", body, authorization=good).status == 200


def test_with_an_empty_body_the_signed_text_ends_with_a_newline(key: Any) -> None:
    tams = registered(key)
    target = "/tams/v1/models/600423083519508503?k1=v1&k2=v2"
    good = signed_by("test_app_id", sign(key, f"GET\n{target}\n{TIME}\n{NONCE}\n"))

    assert tams.send("GET", target, authorization=good).status == 200


# --- uploads -----------------------------------------------------------------------------------------------------


def ticket(tams: Tams, **order: Any) -> tuple[str, str]:
    answer = tams.post("/v1/resource/image", order)
    assert answer["headers"] == {"Content-Type": "image/png"}
    return answer["resourceId"], answer["putUrl"].removeprefix("http://emulator.invalid")


def uses(tams: Tams, resource: str) -> int:
    return tams.call("POST", "/v1/jobs", text2img(start={"imageResourceId": resource}))[0]


def test_an_upload_is_a_resource_for_seven_days() -> None:
    tams = Tams()
    resource, url = ticket(tams)
    before = uses(tams, resource)
    put = tams.send("PUT", url, png(), content_type="image/png")
    during = uses(tams, resource)
    tams.world.advance(7 * 24 * 3600 + 1)

    assert (before, put.status, during) == (400, 200, 200)
    assert tams.call("POST", "/v1/img2prompt", {"resourceId": resource})[0] == 400


def test_term_2_keeps_a_resource_for_ever() -> None:
    tams = Tams()
    resource, url = ticket(tams, term=2)
    tams.send("PUT", url, png(), content_type="image/png")
    tams.world.advance(700 * 24 * 3600)

    assert uses(tams, resource) == 200


@pytest.mark.parametrize(
    ("headers", "data", "status", "code"),
    [
        ({"content_type": "image/jpeg"}, png(), 403, b"SignatureDoesNotMatch"),
        ({}, png(), 403, b"SignatureDoesNotMatch"),
        ({"content_type": "image/png", "authorization": "Bearer emulator-key"}, png(), 400, b"InvalidArgument"),
        ({"content_type": "image/png"}, b"<html>", 400, b"InvalidArgument"),
        ({"content_type": "image/png"}, b"", 400, b"InvalidArgument"),
    ],
)
def test_an_upload_that_is_not_as_signed_is_refused(
    headers: dict[str, str], data: bytes, status: int, code: bytes
) -> None:
    tams = Tams()
    resource, url = ticket(tams)
    response = tams.send("PUT", url, data, **headers)

    assert (response.status, code in response.body, uses(tams, resource)) == (status, True, 400)


def test_an_upload_link_expires_when_it_was_told_to() -> None:
    tams = Tams()
    _, url = ticket(tams, expireSec="60")
    tams.world.advance(61)

    assert tams.send("PUT", url, png(), content_type="image/png").status == 403


def test_a_forged_upload_link_is_refused() -> None:
    tams = Tams()
    _, url = ticket(tams)

    assert tams.send("PUT", url + "0", png(), content_type="image/png").status == 403


def form(fields: dict[str, bytes]) -> bytes:
    parts = b"".join(
        b'--XX\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
        for name, value in fields.items()
    )
    return parts + b"--XX--\r\n"


def form_of(answer: dict[str, str], data: bytes) -> dict[str, bytes]:
    told = {
        "key": answer["filePath"],
        "policy": answer["policy"],
        "OSSAccessKeyId": answer["accessId"],
        "Signature": answer["signature"],
        "x-oss-security-token": answer["securityToken"],
    }
    return {**{name: value.encode() for name, value in told.items()}, "file": data}


def test_a_form_upload_is_a_resource_too() -> None:
    tams = Tams()
    answer = tams.post("/v1/resource/image/sts", {})
    host = answer["host"].removeprefix("http://emulator.invalid")
    forged = form({**form_of(answer, png()), "Signature": b"forged"})
    kind = "multipart/form-data; boundary=XX"

    assert tams.send("POST", host, forged, content_type=kind).status == 403
    assert tams.send("POST", host, form(form_of(answer, png())), content_type=kind).status == 204
    assert uses(tams, answer["resourceId"]) == 200


def test_a_form_that_is_none_is_refused() -> None:
    tams = Tams()

    assert tams.send("POST", "/tams/oss", b"x", content_type="text/plain").status == 412
    assert tams.send("GET", "/tams/oss").status == 405


# --- tools -------------------------------------------------------------------------------------------------------


def test_a_picture_of_ours_is_read_back_to_its_prompt() -> None:
    tams = Tams()
    resource = tams.upload(tams.make(text2img(prompts=[{"text": "a lighthouse, at dusk"}]))[0])

    assert tams.post("/v1/img2prompt", {"resourceId": resource}) == {"prompts": ["a lighthouse", "at dusk"]}
    told = {"prompts": ["A picture that shows a lighthouse, at dusk."]}
    assert tams.post("/v1/img2prompt", {"resourceId": resource, "tagger": "llm"}) == told


def test_a_strange_picture_gets_honest_tags() -> None:
    tams = Tams()
    resource = tams.upload(png(300, 200, (250, 250, 250)))

    assert tams.post("/v1/img2prompt", {"resourceId": resource})["prompts"] == ["landscape", "bright", "no humans"]


def test_detect_makes_a_guide_that_the_next_job_can_use() -> None:
    tams = Tams()
    body = {"controlnetModule": "canny", "resourceId": tams.upload(png())}
    guide = tams.post("/v1/controlnet/detect", body)["result"]["image"]
    arg = {"preprocessor": "none", "model": "control_v11p_sd15_canny", "inputImageResourceId": guide["id"]}

    assert tams.fetch(guide["url"])
    assert tams.call("POST", "/v1/jobs", text2img(controlnet={"args": [arg]}))[0] == 200


def test_an_unknown_module_is_refused() -> None:
    body = {"controlnetModule": "crystal ball", "resourceId": "f204c24a-52dc-4cf4-930a-9b8f73969414"}

    assert Tams().call("POST", "/v1/controlnet/detect", body)[0] == 400


# --- the whole ---------------------------------------------------------------------------------------------------


def test_a_body_that_is_no_json_is_refused_in_json() -> None:
    response = Tams().send("POST", "/tams/v1/jobs", b"{", authorization="Bearer emulator-key")

    assert (response.status, json.loads(response.body)["code"]) == (400, 3)


def test_links_lead_to_where_the_caller_came_from() -> None:
    tams = Tams(new_world())
    request = Request(
        method="POST",
        path="/v1/resource/image",
        base="http://127.0.0.1:8085",
        headers={"authorization": "Bearer emulator-key"},
    )
    answer = json.loads(TamsEmulator().handle(request, tams.world).body)

    assert answer["putUrl"].startswith("http://127.0.0.1:8085/tams/upload/")


def test_every_deviation_is_one_sentence() -> None:
    deviations = TamsEmulator().deviations

    assert len(deviations) > 40
    assert all(text.endswith(".") and "  " not in text for text in deviations)
