"""Money against money: what an order's lines say it costs, and what was paid for it, to the cent.

Every order with a line, a payment or a refund has its difference. One for which no money moved at all is unpaid: its payment
may come on a later day, so it is counted apart from those whose money does not agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import AMOUNT, DAY, ORDER_ID

STATUS: Final = "status"
STORE: Final = "store"
NOT_PAID: Final = frozenset(
    {
        "pending",
        "failed",
        "declined",
        "refused",
        "rejected",
        "cancelled",
        "canceled",
        "expired",
        "void",
        "voided",
        "open",
    }
)
"""States, in lower case, of payments and refunds in which no money moved; all other states count."""

_ZERO: Final = Decimal(0)
_MONEY: Final = pa.decimal128(38, 10)

Place = tuple[date | None, str | None]
"""Day and store of an order, where they are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMoney:
    """What the lines of an order come to, and what was paid and refunded for it, in the shop's currency.

    `day` and `store` are the order's; the day is None for money without any line.
    """

    order_id: str
    day: date | None
    store: str | None
    lines: Decimal
    paid: Decimal
    refunded: Decimal

    @property
    def is_unpaid(self) -> bool:
        """Whether nothing was paid or refunded, though something is due."""
        return not self.paid and not self.refunded and bool(self.lines)

    @property
    def difference(self) -> Decimal:
        """What the lines come to beyond payments less refunds."""
        return self.lines - self.paid + self.refunded


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Orders, by order id."""

    orders: tuple[OrderMoney, ...]

    def with_lines(self) -> Reconciliation:
        """Without the money for which no line is known."""
        return Reconciliation(orders=tuple(order for order in self.orders if order.day is not None))

    def by_day_and_store(self) -> dict[Place, tuple[OrderMoney, ...]]:
        """The orders of each day and store, days and stores ascending, unknown ones first."""
        groups: dict[Place, list[OrderMoney]] = defaultdict(list)
        for order in self.orders:
            groups[order.day, order.store].append(order)
        places = sorted(groups, key=lambda place: (place[0] or date.min, place[1] or ""))
        return {place: tuple(groups[place]) for place in places}


def reconcile_orders(
    lines: pa.Table, payments: pa.Table, refunds: pa.Table | None, orders: pa.Table | None
) -> Reconciliation:
    """Compare the money of orders.

    Args:
        lines: `order_id`, `day`, `amount` of all lines of the orders to judge.
        payments: `order_id`, `amount`, `status`; those in a state of `NOT_PAID` do not count.
        refunds: the same; None where the shop has none.
        orders: `order_id`, `day`, `store`; None where the shop has none: the day is then the first of its lines.
    """
    ordered = _sums(lines)
    paid = _sums(_moved(payments))
    refunded = {} if refunds is None else _sums(_moved(refunds))
    places = _places(lines, orders)
    return Reconciliation(
        orders=tuple(
            OrderMoney(
                order_id=order,
                day=places.get(order, (None, None))[0],
                store=places.get(order, (None, None))[1],
                lines=ordered.get(order, _ZERO),
                paid=paid.get(order, _ZERO),
                refunded=refunded.get(order, _ZERO),
            )
            for order in sorted(ordered.keys() | paid.keys() | refunded.keys())
        )
    )


def _moved(payments: pa.Table) -> pa.Table:
    state = pc.utf8_lower(payments.column(STATUS).cast(pa.string()))
    return payments.filter(pc.invert(pc.is_in(state, pa.array(sorted(NOT_PAID)))))


def _sums(amounts: pa.Table) -> dict[str, Decimal]:
    known = amounts.filter(pc.is_valid(amounts.column(ORDER_ID)))
    summed = known.group_by(ORDER_ID).aggregate([(AMOUNT, "sum")])
    return dict(zip(summed[ORDER_ID].to_pylist(), summed[f"{AMOUNT}_sum"].to_pylist(), strict=True))


def _places(lines: pa.Table, orders: pa.Table | None) -> dict[str, tuple[date, str | None]]:
    first = lines.group_by(ORDER_ID).aggregate([(DAY, "min")])
    places: dict[str, tuple[date, str | None]] = {
        order: (day, None)
        for order, day in zip(first[ORDER_ID].to_pylist(), first[f"{DAY}_min"].to_pylist(), strict=True)
    }
    if orders is not None:
        rows = orders.select([ORDER_ID, DAY, STORE]).sort_by([(DAY, "descending"), (STORE, "descending")])
        for order, day, store in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            places[order] = (day, store)
    return places


def orders_of_day(ids: Iterable[pa.ChunkedArray]) -> pa.Array:
    """The orders for which anything happened on a day, each once, sorted: ids of its lines, of its payments, of its refunds."""
    known = [pc.drop_null(part).combine_chunks() for part in ids]
    together = pa.concat_arrays([pa.array([], pa.string()), *(part.cast(pa.string()) for part in known)])
    return together.unique().sort()


def money(amount: Decimal) -> str:
    """An amount with its cents, and with more decimals only where it has them."""
    cents = round(amount, 2)
    return f"{cents:f}" if cents == amount else f"{amount:f}".rstrip("0")


def explain_differences(orders: Sequence[OrderMoney], limit: int) -> str:
    """The orders whose money differs, largest difference first, at most `limit` of them by id."""
    differing = sorted((o for o in orders if o.difference), key=lambda order: (-abs(order.difference), order.order_id))
    shown = [
        f"{o.order_id}: lines {money(o.lines)}, paid {money(o.paid)}, refunded {money(o.refunded)}"
        for o in differing[:limit]
    ]
    more = [f"and {len(differing) - limit} more orders"] if len(differing) > limit else []
    return "; ".join(shown + more)


def differences_table(reconciliation: Reconciliation) -> pa.Table:
    """Orders whose money differs: `order_id`, `day`, `store`, `lines`, `paid`, `refunded`, `difference`; by order id."""
    orders = [order for order in reconciliation.orders if order.difference]
    return pa.table(
        {
            ORDER_ID: pa.array([order.order_id for order in orders], pa.string()),
            **_places_and_sums([((order.day, order.store), [order]) for order in orders]),
        }
    )


def totals_table(reconciliation: Reconciliation) -> pa.Table:
    """Sums by the order's day and store: `day`, `store`, `lines`, `paid`, `refunded`, `difference`, `orders`, `unpaid`."""
    groups = list(reconciliation.by_day_and_store().items())
    return pa.table(
        {
            **_places_and_sums(groups),
            "orders": pa.array([len(orders) for _, orders in groups], pa.int64()),
            "unpaid": pa.array([sum(order.is_unpaid for order in orders) for _, orders in groups], pa.int64()),
        }
    )


def _places_and_sums(groups: Sequence[tuple[Place, Sequence[OrderMoney]]]) -> dict[str, pa.Array]:
    sums = {
        name: pa.array([sum((getattr(order, name) for order in orders), _ZERO) for _, orders in groups], _MONEY)
        for name in ("lines", "paid", "refunded", "difference")
    }
    days, stores = ([place[at] for place, _ in groups] for at in (0, 1))
    return {DAY: pa.array(days, pa.date32()), STORE: pa.array(stores, pa.string()), **sums}
