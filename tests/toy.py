"""
A vendor made of a few lines: what an outsider's plugin needs, and what the engine is tested against.

    POST /make {"prompt", "seed", "request_id"} -> {"id"} | 200 {"error"}     GET /jobs/ID -> {"state", "url"}
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from PIL import Image

from imagegen import Client, GenerationRequest, hookimpl, plugins
from imagegen.effects import Http
from imagegen.errors import JobFailed, ProviderError, VendorRefused
from imagegen.flow import Accepted, Call, Download, Flow, Heard, Made, Reply, Settled, fetch, pause, send
from imagegen.ledger.sqlite import SqliteStore
from imagegen.placeholders import Slot
from imagegen.plans import Notebook, Plan
from imagegen.provider import Credentials, Limits, Quote, Range, Record, Setting, Switch, WebhookHint
from imagegen.shells import Shell
from imagegen.transport import Local

BASE = "https://toy.example"
KEY = "canary-7f3a9c"
REQUEST = GenerationRequest(prompt="a cat", seed=5)


def picture(color: str = "red", size: tuple[int, int] = (16, 8)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


class Toy:
    """`keyed` toys honour request_id: a paid call may be sent again."""

    title, unit, verified = "Toy vendor", "image", ""
    settings = (
        Setting(name="api_key", secret=True, required=True),
        Setting(name="base_url", default=BASE),
        Setting(name="on_unknown"),
        Setting(name="concurrent"),
    )
    capabilities: Mapping[type, Mapping[str, Any]] = {GenerationRequest: {"prompt": Switch(), "n": Range(1, 9)}}
    limits = Limits(n_per_call=1, poll_seconds=1.0)

    def __init__(self, name: str = "toy", *, keyed: bool = True, price: Decimal | None = Decimal("0.01")) -> None:
        self.name, self.resend = name, "with_key" if keyed else "never"
        self.keyed, self.amount = keyed, price

    def hosts(self, settings: Mapping[str, Any]) -> frozenset[str]:
        return frozenset({"toy.example"})

    def plan(self, request: GenerationRequest, context: Any) -> Plan:
        notes = Notebook(request, self.name)
        for path in ("prompt", "seed", "n"):
            if path in notes.leaves:
                notes.exact(path, path)
        key = Slot("requestId") if self.keyed else None
        seed = Slot("seed") if request.seed is None else request.seed
        calls = tuple(
            Call(
                method="POST",
                url=f"{context.base_url}/make",
                json={"prompt": request.prompt, "seed": seed, **({"request_id": key} if key else {})},
                pays=True,
                key=key,
            )
            for _ in range(request.n)
        )
        return Plan(
            provider=self.name, request=request, calls=calls, notes=notes.finish(), blockers=tuple(notes.blockers)
        )

    def price(self, plan: Plan, settings: Mapping[str, Any]) -> Quote:
        if self.amount is None:
            return Quote(per_call=(None,) * len(plan.paid_calls))
        total = self.amount * len(plan.paid_calls)
        calls = (self.amount,) * len(plan.paid_calls)
        return Quote(amount=total, low=total, high=total, credits=total * 100, per_call=calls, basis="table")

    def authorize(self, call: Call, credentials: Credentials) -> Call:
        return call.evolve(headers={**call.headers, "Authorization": f"Bearer {credentials.secret('api_key')}"})

    def flow(self, plan: Plan) -> Flow[Made]:
        files = []
        for call in plan.paid_calls:
            reply = yield from send(call)
            if (error := self.explain(reply)) is not None:
                raise error
            job = json.loads(reply.body)
            if not job.get("id"):
                raise ProviderError("sent no id")
            yield Accepted(str(job["id"]))
            files += yield from self._wait(call.url.removesuffix("/make"), str(job["id"]))
        return Made(files=tuple(files))

    def _wait(self, base: str, id: str) -> Flow[list[Any]]:
        while True:
            reply = yield from send(Call(method="GET", url=f"{base}/jobs/{id}", purpose="poll"))
            job = json.loads(reply.body)
            yield Heard(state=job["state"], progress=0.5)
            if job["state"] == "done":
                stored = yield from fetch(Download(url=job["url"], seed=job.get("seed")))
                yield Settled(credits=Decimal(1))
                return [stored]
            if job["state"] == "failed":
                yield Settled(credits=Decimal(0), charged=False)
                raise JobFailed("the toy broke", charged=False, vendor_job_id=id)
            yield from pause(1.0)

    def resume(self, record: Record) -> Flow[Made]:
        base = record.plan.paid_calls[record.index].url.removesuffix("/make")
        return Made(files=tuple((yield from self._wait(base, str(record.job_id)))))

    def cancel(self, record: Record) -> Flow[bool]:
        reply = yield from send(Call(method="DELETE", url=f"{BASE}/jobs/{record.job_id}", purpose="cancel"))
        return reply.status == 200

    def read_webhook(self, call: Any) -> WebhookHint:
        return WebhookHint()

    def explain(self, reply: Reply) -> ProviderError | None:
        kinds: dict[int, Any] = {
            401: "unauthorized",
            402: "insufficient_credits",
            429: "rate_limited",
            503: "service_unavailable",
        }
        if reply.status in kinds:
            after = reply.headers.get("retry-after")
            return VendorRefused(
                "said no", kind=kinds[reply.status], vendor_message=reply.text, retry_after=after and float(after)
            )
        return ProviderError("broke down", charged=None) if reply.status >= 500 else None


class Plugin:
    """What the entry point would name."""

    def __init__(self, *toys: Toy) -> None:
        self.toys = toys

    @hookimpl
    def imagegen_providers(self) -> list[Toy]:
        return list(self.toys)


class Shop:
    """The toy vendor's side: counts what it was asked and what it charged, and fails as told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.charged: dict[str, str] = {}  # job id -> key
        self.faults: list[Callable[[Http], Reply | None]] = []
        self.after: list[Callable[[Http, Reply], Reply]] = []
        self.polls = 1
        self.now = 1_000.0
        self.picture = picture()

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def send(self, http: Http) -> Reply:
        wire = http.wire
        path = wire.url.removeprefix(BASE)
        self.requests.append((wire.method, path))
        if self.faults and (said := self.faults.pop(0)(http)) is not None:
            return said
        reply = self._answer(wire.method, path, json.loads(wire.content) if wire.content else {})
        return self.after.pop(0)(http, reply) if self.after else reply

    def _answer(self, method: str, path: str, body: Any) -> Reply:
        if path == "/make":
            self.bodies.append(body)
            key = body.get("request_id", f"anonymous-{len(self.charged)}")
            known = [job for job, k in self.charged.items() if k == key]
            job = known[0] if known else f"j{len(self.charged) + 1}"
            self.charged[job] = key
            return reply({"id": job})
        if path.startswith("/jobs/") and method == "GET":
            self.polls -= 1
            state = "running" if self.polls >= 0 else "done"
            return reply({"state": state, "url": f"{BASE}/files/{path[6:]}.png", "seed": 7})
        if path.startswith("/files/"):
            return Reply(200, self.picture, {"content-type": "text/plain"})
        return reply({})

    def count(self, path: str) -> int:
        return sum(1 for _, asked in self.requests if asked.startswith(path))


def reply(data: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(data).encode(), {k.replace("_", "-"): v for k, v in headers.items()})


def saying(*replies: Any) -> Iterator[Callable[[Http], Reply | None]]:
    """Faults for `Shop.faults`: each is a reply, an exception to raise, or None (answer as usual)."""
    for item in replies:

        def fault(http: Http, item: Any = item) -> Reply | None:
            if isinstance(item, Exception):
                raise item
            return item

        yield fault


def open_client(shop: Shop, tmp_path: Path, *toys: Toy, **words) -> Client:
    """Open a client whose only vendors are *toys*, all served by *shop*, in the shop's own time."""
    registry = plugins.load([("toys", Plugin(*(toys or (Toy(),))))])
    names = list(registry.providers)
    client = Client(
        registry=registry,
        home=tmp_path / "home",
        ledger=SqliteStore(tmp_path / "home" / "ledger.sqlite3", now=lambda: shop.now),
        output=tmp_path / "out",
        settings={name: {"api_key": KEY, **words} for name in names},
        dice=random.Random(1),
    )
    client.shell.transport.close()
    object.__setattr__(client.session.means, "clock", lambda: shop.now)
    client.shell = Shell(Local(shop.send, shop.sleep), client._tell)
    return client
