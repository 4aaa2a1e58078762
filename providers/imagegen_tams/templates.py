"""
Workflow templates: a graph that lies at the vendor, with fields to fill.

Page "Workflow Template" of https://tams-docs.tensor.art: every field of the template must be sent back.
So the job is checked first, which is free and gives the page's two errors before anything is paid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from imagegen.flow import Call
from imagegen.plans import Notebook, Plan
from imagegen.provider import Context
from imagegen.request import ImageInput, TemplateRequest

from . import options
from .ids import ID_FORM, is_id
from .settings import NAME, base_url
from .stages import REQUEST_ID
from .uploads import slot, wanted
from .wire import CreateTemplateJob, FieldAttr, Fields, encode


def plan(request: TemplateRequest, context: Context) -> Plan:
    """Draft the check and the job."""
    book = Notebook(request, NAME)
    template = request.template.removeprefix(f"{NAME}:")
    if not is_id(template):
        book.block("template", f"{template!r} is no id of a template: {ID_FORM}", "bad_template_id")
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
