"""How a TAMS call is signed: the vectors were computed with `cryptography` and with `openssl dgst -sha256 -sign`."""

import hashlib
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.errors import NotConfigured
from imagegen.flow import Call
from imagegen.placeholders import Secret
from imagegen.provider import Credentials
from imagegen_tams import settings, signing

# A throw-away key, made for these vectors and registered nowhere.
PKCS1 = """-----BEGIN RSA PRIVATE KEY-----
MIIEogIBAAKCAQEAsK2skv73Coa4xtzSjCTPbhC9KQ0V0QdRVrTXnA4TSNxJduU2
teFaKn3/LbKjiwkVP24mlsRsOqH7Xa3HtxxU+dno8lzHufmLtCd4Vd64bSGXlebc
XCs+v1ifU6DZpCjpWeM2bQMwixHphgvW/ryjB4yqZJDinZXGDqIdFHcmbXfsR6w6
I8UHHhFdNanUZQIILHVzW2X1f5H77U7Zl6TRtFmbVQJhmv0noiF6sWoGBcDLLJkt
/Do3QFLBRQAXHHfeqEmS4nTMFyjv+NqJ5SjS2x5j4BWRZdVmv4UHAaLhY/r7I99n
fOuoQqCNOZgCm+PDMe69AKg0YycuVhDU7I+68QIDAQABAoIBAAkUgUQ0FAM3paMc
HJAKS5osWbm/NpSoa8mT1WmWSZnFhIW2mwdhnmOFAoqD3fwvynvuOnp7fCp5Ql9v
+83RMsbSfbKIX9VoL1diGJZP3NTy/y+Q5ANdT5tq6mlUYMsbNSmi+pxDUokwhvrA
0gWuhocaoh6Krwg1TIQFAznsM7k4H3iRVla5Rhs8gOFSgjlJPMwQ28NzDRlEeplC
zQORQMxRrhX66MFX2Lsz8EOYW6shLoTByx/+UWiAUuaEmGF5YkFoP1p1X7dGFLMc
paCx3C0WWlvcxJJbzIgL+LP/VN4DKkoPaTc/5BYLld4WtRQREaVjT2Kt14zJZi3x
YXPvXkcCgYEA6bsAEPRVRTJQKp/C7ldtn//1468hdiP+OWyJqxWGIDEwplUV8nJH
QdA9Bra5g34jfZER0w73D4q7pjppkfqIJMw8RDKzy7jbW2Of9jdOBhNuleHEGDI2
sxU13P1LlCbIGKq/BgaAvkJpw9zU88Y+QyA5TKZHZPO9yDfXGfBQxu8CgYEAwYMZ
AhneIXjWnBUEb6BZiL6bhNtRCOdlgf5w0drJHwS54cIRZKNtPkYuUgpGKGaJu6sj
CV0O9ZWpsk4H3W7sPNVWgaU49pclPG1MqSMu4n8PoGyeSEHKyyMu+CjYsvjRBFrF
tdEVmPIQXBDGnhWlEOn/w652ExIOIZklxi9SnB8CgYBLW5l33e8oMkKam4vz4Ihd
z97tm+eD+bLbvNzeJkBqXLG8zy4WTzYeSA+E/KDvflnfAEjo7ahGgIpj2+1xvX7r
rlW3/0js5BsFaieG8OndF6LN/E6HJplwP+Rv7dLSX3agTVztimcz8KG9HpQiTMaC
Sf9vcSUPrW6BAU/+8vZ4TQKBgEwhPlp0QM6cUpoPLrKXvAGvM1HeUpAVMPsmVc5J
q6w3WMW3as5T+StxwtFl11oXlQIu/ta1NKhrW9qZFkEIXYpFSAYzMSjaJ70RJwK3
o79Zy5UKhm7Y62Zljhn1P+ORPfHfoD66ZivIt6TwuKMC0vDHjma2oR85kDOpo5HH
llFzAoGAffiB3LDoAFgj0+cbD43c6FUmpE0DD+9LRDixrtlaP+4P10y42/Gx+aXv
peddkJfzVK/vF8RnTo4G7GRojmAjp6k0GrrXIOJDEi7hKkpsIlBjuTUFivfHsUey
yfpZARVBhOntecAO/VHETQ7uSZVCln1oBSiMXEqdxipVdkMQA58=
-----END RSA PRIVATE KEY-----
"""
NOW, NONCE = 1700000000, "24920decf83f6960b80f737a28eeafc1"
BASE = "https://ap-east-1.tensorart.cloud"
VECTORS = json.loads(r"""
{
 "A": {
  "method": "POST",
  "url": "/v1/jobs",
  "body": "{\"request_id\":\"1562068719690532983734\",\"stages\":[{\"type\":\"INPUT_INITIALIZE\",\"inputInitialize\":{\"seed\":-1,\"count\":2}},{\"type\":\"DIFFUSION\",\"diffusion\":{\"width\":512,\"height\":512,\"prompts\":[{\"text\":\"1girl\"}],\"steps\":15,\"sd_model\":\"600423083519508503\",\"clip_skip\":2,\"cfg_scale\":7}}]}",
  "string_to_sign_bytes": 336,
  "string_to_sign_sha256": "356931fc1edc5d7a396cf0d4de8ebd76e340610d508fa253b5f05db829e4a693",
  "authorization": "TAMS-SHA256-RSA app_id=test_app_id,nonce_str=24920decf83f6960b80f737a28eeafc1,timestamp=1700000000,signature=ADtDq2LaFXoPrOLkLuxFmwY5ua3GAyE+Q0YvYWNFhYYUB/5zjZFOH/QoB2hSOHkloVQrlnS+J8MGmah2Czo/B2zRf5A7wJqxcbEpdE+S2wUVmAm9iSOuBvEyd9Lv29o/2aaVZe40fhaDhKwzYy/+T9vfhDvOCpVbtjbu1j5kq8QO/fSD9PzAF/eV9k6wHaE9CwlwY0fsSJEWklqb5IWoE6dRVJb+n6j2tW+u8B1MyRqObHgaab4WMXaD/WSLcWEKt1rRq8Dt9SU2EO9jDGpc/uDy9MOHGmG4NmiAD+p9WMT7KujYCzKl1iuBlqUqOPhfD0zXFZvqTe2LKttsj/0UVw=="
 },
 "B": {
  "method": "GET",
  "url": "/v1/jobs/683082404926062625",
  "body": "",
  "string_to_sign_bytes": 76,
  "string_to_sign_sha256": "be197559930ece92caf496b9efded62cd9511ffc264afac22a0d5622b7fbc388",
  "authorization": "TAMS-SHA256-RSA app_id=test_app_id,nonce_str=24920decf83f6960b80f737a28eeafc1,timestamp=1700000000,signature=mQYkD+Yhc/PPJSeohg4QT50e2ukCXtPDfX5r/U9LJsvuU3X530emcSAN/OInQbRrlH5InuuPpOyGUieV2W65OOFVlSIYwiZld53NC2YKkwbULqlrBaXT5d/p2PzAEWlnQ5mQJ2VfSYAm82zrN0ssMshvrFh4SlvQSUT2crtSDXL1dsOQvlT0iTPsdaYXcUkXfiH5tjg02/lgLJqnYI89kiQCjW/nDB7w30XEkDjI87jKlf6RnaOY1xmHukOBTEiDgSLl8obcPJekRKcSnuRHDrGG/u9oCNABb6NnB4+sybtmac0V1/QRTHPLX7NTLBNbUGReHkCBJSHEqjr5krE2wg=="
 },
 "C": {
  "method": "POST",
  "url": "/v1/jobs",
  "body": "{\"requestId\":\"t-3\",\"stages\":[{\"type\":\"INPUT_INITIALIZE\",\"inputInitialize\":{\"count\":1}},{\"type\":\"DIFFUSION\",\"diffusion\":{\"prompts\":[{\"text\":\"café 猫\"}]}}]}",
  "string_to_sign_bytes": 214,
  "string_to_sign_sha256": "552e5ae4c76165ae57ffbbe8fcb3abb05fbe786e7a27e70e88f9feafcba2cc81",
  "authorization": "TAMS-SHA256-RSA app_id=test_app_id,nonce_str=24920decf83f6960b80f737a28eeafc1,timestamp=1700000000,signature=HK3vV5lzmZpBzasJFMGmOitwIqKIHauy6+0LlEexi8n6NfN4l7X2WH3DDuDWD2Iiy9/1vNgnc/ljaIMxsqNJGjNhXTD6bKqjLKu1xYYzWV44TSpseThp2PddDjCBbet6rmgqlHYMr5X3LgJSn2CLMAndgyIdShPIS0qBs9pYhBj5stUr5gvqaKu0wFGUjLRPS9swh4eIoRoj1uE62l6+VOLEdyqUVVNlgNqobZVScEgik5eX1Zt0CmTCGHpJXuW7rLkt1Km2og7kAQFsth5e8ec8vek7cHwx2J8JvQuN34a8j8AUVKnOltoSiTgtx3GAHJksWZlflq/b3xy8xXmenA=="
 },
 "D": {
  "method": "GET",
  "url": "/v1/workflows/676018193025756628?k1=v1&k2=v2",
  "body": "",
  "string_to_sign_bytes": 93,
  "string_to_sign_sha256": "828d3e645081986e6f45728c3816c97e998b98a95b0bc2ef0c0cef324b0d8dd9",
  "authorization": "TAMS-SHA256-RSA app_id=test_app_id,nonce_str=24920decf83f6960b80f737a28eeafc1,timestamp=1700000000,signature=Cwtri4dscGvzipu8wdUtULPmPJ6y/HkdrDc7rniKdzAdf/MqLws9t3QY4A2L2PLpogLRKJ7dASZFarMJRUp02ASMQ7u1ilFajFg4/pWvFaUQvHy7Uqs9YVUeVPA7kwIBpKfZ0WtPJpVfQphL1pqTEAL/N9RrJgtsmxJo82JEIlB8vp47BHODfn/eWlYn6jVkpAU6dwHAz7eibpx+mD/K/sNQhwKKqaszUaFxBcoi52cCAn5CXModuYY5OR9lo6MSKIENLKHs0Zyit/VdugeblkafSWiz7Ei2bvSwGt8jjxAeGmDG9wdTqS0gX3gjxj9qgac23icyN5yX1rTr/5Vh6A=="
 }
}
""")


