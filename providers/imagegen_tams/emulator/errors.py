"""
How TAMS says no: a gRPC status as JSON, `{"code", "message", "details"}`, under the HTTP status of grpc-gateway.

The envelope and `tams_api.ArgumentError` are in the examples of
the page "Workflow Template" of https://tams-docs.tensor.art and in the generated types of
https://github.com/Tensor-Art/tams-sdk.js.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from imagegen.emulator import Response, answer

UNKNOWN, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, RESOURCE_EXHAUSTED = 2, 3, 5, 6, 8
FAILED_PRECONDITION, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 9, 13, 14, 16

_HTTP = {2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 12: 501, 13: 500, 14: 503, 16: 401}
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 429: 8, 500: 13, 501: 12, 502: 14, 503: 14, 504: 4}

# The meaning of each HTTP status in the pages' own words.
_MEANING = {
    400: "Illegal protocol or parameter",
    401: "Signature verification failed",
    403: "Permission exception",
    404: "Requested resource does not exist",
    429: "Request exceeds frequency limit",
    500: "Server error",
    502: "Service offline",
    503: "Overload protection",
}

_PHRASES = {status.value: status.phrase for status in HTTPStatus}  # for a status that no page explains

ARGUMENT_ERROR = "type.googleapis.com/tams_api.ArgumentError"


class Problem(Exception):
    """A refusal.  Raised anywhere below `handle`; whatever the world changed in the same transaction is undone."""

    def __init__(self, code: int, message: str, *details: dict[str, str], status: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details
        self.status = _HTTP.get(code, 500) if status is None else status

    def response(self) -> Response:
        """Return the envelope."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            body["details"] = list(self.details)
        return answer(body, self.status)


def argument(field: str, message: str) -> dict[str, str]:
    """Return one `ArgumentError` detail."""
    return {"@type": ARGUMENT_ERROR, "field": field, "message": message}


def bad_argument(field: str, message: str) -> Problem:
    """One field of the request is wrong."""
    return Problem(INVALID_ARGUMENT, message, argument(field, message))


def by_status(status: int) -> Problem:
    """Return the refusal that goes with an HTTP status (for faults asked for in a prompt)."""
    said = _MEANING.get(status) or _PHRASES.get(status, "Server error")
    return Problem(_CODES.get(status, UNKNOWN), said, status=status)
