"""
What a vendor, a proxy or a broken line may send instead of a good answer: seeded mutations of answers that were real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from imagegen.flow import Reply

STATUSES = (200, 200, 200, 201, 202, 204, 301, 400, 401, 402, 403, 404, 409, 422, 429, 500, 502, 503, 504)
JUNK: tuple[Any, ...] = (
    None,
    "",
    "x",
    -1,
    0,
    2**63,
    1e300,
    True,
    [],
    {},
    [None],
    {"id": None},
    "NaN",
    "\ud83d",
    "9" * 400,
)
BODIES = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"42",
    b'"x"',
    b'{"status": "success"}',
    b'{"error": {"message": []}}',
    b"<html><h1>502 Bad Gateway</h1></html>",
    b"\xff\xfe\x00",
    b"[" * 50_000,
)


def strange(reply: Reply, seed: int) -> Reply:
    """Return what came instead of *reply*: other JSON, a cut body, a page, another status."""
    dice = Random(f"strange {seed}")
    match dice.randrange(8):
        case 0:
            return Reply(dice.choice(STATUSES), dice.choice(BODIES), {"content-type": "text/html"})
        case 1:
            return Reply(reply.status, reply.body[: dice.randrange(len(reply.body) + 1)], reply.headers)
        case 2:
            return Reply(dice.choice(STATUSES), reply.body, {**reply.headers, "retry-after": dice.choice(("x", "-1"))})
    return Reply(reply.status, _altered(reply.body, dice), reply.headers)


def _altered(body: bytes, dice: Random) -> bytes:
    """Change one to three places of a JSON body."""
    try:
        tree = json.loads(body)
    except ValueError:
        return dice.choice(BODIES)
    for _ in range(dice.randrange(1, 4)):
        places = list(_places(tree))
        if not places:
            return dice.choice(BODIES)
        _change(*dice.choice(places), dice)
    return json.dumps(tree).encode()


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (container, key) of *tree*."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        yield tree, key
        yield from _places(value)


def _change(container: Any, key: Any, dice: Random) -> None:
    match dice.randrange(4):
        case 0:
            del container[key]
        case 1:
            container[key] = [container[key]]
        case 2 if isinstance(container[key], (int, float)):
            container[key] = str(container[key])
        case _:
            container[key] = dice.choice(JUNK)
