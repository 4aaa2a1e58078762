"""The nodes of a graph while it grows, and the few that several rooms add."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from imagegen_tams.wire import WorkflowNode

Link = tuple[str, int]
"""An output of a node: the node's name and the number of the output."""

Size = tuple[int, int]
"""Width and height in pixels."""


@define
class Nodes:
    """The nodes by name; names are numbers, in the order in which nodes are added."""

    made: dict[str, WorkflowNode] = field(factory=dict)

    @property
    def coming(self) -> str:
        """The name that the next node will get."""
        return str(len(self.made) + 1)

    def add(self, class_type: str, **inputs: Any) -> str:
        """Add a node and return its name; inputs that are None are left out."""
        name = self.coming
        given = {key: value for key, value in inputs.items() if value is not None}
        self.made[name] = WorkflowNode(class_type=class_type, inputs=given)
        return name

    def scale(self, image: Link, method: str, size: Size) -> str:
        """Add what brings a picture to exactly *size*."""
        return self.add(
            "ImageScale", upscale_method=method, width=size[0], height=size[1], crop="disabled", image=image
        )

    def encode(self, image: Link, vae: Link) -> Link:
        """Add what makes a latent of a picture."""
        return self.add("VAEEncode", pixels=image, vae=vae), 0

    def decode(self, latent: Link, vae: Link) -> Link:
        """Add what makes a picture of a latent."""
        return self.add("VAEDecode", samples=latent, vae=vae), 0
