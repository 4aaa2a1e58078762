"""
Webhook calls of the vendor: which job they are about, and nothing more.

They carry no signature (https://docs.modelslab.com/webhooks), so what they say is never believed: the job is fetched.
"""

from __future__ import annotations

import json

from imagegen.provider import WebhookCall, WebhookHint

from .dialect import read


def read_webhook(call: WebhookCall) -> WebhookHint:
    """Read the id and the `track_id`; an empty hint when the body is none of the vendor's."""
    try:
        told = read(json.loads(call.body))
    except (ValueError, RecursionError):
        return WebhookHint()
    return WebhookHint(vendor_job_id=told.id or None, track_id=told.track_id or None)
