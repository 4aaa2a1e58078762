"""
The provider `modelslab`, and what it shares with its two siblings of the same vendor.

`Sibling` is public: `imagegen_stablediffusionapi` builds its providers on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import attrs

from imagegen.errors import InvalidInput, NotConfigured, ProviderError
from imagegen.flow import Call, Flow, Made, Reply
from imagegen.plans import Plan
from imagegen.provider import (
    Capability,
    Choice,
    Context,
    Credentials,
    Limits,
    Quote,
    Range,
    Record,
    Setting,
    Switch,
    WebhookCall,
    WebhookHint,
)
from imagegen.request import GenerationRequest, Interrogate
from imagegen.samplers import VendorTable
from imagegen.settings import normal_url

from . import calls, captions, explain, jobs, lookup, pricing, sampling, webhook
from .calls import VendorCall, answer_flow, plan_vendor_call
from .editing import EDITING
from .model_calls import MODEL_CALLS
from .newer import NEWER
from .operations import OPERATIONS
from .planning import plan_picture
from .realtime import REALTIME
from .service import NEUTRAL, Fetch, Intake, Service, host, same_host
from .wire import ControlNet, Img2Img, Inpaint, Text2Img

SUFFIXES = ("/v1", "/api")  # ends of the addresses in the documents' examples, which users carry along
SERVICE = Service(
    name="modelslab",
    text2img=Text2Img,
    img2img=Img2Img,
    inpaint=Inpaint,
    controlnet=ControlNet,
    fetch=Fetch(path="/api/v6/images/fetch/{id}"),
    intake=Intake(path="/api/v6/base64_to_url", word="base64_string"),
    neutral=NEUTRAL,
)


def picture_capabilities() -> dict[str, Capability]:
    """Return what the family's endpoints take of a `GenerationRequest`."""
    return {
        "prompt": Switch(),
        "negative_prompt": Switch("not with Flux models"),
        "model": Switch(),
        "width": Range(64, 1024, 8),
        "height": Range(64, 1024, 8),
        "n": Range(1, None),
        "steps": Choice(("21", "31", "41")),
        "cfg_scale": Range(1, 20),
        "distilled_guidance": Range(1, 20),
        "sampler": Switch("see: imagegen samplers"),
        "schedule": Choice(("uniform", "karras")),
        "seed": Range(0, 2**32 - 1),
        "clip_skip": Range(1, 8),
        "loras": Range(0.1, 1),
        "embeddings": Switch("without weights"),
        "vae": Switch(),
        "init_image": Switch("public https addresses, or files up to 5 MB"),
        "strength": Range(0, 1),
        "mask_image": Switch("white = repaint"),
        "controls": Range(0.1, 5),
        "upscale": Choice(("2",)),
        "provider_options": Switch(),
    }


def picture_settings(
    key_env: str, url_env: str, base_url: str, model: str, plan: str = "unknown"
) -> tuple[Setting, ...]:
    """Return the settings that all siblings have."""
    return (
        Setting(name="api_key", env=key_env, secret=True, required=True, help="sent as `key` in the body"),
        Setting(name="base_url", env=url_env, default=base_url, suffixes=SUFFIXES, help="without /api"),
        Setting(name="model", default=model, help="the model when a request names none"),
        Setting(
            name="plan",
            default=plan,
            choices=("unknown", *pricing.PRESETS),
            price=True,
            help="which price statement holds for you; the vendor's pages disagree",
        ),
        Setting(name="usd_per_image", price=True, amount=True, help="your own price per picture"),
        Setting(name="usd_per_load", price=True, amount=True, help="your own price per model load; no page gives one"),
        Setting(name="monthly_images", price=True, amount=True, help="pictures per month, to share out a flat fee"),
        Setting(name="safety_checker", choices=("yes", "no"), help="default no: the vendor replaces unsafe pictures"),
        Setting(
            name="safety_checker_type",
            choices=("blur", "sensitive_content_text", "pixelate", "black"),
            help="what replaces an unsafe picture",
        ),
        Setting(name="base64", choices=("yes", "no"), help="results as base64 text instead of pictures"),
        Setting(name="temp", choices=("yes", "no"), help="result links that live 24 hours"),
        Setting(name="webhook", help="address that is told when a picture is done"),
    )


