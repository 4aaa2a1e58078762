"""What an account can ask about itself: balance, quota, history, jobs under way."""

from __future__ import annotations

from imagegen.emulator import Response, account, answer, limits

from . import jobs, refusals
from .exchange import Exchange

_PER_MINUTE = 30  # request_count page


def balance(call: Exchange) -> Response:
    """`wallet_balance`."""
    left = float(account.balance(call.world, call.service.name))
    return answer({"status": "success", "data": {"balance": left, "currency": "USD"}})


def products(call: Exchange) -> Response:
    """`subscribed_products`: what is left of the quota of each product, as a count of pictures."""
    left = int(account.balance(call.world, call.service.name) / jobs.PRICE)
    total = max(int(call.world.rules.credits / jobs.PRICE), left, 1)
    used = {"total_api_call": total, "api_call_remaining": left, "percentage_used": 100 - left * 100 // total}
    return answer({"status": "success", "data": {"imagen": used}})


def under_way(call: Exchange) -> Response:
    """`processing/request_count`, at most 30 times a minute."""
    if limits.wait_needed(call.world, call.kind("request_count"), per_second=_PER_MINUTE / 60, burst=_PER_MINUTE):
        raise refusals.of_status(429)
    message = "Current processing request count retrieved successfully"
    return answer({"status": "success", "processing_count": len(jobs.pending(call)), "message": message})


def history(call: Exchange) -> Response:
    """`assets_generated`: pages of finished jobs, the newest first."""
    reader = call.reader()
    reader.require("type")
    size, page = reader.integer("per_page", 15, 1, 30), reader.integer("page", 1, 1)
    reader.check()
    done = [job for job in call.world.all(call.kind("job")).values() if job["state"] == "success"]
    done = sorted(done, key=lambda job: -job["id"]) if reader.text("type") == "image" else []
    first = (page - 1) * size
    shown = done[first : first + size]
    pagination = {
        "current_page": page,
        "per_page": size,
        "total": len(done),
        "last_page": max(-(-len(done) // size), 1),
        "from": first + 1 if shown else None,
        "to": first + len(shown) if shown else None,
    }
    data = [{"id": job["id"], "output": [call.file(name) for name in job["files"]]} for job in shown]
    return answer({"status": "success", "type": reader.text("type"), "data": data, "pagination": pagination})


def load(call: Exchange) -> Response:
    """v3 `system_load`; its status is "ok"."""
    seconds = jobs.pending(call)
    return answer({"queue_num": len(seconds), "queue_time": round(sum(seconds), 2), "status": "ok"})


def clear_cache(_: Exchange) -> Response:
    """v5 `clear_cache`."""
    return answer({"status": "success", "message": "Cache cleared"})
