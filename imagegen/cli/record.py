"""`imagegen record`: make a cassette for the tests from one real run, without the key in it."""

from __future__ import annotations

import random
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from cyclopts import Group, Parameter

from imagegen.errors import ImagegenError

from . import money
from .options import MONEY, OUTPUT, SECONDS, WHERE, Json, RequestFlags, Subject, read_request
from .output import OK, check_place, print_json

if TYPE_CHECKING:
    from imagegen.client import Client
    from imagegen.work import Order

CASSETTE = Group("The cassette", sort_key=0)


def command(
    subject: Subject,
    /,
    *,
    provider: Annotated[str, Parameter(help="Whose answers are recorded.", metavar="NAME", group=WHERE)],
    output: Annotated[
        Path, Parameter(name=("--output", "-o"), help="The cassette (.yaml).", metavar="FILE", group=CASSETTE)
    ],
    flags: RequestFlags = RequestFlags(),
    timeout: Annotated[
        float, SECONDS, Parameter(help="Seconds until we stop waiting. Default: 600.", group=WHERE)
    ] = 600.0,
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), help="Spend without asking.", group=MONEY)] = False,
    max_price: Annotated[
        str | None, Parameter(help="Spend without asking up to this.", metavar="AMOUNT", group=MONEY)
    ] = None,
    pictures: Annotated[
        Path | None, Parameter(help="Folder for the pictures that are made.", metavar="DIR", group=OUTPUT)
    ] = None,
    as_json: Json = False,
) -> int:
    """
    Make a request at a provider and record the exchanges for the tests. It costs what the request costs.

    The key is in none of it: not in headers, addresses, bodies or echoes. A refusal is worth recording too.
    Needs vcrpy (pip install vcrpy).
    """
    request = read_request(subject, flags)
    check_place(output)
    job_id = f"ig-{secrets.token_hex(6)}"
    from imagegen.client import Client

    with Client(output=pictures, dice=random.Random(job_id)) as client:
        client.session.new_id = lambda: job_id
        order = _order(client, request, provider, yes=yes, max_price=max_price)
        told = _run(client, order, output, job_id, timeout)
    if as_json:
        print_json({"cassette": str(output), "job_id": job_id, **told})
    else:
        print(f"{output}: {told['outcome']}")
    return OK


def _order(client: Client, request: Any, provider: str, *, yes: bool, max_price: str | None) -> Order:
    from imagegen.errors import NotConfigured
    from imagegen.work import require_key

    from .session import free_of_charge, prepare

    order = prepare(client, request, provider)
    try:
        require_key(client.session, order.provider)
    except NotConfigured as error:
        error.hint = f"Set it (imagegen providers show {provider} says where); only a real run can be recorded."
        raise
    if not order.blocked and not free_of_charge(client, order.provider):
        money.ask_to_spend([order], yes=yes, max_price=money.read_price(max_price))
    return order


def _run(client: Client, order: Order, file: Path, job_id: str, timeout: float) -> dict[str, Any]:
    """Make the request under the recorder; a vendor's refusal is an outcome like any other."""
    from imagegen.recording import Scrubber, recorded
    from imagegen.work import Wishes, perform

    values = client.session.values(order.provider)
    scrubber = Scrubber.of(values, *(call.json for call in order.plan.calls))
    origin = f"recorded from {urlsplit(str(values.get('base_url', ''))).netloc} on {datetime.now(UTC):%Y-%m-%d}"
    with recorded(file, scrubber, origin=origin, job_id=job_id):
        try:
            result = client.shell.run(perform(client.session, order, Wishes(timeout=timeout)))
        except ImagegenError as error:
            if not error.provider or error.kind in ("not_configured", "invalid_input", "unsupported_parameter"):
                raise
            return {"outcome": f"{error.kind}: {error.message}", "pictures": []}
    count = len(result.images)
    outcome = f"{count} picture{'s' * (count != 1)}"
    return {"outcome": outcome, "pictures": [str(image.path) for image in result.images]}
