"""Answers of a vendor, bent: in their JSON, in their bytes, in their status and headers.  All from one seeded dice."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import attrs

from imagegen.flow import Reply

VALUES: tuple[Any, ...] = (
    None, "", " ", 0, -1, 1, 2**63, 10**400, -0.5, 1e308, float("nan"), float("inf"), True, False, [], {}, [[]], [None],
    {"a": None}, "null", "0", "-1", "1e999", "success", "processing", "SUCCESS", "FAILED", "error", "a" * 5000, "\x00",
    "\ud800", "\u202e\u0000x", "日本語", "../../etc/passwd", "<html>", "data:image/png;base64,AAAA", "data:,", "AAAA",
)  # fmt: skip
URLS = (
    "file:///etc/passwd", "ftp://a/b", "http://169.254.169.254/latest/", "http://[::1", "http://a:99999/x", "http://",
    "http://a..b/x", "http://" + "a" * 70 + ".example/x", "http:///x", "//cdn.example/x.png", "javascript:alert(1)",
    "http://user:pw@cdn.example/x", "http://cdn.example/%zz\x7f", "http://xn--/x", "http://cdn.example:0/x", "HTTPS://CDN",
    "http://127.0.0.1:1/x", "http://\u2100.example/x", "http://cdn.example/ä b", "https://cdn.example\\@evil.example/",
)  # fmt: skip
STATUSES = (
    100,
    200,
    201,
    202,
    204,
    206,
    301,
    302,
    304,
    400,
    401,
    402,
    403,
    404,
    409,
    418,
    422,
    429,
    500,
    502,
    503,
    504,
    520,
)
HEADERS = ({"retry-after": "soon"}, {"retry-after": "-5"}, {"retry-after": "1e9"}, {"retry-after": "nan"}, {"location": "http://[x"},
           {"content-type": "text/html"}, {"location": "http://cdn.example/y"})  # fmt: skip
BODIES = (
    b"", b" ", b"null", b"[]", b"{}", b'"text"', b"0", b"true", b"NaN", b"\xff\xfe\x00", b"\xef\xbb\xbf{}", b"{" * 3000, b"[" * 100_000,
    b'{"a":' * 50_000, b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", b"\x89PNG\r\n\x1a\n", b'{"status":"success"}',
    b'{"status":"processing"}', b'{"job":{}}', b'{"job":null}', b'{"code":0}', b'{"code":"x","message":[]}', b'{"id":1e400}',
)  # fmt: skip


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where something stands in a JSON tree."""
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return [path, *(place for key in keys for place in places(tree[key], (*path, key)))]


def bent(tree: Any, dice: random.Random) -> Any:
    """Change one to three places of a JSON tree."""
    tree = copy.deepcopy(tree)
    for _ in range(dice.randint(1, 3)):
        spots = [place for place in places(tree) if place]
        if not spots:
            return dice.choice(VALUES)
        *way, last = dice.choice(spots)
        holder = tree
        for key in way:
            holder = holder[key]
        dice.choice(CHANGES)(holder, last, dice)
    return tree


def _replace(holder: Any, key: Any, dice: random.Random) -> None:
    holder[key] = copy.deepcopy(dice.choice(VALUES))


def _url(holder: Any, key: Any, dice: random.Random) -> None:
    address = dice.choice(URLS)
    holder[key] = [address] if isinstance(holder[key], list) else address


def _remove(holder: Any, key: Any, dice: random.Random) -> None:
    del holder[key]


def _wrap(holder: Any, key: Any, dice: random.Random) -> None:
    holder[key] = dice.choice(([holder[key]], {"value": holder[key]}, str(holder[key]), [holder[key]] * 3))


def _bury(holder: Any, key: Any, dice: random.Random) -> None:
    for _ in range(dice.choice((5, 200))):
        holder[key] = [holder[key]]


def _rename(holder: Any, key: Any, dice: random.Random) -> None:
    if isinstance(holder, dict):
        holder[dice.choice(("", "id", "status", "url", "output", "job", "code", "\ud800"))] = holder.pop(key)


CHANGES: tuple[Callable[[Any, Any, random.Random], None], ...] = (
    _replace,
    _replace,
    _url,
    _remove,
    _wrap,
    _bury,
    _rename,
)


def mutant(reply: Reply, dice: random.Random) -> Reply:
    """Return *reply* as a broken vendor, or somebody on the way, might send it."""
    how = dice.random()
    if how < 0.6:
        try:
            body = json.dumps(bent(json.loads(reply.body), dice)).encode("utf-8", "surrogatepass")
        except ValueError:
            body = flipped(reply.body, dice)
        return attrs.evolve(reply, body=body)
    if how < 0.7:
        return attrs.evolve(reply, body=reply.body[: dice.randrange(len(reply.body) + 1)])
    if how < 0.8:
        return attrs.evolve(reply, body=flipped(reply.body, dice))
    if how < 0.9:
        return attrs.evolve(reply, body=dice.choice(BODIES))
    return attrs.evolve(reply, status=dice.choice(STATUSES), headers={**reply.headers, **dice.choice(HEADERS)})


def flipped(data: bytes, dice: random.Random) -> bytes:
    """Change a few bytes."""
    bytes_ = bytearray(data)
    for _ in range(dice.randint(1, 8) if bytes_ else 0):
        bytes_[dice.randrange(len(bytes_))] = dice.randrange(256)
    return bytes(bytes_)
