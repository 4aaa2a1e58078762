"""
Prompts: A1111's weight syntax as spans of text, and the same spans in other engines' words.

`parse` takes what a person typed ("a (red:1.3) [dull] cat") and gives `Span`s (*text*, *weight*) with the
escapes resolved; `to_a1111`, `to_comfy` and `to_plain` write spans for an engine.  Weights multiply when
nested, as in A1111; in ComfyUI the inner number replaces the outer one, so `to_comfy` writes one number.

The rules are those of `modules/prompt_parser.py` in lllyasviel/stable-diffusion-webui-forge@dfdcbab6 and of
`comfy/sd1_clip.py` (`token_weights`) in Comfy-Org/ComfyUI@a125cd84.  Two differences, on purpose: a
backslash that escapes nothing stays text (A1111 drops it), and BREAK and AND stay words in the text.
Scheduling `[a:b:0.5]` and alternation `[a|b]` are programs, not weights: they become *verbatim* spans.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby

from attrs import define, field, frozen

__all__ = ["Span", "constructs", "extract_loras", "parse", "to_a1111", "to_comfy", "to_plain"]

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_TOKEN = re.compile(
    rf"\\(?P<escaped>[()\[\]\\])|:\s*(?P<weight>{_NUMBER})\s*\)|(?P<bracket>[()\[\]])|[^\\()\[\]:]+|[:\\]"
)
_WHEN = re.compile(rf"\s*{_NUMBER}\s*")
_LORA = re.compile(r"<lora:([^>]*)>")
_MOST = 1e6  # keeps thousands of nested brackets from becoming infinite


@frozen
class Span:
    """Some text and how much it weighs.  *verbatim*: an A1111 program `[...]`, to be written as it stands."""

    text: str
    weight: float = 1.0
    verbatim: bool = False


def parse(text: str) -> tuple[Span, ...]:
    """Read A1111 weight syntax; never fails: brackets that do not match are read as A1111 reads them."""
    reader = _Reader(text)
    reader.run()
    return reader.merged()


def to_a1111(spans: Iterable[Span]) -> str:
    """Write spans so that `parse` gives them back; text without weights and brackets is untouched."""
    parts = []
    for weight, group in groupby(filter(_has_text, spans), key=lambda span: span.weight):
        inner = "".join(span.text if span.verbatim else _escape_a1111(span.text) for span in group)
        parts.append(inner if weight == 1 else f"({inner}:{_number(weight)})")
    return "".join(parts)


def to_comfy(spans: Iterable[Span]) -> str:
    """
    Write spans for ComfyUI: one explicit number per weight, literal parentheses escaped.

    Square brackets mean nothing there, so a verbatim span is plain text: see `constructs`.
    """
    groups = [
        (weight, "".join(_escape_comfy(span.text) for span in group))
        for weight, group in groupby(filter(_has_text, spans), key=lambda span: _number(round(span.weight, 3)))
    ]
    # ComfyUI cannot escape a backslash: before a bracket it must be wrapped, or it would escape the bracket.
    last = len(groups) - 1
    return "".join(
        text if weight == "1" and (place == last or not text.endswith("\\")) else f"({text}:{weight})"
        for place, (weight, text) in enumerate(groups)
    )


def to_plain(spans: Iterable[Span]) -> tuple[str, bool]:
    """The text without weights, for engines that take brackets literally; and whether anything was lost."""
    spans = tuple(spans)
    lost = any(span.weight != 1 or span.verbatim for span in spans)
    return "".join(span.text for span in spans), lost


def extract_loras(prompt: str) -> tuple[str, tuple[tuple[str, float, float], ...]]:
    """
    Take `<lora:name:te[:unet]>` out of a prompt: the rest, untouched, and (name, te, unet) in order.

    As in A1111 both weights default to 1, unet to te, and `te=` and `unet=` may be named.  A tag without a
    name, or with a weight that is no finite number, raises `ValueError`.
    """
    loras = tuple(_lora(match[1]) for match in _LORA.finditer(prompt))
    return _LORA.sub("", prompt), loras


def constructs(text: str) -> frozenset[str]:
    """
    What a prompt uses that some engines lack.

    Of "BREAK", "AND", "de-emphasis" (`[x]`), "scheduling" (`[a:b:0.5]`), "alternation" (`[a|b]`) and "++"
    (compel's `word++` and `word--`).
    """
    if _SYNTAX.search(text) is None:
        return frozenset()
    reader = _Reader(text)
    reader.run()
    found = {name for name, pattern in _WORDS.items() if pattern.search(text)}
    found.update(name for _, name in _programs(text).values())
    return frozenset(found | ({"de-emphasis"} if reader.softened else set()))


_SYNTAX = re.compile(r"[\[\]|]|BREAK|AND|\+\+|--")  # without any of these there is nothing to look for
_WORDS = {
    "BREAK": re.compile(r"\bBREAK\b"),
    "AND": re.compile(r"\bAND\b"),
    "++": re.compile(r"(?<=[\w)\"'])(?:\+{2,}|-{2,})(?=[\s,.;)]|$)"),
}


@define
class _Reader:
    """A1111's two independent bracket stacks over a growing list of spans and their weights."""

    text: str
    spans: list[Span] = field(factory=list)
    weights: list[float] = field(factory=list)
    softened: bool = False
    _round: list[int] = field(factory=list)
    _square: list[int] = field(factory=list)

    def run(self) -> None:
        position = 0
        programs = _programs(self.text)
        while position < len(self.text):
            if position in programs:
                end, _ = programs[position]
                self._add(Span(self.text[position:end], verbatim=True))
                position = end
                continue
            match = _TOKEN.match(self.text, position)
            assert match is not None, "the last two alternatives match what the others leave"
            self._take(match)
            position = match.end()
        for start in self._round:
            self._weigh(start, 1.1)
        for start in self._square:
            self._soften(start)

    def _take(self, match: re.Match[str]) -> None:
        if match["escaped"]:
            self._add(Span(match["escaped"]))
        elif match["weight"] and self._round:
            self._weigh(self._round.pop(), float(match["weight"]))
        elif match["bracket"]:
            self._bracket(match["bracket"])
        else:
            self._add(Span(match[0]))

    def _bracket(self, bracket: str) -> None:
        match bracket:
            case "(":
                self._round.append(len(self.spans))
            case "[":
                self._square.append(len(self.spans))
            case ")" if self._round:
                self._weigh(self._round.pop(), 1.1)
            case "]" if self._square:
                self._soften(self._square.pop())
            case _:
                self._add(Span(bracket))

    def _add(self, span: Span) -> None:
        self.spans.append(span)
        self.weights.append(1.0)

    def _soften(self, start: int) -> None:
        self.softened = True
        self._weigh(start, 1 / 1.1)

    def _weigh(self, start: int, factor: float) -> None:
        for index in range(start, len(self.weights)):
            self.weights[index] = max(-_MOST, min(self.weights[index] * factor, _MOST))

    def merged(self) -> tuple[Span, ...]:
        """Neighbours of one weight become one; weights lose the noise of floats (1.1 * 1.1 is 1.21)."""
        merged: list[Span] = []
        weights = (round(weight, 6) + 0.0 for weight in self.weights)
        for (verbatim, weight), group in groupby(
            zip(self.spans, weights, strict=True), key=lambda pair: (pair[0].verbatim, pair[1])
        ):
            texts = [span.text for span, _ in group]
            merged += [Span(text, weight, verbatim) for text in (texts if verbatim else ["".join(texts)])]
        return tuple(merged)


@define
class _Open:
    """An open bracket: whether a "|" stands in it, and where what follows its last ":" begins."""

    bracket: str
    start: int
    alternates: bool = False
    tail: int | None = None


def _programs(text: str) -> dict[int, tuple[int, str]]:
    """Where each `[...]` program starts, where it ends, and its name; the brackets in it must match."""
    found: dict[int, tuple[int, str]] = {}
    stack: list[_Open] = []
    for match in re.finditer(r"\\.|[()\[\]|:]", text, re.DOTALL):
        mark, place = match[0], match.start()
        if mark in ("(", "["):
            stack.append(_Open(mark, place))
        elif mark in (")", "]"):
            if not stack or stack[-1].bracket + mark not in ("()", "[]"):
                stack.clear()  # what stands around a stray bracket is no program
                continue
            opened = stack.pop()
            if mark == "]" and (name := _program(opened, text, place)):
                found[opened.start] = place + 1, name
            if stack:
                stack[-1].tail = None  # no number follows the last ":", but this bracket
        elif stack and mark == "|":
            stack[-1].alternates = True
        elif stack and mark == ":":
            stack[-1].tail = place + 1
    return found


def _program(opened: _Open, text: str, end: int) -> str | None:
    if opened.alternates:
        return "alternation"
    scheduled = opened.tail is not None and _WHEN.fullmatch(text, opened.tail, end)
    return "scheduling" if scheduled else None


def _has_text(span: Span) -> bool:
    return bool(span.text)


def _escape_a1111(text: str) -> str:
    return re.sub(r"([()\[\]\\])", r"\\\1", text)


def _escape_comfy(text: str) -> str:
    return re.sub(r"([()])", r"\\\1", text)


def _number(weight: float) -> str:
    """Never in exponent form, which A1111's pattern does not know."""
    text = format(Decimal(repr(weight)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _lora(inside: str) -> tuple[str, float, float]:
    name, *arguments = inside.split(":")
    named = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    placed = [argument for argument in arguments if "=" not in argument]
    if not name.strip():
        raise ValueError(f"<lora:{inside}> names no LoRA")
    te = named.get("te", placed[0] if placed else "1")
    unet = named.get("unet", placed[1] if len(placed) > 1 else te)
    return name, _weight(te, inside), _weight(unet, inside)


def _weight(text: str, inside: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        raise ValueError(f"the weight {text!r} in <lora:{inside}> is not a number")
    return weight
