"""
Rate limits and queue places, on world time, for vendor halves (only when `world.rules.limits` is set).

Both kinds are shared by everyone who uses the same state file, as a vendor's are shared by all machines of
a customer.
"""

from __future__ import annotations

from .world import World


def wait_needed(world: World, name: str, *, per_second: float, burst: int | None = None) -> float:
    """
    Take one token from the bucket *name* (`acme/<account>`); 0 = go on, else seconds until there is one.

    *burst* tokens (default: one second's worth) can be taken at once.
    """
    if not world.rules.limits:
        return 0.0
    size = float(burst if burst is not None else max(per_second, 1))
    with world.change():
        now = world.now()
        tokens, at = world.get("bucket", name) or (size, now)
        tokens = min(size, tokens + (now - at) * per_second)
        if tokens < 1 - 1e-6:  # times are floats
            return float((1 - tokens) / per_second)
        world.put("bucket", name, (tokens - 1, now))
        return 0.0


def take_place(world: World, name: str, job_id: str, *, places: int, until: float) -> bool:
    """Take one of *places* in a queue for a job that ends at world time *until*; False when all are taken."""
    if not world.rules.limits:
        return True
    with world.change():
        now = world.now()
        taken = {job: end for job, end in (world.get("queue", name) or {}).items() if end > now}
        if job_id not in taken and len(taken) >= places:
            return False
        world.put("queue", name, taken | {job_id: until})
        return True
