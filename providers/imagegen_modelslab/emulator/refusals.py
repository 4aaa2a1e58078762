"""
How the service says no: one refusal, two styles of words.

The v6 API says `{"status": "error", "message": "prompt is required"}` under an HTTP code
(github.com/ModelsLab/docs-v2, error-codes.mdx); the older versions list the faults by field,
`{"message": {"prompt": ["The prompt field is required."]}}`, under HTTP 200 (stablediffusionapi.com/docs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imagegen.emulator import Response, answer

TIP = "Get 20x faster image generation using enterprise plan. Click here : https://modelslab.com/enterprise"
KEY_TIP = (
    "1. Make sure you are passing Content-Type: application/json in header. 2. Make sure you are doing POST request"
    " with valid JSON. 3. Make sure your JSON does not have error, use jsonlint to validate json array."
    " 4. Make sure you have valid API key."
)
CREDIT = "Insufficient credits. Please add more credits to continue."

_BY_STATUS = {
    400: "Invalid request",
    401: "Invalid API key",
    402: CREDIT,
    403: "This feature requires a premium subscription",
    404: "Not found",
    429: "Rate limit exceeded. Maximum 5 queued requests allowed.",
    500: "Internal server error. Please try again.",
    503: "Service temporarily unavailable. Please try again later.",
}


class Refusal(Exception):
    """
    The service says no, before it made or charged anything.

    *legacy* is the message as the older versions word it (None: the same); *more* stands beside the message.
    An error under HTTP 401, 402, 429 or 5xx keeps its code in every version, any other is HTTP 200 in the older ones.
    """

    def __init__(
        self,
        message: str,
        status: int = 400,
        *,
        legacy: object = None,
        more: Mapping[str, Any] | None = None,
        legacy_more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status = message, status
        self.legacy: object = message if legacy is None else legacy
        self.more = dict(more or {})
        self.legacy_more = self.more if legacy_more is None else dict(legacy_more)

    def response(self, *, legacy: bool) -> Response:
        """Return it as the wire shows it."""
        if not legacy:
            return answer({"status": "error", "message": self.message, **self.more}, self.status)
        kept = self.status in (401, 402, 405, 429) or self.status >= 500
        return answer({"status": "error", "message": self.legacy, **self.legacy_more}, self.status if kept else 200)


def of_status(status: int, retry_after: str = "") -> Refusal:
    """Return what the service says under that HTTP status; a 429 says when to come back (30 s on its page)."""
    more = {"retry_after": int(retry_after) if retry_after.isdigit() else 30} if status == 429 else {}
    return Refusal(_BY_STATUS.get(status, f"HTTP {status}"), status, more=more)


def invalid(faults: Mapping[str, Sequence[str]]) -> Refusal:
    """Refuse a body: faults by field, each a predicate (`field is required`, `must be a number`)."""
    field, texts = next(iter(faults.items()))
    first = "is required" if texts[0] == "field is required" else texts[0]
    named = {name: [f"The {name.replace('_', ' ')} {text}." for text in said] for name, said in faults.items()}
    return Refusal(f"{field} {first}", 400, legacy=named)


def no_key() -> Refusal:
    """No key came with the request."""
    return Refusal("API key required", 401, legacy="Invalid Api Key", legacy_more={"tip": KEY_TIP})


def wrong_key() -> Refusal:
    """The key is not one of ours."""
    return Refusal("Invalid API key", 401, legacy="Invalid Api Key", legacy_more={"tip": KEY_TIP})


def no_json() -> Refusal:
    """The body is not a JSON object."""
    return Refusal("Invalid API Request", 400, more={"tip": KEY_TIP})


def no_model(model: str) -> Refusal:
    """There is no such model (or LoRA, embedding, VAE), or it is not loaded yet."""
    return Refusal(f"Model not found: {model}", 400, legacy="Model id not found")


def no_image(why: str = "") -> Refusal:
    """An input picture cannot be had."""
    return Refusal("Unable to fetch image from provided URL", 400, more={"tip": why} if why else {})


def no_route(method: str, path: str) -> Refusal:
    """No page describes this path."""
    return Refusal(f"The route {method} {path} could not be found.", 404)


def wrong_method(method: str) -> Refusal:
    """The path is right, the method is not."""
    text = f"The {method} method is not supported for this route. Supported methods: POST."
    return Refusal(text, 405)


def spam() -> Refusal:
    """The older versions' filter of repeated requests."""
    tips = (
        "you are sending same request multiple times, spam filter is enabled, please wait for 30 seconds and try again"
    )
    return Refusal("Rate limit exceeded", 429, legacy_more={"tips": tips})
