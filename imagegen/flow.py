"""
The words in which a provider says what has to be done, without doing any of it.

A provider's job life is a generator.  It yields steps and is sent the answers; nothing here can touch a network, a
clock, a file or a ledger.  Retries, limits, money rules, redaction and deadlines belong to whoever drives it
(`imagegen.engine`), so a flow reads as the order of things and nothing else:

    def generate(plan):
        for index, call in enumerate(plan.paid_calls):
            reply = yield from send(call)           # the step that pays is marked in the plan
            job = read_job(reply)
            yield Accepted(job.id)                  # from here on the job can be found again
            ...
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import attrs
from attrs import field, frozen

if TYPE_CHECKING:
    from .plans import Note

T = TypeVar("T")


@frozen(kw_only=True)
class Call:
    """
    One HTTP exchange.

    Attributes:
        method, url: as sent; the URL is complete.
        json: the body as data; slots and secrets inside show as placeholders.
        params: the query.
        headers: besides what the shell adds.  No credential: `Provider.authorize` adds it at the last moment.
        content: the body as bytes, when it is not JSON.
        purpose: what it is for: `generate`, `load`, `wait`, `poll`, `upload`, `check`, `cancel`, ...
        pays: this call can cost money: intent is committed before it, its outcome after it.
        signed: whether the provider's credential goes with it.
        key: the vendor's own idempotency key inside this call (makes resending safe), if there is one.
    """

    method: str
    url: str
    json: Any = None
    params: Mapping[str, str] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)
    content: bytes | None = field(default=None, repr=lambda c: f"<{len(c)} bytes>" if c is not None else "None")
    purpose: str = "generate"
    pays: bool = False
    signed: bool = True
    key: str | None = None

    def encoded(self) -> Call:
        """Return the call with its JSON as the very bytes that will be sent (so that they can be signed)."""
        if self.json is None or self.content is not None:
            return self
        body = json.dumps(self.json, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        return attrs.evolve(self, content=body, headers={"Content-Type": "application/json", **self.headers})

    def evolve(self, **changes: Any) -> Call:
        """Return a copy with some fields changed."""
        return attrs.evolve(self, **changes)


@frozen
class Reply:
    """What came back: status, headers (lower-case names), body.  `json` is parsed once; see `imagegen.wire`."""

    status: int
    body: bytes = field(default=b"", repr=lambda body: f"<{len(body)} bytes>")
    headers: Mapping[str, str] = field(factory=dict)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


@frozen
class Pause:
    """Wait so many seconds (the vendor's `eta`, or a polling interval)."""

    seconds: float


@frozen
class Accepted:
    """The vendor has taken the paid call at hand and calls it *job_id*."""

    job_id: str


@frozen(kw_only=True)
class Heard:
    """News for people: the vendor's own state word, progress 0..1, place in the queue, seconds to go."""

    state: str
    progress: float | None = None
    queue: int | None = None
    eta: float | None = None


@frozen(kw_only=True)
class Download:
    """
    Fetch one result and keep it; the answer is a `Stored`.

    Attributes:
        url: where it lies; may be empty when `data` holds it.
        mirrors: other addresses of the same file.
        data: the picture itself, where a vendor sends it inside its answer (bytes, base64 text, or a data URI).
        width, height: what was asked for, if known; another size is kept with a note.
        kind: `image`, `video`, or `base64` (the address gives text that holds the picture).
        seed: the true seed as far as the vendor reports it.
    """

    url: str = ""
    mirrors: tuple[str, ...] = ()
    data: bytes | str | None = field(default=None, repr=False)
    width: int | None = None
    height: int | None = None
    kind: str = "image"
    seed: int | None = None


@frozen(kw_only=True)
class Upload:
    """
    Put the bytes of input *image* (`init_image`, `mask_image`, `controls[0].image`) to *url*, without any credential.

    *convert* names what is done to them first: see `imagegen.images.converted`.
    """

    image: str
    url: str
    headers: Mapping[str, str] = field(factory=dict)
    method: str = "PUT"
    convert: str = ""


@frozen
class Recall:
    """Ask for something remembered about this account (`resource`, `model`); the answer is text or None."""

    kind: str
    key: str


@frozen(kw_only=True)
class Remember:
    """Keep a fact about this account: *key* is known to the vendor as *value*, for *seconds* (None = for good)."""

    kind: str
    key: str
    value: str
    seconds: float | None = None


@frozen(kw_only=True)
class Settled:
    """The paid call at hand is over: what the vendor says it cost, in its own unit, and whether it was charged."""

    credits: Decimal | None = None
    charged: bool | None = True


@frozen(kw_only=True)
class Stored:
    """A result that is safely on disk (answer to `Download`)."""

    path: str
    sha256: str
    media_type: str
    width: int
    height: int
    source_url: str = ""
    seed: int | None = None
    size: int = 0


Step: TypeAlias = Call | Pause | Accepted | Heard | Download | Upload | Recall | Remember | Settled
Answer: TypeAlias = Any  # Reply to a Call or Upload, Stored to a Download, str | None to a Recall, None to the rest
Flow: TypeAlias = Generator[Step, Answer, T]


@frozen(kw_only=True)
class Made:
    """
    What a flow returns.

    Attributes:
        files: the pictures or videos, in the vendor's order.
        notes: what the vendor's own echo proved to be different (`verified=True`).
        data: the answer of requests that make no picture (`Interrogate`, `DetectControl`, `ModelLoad`), plain JSON.
        echo: what the vendor reported about the run, for the sidecar (no secrets).
    """

    files: tuple[Stored, ...] = ()
    notes: tuple[Note, ...] = ()
    data: Any = None
    echo: Mapping[str, Any] = field(factory=dict)


def send(call: Call) -> Flow[Reply]:
    """Perform *call* and return its reply."""
    reply: Reply = yield call
    return reply


def pause(seconds: float) -> Flow[None]:
    """Wait."""
    yield Pause(seconds)


def fetch(download: Download) -> Flow[Stored]:
    """Fetch and keep one result."""
    stored: Stored = yield download
    return stored


def recall(kind: str, key: str) -> Flow[str | None]:
    """Ask the user's state."""
    known: str | None = yield Recall(kind, key)
    return known
