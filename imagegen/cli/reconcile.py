"""`imagegen reconcile`: pick up every job whose worker is gone."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from imagegen.ledger import FINAL
from imagegen.work import is_of_another_emulator

from .options import SECONDS, Json, OfEmulator, OtherFolder
from .output import NOTHING, OK, UNKNOWN, print_json
from .progress import Progress
from .render import plain, show, table, whole
from .session import open_client


def command(
    *,
    timeout: Annotated[
        float, SECONDS, Parameter(help="Seconds to wait for each job that still runs. Default: 300.")
    ] = 300.0,
    wait: Annotated[
        bool, Parameter(negative="--no-wait", help="Wait for running jobs (default), or only look.")
    ] = True,
    output: OtherFolder = None,
    emulated: OfEmulator = False,
    as_json: Json = False,
) -> int:
    """
    Pick up every job whose worker is gone (a crash, a Ctrl-C, a reboot).

    What has the vendor's id is asked for again; what may never have arrived is sent again only with the vendor's own
    key, else held and said.  Nothing is paid twice.
    """
    progress = Progress(quiet=as_json)
    with open_client(emulated=emulated, on_event=progress.hear) as client, progress:
        found = client.reconcile(timeout=timeout, wait=wait, output=output)
        unknown = client.jobs(state="unknown", emulated=emulated or None, limit=None)
        held = [row.id for row in unknown if not is_of_another_emulator(client.session, row)]
    if as_json:
        print_json({"jobs": [{"id": i, "state": s, "message": m} for i, s, m in found], "unknown": held})
    else:
        _show(found, held)
    if held or (wait and any(state not in FINAL for _, state, _ in found)):
        return UNKNOWN
    return NOTHING if any(state in ("failed", "expired") for _, state, _ in found) else OK


def _show(found: list[tuple[str, str, str]], held: list[str]) -> None:
    if found:
        rows = table("job", "state", "")
        for job_id, state, words in found:
            rows.add_row(job_id, state, plain(words, "dim"))
        show(rows)
    elif not held:
        show(plain("nothing to pick up"))
    if held:
        show(plain(f"Outcome unknown: {', '.join(held)}", "bold yellow"))
        show(plain("Look at the vendor's site, then say --charged or --not-charged:"))
        show(*(whole(f"  imagegen jobs resolve {job_id} --charged") for job_id in held))
