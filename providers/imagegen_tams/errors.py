"""
What TAMS means when it says no: the envelope first, then the HTTP status.

The envelope is gRPC's (`{"code", "message", "details"}`).  The page "Workflow Template" of
https://tams-docs.tensor.art shows permanent faults of the caller under code 2 (UNKNOWN), which gateways send as HTTP
500: so a 5xx is no proof of a passing trouble, and it is no proof either that no job was made.  Status meanings are
those of the vendor's error page as its clients cite it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from imagegen import wire
from imagegen.errors import Fault, Kind, OutcomeUnknown, ProviderError, VendorRefused
from imagegen.flow import Reply

from .answers import ErrorAnswer
from .settings import NAME

_MISSING_FIELD = re.compile(r"can't find \[nodeId:fieldName\] ([^:\s]+):(\S+)")
_NODE = re.compile(r"node id: (?P<node>[^\n]+)\n(?:class type: (?P<cls>[^\n]+)\n)?(?P<rest>.*)", re.DOTALL)
_FIELD = re.compile(r"^([\w.|+ -]+): *(.+)$", re.MULTILINE)
_NO_APP = re.compile(r"\bapp not found\b|\bunauthorized\b|invalid authorization", re.IGNORECASE)
_NO_CREDIT = re.compile(r"\bcredits?\b|\bbalance\b|余额|积分不足|点数不足", re.IGNORECASE)
_MODEL = re.compile(r"\b(model|checkpoint|lora|vae|embedding)s?\b", re.IGNORECASE)
_WORDS_LIMIT = 500

_BY_CODE: dict[int, Kind] = {  # google.rpc.Code; absent: nobody can say whether the job was made
    3: "invalid_input",
    5: "invalid_input",
    7: "forbidden",
    8: "rate_limited",
    9: "invalid_input",
    11: "invalid_input",
    12: "unsupported_parameter",
    16: "unauthorized",
}
_BY_STATUS: dict[int, Kind] = {
    400: "invalid_input",
    401: "unauthorized",
    402: "insufficient_credits",
    403: "forbidden",
    404: "invalid_input",
    405: "unsupported_parameter",
    413: "invalid_input",
    429: "rate_limited",
    501: "unsupported_parameter",
}


class ArgumentRefused(VendorRefused):
    """The vendor refused single fields; `faults` says which, by `node:field`."""

    def __init__(self, faults: tuple[Fault, ...], **words: Any) -> None:
        super().__init__("; ".join(str(fault) for fault in faults), kind="invalid_input", **words)
        self.faults = faults

    def as_dict(self) -> dict[str, Any]:
        faults = [{"path": fault.path, "message": fault.message} for fault in self.faults]
        return {**super().as_dict(), "faults": faults}


def explain(reply: Reply) -> ProviderError | None:
    """Classify a refusal; None = it is none.  `charged` is None where the outcome cannot be known."""
    envelope = _envelope(reply)
    if envelope is None:
        return None if reply.status < 400 else _by_status(reply)
    words = _words(envelope)
    faults = tuple(_faults(envelope))
    if faults and not _about_money(envelope):
        return ArgumentRefused(faults, **_common(reply, words))
    if envelope.code == 6:
        return OutcomeUnknown("knows this requestId already", **_common(reply, words))
    kind = "insufficient_credits" if _about_money(envelope) else _kind(envelope, words, reply)
    if kind is None:
        return _unknown(reply, words)
    return VendorRefused(_SAYINGS.get(kind, "refused the request"), kind=kind, **_common(reply, words))


def accepted(reply: Reply) -> Reply:
    """Return an answer that is no refusal; raise one that is."""
    error = explain(reply)
    if error is not None:
        raise error
    return reply


_SAYINGS: dict[Kind, str] = {
    "invalid_input": "refused the request",
    "unauthorized": "does not accept this key for this application",
    "forbidden": "does not allow this",
    "rate_limited": "is asked too often",
    "insufficient_credits": "says the credits are used up",
    "model_not_found": "does not know this model",
    "unsupported_parameter": "does not offer this",
    "service_unavailable": "is overloaded",
}


def _envelope(reply: Reply) -> ErrorAnswer | None:
    """Return the refusal in a body, whatever the HTTP status says."""
    try:
        data = wire.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or "code" not in data or "job" in data:
        return None
    try:
        envelope = wire.read(data, ErrorAnswer, provider=NAME)
    except ProviderError:
        return None
    return envelope if envelope.code != 0 else None


def _kind(envelope: ErrorAnswer, words: str, reply: Reply) -> Kind | None:
    if _NO_APP.search(words):
        return "unauthorized"  # also under 404: "app not found" is about the key, not about a thing
    kind = _BY_CODE.get(envelope.code)
    if _NO_CREDIT.search(words) and kind != "rate_limited":
        return "insufficient_credits"
    if envelope.code == 5 and _MODEL.search(words):
        return "model_not_found"
    if envelope.code == 14 and reply.status == 503:
        return "service_unavailable"  # "overload protection": not accepted
    return kind or _BY_STATUS.get(reply.status)


def _about_money(envelope: ErrorAnswer) -> bool:
    """
    Whether a detail says that credits are lacking.  No page shows that answer; a public client looks for it there.

    What a node of a graph complains about is no money (an input may well be called `white_balance`).
    """
    arguments = (one for one in envelope.details if one.type.endswith("ArgumentError") and not _NODE.match(one.message))
    return any(_NO_CREDIT.search(f"{one.field} {one.message}") for one in arguments)


def _by_status(reply: Reply) -> ProviderError:
    words = " ".join(reply.text[:_WORDS_LIMIT].split())
    kind = _BY_STATUS.get(reply.status)
    if kind is not None and _NO_APP.search(words):
        kind = "unauthorized"
    if kind is None:
        return _unknown(reply, words)
    return VendorRefused(_SAYINGS.get(kind, "refused the request"), kind=kind, **_common(reply, words))


def _unknown(reply: Reply, words: str) -> ProviderError:
    """A server fault: a job may have been made all the same."""
    error = ProviderError(
        f"failed (HTTP {reply.status})", kind="service_unavailable", charged=None, **_common(reply, words)
    )
    error.retry_same = True  # every paid call carries its requestId
    return error


def _common(reply: Reply, words: str) -> dict[str, Any]:
    after = reply.headers.get("retry-after", "")
    return {
        "provider": NAME,
        "status": reply.status,
        "vendor_message": words,
        "retry_after": float(after) if after.isdigit() else None,
    }


def _words(envelope: ErrorAnswer) -> str:
    details = (f"{detail.field} {detail.message}" for detail in envelope.details if detail.message)
    return " ".join(" ".join([envelope.message, *details]).split())[:_WORDS_LIMIT]


def _faults(envelope: ErrorAnswer) -> Iterator[Fault]:
    missing = _MISSING_FIELD.search(envelope.message)
    if missing:
        yield Fault(f"{missing[1]}:{missing[2]}", "the template needs this field")
    for detail in envelope.details:
        if detail.type.endswith("ArgumentError"):
            yield from _of_detail(detail.field, detail.message)


def _of_detail(place: str, message: str) -> Iterator[Fault]:
    """Read "node id: 25, class type: LoadImage, image: ..." as `25:image`; 字段必填 = the field is required."""
    node = _NODE.match(message)
    if node is None:
        yield Fault(place, message.strip())
        return
    for name, text in _FIELD.findall(node["rest"]):
        said = "is required" if "字段必填" in text else text.strip()
        yield Fault(f"{node['node'].strip()}:{name}", f"{said} ({node['cls']})" if node["cls"] else said)
