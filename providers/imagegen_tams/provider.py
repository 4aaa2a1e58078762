"""The provider `tams`: what it offers, and which room does what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import frozen

from imagegen.errors import ProviderError
from imagegen.flow import Call, Flow, Made, Reply
from imagegen.plans import Plan
from imagegen.provider import (
    Capability,
    Context,
    Credentials,
    Limits,
    Quote,
    Record,
    Setting,
    WebhookCall,
    WebhookHint,
)
from imagegen.request import GenerationRequest

from . import settings as room
from .capabilities import CAPABILITIES

if TYPE_CHECKING:
    from imagegen.samplers import VendorTable


@frozen
class Tams:
    """Tensor.Art's model service; the same service is called TusiArt in China."""

    name: ClassVar[str] = room.NAME
    title: ClassVar[str] = "TAMS (Tensor.Art)"
    settings: ClassVar[Sequence[Setting]] = room.SETTINGS
    capabilities: ClassVar[Mapping[type, Mapping[str, Capability]]] = CAPABILITIES
    forms: ClassVar[Mapping[type, tuple[str, ...]]] = {GenerationRequest: ("workflow",)}
    limits: ClassVar[Limits] = Limits(per_second=5, n_per_call=4, poll_seconds=2.0)  # page integration-faq: 5 QPS
    resend: ClassVar[Literal["with_key", "never"]] = "with_key"
    unit: ClassVar[str] = "credit"
    verified: ClassVar[str] = ""

    def hosts(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Return the endpoint's host."""
        return room.hosts(settings)

    def plan(self, request: Any, context: Context) -> Plan:
        """Draft the job."""
        from . import plans

        return plans.plan(request, context)

    def price(self, plan: Plan, settings: Mapping[str, Any]) -> Quote:
        """Price a plan by the page "Intro To Billing"."""
        from . import pricing

        return pricing.price(plan, settings)

    def live_price(self, plan: Plan) -> Flow[tuple[Decimal, ...]]:
        """Ask the vendor for the credits of every paid call of a plan.  Free."""
        from . import live

        return live.price(plan)

    def samplers(self) -> VendorTable:
        """Return the vendor's names for samplers and schedules, each with its grade and the reason."""
        from . import vocabulary

        return vocabulary.samplers()

    def look_up(self, what: str, ref: str, settings: Mapping[str, Any]) -> Flow[Any]:
        """Ask about a `template` or a `model`.  Free."""
        from . import lookup

        return lookup.look_up(what, ref, room.base_url(settings))

    def authorize(self, call: Call, credentials: Credentials) -> Call:
        """Add the token, or sign."""
        from . import signing

        return signing.authorize(call, credentials)

    def flow(self, plan: Plan) -> Flow[Made]:
        """Tell the order of things."""
        from . import plans

        return plans.flow(plan)

    def resume(self, record: Record) -> Flow[Made]:
        """Go on with an accepted job."""
        from . import flow

        return flow.resume(record)

    def cancel(self, record: Record) -> Flow[bool]:
        """Try to cancel."""
        from . import flow

        return flow.cancel(record)

    def read_webhook(self, call: WebhookCall) -> WebhookHint:
        """Read the job's id.  No page shows what is posted to `notifyUrl`, so any likely place of it is read."""
        try:
            data = json.loads(call.body)
        except (ValueError, RecursionError):
            return WebhookHint()
        if not isinstance(data, dict):
            return WebhookHint()
        job = data.get("job")
        found = job.get("id") if isinstance(job, dict) else data.get("jobId") or data.get("job_id") or data.get("id")
        return WebhookHint(vendor_job_id=str(found) if isinstance(found, (str, int)) and found else None)

    def explain(self, reply: Reply) -> ProviderError | None:
        """Classify a refusal."""
        from . import errors

        return errors.explain(reply)
