"""
Makes cassettes: what was exchanged with a vendor, as a file that vcrpy replays, with every secret taken out.

    with recorded(file, Scrubber.of(secrets), origin="recorded from api.example.com on 2026-11-21"):
        client.generate(request, provider="example")

Taken out are the secrets themselves (plain, URL-encoded, in base64 at any offset), values of fields that are named
like keys, and what signs links, in addresses, bodies and echoes; of the headers only harmless ones are kept.  The same
is done to a request before it is compared, so a replay needs no key.  A replay must send what was recorded, so it draws
its ids and seeds from the job's id, which stands in the cassette's head (`job_of`).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import field, frozen

from .errors import NotConfigured
from .placeholders import SECRET
from .redaction import Redactor

STAND_IN = "SECRET"  # readable in an address too, so that a recorded link is the one that a replay asks for
MATCH_ON = ("method", "uri", "body")
_SHORTEST = 6
_HEADERS = frozenset({"content-type", "accept", "retry-after", "location"})
_HEX = re.compile("%[0-9A-F]{2}")
_JOB = re.compile(r"^# job: (\S+)$", re.MULTILINE)


@frozen(kw_only=True)
class Scrubber:
    """
    Takes secrets out of exchanges.

    Attributes:
        redactor: knows the secrets as the rest of the program does.
        coded: the secrets as they look inside base64, in JSON that is cut short, and in small-letter URL escapes.
        moved: addresses that are to be called otherwise (a port that differs every time).
    """

    redactor: Redactor
    coded: tuple[str, ...] = field(repr=False)
    moved: Mapping[str, str] = field(factory=dict)

    @classmethod
    def of(cls, *trees: Any, moved: Mapping[str, str] | None = None) -> Scrubber:
        """Collect every `Secret` in *trees* (settings, bodies of plans)."""
        redactor = Redactor.of(*trees)
        coded = {form for word in redactor.words for form in (*_inside_base64(word), *_escaped(word))}
        return cls(redactor=redactor, coded=tuple(sorted(coded, key=len, reverse=True)), moved=moved or {})

    def text(self, text: str) -> str:
        """Return *text* without secrets."""
        for old, new in self.moved.items():
            text = text.replace(old, new)
        for form in self.coded:
            text = text.replace(form, STAND_IN)
        return self.redactor.text(text).replace(SECRET, STAND_IN)

    def tree(self, tree: Any) -> Any:
        """Return JSON data without secrets."""
        clean = self.redactor.tree(tree)
        if isinstance(clean, Mapping):
            return {self.text(str(key)): self.tree(value) for key, value in clean.items()}
        if isinstance(clean, list):
            return [self.tree(item) for item in clean]
        return self.text(clean) if isinstance(clean, str) else clean

    def body(self, body: bytes) -> bytes:
        """Return a body without secrets; one that had none is kept to the byte."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return self._other(body)
        clean = self.tree(data)
        return body if clean == data else json.dumps(clean, ensure_ascii=False, separators=(",", ":")).encode()

    def _other(self, body: bytes) -> bytes:
        try:
            return self.text(body.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError:  # a picture; secrets are ASCII, so Latin-1 shows every one and loses no byte
            return self._plainly(body.decode("latin-1")).encode("latin-1")

    def _plainly(self, text: str) -> str:
        """Take secrets out and nothing else: what merely looks like a signed link is part of a picture."""
        for form in (*self.redactor.words, *self.coded):
            text = text.replace(form, STAND_IN)
        return text

    def headers(self, headers: Mapping[str, Any]) -> dict[str, Any]:
        """Return the harmless headers."""
        kept = {name.lower(): value for name, value in headers.items() if name.lower() in _HEADERS}
        return {
            name: [self.text(v) for v in ([value] if isinstance(value, str) else value)] for name, value in kept.items()
        }


def _inside_base64(word: str) -> Iterator[str]:
    """Yield how *word* looks inside longer base64 texts: at three offsets, in both alphabets."""
    for offset in range(3):
        raw = base64.b64encode(b"\0" * offset + word.encode()).decode().rstrip("=")
        whole = raw[(0, 2, 3)[offset] : len(raw) - 1 if (offset + len(word.encode())) % 3 else None]
        if len(whole) >= _SHORTEST:
            yield whole
            yield whole.translate(str.maketrans("+/", "-_"))


def _escaped(word: str) -> Iterator[str]:
    """Yield how *word* looks in JSON that is cut short, in addresses of other habits, and in bytes seen as Latin-1."""
    yield word.replace("/", "\\/")
    yield json.dumps(word)[1:-1]
    yield word.encode("utf-8").decode("latin-1")
    for coded in (quote(word), quote(word, safe="")):
        yield coded
        yield _HEX.sub(lambda match: match[0].lower(), coded)


# --- vcrpy ---------------------------------------------------------------------------------------------------------


def options(scrubber: Scrubber) -> dict[str, Any]:
    """Return vcrpy's settings, for recording and replaying alike."""
    return {
        "match_on": MATCH_ON,
        "decode_compressed_response": True,
        "before_record_request": lambda request: _request(request, scrubber),
        "before_record_response": lambda response: _response(response, scrubber),
    }


def _request(request: Any, scrubber: Scrubber) -> Any:
    body = request.body
    request.uri = scrubber.text(request.uri)
    if isinstance(body, bytes):
        request.body = scrubber.body(body)
    kept = scrubber.headers(request.headers)
    request.headers = {name: values[0] for name, values in kept.items()}
    return request


def _response(response: dict[str, Any], scrubber: Scrubber) -> dict[str, Any]:
    body = response["body"]["string"]
    clean = scrubber.body(body if isinstance(body, bytes) else str(body).encode())
    return {**response, "headers": scrubber.headers(response["headers"]), "body": {"string": clean}}


@contextmanager
def recorded(file: Path, scrubber: Scrubber, *, origin: str, job_id: str = "") -> Iterator[None]:
    """
    Record every exchange of the block into *file*; its first line says where it comes from.

    An older file is replaced, and only when the block came to its end or failed by an error of a vendor's making.
    """
    try:
        import vcr  # type: ignore[import-untyped]  # it has no types
    except ImportError:
        raise NotConfigured("recording needs vcrpy", hint="pip install vcrpy") from None
    fresh = file.with_name(f".{file.name}.part")
    fresh.unlink(missing_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with vcr.VCR(**options(scrubber)).use_cassette(str(fresh), record_mode="all"):
            yield
    finally:
        if fresh.exists():
            file.write_text(_head(origin, job_id) + fresh.read_text("utf-8"), "utf-8")
            fresh.unlink()


def _head(origin: str, job_id: str) -> str:
    return f"# origin: {origin}\n" + (f"# job: {job_id}\n" if job_id else "")


def job_of(file: Path) -> str:
    """Return the job's id that a cassette was made with; a replay draws its ids and seeds from it."""
    found = _JOB.search(file.read_text("utf-8"))
    return found[1] if found else ""
