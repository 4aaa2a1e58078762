"""`imagegen detect`: make a ControlNet guide (pose, edges, depth) from a picture."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from imagegen.request import DetectControl, ImageInput

from .making import make, report
from .options import Json, RunFlags


def command(
    image: Annotated[str, Parameter(help="A picture: a file or an address.", metavar="FILE|URL")],
    /,
    *,
    module: Annotated[str, Parameter(help="The preprocessor: openpose, canny, depth, ...", metavar="NAME")],
    run: RunFlags = RunFlags(),
    as_json: Json = False,
) -> int:
    """Run a ControlNet preprocessor over a picture."""
    request = DetectControl(image=ImageInput.of(image), module=module)
    return report(make(request, run, quiet=as_json), as_json=as_json)