class Sibling(ABC):
    """What the family's providers have in common: one body key, one envelope, no idempotency, no cancelling."""

    name: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[Sequence[Setting]]
    capabilities: ClassVar[Mapping[type, Mapping[str, Capability]]]
    limits: ClassVar[Limits]
    resend: ClassVar[Literal["with_key", "never"]] = "never"
    unit: ClassVar[str] = "image"
    verified: ClassVar[str] = ""
    operations: ClassVar[tuple[type, ...]]  # the vendor calls that this service documents
    shelf: ClassVar[lookup.Shelf]

    def hosts(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Only the configured host sees the key."""
        return frozenset({host(str(settings.get("base_url") or ""))[1]})

    @abstractmethod
    def service(self, settings: Mapping[str, Any]) -> Service:
        """Return the service as the settings have it."""

    def samplers(self) -> VendorTable:
        """Return the family's names for samplers and schedules, each with its grade and the reason."""
        return sampling.table()

    def plan(self, request: Any, context: Context) -> Plan:
        """Draft what would be sent."""
        context = tidy(context)
        if isinstance(request, VendorCall):
            return plan_vendor_call(request, context, self.service(context.settings), self.operations)
        return plan_picture(request, context, self.service(context.settings))

    def price(self, plan: Plan, settings: Mapping[str, Any]) -> Quote:
        """Price a plan by the preset that the setting `plan` names."""
        return pricing.price(plan, settings)

    def authorize(self, call: Call, credentials: Credentials) -> Call:
        """Put the key into the body (into the query of a GET without body); never for another host."""
        if not same_host(call.url, str(credentials.settings.get("base_url") or "")):
            raise InvalidInput(f"the key of {self.name} only goes to its configured address, not to {call.url}")
        try:
            key = credentials.secret("api_key")
        except LookupError as error:
            raise NotConfigured(str(error), provider=self.name, hint=_key_hint(self.settings)) from None
        if call.json is None and call.method == "GET":
            return call.evolve(params={**call.params, "key": key})
        return call.evolve(json={"key": key, **(call.json or {})})

    def flow(self, plan: Plan) -> Flow[Made]:
        """Tell the order of things.  Goes by the plan's facts: one found in the ledger has no request object."""
        return answer_flow(plan) if plan.facts["kind"] == "call" else jobs.pictures(plan)

    def resume(self, record: Record) -> Flow[Made]:
        """Ask for an accepted job again."""
        facts = record.plan.facts
        return calls.resume(record) if facts["kind"] == "call" and not facts["pictures"] else jobs.resume(record)

    def look_up(self, what: str, ref: str, settings: Mapping[str, Any]) -> Flow[Any]:
        """Ask about the `models` or one `model`.  Free."""
        return lookup.look_up(what, ref, normal_url(str(settings.get("base_url") or ""), SUFFIXES), self.shelf)

    def cancel(self, record: Record) -> Flow[bool]:  # noqa: ARG002 (the protocol's)
        """The documents have no way to cancel."""
        yield from ()
        return False

    def read_webhook(self, call: WebhookCall) -> WebhookHint:
        """Read which job a call is about."""
        return webhook.read_webhook(call)

    def explain(self, reply: Reply) -> ProviderError | None:
        """Classify a refusal."""
        return explain.explain(reply, provider=self.name)


def tidy(context: Context) -> Context:
    """Forgive a base URL that carries `/api` along, also where no settings file was read."""
    return attrs.evolve(context, settings={**context.settings, "base_url": normal_url(context.base_url, SUFFIXES)})


def _key_hint(settings: Sequence[Setting]) -> str:
    env = next(setting.env for setting in settings if setting.name == "api_key")
    return f"Set {env}, or api_key in imagegen.toml (as env:NAME or keyring:NAME)."


class ModelsLab(Sibling):
    """ModelsLab's community models, API v6."""

    name: ClassVar[str] = "modelslab"
    title: ClassVar[str] = "ModelsLab"
    settings: ClassVar[Sequence[Setting]] = picture_settings(
        "MODELSLAB_API_KEY", "MODELSLAB_BASE_URL", "https://modelslab.com", "tamarin-xl-v1"
    )
    capabilities: ClassVar[Mapping[type, Mapping[str, Capability]]] = {
        GenerationRequest: picture_capabilities(),
        Interrogate: {
            "image": Switch("public https addresses, or files up to 5 MB"),
            "natural": Switch("captions only"),
            "provider_options": Switch(),
        },
        VendorCall: {"call": Switch("see docs/coverage.md")},
    }
    # Queued requests per account by plan: 5, 10 or 15 (https://docs.modelslab.com/rate-limits); 5 is safe for all.
    limits: ClassVar[Limits] = Limits(concurrent=5, n_per_call=4)
    operations: ClassVar[tuple[type, ...]] = (*OPERATIONS, *MODEL_CALLS, *EDITING, *REALTIME, *NEWER)
    shelf: ClassVar[lookup.Shelf] = lookup.Shelf(provider="modelslab", paths=lookup.SHARED)

    def plan(self, request: Any, context: Context) -> Plan:
        """Draft what would be sent."""
        if isinstance(request, Interrogate):
            return captions.plan_interrogate(request, tidy(context), SERVICE)
        return super().plan(request, context)

    def flow(self, plan: Plan) -> Flow[Made]:
        """Tell the order of things."""
        return captions.flow(plan) if plan.facts["kind"] == "caption" else super().flow(plan)

    def resume(self, record: Record) -> Flow[Made]:
        """Ask for an accepted job again."""
        return captions.resume(record) if record.plan.facts["kind"] == "caption" else super().resume(record)

    def service(self, settings: Mapping[str, Any]) -> Service:  # noqa: ARG002 (the siblings' differ by settings)
        """There is one."""
        return SERVICE
