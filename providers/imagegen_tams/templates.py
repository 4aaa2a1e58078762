"""
Workflow templates: a graph that lies at the vendor, with fields to fill.

Page "Workflow Template" (https://tams-docs.tensor.art/docs/api/guide): every field of the template must be sent back.
So the job is checked first, which is free and gives the page's two errors before anything is paid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import attrs

from imagegen.flow import Call, Flow
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context
from imagegen.request import ImageInput, TemplateRequest

from . import options
from .answers import Model, ModelAnswer, TemplateAnswer, read
from .flow import ask
from .settings import NAME, base_url
from .stages import REQUEST_ID
from .uploads import slot, wanted
from .wire import CreateTemplateJob, FieldAttr, Fields, encode

_ID = re.compile(r"\d{15,20}")
_MODEL_PAGE = re.compile(r"https?://(?:www\.)?(?:tensor\.art|tusiart\.com)/(?:[\w-]+/)?models/(\d{15,20})")


def plan(request: TemplateRequest, context: Context) -> Plan:
    """Draft the check and the job."""
    book = Notebook(request, NAME)
    template = request.template.removeprefix(f"{NAME}:")
    if not _ID.fullmatch(template):
        book.block("template", f"{template!r} is no id of a template: 15 to 20 digits", "bad_template_id")
    book.exact("template", "templateId", template)
    fields = Fields(field_attrs=tuple(_fields(request.fields, book)))
    if request.fields:
        book.exact("fields", "fields.fieldAttrs", f"{len(request.fields)} fields")
    job = CreateTemplateJob(request_id=REQUEST_ID, template_id=template, fields=fields)
    body = encode(job)
    options.apply(body, request.provider_options.get(NAME, {}), book)
    base = base_url(context.settings)
    check = Call(
        method="POST",
        url=f"{base}/v1/workflows/template/check",
        json=encode(attrs.evolve(job, request_id=None)),
        purpose="check",
    )
    create = Call(method="POST", url=f"{base}/v1/jobs/workflow/template", json=body, pays=True, key=REQUEST_ID)
    images = (f"fields.{name}" for name, value in request.fields.items() if isinstance(value, ImageInput))
    return Plan(
        provider=NAME,
        request=request,
        calls=(check, create),
        notes=book.finish(),
        blockers=tuple(book.blockers),
        facts={"kind": "template", "base_url": base, "uploads": [wanted(context, path) for path in images]},
    )


def _fields(given: Mapping[str, Any], book: Notebook) -> Iterator[FieldAttr]:
    for name, value in given.items():
        node, colon, field = name.partition(":")
        if not (node and colon and field):
            book.block(f"fields.{name}", "must be named node:field, like 25:image", "bad_field_name")
            continue
        filled = slot(f"fields.{name}") if isinstance(value, ImageInput) else value
        yield FieldAttr(node_id=node, field_name=field, field_value=filled)


def template_info(base: str, template: str) -> Flow[TemplateAnswer]:
    """Ask for a template's name and fields.  Free."""
    url = f"{base}/v1/workflows/{quote(template.removeprefix(f'{NAME}:'), safe='')}"
    return read((yield from ask(Call(method="GET", url=url, purpose="check"))), TemplateAnswer)


def model_info(base: str, model: str) -> Flow[Model]:
    """Ask what a model is (an id, or the address of its page).  Free."""
    page = _MODEL_PAGE.match(model)
    name = page[1] if page else model.removeprefix(f"{NAME}:")
    url = f"{base}/v1/models/{quote(name, safe='')}"
    return read((yield from ask(Call(method="GET", url=url, purpose="check"))), ModelAnswer).model
