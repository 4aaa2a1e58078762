"""What a TAMS refusal means: bodies first, then the status."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.flow import Reply
from imagegen_tams.errors import ArgumentRefused, explain


def refusal(code, message, status=400, details=(), **headers):
    return Reply(status, json.dumps({"code": code, "message": message, "details": list(details)}).encode(), headers)


def test_page_workflow_template_a_missing_field_names_node_and_field():
    error = explain(refusal(2, "can't find [nodeId:fieldName] 25:image in fields parameter", 500))
    assert isinstance(error, ArgumentRefused)
    assert (error.kind, error.charged, error.faults[0].path) == ("invalid_input", False, "25:image")


def test_page_workflow_template_a_null_image_names_node_and_field():
    detail = {
        "@type": "type.googleapis.com/tams_api.ArgumentError",
        "field": "workflow",
        "message": "node id: 25\nclass type: LoadImage\nimage: 字段必填\n",
    }
    error = explain(refusal(3, "Params Valid", details=[detail]))
    assert isinstance(error, ArgumentRefused)
    assert [(fault.path, fault.message) for fault in error.faults] == [("25:image", "is required (LoadImage)")]
    assert error.as_dict()["faults"] == [{"path": "25:image", "message": "is required (LoadImage)"}]


def argument(field, message):
    return {"@type": "type.googleapis.com/tams_api.ArgumentError", "field": field, "message": message}


@pytest.mark.parametrize("detail", [argument("credits", "not enough"), argument("app", "the balance is used up")])
@pytest.mark.parametrize(("code", "status"), [(3, 400), (9, 400), (8, 429), (2, 500)])
def test_a_detail_that_speaks_of_credits_or_balance_is_about_money_and_no_field(detail, code, status):
    error = explain(refusal(code, "Params Valid", status, [detail]))
    assert (error.kind, error.charged) == ("insufficient_credits", False)
    assert not isinstance(error, ArgumentRefused)
    assert detail["message"] in error.vendor_message


def test_an_input_of_a_node_that_is_called_balance_is_a_field_and_not_about_money():
    detail = argument("workflow", "node id: 4\nclass type: ColorAdjust\nwhite balance: 字段必填\n")
    error = explain(refusal(3, "Params Valid", details=[detail]))
    assert isinstance(error, ArgumentRefused)
    assert error.faults[0].path == "4:white balance"


@pytest.mark.parametrize(
    ("answer", "kind", "charged"),
    [
        (refusal(3, "bad"), "invalid_input", False),
        (refusal(16, "signature verification failed", 401), "unauthorized", False),
        (refusal(7, "no"), "forbidden", False),
        (refusal(5, "app not found", 404), "unauthorized", False),
        (refusal(5, "model not found: 1", 404), "model_not_found", False),
        (refusal(8, "too many", 429), "rate_limited", False),
        (refusal(9, "credits not enough", 400), "insufficient_credits", False),
        (refusal(12, "no", 501), "unsupported_parameter", False),
        (refusal(14, "overload", 503), "service_unavailable", False),
        (refusal(6, "duplicate", 409), "outcome_unknown", None),
        (refusal(2, "panic", 500), "service_unavailable", None),
        (refusal(13, "internal", 500), "service_unavailable", None),
        (refusal(3, "bad", 200), "invalid_input", False),
        (Reply(404, b"unauthorized"), "unauthorized", False),
        (Reply(404, b"nothing here"), "invalid_input", False),
        (Reply(401, b""), "unauthorized", False),
        (Reply(429, b"", {"retry-after": "7"}), "rate_limited", False),
        (Reply(500, b"<html>"), "service_unavailable", None),
        (Reply(502, b""), "service_unavailable", None),
        (Reply(503, b""), "service_unavailable", None),
        (Reply(418, b""), "service_unavailable", None),
    ],
)
def test_each_refusal_has_its_kind_and_says_whether_money_is_in_doubt(answer, kind, charged):
    error = explain(answer)
    assert error is not None
    assert (error.kind, error.charged, error.provider) == (kind, charged, "tams")


def test_a_wait_that_the_vendor_asks_for_is_kept():
    error = explain(Reply(429, b"", {"retry-after": "7"}))
    assert error is not None and error.retry_after == 7.0


@pytest.mark.parametrize(
    "body", [b'{"job":{"id":"1"}}', b'{"credits":1}', b'{"code":0}', b"[]", b"", b"OK", b'{"code":"x"}']
)
def test_what_is_no_refusal_is_none(body):
    assert explain(Reply(200, body)) is None


@given(
    st.integers(100, 599),
    st.binary(max_size=60)
    | st.builds(
        lambda x: json.dumps(x).encode(),
        st.dictionaries(
            st.sampled_from(["code", "message", "details", "job"]),
            st.none()
            | st.integers()
            | st.text(max_size=5)
            | st.lists(st.none() | st.dictionaries(st.just("message"), st.text(max_size=5)), max_size=2),
            max_size=4,
        ),
    ),
)
def test_no_answer_breaks_the_reading(status, body):
    error = explain(Reply(status, body))
    assert error is not None or status < 400
