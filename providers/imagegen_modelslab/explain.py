"""
What a refusal means: the vendor's words sorted into the library's error kinds.

The body decides, the HTTP status is a second hint; an error under HTTP 200 and one under 4xx are the same.  Texts are
those of https://docs.modelslab.com/error-codes and https://docs.modelslab.com/rate-limits, and the older ones of
https://stablediffusionapi.com/docs ("possible error responses"), matched as parts and in any case.
"""

from __future__ import annotations

from imagegen.errors import JobFailed, Kind, ProviderError, VendorRefused
from imagegen.flow import Reply

from .dialect import Envelope, decode

SPAM_PAUSE = 30.0  # both generations of the pages name 30 seconds
NOT_FOUND = "request not found"  # said of a job by `fetch`, also shortly after submitting
TRY_LATER = "try again later"

# The first row whose every part occurs in the text wins.
_CLASSES: tuple[tuple[tuple[str, ...], Kind], ...] = (
    (("rate limit",), "rate_limited"),
    (("queue", "limit"), "rate_limited"),
    (("api key",), "unauthorized"),
    (("credit",), "insufficient_credits"),
    (("balance",), "insufficient_credits"),
    (("limit exceeded", "month"), "insufficient_credits"),
    (("subscription",), "forbidden"),
    (("model", "not found"), "model_not_found"),
    (("nsfw",), "content_policy"),
    (("child", "not allowed"), "content_policy"),
    (("unable to fetch image",), "invalid_input"),
    (("is required",), "invalid_input"),
    (("invalid api request",), "invalid_input"),
    (("temporarily unavailable",), "service_unavailable"),
    (("internal server error",), "service_unavailable"),
)
_STATUSES: dict[int, Kind] = {
    400: "invalid_input",
    401: "unauthorized",
    402: "insufficient_credits",
    403: "forbidden",
    404: "provider_error",
    422: "invalid_input",
    429: "rate_limited",
    500: "service_unavailable",
    502: "service_unavailable",
    503: "service_unavailable",
    504: "service_unavailable",
}
_HINTS: dict[Kind, str] = {
    "unauthorized": "Check the key; the enterprise API has a key of its own.",
    "insufficient_credits": "Add credits or another plan at modelslab.com.",
    "forbidden": "The account's plan does not include this.",
    "model_not_found": "Idle models leave the servers after 7 days and can be reloaded.",
}


def classify(text: str, status: int) -> Kind:
    """Return the kind of a refusal from the vendor's *text*, else from the HTTP *status*."""
    said = text.lower()
    for parts, kind in _CLASSES:
        if all(part in said for part in parts):
            return kind
    return _STATUSES.get(status, "provider_error")


def refusal(answer: Envelope, status: int, *, provider: str) -> ProviderError:
    """Return the error for an answer that says `error` or `failed`."""
    text = " ".join(filter(None, (answer.message, answer.tip))) or "no reason given"
    if answer.status == "failed" and "try again" in text.lower():
        return JobFailed(
            "gave up on the job; asking again would be a new, paid job",
            provider=provider,
            vendor_job_id=answer.id or None,
            vendor_message=answer.message,
            status=status,
            charged=None,  # no page says whether a failed job is billed
        )
    kind = classify(text, status)
    error = VendorRefused(
        "refused the request",
        kind=kind,
        provider=provider,
        vendor_job_id=answer.id or None,
        vendor_message=text,
        hint=_HINTS.get(kind, ""),
        retry_after=_pause(answer) if kind == "rate_limited" else answer.retry_after,
        status=status,
    )
    if status == 500 and kind == "service_unavailable":  # no page says whether it broke before the work or after it
        error.charged, error.retry_same, error.try_next = None, False, False
    return error


def explain(reply: Reply, *, provider: str) -> ProviderError | None:
    """Classify *reply*; None = no refusal.  A missing job is none either: it says nothing about the request."""
    try:
        answer = decode(reply, provider=provider)
    except ProviderError as error:
        if 400 <= reply.status < 500:  # said no in some other words, a proxy's page for instance
            return refusal(Envelope(), reply.status, provider=provider)
        return error if reply.status >= 500 else None
    if not answer.refused:
        return None
    return None if unknown_job(answer) else refusal(answer, reply.status, provider=provider)


def unknown_job(answer: Envelope) -> bool:
    """Whether `fetch` says that it does not know the job (yet)."""
    return answer.refused and NOT_FOUND in answer.message.lower()


def _pause(answer: Envelope) -> float:
    return answer.retry_after if answer.retry_after is not None else SPAM_PAUSE
