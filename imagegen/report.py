"""
A comparison as one HTML page that loads nothing: pictures are inside it, there is no script, and only links lead out.

Pure but for reading the pictures that it shows.  The look is in `data/report.css`; what a person asks first comes
first: the pictures with their prices, then figures, then what differs field by field, then the exact wire bodies.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from attrs import field, frozen

from .charts import Bar, bars
from .comparison import Line
from .flow import Call
from .money import for_people
from .plans import Note, Plan
from .result import Image, Result

PARTS = ("queue", "run", "download")  # what time goes to, in this order


@frozen(kw_only=True)
class Page:
    """What a report is made of; *failures* say in words why a provider made nothing, *when* is a day or a moment."""

    request: Any
    lines: Sequence[Line]
    results: Mapping[str, Result] = field(factory=dict)
    failures: Mapping[str, str] = field(factory=dict)
    when: str = ""


def html(page: Page) -> str:
    """Return the page."""
    title = _short(str(getattr(page.request, "prompt", type(page.request).__name__)), 70)
    css = files(__package__).joinpath("data/report.css").read_text("utf-8")
    body = "".join(
        (_header(page), "<main>", _gallery(page), _figures(page), _charts(page), _differences(page), _wire(page))
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>\n{css}</style></head>"
        f"<body>{body}</main>{_footer(page)}</body></html>\n"
    )


# --- what was asked ----------------------------------------------------------------------------------------------


def _header(page: Page) -> str:
    made = f"{len(page.results)} of {len(page.lines)} providers made it" if page.results else ""
    words = " · ".join(word for word in (page.when, made, _emulated(page)) if word)
    chips = "".join(f"<li><b>{escape(name)}</b>{escape(value)}</li>" for name, value in _asked(page.request))
    prompt = str(getattr(page.request, "prompt", "") or type(page.request).__name__)
    negative = getattr(page.request, "negative_prompt", None)
    without = f'<p class="pale">without: {escape(str(negative))}</p>' if negative else ""
    return (
        f'<header><p class="eyebrow">One request, side by side · {escape(words)}</p><h1>{escape(prompt)}</h1>'
        f'<ul class="chips">{chips}</ul>{without}</header>'
    )


def _emulated(page: Page) -> str:
    emulated = any(result.cost.emulated for result in page.results.values())
    return "made by the emulator: no money was spent" if emulated else ""


def _asked(request: Any) -> list[tuple[str, str]]:
    """Return the short facts of a request."""
    found = []
    if getattr(request, "width", None) and getattr(request, "height", None):
        found.append(("size", f"{request.width} × {request.height}"))
    names = ("model", "steps", "cfg_scale", "sampler", "schedule", "seed", "clip_skip", "strength")
    values = ((name, getattr(request, name, None)) for name in names)
    found += [(name.replace("_", " "), str(value)) for name, value in values if value is not None]
    found += [("LoRA", f"{lora.model} at {lora.weight:g}") for lora in getattr(request, "loras", ())]
    return found


# --- pictures ----------------------------------------------------------------------------------------------------


def _gallery(page: Page) -> str:
    if not page.results and not page.failures:
        return ""
    cards = [_card(page, line) for line in page.lines if line.name in page.results or line.name in page.failures]
    return f'<section aria-label="Pictures"><div class="gallery">{"".join(cards)}</div></section>'


def _card(page: Page, line: Line) -> str:
    result = page.results.get(line.name)
    if result is None:
        why = escape(page.failures[line.name])
        return f'<article class="card failed"><div class="inside">{_top(line)}<p class="why">{why}</p></div></article>'
    shown = "".join(_picture(image, line.name, page.request) for image in (*result.images, *result.videos))
    return (
        f'<article class="card"><div class="pictures">{shown}</div><div class="inside">{_top(line)}'
        f"{_facts(_result_facts(line, result))}{_time(result)}</div></article>"
    )


def _top(line: Line) -> str:
    marks = "".join(f'<span class="mark">{mark}</span>' for mark in line.marks)
    title = escape(line.candidate.order.provider.title)
    return f'<div class="top"><h3>{title}</h3><span class="marks">{marks}</span></div>'


def _picture(image: Image, name: str, request: Any) -> str:
    source = f"data:{image.media_type};base64,{base64.b64encode(image.bytes()).decode()}"
    words = escape(f"{name}: {_short(str(getattr(request, 'prompt', 'picture')), 120)}", quote=True)
    size = f'width="{image.width}" height="{image.height}"'
    if image.media_type.startswith("video/"):
        return f'<video controls muted loop playsinline {size} src="{source}" aria-label="{words}"></video>'
    return f'<img alt="{words}" {size} src="{source}">'


def _result_facts(line: Line, result: Result) -> list[tuple[str, str]]:
    cost = result.cost
    # emulated money is no money: only what it would cost is said
    facts = [("cost at the vendor" if cost.emulated else "estimated", for_people(cost.estimated, cost.currency))]
    if not cost.emulated:
        facts.append(("billed", for_people(cost.billed, cost.currency)))
    if cost.credits is not None:
        facts.append((f"{line.candidate.order.provider.unit}s taken", f"{cost.credits.normalize():f}"))
    facts.append(("fidelity", percent(line.candidate.fidelity)))
    seeds = [str(image.seed) for image in result.images if image.seed is not None]
    facts.append(("seed", ", ".join(seeds) or "not reported"))
    return facts


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f'<dl class="facts">{rows}</dl>'


def _time(result: Result) -> str:
    parts = [(part, result.seconds.get(part, 0.0)) for part in PARTS if result.seconds.get(part)]
    shown = "".join(f'<i class="{part}" style="flex:{seconds:.3f}"></i>' for part, seconds in parts)
    words = "".join(f'<li><i class="{part}"></i>{part} {seconds:.1f} s</li>' for part, seconds in parts)
    total = sum(result.seconds.values())
    return (
        f'<div class="time" aria-hidden="true">{shown}</div>'
        f'<ul class="legend">{words}<li>{total:.1f} s in all</li></ul>'
    )


# --- figures -----------------------------------------------------------------------------------------------------

_COLUMNS = ("can it", "fidelity", "differs", "units", "price", "per 1,000", "expected", "price of")


def _figures(page: Page) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("provider", *_COLUMNS))
    rows = "".join(_figure_row(line) for line in page.lines)
    return (
        f'<section><h2>What it costs, and how close it comes</h2><div class="frame"><table><thead><tr>{head}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div></section>"
    )


def _figure_row(line: Line) -> str:
    price, can = line.price, line.possible
    units = "" if price.credits is None else f"{price.credits.normalize():f} {line.candidate.order.provider.unit}s"
    seconds = line.candidate.seconds
    cells = (
        "yes" if can else f"no: {line.candidate.order.blocked}",
        percent(line.candidate.fidelity) if can else "",
        f"{len(line.differing)} fields" if can else "",
        units if can else "",
        _price(line) if can else "",
        for_people(line.per_thousand, price.currency) if can else "",
        ("unknown" if seconds is None else f"{seconds:.1f} s") if can else "",
        (price.checked_on or "unknown") if can else "",
    )
    shown = "".join(f'<td data-name="{name}">{escape(cell)}</td>' for name, cell in zip(_COLUMNS, cells, strict=True))
    marks = "".join(f' <span class="mark">{mark}</span>' for mark in line.marks)
    return f'<tr><th scope="row">{escape(line.name)}{marks}</th>{shown}</tr>'


def _price(line: Line) -> str:
    price = line.price
    text = for_people(price.amount, price.currency)
    if price.low is not None and price.high is not None and price.low != price.high:
        text = f"{for_people(price.low, price.currency)} to {for_people(price.high, price.currency)}"
    if line.gap is not None:
        booked = for_people(line.offline.amount, line.offline.currency)
        book = "as quoted" if line.gap == 0 else f"the book says {booked}"
        text += f" (asked; {book})"
    return text


def _charts(page: Page) -> str:
    able = [line for line in page.lines if line.possible]
    prices = [
        Bar(
            label=line.name,
            parts=(line.per_thousand,),
            figure=for_people(line.per_thousand, line.price.currency),
        )
        for line in able
    ]
    times = [
        Bar(
            label=name,
            parts=tuple(result.seconds.get(part, 0.0) for part in PARTS),
            figure=f"{sum(result.seconds.values()):.1f} s",
        )
        for name, result in page.results.items()
    ]
    shown = [bars("Price of 1,000 pictures", prices)] if prices else []
    shown += [bars("Where the time went", times, keys=PARTS)] if times else []
    cards = "".join(f'<div class="card">{chart}</div>' for chart in shown)
    return f'<section aria-label="Charts"><h2>Money and time</h2><div class="charts">{cards}</div></section>'


# --- what differs ------------------------------------------------------------------------------------------------


def _differences(page: Page) -> str:
    sides = {line.name: _notes(page, line) for line in page.lines if line.possible}
    names = dict.fromkeys(path for notes in sides.values() for path in notes)
    differing = [path for path in names if any(_differs(notes.get(path)) for notes in sides.values())]
    if not differing:
        inside = '<div class="field">Nothing comes out differently anywhere.</div>'
    else:
        inside = "".join(_field(path, sides) for path in differing)
    same = [path for path in names if path not in differing]
    note = f'<p class="pale small">The same everywhere: {escape(", ".join(same))}.</p>' if same else ""
    return f'<section><h2>What differs, field by field</h2><div class="frame">{inside}</div>{note}</section>'


def _notes(page: Page, line: Line) -> dict[str, Note]:
    result = page.results.get(line.name)
    notes = line.candidate.order.plan.notes if result is None else result.notes
    return {note.field: note for note in notes}


def _differs(note: Note | None) -> bool:
    return note is not None and note.status != "exact"


def _field(path: str, sides: Mapping[str, Mapping[str, Note]]) -> str:
    known = [notes[path] for notes in sides.values() if path in notes]
    asked = next((note.requested for note in known if note.requested is not None), None)
    said = "said by the vendor, not by you" if asked is None else f"asked: {_value(asked)}"
    cells = "".join(_side(name, notes.get(path)) for name, notes in sides.items())
    return (
        f'<div class="field"><h3><code>{escape(path)}</code></h3><span class="asked pale">{escape(said)}</span>'
        f'<div class="sides">{cells}</div></div>'
    )


def _side(name: str, note: Note | None) -> str:
    if note is None:
        return f'<div class="side"><b>{escape(name)}</b><br><span class="pale">does not concern it</span></div>'
    sent = "" if note.status == "dropped" else f"<br>{escape(_value(note.sent))}"
    reason = f'<br><span class="pale">{escape(note.reason)}</span>' if note.reason else ""
    seen = '<br><span class="pale">seen in the vendor’s answer</span>' if note.verified else ""
    status = f'<span class="status">{note.status}</span>'
    return f'<div class="side {note.status}"><b>{escape(name)}</b> · {status}{sent}{reason}{seen}</div>'


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    return _short(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), 160)


# --- the wire ----------------------------------------------------------------------------------------------------


def _wire(page: Page) -> str:
    shown = []
    for line in page.lines:
        result = page.results.get(line.name)
        plan: Plan = line.candidate.order.plan
        if result is not None and isinstance(result.plan, Plan):
            plan = result.plan  # as it was sent: seed and request id filled
        shown += [_call(line.name, number, call) for number, call in enumerate(plan.calls, 1)]
    words = "Exactly what is sent; keys are never part of it. Words in &lt;angle brackets&gt; are known only later."
    return f'<section><h2>On the wire</h2><p class="pale small">{words}</p>{"".join(shown)}</section>'


def _call(name: str, number: int, call: Call) -> str:
    body = "" if call.json is None else json.dumps(call.json, ensure_ascii=False, indent=2, default=str)
    pays = '<span class="mark">pays</span>' if call.pays else ""
    head = f"{escape(name)} · {number}. {escape(call.purpose)} {pays}"
    line = escape(f"{call.method} {call.url}")
    return f"<details><summary>{head}</summary><pre>{line}\n\n{escape(body)}</pre></details>"


# --- where it is from --------------------------------------------------------------------------------------------


def _footer(page: Page) -> str:
    from . import __version__

    items = "".join(f"<li>{_source(line)}</li>" for line in page.lines if line.possible)
    return (
        f"<footer><p>Prices:</p><ul>{items}</ul><p>Fidelity is a judgement by documented weights, good for ordering "
        f"vendors and not for measuring pictures. Made by imagegen {__version__}.</p></footer>"
    )


def _source(line: Line) -> str:
    price = line.price
    words = [f"{line.name}: {price.basis}", price.checked_on and f"checked {price.checked_on}", price.reason]
    text = escape(", ".join(word for word in words if word))
    return f"{text}; {_linked(price.source)}" if price.source else text


def _linked(source: str) -> str:
    """Return a source with its address as a link."""
    words = []
    for word in source.split(" "):
        address = word.rstrip(";,")
        if address.startswith("https://"):
            words.append(f'<a href="{escape(address, quote=True)}">{escape(address)}</a>{word[len(address) :]}')
        else:
            words.append(escape(word))
    return " ".join(words)


# --- figures in words --------------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """Return `97 %`; only what is exactly alike is 100 %."""
    return "100 %" if share >= 1 else f"{min(share * 100, 99.9):.1f} %"


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
