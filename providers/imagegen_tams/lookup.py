"""Free questions about what lies at the vendor: a template and its fields, a model.  No page has a list of models."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from imagegen.errors import Fault, InvalidInput
from imagegen.flow import Call, Flow

from .answers import ModelAnswer, TemplateAnswer, TemplateField, read
from .flow import ask
from .ids import ID_FORM, is_id, of_model
from .settings import NAME


def look_up(what: str, ref: str, base_url: str) -> Flow[dict[str, Any]]:
    """Ask about *what* and return plain JSON."""
    match what:
        case "template":
            return (yield from _template(ref, base_url))
        case "model":
            return (yield from _model(ref, base_url))
    raise InvalidInput(
        f"offers no list of {what}; a model's id is in the address of its page: https://tensor.art/models/<id>",
        provider=NAME,
    )


def _template(ref: str, base_url: str) -> Flow[dict[str, Any]]:
    url = f"{base_url}/v1/workflows/{_id(ref, 'template')}"
    found = read((yield from ask(Call(method="GET", url=url, purpose="look_up"))), TemplateAnswer)
    fields = [_field(field) for field in found.fields.field_attrs]
    return {"template": found.template_id, "name": found.name, "fields": fields}


def _field(field: TemplateField) -> dict[str, Any]:
    """Return a field as it is filled: its name is what `TemplateRequest.fields` takes."""
    shown = {"field": f"{field.node_id}:{field.field_name}", "value": field.field_value}
    if field.node_name:
        shown["node"] = field.node_name
    options = _options(field.input_string)
    return {**shown, "options": options} if options else shown


def _options(text: str) -> list[Any]:
    """Read the choices of a field out of `inputString`, JSON in text that the vendor's own ComfyUI node reads."""
    try:
        values = json.loads(text)["options"]["values"]
    except (ValueError, KeyError, TypeError):
        return []
    return list(values) if isinstance(values, list) else []


def _model(ref: str, base_url: str) -> Flow[dict[str, Any]]:
    url = f"{base_url}/v1/models/{_id(of_model(ref), 'model')}"
    found = read((yield from ask(Call(method="GET", url=url, purpose="look_up"))), ModelAnswer).model
    return {
        "id": found.id,
        "name": found.name,
        "base_model": found.base_model,
        "type": found.model_type,
        "project": found.project_name,
        "description": found.description,
        "trigger_words": list(found.trigger_words),
        "showcase": list(found.showcase_image_urls),
        **found.extra,
    }


def _id(ref: str, what: str) -> str:
    name = ref.removeprefix(f"{NAME}:")
    if not is_id(name):
        raise InvalidInput([Fault(what, f"{ref!r} is no id here: {ID_FORM}")], provider=NAME)
    return quote(name, safe="")
