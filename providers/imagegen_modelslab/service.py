"""
Which service of the vendor's family is spoken to: its paths, its way to ask for results, its way to take pictures.

A public room: `imagegen_stablediffusionapi` describes its two services with the same classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen


@frozen(kw_only=True)
class Fetch:
    """How to ask for a result: the id in the path (`{id}`), or in the body as `request_id`."""

    path: str
    by_body: bool = False


@frozen(kw_only=True)
class Intake:
    """
    Where a local picture is put to get an address.

    Attributes:
        path: the endpoint.
        word: the body field that holds the picture.
        data_uri: whether it wants `data:image/png;base64,...` or the bare base64 text.
        also: what else the body needs.
        seconds: how long the address lives.
        max_bytes: the documented limit.
        formats: what is taken as it is; other pictures become PNG.
    """

    path: str
    word: str
    data_uri: bool = True
    also: Mapping[str, str] = field(factory=dict)
    seconds: float = 24 * 3600.0
    max_bytes: int = 5 * 1024 * 1024
    formats: tuple[str, ...] = ("image/png", "image/jpeg")


@frozen(kw_only=True)
class Service:
    """
    One service.

    Attributes:
        name: the provider's name.
        text2img, img2img, inpaint, controlnet: the wire class of each operation (its `path` says where).
        fetch, intake: see there.
        neutral: vendor defaults that would change the picture, and the value that leaves it alone.
        plan_words: provider options that are for the planner and not for the body.
        prefix: replaces the start of the paths of pictures and their results, for a service with two styles (old, new).
    """

    name: str
    text2img: Any
    img2img: Any
    inpaint: Any
    controlnet: Any
    fetch: Fetch
    intake: Intake
    neutral: Mapping[str, tuple[str, str]]
    plan_words: frozenset[str] = frozenset()
    prefix: tuple[str, str] = ("", "")

    def url(self, base_url: str, path: str) -> str:
        """Return the complete address of *path*."""
        old, new = self.prefix
        return base_url + (path.replace(old, new, 1) if old and path.startswith(old) else path)


def host(url: str) -> tuple[str, str]:
    """Return scheme and `host[:port]` of an address, lower case."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def same_host(url: str, base_url: str) -> bool:
    """Whether *url* lies at the configured address: the only place that may see the key."""
    try:
        return host(url) == host(base_url)
    except ValueError:  # urlsplit on `http://[`
        return False


# What the vendor would do to a picture unasked, and why we say otherwise.
NEUTRAL: Mapping[str, tuple[str, str]] = {
    "enhance_prompt": ("no", "the vendor's default yes rewrites the prompt"),
    "safety_checker": ("no", "the vendor's default yes replaces pictures; the setting safety_checker turns it on"),
    "tomesd": ("no", "the vendor's default yes merges tokens, which changes the picture"),
    "panorama": ("no", "said so that no default of the vendor changes the picture"),
    "self_attention": ("no", "said so that no default of the vendor changes the picture"),
    "highres_fix": ("no", "said so that no default of the vendor changes the picture"),
    "upscale": ("no", "said so that no default of the vendor changes the picture"),
}
