"""What people did before and beside buying: sessions with what they looked at, and carts. Flat; loading nests them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.demo.arrow import chosen, money, numbered, positions_within, utc_times
from shopmine.demo.catalogue import CATEGORIES, Catalogue
from shopmine.demo.members import Members
from shopmine.demo.orders import SALE, Lines, Orders
from shopmine.demo.sizes import LAST_DAY, DemoSize, random_stream
from shopmine.demo.taste import Taste, draw_products

ANONYMOUS_SHARE: Final = 0.15
_LOOK_SHARE: Final = 0.9  # of the orders, those with a session
_CART_SHARE: Final = 0.25  # of the sessions without an order, those that leave something in the cart
_RESENT_SHARE: Final = 0.002  # items that the app sent twice
VIEW, SEARCH, FOLLOW, CART = 0, 1, 2, 3
TYPES: Final = ("view", "search", "follow", "cart")
_DEVICES: Final = ("iOS", "Android", "HarmonyOS", "Windows")
_CHANNELS: Final = ("app", "mini_program", "web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """(n_sessions,): the member's index or −1, when it began (local time), the order it led to or −1."""

    member: npt.NDArray[np.int64]
    at: npt.NDArray[np.datetime64]
    order: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """(n_actions,) by session: what was done to which product (−1: none)."""

    session: npt.NDArray[np.int64]
    type: npt.NDArray[np.int64]
    product: npt.NDArray[np.int64]

    def where(self, keep: npt.NDArray[np.bool_]) -> "Actions":
        """The actions for which `keep` is true."""
        return Actions(session=self.session[keep], type=self.type[keep], product=self.product[keep])


def make_behaviour(
    size: DemoSize, orders: Orders, lines: Lines, members: Members, taste: Taste, seed: int
) -> dict[str, pa.Table]:
    """`session`, `session_item`, `cart` and `cart_line` of the last `size.n_event_days` days."""
    rng = random_stream(seed, "behaviour")
    sessions = _make_sessions(size, orders, rng)
    actions = _make_actions(sessions, orders, lines, taste, rng)
    is_cart = actions.type == CART
    return {
        **_session_tables(sessions, actions.where(~is_cart), members, taste.catalogue, rng),
        **_cart_tables(sessions, actions.where(is_cart), members, taste.catalogue),
    }


def _make_sessions(size: DemoSize, orders: Orders, rng: np.random.Generator) -> Sessions:
    first = np.datetime64(LAST_DAY) - (size.n_event_days - 1)
    recent = np.flatnonzero(orders.at >= first)
    led = recent[rng.random(len(recent)) < _LOOK_SHARE]
    before = rng.integers(120, 1_800, len(led)).astype("timedelta64[s]")
    # Those who only look are the same people, some hours or days around their orders.
    idle = rng.choice(recent, len(recent))
    idle_at = orders.at[idle] + rng.integers(-3 * 86_400, 3 * 86_400, len(idle)).astype("timedelta64[s]")
    end = np.datetime64(LAST_DAY, "s") + np.timedelta64(86_400 - 3_600, "s")
    possible = (idle_at >= first) & (idle_at <= end)
    idle, idle_at = idle[possible], idle_at[possible]
    is_anonymous = rng.random(len(idle)) < 2 * ANONYMOUS_SHARE
    member = np.concatenate([orders.member[led], np.where(is_anonymous, -1, orders.member[idle])])
    at = np.concatenate([np.maximum(orders.at[led] - before, first), idle_at])
    order = np.concatenate([led, np.full(len(idle), -1)])
    sequence = np.lexsort((member, at))
    return Sessions(member=member[sequence], at=at[sequence], order=order[sequence])


