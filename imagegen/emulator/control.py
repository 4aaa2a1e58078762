"""
`/_emulator/`: what a test or a person may see and change in the emulated world.

    GET  jobs       every charged job: provider, id, idempotency_key, prompt, state, credits
    GET  books      sums per provider            GET  requests    the journal, without secrets
    GET  webhooks   queued and sent              GET  deviations  rules that no document supports
    GET, POST, DELETE faults    {"fault": "http=500", "provider": "acme", "path": "/v1", "times": 2}
    GET, POST clock             {"advance": 5}
    GET, POST accounts          {"provider": "acme", "credits": "0.5", "account": ""}
    POST public-keys            {"id": "app", "pem": "-----BEGIN PUBLIC KEY-----..."}
    POST reset
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from . import Request, Response, account, answer, outbox
from .faults import Rule
from .journal import redact
from .world import World

PREFIX = "/_emulator"
PUBLIC_KEYS = "public-key"  # kind in the world's memory: app id -> PEM


def control(request: Request, world: World) -> Response:
    """Answer a control request (its path starts with `/_emulator`)."""
    name = request.path.removeprefix(PREFIX).strip("/")
    doors = {(method, door): act for (method, door), act in DOORS.items() if door == name}
    if not doors:
        return answer(
            {"error": f"there is no {name!r}; there are {', '.join(sorted({door for _, door in DOORS}))}"},
            404,
        )
    act = doors.get((request.method, name))
    if act is None:
        return answer({"error": f"{name} takes {', '.join(sorted(method for method, _ in doors))}"}, 405)
    try:
        return answer(act(world, request.json()))
    except ValueError as error:
        return answer({"error": str(error)}, 400)


def _jobs(world: World, _: Any) -> Any:
    return world.books()


def _requests(world: World, _: Any) -> Any:
    return world.journal()


def _webhooks(world: World, _: Any) -> Any:
    return [redact(entry) for entry in outbox.listed(world)]


def _books(world: World, _: Any) -> Any:
    books = world.books()
    sums: dict[str, Any] = {}
    for provider in sorted({row["provider"] for row in books}):
        rows = [row for row in books if row["provider"] == provider]
        total = sum((Decimal(row["credits"]) for row in rows), Decimal(0))
        states = Counter(row["state"] for row in rows)
        sums[provider] = {"jobs": len(rows), "credits": str(total), "states": dict(sorted(states.items()))}
    return sums


def _faults(world: World, _: Any) -> Any:
    return world.rules_posted()


def _add_faults(world: World, body: Any) -> Any:
    rules = [Rule.of(item) for item in (body if isinstance(body, list) else [body])]
    for rule in rules:
        world.add_fault(rule)
    return world.rules_posted()


def _clear_faults(world: World, _: Any) -> Any:
    world.clear_faults()
    return []


def _clock(world: World, _: Any) -> Any:
    return {"now": world.now(), "manual": world.clock.manual, "speed": world.clock.speed}


def _advance(world: World, body: Any) -> Any:
    seconds = body.get("advance") if isinstance(body, Mapping) else None
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 <= seconds < 1e10:
        raise ValueError('wants {"advance": seconds}; time never runs backward')
    world.advance(seconds)
    return _clock(world, None)


def _accounts(world: World, _: Any) -> Any:
    return account.balances(world)


def _grant(world: World, body: Any) -> Any:
    if not isinstance(body, Mapping) or not isinstance(body.get("provider"), str):
        raise ValueError('wants {"provider": name, "credits": amount}')
    try:
        amount = Decimal(str(body.get("credits")))
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        raise ValueError("credits must be a number")
    account.grant(world, body["provider"], amount, str(body.get("account", "")))
    return account.balances(world)


def _public_key(world: World, body: Any) -> Any:
    if not isinstance(body, Mapping) or not all(isinstance(body.get(name), str) for name in ("id", "pem")):
        raise ValueError('wants {"id": app id, "pem": public key}')
    world.put(PUBLIC_KEYS, body["id"], body["pem"])
    return {"id": body["id"]}


def _reset(world: World, _: Any) -> Any:
    world.reset()
    return {"reset": True}


DOORS: dict[tuple[str, str], Callable[[World, Any], Any]] = {
    ("GET", "jobs"): _jobs,
    ("GET", "requests"): _requests,
    ("GET", "books"): _books,
    ("GET", "webhooks"): _webhooks,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _advance,
    ("GET", "accounts"): _accounts,
    ("POST", "accounts"): _grant,
    ("POST", "public-keys"): _public_key,
    ("POST", "reset"): _reset,
}
