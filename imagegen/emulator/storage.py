"""
`/files/<name>`: finished pictures and uploads, as an object storage would serve them.

GET and HEAD, byte ranges (so that a broken download can go on), an ETag, and the XML errors of S3
(https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html): a dead link answers 403 `AccessDenied`.
"""

from __future__ import annotations

import hashlib
import re

from . import Request, Response
from .world import World

PREFIX = "/files/"
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def serve_file(request: Request, world: World) -> Response:
    """Answer a request whose path starts with `/files/`."""
    if request.method not in ("GET", "HEAD"):
        return _error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    found = world.file(request.path.removeprefix(PREFIX))
    if found is None:
        return _error(404, "NoSuchKey", "The specified key does not exist.")
    body, media_type, expired = found
    if expired:
        return _error(403, "AccessDenied", "Request has expired")
    tag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    headers = {"content-type": media_type, "accept-ranges": "bytes", "etag": tag}
    status, first, end = 200, 0, len(body)
    wanted = request.headers.get("range")
    if wanted and request.headers.get("if-range", tag) == tag:
        part = _range(wanted, len(body))
        if part is None:
            return _error(
                416,
                "InvalidRange",
                "The requested range is not satisfiable",
                **{"content-range": f"bytes */{len(body)}"},
            )
        if part != (0, len(body)) or wanted.startswith("bytes=0-"):
            status, (first, end) = 206, part
            headers["content-range"] = f"bytes {first}-{end - 1}/{len(body)}"
    headers["content-length"] = str(end - first)
    return Response(status=status, body=b"" if request.method == "HEAD" else body[first:end], headers=headers)


def _range(text: str, size: int) -> tuple[int, int] | None:
    """Read a range as first and end: None when it lies outside, everything when it is no single range."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", text.strip())
    if match is None or match[0] == "bytes=-":
        return 0, size
    first, last = match[1], match[2]
    if not first:
        return (max(size - int(last), 0), size) if int(last) and size else None
    if last and int(last) < int(first):
        return 0, size
    end = min(int(last) + 1, size) if last else size
    return (int(first), end) if int(first) < size else None


def _error(status: int, code: str, message: str, **headers: str) -> Response:
    body = f"{_XML}<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(status=status, body=body.encode(), headers={"content-type": "application/xml", **headers})
