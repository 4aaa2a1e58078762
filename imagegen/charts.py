"""
Bar charts as SVG text: readable alone, inside a page, in light and in dark.  Pure.

A chart is a list of `Bar`s, each a label over a bar with its figure behind it, so that it stays readable on a phone.
A figure that is not known is said and drawn as a dashed outline; it is never a bar of length 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from attrs import frozen

WIDTH = 420
_ROW, _BAR, _TOP, _LEFT = 46, 14, 30, 4
_ROOM = WIDTH - 2 * _LEFT
_STYLE = """
.chart{font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;--ink:#1d1d1f;--pale:#6e6e73;--rail:#e8e8ed;
--grey:#b9b4a7;--one:#3867d6;--two:#20a464}
@media (prefers-color-scheme:dark){.chart{--ink:#f2f2f4;--pale:#a0a0a8;--rail:#33333a;--grey:#5b5862;--one:#7d9bf2;
--two:#4cd38c}}
.chart text{fill:var(--ink);font-size:13px}.chart .figure,.chart .key{fill:var(--pale);font-size:12px}
.chart .title{font-size:14px;font-weight:600}.chart .rail{fill:var(--rail)}
.chart .grey{fill:var(--grey)}.chart .one{fill:var(--one)}.chart .two{fill:var(--two)}
.chart .unknown{fill:none;stroke:var(--pale);stroke-dasharray:4 4}
"""
_ONE, _TWO, _THREE = ("one",), ("one", "two"), ("grey", "one", "two")


@frozen(kw_only=True)
class Bar:
    """One bar: its label, its parts (stacked, in the order of the keys; None = unknown), its figure in words."""

    label: str
    parts: tuple[Decimal | float | None, ...]
    figure: str

    @property
    def total(self) -> float | None:
        """The length; None when no part is known."""
        known = [float(part) for part in self.parts if part is not None]
        return sum(known) if known else None


def bars(title: str, rows: Sequence[Bar], *, keys: Sequence[str] = (), stacked: bool = True) -> str:
    """
    Return a chart; *keys* name the parts.

    Parts are stacked end to end, or drawn one under the other where they are to be compared.
    """
    lanes = 1 if stacked else max((len(row.parts) for row in rows), default=1)
    height = _ROW + (lanes - 1) * (_BAR + 3)
    longest = max((_longest(row, stacked) for row in rows), default=0.0) or 1.0
    top = _TOP + (22 if keys else 0)
    body = [f'<text class="title" x="{_LEFT}" y="16">{escape(title)}</text>', *_legend(keys)]
    for index, row in enumerate(rows):
        body += _row(row, top + index * height, longest, stacked)
    full = top + len(rows) * height
    words = escape("; ".join(f"{row.label}: {row.figure}" for row in rows), quote=True)
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {full}" role="img" '
        f'aria-label="{escape(title, quote=True)}. {words}"><style>{_STYLE}</style>{"".join(body)}</svg>'
    )


def _longest(row: Bar, stacked: bool) -> float:
    if stacked:
        return row.total or 0.0
    return max((float(part) for part in row.parts if part is not None), default=0.0)


def _legend(keys: Sequence[str]) -> list[str]:
    made, left = [], _LEFT
    for colour, key in zip(_colours(len(keys)), keys, strict=True):
        made.append(f'<rect class="{colour}" x="{left}" y="26" width="10" height="10" rx="2"/>')
        made.append(f'<text class="key" x="{left + 15}" y="35">{escape(key)}</text>')
        left += 32 + 7 * len(key)
    return made


def _row(row: Bar, top: int, longest: float, stacked: bool) -> list[str]:
    made = [
        f'<text x="{_LEFT}" y="{top + 14}">{escape(row.label)}</text>',
        f'<text class="figure" x="{WIDTH - _LEFT}" y="{top + 14}" text-anchor="end">{escape(row.figure)}</text>',
    ]
    lane, left = top + 20, float(_LEFT)
    for index, (colour, part) in enumerate(zip(_colours(len(row.parts)), row.parts, strict=True)):
        if index == 0 or not stacked:
            made.append(_rect("unknown" if part is None else "rail", _LEFT, lane, _ROOM))
        if part:
            long = max(float(part) / longest * _ROOM, 2.0)
            made.append(_rect(colour, left, lane, long))
            left += long if stacked else 0.0
        lane += 0 if stacked else _BAR + 3
    return made


def _colours(parts: int) -> tuple[str, ...]:
    return (_ONE, _TWO, _THREE)[max(parts, 1) - 1][:parts]


def _rect(kind: str, left: float, top: int, width: float) -> str:
    return f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="4"/>'
