"""
What every account at an emulated vendor has left.  `spend` belongs into the transaction that accepts the job:

    with world.change():
        if not account.spend(world, "acme", cost):
            return refusal_in_the_vendors_words()
        world.charge("acme", job_id, prompt=prompt, credits=cost)
"""

from __future__ import annotations

from decimal import Decimal

from .world import World

_KIND = "account"


def balance(world: World, provider: str, account: str = "") -> Decimal:
    """Return what is left; a new account has `world.rules.credits`."""
    known = world.get(_KIND, _key(provider, account))
    return world.rules.credits if known is None else Decimal(known)


def spend(world: World, provider: str, credits: Decimal, account: str = "") -> bool:
    """Take *credits* from the account; False when it has less, and then nothing changes."""
    with world.change():
        left = balance(world, provider, account) - credits
        if left < 0:
            return False
        grant(world, provider, left, account)
        return True


def refund(world: World, provider: str, credits: Decimal, account: str = "") -> None:
    """Give back, where the vendor does (a failed or canceled job); the books are changed by `world.book`."""
    with world.change():
        grant(world, provider, balance(world, provider, account) + credits, account)


def grant(world: World, provider: str, credits: Decimal, account: str = "") -> None:
    """Set what an account has (`POST /_emulator/accounts`)."""
    world.put(_KIND, _key(provider, account), str(credits))


def _key(provider: str, account: str) -> str:
    return f"{provider}/{account}"


def balances(world: World) -> dict[str, str]:
    """Return what every account that was ever used has, by `provider` or `provider/account`."""
    return {key.removesuffix("/"): left for key, left in world.all(_KIND).items()}
