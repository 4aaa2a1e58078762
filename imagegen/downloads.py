"""
Getting a paid picture home: bounded, checked to the last pixel, durable before anybody calls it done.

Addresses come from a vendor's answer and are not trusted: private and metadata addresses are refused at every hop
(the configured base URL's own host and port is always allowed), no vendor's file name is used, no type is believed.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import os
import socket
import tempfile
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from attrs import field, frozen

from . import USER_AGENT
from .effects import Do, Effect, Http, Sleep, TooLarge, TransportError, Wire
from .errors import ImagegenError, ResultError
from .flow import Download, Reply, Stored
from .images import BadPicture, decode_text, examine
from .redaction import Redactor

MAX_BYTES = 64 * 1024 * 1024
MAX_VIDEO_BYTES = 512 * 1024 * 1024
MAX_HOPS = 5
ATTEMPTS = 4
SECONDS = 120.0
A_DAY = 86_400.0
EXTENSIONS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
}


@frozen(kw_only=True)
class Errand:
    """
    On whose behalf something is fetched.

    Attributes:
        own_host: `host[:port]` of the configured base URL: always allowed.
        private_hosts: allow private addresses everywhere.
        left: seconds until the deadline, at most the argument.
    """

    provider: str
    job_id: str = ""
    own_host: str = ""
    private_hosts: bool = False
    redactor: Redactor = field(factory=Redactor, repr=False)
    left: Callable[[float], float] = field(default=lambda most: most, repr=False)


def fetch(errand: Errand, step: Download) -> Generator[Effect, Any, bytes]:
    """Return the bytes of a result, from its address or a mirror, or as they came inside the answer."""
    if step.data is not None:
        return _inside(errand, step.data)
    trouble: ImagegenError = _error(errand, "the vendor named no address for its result", "result_invalid")
    for url in (step.url, *step.mirrors):
        if not url:
            continue
        try:
            body = yield from _from(errand, url, MAX_VIDEO_BYTES if step.kind == "video" else MAX_BYTES)
            if step.kind == "base64":
                return decode_text(body.decode("utf-8", "replace"))
            return body
        except BadPicture as error:
            trouble = _error(errand, f"the result {error}", "result_invalid")
        except ImagegenError as error:
            trouble = error
    raise trouble


def _inside(errand: Errand, data: bytes | str) -> bytes:
    """Return a result that came inside the answer."""
    if isinstance(data, bytes):
        return data
    try:
        return decode_text(data)
    except BadPicture as error:
        raise _error(errand, f"the result {error}", "result_invalid") from None


def _from(errand: Errand, url: str, limit: int) -> Generator[Effect, Any, bytes]:
    error: ImagegenError = _error(errand, "no attempt was made", "result_invalid")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            reply = yield from _follow(errand, url, limit)
        except TooLarge:
            raise _error(errand, f"the result is larger than {limit // 2**20} MiB", "result_invalid") from None
        except TransportError as failure:
            error = _error(
                errand, f"the result did not arrive: {errand.redactor.text(str(failure))}", "service_unavailable"
            )
        else:
            if reply.status == 200:
                return reply.body
            if reply.status in (401, 403, 404, 410):
                raise _error(errand, f"the link to the result answers HTTP {reply.status}", "result_expired")
            error = _error(errand, f"the link to the result answers HTTP {reply.status}", "service_unavailable")
        pause = errand.left(min(2.0**attempt, 10.0))
        if errand.left(pause + 1) <= pause:
            raise _error(errand, "the result did not arrive before the deadline", "deadline_exceeded")
        if attempt < ATTEMPTS:
            yield Sleep(pause)
    raise error


def _follow(errand: Errand, url: str, limit: int) -> Generator[Effect, Any, Reply]:
    for _ in range(MAX_HOPS):
        yield from _check_address(errand, url)
        timeout = errand.left(SECONDS)
        if timeout <= 0:
            raise _error(errand, "the result did not arrive before the deadline", "deadline_exceeded")
        wire = Wire(method="GET", url=url, headers={"User-Agent": USER_AGENT, "Accept": "*/*"})
        reply: Reply = yield Http(wire=wire, timeout=timeout, patience=errand.left(A_DAY), limit=limit)
        if reply.status not in (301, 302, 303, 307, 308) or "location" not in reply.headers:
            return reply
        try:
            url = urljoin(url, reply.headers["location"])
        except ValueError:
            raise _error(errand, "the link to the result is redirected to no web address", "result_invalid") from None
    raise _error(errand, f"the link to the result is redirected more than {MAX_HOPS} times", "result_invalid")


def _check_address(errand: Errand, url: str) -> Generator[Effect, Any, None]:
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        raise _error(errand, "the result has an address that cannot be read", "result_invalid") from None
    if scheme not in ("http", "https") or not host:
        raise _error(errand, f"the result has an address that is no web address ({scheme}:)", "result_invalid")
    if errand.private_hosts or parts.netloc == errand.own_host:
        return
    inside = yield Do(partial(is_private, host, port or 443))
    if inside:
        raise _error(errand, f"the result lies on a private address ({host}); refused", "result_invalid")


def is_private(host: str, port: int) -> bool:
    """Whether a host name leads into a private network (loopback, link-local, metadata services, ...)."""
    try:
        found = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        return False  # a name that leads nowhere; the exchange will say so better
    return any(not ipaddress.ip_address(str(entry[4][0]).split("%")[0]).is_global for entry in found)


Dress = Callable[[bytes, Stored], bytes]


def keep(errand: Errand, step: Download, data: bytes, folder: Path, dress: Dress | None = None) -> Stored:
    """Check a result, let *dress* put metadata in, write it down durably.  Named by content."""
    from .containers import sniff

    moving = step.kind == "video"
    try:
        media_type = sniff(data) or ""
        if media_type.startswith("video/"):
            width, height = step.width or 0, step.height or 0
        else:
            media_type, width, height = examine(data, moving=moving)
    except BadPicture as error:
        raise _error(errand, f"the result {error}", "result_invalid") from None
    stored = Stored(
        path="",
        sha256="",
        media_type=media_type,
        width=width,
        height=height,
        source_url=step.url,
        seed=step.seed,
    )
    if dress is not None:
        data = dress(data, stored)
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{digest[:20]}{EXTENSIONS.get(media_type, '.bin')}"
    try:
        write_durably(path, data)
    except OSError as error:
        raise ResultError(
            f"the picture is paid and cannot be stored in {folder}: {error.strerror or error}.",
            kind="storage_failed",
            provider=errand.provider,
            hint=f"{_remedy(error)}, then: imagegen reconcile (job {errand.job_id}); it is not paid again.",
        ) from None
    return Stored(
        path=str(path),
        sha256=digest,
        media_type=media_type,
        width=width,
        height=height,
        source_url=step.url,
        seed=step.seed,
        size=len(data),
    )


def _remedy(error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return "Make room" if full else "Make the folder writable, or name another (--output)"


def check_folder(folder: Path) -> None:
    """Make the folder of the results, before anything is paid; an error when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
        why = "it cannot be written"
    except OSError as error:
        writable, why = False, error.strerror or str(error)
    if not writable:
        raise ImagegenError(
            f"results cannot be stored in {folder}: {why}. Nothing was sent.",
            kind="storage_failed",
            hint="Name another folder (--output).",
        )


def write_durably(path: Path, data: bytes) -> None:
    """Write a file so that after a crash it is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".imagegen-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _error(errand: Errand, message: str, kind: Any) -> ResultError:
    return ResultError(
        message, kind=kind, provider=errand.provider, charged=None if kind == "deadline_exceeded" else True
    )
