"""
What a program asks for, in neutral words.

`GenerationRequest` is a picture; beside it stand the other things that vendors can be asked to do (`VideoRequest`,
`WorkflowRequest`, `TemplateRequest`, `ModelLoad`, `Interrogate`, `DetectControl`).  All are frozen, check themselves
with every fault at once, and go to and from TOML and JSON without loss.
"""

from .base import AnyRequest
from .fields import MAX_SEED, MAX_SIDE, Policy
from .ingredients import Control, Detailer, Embedding, Inpaint, Lora, ModelRef, Upscale
from .inputs import ImageInput
from .leaves import leaves
from .others import DetectControl, Interrogate, ModelLoad, TemplateRequest, VideoRequest, WorkflowRequest
from .picture import PASSES, GenerationRequest
from .spellings import SPELLINGS, read_size, read_toml, respell

__all__ = [
    "MAX_SEED",
    "MAX_SIDE",
    "PASSES",
    "SPELLINGS",
    "AnyRequest",
    "Control",
    "Detailer",
    "DetectControl",
    "Embedding",
    "GenerationRequest",
    "ImageInput",
    "Inpaint",
    "Interrogate",
    "Lora",
    "ModelLoad",
    "ModelRef",
    "Policy",
    "TemplateRequest",
    "Upscale",
    "VideoRequest",
    "WorkflowRequest",
    "leaves",
    "read_size",
    "read_toml",
    "respell",
]
