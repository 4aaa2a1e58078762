"""
Writing the user's catalogue: an address becomes an entry, by what the address itself says.

Nothing is fetched and nothing is guessed: an id is taken from an address where its form is documented (a plugin's
`[[address]]` patterns, Civitai's and Hugging Face's pages), everything else the user says.  Entries are appended, so
that a file written by hand keeps its comments; two entries of one name are merged when the catalogue is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .catalogue import Catalogue, read_layer
from .downloads import write_durably
from .errors import Fault, InvalidInput
from .redaction import without_secrets

__all__ = ["append", "entry_of", "facts_of"]

# https://developer.civitai.com/site/guide/air: a page is /models/<id>?modelVersionId=<version>, a file
# /api/download/models/<version>; an AIR's short form is civitai:<id>@<version>.
_CIVITAI_PAGE = re.compile(r"https://(?:www\.)?civitai\.com/models/(?P<id>\d+)(?:/(?P<slug>[\w-]+))?")
_HF_PAGE = re.compile(r"https://huggingface\.co/(?P<id>[\w.-]+/[\w.-]+?)/?$")
_SLUG = re.compile(r"[^a-z0-9._-]+")


def entry_of(url: str, catalogue: Catalogue, **said: Any) -> dict[str, Any]:
    """
    Return the catalogue row for *url*: what the address says, then what the user *said* (name, kind, family, ...).

    `said["vendor"]` are tables by provider (`id`, `match`).  All faults come in one `InvalidInput`.
    """
    facts = facts_of(url, catalogue)
    vendor = {**facts.pop("vendor"), **said.pop("vendor", {})}
    row = {**facts, **{name: value for name, value in said.items() if value not in (None, "", ())}}
    row.setdefault("kind", "checkpoint")
    if not row.get("name"):
        raise InvalidInput([Fault("name", f"{url} says no name for it; give one")])
    faults = [
        Fault(f"vendor.{name}", f"no provider is called {name!r}") for name in vendor if name not in catalogue.providers
    ]
    if faults:
        raise InvalidInput(faults, what="the entry")
    made = {**row, "vendor": vendor} if vendor else row
    read_layer(_dumped(made), "the new entry")
    return made


def facts_of(url: str, catalogue: Catalogue) -> dict[str, Any]:
    """Return what an address says by itself: a name, where the file is, an AIR, ids at vendors."""
    if not url.startswith(("http://", "https://", "hf:")):
        raise InvalidInput([Fault("from", f"must be an address (https://... or hf:org/name), not {url!r}")])
    try:
        urlsplit(url)
    except ValueError as error:
        raise InvalidInput([Fault("from", f"must be an address, not {url!r}: {error}")]) from None
    source = without_secrets(url)
    facts: dict[str, Any] = {"source_url": source, "vendor": _vendor_ids(source, catalogue)}
    if (page := _CIVITAI_PAGE.match(source)) is not None:
        facts |= _of_civitai(page, dict(parse_qsl(urlsplit(source).query)))
    elif (page := _HF_PAGE.match(source)) is not None:
        facts["source_url"] = f"hf:{page['id']}"
    name = facts.pop("slug", None) or urlsplit(source).path.rstrip("/").rpartition("/")[2]
    slug = _SLUG.sub("-", re.sub(r"\.(safetensors|ckpt|pt|bin|zip)$", "", name.lower())).strip("-._")
    return {"name": slug, **facts} if slug and not slug.isdigit() else facts


def _of_civitai(page: re.Match[str], query: Mapping[str, str]) -> dict[str, Any]:
    """A page names a model; only with its version is it a file."""
    found: dict[str, Any] = {"slug": page["slug"] or ""}
    if version := query.get("modelVersionId"):
        found["air"] = f"civitai:{page['id']}@{version}"
        found["source_url"] = f"https://civitai.com/api/download/models/{version}"
    return found


def _vendor_ids(url: str, catalogue: Catalogue) -> dict[str, Any]:
    found = {address.provider: address.pattern.match(url) for address in catalogue.addresses}
    return {name: {"id": m[1], "match": "same-file", "source": url} for name, m in found.items() if m is not None}


def append(file: Path, row: Mapping[str, Any]) -> None:
    """Write an entry at the end of a catalogue file; a file that cannot be read is not touched."""
    text = ""
    if file.is_file():
        text = file.read_text("utf-8")
        read_layer(text, str(file))
    joint = "\n" if text and not text.endswith("\n\n") else ""
    write_durably(file, f"{text}{joint}{_dumped(row)}".encode())


def _dumped(row: Mapping[str, Any]) -> str:
    """One `[[entry]]` with its tables below it (a list of tables in one line would close it to later entries)."""
    import tomli_w

    plain = {name: value for name, value in row.items() if name != "vendor"}
    text = f"[[entry]]\n{tomli_w.dumps(plain)}"
    for name, words in row.get("vendor", {}).items():
        text += f"[entry.vendor.{name}]\n{tomli_w.dumps(words)}"
    return text
