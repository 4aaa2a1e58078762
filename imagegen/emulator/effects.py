"""
What faults do to an answer.

The chassis uses this for rules that were posted; a vendor's half uses the same functions for the marks in a
prompt:

    faults = world.faults(prompt, provider=..., path=request.path)  # once, when a job is submitted
    if early := before_effects(faults):  # or `refusal(faults)`, to say it in the vendor's own words
        return early
    ... charge, draw, `keep_result(world, name, picture, "image/png", faults, seconds=86400)` ...
    return after_effects(answer(body), faults)
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from attrs import evolve

from . import Response
from .faults import Fault
from .world import World

_HTML = b"""<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>emulated proxy</center></body></html>
"""


def find(faults: Sequence[Fault], name: str) -> Fault | None:
    """Return the first fault of that name."""
    return next((fault for fault in faults if fault.name == name), None)


def refusal(faults: Sequence[Fault]) -> int | None:
    """Return the HTTP status that `http=` asks for, to be said in the vendor's own words; None = go on."""
    fault = find(faults, "http")
    return None if fault is None or fault.says("after") else _status(fault)


def before_effects(faults: Sequence[Fault]) -> Response | None:
    """Return what is answered in the vendor's place, before anything happened; None = the vendor answers."""
    for fault in faults:
        late = fault.says("after") or fault.name in ("drop", "hang")
        if (fault.says("before") or not late) and (instead := _instead(fault)):
            return _slowed(instead, faults)
    return None


def after_effects(response: Response, faults: Sequence[Fault]) -> Response:
    """Return the vendor's answer as it arrives: late, dripping, never, or something else in its place."""
    for fault in faults:
        if fault.name in ("drop", "hang") or fault.says("after"):
            response = _instead(fault) or response
    return _slowed(response, faults)


def cut_off(response: Response, faults: Sequence[Fault]) -> Response:
    """Return *response* with its connection closed in mid-body, where a fault says `truncate[=BYTES]`."""
    fault = find(faults, "truncate")
    if fault is None:
        return response
    return evolve(response, truncate=_kept(len(response.body), fault), reset=fault.says("reset"))


def keep_result(
    world: World,
    name: str,
    data: bytes,
    media_type: str,
    faults: Sequence[Fault],
    *,
    seconds: float | None = None,
) -> str:
    """Keep a finished picture and return its path; `truncate` breaks the file, `expired` kills its link."""
    if fault := find(faults, "truncate"):
        data = data[: _kept(len(data), fault)]
    return world.keep(name, data, media_type, seconds=0 if find(faults, "expired") else seconds)


def _instead(fault: Fault) -> Response | None:
    match fault.name:
        case "http":
            return _refused(_status(fault), fault.word("retry"))
        case "html":
            return Response(status=502, body=_HTML, headers={"content-type": "text/html"})
        case "drop":
            return Response(drop=True, reset=fault.says("reset"))
        case "hang":
            return Response(hang=True)
    return None


def _refused(status: int, retry_after: str) -> Response:
    body = json.dumps({"message": f"emulated HTTP {status}"}).encode()
    headers = {"content-type": "application/json"} | ({"retry-after": retry_after} if retry_after else {})
    return Response(status=status, body=body, headers=headers)


def _status(fault: Fault) -> int:
    status = int(fault.number(500))
    return status if 200 <= status <= 599 else 500


def _slowed(response: Response, faults: Sequence[Fault]) -> Response:
    slow, drip = find(faults, "slow"), find(faults, "drip")
    return evolve(
        response,
        delay=response.delay + (slow.number(1.0) if slow else 0.0),
        drip=max(drip.number(1.0), 0.1) if drip else response.drip,
    )


def _kept(size: int, fault: Fault) -> int:
    return max(0, min(int(fault.number(size // 2)), size - 1))
