"""`imagegen template show|check|run`: a provider's workflow template and its fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from imagegen.errors import Fault, InvalidInput
from imagegen.request import ImageInput, TemplateRequest

from .checking import check as check_request
from .lookup import look_up
from .making import make, report
from .options import AskFlags, Emulated, Json, Providers, RunFlags, split_pair

app = App(name="template", help="Show, check or run a provider's workflow template.")

Template = Annotated[str, Parameter(help="The template's id.", metavar="ID")]
Filled = Annotated[
    tuple[str, ...],
    Parameter(
        name="--field",
        help="NODE:FIELD=VALUE; a file's name or an address is sent as a picture.",
        metavar="25:image=FILE",
    ),
]
Offline = Annotated[bool, Parameter(help="Do not ask the vendor's own free check.")]


@app.command(name="show")
def show_one(
    template: Template, /, *, provider: Providers = (), emulated: Emulated = False, as_json: Json = False
) -> int:
    """Show a template's name and the fields to fill.  Free of charge."""
    return look_up("template", template, provider, emulated=emulated, as_json=as_json)


@app.command
def check(
    template: Template,
    /,
    *,
    field: Filled = (),
    offline: Offline = False,
    flags: AskFlags = AskFlags(),
    as_json: Json = False,
) -> int:
    """Check the fields against the template, and say the price.  Free of charge."""
    return check_request(read_fields(template, field), flags, offline=offline, as_json=as_json)


@app.command
def run(
    template: Template,
    /,
    *,
    field: Filled = (),
    flags: RunFlags = RunFlags(),
    as_json: Json = False,
) -> int:
    """Run a template with its fields filled."""
    return report(make(read_fields(template, field), flags, quiet=as_json), as_json=as_json)


def read_fields(template: str, items: tuple[str, ...]) -> TemplateRequest:
    """Read `25:image=FILE` pairs; all faults at once."""
    fields: dict[str, Any] = {}
    faults = []
    for item in items:
        try:
            name, value = split_pair(item)
            fields[name] = _value(name, value)
        except InvalidInput as error:
            faults += [fault.below("field") for fault in error.faults]
    if faults:
        raise InvalidInput(faults, what="the fields")
    return TemplateRequest(template=template, fields=fields)


def _value(name: str, value: str) -> Any:
    wants_picture = name.lower().endswith("image")
    if wants_picture and not value.startswith(("http://", "https://")) and not Path(value).is_file():
        raise InvalidInput([Fault(name, f"there is no file {value}")])
    if wants_picture:
        return ImageInput.of(value)
    try:
        return json.loads(value)
    except ValueError:
        return value
