"""
Ask for a picture once, in neutral words, and have any image vendor make it.

    from imagegen import Client, GenerationRequest, Lora, plan

    request = GenerationRequest(prompt="a lighthouse", loras=(Lora("@demo-style", 0.6),), width=768, height=512)
    print(*plan(request, provider="...").notes, sep="\\n")
    with Client(emulated=True) as client:
        print(client.generate(request, provider="...").images[0].path)

Names are loaded when they are first used: importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import AsyncClient as AsyncClient
    from .client import AsyncJob as AsyncJob
    from .client import Client as Client
    from .client import Job as Job
    from .defaults import resolve as resolve
    from .errors import Fault as Fault
    from .errors import ImagegenError as ImagegenError
    from .errors import InvalidInput as InvalidInput
    from .errors import JobFailed as JobFailed
    from .errors import LedgerError as LedgerError
    from .errors import NotConfigured as NotConfigured
    from .errors import OutcomeUnknown as OutcomeUnknown
    from .errors import ProviderError as ProviderError
    from .errors import Refused as Refused
    from .errors import ResultError as ResultError
    from .errors import Unreachable as Unreachable
    from .errors import VendorRefused as VendorRefused
    from .events import Event as Event
    from .hookspecs import hookimpl as hookimpl
    from .placeholders import Secret as Secret
    from .planning import compare as compare
    from .planning import plan as plan
    from .planning import quote as quote
    from .plans import Blocker as Blocker
    from .plans import Note as Note
    from .plans import Plan as Plan
    from .provider import Quote as Quote
    from .request import Control as Control
    from .request import Detailer as Detailer
    from .request import DetectControl as DetectControl
    from .request import Embedding as Embedding
    from .request import GenerationRequest as GenerationRequest
    from .request import ImageInput as ImageInput
    from .request import Inpaint as Inpaint
    from .request import Interrogate as Interrogate
    from .request import Lora as Lora
    from .request import ModelLoad as ModelLoad
    from .request import ModelRef as ModelRef
    from .request import TemplateRequest as TemplateRequest
    from .request import Upscale as Upscale
    from .request import VideoRequest as VideoRequest
    from .request import WorkflowRequest as WorkflowRequest
    from .result import Cost as Cost
    from .result import Image as Image
    from .result import Result as Result
    from .router import Route as Route

__version__ = "0.1.0"
USER_AGENT = f"imagegen/{__version__}"

_ROOMS = {
    "AsyncClient": "client",
    "AsyncJob": "client",
    "Blocker": "plans",
    "Client": "client",
    "Control": "request",
    "Cost": "result",
    "DetectControl": "request",
    "Detailer": "request",
    "Embedding": "request",
    "Event": "events",
    "Fault": "errors",
    "GenerationRequest": "request",
    "Image": "result",
    "ImageInput": "request",
    "ImagegenError": "errors",
    "Inpaint": "request",
    "Interrogate": "request",
    "InvalidInput": "errors",
    "Job": "client",
    "JobFailed": "errors",
    "LedgerError": "errors",
    "Lora": "request",
    "ModelLoad": "request",
    "ModelRef": "request",
    "NotConfigured": "errors",
    "Note": "plans",
    "OutcomeUnknown": "errors",
    "Plan": "plans",
    "ProviderError": "errors",
    "Quote": "provider",
    "Refused": "errors",
    "Result": "result",
    "ResultError": "errors",
    "Route": "router",
    "Secret": "placeholders",
    "TemplateRequest": "request",
    "Unreachable": "errors",
    "Upscale": "request",
    "VendorRefused": "errors",
    "VideoRequest": "request",
    "WorkflowRequest": "request",
    "compare": "planning",
    "hookimpl": "hookspecs",
    "plan": "planning",
    "quote": "planning",
    "resolve": "defaults",
}
__all__ = sorted(_ROOMS)


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'imagegen' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_ROOMS[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
