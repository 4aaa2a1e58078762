"""
Infotext: the "parameters" text that A1111 keeps in pictures, written and read exactly.

The form (AUTOMATIC1111/stable-diffusion-webui, `modules/processing.py` create_infotext and
`modules/infotext_utils.py@03650022` parse_generation_parameters) is

    prompt
    Negative prompt: what to avoid
    Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, Seed: 1

and cannot say everything: a prompt with a line "Negative prompt:", a key of one letter, fewer than three
fields.  Whatever a reader of the plain form would misread is carried once more in a quoted JSON field
`Imagegen`, which A1111 shows as one more field and `read` puts back.  So `read(write(x)) == x` always.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from attrs import field, frozen

__all__ = ["Infotext", "read", "write"]

_NEGATIVE = "Negative prompt:"
_EXACT = "Imagegen"
# A1111 takes the last line for fields only if it finds three: these fill up what is missing.
_PADDING = {"Imagegen format": "1", "Imagegen field count": "padded to 3"}
_RUN = re.compile(r"[\w \-/]+")
_VALUE = re.compile(r':\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


@frozen
class Infotext:
    """What a picture was made from; *fields* in the order they are written."""

    prompt: str = ""
    negative_prompt: str = ""
    fields: dict[str, str] = field(factory=dict)


def write(infotext: Infotext) -> str:
    """
    Write infotext that A1111 can read; what the plain form cannot say is added as the field `Imagegen`.

    Values are quoted as A1111 does (`infotext_utils.quote`), and also where that would not read back: an
    empty value, outer blanks, a leading quote.
    """
    plain = _compose(infotext, infotext.fields)
    if _read_plain(plain) == infotext:
        return plain
    fields = {key: value for key, value in infotext.fields.items() if _is_plain(key)}
    exact = _misread(infotext, fields)
    return _compose(infotext, fields | {_EXACT: json.dumps(exact, ensure_ascii=False)} | _PADDING)


def read(text: str) -> Infotext:
    """Read infotext as A1111 does, then what `write` added; any text is read, at worst as a prompt."""
    plain = _read_plain(text)
    exact = _exact(plain.fields.get(_EXACT, ""))
    if exact is None:
        return plain
    own = {_EXACT, *_PADDING}
    fields = {key: value for key, value in plain.fields.items() if key not in own}
    return Infotext(
        exact.get("prompt", plain.prompt),
        exact.get("negative_prompt", plain.negative_prompt),
        exact.get("fields", fields),
    )


def _compose(infotext: Infotext, fields: dict[str, str]) -> str:
    negative = [f"{_NEGATIVE} {infotext.negative_prompt}"] if infotext.negative_prompt else []
    last = [", ".join(f"{key}: {_quote(value)}" for key, value in fields.items())] if fields else []
    return "\n".join([infotext.prompt, *negative, *last])


def _misread(infotext: Infotext, fields: dict[str, str]) -> dict[str, Any]:
    """The parts that come out differently when *fields* and our own are written in the plain form."""
    seen = _read_plain(_compose(infotext, fields | {_EXACT: "{}"} | _PADDING))
    exact: dict[str, Any] = {}
    if seen.prompt != infotext.prompt:
        exact["prompt"] = infotext.prompt
    if seen.negative_prompt != infotext.negative_prompt:
        exact["negative_prompt"] = infotext.negative_prompt
    shown = {key: value for key, value in seen.fields.items() if key != _EXACT and key not in _PADDING}
    if list(shown.items()) != list(infotext.fields.items()):
        exact["fields"] = infotext.fields
    return exact


def _exact(text: str) -> dict[str, Any] | None:
    """What our own field says, or `None` if it is not ours."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not found.keys() <= {"prompt", "negative_prompt", "fields"}:
        return None
    fields = found.get("fields", {})
    texts = [found.get("prompt", ""), found.get("negative_prompt", "")]
    right = isinstance(fields, dict) and all(isinstance(one, str) for one in (*texts, *fields.values()))
    return found if right else None


def _is_plain(key: str) -> bool:
    return len(key) > 1 and key not in _PADDING and key != _EXACT and list(_pairs(f"{key}: 1")) == [(key, "1")]


def _quote(value: str) -> str:
    needs = not value or value != value.strip() or value.startswith('"') or re.search(r"[,:\n]", value)
    return json.dumps(value, ensure_ascii=False) if needs else value


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            found = json.loads(value)
        except ValueError:
            return value
        return found if isinstance(found, str) else value
    return value


def _read_plain(text: str) -> Infotext:
    """A1111's own reading: the last line is fields if it has three; before them the two prompts."""
    *lines, last = text.strip().split("\n")
    pairs = list(_pairs(last))
    if len(pairs) < 3:
        lines, pairs = [*lines, last], []
    stripped = [line.strip() for line in lines]
    start = next((at for at, line in enumerate(stripped) if line.startswith(_NEGATIVE)), len(stripped))
    negative = [line.removeprefix(_NEGATIVE).strip() for line in stripped[start:]]
    return Infotext(_join(stripped[:start]), _join(negative), {key: _unquote(value) for key, value in pairs})


def _join(lines: list[str]) -> str:
    """A1111 puts a line feed only after text, so leading empty lines vanish."""
    start = next((at for at, line in enumerate(lines) if line), len(lines))
    return "\n".join(lines[start:])


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    r"""
    A1111's `\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)`, found from left to right.

    Run by run, because that pattern takes quadratic time on a long line without a colon.
    """
    position = 0
    while run := _RUN.search(line, position):
        position = run.end()
        key = run[0].lstrip(" -/")
        value = _VALUE.match(line, position) if len(key) > 1 else None
        if value is not None:
            yield key, value[1]
            position = value.end()