def _make_actions(sessions: Sessions, orders: Orders, lines: Lines, taste: Taste, rng: np.random.Generator) -> Actions:
    n = len(sessions.member)
    everyone = np.arange(n)
    by_order = np.full(len(orders), -1)
    by_order[sessions.order[sessions.order >= 0]] = np.flatnonzero(sessions.order >= 0)
    bought = np.flatnonzero((lines.kind == SALE) & (by_order[lines.order] >= 0))
    buyer = by_order[lines.order[bought]]
    looked = np.repeat(everyone, 1 + rng.poisson(2.0, n))
    anybody = rng.integers(0, len(taste.members), n)
    looker = np.where(sessions.member >= 0, sessions.member, anybody)[looked]
    looked_at = draw_products(taste, looker, rng)
    searched = everyone[rng.random(n) < 0.3]
    is_left = (
        (rng.random(len(looked)) < _CART_SHARE / 2) & (sessions.order[looked] < 0) & (sessions.member[looked] >= 0)
    )
    is_followed = rng.random(len(looked)) < 0.02
    parts = (
        (searched, SEARCH, np.full(len(searched), -1)),
        (looked, VIEW, looked_at),
        (looked[is_followed], FOLLOW, looked_at[is_followed]),
        (looked[is_left], CART, looked_at[is_left]),
        (buyer, VIEW, lines.product[bought]),
        (buyer, CART, lines.product[bought]),
    )
    session = np.concatenate([part[0] for part in parts])
    kind = np.concatenate([np.full(len(part[0]), part[1]) for part in parts])
    product = np.concatenate([part[2] for part in parts])
    # Searching comes first, the cart last; views of one session in any order that does not depend on chance.
    sequence = np.lexsort((product, kind == CART, kind != SEARCH, session))
    return Actions(session=session[sequence], type=kind[sequence], product=product[sequence])


def _session_tables(
    sessions: Sessions, items: Actions, members: Members, catalogue: Catalogue, rng: np.random.Generator
) -> dict[str, pa.Table]:
    n = len(sessions.member)
    resent = np.sort(rng.choice(len(items.session), round(len(items.session) * _RESENT_SHARE), replace=False))
    rows = np.sort(np.concatenate([np.arange(len(items.session)), resent]))
    seconds = 5 + 40 * positions_within(items.session)
    at = sessions.at[items.session] + seconds.astype("timedelta64[s]")
    price = np.where(items.product >= 0, catalogue.price_cents[items.product], 0)
    words = [category.name for category in CATEGORIES]
    word = rng.integers(0, len(words), len(items.session))
    # The first two items of the log have lost their type: rows that must be set aside.
    type_ = pc.if_else(pa.array(np.arange(len(items.session)) < 2), None, chosen(TYPES, items.type))
    item = pa.table(
        {
            "session": items.session,
            "item_id": numbered("E", np.arange(len(items.session)), 9),
            "type": type_,
            "sku": _skus(catalogue, items.product),
            "keyword": pc.if_else(pa.array(items.type == SEARCH), chosen(words, word), None),
            "at": utc_times(at),
            "price": pc.if_else(pa.array(items.product >= 0), money(price), None),
            "dwell_ms": rng.integers(500, 90_000, len(items.session)),
        }
    )
    session = pa.table(
        {
            "session_id": numbered("S", np.arange(n), 8),
            "member_id": _numbers(members, sessions.member),
            "channel": chosen(_CHANNELS, rng.choice(3, n, p=[0.5, 0.35, 0.15])),
            "os": chosen(_DEVICES, rng.choice(4, n, p=[0.4, 0.35, 0.15, 0.1])),
            "started_at": utc_times(sessions.at),
        }
    )
    return {"session": session, "session_item": item.take(pa.array(rows))}


def _cart_tables(sessions: Sessions, lines: Actions, members: Members, catalogue: Catalogue) -> dict[str, pa.Table]:
    owner, cart = np.unique(lines.session, return_inverse=True)
    at = sessions.at[owner] + np.timedelta64(100, "s")
    added = sessions.at[lines.session] + (100 + 2 * positions_within(lines.session)).astype("timedelta64[s]")
    return {
        "cart": pa.table(
            {
                "cart_id": numbered("C", np.arange(len(owner)), 8),
                "session_id": numbered("S", owner, 8),
                "member_id": _numbers(members, sessions.member[owner]),
                "created_at": utc_times(at),
            }
        ),
        "cart_line": pa.table(
            {
                "cart": cart,
                "line_id": numbered("L", np.arange(len(cart)), 9),
                "sku": _skus(catalogue, lines.product),
                "price": money(catalogue.price_cents[lines.product]),
                "added_at": utc_times(added),
            }
        ),
    }


def _skus(catalogue: Catalogue, product: npt.NDArray[np.int64]) -> pa.Array:
    return chosen(catalogue.sku.tolist(), product)


def _numbers(members: Members, member: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(members.number).take(pa.array(member, mask=member < 0))
