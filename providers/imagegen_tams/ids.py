"""What an id of a model or a template looks like, and how it stands in the address of a model's page."""

from __future__ import annotations

import re

ID_FORM = "15 to 20 digits"
_ID = re.compile(r"\d{15,20}")
_PAGE = re.compile(rf"https?://(?:www\.)?(?:tensor\.art|tusiart\.com)/(?:[\w-]+/)?models/({_ID.pattern})")


def is_id(text: str) -> bool:
    """Whether *text* has the form of an id."""
    return _ID.fullmatch(text) is not None


def of_model(ref: str) -> str:
    """Return the id in the address of a model's page; anything else as it is."""
    page = _PAGE.match(ref)
    return page[1] if page else ref
