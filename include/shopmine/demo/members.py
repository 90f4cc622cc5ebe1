"""Members of the demo shop: five ways of buying, a taste of their own, and some who leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from shopmine.demo.catalogue import CATEGORIES
from shopmine.demo.seasons import all_days, day_weights
from shopmine.demo.sizes import DemoSize, random_stream

FIRST_MEMBER: Final = 100_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Archetype:
    """One way of buying.

    Attributes:
        share: of the members.
        orders: how often they order, against the average of about 1.
        lines, pieces: mean lines of an order, mean pieces of a line.
        price_taste: above 0: likes the expensive products of a pool.
        repeat: probability that a line is one of the member's few favourites.
        festival_affinity: 0: festivals don't matter; 1: as the shop on the whole.
        categories: weight of each category that is liked; others get a little.
    """

    name: str
    share: float
    orders: float
    lines: float
    pieces: float
    price_taste: float
    repeat: float
    festival_affinity: float
    categories: Mapping[str, float]


ARCHETYPES: Final = (
    Archetype(
        name="regular",
        share=0.22,
        orders=2.8,
        lines=2.8,
        pieces=1.6,
        price_taste=-0.8,
        repeat=0.55,
        festival_affinity=0.2,
        categories={"食品": 5, "家居": 4},
    ),
    Archetype(
        name="premium",
        share=0.12,
        orders=1.0,
        lines=2.4,
        pieces=1.3,
        price_taste=1.5,
        repeat=0.25,
        festival_affinity=0.4,
        categories={"数码": 5, "美妆": 3},
    ),
    Archetype(
        name="bargain",
        share=0.25,
        orders=0.45,
        lines=4.5,
        pieces=1.8,
        price_taste=-0.6,
        repeat=0.2,
        festival_affinity=1.5,
        categories={"服饰": 5, "家居": 1, "食品": 1},
    ),
    Archetype(
        name="parent",
        share=0.18,
        orders=1.3,
        lines=2.2,
        pieces=1.4,
        price_taste=0.0,
        repeat=0.6,
        festival_affinity=0.5,
        categories={"母婴": 6, "图书": 1.5},
    ),
    Archetype(
        name="occasional",
        share=0.23,
        orders=0.15,
        lines=1.2,
        pieces=1.0,
        price_taste=0.0,
        repeat=0.05,
        festival_affinity=0.8,
        categories={"运动": 3, "图书": 2, "数码": 1},
    ),
)
_CHURN_SHARE: Final = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Arrays of (n_members,) unless said.

    Attributes:
        number: the shop's own member ids.
        start, stop: first and last index of a day on which the member may order.
        is_churner: `stop` is not the last day: the member left for good.
        registered: day of registration, before `start`.
        expected_orders: over the whole span, if it were active throughout.
        category_share: (n_members, n_categories) cumulative.
        style: (n_members, n_categories) the style that is liked.
    """

    number: npt.NDArray[np.int64]
    archetype: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    is_churner: npt.NDArray[np.bool_]
    registered: npt.NDArray[np.datetime64]
    expected_orders: npt.NDArray[np.float64]
    category_share: npt.NDArray[np.float32]
    style: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.number)


def make_members(size: DemoSize, seed: int) -> Members:
    """All members, in the order in which they registered only by chance."""
    rng = random_stream(seed, "members")
    n, days = size.n_members, all_days(size)
    archetype = np.searchsorted(np.cumsum([a.share for a in ARCHETYPES])[:-1], rng.random(n), side="right")
    is_new = rng.random(n) < 0.3
    start = np.where(is_new, rng.integers(1, max(2, int(size.n_days * 0.85)), n), 0)
    before = np.where(is_new, 1, rng.integers(1, 700, n))
    rates = np.array([a.orders for a in ARCHETYPES])
    may_churn = (rates[archetype] >= 1) & ~is_new
    is_churner = may_churn & (rng.random(n) < _CHURN_SHARE / may_churn.mean())
    stop = np.where(is_churner, (size.n_days * rng.uniform(0.35, 0.7, n)).astype(np.int64), size.n_days - 1)
    usual = float(rates[archetype].mean())
    frailty = rng.gamma(16, 1 / 16, n)
    expected = size.n_orders_per_member * rates[archetype] / usual * np.where(is_churner, 1.2 + frailty, frailty) * 1.25
    return Members(
        number=FIRST_MEMBER + np.arange(n),
        archetype=archetype,
        start=start,
        stop=stop,
        is_churner=is_churner,
        registered=days[start] - before,
        expected_orders=expected,
        category_share=_category_shares(archetype, rng),
        style=rng.integers(0, size.n_styles, (n, len(CATEGORIES)), dtype=np.int8),
    )


def draw_order_days(
    size: DemoSize, members: Members, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Member (index) and day (index) of each order, by member; more on the days on which such people buy."""
    days = all_days(size)
    who, when = [], []
    for code, archetype in enumerate(ARCHETYPES):
        own = np.flatnonzero(members.archetype == code)
        share = np.concatenate(([0.0], np.cumsum(day_weights(days, archetype.festival_affinity))))
        share /= share[-1]
        low, high = share[members.start[own]], share[members.stop[own] + 1]
        n_orders = rng.poisson(members.expected_orders[own] * (high - low))
        at = np.repeat(low, n_orders) + rng.random(n_orders.sum()) * np.repeat(high - low, n_orders)
        who.append(np.repeat(own, n_orders))
        when.append(np.clip(np.searchsorted(share, at, side="right") - 1, 0, size.n_days - 1))
    member, day = np.concatenate(who), np.concatenate(when)
    return member, np.clip(day, members.start[member], members.stop[member])


def _category_shares(archetype: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    weights = np.array([[a.categories.get(c.name, 0.15) for c in CATEGORIES] for a in ARCHETYPES])
    own = rng.gamma(weights[archetype] * 1.5)
    cumulative = np.cumsum(own, axis=1)
    return (cumulative / cumulative[:, -1:]).astype(np.float32)
