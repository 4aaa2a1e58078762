"""
A contact sheet: pictures side by side, each with a caption.  Pure: equal input gives equal bytes.

Takes pictures as bytes with their captions, gives a PNG as bytes; opens no file and asks no network.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from PIL import Image, ImageFont

MARGIN, GAP = 24, 20  # around the sheet, between the cells
TITLE, DETAIL = 22, 15  # text sizes in pixels
CAPTION = TITLE + DETAIL + 18  # height of a caption
PAPER, CARD, INK, PALE = "#f4f4f2", "#ffffff", "#1c1c1c", "#6b6b6b"


@frozen(kw_only=True)
class Cell:
    """One picture with its caption: a title (who made it) and a line of detail."""

    picture: bytes = field(repr=False)
    title: str
    detail: str = ""


def contact_sheet(cells: Sequence[Cell], *, columns: int | None = None, largest: int = 640) -> bytes:
    """
    Return a PNG with all *cells*, row by row.

    A picture keeps its shape; none is drawn larger than *largest* pixels on its longer side.  Without *columns* the
    sheet comes out about as wide as it is high, and a row of two or three stays a row.
    """
    from PIL import Image

    if not cells:
        raise ValueError("a contact sheet needs at least one picture")
    pictures = [_fitted(cell.picture, largest) for cell in cells]
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures)
    across = columns or _columns(len(cells), width, height)
    down = math.ceil(len(cells) / across)
    card = (width, height + CAPTION)
    size = (2 * MARGIN + across * card[0] + (across - 1) * GAP, 2 * MARGIN + down * card[1] + (down - 1) * GAP)
    sheet = Image.new("RGB", size, PAPER)
    for index, (cell, picture) in enumerate(zip(cells, pictures, strict=True)):
        left = MARGIN + index % across * (card[0] + GAP)
        top = MARGIN + index // across * (card[1] + GAP)
        sheet.paste(_card(cell, picture, card), (left, top))
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=False)
    return out.getvalue()


def _columns(count: int, width: int, height: int) -> int:
    if count <= 3 and width <= 1.6 * height:
        return count
    return max(1, round(math.sqrt(count * (height + CAPTION) / width)))


def _fitted(data: bytes, largest: int) -> Image.Image:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGBA")
    scale = min(1.0, largest / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    paper = Image.new("RGBA", picture.size, CARD)
    flat = Image.alpha_composite(paper, picture).convert("RGB")
    return flat if size == flat.size else flat.resize(size, Image.Resampling.LANCZOS)


def _card(cell: Cell, picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    from PIL import Image, ImageDraw

    card = Image.new("RGB", size, CARD)
    width, height = size[0], size[1] - CAPTION
    card.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    draw = ImageDraw.Draw(card)
    draw.text((12, height + 8), cut(cell.title, TITLE, width - 24), INK, font_of(TITLE))
    draw.text((12, height + 12 + TITLE), cut(cell.detail, DETAIL, width - 24), PALE, font_of(DETAIL))
    return card


def font_of(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the letters of all sheets, *size* pixels high."""
    from PIL import ImageFont

    return ImageFont.load_default(size)  # ships with Pillow, so every machine writes the same letters


def cut(text: str, size: int, room: int) -> str:
    """Return *text* in one line, cut with dots where it is wider than *room* pixels."""
    font = font_of(size)
    text = " ".join(text.split())
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + "...") > room:
        text = text[:-1]
    return text + "..."
