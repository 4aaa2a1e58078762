"""`imagegen models list|show|resolve|add`: the catalogue, what a reference comes to, and what a provider says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from imagegen.catalogue import KINDS
from imagegen.errors import InvalidInput

from .lookup import look_up
from .options import Emulated, Json, Providers
from .output import NOTHING, OK, print_json
from .render import heading, indented, plain, show, table

if TYPE_CHECKING:
    from imagegen.catalogue import Catalogue, Entry, Resolution

app = App(name="models", help="List models, show one, add one, or resolve a reference.")
app.command("imagegen.cli.models_add:command", name="add", help="Add a model to the catalogue, out of its address.")

Kind = Annotated[str | None, Parameter(help=f"One of {', '.join(KINDS)}.", metavar="KIND")]
Reference = Annotated[str, Parameter(help="@alias, provider:id, urn:air:..., hf:..., https://...", metavar="REF")]


def _catalogue() -> Catalogue:
    from imagegen.planning import desk

    return desk().catalogue


def _checked(kind: str | None) -> str | None:
    if kind is not None and kind not in KINDS:
        raise InvalidInput(f"--kind must be one of {', '.join(KINDS)}, not {kind!r}")
    return kind


@app.command(name="list")
def list_all(
    search: Annotated[str, Parameter(help="Part of a name or title.", metavar="TEXT")] = "",
    /,
    *,
    kind: Kind = None,
    provider: Providers = (),
    live: Annotated[bool, Parameter(help="Ask the provider for its own list (free).")] = False,
    emulated: Emulated = False,
    as_json: Json = False,
) -> int:
    """List the catalogue's models; with --live, the provider's own list."""
    _checked(kind)
    if live:
        return look_up("models", search, provider, emulated=emulated, as_json=as_json)
    entries = [
        entry
        for entry in _catalogue().entries.values()
        if kind in (None, entry.kind)
        and (not provider or any(name in entry.vendor for name in provider))
        and search.lower() in f"{entry.name} {entry.title}".lower()
    ]
    if as_json:
        print_json([entry_dict(entry) for entry in entries])
        return OK
    rows = table("model", "known at", whole=("known at",))
    for entry in entries:
        about = ", ".join(word for word in (entry.kind, entry.family, entry.title) if word)
        what = plain(f"@{entry.name}").append(f"\n{about}", "dim")
        rows.add_row(what, plain("\n".join(entry.vendor) or "-"))
    show(rows if entries else plain("no model of the catalogue fits"))
    return OK


@app.command(name="show")
def show_one(ref: Reference, /, *, provider: Providers = (), emulated: Emulated = False, as_json: Json = False) -> int:
    """Show a model of the catalogue; with --provider, ask the provider what it is (free)."""
    if provider:
        return look_up("model", ref, provider, emulated=emulated, as_json=as_json)
    entry = find_entry(_catalogue(), ref)
    if entry is None:
        raise InvalidInput(
            f"the catalogue has no {ref}", hint="See: imagegen models list; or name a --provider to ask."
        )
    if as_json:
        print_json(entry_dict(entry))
        return OK
    facts = table("", "")
    facts.show_header = False
    for name, value in entry_dict(entry).items():
        if value not in (None, "", [], {}) and name not in ("name", "vendor"):
            facts.add_row(name.replace("_", " "), plain(", ".join(value) if isinstance(value, list) else value))
    ids = table("at", "how sure", "id, and which page says so", whole=("at", "how sure"))
    for name, known in entry.vendor.items():
        source = f"\n{known.source}" if known.source else ""
        ids.add_row(name, known.match, plain(known.id).append(source, "dim"))
    show(heading(f"@{entry.name}"), indented(facts), plain(""), indented(ids))
    return OK


@app.command
def resolve(ref: Reference, /, *, kind: Kind = None, provider: Providers = (), as_json: Json = False) -> int:
    """Say what a reference comes to at each provider, or why it comes to nothing there."""
    from imagegen.planning import desk

    here = desk()
    entry = find_entry(here.catalogue, ref)
    what = _checked(kind) or (entry.kind if entry else "checkpoint")
    found = {
        name: here.catalogue.resolve(ref, what, here.registry.provider(name).name)
        for name in provider or here.registry.providers
    }
    if as_json:
        print_json({name: resolution_dict(one) for name, one in found.items()})
    else:
        rows = table("at", "id", "how sure", "", whole=("at", "id", "how sure"))
        for name, one in found.items():
            known = one.id is not None
            rows.add_row(name, plain(one.id or "-"), one.match if known else "", plain(one.problem, "yellow"))
        show(heading(ref, f"as {what}"), indented(rows))
    return OK if any(one.id for one in found.values()) else NOTHING


def find_entry(catalogue: Catalogue, ref: str) -> Entry | None:
    """Return the entry that a reference names, by its name or by any fact."""
    if entry := catalogue.find(ref):
        return entry
    tried = (catalogue.resolve(ref, kind, name).entry for name in sorted(catalogue.providers) for kind in KINDS)
    return next((entry for entry in tried if entry is not None), None)


def entry_dict(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain JSON; a key only as where it lives."""
    return {
        "name": entry.name,
        "kind": entry.kind,
        "family": entry.family,
        "title": entry.title,
        "air": entry.air,
        "sha256": entry.sha256,
        "source_url": entry.source_url,
        "trigger": list(entry.trigger),
        "weight": entry.weight,
        "default": dict(entry.default),
        "layer": entry.layer,
        "vendor": {
            name: {
                "id": known.id,
                "match": known.match,
                "access_key_ref": None if known.access_key_ref is None else str(known.access_key_ref),
                "source": known.source,
            }
            for name, known in entry.vendor.items()
        },
    }


def resolution_dict(one: Resolution) -> dict[str, Any]:
    """Return what a reference comes to as plain JSON."""
    return {
        "ref": one.ref,
        "kind": one.kind,
        "id": one.id,
        "match": one.match if one.id else None,
        "entry": one.entry.name if one.entry else None,
        "source_url": one.source_url,
        "problem": one.problem,
        "code": one.code,
    }
