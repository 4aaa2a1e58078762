"""
The ledger: what was going to be paid, what was paid, and where the pictures are.  Written before and after
every step that can cost money, so that a crash at any point loses no paid picture and pays for none twice.

The store is a set of verbs (`Store`); SQLite implements them in `sqlite.py`, and no SQL is anywhere else.
Money is integer nano-units plus currency inside and `Decimal` outside.  Each verb is one transaction; those
that stand before or after money are durable (`synchronous=FULL`) before they return.
"""

from .records import Attempt, Budget, CallRow, Ending, File, JobRow, NewJob, Owner, Scope, Spend
from .states import FINAL, FOLLOWS, STATES, CallState, LeaseLost, job_state
from .store import Store

__all__ = [
    "FINAL",
    "FOLLOWS",
    "STATES",
    "Attempt",
    "Budget",
    "CallRow",
    "CallState",
    "Ending",
    "File",
    "JobRow",
    "LeaseLost",
    "NewJob",
    "Owner",
    "Scope",
    "Spend",
    "Store",
    "job_state",
]
