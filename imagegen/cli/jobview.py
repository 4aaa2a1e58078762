"""How a job of the ledger reads, in a list and in full, for people and as JSON."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.ledger import CallRow, JobRow
from imagegen.money import as_text
from imagegen.result import cost_of, images_of, notes_of

from .render import cost_text, group_notes, heading, indented, money, notes_list, plain, pretty_json, table, whole
from .results import near

if TYPE_CHECKING:
    from rich.console import RenderableType


def paid(row: JobRow) -> str:
    """Return what a job cost in a few words: billed if that is known, else the estimate and a question mark."""
    cost = cost_of(row)
    if cost.emulated:
        return "emulated"
    if cost.billed is not None:
        return money(cost.billed, cost.currency)
    return "unknown" if cost.estimated is None else f"{money(cost.estimated, cost.currency)}?"


def ago(seconds: float) -> str:
    """Return an age in words."""
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {word} ago"
    return f"{max(int(seconds), 0)} s ago"


def moment(stamp: float | None) -> str | None:
    """Return a time of the ledger as ISO 8601 in UTC."""
    if not stamp:
        return None
    return datetime.datetime.fromtimestamp(stamp, datetime.UTC).isoformat(timespec="seconds")


def brief(row: JobRow) -> dict[str, Any]:
    """Return one item of `jobs list --json`."""
    return {
        "id": row.id,
        "provider": row.scope.provider,
        "state": row.state,
        "cost": cost_of(row).as_dict(),
        "emulated": row.scope.emulated,
        "kind": row.kind,
        "model": row.model,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "labels": dict(row.labels),
        "idempotency_key": row.idempotency_key,
        "vendor_job_ids": [call.vendor_job_id for call in row.calls if call.vendor_job_id],
        "files": [file.path for file in row.files],
    }


def job_dict(row: JobRow) -> dict[str, Any]:
    """Return all of a job as plain JSON (the ledger holds no secret)."""
    images, videos = images_of(row.files)
    return {
        **brief(row),
        "base_url": row.scope.base_url,
        "account": row.scope.account,
        "namespace": row.scope.namespace,
        "calls": [call_dict(call) for call in row.calls],
        "images": [image.as_dict() for image in images],
        "videos": [video.as_dict() for video in videos],
        "notes": [note.as_dict() for note in notes_of(row)],
        "seconds": dict(row.seconds),
        "data": row.data,
        "request": dict(row.request),
        "plan": dict(row.plan),
    }


def call_dict(call: CallRow) -> dict[str, Any]:
    """Return one paid call as plain JSON."""
    return {
        "index": call.index,
        "state": call.state,
        "attempts": call.attempts,
        "vendor_job_id": call.vendor_job_id,
        "charged": call.charged,
        "credits": as_text(call.credits),
        "billed": as_text(call.billed),
        "sent_at": moment(call.sent_at),
        "accepted_at": moment(call.accepted_at),
        "done_at": moment(call.done_at),
        "error": None if call.error is None else dict(call.error),
    }


def full(row: JobRow) -> list[RenderableType]:
    """Return all of a job for reading."""
    view: list[RenderableType] = [heading(row.id, f"{row.kind} at {row.scope.provider}"), indented(_facts(row))]
    calls = table("paid call", "state", "vendor's id", "attempts", "charged")
    for call in row.calls:
        charged = "no" if call.state == "prepared" else {True: "yes", False: "no", None: "unknown"}[call.charged]
        calls.add_row(str(call.index + 1), call.state, plain(call.vendor_job_id or "-"), str(call.attempts), charged)
    view += [plain(""), indented(calls)]
    view += [indented(plain(said, "red")) for call in row.calls if (said := _error(call))]
    for file in row.files:
        view.append(indented(whole(f"{near(Path(file.path))}  {file.width}x{file.height}", "cyan")))
    if row.data is not None:
        view.append(indented(plain(pretty_json(row.data))))
    notes = notes_of(row)
    if group_notes(notes) or (notes and row.state == "succeeded"):  # else "nothing" would be said of no picture
        view += [plain(""), indented(notes_list(notes))]
    if row.state == "unknown":
        view.append(indented(plain(_advice(row), "bold yellow")))
    return view


def _facts(row: JobRow) -> RenderableType:
    facts = table("", "")
    facts.show_header = False
    where = row.scope.base_url or "default address"
    owner = f"process {row.owner.pid} on {row.owner.host}" if row.owner else ""
    lines = {
        "state": row.state,
        "prompt": str(row.request.get("prompt", "")),
        "model": row.model,
        "where": f"{where}{', emulated' if row.scope.emulated else ''}, account {row.scope.account}",
        "created": moment(row.created_at),
        "changed": moment(row.updated_at),
        "worked on by": owner,
        "labels": ", ".join(f"{name}={value}" for name, value in row.labels.items()),
        "idempotency key": row.idempotency_key,
        "cost": cost_text(cost_of(row)),
    }
    for name, value in lines.items():
        if value:
            facts.add_row(name, plain(value))
    return facts


def _error(call: CallRow) -> str:
    if not call.error:
        return ""
    said = call.error.get("vendor_message")
    return f"call {call.index + 1}: {call.error.get('message')}" + (f" The vendor said: {said}" if said else "")


def _advice(row: JobRow) -> str:
    return (
        "Nobody knows whether the vendor took this. Try: imagegen reconcile. If it stays so, look at the "
        f"vendor's site, then say: imagegen jobs resolve {row.id} --charged (or --not-charged)."
    )
