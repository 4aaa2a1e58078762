"""
What can be configured for TAMS, and the repair of keys that copying has damaged.

TAMS shows an endpoint per application (https://tams.tensor.art/apps), so the base URL is a setting.  Users
paste it with or without a scheme and with or without `/v1`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from imagegen.errors import InvalidInput, NotConfigured
from imagegen.money import read_amount
from imagegen.pricebook import read_rows
from imagegen.provider import Setting
from imagegen.settings import normal_url

NAME = "tams"
BASE_URL = "https://ap-east-1.tensorart.cloud"
SUFFIXES = ("/v1", "/api")  # ends that users copy along
CHECKPOINT = "600423083519508503"  # the checkpoint of the documents' own examples, page "txt2img"


def _tiers() -> Mapping[str, Decimal]:
    """What a credit costs with the gift of each purchase, page "Intro To Billing"."""
    rows = read_rows(files(__package__).joinpath("prices.toml").read_text("utf-8"))
    return {row.when.removeprefix("tier="): row.amount for row in rows if row.when and row.amount is not None}


TIERS = _tiers()

SETTINGS = (
    Setting(
        name="api_key",
        env="TAMS_API_KEY",
        secret=True,
        required=True,
        instead=("app_id", "private_key_file"),
        help="the application's token (Bearer)",
    ),
    Setting(name="app_id", env="TAMS_APP_ID", account=True, help="the application's id, for signed requests"),
    Setting(
        name="private_key_file",
        env="TAMS_PRIVATE_KEY_FILE",
        help="RSA private key (PEM, PKCS#1 or PKCS#8) for signed requests; needs imagegen[rsa]",
    ),
    Setting(
        name="base_url",
        env="TAMS_BASE_URL",
        default=BASE_URL,
        suffixes=SUFFIXES,
        help="the application's endpoint",
    ),
    Setting(name="model", default=CHECKPOINT, help="the checkpoint when a request names none"),
    Setting(
        name="on_unknown",
        default="resend",
        choices=("resend", "hold"),
        help="a job that may have arrived: send it again with the same requestId, or ask a person",
    ),
    Setting(name="tier", default="10k", choices=tuple(TIERS), price=True, help="how credits are bought (their price)"),
    Setting(name="webhook", help="address of your own below which TAMS tells that a job is over"),
    Setting(name="usd_per_credit", price=True, amount=True, help="a credit's price in US dollars, instead of a tier"),
)

_INVISIBLE = re.compile("[\ufeff\u200b-\u200f\u2060\u00ad]")
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_PEM = re.compile(r"-+\s*BEGIN ([A-Z ]+?)\s*-+(.*?)-+\s*END \1\s*-+", re.DOTALL)


def base_url(settings: Mapping[str, Any]) -> str:
    """Return the endpoint with a scheme, without what users copy along; a path prefix is kept."""
    url = normal_url(str(settings.get("base_url") or BASE_URL), SUFFIXES)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise NotConfigured(f"base_url must be an address like {BASE_URL}, not {url!r}", provider=NAME)
    return url


def hosts(settings: Mapping[str, Any]) -> frozenset[str]:
    """Return the one `host[:port]` that may see the key."""
    return frozenset({urlsplit(base_url(settings)).netloc.rpartition("@")[2]})


def clean_token(text: str) -> str:
    """Undo what copying does to a token: BOM, typographic dashes, quotes, blanks, a literal `\\n`."""
    plain = _DASHES.sub("-", _INVISIBLE.sub("", text)).replace("\\n", "").replace("\\r", "")
    token = "".join(plain.split()).strip("\"'").removeprefix("Bearer")
    if token.startswith(("ak_tensor", "ak_tusi")):
        raise NotConfigured(
            "this is a key of the website's OpenWorks service; TAMS has keys of its own",
            provider=NAME,
            hint="Copy the application's key from https://tams.tensor.art/apps.",
        )
    return token


def clean_pem(text: str) -> str:
    """Undo what copying does to a PEM file: BOM, typographic dashes, literal `\\n`, blanks in the lines."""
    plain = _DASHES.sub("-", _INVISIBLE.sub("", text)).replace("\\r", "").replace("\\n", "\n")
    match = _PEM.search(plain)
    if match is None:
        raise NotConfigured("the private key is no PEM text (-----BEGIN ... PRIVATE KEY-----)", provider=NAME)
    body = "".join(match[2].split())
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {match[1]}-----", *lines, f"-----END {match[1]}-----", ""])


def usd_per_credit(settings: Mapping[str, Any]) -> Decimal:
    """Return what a credit costs: as set, or as the tier has it with its gift."""
    given = settings.get("usd_per_credit")
    if given not in (None, ""):
        try:
            return read_amount(given)
        except InvalidInput as error:
            raise NotConfigured(f"usd_per_credit {error}", provider=NAME) from None
    tier = str(settings.get("tier") or "10k")
    if tier not in TIERS:
        raise NotConfigured(f"tier must be one of {', '.join(TIERS)}, not {tier!r}", provider=NAME)
    return TIERS[tier]
