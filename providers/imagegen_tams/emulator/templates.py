"""
Workflow templates: the one of the page "Workflow Template", with its fields and its errors word for word.

The page shows the template's name and two fields; the graph behind them is the emulator's own, and costs the one
credit that the page's check answers.
"""

from __future__ import annotations

import copy
from typing import Any

from .errors import NOT_FOUND, UNKNOWN, Problem
from .messages import TemplateJob

TEMPLATE_ID = "676018193025756628"
_NAME = "二次元转真实"
_FIELDS = (("25", "image", ""), ("27", "text", "1 girl"))
_GRAPH: dict[str, Any] = {
    "4": {"classType": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "600423083519508503"}},
    "9": {"classType": "SaveImage", "inputs": {"filename_prefix": "TensorArt", "images": ["30", 0]}},
    "25": {"classType": "LoadImage", "inputs": {"image": ""}},
    "26": {"classType": "VAEEncode", "inputs": {"pixels": ["25", 0], "vae": ["4", 2]}},
    "27": {"classType": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "1 girl"}},
    "28": {"classType": "CLIPTextEncode", "inputs": {"clip": ["4", 1], "text": "anime, sketch"}},
    "29": {
        "classType": "KSampler",
        "inputs": {
            "model": ["4", 0],
            "positive": ["27", 0],
            "negative": ["28", 0],
            "latent_image": ["26", 0],
            "seed": 676018193025756628,
            "steps": 25,
            "cfg": 7,
            "sampler_name": "dpmpp_2m",
            "scheduler": "karras",
            "denoise": 0.55,
        },
    },
    "30": {"classType": "VAEDecode", "inputs": {"samples": ["29", 0], "vae": ["4", 2]}},
}


def describe(template_id: str) -> dict[str, Any]:
    """Answer `GET /v1/workflows/<id>`."""
    _require(template_id)
    attrs = [{"nodeId": node, "fieldName": name, "fieldValue": value} for node, name, value in _FIELDS]
    return {"templateId": TEMPLATE_ID, "name": _NAME, "fields": {"fieldAttrs": attrs}}


def fill(message: TemplateJob) -> dict[str, Any]:
    """Return the template's graph with every field replaced; a missing field is refused in the page's words."""
    _require(message.template_id)
    given = {(attr.node_id, attr.field_name): attr.field_value for attr in message.fields.field_attrs}
    graph = copy.deepcopy(_GRAPH)
    for node, name, _ in _FIELDS:
        if (node, name) not in given:
            raise Problem(UNKNOWN, f"can't find [nodeId:fieldName] {node}:{name} in fields parameter")
        graph[node]["inputs"][name] = given[node, name]
    return graph


def superfluous(message: TemplateJob) -> list[str]:
    """Return the fields of *message* that the template has not."""
    known = {(node, name) for node, name, _ in _FIELDS}
    names = [(attr.node_id, attr.field_name) for attr in message.fields.field_attrs]
    return [f"{node}:{name}" for node, name in names if (node, name) not in known]


def _require(template_id: str) -> None:
    if template_id != TEMPLATE_ID:
        raise Problem(NOT_FOUND, f"workflow template not found: {template_id}")
