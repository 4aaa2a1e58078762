"""
The vendor's manner of speaking, as a public room: flags, comma lists, and the one envelope of every answer.

ModelsLab and its predecessor stablediffusionapi.com answer alike on every path, so the provider package
`imagegen_stablediffusionapi` reads its answers here too.  Facts behind the code:

* HTTP 200 does not mean success; `status` decides (`success`, `processing`, `error`, `failed`; `ok` on system calls).
* `message` is also spelt `messege`, and is an object `{field: [texts]}` when a field is wrong.
* `id` is an int, a string, "" or missing; `output` and `proxy_links` are lists, one string, "" or null.
* an answer to a fetch has no `meta`, no `generationTime` and no `eta`.

Source: https://docs.modelslab.com/image-generation/community-models and GitHub ModelsLab/docs-v2 @ ef9d723.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from imagegen.errors import ProviderError
from imagegen.flow import Reply
from imagegen.wire import parse

DONE = frozenset({"success", "ok"})
WORKING = frozenset({"processing"})
REFUSED = frozenset({"error", "failed"})


def yes_no(flag: bool) -> str:
    """Say a flag in the vendor's words."""
    return "yes" if flag else "no"


def truth(value: Any) -> bool:
    """Read a flag in any of the vendor's spellings: yes/no, true/false, 1/0."""
    return str(value).strip().lower() in ("yes", "true", "1")


def number(value: float) -> str:
    """Write a number as people do: `0.45`, `1`."""
    return str(int(value)) if value == int(value) else repr(float(value))


def comma_list(items: Iterable[str]) -> str:
    """Join ids or numbers; the vendor's examples have no spaces."""
    return ",".join(items)


def split_list(text: Any) -> tuple[str, ...]:
    """Split a comma list; stray commas and spaces (both occur in the vendor's samples) are forgiven."""
    return tuple(part.strip() for part in str("" if text is None else text).split(",") if part.strip())


@frozen(kw_only=True)
class Envelope:
    """
    One answer.

    Attributes:
        status: the vendor's word, lower case.
        id: the vendor's id, as text; empty when there is none.
        output, proxy_links, future_links: addresses (or base64 text); mirrors of them; predicted addresses.
        message, tip: what it says for people.
        eta: seconds that it expects to need; a guess.
        fetch_result: where to ask for the result.
        meta: the vendor's echo of what it understood.
        data: the answer as it came, as data.
        extra: every field that is not named here, untouched.
    """

    status: str = ""
    id: str = ""
    output: tuple[str, ...] = ()
    proxy_links: tuple[str, ...] = ()
    future_links: tuple[str, ...] = ()
    message: str = ""
    tip: str = ""
    eta: float | None = None
    fetch_result: str = ""
    generation_time: float | None = None
    meta: Mapping[str, Any] = field(factory=dict)
    nsfw: bool | None = None
    retry_after: float | None = None
    track_id: str = ""
    data: Any = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(factory=dict)

    @property
    def done(self) -> bool:
        """Whether the vendor says it succeeded."""
        return self.status in DONE

    @property
    def working(self) -> bool:
        """Whether the vendor is still at it."""
        return self.status in WORKING

    @property
    def refused(self) -> bool:
        """Whether the vendor said no or gave up."""
        return self.status in REFUSED

    def after(self, first: Envelope) -> Envelope:
        """Return this later answer with what only the *first* one knew (the echo, the time, the id)."""
        return evolve(
            self,
            id=self.id or first.id,
            meta=self.meta or first.meta,
            generation_time=self.generation_time if self.generation_time is not None else first.generation_time,
            fetch_result=self.fetch_result or first.fetch_result,
            future_links=self.future_links or first.future_links,
            proxy_links=self.proxy_links or first.proxy_links,
            nsfw=self.nsfw if self.nsfw is not None else first.nsfw,
        )


def read(data: Any) -> Envelope:
    """Read any JSON as an envelope.  Never fails: what has another shape than documented is kept in `extra`."""
    if not isinstance(data, Mapping):
        return Envelope(data=data)
    words: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for key, value in data.items():
        name, reader = WORDS.get(key, ("", _nothing))
        made = reader(value)
        if made is not None:
            words[name] = _both(words.get(name), made)
        elif value is not None or not name:
            extra[key] = value  # no field of ours, or a shape that it cannot have
    return Envelope(**words, data=data, extra=extra)


def decode(reply: Reply, *, provider: str, bare: bool = False) -> Envelope:
    """
    Read a reply; a `ProviderError` when it is no JSON, or none of the vendor's envelopes.

    *bare*: lists of models or schedulers and safety checks are answered without any status; take that as success.
    """
    made = read(parse(reply, provider=provider))
    if made.done or made.working or made.refused:
        return made
    if bare and _answers(made.data) and not made.status and not made.message and 200 <= reply.status < 300:
        return evolve(made, status="success")
    raise ProviderError(
        f"answered HTTP {reply.status} with {f'status {made.status!r}' if made.status else 'no status'}",
        provider=provider,
        status=reply.status,
        vendor_message=made.message,
    )


def _answers(data: Any) -> bool:
    """A list may be empty; an object that says nothing is no answer."""
    return isinstance(data, list) or (isinstance(data, Mapping) and bool(data))


def _both(known: Any, more: Any) -> Any:
    """`tip` and `tip_1`, `message` and `messege` may stand side by side."""
    if not known or known == more:
        return more
    return f"{known} {more}" if isinstance(known, str) and more else known


def _nothing(_: Any) -> None:
    return None


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value)


def _message(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return _text(value)
    parts = (f"{name}: {_flat(texts)}" for name, texts in value.items())
    return "; ".join(parts)


def _flat(texts: Any) -> str:
    return " ".join(map(str, texts)) if isinstance(texts, list) else str(texts)


def _links(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(item for item in value if item.strip())
    return None


def _seconds(value: Any) -> float | None:
    try:
        made = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return made if made is not None and math.isfinite(made) else None


def _mapping(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _status(value: Any) -> str | None:
    return value.strip().lower() if isinstance(value, str) else None


WORDS: Mapping[str, tuple[str, Any]] = {
    "status": ("status", _status),
    "id": ("id", _text),
    "request_id": ("id", _text),  # base64_crop
    "output": ("output", _links),
    "link": ("output", _links),  # base64_crop
    "image_url": ("output", _links),  # enterprise upload_image
    "proxy_links": ("proxy_links", _links),
    "future_links": ("future_links", _links),
    "message": ("message", _message),
    "messege": ("message", _message),
    "tip": ("tip", _text),
    "tips": ("tip", _text),
    "tip_1": ("tip", _text),
    "eta": ("eta", _seconds),
    "fetch_result": ("fetch_result", _text),
    "generationTime": ("generation_time", _seconds),
    "meta": ("meta", _mapping),
    "nsfw_content_detected": ("nsfw", _flag),
    "retry_after": ("retry_after", _seconds),
    "track_id": ("track_id", _text),
}
