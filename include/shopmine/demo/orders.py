"""Orders and their lines: who takes what, at which price, what comes back."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shopmine.demo.arrow import positions_within
from shopmine.demo.campaigns import (
    CAMPAIGNS,
    COUPON_DISCOUNT,
    REDEEM_SHARE,
    Sendings,
    Trial,
    campaign_days,
    order_times,
    shown_campaigns,
)
from shopmine.demo.catalogue import BUNDLE_PROBABILITY, Catalogue
from shopmine.demo.members import ARCHETYPES, Members, draw_order_days
from shopmine.demo.seasons import FESTIVAL_DISCOUNT, is_festival
from shopmine.demo.sizes import LAST_DAY, DemoSize, random_stream
from shopmine.demo.taste import Taste, draw_products

SALE, RETURN, FREIGHT = 1, 2, 3
FREIGHT_CENTS: Final = 600
FREE_FREIGHT_CENTS: Final = 59_00
RETURN_SHARE: Final = 0.03
FAULTY_RETURN_SHARE: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """(n_orders,) in the order of time; `campaign`: the one whose coupon was used, else −1."""

    member: npt.NDArray[np.int64]
    at: npt.NDArray[np.datetime64]
    campaign: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """(n_lines,) by order, then line: sales, then freight, then what came back later.

    Attributes:
        order: index.
        line: 1, 2 … within the order.
        product: number in the catalogue; −1: freight.
        quantity: pieces; below 0 for a return.
        price_cents: of one piece; `discount_cents`: off the whole line, with the sign of `quantity`.
        kind: SALE, RETURN or FREIGHT.
        at: when it was ordered or came back.
    """

    order: npt.NDArray[np.int64]
    line: npt.NDArray[np.int64]
    product: npt.NDArray[np.int64]
    quantity: npt.NDArray[np.int64]
    price_cents: npt.NDArray[np.int64]
    discount_cents: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int64]
    at: npt.NDArray[np.datetime64]

    @property
    def amount_cents(self) -> npt.NDArray[np.int64]:
        """What the line is worth."""
        return self.quantity * self.price_cents - self.discount_cents


def make_orders(size: DemoSize, members: Members, sendings: Sendings, trial: Trial, seed: int) -> Orders:
    """Usual orders, those that the trial caused, and who used a coupon."""
    rng = random_stream(seed, "orders")
    member, day = draw_order_days(size, members, rng)
    member = np.concatenate([member, trial.extra_member])
    campaign = np.full(len(member), -1)
    campaign[len(day) :] = trial.campaign
    at = order_times(size, np.concatenate([day, trial.extra_day]), rng)
    sequence = np.lexsort((member, at))
    member, at, campaign = member[sequence], at[sequence], campaign[sequence]
    for number in shown_campaigns(size):
        if not CAMPAIGNS[number].is_trial:
            sent = sendings.member[sendings.campaign == number]
            redeeming = sent[rng.random(len(sent)) < REDEEM_SHARE]
            later_days = campaign_days(size, number)[1:]
            possible = np.flatnonzero(np.isin(at.astype("datetime64[D]"), later_days) & np.isin(member, redeeming))
            _, first = np.unique(member[possible], return_index=True)
            campaign[possible[first]] = number
    return Orders(member=member, at=at, campaign=campaign)


def make_lines(orders: Orders, catalogue: Catalogue, members: Members, taste: Taste, seed: int) -> Lines:
    """All lines of all orders."""
    sales = _make_sales(orders, catalogue, members, taste, seed)
    freight = _make_freight(orders, sales)
    returns = _make_returns(orders, sales, catalogue, seed)
    together = [np.concatenate(parts) for parts in zip(sales, freight, returns, strict=True)]
    order, product, quantity, price, discount, kind, at = together
    # A returned line stands behind the sales and the freight of its order; sales keep the order of their basket.
    sequence = np.lexsort((np.where(kind == RETURN, 2, np.where(kind == FREIGHT, 1, 0)), order))
    order = order[sequence]
    return Lines(
        order=order,
        line=positions_within(order) + 1,
        product=product[sequence],
        quantity=quantity[sequence],
        price_cents=price[sequence],
        discount_cents=discount[sequence],
        kind=kind[sequence],
        at=at[sequence],
    )


_Columns = tuple[npt.NDArray[Any], ...]  # order, product, quantity, price, discount, kind, at


def _make_sales(orders: Orders, catalogue: Catalogue, members: Members, taste: Taste, seed: int) -> _Columns:
    rng = random_stream(seed, "lines")
    archetype = members.archetype[orders.member]
    more_lines = np.array([a.lines - 1 for a in ARCHETYPES])[archetype]
    order = np.repeat(np.arange(len(orders)), 1 + rng.poisson(more_lines))
    product = draw_products(taste, orders.member[order], rng)
    order, product = _add_bundles(order, product, catalogue, rng)
    more_pieces = np.array([a.pieces - 1 for a in ARCHETYPES])[archetype[order]]
    quantity = np.minimum(1 + rng.poisson(more_pieces), 12)
    price = catalogue.price_cents[product]
    at = orders.at[order]
    days = orders.at.astype("datetime64[D]")
    unique_days, day_code = np.unique(days, return_inverse=True)
    festival = np.where(is_festival(unique_days), FESTIVAL_DISCOUNT, 0)[day_code]
    percent = (festival + np.where(orders.campaign >= 0, COUPON_DISCOUNT, 0))[order]
    discount = quantity * price * percent // 100
    return order, product, quantity, price, discount, np.full(len(order), SALE), at


def _add_bundles(
    order: npt.NDArray[np.int64], product: npt.NDArray[np.int64], catalogue: Catalogue, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Add the second of a bundle beside the first; then each product once an order."""
    partner = np.full(len(catalogue.sku), -1)
    partner[catalogue.bundles[:, 0]] = catalogue.bundles[:, 1]
    has_partner = (partner[product] >= 0) & (rng.random(len(product)) < BUNDLE_PROBABILITY)
    order = np.concatenate([order, order[has_partner]])
    product = np.concatenate([product, partner[product[has_partner]]])
    _, first = np.unique(order * len(partner) + product, return_index=True)
    first = first[np.argsort(order[first], kind="stable")]
    return order[first], product[first]


