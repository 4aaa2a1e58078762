"""
A neutral request as a ComfyUI graph: `plan(request, provider="tams", form="workflow")`.

Gives what stages cannot: every sampler and schedule of ComfyUI by its exact name, two weights per LoRA, seeds of 64
bits.  Only nodes of ComfyUI itself are used (Comfy-Org/ComfyUI@a125cd84 `nodes.py`).
"""

from .plan import plan

__all__ = ["plan"]
