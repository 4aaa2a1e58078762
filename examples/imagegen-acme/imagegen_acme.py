"""
Acme Pictures, a vendor that does not exist: everything a provider needs, in one module.

    POST /v1/pictures {"text", "avoid", "width", "height", "steps", "guidance", "seed"} -> {"id", "state": "queued"}
    GET  /v1/pictures/ID -> {"state": "done", "url", "seed"}        401, 402, 429, ... {"error": "why not"}

Acme takes a bearer token, up to 50 steps and one picture per call, and asks a cent for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from imagegen import GenerationRequest, hookimpl
from imagegen.errors import JobFailed, Kind, ProviderError, VendorRefused
from imagegen.flow import Accepted, Call, Download, Flow, Heard, Made, Reply, Settled, Stored, fetch, pause, send
from imagegen.placeholders import Slot
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context, Credentials, Limits, Quote, Range, Record, Setting, Switch, WebhookHint
from imagegen.wire import parse, read

CENT = Decimal("0.01")
FIELDS = {"prompt": "text", "negative_prompt": "avoid", "width": "width", "height": "height", "cfg_scale": "guidance"}
REFUSALS: Mapping[int, Kind] = {401: "unauthorized", 402: "insufficient_credits", 429: "rate_limited"}


@frozen(kw_only=True)
class Picture:
    """What Acme says about a picture; unknown fields are ignored."""

    id: str = ""
    state: str
    url: str = ""
    seed: int | None = None
    error: str = ""


class Acme:
    """The provider: it says what would be sent, what it costs, and in which order things happen."""

    name, title, unit, verified = "acme", "Acme Pictures", "image", ""
    resend = "never"
    limits = Limits(per_second=2, n_per_call=1)
    settings = (
        Setting(name="api_key", env="ACME_API_KEY", secret=True, required=True),
        Setting(name="base_url", env="ACME_BASE_URL", default="https://api.acme.example"),
    )
    capabilities = {
        GenerationRequest: {
            "prompt": Switch(),
            "negative_prompt": Switch(),
            "width": Range(64, 2048),
            "height": Range(64, 2048),
            "n": Range(1),
            "steps": Range(1, 50),
            "cfg_scale": Range(0, 100),
            "seed": Range(0, 2**32 - 1),
        }
    }

    def hosts(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Only Acme's own host sees the key."""
        return frozenset({urlsplit(str(settings["base_url"])).netloc})

    # --- what would be sent ---

    def plan(self, request: GenerationRequest, context: Context) -> Plan:
        """Say the request in Acme's words; a leaf that is not named here is reported as dropped."""
        notes = Notebook(request, self.name)
        body: dict[str, Any] = {}
        for ours, theirs in FIELDS.items():
            if (value := notes.leaves.get(ours)) is not None:
                body[theirs] = value
                notes.exact(ours, theirs)
                self._check_range(notes, ours, value)
        body["steps"] = self._steps(notes, request.steps or 1)
        notes.exact("n", "")
        calls = tuple(
            Call(method="POST", url=f"{context.base_url}/v1/pictures", json={**body, "seed": seed}, pays=True)
            for seed in self._seeds(notes, request)
        )
        return Plan(
            provider=self.name, request=request, calls=calls, notes=notes.finish(), blockers=tuple(notes.blockers)
        )

    def _check_range(self, notes: Notebook, path: str, value: Any) -> None:
        rule = self.capabilities[GenerationRequest][path]
        if isinstance(rule, Range) and not (rule.low or 0) <= value <= (rule.high or value):
            notes.block(path, f"Acme takes {rule.low} to {rule.high}", "out_of_range")

    def _steps(self, notes: Notebook, steps: int) -> int:
        if steps <= 50:
            notes.exact("steps", "steps")
        else:
            notes.adjusted("steps", 50, "steps", "Acme draws at most 50 steps")
        return min(steps, 50)

    def _seeds(self, notes: Notebook, request: GenerationRequest) -> list[int | Slot]:
        """One call per picture, each with the next seed; a seed that is not set is drawn when the job starts."""
        if request.seed is None:
            return [Slot("seed", offset) for offset in range(request.n)]
        seed = request.seed % 2**32
        if seed == request.seed:
            notes.exact("seed", "seed")
        else:
            notes.approximated("seed", seed, "seed", "Acme's seeds end at 2**32: another picture")
        return [(seed + offset) % 2**32 for offset in range(request.n)]

    def price(self, plan: Plan, settings: Mapping[str, Any]) -> Quote:
        """A cent a picture."""
        cents = (CENT,) * len(plan.paid_calls)
        total = sum(cents, Decimal(0))
        return Quote(
            amount=total,
            low=total,
            high=total,
            per_call=cents,
            basis="table",
            checked_on="2026-11-21",
            source="https://acme.example/pricing",
        )

    # --- the order of things ---

    def authorize(self, call: Call, credentials: Credentials) -> Call:
        """Add the key, at the last moment: it is in no plan, ledger or log."""
        return call.evolve(headers={**call.headers, "Authorization": f"Bearer {credentials.secret('api_key')}"})

    def flow(self, plan: Plan) -> Flow[Made]:
        """Order every picture, then wait for it and fetch it."""
        files = []
        for call in plan.paid_calls:
            picture = self._read((yield from send(call)))
            if not picture.id:
                raise ProviderError("sent no id", provider=self.name)
            yield Accepted(picture.id)
            files.append((yield from self._wait(f"{call.url}/{picture.id}")))
        return Made(files=tuple(files))

    def resume(self, record: Record) -> Flow[Made]:
        """Go on after a crash with a picture that was ordered: only wait and fetch."""
        file = yield from self._wait(f"{record.plan.paid_calls[record.index].url}/{record.job_id}")
        return Made(files=(file,))

    def _wait(self, url: str) -> Flow[Stored]:
        while True:
            picture = self._read((yield from send(Call(method="GET", url=url, purpose="poll"))))
            yield Heard(state=picture.state)
            if picture.state == "failed":
                yield Settled(credits=Decimal(0), charged=False)
                raise JobFailed(
                    "gave up on the picture", provider=self.name, charged=False, vendor_message=picture.error
                )
            if picture.state == "done" and picture.url:
                file = yield from fetch(Download(url=picture.url, seed=picture.seed))
                yield Settled(credits=Decimal(1))
                return file
            yield from pause(2.0)

    def cancel(self, record: Record) -> Flow[bool]:
        """Acme has no word for it."""
        yield from ()
        return False

    def read_webhook(self, call: Any) -> WebhookHint:
        """Acme calls nobody."""
        return WebhookHint()

    # --- what Acme answers ---

    def _read(self, reply: Reply) -> Picture:
        if (error := self.explain(reply)) is not None:
            raise error
        return read(parse(reply, provider=self.name), Picture, provider=self.name)

    def explain(self, reply: Reply) -> ProviderError | None:
        """Say what a refusal means; the core decides what to do about it."""
        if reply.status < 400:
            return None
        if reply.status >= 500:
            return ProviderError(f"broke down (HTTP {reply.status})", provider=self.name, status=reply.status)
        kind = REFUSALS.get(reply.status, "invalid_input")
        return VendorRefused("refused", kind=kind, provider=self.name, vendor_message=reply.text[:500])


