"""
For authors of providers: try a provider without network, clock, ledger or mock.

`play` drives one flow by hand; `conformance` yields the checks that every provider must pass, ours and an outsider's:

    @pytest.mark.parametrize("check", conformance(Acme(), REQUESTS, registry=load([("acme", imagegen_acme)])), ids=str)
    def test_acme_keeps_the_contract(check):
        check()

docs/providers.md is the tutorial.
"""

from __future__ import annotations

from .bench import Bench, Driven, drive, emulated
from .conformance import Check, conformance
from .play import play

__all__ = ["Bench", "Check", "Driven", "conformance", "drive", "emulated", "play"]
