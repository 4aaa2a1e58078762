"""`imagegen interrogate`: ask what a picture shows, as words for a prompt."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from imagegen.request import ImageInput, Interrogate

from .making import make, report
from .options import Json, RunFlags


def command(
    image: Annotated[str, Parameter(help="A picture: a file or an address.", metavar="FILE|URL")],
    /,
    *,
    natural: Annotated[bool, Parameter(help="Sentences instead of tags.")] = False,
    run: RunFlags = RunFlags(),
    as_json: Json = False,
) -> int:
    """Ask what a picture shows: words or tags for a prompt."""
    request = Interrogate(image=ImageInput.of(image), natural=natural)
    return report(make(request, run, quiet=as_json), as_json=as_json)
