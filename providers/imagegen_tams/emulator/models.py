"""
The models of the emulated site: what exists, of which family it is, and what it is called.

Every id exists except `invalid_model_name`, `missing-...` and ids that are no number of at least 15 digits.  What the
pages tell about a model of theirs is kept here.
"""

from __future__ import annotations

from typing import Any

from .errors import NOT_FOUND, Problem, bad_argument

_MODELS = {
    "600423083519508503": ("CHECKPOINT", "SD 1"),
    "681693017352010007": ("CHECKPOINT", "SD 1"),
    "613045163490732233": ("CHECKPOINT", "SD 1"),
    "660447313082219790": ("CHECKPOINT", "SD 1"),
    "601380436024757697": ("CHECKPOINT", "SD 1"),
    "664602165660323756": ("CHECKPOINT", "SD 1"),
    "661652545330040294": ("LORA", "SD 1"),
    "648628718430054626": ("LORA", "SD 1"),
    "631627137633337321": ("LORA", "SD 1"),
    "660447313082234679": ("TEXTUAL_INVERSION", "SD 1"),
    "619225630271212879": ("CHECKPOINT", "SD 1"),
    # The emulator's own, one for each other price.
    "100000000000000001": ("CHECKPOINT", "SDXL 1.0"),
    "100000000000000002": ("CHECKPOINT", "FLUX.1"),
    "100000000000000003": ("CHECKPOINT", "HUNYUANVIDEO"),
    "100000000000000004": ("CHECKPOINT", "WAN_2_1"),
}


def exists(model_id: str) -> bool:
    """Whether there is such a model."""
    return model_id.isdigit() and len(model_id) >= 15


def base_model(model_id: str) -> str:
    """Return the family in the site's words (`SD 1`, `FLUX.1`)."""
    return _MODELS.get(model_id, ("", "SD 1"))[1]


def require(model_id: str, path: str) -> None:
    """Refuse a job that names a model that is not there."""
    if not model_id:
        raise bad_argument(path, "model id is required")
    if not exists(model_id):
        raise Problem(NOT_FOUND, f"model not found: {model_id} ({path})")


def describe(model_id: str) -> dict[str, Any]:
    """Answer `GET /v1/models/<id>`."""
    if not exists(model_id):
        raise Problem(NOT_FOUND, f"model not found: {model_id}")
    return {
        "model": {
            "id": model_id,
            "name": f"emulated model {model_id[-4:]}",
            "description": "A model of the emulator; every id of at least 15 digits exists.",
            "baseModel": base_model(model_id),
            "modelType": _MODELS.get(model_id, ("CHECKPOINT", ""))[0],
            "projectName": "emulator",
        }
    }
