"""Payments and refunds: to the cent what the lines say, but for a few declared faults."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from shopmine.demo.orders import RETURN, Lines, Orders, sum_by
from shopmine.demo.sizes import LAST_DAY, random_stream

METHODS: Final = ("wechat_pay", "alipay", "union_pay", "gift_card")
_SPLIT_SHARE: Final = 0.03
FAULTS: Final = (0, -1_00, 1)  # what is paid too much, in cents; 0: the payment is missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    """(n_payments,) by order; `part` 1, and 2 where the rest was paid by another method."""

    order: npt.NDArray[np.int64]
    part: npt.NDArray[np.int64]
    method: npt.NDArray[np.int64]
    amount_cents: npt.NDArray[np.int64]
    at: npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunds:
    """(n_refunds,) by order, at most one each: all that came back."""

    order: npt.NDArray[np.int64]
    method: npt.NDArray[np.int64]
    amount_cents: npt.NDArray[np.int64]
    at: npt.NDArray[np.datetime64]


def make_payments(orders: Orders, lines: Lines, seed: int) -> Payments:
    """Each order's sales and freight, paid within ten minutes (perhaps after midnight), now and then in two parts."""
    rng = random_stream(seed, "payments")
    is_paid = lines.kind != RETURN
    due = sum_by(lines.order[is_paid], lines.amount_cents[is_paid], len(orders))
    method = rng.choice(3, len(orders), p=[0.5, 0.42, 0.08])
    end = np.datetime64(LAST_DAY, "s") + np.timedelta64(86_399, "s")
    at = np.minimum(orders.at + rng.integers(20, 600, len(orders)).astype("timedelta64[s]"), end)
    is_split = rng.random(len(orders)) < _SPLIT_SHARE
    split = np.flatnonzero(is_split)
    by_card = due // 3 * is_split
    order = np.concatenate([np.arange(len(orders)), split])
    part = np.concatenate([np.ones(len(orders), dtype=np.int64), np.full(len(split), 2)])
    amount = np.concatenate([due - by_card, by_card[split]])
    methods = np.concatenate([method, np.full(len(split), METHODS.index("gift_card"))])
    sequence = np.lexsort((part, order))
    return Payments(
        order=order[sequence],
        part=part[sequence],
        method=methods[sequence],
        amount_cents=amount[sequence],
        at=at[order[sequence]],
    )


def make_refunds(lines: Lines, payments: Payments) -> Refunds:
    """What came back, at the moment in which it came back, by the method of the first payment."""
    back = np.flatnonzero(lines.kind == RETURN)
    order, first = np.unique(lines.order[back], return_index=True)
    totals = sum_by(lines.order[back], -lines.amount_cents[back], int(order.max(initial=-1)) + 1)
    first_method = payments.method[payments.part == 1]
    return Refunds(order=order, method=first_method[order], amount_cents=totals[order], at=lines.at[back][first])


def quiet_orders(orders: Orders, lines: Lines, payments: Payments) -> npt.NDArray[np.int64]:
    """Orders without coupon, return or second payment: where a fault or a change is planted, nothing else happens."""
    is_quiet = orders.campaign < 0
    is_quiet[lines.order[lines.kind == RETURN]] = False
    is_quiet[payments.order[payments.part == 2]] = False
    return np.flatnonzero(is_quiet)
