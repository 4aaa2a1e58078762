"""`imagegen models add`: an address becomes an entry of the user's catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagegen.catalogue import KINDS, MATCHES
from imagegen.errors import InvalidInput

from .options import Json, split_pair
from .output import print_json, remark

UNSURE = "same-name"  # the weakest of the kinds that say it is the same model; nobody has shown more


def command(
    *,
    source: Annotated[str, Parameter(name="--from", help="The model's page, its file, or hf:org/name.", metavar="URL")],
    name: Annotated[str | None, Parameter(help="What you call it: @NAME.", metavar="NAME")] = None,
    kind: Annotated[str | None, Parameter(help=f"One of {', '.join(KINDS)}.", metavar="KIND")] = None,
    family: Annotated[str | None, Parameter(help="sd15, sdxl, pony, flux-dev, ...", metavar="FAMILY")] = None,
    id: Annotated[tuple[str, ...], Parameter(help="What a provider calls it; repeatable.", metavar="PROVIDER=ID")] = (),
    match: Annotated[
        str | None, Parameter(help=f"How sure the ids are: {', '.join(MATCHES)}. Default: {UNSURE}.", metavar="WORD")
    ] = None,
    title: Annotated[str | None, Parameter(help="What people call it.", metavar="TEXT")] = None,
    sha256: Annotated[str | None, Parameter(help="Of the file.", metavar="HEX")] = None,
    trigger: Annotated[tuple[str, ...], Parameter(help="A word that wakes it; repeatable.", metavar="WORD")] = (),
    weight: Annotated[float | None, Parameter(help="A LoRA's usual weight.", metavar="X")] = None,
    project: Annotated[bool, Parameter(help="Write ./catalogue.toml instead of the user's file.")] = False,
    as_json: Json = False,
) -> None:
    """
    Add a model to the catalogue, so that @NAME means it at every provider that has it.

    Nothing is fetched: what the address says is taken (Civitai's and Hugging Face's pages, and the pages of the
    installed providers), the rest you say.  Tokens in an address are left out.
    """
    from imagegen.cataloguing import append, entry_of
    from imagegen.planning import desk
    from imagegen.settings import user_folder

    here = desk()
    row = entry_of(
        source,
        here.catalogue,
        name=name,
        kind=kind,
        family=family,
        title=title,
        sha256=sha256,
        trigger=list(trigger) or None,
        weight=weight,
        vendor={provider: {"id": known, "match": match or UNSURE} for provider, known in map(split_pair, id)},
    )
    known = here.catalogue.entries.get(row["name"])
    if known is not None and known.kind != row["kind"]:
        raise InvalidInput(f"@{row['name']} is a {known.kind} already ({known.layer}); give another --name")
    file = (Path.cwd() if project else user_folder(here.config.environ)) / "catalogue.toml"
    append(file, row)
    if as_json:
        print_json({"file": str(file), "entry": row})
        return
    print(f"@{row['name']} ({row['kind']}) is in {file}")
    if id and match is None:
        remark(f"How sure the ids are was not said: {UNSURE} is written. Say --match same-file if it is the very file.")
    if not row.get("vendor"):
        remark("It is known at no provider yet: add --id PROVIDER=ID, or use a provider that can load models.")
