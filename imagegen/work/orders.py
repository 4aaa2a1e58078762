"""From request to order: inputs read, planned and priced at each provider; nothing has cost anything yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from attrs import field, frozen

from imagegen import images as pictures
from imagegen.downloads import Errand, fetch
from imagegen.effects import Do, Work
from imagegen.errors import Fault, ImagegenError, InvalidInput, NotConfigured, Refused
from imagegen.flow import Download
from imagegen.images import Blob
from imagegen.planning import draft, inputs, mask_faults, read_images
from imagegen.plans import Plan, told_together
from imagegen.provider import Provider, Quote

from .session import Session, Wishes


@frozen(kw_only=True)
class Order:
    """A request that is planned and priced, and has not cost anything yet."""

    provider: Provider
    plan: Plan
    price: Quote
    images: Mapping[str, Blob] = field(factory=dict, repr=False)
    request: Any = None
    kind: str = ""  # the request's class, where it comes from the ledger as plain data
    lost: Mapping[str, str] = field(factory=dict)  # inputs of a resumed job that are no longer at hand, and why

    @property
    def blocked(self) -> str:
        """Why it cannot be done, in one line; empty = it can."""
        return "; ".join(told_together(self.plan.blockers))


def prepare(session: Session, request: Any, names: Sequence[str], wishes: Wishes) -> Work[list[Order]]:
    """Read the inputs once, then plan and price at every provider in *names*."""
    images: dict[str, Blob] = yield Do(partial(read_images, request))
    images |= yield from _fetch_inputs(session, request, images)
    orders = []
    for name in names:
        provider = session.provider(name)
        orders.append((yield from order(session, request, provider, images, wishes)))
    return orders


def order(
    session: Session, request: Any, provider: Provider, images: Mapping[str, Blob], wishes: Wishes
) -> Work[Order]:
    """Plan and price *request* at one provider."""
    values, scope = session.values(provider), session.scope(provider)
    known = yield Do(partial(session.means.store.known, scope))
    made = draft(request, provider, session.desk, values=values, images=images, known=known, form=wishes.form)
    price = session.desk.price(provider, made, values)
    return Order(provider=provider, plan=made, price=price, images=images, request=made.request)


def _fetch_inputs(session: Session, request: Any, have: Mapping[str, Blob]) -> Work[dict[str, Blob]]:
    """Fetch input addresses for a vendor that takes only bytes; a page instead of a picture is found here, unpaid."""
    found = dict(have)
    errand = Errand(provider="input", private_hosts=session.private_hosts)
    for path, value in inputs(request).items():
        if not value.is_url or path in found:
            continue
        try:
            data = yield from fetch(errand, Download(url=value.source))
            found[path] = pictures.inspect_input(data, value.source)
        except InvalidInput as error:
            raise InvalidInput([fault.below(path) for fault in error.faults]) from None
        except ImagegenError as error:
            raise InvalidInput([Fault(path, f"{value.source} cannot be fetched: {error.message}")]) from None
    if faults := mask_faults(found):
        raise InvalidInput(faults)
    return found


def check_price(order: Order, wishes: Wishes) -> None:
    """Refuse what costs more than the user said, or has no known price under a limit."""
    if wishes.max_price is None:
        return
    high = order.price.high if order.price.high is not None else order.price.amount
    if high is None and not wishes.allow_unpriced:
        raise Refused(
            f"has no known price, and max_price is {wishes.max_price}.",
            kind="price_exceeded",
            provider=order.provider.name,
            hint="Set a price (imagegen prices set) or allow unpriced work.",
        )
    if high is not None and high > wishes.max_price:
        raise Refused(
            f"would cost up to {high} {order.price.currency}, more than {wishes.max_price}.",
            kind="price_exceeded",
            provider=order.provider.name,
        )


def require_key(session: Session, provider: Provider) -> None:
    """Raise `NotConfigured` when a secret is missing without which nothing works."""
    values = session.values(provider)
    for setting in provider.settings:
        if setting.secret and setting.missing(values):
            raise NotConfigured(
                f"no {setting.name.replace('_', ' ')} is set.",
                provider=provider.name,
                hint=f"Set {setting.env}, or {setting.name} under [providers.{provider.name}] in imagegen.toml, "
                "or try without any: --emulated.",
            )
