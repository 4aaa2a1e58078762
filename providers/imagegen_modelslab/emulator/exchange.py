"""One call as the service's halves see it: who asks where, about what, in which world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from imagegen.emulator import Request
from imagegen.emulator.world import World

from .words import Reader


@frozen(kw_only=True)
class Service:
    """
    One of the two hosts of the family.

    Attributes:
        name: in the books and the memory; the prefix without its slash.
        title: what stands in the corner of its pictures.
    """

    name: str
    title: str


@frozen(kw_only=True)
class Exchange:
    """
    One call.

    Attributes:
        path: below `/api/`, without the last part where that is an id (`v6/images/fetch`).
        id: that last part, or nothing.
    """

    service: Service
    world: World
    request: Request
    path: str
    id: str = ""
    body: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def enterprise(self) -> bool:
        """Whether it is about a dedicated server."""
        return self.path.startswith("v1/enterprise")

    @property
    def biller(self) -> str:
        """Under which provider's name the books keep it: dedicated servers are a product of their own."""
        return "stablediffusionapi-enterprise" if self.enterprise else self.service.name

    def kind(self, what: str) -> str:
        """Return the world's name for a kind of thing of this service (`modelslab.job`)."""
        return f"{self.service.name}.{what}"

    def server(self, what: str) -> str:
        """Return the same for what a dedicated server has of its own (its models)."""
        return self.kind(f"enterprise.{what}" if self.enterprise else what)

    def api(self, path: str) -> str:
        """Return the address of an endpoint, on the base that the caller used."""
        return f"{self.request.base}/{self.service.name}/api/{path}"

    def file(self, name: str) -> str:
        """Return the address of a kept file."""
        return f"{self.request.base}/files/{name}"

    def reader(self) -> Reader:
        """Return a reader of the body."""
        return Reader(self.body)
