"""`imagegen jobs`: what the ledger knows, and what can be done about it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from imagegen.errors import ImagegenError, InvalidInput
from imagegen.ledger import FINAL, STATES, JobRow

from .jobview import ago, brief, full, job_dict, paid
from .making import Made, report
from .options import COUNT, OUTPUT, SECONDS, Json, OtherFolder, split_pair
from .output import OK, UNKNOWN, json_text, print_json, remark, write_file
from .progress import Progress
from .render import plain, show, table
from .session import open_client

if TYPE_CHECKING:
    from imagegen.client import Client

app = App(name="jobs", help="List, show, watch, cancel, resolve, export or prune jobs.")

JobId = Annotated[str, Parameter(help="The job's id, or the only beginning of it.", metavar="JOB")]
_AGE = re.compile(r"^(\d+(?:\.\d+)?)\s*([smhdw])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@app.command(name="list")
def list_all(
    *,
    state: Annotated[str | None, Parameter(help=f"One of {', '.join(STATES)}.", metavar="STATE")] = None,
    provider: Annotated[str | None, Parameter(help="Only of this provider.", metavar="NAME")] = None,
    label: Annotated[tuple[str, ...], Parameter(help="Only with this label; repeatable.", metavar="K=V")] = (),
    emulated: Annotated[
        bool | None, Parameter(negative="--real", help="Only emulated jobs, or only real ones.")
    ] = None,
    limit: Annotated[int, COUNT, Parameter(help="At most so many, newest first. Default: 20.")] = 20,
    as_json: Json = False,
) -> int:
    """List jobs, newest first."""
    if state is not None and state not in STATES:
        raise InvalidInput(f"--state must be one of {', '.join(STATES)}, not {state!r}")
    labels = _labels(label)
    with open_client() as client:
        rows = client.jobs(state=state, provider=provider, labels=labels, emulated=emulated, limit=limit)
    if as_json:
        print_json([brief(row) for row in rows])
    elif rows:
        show(_listed(rows))
    else:
        show(plain("no jobs"))
    return OK


def _labels(items: tuple[str, ...]) -> dict[str, str]:
    try:
        return dict(map(split_pair, items))
    except InvalidInput as error:
        raise InvalidInput([fault.below("--label") for fault in error.faults]) from None


def _listed(rows: list[JobRow]) -> Any:
    listed = table(
        "job",
        "provider",
        "state",
        "when",
        "cost",
        "prompt",
        whole=("job", "state", "when", "cost"),
        cut=("provider", "prompt"),
    )
    now = time.time()
    for row in rows:
        state = plain(row.state, "bold red" if row.state == "unknown" else "")
        words = plain(" ".join(str(row.request.get("prompt", row.kind)).split()), "dim")
        listed.add_row(row.id, plain(row.scope.provider), state, ago(now - row.created_at), paid(row), words)
    return listed


@app.command(name="show")
def show_one(job: JobId, /, *, as_json: Json = False) -> int:
    """Show all that the ledger knows about a job."""
    with open_client() as client:
        row = client.row(job)
    if as_json:
        print_json(job_dict(row))
    else:
        show(*full(row))
    return UNKNOWN if row.state == "unknown" else OK


@app.command
def watch(
    job: JobId,
    /,
    *,
    timeout: Annotated[float, SECONDS, Parameter(help="Seconds. Default: 600.")] = 600.0,
    output: OtherFolder = None,
    as_json: Json = False,
) -> int:
    """Wait for a job, whoever works on it; one whose worker is gone is taken over."""
    progress = Progress(quiet=as_json)
    with _client_of(job, progress) as (client, row), progress:
        if row.state == "prepared" and row.owner is None:
            raise InvalidInput(
                f"nothing of job {row.id} was sent, and nobody works on it, so there is nothing to wait for",
                hint="Make it again: imagegen generate (its --idempotency-key goes on with this very job).",
            )
        try:
            made = Made(results=(client.job(row.id).result(timeout=timeout, output=output),), errors=())
        except ImagegenError as error:
            made = Made(results=(), errors=(error,))
    return report(made, as_json=as_json)


@app.command
def cancel(job: JobId, /, *, as_json: Json = False) -> int:
    """Ask the vendor to stop a job.  Best effort: some vendors have no word for it."""
    with _client_of(job) as (client, row):
        over = row.state in FINAL
        done = False if over else client.job(row.id).cancel()
        state = client.row(row.id).state
    if as_json:
        print_json({"id": row.id, "state": state, "confirmed": done})
        return OK
    confirmed = "nothing of it was sent" if row.state == "prepared" else "the vendor confirmed it"
    words = confirmed if done else "the vendor did not confirm it; it may go on, and cost"
    show(plain(f"{row.id}: {f'is over already ({state})' if over else words}."))
    if not over:
        show(plain(f"See what comes of it: imagegen jobs watch {row.id}", "dim"))
    return OK


@app.command
def resolve(
    job: JobId,
    /,
    *,
    charged: Annotated[
        bool | None, Parameter(negative="--not-charged", help="Whether the vendor charged for it.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Say what became of a job whose outcome is unknown, after a look at the vendor's site."""
    if charged is None:
        raise InvalidInput("say --charged or --not-charged", hint="Look at the vendor's site first.")
    with open_client() as client:
        row = client.row(job)
        if row.state != "unknown":
            raise InvalidInput(f"{row.id} is {row.state}, not unknown; there is nothing to resolve")
        row = client.session.means.store.resolve_unknown(row.id, charged=charged)
    if as_json:
        print_json(job_dict(row))
    else:
        show(plain(f"{row.id} is {row.state} now."))
    return OK


