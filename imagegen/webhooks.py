"""
Webhooks in: a vendor calls when a job is over, so that it need not wait for the next look.

    app = WebhookApp(client)                  # for any ASGI server: POST /<token>
    receive(client, call, token)              # or inside a web framework of one's own

The setting `webhook` of a provider is an address of one's own; each job is given its own address below it, which ends
in a token that nobody can guess (the job's id and a MAC of it).  A call is only a hint: what it says is never believed,
the job is asked for at the vendor as after a crash.  A replay finds the job done and changes nothing, and so does a
forgery, whether its token or its contents are invented.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from .effects import Do, Work
from .errors import ImagegenError
from .ledger import FINAL, JobRow
from .provider import WebhookCall
from .work import Session, Wishes, take_over

if TYPE_CHECKING:
    from .client import Client

MAX_BODY = 1024 * 1024
PATIENCE = 25.0  # seconds for one look; a vendor that is told of a timeout calls again
_KEY_FILE = "webhook.key"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@frozen(kw_only=True)
class Heard:
    """
    What became of a call.

    Attributes:
        job_id: whose address it was; empty = nobody's, the call is to be answered like any wrong path.
        state: the job's state in the ledger, after the look if there was one.
        looked: whether the vendor was asked.
        message: why the look brought nothing.
    """

    job_id: str = ""
    state: str = ""
    looked: bool = False
    message: str = ""


# --- addresses -----------------------------------------------------------------------------------------------------


def address(home: Path, base: str, job_id: str) -> str:
    """Return where the vendor is to call for one job."""
    return f"{base.rstrip('/')}/{token_of(home, job_id)}"


def token_of(home: Path, job_id: str) -> str:
    """Return the last part of a job's address: its id and what proves that we gave it away."""
    return f"{job_id}.{_mac(home, job_id)}"


def job_of(home: Path, token: str) -> str:
    """Return whose token this is; empty for one that we never gave away."""
    job_id, _, proof = token.rpartition(".")
    return job_id if job_id and hmac.compare_digest(proof.encode(), _mac(home, job_id).encode()) else ""


def _mac(home: Path, job_id: str) -> str:
    return hmac.new(_key(home), job_id.encode(), hashlib.sha256).hexdigest()[:32]


def _key(home: Path) -> bytes:
    """Return the secret of this home; made once, readable by its owner only."""
    file = home / _KEY_FILE
    with contextlib.suppress(FileNotFoundError):
        return file.read_bytes()
    home.mkdir(parents=True, exist_ok=True)
    fresh = home / f"{_KEY_FILE}.{secrets.token_hex(4)}"
    fresh.touch(mode=0o600)
    fresh.write_bytes(secrets.token_bytes(32))
    with contextlib.suppress(FileExistsError):  # another process was first: its key is the one
        file.hardlink_to(fresh)
    fresh.unlink()
    return file.read_bytes()


# --- calls ---------------------------------------------------------------------------------------------------------


def receive(client: Client, call: WebhookCall, token: str) -> Heard:
    """Take a call that came to *token* (the last part of the path): look after the job if nobody else does."""
    return client.shell.run(hear(client.session, call, token))


def hear(session: Session, call: WebhookCall, token: str) -> Work[Heard]:
    """`receive`, as work for either shell."""
    home = session.desk.config.home
    job_id: str = yield Do(partial(job_of, home, token))
    row: JobRow | None = (yield Do(partial(session.means.store.job, job_id))) if job_id else None
    if row is None:
        return Heard()
    if row.state in FINAL or not _is_about(session, row, call):
        return Heard(job_id=row.id, state=row.state)
    looked, message = True, ""
    try:
        looked = (yield from take_over(session, row, Wishes(timeout=PATIENCE))) is not None
    except ImagegenError as error:
        message = str(error)
    after: JobRow = yield Do(partial(session.means.store.job, row.id))
    return Heard(job_id=row.id, state=after.state, looked=looked, message=message)


def _is_about(session: Session, row: JobRow, call: WebhookCall) -> bool:
    """A call that names a job of the vendor's must name one of ours."""
    hint = session.provider(row.scope.provider).read_webhook(call)
    ours = {one.vendor_job_id for one in row.calls if one.vendor_job_id}
    return hint.vendor_job_id is None or not ours or hint.vendor_job_id in ours


@frozen
class WebhookApp:
    """
    A plain ASGI application: `POST /<anything>/<token>`.

    A known address is answered 204 before the job is looked after, because vendors give up after seconds; all else is
    404 without a word.
    """

    client: Client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or live through the server's life."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = str(scope["path"]).rpartition("/")[2]
        body = await _body(receive)
        home = self.client.session.desk.config.home
        known = scope["method"] == "POST" and body is not None and bool(await asyncio.to_thread(job_of, home, token))
        await send({"type": "http.response.start", "status": 204 if known else 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        if known and body is not None:
            await asyncio.to_thread(_receive, self.client, _call(scope, body), token)


_receive = receive  # inside the application the name is ASGI's


def _call(scope: Mapping[str, Any], body: bytes) -> WebhookCall:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return WebhookCall(method=scope["method"], path=scope["path"], headers=headers, body=body)


async def _body(receive: Receive) -> bytes | None:
    """Read the body; None when it is larger than any vendor's."""
    read, more = b"", True
    while more and len(read) <= MAX_BODY:
        message = await receive()
        read += message.get("body", b"")
        more = bool(message.get("more_body"))
    return read if len(read) <= MAX_BODY else None


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return
