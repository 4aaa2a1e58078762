"""`imagegen rerun`: make a picture again from what its file says, at any provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from imagegen.errors import Fault, ImagegenError, InvalidInput

from .inspect import Picture, read_file, tell_remarks
from .making import Made, make, report
from .options import OUTPUT, Json, RequestFlags, RunFlags, overlaid

if TYPE_CHECKING:
    from imagegen.foreign import Inspected
    from imagegen.request import GenerationRequest


def command(
    file: Picture,
    /,
    *,
    flags: RequestFlags = RequestFlags(),
    run: RunFlags = RunFlags(),
    notes: Annotated[bool, Parameter(help="Also name what arrives exactly as said.", group=OUTPUT)] = False,
    as_json: Json = False,
) -> int:
    """
    Make a picture again, at the same provider or at another; what comes out differently is shown.

    Flags change what the file says (--seed, --model, ...); pictures that went in have to be given again.
    """
    try:
        found = read_file(file)
        if not as_json:
            tell_remarks(found)
        made = make(again(found, flags, run.provider), run, quiet=as_json)
    except ImagegenError as error:
        if not as_json:
            raise
        made = Made(results=(), errors=(error,))
    return report(made, as_json=as_json, all_notes=notes)


def again(found: Inspected, flags: RequestFlags, providers: Sequence[str] = ()) -> GenerationRequest:
    """
    Return the request to make; `InvalidInput` names every picture that went in and was not given again.

    Where only its own provider is asked, bare ids stay as they are, so that the same request gives the same file.
    """
    given = {"init_image": flags.init_image, "mask_image": flags.mask}
    faults = [
        Fault(path, f"went into this picture and is not in its file; give it with {_flag(path)}")
        for path in found.missing
        if not (flags.control if path.startswith("controls") else given.get(path))
    ]
    if faults:
        raise InvalidInput(faults, what="the picture")
    request = found.request if tuple(providers) == (found.provider,) else found.portable
    return overlaid(request.to_dict(), flags)


def _flag(path: str) -> str:
    return {"init_image": "--init-image FILE", "mask_image": "--mask FILE"}.get(path, "--control MODULE=FILE")
