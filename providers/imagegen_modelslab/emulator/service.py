"""The whole service at one prefix: who may ask, which path is meant, what was not understood."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from imagegen.emulator import KEY, Request, Response, answer, limits
from imagegen.emulator.world import World

from . import editing, generation, jobs, refusals
from .endpoints import ENDPOINTS
from .exchange import Exchange, Service
from .refusals import Refusal
from .routes import ROUTES, Route

_LEGACY = ("v3/", "v4/", "v5/")
_SPAM_SECONDS = 30.0


@frozen(kw_only=True)
class VendorEmulator:
    """One host of the family, as the chassis mounts it."""

    service: Service
    deviations: Sequence[str]
    providers: Sequence[str] = ()

    @property
    def prefix(self) -> str:
        """Where it is mounted."""
        return f"/{self.service.name}"

    def handle(self, request: Request, world: World) -> Response:
        """Answer one request."""
        jobs.settle(self.service, world, _paint)
        path, job_id = split(request.path)
        try:
            route = _route(request, path, job_id)
            body = _body(request)
            call = Exchange(service=self.service, world=world, request=request, path=path, id=job_id, body=body)
            _authorize(request, body)
            _notice(call, route)
            _filter_spam(call)
            return route.handler(call)
        except Refusal as refusal:
            return _refuse(refusal, path)


def _paint(service: Service, world: World, job: jobs.Job) -> Sequence[bytes]:
    make = generation.pictures if job["path"] in ENDPOINTS else editing.pictures
    return make(service, world, job)


def split(path: str) -> tuple[str, str]:
    """
    Return a path below `/api/` and the job id at its end, if it has one.

    The SDKs say `v1/enterprise/images/text2img` where the pages say `v1/enterprise/text2img`; both are the latter.
    """
    parts = [part for part in path.split("/") if part]
    parts = parts[1:] if parts[:1] == ["api"] else parts
    if parts[:3] == ["v1", "enterprise", "images"]:
        del parts[2]
    if len(parts) > 1 and parts[-2] == "fetch":
        return "/".join(parts[:-1]), parts[-1]
    return "/".join(parts), ""


def _route(request: Request, path: str, job_id: str) -> Route:
    route = ROUTES.get(path)
    below_api = request.path.lstrip("/").startswith("api/")
    if route is None or not below_api or (route.needs_id and not job_id):
        raise refusals.no_route(request.method, request.path)
    if request.method != "POST" and not (request.method == "GET" and route.get):
        raise refusals.wrong_method(request.method)
    return route


def _body(request: Request) -> Mapping[str, Any]:
    if not request.body.strip():
        return dict(request.query)
    try:
        body = request.json()
    except (ValueError, RecursionError):
        raise refusals.no_json() from None
    if not isinstance(body, dict):
        raise refusals.no_json()
    return body


def _authorize(request: Request, body: Mapping[str, Any]) -> None:
    """The key is a field of the body; official clients also send it as a Bearer token, a header or in the query."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    sent = body.get("key") or bearer or request.headers.get("key") or request.query.get("key")
    if not sent:
        raise refusals.no_key()
    if sent != KEY:
        raise refusals.wrong_key()


def _notice(call: Exchange, route: Route) -> None:
    """Say in the journal which fields no page of this endpoint names; under strict rules, refuse them."""
    if route.fields is None:
        return
    unknown = sorted(set(call.body) - route.fields - {"key"})
    for name in unknown:
        call.world.warn(f"unknown field {name}")
    if unknown and call.world.rules.strict:
        raise refusals.invalid({name: ["field is not supported"] for name in unknown})


def _filter_spam(call: Exchange) -> None:
    """The older versions refuse the same generation within 30 seconds (stablediffusionapi.com/docs)."""
    if not call.world.rules.limits or call.path not in ENDPOINTS or not call.path.startswith(_LEGACY):
        return
    text = json.dumps({"path": call.path, **call.body}, sort_keys=True)
    bucket = f"{call.service.name} spam {hashlib.sha256(text.encode()).hexdigest()}"
    if limits.wait_needed(call.world, bucket, per_second=1 / _SPAM_SECONDS, burst=1):
        raise refusals.spam()


def _refuse(refusal: Refusal, path: str) -> Response:
    if path == "v3/load_model":  # its page alone has a code in the body
        return answer({"status": "error", "message": refusal.message, "code": refusal.status}, refusal.status)
    return refusal.response(legacy=path.startswith(_LEGACY))
