"""
X/Y grids: one request, two fields (or providers) varied, every combination made once.

Reads the value syntax of A1111's X/Y/Z plot (https://github.com/AUTOMATIC1111/stable-diffusion-webui,
scripts/xyz_grid.py), gives the requests cell by cell and draws the finished pictures with the values at the margins.
Pure.

    steps=21,31,41     a list           steps=10-50[5]     5 values, evenly spaced
    steps=1-5          1, 2, 3, 4, 5    cfg_scale=5-7(+0.5)    steps of 0.5
    sampler="euler","dpmpp_2m"          replace=fog,rain   "fog" in the prompt, then "rain" in its place
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from .errors import Fault, InvalidInput
from .request import SPELLINGS, GenerationRequest, respell
from .sheet import CARD, GAP, INK, MARGIN, PALE, PAPER, cut, font_of

if TYPE_CHECKING:
    from PIL import Image

    from .plans import Note

MOST = 400  # cells
_NUMBER = r"\s*([+-]?\d+(?:\.\d+)?)\s*"
_RANGE = re.compile(rf"{_NUMBER}-{_NUMBER}(?:\(\s*([+-]?\d+(?:\.\d+)?)\s*\)|\[\s*(\d+)\s*\])?\s*")
_WORDS = {"provider", "model", "prompt", "negative_prompt", "sampler", "schedule", "vae", "size", "replace"}
_WORD_LEAVES = ("model", "prompt", "module", "upscaler")
_WHOLE = {"steps", "seed", "width", "height", "clip_skip", "n"}


@frozen
class Axis:
    """One side of a grid: a field of the request (`steps`, `loras[0].weight`, `provider`, `replace`) and its values."""

    name: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, text: str, side: str) -> Axis:
        """Read `steps=21,31,41`."""
        name, equals, words = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise InvalidInput([Fault(side, f"must look like steps=21,31,41, not {text!r}")])
        try:
            return cls(name, expand(words, words_only=_takes_words(name), whole=_last(name) in _WHOLE))
        except InvalidInput as error:
            raise InvalidInput([fault.below(side) for fault in error.faults]) from None

    def label(self, value: str) -> str:
        """Return what stands at the margin."""
        return value if self.name == "provider" else f"{self.name} {value}"


NOBODY = Axis("", ("",))  # a grid with one axis only


def _takes_words(name: str) -> bool:
    return name in _WORDS or _last(name) in _WORD_LEAVES


def _last(name: str) -> str:
    word = name.rpartition(".")[2]
    return SPELLINGS.get(word, word)


def expand(text: str, *, words_only: bool = False, whole: bool = False) -> tuple[str, ...]:
    """Return the values that *text* stands for; with *words_only* nothing is taken for a range."""
    items = [item.strip() for row in csv.reader(io.StringIO(text), skipinitialspace=True) for item in row]
    values: list[str] = []
    for item in items:
        match = None if words_only else _RANGE.fullmatch(item)
        values += _range(item, match, whole) if match else [item]
    if not values or not all(values):
        raise InvalidInput("has no values, or an empty one")
    return tuple(dict.fromkeys(values))


def _range(item: str, match: re.Match[str], whole: bool) -> list[str]:
    first, last = Decimal(match[1]), Decimal(match[2])
    if match[4]:
        return _spaced(first, last, int(match[4]), whole)
    step = Decimal(match[3]) if match[3] else Decimal(1)
    count = (last - first) / step if step else Decimal(-1)
    if count < 0:
        raise InvalidInput(
            f"{item!r} leads nowhere; from high to low needs a step such as ({'-' if step > 0 else ''}1)"
        )
    if count > MOST:
        raise InvalidInput(f"{item!r} are more than {MOST} values")
    return [_plain(first + step * number) for number in range(int(count) + 1)]


def _spaced(first: Decimal, last: Decimal, count: int, whole: bool) -> list[str]:
    """Return *count* values from *first* to *last*; whole numbers stay whole (cut, as A1111 does)."""
    if not 0 < count <= MOST:
        raise InvalidInput(f"[{count}] must be from 1 to {MOST} values")
    parts = max(count - 1, 1)
    values = [first + (last - first) * number / parts for number in range(count)]
    return [str(int(value)) if whole else _plain(round(value, 6)) for value in values]


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


# --- cells -------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Cell:
    """One combination: where it stands, who makes it (empty = whoever is meant), and what."""

    column: int
    row: int
    provider: str
    request: GenerationRequest


def cells(request: GenerationRequest, x: Axis, y: Axis = NOBODY) -> tuple[Cell, ...]:
    """Return every combination, row by row; all faults of all values at once."""
    if x.name == y.name:
        raise InvalidInput([Fault("y", f"varies {y.name}, as x does")])
    if len(x.values) * len(y.values) > MOST:
        raise InvalidInput(f"a grid of {len(x.values)} x {len(y.values)} is more than {MOST} pictures")
    made: list[Cell] = []
    faults: dict[Fault, None] = {}
    for row, below in enumerate(y.values):
        for column, value in enumerate(x.values):
            pairs = [pair for pair in ((x, value), (y, below)) if pair[0].name]
            provider = next((word for axis, word in pairs if axis.name == "provider"), "")
            try:
                varied = _varied(request, [(axis, word) for axis, word in pairs if axis.name != "provider"])
            except InvalidInput as error:
                faults |= dict.fromkeys(error.faults)
            else:
                made.append(Cell(column=column, row=row, provider=provider, request=varied))
    if faults:
        raise InvalidInput(tuple(faults), what="the grid")
    return tuple(made)


def _varied(request: GenerationRequest, pairs: Sequence[tuple[Axis, str]]) -> GenerationRequest:
    words = request.to_dict()
    for axis, value in pairs:
        if axis.name == "replace":
            words["prompt"] = _replaced(str(words["prompt"]), axis.values[0], value)
        elif re.search(r"[.\[]", axis.name):
            _put(words, axis.name, value)
        else:
            if axis.name == "sampler":
                words.pop("schedule", None)  # it belonged to the other sampler
            words |= respell({axis.name: value})
    return GenerationRequest.from_dict(words)


def _replaced(prompt: str, old: str, new: str) -> str:
    if old not in prompt:
        raise InvalidInput([Fault("replace", f"the prompt has no {old!r}")])
    return prompt.replace(old, new)


def _put(words: Mapping[str, Any], path: str, value: str) -> None:
    """Set a leaf below a list or a part: `loras[0].weight`."""
    *way, last = re.findall(r"[^.\[\]]+", path)
    place: Any = words
    try:
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if not isinstance(place, dict):
            raise KeyError(last)
    except (KeyError, IndexError, ValueError, TypeError):
        raise InvalidInput([Fault(path, "is not in this request")]) from None
    place[last] = value


def told(axes: Sequence[Axis], notes: Iterable[Note]) -> str:
    """Return what became of the varied fields where it is not what the margin says: `steps 28 -> 31`."""
    varied = [path for axis in axes if axis.name for path in _paths(axis)]
    found = [note for note in notes if note.field in varied and note.status != "exact"]
    return ", ".join(dict.fromkeys(_became(note) for note in found))


def _paths(axis: Axis) -> tuple[str, ...]:
    if axis.name in ("provider", "replace") or re.search(r"[.\[]", axis.name):
        return (axis.name,)
    return tuple(respell({axis.name: axis.values[0]}))


def _became(note: Note) -> str:
    if note.status == "dropped":
        return f"{note.field} is not sent"
    if note.requested == note.sent:
        return f"{note.field} is {note.status}"
    return f"{note.field} {note.requested} -> {note.sent}"


# --- the picture -------------------------------------------------------------------------------------------------

_TEXT = 18
_HEAD = _TEXT + 18


@frozen(kw_only=True)
class Drawn:
    """What goes into one cell of the sheet: a picture and words below it, or words about why there is none."""

    column: int
    row: int
    picture: bytes | None = field(default=None, repr=False)
    words: str = ""


def draw(title: str, x: Axis, y: Axis, drawn: Sequence[Drawn], *, largest: int = 512) -> bytes:
    """Return a PNG: the values of *x* above, those of *y* at the left, the prompt on top.  Equal input, equal bytes."""
    from PIL import Image, ImageDraw

    pictures = {(one.column, one.row): _opened(one.picture, largest) for one in drawn if one.picture is not None}
    width = max((picture.width for picture in pictures.values()), default=largest)
    height = max((picture.height for picture in pictures.values()), default=largest // 2)
    font = font_of(_TEXT)
    below = _HEAD if any(one.words for one in drawn if one.picture is not None) else 0
    left = MARGIN + max(int(max(font.getlength(label) for label in _labels(y))) + GAP if y.name else 0, 0)
    top = MARGIN + 2 * _HEAD
    across, down = width + GAP, height + below + GAP
    size = (left + len(x.values) * across - GAP + MARGIN, top + len(y.values) * down - GAP + MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN), cut(title, _TEXT, size[0] - 2 * MARGIN), PALE, font)
    for column, label in enumerate(_labels(x)):
        pen.text((left + column * across, MARGIN + _HEAD), cut(label, _TEXT, width), INK, font)
    for row, label in enumerate(_labels(y)):
        pen.text((MARGIN, top + row * down + height // 2), label, INK, font)
    for one in drawn:
        place = (left + one.column * across, top + one.row * down)
        found = pictures.get((one.column, one.row))
        if found is not None:
            sheet.paste(found, place)
            pen.text((place[0], place[1] + height + 8), cut(one.words, _TEXT, width), PALE, font)
        else:
            pen.rectangle((*place, place[0] + width - 1, place[1] + height - 1), CARD, PALE)
            pen.text((place[0] + 12, place[1] + 12), cut(one.words, _TEXT, width - 24), PALE, font)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _labels(axis: Axis) -> tuple[str, ...]:
    return tuple(axis.label(value) if axis.name else "" for value in axis.values)


def _opened(data: bytes, largest: int) -> Image.Image:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    return picture
