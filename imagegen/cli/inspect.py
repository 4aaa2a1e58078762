"""`imagegen inspect`: what a picture was made from, as far as its file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from imagegen.errors import InvalidInput

from .options import OUTPUT, Json
from .output import print_json, remark

if TYPE_CHECKING:
    from imagegen.foreign import Inspected

Picture = Annotated[Path, Parameter(help="A PNG, JPEG or WebP of ours, of A1111 or of ComfyUI.", metavar="FILE")]


def command(
    file: Picture,
    /,
    *,
    toml: Annotated[
        bool, Parameter(name="--toml", help="Print a request file for imagegen generate.", group=OUTPUT)
    ] = False,
    as_json: Json = False,
) -> None:
    """
    Read a picture's own words back into a request.

    What is in the file and cannot be said in a request, and what is not in the file, stands on stderr.
    """
    found = read_file(file)
    if as_json:
        print_json(as_dict(found, file))
        return
    tell_remarks(found)
    if toml:
        print(found.request.to_toml(), end="")
        return
    _show(found)


def read_file(file: Path) -> Inspected:
    """Read a picture and, for a signed one, what stands beside it."""
    from imagegen.foreign import read_request

    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror or error}") from None
    try:
        return read_request(data, _sidecar(file))
    except InvalidInput as error:
        raise InvalidInput([fault.below(str(file)) for fault in error.faults], what=str(file)) from None


def _sidecar(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.with_suffix(".json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def as_dict(found: Inspected, file: Path) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "file": str(file),
        "source": found.source,
        "provider": found.provider,
        "request": found.request.to_dict(),
        "missing": list(found.missing),
        "remarks": list(found.remarks),
    }


def tell_remarks(found: Inspected) -> None:
    """Say on stderr what a person should know."""
    for line in found.remarks:
        remark(f"- {line}")


def _show(found: Inspected) -> None:
    from imagegen.request import leaves

    from .render import plain, short, show, table

    made = table("field", f"as {found.source} wrote it")
    for path, value in leaves(found.request).items():
        made.add_row(plain(path), plain(short(getattr(value, "source", value), 400)))
    show(made)
