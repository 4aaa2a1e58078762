"""
The one place of the rules about money and patience: drives a provider's flow, and decides what may be sent again.

`conduct` is a generator over `effects`: it takes the provider's steps, writes intent before and outcome after every
call that pays, retries what cannot pay twice, keeps the deadline, and sees that no error leaves with a secret.

What is proven (design: the ledger's protocol):
  - nothing was sent                 -> the intent is withdrawn, try again freely
  - the vendor refused               -> not charged; try again only if the refusal passes (rate limit, overload)
  - it may have arrived              -> sent again only with the vendor's own key; else `unknown`, and a person is told
  - accepted                         -> the vendor's id is committed before anything else happens
"""

from .conduct import answer, conduct, plain_data
from .exchanges import wire_of
from .giving_up import drop_the_rest
from .patience import leave_slot
from .paying import keep_files_now
from .run import Means, Run

__all__ = [
    "Means",
    "Run",
    "answer",
    "conduct",
    "drop_the_rest",
    "keep_files_now",
    "leave_slot",
    "plain_data",
    "wire_of",
]
