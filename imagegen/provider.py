"""
What a vendor's plugin is to the core: the `Provider` protocol and the small classes around it.

A provider is stateless.  It plans (pure), prices (pure), signs (last moment), and tells the order of things (flow).
It is given everything it may know; it opens no file, no socket and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from attrs import field, frozen

from .errors import ProviderError
from .flow import Call, Flow, Made, Reply
from .placeholders import Secret, Slot
from .plans import Plan

if TYPE_CHECKING:
    from .catalogue import Catalogue, Resolution
    from .images import Blob
    from .samplers import VendorTable

__all__ = [
    "Capability",
    "Choice",
    "Context",
    "Credentials",
    "HasForms",
    "Limits",
    "LooksUp",
    "NamesSamplers",
    "PricesLive",
    "Provider",
    "Quote",
    "Range",
    "Record",
    "Setting",
    "Switch",
    "WebhookCall",
    "WebhookHint",
]


# --- capabilities: typed descriptors; what is absent is unsupported ----------------------------------------------


@frozen
class Range:
    """A number from *low* to *high* (None = no documented limit), a multiple of *step*."""

    low: float | None = None
    high: float | None = None
    step: float | None = None


@frozen
class Choice:
    """One of *values*."""

    values: tuple[str, ...]


@frozen
class Switch:
    """The vendor takes it, with no documented limit."""

    note: str = ""


Capability = Range | Choice | Switch


@frozen(kw_only=True)
class Limits:
    """
    What a vendor allows.

    Attributes:
        per_second: requests per second over all calls, None = not documented.
        concurrent: paid jobs in flight, None = not documented.
        n_per_call: pictures per call.
        poll_seconds: how long to wait between two polls when the vendor gives no `eta`.
    """

    per_second: float | None = None
    concurrent: int | None = None
    n_per_call: int = 1
    poll_seconds: float = 2.0


# --- settings ----------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Setting:
    """
    One setting of a provider: its name in `imagegen.toml` under `[providers.<name>]`, and its environment variable.

    *required* says that nothing works without it, unless all settings named in *instead* are there in its place.
    *price* says that it only tells what things cost; `imagegen prices set` may write it.  *amount* says that its value
    is a number, 0 or more; *whole* that it is a whole one, 1 or more.  *account* says that it tells accounts apart
    though it is no secret (an application's id).  *suffixes* are ends that people carry along when they copy an address
    (`/v1`); they are taken off `base_url`.
    """

    name: str
    env: str | None = None
    default: str | None = None
    secret: bool = False
    required: bool = False
    help: str = ""
    choices: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    price: bool = False
    amount: bool = False
    whole: bool = False
    account: bool = False
    suffixes: tuple[str, ...] = ()

    def missing(self, values: Mapping[str, Any]) -> bool:
        """Whether it is required and neither it nor what may stand in its place is in *values*."""
        others = bool(self.instead) and all(values.get(name) is not None for name in self.instead)
        return self.required and values.get(self.name) is None and not others


@frozen(kw_only=True)
class Credentials:
    """What `authorize` gets: the settings in force, the time in unix seconds, and a fresh random word per attempt."""

    settings: Mapping[str, Any]
    now: float
    nonce: str

    def secret(self, name: str) -> str:
        """Return a secret in clear; a `LookupError` when it is not set."""
        value = self.settings.get(name)
        if value is None:
            raise LookupError(f"{name} is not set")
        return value.reveal() if isinstance(value, Secret) else str(value)


# --- what planning may know --------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Context:
    """
    All that a plan may depend on besides the request.

    Attributes:
        settings: the provider's settings (secrets as `Secret`); `base_url` is normalised.
        catalogue: resolves references.
        images: what the inputs hold, by leaf path (`init_image`, `mask_image`, `controls[0].image`), as far as known.
        known: what is remembered of this account, `{(kind, key): value}` (loaded models, uploaded resources).
        form: another form of the same request that the caller asked for (`workflow`), None = the usual.
    """

    settings: Mapping[str, Any] = field(factory=dict)
    catalogue: Catalogue
    images: Mapping[str, Blob] = field(factory=dict)
    known: Mapping[tuple[str, str], str] = field(factory=dict)
    form: str | None = None

    @property
    def base_url(self) -> str:
        """The vendor's address without a trailing slash."""
        return str(self.settings.get("base_url") or "").rstrip("/")

    @property
    def hook(self) -> Slot | None:
        """Where the vendor is to call when the job is over, an address per job; None without the setting `webhook`."""
        return Slot("webhook") if self.settings.get("webhook") else None

    def model(self, ref: str, kind: str, provider: str) -> Resolution:
        """Resolve a reference for *provider* (`checkpoint`, `lora`, `embedding`, `vae`, `controlnet`)."""
        return self.catalogue.resolve(ref, kind, provider)


# --- prices ------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Quote:
    """
    What one plan costs.  An unknown price is None, never 0; a documented-free operation is 0.

    Attributes:
        amount, low, high: in *currency*; low and high differ where the vendor's page is ambiguous.
        credits: in the vendor's own unit, if it has one.
        per_call: `high` of each paid call, in the plan's order (what a budget reserves).
        basis: `formula`, `table`, `plan`, `assumed`, `free`, `vendor` (it was asked), `unknown`; *checked_on* and
            *source* say where it is from.
    """

    amount: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    currency: str = "USD"
    credits: Decimal | None = None
    per_call: tuple[Decimal | None, ...] = ()
    basis: str = "unknown"
    checked_on: str = ""
    source: str = ""
    reason: str = ""


# --- what comes back from the ledger -----------------------------------------------------------------------------


@frozen(kw_only=True)
class Record:
    """
    A paid call found in the ledger after a crash.

    Attributes:
        plan: the plan as it was bound (slots of the run filled; secrets only as references).
        index: which of `plan.paid_calls`.
        job_id: the vendor's id; None when only the intent was recorded.
        answer: the body of the accepting answer as it was recorded (no secrets), plain JSON.
    """

    plan: Plan
    index: int = 0
    job_id: str | None = None
    answer: Any = None


@frozen(kw_only=True)
class WebhookCall:
    """An incoming HTTP request, as a webhook receiver saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@frozen(kw_only=True)
class WebhookHint:
    """What a webhook may tell: which job to look at.  Never believed: the job is fetched again."""

    vendor_job_id: str | None = None
    track_id: str | None = None


@runtime_checkable
class Provider(Protocol):
    """
    A vendor, to be offered by the hook `imagegen_providers`.

    Class attributes:
        name: as users write it.
        title: as people read it.
        settings: what can be configured.
        capabilities: per request class, neutral field -> descriptor; a field that is absent is unsupported.
        limits: rate, concurrency, pictures per call.
        resend: `with_key` = a paid call may be sent again with the vendor's idempotency key; `never`.
        unit: the vendor's billing unit (`credit`, `image`).
        verified: what was ever checked against the live vendor, in words; empty = nothing.

    What a provider may offer besides is a protocol of its own: `LooksUp`, `HasForms`, `PricesLive`, `NamesSamplers`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[Sequence[Setting]]
    capabilities: ClassVar[Mapping[type, Mapping[str, Capability]]]
    limits: ClassVar[Limits]
    resend: ClassVar[Literal["with_key", "never"]]
    unit: ClassVar[str]
    verified: ClassVar[str]

    def hosts(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Return the `host[:port]`s that may see the key."""
        ...

    def plan(self, request: Any, context: Context) -> Plan:
        """Draft what would be sent.  Pure.  A request class that is not in `capabilities` never arrives here."""
        ...

    def price(self, plan: Plan, settings: Mapping[str, Any]) -> Quote:
        """Price a plan from the provider's dated price book.  Pure."""
        ...

    def authorize(self, call: Call, credentials: Credentials) -> Call:
        """Return *call* with the credential: header, body field or signature of the very bytes."""
        ...

    def flow(self, plan: Plan) -> Flow[Made]:
        """Tell the order of things for a bound plan."""
        ...

    def resume(self, record: Record) -> Flow[Made]:
        """Go on with one accepted paid call: poll and fetch; nothing in here pays."""
        ...

    def cancel(self, record: Record) -> Flow[bool]:
        """Try to cancel; True when the vendor confirmed it.  A vendor without the word returns False at once."""
        ...

    def read_webhook(self, call: WebhookCall) -> WebhookHint:
        """Read which job a webhook call is about; an empty hint when it cannot be said."""
        ...

    def explain(self, reply: Reply) -> ProviderError | None:
        """Classify an answer that is a refusal (body first, then HTTP status); None = it is no refusal."""
        ...


@runtime_checkable
class LooksUp(Protocol):
    """What a provider may offer besides: free questions about what lies at the vendor."""

    def look_up(self, what: str, ref: str, settings: Mapping[str, Any]) -> Flow[Any]:
        """
        Ask about *what* and return plain JSON; `InvalidInput` for what this vendor cannot be asked.

        `template`: its name and `fields`; `model`: one model; `models`: a list of models, *ref* = words to search for.
        """
        ...


@runtime_checkable
class HasForms(Protocol):
    """
    What a provider may offer besides: another form of the same request (`plan(request, form="workflow")`).

    `forms`: request class -> the names that `Context.form` may have.
    """

    forms: ClassVar[Mapping[type, Sequence[str]]]


@runtime_checkable
class PricesLive(Protocol):
    """What a provider may offer besides: the vendor can be asked for a price free of charge."""

    def live_price(self, plan: Plan) -> Flow[tuple[Decimal, ...]]:
        """Ask for the vendor's own figure per paid call, in the provider's *unit*; nothing in here pays."""
        ...


@runtime_checkable
class NamesSamplers(Protocol):
    """What a provider may offer besides: its whole table of samplers, so that nobody has to plan to see a name."""

    def samplers(self) -> VendorTable:
        """Return the vendor's names for samplers and schedules, each with its grade and the reason."""
        ...
