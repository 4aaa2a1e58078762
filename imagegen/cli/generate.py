"""`imagegen generate`: make pictures, at one provider or at several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from attrs import evolve
from cyclopts import Parameter

from imagegen.errors import ImagegenError

from .making import Made, make, report
from .options import OUTPUT, AllNotes, Form, Json, RequestFlags, RunFlags, Subject, read_request
from .output import Unwritten, check_place, write_file


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
        if sheet is not None:
            check_place(sheet)
        made = make(read_request(subject, flags), run, quiet=as_json, form=form)
    except ImagegenError as error:
        if not as_json:
            raise
        made = Made(results=(), errors=(error,))
    drawn = None
    if sheet is not None:
        made, drawn = with_sheet(made, sheet)
    return report(made, as_json=as_json, all_notes=notes, sheet=drawn)


def with_sheet(made: Made, file: Path) -> tuple[Made, Path | None]:
    """Write the contact sheet; returns where it is, None where there is nothing to draw or it cannot be written."""
    from imagegen.sheet import Cell, contact_sheet

    cells = [
        Cell(picture=image.bytes(), title=result.provider, detail=_detail(image.width, image.height, image.seed))
        for result in made.results
        for image in result.images
    ]
    if not cells:
        return made, None
    try:
        write_file(file, contact_sheet(cells))
    except Unwritten as error:
        return evolve(made, errors=(*made.errors, error)), None
    return made, file


def _detail(width: int, height: int, seed: int | None) -> str:
    return f"{width} x {height}" + ("" if seed is None else f", seed {seed}")