def signed(vector, pem=PKCS1, base=BASE):
    body = vector["body"].encode() or None
    call = Call(method=vector["method"], url=base + vector["url"], content=body)
    credentials = Credentials(settings={"app_id": "test_app_id", "private_key_file": pem}, now=NOW + 0.9, nonce=NONCE)
    return signing.authorize(call, credentials).headers["Authorization"]


@pytest.mark.parametrize("name", VECTORS)
def test_the_four_vectors_reproduce(name):
    vector = VECTORS[name]
    text = signing.string_to_sign(vector["method"], vector["url"], NOW, NONCE, vector["body"].encode())
    assert len(text) == vector["string_to_sign_bytes"]
    assert hashlib.sha256(text).hexdigest() == vector["string_to_sign_sha256"]
    assert signed(vector) == vector["authorization"]


def test_a_pkcs8_key_signs_like_the_pkcs1_key_it_was_made_from():
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(PKCS1.encode(), None)
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    assert "BEGIN PRIVATE KEY" in pkcs8
    assert signed(VECTORS["A"], pkcs8) == VECTORS["A"]["authorization"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda pem: "\ufeff" + pem,
        lambda pem: pem.replace("\n", "\\n"),
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("-----", "—–---"),
        lambda pem: pem.replace("\n", " \n  "),
    ],
)
def test_a_key_damaged_by_copying_still_signs(damage):
    assert signed(VECTORS["B"], damage(PKCS1)) == VECTORS["B"]["authorization"]


