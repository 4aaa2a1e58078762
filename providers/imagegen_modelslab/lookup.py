"""
Free questions about models: which ones the vendor has, and what one of them is.

A public room of the family.  The lists are bare or wrapped, and long; they cannot be searched, so that is done here.
Sources: GitHub ModelsLab/docs-v2 @ ef9d723 (`model_list`, `finetune_list`, `get_all_models`) and
https://stablediffusionapi.com/docs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from attrs import frozen

from imagegen.errors import InvalidInput, VendorRefused
from imagegen.flow import Call, Flow

from . import jobs

SHARED = ("/api/v3/finetune_list", "/api/v4/dreambooth/model_list")
READY = "model_ready"  # of the model_list example in GitHub ModelsLab/docs-v2 @ ef9d723


@frozen(kw_only=True)
class Shelf:
    """Where one service lists its models.  The account's own come first: of two with one id the first counts."""

    provider: str
    paths: tuple[str, ...]


def look_up(what: str, ref: str, base_url: str, shelf: Shelf) -> Flow[Any]:
    """Ask about *what* and return plain JSON."""
    if what not in ("model", "models"):
        raise InvalidInput(f"cannot be asked about a {what}; it can list its models", provider=shelf.provider)
    found = yield from _listed(base_url, shelf)
    if what == "models":
        words = ref.lower().split()
        return [shown for shown in map(_brief, found.values()) if _fits(shown, words)]
    name = ref.removeprefix(f"{shelf.provider}:")
    if name not in found:
        raise _unknown(name, found, shelf.provider)
    return _whole(found[name])


def _listed(base_url: str, shelf: Shelf) -> Flow[dict[str, Mapping[str, Any]]]:
    found: dict[str, Mapping[str, Any]] = {}
    for path in shelf.paths:
        call = Call(method="POST", url=base_url + path, json={}, purpose="look_up")
        answer = yield from jobs.ask(call, shelf.provider, bare=True)
        for entry in entries(answer.data):
            found.setdefault(str(entry.get("model_id") or ""), entry)
    return found


def entries(data: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the models of a list, bare (`model_list`) or wrapped (`finetune_list`, `get_all_models`)."""
    if isinstance(data, Mapping):
        data = data.get("data") or data.get("models")
    for entry in data if isinstance(data, list) else ():
        if isinstance(entry, Mapping):
            yield entry


def state_of(entry: Mapping[str, Any]) -> str:
    """Return the vendor's word for how a model stands; a list without that word has only models that are there."""
    return str(entry.get("status") or READY).lower()


def _brief(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": entry.get("model_id"),
        "name": entry.get("model_name"),
        "state": state_of(entry),
        "trigger": entry.get("instance_prompt"),
    }


def _whole(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return one entry with our names first and everything else as the vendor has it."""
    known = ("model_id", "model_name", "status", "instance_prompt")
    return {**_brief(entry), **{name: value for name, value in entry.items() if name not in known}}


def _fits(shown: Mapping[str, Any], words: list[str]) -> bool:
    text = f"{shown['id']} {shown['name']} {shown['trigger']}".lower()
    return all(word in text for word in words)


def _unknown(name: str, found: Mapping[str, Any], provider: str) -> VendorRefused:
    near = get_close_matches(name, found, n=4)
    return VendorRefused(
        f"does not list a model {name!r}" + (f"; near: {', '.join(near)}" if near else ""),
        kind="model_not_found",
        provider=provider,
        hint=f"See: imagegen models list --live --provider {provider}",
    )
