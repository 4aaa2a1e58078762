"""
What a client does, as generators over `effects`: both clients run the same ones.

One job goes: inputs -> plan -> price -> limits of money (`orders`) -> open in the ledger -> conduct -> result (`jobs`).
`recovery` enters the same road where a crash left it.
"""

from .jobs import generate, perform
from .orders import Order, check_price, order, prepare, require_key
from .records import as_result, bind, only, request_hash, request_id, restore_order, restore_plan
from .recovery import ask, cancel, find, is_of_another_emulator, reconcile, result_of, take_over
from .running import write_sidecars
from .session import Session, Wishes, let_go

__all__ = [
    "Order",
    "Session",
    "Wishes",
    "as_result",
    "ask",
    "bind",
    "cancel",
    "check_price",
    "find",
    "generate",
    "is_of_another_emulator",
    "let_go",
    "only",
    "order",
    "perform",
    "prepare",
    "reconcile",
    "request_hash",
    "request_id",
    "require_key",
    "restore_order",
    "restore_plan",
    "result_of",
    "take_over",
    "write_sidecars",
]
