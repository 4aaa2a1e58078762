"""
`plan()`, `quote()` and `compare()`: resolve, let the provider draft, account for every leaf, apply the policy.

Pure once the catalogue and the settings are read: no network, no clock, no randomness, no money.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from . import catalogue as catalogues
from . import checks, dialects, plugins, pricebook, settings
from . import images as pictures
from .catalogue import Catalogue
from .defaults import resolve
from .errors import Fault, InvalidInput
from .images import Blob
from .plans import Blocker, Plan, policy_blockers
from .plugins import Registry
from .provider import Context, HasForms, Provider, Quote
from .request import GenerationRequest, ImageInput, TemplateRequest, WorkflowRequest, leaves


@frozen(kw_only=True)
class Desk:
    """What planning needs besides the request: who is installed, what is configured, which models are known."""

    registry: Registry
    config: settings.Config
    catalogue: Catalogue

    _values: dict[str, Mapping[str, Any]] = field(factory=dict, init=False, repr=False, eq=False)

    def settings(self, provider: Provider, given: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Return the settings of *provider* in force (read once)."""
        if given:
            return self.config.values(provider, given)
        if provider.name not in self._values:
            self._values[provider.name] = self.config.values(provider)
        return self._values[provider.name]

    @functools.cached_property
    def book(self) -> pricebook.PriceBook:
        """The price book (the plugins are asked once)."""
        return pricebook.load(self.registry)

    def price(self, provider: Provider, plan: Plan, values: Mapping[str, Any]) -> Quote:
        """Price a plan: what the user set, what the provider computes, what the book says."""
        return pricebook.priced(self.book, provider, plan, values)


@functools.cache
def desk(folder: Path | None = None) -> Desk:
    """Return the desk of this process: installed plugins, the settings and catalogues in force (read once)."""
    registry = plugins.installed()
    config = settings.load(folder=folder, registry=registry)
    return Desk(registry=registry, config=config, catalogue=load_catalogue(registry, config, folder))


def load_catalogue(registry: Registry, config: settings.Config, folder: Path | None = None) -> Catalogue:
    """Read the layers: built-in, plugins, the user's file, the project's file."""
    files = (
        settings.user_folder(config.environ) / "catalogue.toml",
        (folder or Path.cwd()) / "catalogue.toml",
    )
    return catalogues.load(registry, files)


def read_images(request: Any) -> dict[str, Blob]:
    """Read and check the local inputs of *request*, by leaf path; every fault at once.  Addresses are left alone."""
    found: dict[str, Blob] = {}
    faults: list[Fault] = []
    for path, value in (inputs(request) | _graph_files(request)).items():
        if value.is_url:
            continue
        try:
            found[path] = pictures.load(value)
        except InvalidInput as error:
            faults += [fault.below(path) for fault in error.faults]
    faults += mask_faults(found)
    if faults:
        raise InvalidInput(faults)
    return found


def inputs(request: Any) -> dict[str, ImageInput]:
    """Return the pictures that go in, by leaf path."""
    if isinstance(request, GenerationRequest) and request.init_image is None and not request.controls:
        return {}
    found = {path: value for path, value in leaves(request).items() if isinstance(value, ImageInput)}
    if isinstance(request, TemplateRequest):
        found |= _within("fields", request.fields)
    if isinstance(request, WorkflowRequest):
        addresses = {path: ImageInput(name) for path, name in request.image_names().items()}
        found |= {path: image for path, image in addresses.items() if image.is_url}
        found |= _within("graph", request.graph)
    return found


def _within(path: str, tree: Any) -> Iterator[tuple[str, ImageInput]]:
    """Yield the pictures of a free table."""
    if isinstance(tree, ImageInput):
        yield path, tree
    elif isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from _within(f"{path}.{name}", value)


def _graph_files(request: Any) -> dict[str, ImageInput]:
    """Return what a graph loads by name and is a local file; any other name is the vendor's own."""
    if not isinstance(request, WorkflowRequest):
        return {}
    return {path: ImageInput(name) for path, name in request.image_names().items() if _is_file(name)}


def _is_file(name: str) -> bool:
    try:
        return Path(name).expanduser().is_file()
    except (OSError, RuntimeError):  # too long for a file's name, or somebody's home that there is not
        return False


