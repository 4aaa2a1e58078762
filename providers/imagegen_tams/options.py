"""
The vendor's own words, merged last: `provider_options = {"tams": {"diffusion": {"etaNoiseSeedDelta": 31337}}}`.

The words are the stages' payloads (`inputInitialize`, `diffusion`, `imageToUpscaler`, `imageToAdetailer`,
`imageToInpaint`, `videoDiffusion`) and `notifyUrl` or `runningNotifyUrl`, in camelCase or snake_case.  Values are JSON
or objects of `imagegen_tams.wire`.  TAMS ignores an unknown field without a word, so one is said here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from imagegen.plans import Notebook
from imagegen.wire import camel

from . import wire
from .settings import NAME

_PAYLOADS: dict[str, type] = {
    "inputInitialize": wire.InputInitialize,
    "diffusion": wire.Diffusion,
    "imageToUpscaler": wire.ImageToUpscaler,
    "imageToAdetailer": wire.ImageToAdetailer,
    "imageToInpaint": wire.ImageToInpaint,
    "videoDiffusion": wire.VideoDiffusion,
}
_URLS = ("notifyUrl", "runningNotifyUrl")


def apply(body: dict[str, Any], given: Mapping[str, Any], book: Notebook) -> None:
    """Merge *given* into the encoded *body*, in place, one note per word."""
    for word, value in given.items():
        path, name = f"provider_options.{NAME}.{word}", camel(word)
        if name in _URLS:
            body[name] = value
            book.exact(path, name)
        elif name in _PAYLOADS:
            _merge(body, path, name, wire.encode(value), book)
        else:
            book.dropped(path, f"is none of {', '.join([*_PAYLOADS, *_URLS])}", "unknown_option")


def sets_seed(request: Any) -> bool:
    """Whether the vendor's own words say the seed."""
    given = request.provider_options.get(NAME, {})
    start = wire.encode(given.get("inputInitialize", given.get("input_initialize"))) or {}
    return isinstance(start, Mapping) and "seed" in start


def _merge(body: dict[str, Any], path: str, name: str, value: Any, book: Notebook) -> None:
    targets = list(_payloads(body, name))
    if not isinstance(value, Mapping):
        book.dropped(path, "must be a table of the stage's fields", "unknown_option")
        return
    if not targets:
        book.dropped(path, "this job has no such stage", "no_such_stage")
        return
    words = {camel(key): item for key, item in value.items()}
    for target in targets:
        target.update(words)
    documented = {camel(a.name) for a in attrs.fields(_PAYLOADS[name]) if a.name != "extra"}
    strange = sorted(set(words) - documented)
    if strange:
        reason = f"in no page: {', '.join(strange)}; an unknown field is ignored without a word"
        book.approximated(path, words, name, reason, "undocumented_field")
    else:
        book.exact(path, name, words)


def _payloads(body: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield the payloads called *name*; diffusion parameters stand inside other stages when there is no DIFFUSION."""
    stages = body.get("stages", ())
    found = [stage[name] for stage in stages if name in stage]
    if not found and name == "diffusion":
        found = [p["diffusion"] for stage in stages for p in stage.values() if isinstance(p, dict) and "diffusion" in p]
    yield from found