def _make_freight(orders: Orders, sales: _Columns) -> _Columns:
    order, _, quantity, price, discount, _, _ = sales
    total = sum_by(order, quantity * price - discount, len(orders))
    pays = np.flatnonzero(total < FREE_FREIGHT_CENTS)
    n = len(pays)
    fixed = [np.full(n, value) for value in (-1, 1, FREIGHT_CENTS, 0, FREIGHT)]
    return (pays, *fixed, orders.at[pays])


def _make_returns(orders: Orders, sales: _Columns, catalogue: Catalogue, seed: int) -> _Columns:
    """Whole lines that come back on one day of the next three weeks, where that day is not after the last one."""
    rng = random_stream(seed, "returns")
    order, product, quantity, price, discount, _, _ = sales
    share = np.where(catalogue.is_faulty, FAULTY_RETURN_SHARE, RETURN_SHARE)[product]
    delay = rng.integers(1, 21, len(orders)).astype("timedelta64[D]")
    opening_hours = rng.integers(9 * 3600, 20 * 3600, len(orders)).astype("timedelta64[s]")
    back_at = (orders.at.astype("datetime64[D]") + delay).astype("datetime64[s]") + opening_hours
    in_time = back_at.astype("datetime64[D]") <= np.datetime64(LAST_DAY)
    back = np.flatnonzero((rng.random(len(order)) < share) & in_time[order])
    kind = np.full(len(back), RETURN)
    return order[back], product[back], -quantity[back], price[back], -discount[back], kind, back_at[order[back]]


def sum_by(group: npt.NDArray[np.int64], cents: npt.NDArray[np.int64], n_groups: int) -> npt.NDArray[np.int64]:
    """Sum of cents of each group; exact, since every sum is far below 2 ** 53."""
    return np.bincount(group, cents, n_groups).astype(np.int64)
