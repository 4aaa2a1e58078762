"""
Where secrets are taken out of what leaves the program: every error, event, record and cassette passes a `Redactor`.

A secret is found as it is, URL-encoded, and in base64; what looks like a credential in a signed link is taken out too.
Who does not know the secrets goes by names: `is_secret` (the emulator's journal) and `without_secrets` (addresses that
are kept, as in a catalogue).
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

from attrs import field, frozen

from .errors import ImagegenError
from .placeholders import SECRET, Secret

_SHORTEST = 6  # a shorter "secret" would blot out ordinary words
# Parameters of signed links and of keys in queries, whoever's they are.
_IN_LINKS = re.compile(
    r"(?i)\b(auth_key|signature|ossaccesskeyid|x-amz-[a-z-]+|x-goog-[a-z-]+|token|key|api_key|access_key|security-token)"
    r"=[^&\s\"'<>]+"
)
_SENSITIVE = re.compile(r"(?i)^(key|api_?key|.*access_?key(_id)?|authorization|sync_key|aws_.*|.*secret.*|.*token)$")

# The same in the JSON text of a whole tree, in lower case: a quick look before a slow one.
_NAMES = re.compile(r'(?:key|key_id|authorization|secret\w*|token)": "[^"]|"aws_\w*": "[^"]')
_NAMES_AND_LINKS = re.compile(_NAMES.pattern + r"|(?:key|signature|keyid|token|x-amz-[a-z-]+|x-goog-[a-z-]+)=")


# `key`, `api_key`, `modelAccessKey`, `authorization`, `token`, `Signature`, ...; not `idempotency_key`.
_SECRET_NAME = re.compile(
    r"(^|[-_]|api|access|secret|private)key$|authorization|token|secret|passw|signature|credential", re.I
)
_PUBLIC_NAME = re.compile(r"idempotency|public", re.I)
_SIGNS = re.compile(r"(?i)^(x-amz-.*|x-goog-.*|expires|ossaccesskeyid)$")  # of a signed link, and of no use later


def is_secret(name: str) -> bool:
    """Whether a header, field or parameter of this name holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _PUBLIC_NAME.search(name)


def without_secrets(url: str) -> str:
    """Return an address without the parameters that open or sign it; of what is no address, what stands before `?`."""
    try:
        parts = urlsplit(url)
        given = parse_qsl(parts.query, keep_blank_values=True)
        kept = [(name, value) for name, value in given if not (is_secret(name) or _SIGNS.match(name))]
        return url if kept == given else urlunsplit(parts._replace(query=urlencode(kept)))
    except ValueError:
        return url.partition("?")[0]


@frozen(slots=False)
class Redactor:
    """Knows the secrets of one run.  `Redactor.of(tree, ...)` collects them."""

    words: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, *trees: Any) -> Redactor:
        """Collect every secret in mappings, lists and plans."""
        found: set[str] = set()
        for tree in trees:
            for secret in _secrets(tree):
                try:
                    found |= _forms(secret.reveal())
                except LookupError:
                    continue
        return cls(tuple(sorted(found, key=len, reverse=True)))

    def text(self, text: str) -> str:
        """Return *text* without secrets and without what signs its links."""
        for word in self.words:
            if word in text:
                text = text.replace(word, SECRET)
        return _IN_LINKS.sub(lambda match: f"{match[1]}={SECRET}", text) if "=" in text else text

    def tree(self, tree: Any) -> Any:
        """Return JSON-like data without secrets; values of fields that are named like keys are always taken out."""
        return tree if self._clean(tree, _NAMES_AND_LINKS) else _walk(tree, self.text)

    def links(self, tree: Any) -> Any:
        """As `tree`, but signed links stay whole: what is recorded to fetch a paid picture after a crash."""
        return tree if self._clean(tree, _NAMES) else _walk(tree, self._without_words)

    def _without_words(self, text: str) -> str:
        for word in self.words:
            text = text.replace(word, SECRET)
        return text

    def _clean(self, tree: Any, hints: re.Pattern[str]) -> bool:
        """Whether one look at the whole tree shows that there is nothing to take out (nearly always, and quickly)."""
        try:
            text = json.dumps(tree, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            return False
        return hints.search(text.lower()) is None and not any(word in text for word in self._written)

    @functools.cached_property
    def _written(self) -> tuple[str, ...]:
        """The secrets as JSON writes them."""
        return tuple({json.dumps(word, ensure_ascii=False)[1:-1] for word in self.words})

    def error(self, error: ImagegenError) -> ImagegenError:
        """Clean an error in place, and cut what could carry a request body: causes and frames."""
        error.message = self.text(error.message)
        error.vendor_message = self.text(error.vendor_message)
        error.args = (error.message,)
        error.__cause__ = error.__context__ = None
        error.__suppress_context__ = True
        return error


def _walk(tree: Any, text: Callable[[str], str]) -> Any:
    if isinstance(tree, (dict, Mapping)):
        return {
            key: SECRET if value and isinstance(value, str) and _SENSITIVE.match(str(key)) else _walk(value, text)
            for key, value in tree.items()
        }
    if isinstance(tree, (list, tuple)):
        return [_walk(item, text) for item in tree]
    return text(tree) if isinstance(tree, str) else tree


def _forms(value: str) -> set[str]:
    if len(value) < _SHORTEST:
        return set()
    coded = base64.b64encode(value.encode()).decode()
    return {value, quote(value, safe=""), quote_plus(value), coded, coded.rstrip("=")}


def _secrets(tree: Any) -> Iterable[Secret]:
    if isinstance(tree, Secret):
        yield tree
    elif isinstance(tree, (dict, Mapping)):
        for value in tree.values():
            yield from _secrets(value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from _secrets(value)
