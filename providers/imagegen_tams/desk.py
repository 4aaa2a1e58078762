"""What lies on the desk while a plan is drafted: the request, what may be known, the notebook, and models by id."""

from __future__ import annotations

from attrs import frozen

from imagegen.catalogue import Resolution
from imagegen.families import Family, families
from imagegen.placeholders import Secret
from imagegen.plans import Notebook
from imagegen.provider import Context
from imagegen.request import GenerationRequest

from .ids import ID_FORM, is_id
from .settings import CHECKPOINT, NAME

_SURE = ("given", "same-file")
_DOUBTS = {
    "same-version": "the same version of the model, perhaps as another file",
    "same-name": "has the same name, and no more is known",
    "substitute": "another model that stands in",
}


@frozen(kw_only=True)
class Desk:
    """One draft.  *where* is the path of the diffusion parameters in the body, for the notes."""

    request: GenerationRequest
    context: Context
    book: Notebook
    where: str = "diffusion"

    def at(self, name: str) -> str:
        """Return the vendor's path of a diffusion parameter."""
        return f"{self.where}.{name}"

    @property
    def checkpoint(self) -> str:
        """The reference of the checkpoint: the request's, or the configured one."""
        if self.request.model is not None:
            return self.request.model.ref
        return str(self.context.settings.get("model") or CHECKPOINT)

    @property
    def family(self) -> Family | None:
        """What family the checkpoint is of, as far as the catalogue says."""
        found = self.context.model(self.checkpoint, "checkpoint", NAME).family
        return families().get(found) if found else None


def resolve_model(desk: Desk, path: str, ref: str, kind: str, vendor_field: str) -> Resolution:
    """Resolve a reference, note it at *path*, and block what has no id here."""
    found = desk.context.model(ref, kind, NAME)
    if found.id is None:
        code = found.code or "model_not_mapped"
        desk.book.block(path, f"{ref} {found.problem}", code)
        desk.book.dropped(path, "no id of it is known here", code)
    elif not is_id(found.id):
        reason = f"{found.id!r} is no id of a model here: {ID_FORM}, out of https://tensor.art/models/<id>"
        desk.book.block(path, reason, "bad_model_id")
        desk.book.dropped(path, reason, "bad_model_id")
    elif found.match in _SURE:
        desk.book.exact(path, vendor_field, found.id)
    else:
        reason = _DOUBTS.get(found.match, found.match)
        desk.book.approximated(path, found.id, vendor_field, reason, f"match_{found.match}".replace("-", "_"))
    return found


def note_key(desk: Desk, path: str, given: Secret | None, found: Resolution, vendor_field: str) -> Secret | None:
    """Return the access key of a private model: the request's own, else the catalogue's; note the request's."""
    if given is not None:
        desk.book.exact(path, vendor_field)
    return given if given is not None else found.access_key
