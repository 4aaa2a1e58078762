"""
Pictures that went in, of a job that goes on after its process is gone.

The ledger keeps where each came from and what it was (SHA-256), never the picture itself.  What is still there and
still the same goes in again; of the rest a call says why it cannot be sent, before anything is paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve

from imagegen import images as pictures
from imagegen.downloads import Errand, fetch
from imagegen.effects import Do, Work
from imagegen.errors import ImagegenError, InvalidInput
from imagegen.flow import Download
from imagegen.images import Blob
from imagegen.ledger import FINAL, JobRow
from imagegen.parts import read
from imagegen.placeholders import Attached, rebuild, walk
from imagegen.planning import draft
from imagegen.request import ImageInput

from .orders import Order
from .session import Session

_SENT = frozenset({"submitted", "running", *FINAL})


def recorded(images: Mapping[str, Blob]) -> dict[str, dict[str, str]]:
    """Return what the ledger keeps of the inputs, by leaf path."""
    return {path: {"source": _absolute(blob.source), "sha256": blob.sha256} for path, blob in images.items()}


def _absolute(source: str) -> str:
    if not source or ImageInput(source).is_url:
        return source
    return str(Path(source).expanduser().absolute())


def at_hand_again(session: Session, row: JobRow, order: Order) -> Work[Order]:
    """Return *order* with its inputs, as far as a call that is still to be sent can have them."""
    wanted = row.plan.get("inputs", {})
    if not wanted or all(call.state in _SENT for call in row.calls):
        return order
    found: dict[str, Blob] = {}
    lost: dict[str, str] = {}
    for path, known in wanted.items():
        try:
            found[path] = yield from _same(session, known["source"], known["sha256"])
        except ImagegenError as error:
            lost[path] = error.message
    order = evolve(order, images=found, lost=lost)
    if any(isinstance(leaf, Attached) for call in order.plan.calls for leaf in walk(call.json)):
        order = yield from _reattached(session, row, order)
    return order


def _same(session: Session, source: str, sha256: str) -> Work[Blob]:
    """Read an input once more; it must be the one that the job was begun with."""
    if not source:
        raise InvalidInput("it was given as bytes, which are not kept; run it again")
    if ImageInput(source).is_url:
        data = yield from fetch(Errand(provider="input", private_hosts=session.private_hosts), Download(url=source))
        blob = pictures.inspect_input(data, source)
    else:
        blob = yield Do(partial(pictures.load, ImageInput(source)))
    if blob.sha256 != sha256:
        raise InvalidInput(f"{source} has changed since; run it again")
    return blob


def _reattached(session: Session, row: JobRow, order: Order) -> Work[Order]:
    """
    Put live attachments in the place of recorded ones.  How a picture becomes text is known to the provider alone, so
    it plans the request once more; nothing else of that plan is used.
    """
    live: dict[str, Attached] = {path: Attached.gone(path, why) for path, why in order.lost.items()}
    kinds = {cls.__name__: cls for cls in order.provider.capabilities}
    try:
        request: Any = read(kinds[row.kind], row.request)
    except (KeyError, InvalidInput):  # the request holds bytes, which are not kept; or another version wrote it
        return _with(order, live)
    known = yield Do(partial(session.means.store.known, row.scope))
    values = session.values(order.provider)
    fresh = draft(request, order.provider, session.desk, values=values, images=order.images, known=known)
    made = [leaf for call in fresh.calls for leaf in walk(call.json) if isinstance(leaf, Attached)]
    return _with(order, {leaf.name: leaf for leaf in made} | live)


def _with(order: Order, live: Mapping[str, Attached]) -> Order:
    def attach(leaf: Any) -> Any:
        return live.get(leaf.name, leaf) if isinstance(leaf, Attached) else leaf

    calls = tuple(call.evolve(json=rebuild(call.json, attach)) for call in order.plan.calls)
    return evolve(order, plan=order.plan.evolve(calls=calls))