@app.command
def export(
    *,
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="Write there instead.", metavar="FILE", group=OUTPUT)
    ] = None,
    limit: Annotated[int | None, COUNT, Parameter(help="At most so many, newest first. Default: all.")] = None,
    as_json: Json = False,
) -> int:
    """Write every job as one JSON object per line, without secrets; with --json as one list."""
    import json

    with open_client() as client:
        jobs = [job_dict(row) for row in client.jobs(limit=limit)]
    say = partial(json.dumps, ensure_ascii=False, default=str) if output else json_text
    lines = [say(job) for job in jobs]
    text = f"[{', '.join(lines)}]\n" if as_json else "".join(f"{line}\n" for line in lines)
    if output is None:
        print(text, end="")
    else:
        write_file(output, text.encode())
        remark(f"{len(lines)} jobs in {output}")
    return OK


@app.command
def prune(
    *,
    older_than: Annotated[str, Parameter(help="Age: 12h, 90d, 8w. Default: 90d.", metavar="AGE")] = "90d",
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), help="Do it; without it, it is only said.")] = False,
    as_json: Json = False,
) -> int:
    """
    Forget finished jobs older than AGE.  Unfinished and unknown ones are kept, and so are the pictures.

    Budgets and costs of that time are forgotten with them.
    """
    before = time.time() - read_age(older_than)
    with open_client() as client:
        count = client.session.means.store.prune(before=before, dry_run=not yes)
    if as_json:
        print_json({"pruned": count if yes else 0, "would_prune": count})
    else:
        show(plain(f"{count} jobs {'forgotten' if yes else 'would be forgotten; say --yes to do it'}."))
    return OK


def read_age(text: str) -> float:
    """Read `90d` as seconds."""
    match = _AGE.match(text.strip())
    if match is None:
        raise InvalidInput(f"--older-than must look like 12h, 90d or 8w, not {text!r}")
    return float(match[1]) * _SECONDS[match[2]]


@contextmanager
def _client_of(job: str, progress: Progress | None = None) -> Iterator[tuple[Client, JobRow]]:
    """Open a client for the world that a job belongs to: the settings in force, or the emulator in this process."""
    with open_client() as client:
        row = client.row(job)
        provider = client.session.desk.registry.providers.get(row.scope.provider)
        served = provider is not None and client.session.scope(provider).base_url == row.scope.base_url
    inside = row.scope.emulated and not served
    with open_client(emulated=inside, on_event=progress.hear if progress else None) as client:
        yield client, row
