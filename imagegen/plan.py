"""Moved to `imagegen.plans` (a module must not share its name with a public function)."""

from .plans import *  # noqa: F403
from .plans import Blocker, Note, Notebook, Plan, Status, canonical, policy_blockers  # noqa: F401
