"""Dedicated servers: what an enterprise customer does with the machine itself."""

from __future__ import annotations

from imagegen.emulator import Response, answer

from . import jobs, models
from .exchange import Exchange
from .order import SCHEDULERS

_BUCKET = ("public_url", "region_name", "endpoint_url", "aws_access_key_id", "aws_secret_access_key")


def schedulers(_: Exchange) -> Response:
    """`schedulers_list`: the page shows 17 of the 18, and no status."""
    return answer({"schedulers": [name for name in SCHEDULERS if name != "LCMScheduler"]})


def details(call: Exchange) -> Response:
    """`system_details`; its status is "ok"."""
    seconds = round(sum(jobs.pending(call)), 2)
    return answer({"model_count": models.count(call), "queue_time": seconds, "status": "ok"})


def restart(call: Exchange) -> Response:
    """`restart_server`: what is queued is lost."""
    jobs.clear(call)
    return answer({"message": "server restarting", "status": "success"})


def update(call: Exchange) -> Response:
    """`update_server` (the SDKs say `update`): a restart too."""
    jobs.clear(call)
    return answer({"message": "server updating", "status": "success"})


def clear_cache(_: Exchange) -> Response:
    """`clear_cache`."""
    return answer({"status": "success", "message": "Cache cleared successfully"})


def clear_queue(call: Exchange) -> Response:
    """`clear_queue`: what is queued is lost."""
    jobs.clear(call)
    return answer({"status": "success", "message": "Queue cleared, server is restarting"})


def use_bucket(call: Exchange) -> Response:
    """`update_s3`: results go to one's own bucket and stay; without one they are deleted after 24 hours."""
    reader = call.reader()
    reader.require("deploy_type", *_BUCKET)
    reader.check()
    call.world.put(call.kind("storage"), "s3", True)
    return answer({"status": "success", "message": "S3 details updated successfully"})


def leave_bucket(call: Exchange) -> Response:
    """`reset_s3`."""
    reader = call.reader()
    reader.require("deploy_type")
    reader.check()
    call.world.remove(call.kind("storage"), "s3")
    return answer({"status": "success", "message": "S3 details reset successfully"})
