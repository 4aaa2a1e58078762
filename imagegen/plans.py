"""
What would be sent, and what will come out differently: the answer to a request before a cent is spent.

A provider drafts with a `Notebook`, which knows every leaf of the request and sees to it that none goes without
exactly one note: a leaf that a provider says nothing about is reported as dropped, never lost.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs
from attrs import field, frozen

from .placeholders import fill, store
from .redaction import Redactor
from .request import Policy, leaves

if TYPE_CHECKING:
    from .flow import Call

Status = Literal["exact", "adjusted", "approximated", "emulated", "dropped"]
STATUSES: tuple[Status, ...] = ("exact", "adjusted", "approximated", "emulated", "dropped")


@frozen(kw_only=True)
class Note:
    """
    What becomes of one leaf of the request.

    Attributes:
        field: its path (`loras[0].weight`); vendor defaults that would change the picture have paths of their own.
        status: `exact` same meaning and value; `adjusted` snapped or clamped; `approximated` another algorithm or
            unknown semantics; `emulated` done by us or by an extra paid call; `dropped` not sent.
        requested, sent: the values; `vendor_field` is the vendor's name for it (a path in the body).
        reason: one sentence for a person.
        code: one word for programs.
        verified: whether the vendor itself was seen to behave so (live or by its echo); False = from its documents.
    """

    field: str
    status: Status
    requested: Any = None
    sent: Any = None
    vendor_field: str = ""
    reason: str = ""
    code: str = ""
    verified: bool = False

    def __str__(self) -> str:
        change = "" if self.status in ("exact", "dropped") else f" {_short(self.requested)} -> {_short(self.sent)}"
        return f"{self.field}: {self.status}{change}" + (f" ({self.reason})" if self.reason else "")

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "field": self.field,
            "status": self.status,
            "requested": _plain(self.requested),
            "sent": _plain(self.sent),
            "vendor_field": self.vendor_field,
            "reason": self.reason,
            "code": self.code,
            "verified": self.verified,
        }

    def as_record(self) -> dict[str, Any]:
        """Return what the ledger keeps: the same without the words that are empty."""
        words = ("vendor_field", "reason", "code", "verified")
        return {name: value for name, value in self.as_dict().items() if value or name not in words}


def _plain(value: Any) -> Any:
    if value is None or type(value) in (str, bool, int, float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


@frozen(kw_only=True)
class Blocker:
    """Why a provider cannot do it at all."""

    field: str
    reason: str
    code: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason

    def as_dict(self) -> dict[str, str]:
        """Return plain JSON."""
        return {"field": self.field, "reason": self.reason, "code": self.code}


@frozen(kw_only=True)
class Plan:
    """
    What a provider would do for a request.  Pure data: same request, catalogue and settings give an equal plan.

    Attributes:
        provider: who.
        request: the resolved request.
        calls: exactly what would be sent, in order; what is not known yet is a slot.
        notes: one per leaf that is set or resolved, in the order of the request.
        blockers: why it cannot be done (empty = it can).
        facts: what the provider wants to know again when it runs, prices or resumes the plan (plain JSON).
        version: of the provider's planning code; an upgrade between crash and resume is seen by it.
    """

    provider: str
    request: Any
    calls: tuple[Call, ...] = ()
    notes: tuple[Note, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    facts: Mapping[str, Any] = field(factory=dict)
    version: str = "1"

    @property
    def possible(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.blockers

    @property
    def paid_calls(self) -> tuple[Call, ...]:
        """The calls that can cost money, in order."""
        return tuple(call for call in self.calls if call.pays)

    def note(self, path: str) -> Note:
        """Return the note on *path*; a `KeyError` when there is none."""
        for note in self.notes:
            if note.field == path:
                return note
        raise KeyError(path)

    def evolve(self, **changes: Any) -> Plan:
        """Return a copy with some fields changed."""
        return attrs.evolve(self, **changes)

    def bound(self, values: Mapping[str, Any]) -> Plan:
        """Return the plan with slots filled (`{"seed": 5}`); slots that are not named stay open."""
        calls = tuple(
            call.evolve(json=fill(call.json, values), url=_fill_text(call.url, values)) for call in self.calls
        )
        return self.evolve(calls=calls, facts=fill(dict(self.facts), values))

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON for people and scripts; secrets and slots as their placeholders."""
        return {
            "provider": self.provider,
            "possible": self.possible,
            "calls": [_call(call) for call in self.calls],
            "notes": [note.as_dict() for note in self.notes],
            "blockers": [blocker.as_dict() for blocker in self.blockers],
        }

    def to_record(self) -> dict[str, Any]:
        """Return what the ledger keeps: enough to go on after a crash, and no secret."""
        calls = [
            {**_call(call), "json": store(call.json), "pays": call.pays, "resend": call.key} for call in self.calls
        ]
        return {
            "provider": self.provider,
            "version": self.version,
            "calls": calls,
            "facts": store(dict(self.facts)),
            "notes": [note.as_record() for note in self.notes],
        }


def _call(call: Call) -> dict[str, Any]:
    made: dict[str, Any] = {
        "purpose": call.purpose,
        "pays": call.pays,
        "method": call.method,
        "url": call.url,
    }
    if call.params:
        made["params"] = dict(call.params)
    made["json"] = call.json
    return made