def test_the_key_is_read_from_its_file(tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(PKCS1)
    assert signed(VECTORS["B"], str(file)) == VECTORS["B"]["authorization"]


def test_a_path_prefix_is_signed_as_it_is_sent():
    assert signing.target("http://127.0.0.1:8085/tams/v1/jobs") == "/tams/v1/jobs"
    assert signed(VECTORS["B"], base=BASE + "/tams") != VECTORS["B"]["authorization"]


def test_a_query_is_written_once_and_then_signed():
    vector = VECTORS["D"]
    path, _, query = vector["url"].partition("?")
    call = Call(method="GET", url=BASE + path, params=dict(pair.split("=") for pair in query.split("&")))
    credentials = Credentials(settings={"app_id": "test_app_id", "private_key_file": PKCS1}, now=NOW, nonce=NONCE)
    ready = signing.authorize(call, credentials)
    assert (ready.url, ready.params) == (BASE + vector["url"], {})
    assert ready.headers["Authorization"] == vector["authorization"]


def test_the_signed_bytes_are_the_sent_bytes():
    call = Call(method="POST", url=f"{BASE}/v1/jobs", json={"stages": [{"text": "café 猫"}]})
    credentials = Credentials(settings={"app_id": "a", "private_key_file": PKCS1}, now=NOW, nonce=NONCE)
    ready = signing.authorize(call, credentials)
    assert ready.content == '{"stages":[{"text":"café 猫"}]}'.encode()
    assert ready.encoded().content == ready.content


def test_every_attempt_has_a_signature_of_its_own():
    call = Call(method="GET", url=f"{BASE}/v1/jobs/1")
    words = {"app_id": "a", "private_key_file": PKCS1}
    first = signing.authorize(call, Credentials(settings=words, now=NOW, nonce="one"))
    second = signing.authorize(call, Credentials(settings=words, now=NOW + 7, nonce="two"))
    assert first.headers["Authorization"] != second.headers["Authorization"]


def test_a_token_goes_as_bearer_and_is_cleaned():
    call = Call(method="GET", url=f"{BASE}/v1/jobs/1")
    words = {"api_key": Secret("\ufeff abc–def\\n ")}
    ready = signing.authorize(call, Credentials(settings=words, now=NOW, nonce=NONCE))
    assert ready.headers["Authorization"] == "Bearer abc-def"


@pytest.mark.parametrize("key", ["ak_tensor_1234", "ak_tusi_1234"])
def test_a_key_of_the_website_is_refused_with_the_place_of_the_right_one(key):
    with pytest.raises(NotConfigured) as caught:
        settings.clean_token(key)
    assert "tams.tensor.art/apps" in caught.value.hint
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({}, "TAMS_API_KEY"),
        ({"app_id": "a"}, "TAMS_PRIVATE_KEY_FILE is not set"),
        ({"private_key_file": "k.pem"}, "TAMS_APP_ID is not set"),
        ({"app_id": "a", "private_key_file": "/nowhere/k.pem"}, "No such file"),
        (
            {"app_id": "a", "private_key_file": "-----BEGIN RSA PRIVATE KEY-----\nAA\n-----END RSA PRIVATE KEY-----"},
            "cannot be read",
        ),
    ],
)
def test_what_is_missing_or_broken_is_named(words, named):
    with pytest.raises(NotConfigured, match=named):
        signing.authorize(Call(method="GET", url=BASE), Credentials(settings=words, now=NOW, nonce=NONCE))


def test_without_cryptography_the_extra_is_named(monkeypatch):
    signing._private_key.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(NotConfigured, match="cryptography") as caught:
        signed(VECTORS["A"])
    assert "imagegen[rsa]" in caught.value.hint


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("ap-east-1.tensorart.cloud", BASE),
        (f"{BASE}/v1", BASE),
        (f"{BASE}/v1/", BASE),
        ("http://127.0.0.1:8085/tams/", "http://127.0.0.1:8085/tams"),
        ("http://127.0.0.1:8085/tams/v1", "http://127.0.0.1:8085/tams"),
        ("", BASE),
    ],
)
def test_the_base_url_is_taken_however_it_is_written(given_url, url):
    assert settings.base_url({"base_url": given_url}) == url


def test_only_the_endpoint_sees_the_key():
    assert settings.hosts({"base_url": "http://127.0.0.1:8085/tams"}) == {"127.0.0.1:8085"}


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\\"'"), min_size=1))
def test_a_clean_token_is_not_changed(token):
    if token.startswith(("ak_tensor", "ak_tusi", "Bearer")):
        return
    assert settings.clean_token(f" {token}\n") == token