def mask_faults(found: Mapping[str, Blob]) -> list[Fault]:
    """A mask of another size than its picture would repaint something else."""
    mask, init = found.get("mask_image"), found.get("init_image")
    if mask is None or init is None or (mask.width, mask.height) == (init.width, init.height):
        return []
    return [
        Fault(
            "mask_image",
            f"is {mask.width}x{mask.height}, the init image {init.width}x{init.height}; they must be of one size",
        )
    ]


def draft(
    request: Any,
    provider: Provider,
    desk: Desk,
    *,
    values: Mapping[str, Any] | None = None,
    images: Mapping[str, Blob] | None = None,
    known: Mapping[tuple[str, str], str] | None = None,
    form: str | None = None,
) -> Plan:
    """
    Plan *request* at *provider* with everything given.  Pure.

    Raises `InvalidInput` for options of a provider that nobody here knows: they would be lost without a word.
    """
    _check_options(request, desk.registry)
    values = desk.settings(provider) if values is None else values
    if type(request) not in provider.capabilities:
        return _cannot(request, provider, *_no_class(request, provider))
    if form is not None and form not in (forms := _forms(request, provider)):
        also = f"; it has: {', '.join(forms)}" if forms else ""
        words = f"{provider.title} has no form {form!r} of this request{also}"
        return _cannot(request, provider, words, "unknown_form")
    images = images or {}
    resolved = resolve(request, desk.catalogue, default_model=values.get("model"), images=images)
    context = Context(settings=values, catalogue=desk.catalogue, images=images, known=known or {}, form=form)
    made = _looked_over(provider.plan(resolved, context), request, desk.catalogue)
    blocked = {blocker.field for blocker in made.blockers}
    refused = policy_blockers((n for n in made.notes if n.field not in blocked), resolved.on_unsupported)
    return made.evolve(blockers=(*made.blockers, *refused)) if refused else made


def _looked_over(plan: Plan, asked: Any, catalogue: Catalogue) -> Plan:
    """Add what no provider needs to know: what the model's family says, and what was lifted out of the prompt."""
    plan = checks.checked(plan, catalogue)
    if not isinstance(asked, GenerationRequest) or asked.prompt == plan.request.prompt:
        return plan
    notes = (dialects.lifted(note, asked.prompt) if note.field == "prompt" else note for note in plan.notes)
    return plan.evolve(notes=tuple(notes))


def _check_options(request: Any, registry: Registry) -> None:
    strange = [name for name in getattr(request, "provider_options", ()) if name not in registry.providers]
    if strange:
        raise InvalidInput([Fault(f"provider_options.{name}", registry.unknown(name)) for name in strange])


def _forms(request: Any, provider: Provider) -> Sequence[str]:
    return provider.forms.get(type(request), ()) if isinstance(provider, HasForms) else ()


def _no_class(request: Any, provider: Provider) -> tuple[str, str]:
    able = ", ".join(sorted(cls.__name__ for cls in provider.capabilities))
    return f"{provider.title} takes no {type(request).__name__}; it takes: {able}", "request_class"


def _cannot(request: Any, provider: Provider, reason: str, code: str) -> Plan:
    """Return a plan that was never drafted: nobody has said what would become of each leaf, so it has no notes."""
    return Plan(provider=provider.name, request=request, blockers=(Blocker(field="", reason=reason, code=code),))


def plan(request: Any, provider: str, *, form: str | None = None) -> Plan:
    """
    Say what *provider* would be sent for *request*, and what would come out differently.  No network, no money.

    Raises `InvalidInput` for a request or an input file that is wrong, `NotConfigured` for an unknown provider.
    """
    here = desk()
    return draft(request, here.registry.provider(provider), here, images=read_images(request), form=form)


def quote(request: Any, provider: str, *, form: str | None = None) -> Quote:
    """Say what *request* would cost at *provider*, from dated price books.  Unknown is None, never 0."""
    here = desk()
    who = here.registry.provider(provider)
    return here.price(who, draft(request, who, here, images=read_images(request), form=form), here.settings(who))


def compare(request: Any, providers: Iterable[str] | None = None) -> dict[str, tuple[Plan, Quote]]:
    """Plan and price *request* at every provider (or those named), side by side."""
    here = desk()
    images = read_images(request)
    made: dict[str, tuple[Plan, Quote]] = {}
    for name in providers if providers is not None else here.registry.providers:
        who = here.registry.provider(name)
        values = here.settings(who)
        drafted = draft(request, who, here, values=values, images=images)
        made[name] = (drafted, here.price(who, drafted, values))
    return made
