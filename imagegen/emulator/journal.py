"""
What the emulator remembers about each call, without any secret.

`redact` is the only way into the journal: it blanks values under the names of secrets, takes those very
values out of every other text of the entry (a vendor that echoes a key), and shortens pictures sent as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from imagegen.placeholders import SECRET
from imagegen.redaction import is_secret

from . import Request

LONG = 2000  # characters of a text that are kept: pictures travel as base64

_IN_TEXT = re.compile(r"(?i)\b((?:[a-z_-]*token|api_?key|key|signature|x-[a-z-]*credential)=)[^&\s\"']+")
_SCHEME = re.compile(r"(?i)^(bearer|basic|[a-z0-9-]+-rsa)\b")


def redact(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return *entry* without secrets and with long texts cut."""
    found = sorted({form for value in _secrets(entry) for form in _forms(value)}, key=len, reverse=True)
    cleaned: dict[str, Any] = _clean(entry, found)
    return cleaned


def describe(request: Request) -> dict[str, Any]:
    """Return what the journal says about a request: method, path, query, signature, and its body as data."""
    told: dict[str, Any] = {"method": request.method, "path": request.path, "query": dict(request.query)}
    if credential := request.headers.get("authorization"):
        told["authorization"] = credential
    if request.body:
        told["body"] = _body(request)
    return told


def _body(request: Request) -> Any:
    try:
        return request.json()
    except ValueError:
        return f"<{len(request.body)} bytes>"


def _secrets(tree: Any, hidden: bool = False) -> Iterator[str]:
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from _secrets(value, hidden or is_secret(str(name)))
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from _secrets(value, hidden)
    elif hidden and isinstance(tree, str) and len(tree) >= 4:  # shorter ones would riddle innocent texts
        yield tree
        yield from (part for part in re.split(r"[\s,]+", tree)[1:] if len(part) >= 8)  # `Bearer abc`


def _forms(secret: str) -> Iterator[str]:
    """The spellings in which one text can hold another: raw, URL-encoded, inside JSON."""
    yield from (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1])


def _clean(tree: Any, found: list[str], name: str = "") -> Any:
    if isinstance(tree, Mapping):
        return {_text(str(key), found): _clean(value, found, str(key)) for key, value in tree.items()}
    if name and is_secret(name) and tree not in (None, "", [], ()):
        scheme = _SCHEME.match(tree) if isinstance(tree, str) else None
        return f"{scheme[1]} {SECRET}" if scheme else SECRET
    if isinstance(tree, (list, tuple)):
        return [_clean(value, found) for value in tree]
    return _text(tree, found) if isinstance(tree, str) else tree


def _text(text: str, found: list[str]) -> str:
    for secret in found:
        text = text.replace(secret, SECRET)
    text = _IN_TEXT.sub(rf"\g<1>{SECRET}", text)
    return text if len(text) <= LONG else f"{text[:80]}… <{len(text)} characters>"