def _fill_text(url: str, values: Mapping[str, Any]) -> str:
    if "<" not in url:
        return url
    return re.sub(r"<([\w:.\[\]]+)>", lambda match: str(values.get(match[1], match[0])), url)


class Notebook:
    """
    Collects the notes of one plan.  A provider calls one method per leaf; `finish` accounts for all that was not named.

    Every method takes the path of the leaf; `requested` is looked up.  Notes on a path that is not a leaf (vendor
    defaults such as `enhance_prompt`) are allowed and stand after the others.
    """

    def __init__(self, request: Any, provider: str) -> None:
        self.request = request
        self.leaves = leaves(request, provider)
        self._provider = provider
        self._notes: dict[str, Note] = {}
        self.blockers: list[Blocker] = []

    def exact(self, path: str, vendor_field: str = "", sent: Any = ..., **words: Any) -> None:
        """The vendor gets the same value with the same meaning."""
        value = self.leaves.get(path)
        self.put(path, "exact", value if sent is ... else sent, vendor_field, **words)

    def adjusted(self, path: str, sent: Any, vendor_field: str, reason: str, code: str = "adjusted") -> None:
        """Same meaning, value snapped or clamped."""
        self.put(path, "adjusted", sent, vendor_field, reason=reason, code=code)

    def approximated(self, path: str, sent: Any, vendor_field: str, reason: str, code: str = "approximated") -> None:
        """Another algorithm or scale, or semantics that no document gives."""
        self.put(path, "approximated", sent, vendor_field, reason=reason, code=code)

    def emulated(self, path: str, sent: Any, vendor_field: str, reason: str, code: str = "emulated") -> None:
        """Done by us, or by an extra paid call."""
        self.put(path, "emulated", sent, vendor_field, reason=reason, code=code)

    def dropped(self, path: str, reason: str, code: str = "dropped") -> None:
        """Not sent: the vendor cannot do it."""
        self.put(path, "dropped", None, "", reason=reason, code=code)

    def put(self, path: str, status: Status, sent: Any, vendor_field: str = "", **words: Any) -> None:
        """Write one note; a second note on one path is a fault of the provider."""
        if path in self._notes:
            raise AssertionError(f"{self._provider} notes {path} twice")
        requested = _unsigned(words.pop("requested", self.leaves.get(path)))
        self._notes[path] = Note(
            field=path, status=status, requested=requested, sent=sent, vendor_field=vendor_field, **words
        )

    def has(self, path: str) -> bool:
        """Whether *path* was noted already."""
        return path in self._notes

    def block(self, path: str, reason: str, code: str = "blocked") -> None:
        """Say that the provider cannot do it at all."""
        self.blockers.append(Blocker(field=path, reason=_unsigned(reason), code=code))

    def finish(self) -> tuple[Note, ...]:
        """Return the notes in the order of the request; what nobody mentioned is dropped, in so many words."""
        for path in self.leaves:
            if path not in self._notes:
                self.dropped(path, f"{self._provider} has no counterpart", "not_supported")
        ordered = [self._notes[path] for path in self.leaves]
        extra = [note for path, note in self._notes.items() if path not in self.leaves]
        return tuple(ordered + extra)


def _unsigned(value: Any) -> Any:
    """Take the token out of an address that a person reads: a model's link may carry one."""
    return Redactor().text(value) if isinstance(value, str) and "://" in value else value


# What "balanced" never loses without asking: the picture would be another one.
_ESSENTIAL = re.compile(
    r"^(prompt|negative_prompt|model|init_image|mask_image|loras\[\d+\]\.(model|weight)"
    r"|embeddings\[\d+\]\.model|controls\[\d+\]\.(model|module|image))$"
)


@functools.lru_cache(maxsize=1024)
def essential(path: str) -> bool:
    """Whether *path* is a model, prompt, LoRA, embedding, init image, mask or control."""
    return _ESSENTIAL.match(path) is not None


def policy_blockers(notes: Iterable[Note], policy: Policy) -> tuple[Blocker, ...]:
    """Return what *policy* refuses about *notes*: the one place where `on_unsupported` is decided."""
    if policy == "lenient":
        return ()
    found = []
    for note in notes:
        if note.status == "exact" or note.status == "adjusted" or note.status == "emulated":
            continue
        if policy == "strict":
            found.append(_refusal(note, "strict refuses what is approximated or dropped"))
        elif note.status == "dropped" and essential(note.field):
            found.append(_refusal(note, "balanced refuses to lose it"))
    return tuple(found)


def _refusal(note: Note, why: str) -> Blocker:
    return Blocker(field=note.field, reason=f"{note.status}: {note.reason or 'no counterpart'}; {why}", code=note.code)


def told_together(blockers: Iterable[Blocker]) -> tuple[str, ...]:
    """Return blockers as sentences for a person: each reason once, with all the fields that it is about."""
    fields: dict[str, list[str]] = {}
    for blocker in blockers:
        fields.setdefault(blocker.reason, []).append(blocker.field)
    return tuple(
        f"{', '.join(dict.fromkeys(filter(None, named)))}: {reason}" if any(named) else reason
        for reason, named in fields.items()
    )


def canonical(data: Any) -> str:
    """Return *data* as one canonical JSON line (for hashes)."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