@hookimpl
def imagegen_providers() -> Iterable[Acme]:
    """Offer the provider."""
    return (Acme(),)


# --- the emulator: optional; with it `--emulated` works, and so do the checks of imagegen.testing --------------------


class AcmeEmulator:
    """Acme's side, as its documents have it: a picture is ready one second after it was ordered."""

    prefix = "/acme"
    deviations = ()

    def handle(self, request: Any, world: Any) -> Any:
        """Answer one call."""
        from imagegen.emulator import KEY, answer

        if request.headers.get("authorization") != f"Bearer {KEY}":
            return answer({"error": "unknown key"}, 401)
        if request.method == "POST" and request.path == "/v1/pictures":
            return answer(self._order(request.json(), world))
        order = world.get("acme picture", request.path.rpartition("/")[2])
        if order is None:
            return answer({"error": "no such picture"}, 404)
        if world.now() < order["ready"]:
            return answer({"id": order["id"], "state": "drawing"})
        return answer(
            {"id": order["id"], "state": "done", "url": request.base + self._draw(order, world), "seed": order["seed"]}
        )

    def _order(self, body: Mapping[str, Any], world: Any) -> dict[str, Any]:
        name = f"acme-{world.next('acme')}"
        with world.change():
            world.charge("acme", name, prompt=body["text"], credits=Decimal(1))
            world.put("acme picture", name, {**body, "id": name, "ready": world.now() + 1})
        return {"id": name, "state": "queued"}

    def _draw(self, order: Mapping[str, Any], world: Any) -> str:
        from imagegen.emulator.draw import Scene, draw, encode

        scene = Scene(
            prompt=order["text"],
            negative_prompt=order.get("avoid", ""),
            width=order["width"],
            height=order["height"],
            seed=order["seed"],
            steps=order["steps"],
            cfg_scale=order["guidance"],
        )
        return str(world.keep(f"{order['id']}.png", encode(draw(scene), scene), "image/png"))


@hookimpl
def imagegen_emulators() -> Iterable[AcmeEmulator]:
    """Offer the emulator."""
    return (AcmeEmulator(),)
