"""
What the engine asks of a shell: the few things that touch the world.

The engine decides; a shell does.  `Shell` does these by blocking, `AsyncShell` by awaiting; both are a loop over a
generator and a method per effect.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias, TypeVar

from attrs import field, frozen


@frozen(kw_only=True)
class Wire:
    """An HTTP request as it leaves: complete, signed, in bytes.  Its repr shows no header value and no body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)


@frozen(kw_only=True)
class Http:
    """
    Send *wire*, answer with a `Reply`.

    Attributes:
        timeout: seconds for the exchange as a whole, once a connection is ours.
        patience: seconds until the job's deadline: waiting for a free connection and the exchange together end then;
            None = as long as it takes (of thousands of jobs most wait in line, and nothing is wrong with that).
        limit: most bytes of body that are read; more is `TooLarge`.
        connection: what `Line` answered, if it was asked before.
    """

    wire: Wire
    timeout: float
    patience: float | None = None
    limit: int = 32 * 1024 * 1024
    connection: Connection | None = field(default=None, repr=False, eq=False)


class Connection:
    """A free connection that is kept for the next `Http`; whoever asked for it gives it back."""

    def __init__(self, release: Callable[[], None]) -> None:
        self.release = release


@frozen
class Line:
    """
    Wait in line for a free connection, *patience* seconds at most; answer with a `Connection`.

    So a call that pays can be written down when it is really about to leave: of thousands that wait in line, none is in
    doubt when the process dies.
    """

    patience: float | None = None


@frozen
class Sleep:
    """Wait."""

    seconds: float


@frozen
class Do:
    """Run a blocking function (a ledger verb, a file, a decoder) where it disturbs nobody; answer with its value."""

    work: Callable[[], Any]


@frozen
class Tell:
    """Show an event to whoever listens."""

    event: Any


T = TypeVar("T")
Effect: TypeAlias = Line | Http | Sleep | Do | Tell
Work: TypeAlias = Generator[Effect, Any, T]  # asks for effects, is sent their answers, ends in a T


class TransportError(Exception):
    """
    An exchange did not end with an answer.

    Attributes:
        sent: False = it is proven that the vendor got nothing; True = it may have got everything.
        timeout: whether patience ran out.
    """

    def __init__(self, message: str, *, sent: bool, timeout: bool = False) -> None:
        super().__init__(message)
        self.sent, self.timeout = sent, timeout


class TooLarge(TransportError):
    """The body is larger than was allowed."""
