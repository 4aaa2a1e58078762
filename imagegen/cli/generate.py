"""`imagegen generate`: make pictures, at one provider or at several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagegen.errors import ImagegenError

from .making import Made, make, report
from .options import OUTPUT, AllNotes, Form, Json, RequestFlags, RunFlags, Subject, read_request


def command(
    subject: Subject,
    /,
    *,
    flags: RequestFlags = RequestFlags(),
    run: RunFlags = RunFlags(),
    sheet: Annotated[
        Path | None,
        Parameter(help="Write all pictures side by side into this PNG.", metavar="FILE", group=OUTPUT),
    ] = None,
    notes: AllNotes = False,
    form: Form = None,
    as_json: Json = False,
) -> int:
    """
    Make pictures from a prompt or from a file that holds a request.

    Several --provider make the same request at each, side by side; a failure at one does not stop the others.
    """
    try:
        made = make(read_request(subject, flags), run, quiet=as_json, form=form)
    except ImagegenError as error:
        if not as_json:
            raise
        made = Made(results=(), errors=(error,))
    if sheet is not None and made.results:
        write_sheet(made, sheet)
    return report(made, as_json=as_json, all_notes=notes)


def write_sheet(made: Made, file: Path) -> None:
    """Write the contact sheet."""
    from imagegen.downloads import write_durably
    from imagegen.sheet import Cell, contact_sheet

    cells = [
        Cell(picture=image.bytes(), title=result.provider, detail=_detail(image.width, image.height, image.seed))
        for result in made.results
        for image in result.images
    ]
    if cells:
        write_durably(file, contact_sheet(cells))


def _detail(width: int, height: int, seed: int | None) -> str:
    return f"{width} x {height}" + ("" if seed is None else f", seed {seed}")
