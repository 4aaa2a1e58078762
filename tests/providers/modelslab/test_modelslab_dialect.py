"""Reading ModelsLab's answers: every literal of the pages, every shape that a field takes, and anything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.errors import JobFailed, ProviderError
from imagegen.flow import Reply
from imagegen_modelslab.dialect import Envelope, decode, number, read, split_list, truth
from imagegen_modelslab.explain import explain

R2 = "https://pub-3626123a908346a7a8be8d9295f44e26.r2.dev"
# Literal answers: https://docs.modelslab.com, GitHub ModelsLab/docs-v2 @ ef9d723 and @ c1440bc,
# https://stablediffusionapi.com/docs; long texts are cut.
LITERALS = [
    '{"status":"success","generationTime":11.079592943191528,"id":95120262,"output":["' + R2 + '/generations/0-9.png"],'
    '"meta":{"prompt":" actual","model_id":"tamarin-xl-v1","seed":1224445153,"steps":30,"W":512,"H":512}}',
    '{"status":"success","generationTime":1.06,"id":91753437,"output":["' + R2 + '/generations/f-0.png"],'
    '"proxy_links":["https://cdn2.stablediffusionapi.com/generations/f-0.png"],"nsfw_content_detected":false,'
    '"webhook_status":"","tip":"Get 20x faster","meta":{"base64":"no","seed":3977575608}}',
    '{"status":"processing","tip":"Get 20x faster","tip_1":"Your image is processing","eta":2.75,'
    '"messege":"Try to fetch request after seconds estimated","webhook_status":"",'
    '"fetch_result":"https://modelslab.com/api/v6/images/fetch/134701497","id":134701497,"output":[],'
    '"meta":{"webhook":null,"track_id":null},"future_links":["' + R2 + '/generations/0-c.jpg"]}',
    '{"status":"success","id":13443927,"output":["https://pub.r2.dev/generations/6ef3f81f-0.png"]}',
    '{"status":"processing","messege":"try again later.","output":"","tip":"Get 20x faster"}',
    '{"status":"error","messege":"Error message"}',
    '{"status":"failed","id":"","message":"Request not found","output":"","tip":"Get 20x faster"}',
    '{"status":"failed","id":"","message":"Failed, Try Again","output":""}',
    '{"status":"error","message":"Invalid API Request","tip":"1. Make sure"}',
    '{"status":"error","message":"Rate limit exceeded","tips":"please wait for 30 seconds and try again"}',
    '{"status":"error","message":{"prompt":["The prompt field is required."]}}',
    '{"status":"error","message":"Rate limit exceeded. Maximum 5 queued requests allowed.","retry_after":30}',
    '{"status":"success","id":1047,"output":["' + R2 + '/temp/12198578431733221989.png"]}',
    '{"status":"success","messege":"image uploaded","link":"https://x.r2.dev/generations/27.png","request_id":2398}',
    '{"status":"success","messege":"image deleted"}',
    '{"status":"success","data":{"balance":43.6,"currency":"USD"}}',
    '{"status":"success","processing_count":0,"message":"Current processing request count retrieved successfully"}',
    '{"status":"success","id":"abc123-def456","output":["https://x/y.mp4"],"generationTime":45.2,'
    '"track_id":"video_001","meta":{"prompt":"..."}}',
    '{"status":"success","generationTime":6.906,"id":14938278,"output":"https://x/1683220732_out.png"}',
    '{"status":"success","message":"image uploaded","image_url":"https://x/y.png"}',
    '{"queue_num":0,"queue_time":0,"status":"ok"}',
    '{"status":"success","message":"model load started"}',
    '{"status":"success","generationTime":1.32,"output":["https://x/y.png"],"meta":{"width":768}}',
    # what a queue says, in each generation of the API
    '{"status":"processing","tip":"Get 20x faster","eta":1.25,"message":"Try to fetch request after seconds estimated",'
    '"fetch_result":"https://modelslab.com/api/v6/realtime/fetch/1241861","id":13441520,"output":[],'
    '"proxy_links":["https://cdn2.stablediffusionapi.com/generations/f-0.png"],"future_links":["' + R2 + '/f-0.png"]}',
    '{"status":"processing","tip":"Get 20x faster","eta":5,"message":"Try to fetch request after seconds estimated",'
    '"fetch_result":"https://modelslab.com/api/v6/image_editing/fetch/235706","id":235706,"output":[],'
    '"future_links":["' + R2 + '/generations/84363904_out.png"],"proxy_links":""}',
    '{"status":"processing","tip":"Your image is processing in background","eta":20.9379869184,"messege":'
    '"Try to fetch request after seconds estimated","webhook_status":"","fetch_result":'
    '"https://stablediffusionapi.com/api/v3/dreambooth/fetch/32798037","id":32798037,"output":[],'
    '"meta":{"lora":"abstract-disco-diffu","lora_strength":1},'
    '"future_links":["https://cdn.stablediffusionapi.com/generations/0-55b72298.png"]}',
    '{"status":"processing","tip":"for faster speed, keep resolution upto 512x512","eta":146.5279869184,"messege":'
    '"Try to fetch request after given estimated time","fetch_result":'
    '"https://stablediffusionapi.com/api/v3/fetch/13902970","id":13902970,"output":"","meta":{"steps":20}}',
    '{"status":"processing","messege":"Request processing"}',
    '{"status":"processing","message":"try again later.","output":"","tip":"Get 20x faster"}',
    # pictures, in each generation
    '{"status":"success","generationTime":1.3200268745422363,"id":12202888,"output":["https://pub-8b4.r2.dev/e5c-0.png"],'
    '"meta":{"H":512,"W":512,"enable_attention_slicing":"true","file_prefix":"e5cd86d3","guidance_scale":7.5,'
    '"model":"runwayml/stable-diffusion-v1-5","n_samples":1,"outdir":"out","revision":"fp16","safetychecker":"no",'
    '"seed":3499575229,"steps":20,"vae":"stabilityai/sd-vae-ft-mse"}}',
    '{"status":"success","generationTime":2.920767068862915,"id":302455,"output":["https://d1ok.cloudfront.net/05-0.png"],'
    '"meta":{"model_id":"runwayml/stable-diffusion-v1-5","scheduler":"UniPCMultistepScheduler","revision":"fp16",'
    '"safetychecker":"no","W":512,"H":512,"seed":1793745243,"steps":20,"n_samples":1,"embeddings":null,"lora":null}}',
    '{"status":"success","generationTime":3.1,"id":303,"output":["https://x.r2.dev/1.png"],"meta":{"prompt":'
    '"women playing tennis","model_id":"realistic-vision-51","init_image":"https://x.test/a.jpg","strength":0.7,'
    '"steps":30,"full_url":"no","seed":2916174600}}',
    '{"status":"success","generationTime":20.970642805099487,"id":13446970,"output":["https://x.r2.dev/1.png"],'
    '"meta":{"init_image":"https://x.test/a.jpg","mask_image":"https://x.test/m.jpg","steps":50}}',
    '{"status":"success","generationTime":7.42,"id":235706,"output":["' + R2 + '/84363904_out.png"],'
    '"proxy_links":["https://cdn2.stablediffusionapi.com/84363904_out.png"],"meta":{"upscale_factor":4}}',
    # refusals
    '{"status":"error","message":"prompt is required"}',
    '{"status":"error","message":"Invalid API key"}',
    '{"status":"error","message":"API key required"}',
    '{"status":"error","message":"Insufficient credits. Please add more credits to continue."}',
    '{"status":"error","message":"This feature requires a premium subscription"}',
    '{"status":"error","message":"Internal server error. Please try again."}',
    '{"status":"error","message":"Service temporarily unavailable. Please try again later."}',
    '{"status":"error","message":"Model not found: invalid_model_name"}',
    '{"status":"error","message":"Unable to fetch image from provided URL"}',
    '{"status":"error","message":"Invalid Api Key","tip":"1. Make sure you are passing Content-Type"}',
    '{"status":"error","message":"Model id not found"}',
    '{"status":"error","messege":"Rate limit exceeded","tips":"you are sending same request multiple times"}',
    '{"status":"failed","id":"abc123-def456","message":"Processing failed: Invalid input dimensions",'
    '"track_id":"video_001"}',
    # the account, models and servers
    '{"status":"success","data":{"imagen":{"total_api_call":999,"api_call_remaining":897,"percentage_used":10}}}',
    '{"status":"success","messege":"model list","data":[]}',
    '{"message":"model load started","status":"success"}',
    '{"status":"success","message":"VAE load started"}',
    '{"status":"success","message":"Model exists on server"}',
    '{"models":[{"load_data":"01/25/2023 11:52:22","model_id":"hf-model"}],"status":"success"}',
    '{"status":"success","message":"Model deleted on server"}',
    '{"status":"success","message":"3 Models synced successfully","model_list":["stable-diffusion","dreamlike"]}',
    '{"model_count":0,"queue_time":0,"status":"ok"}',
    '{"message":"server restarting","status":"success"}',
    '{"message":"server updating","status":"success"}',
    '{"status":"success","message":"Cache cleared successfully"}',
    '{"status":"success","message":"Queue cleared, server is restarting"}',
]
# Answers without any status, which lists and checks have.
BARE = [
    '{"images":"http://x.test/a.png","has_nsfw_concept":[true]}',
    '{"schedulers":["DDPMScheduler","DDIMScheduler"]}',
    '[{"model_id":"midjourney","status":"model_ready","created_at":null,"instance_prompt":"mdjrny-v4 style",'
    '"model_name":"MidJourney V4","description":"...","screenshots":"https://x.test/1.png"}]',
]
OURS = {
    "status": "status",
    "id": "id",
    "request_id": "id",
    "output": "output",
    "link": "output",
    "image_url": "output",
    "proxy_links": "proxy_links",
    "future_links": "future_links",
    "message": "message",
    "messege": "message",
    "tip": "tip",
    "tips": "tip",
    "tip_1": "tip",
    "eta": "eta",
    "fetch_result": "fetch_result",
    "generationTime": "generation_time",
    "meta": "meta",
    "nsfw_content_detected": "nsfw",
    "retry_after": "retry_after",
    "track_id": "track_id",
}


@pytest.mark.parametrize("literal", LITERALS)
def test_nothing_of_a_documented_answer_is_lost(literal):
    data = json.loads(literal)
    answer = decode(Reply(200, literal.encode()), provider="modelslab")

    for key, value in data.items():
        if key not in OURS:
            assert answer.extra[key] == value
            continue
        held = getattr(answer, OURS[key])
        parts = value if isinstance(value, list) else [value]
        if isinstance(value, dict):
            assert held == value or all(name in str(held) for name in value)
        elif value not in ("", []):
            assert all(str(part) in str(held) for part in parts)


@pytest.mark.parametrize("literal", BARE)
def test_an_answer_without_a_status_is_kept_whole_where_one_is_expected(literal):
    answer = decode(Reply(200, literal.encode()), provider="modelslab", bare=True)

    assert (answer.done, answer.data) == (True, json.loads(literal))
    with pytest.raises(ProviderError, match="no status"):
        decode(Reply(200, literal.encode()), provider="modelslab")


@pytest.mark.parametrize(
    ("value", "links"), [("", ()), ([], ()), ("https://x/1.png", ("https://x/1.png",)), (["a", "b"], ("a", "b"))]
)
def test_output_is_a_list_one_text_or_nothing(value, links):
    assert read({"status": "success", "output": value}).output == links


def test_what_has_an_undocumented_shape_is_kept_aside():
    answer = read({"status": "success", "id": {"a": 1}, "output": [1], "meta": "text", "eta": "soon"})

    assert answer.extra == {"id": {"a": 1}, "output": [1], "meta": "text", "eta": "soon"}
    assert (answer.id, answer.output, answer.meta, answer.eta) == ("", (), {}, None)


def test_a_later_answer_keeps_the_first_ones_echo():
    first = read(json.loads(LITERALS[2]))
    last = read(json.loads(LITERALS[3])).after(first)

    assert last.output == ("https://pub.r2.dev/generations/6ef3f81f-0.png",)
    assert last.meta == first.meta


def test_lists_without_a_status_are_answers_only_where_they_are_expected():
    reply = Reply(200, b'[{"model_id":"midjourney","status":"model_ready"}]')

    assert decode(reply, provider="modelslab", bare=True).data[0]["model_id"] == "midjourney"
    with pytest.raises(ProviderError):
        decode(reply, provider="modelslab")
    with pytest.raises(ProviderError):
        decode(Reply(500, b'{"models":[]}'), provider="modelslab", bare=True)


def test_small_words():
    assert split_list(" contrast-fix, yae-miko-genshin,") == ("contrast-fix", "yae-miko-genshin")
    assert split_list(None) == ()
    assert [number(x) for x in (1.0, 0.45, 0.1)] == ["1", "0.45", "0.1"]
    assert [truth(x) for x in ("yes", True, "1", 1, "no", None, False)] == [True] * 4 + [False] * 3


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*OURS, "other"]) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=15,
)
_status = st.sampled_from(["success", "processing", "error", "failed", "ok", "other", ""])
_answers = _json | st.tuples(st.dictionaries(st.sampled_from([*OURS]), _json, max_size=8), _status).map(
    lambda pair: {**pair[0], "status": pair[1]}
)


@given(_answers, st.sampled_from([200, 400, 401, 429, 500, 503]))
def test_any_json_is_an_envelope_or_an_error_of_our_tree(data, status):
    reply = Reply(status, json.dumps(data).encode())
    try:
        assert isinstance(decode(reply, provider="modelslab"), Envelope)
    except ProviderError as error:
        assert error.provider == "modelslab"
    found = explain(reply, provider="modelslab")
    assert found is None or isinstance(found, ProviderError)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_envelope_or_an_error_of_our_tree(body):
    try:
        decode(Reply(200, body), provider="modelslab")
    except ProviderError as error:
        assert error.provider == "modelslab"


# --- refusals ----------------------------------------------------------------------------------------------------

# https://docs.modelslab.com/error-codes, https://docs.modelslab.com/rate-limits, https://stablediffusionapi.com/docs
ERRORS = [
    (400, "prompt is required", "invalid_input"),
    (401, "Invalid API key", "unauthorized"),
    (401, "API key required", "unauthorized"),
    (402, "Insufficient credits. Please add more credits to continue.", "insufficient_credits"),
    (403, "This feature requires a premium subscription", "forbidden"),
    (429, "Rate limit exceeded. Maximum 5 queued requests allowed.", "rate_limited"),
    (500, "Internal server error. Please try again.", "service_unavailable"),
    (503, "Service temporarily unavailable. Please try again later.", "service_unavailable"),
    (404, "Model not found: invalid_model_name", "model_not_found"),
    (400, "Unable to fetch image from provided URL", "invalid_input"),
    (401, "Invalid Api Key", "unauthorized"),
    (404, "Model id not found", "model_not_found"),
]


@pytest.mark.parametrize(("status", "text", "kind"), ERRORS)
def test_a_documented_error_has_its_kind_under_any_http_status(status, text, kind):
    body = json.dumps({"status": "error", "message": text}).encode()

    for code in (status, 200):
        found = explain(Reply(code, body), provider="modelslab")
        assert found is not None
        charged = None if code == 500 else False  # what broke inside may have been made
        assert (found.kind, found.charged, found.provider) == (kind, charged, "modelslab")


def test_a_rate_limit_says_how_long_to_wait_thirty_seconds_unless_told():
    plain = explain(Reply(200, LITERALS[9].encode()), provider="modelslab")
    told = explain(Reply(429, b'{"status":"error","message":"Rate limit exceeded","retry_after":7}'), provider="m")

    assert (plain.retry_after, told.retry_after) == (30.0, 7.0)
    assert plain.retry_same


def test_a_job_that_failed_may_have_been_charged():
    found = explain(Reply(200, LITERALS[7].encode()), provider="modelslab")

    assert isinstance(found, JobFailed)
    assert found.charged is None


def test_an_unknown_job_and_a_success_are_no_refusals():
    assert explain(Reply(200, LITERALS[6].encode()), provider="modelslab") is None
    assert explain(Reply(200, LITERALS[0].encode()), provider="modelslab") is None


def test_a_proxys_page_leaves_the_outcome_open_only_where_it_is_open():
    page = b"<!DOCTYPE html><title>502</title>"

    assert explain(Reply(502, page), provider="modelslab").charged is None
    assert explain(Reply(429, page), provider="modelslab").kind == "rate_limited"
    assert explain(Reply(200, page), provider="modelslab") is None
