"""Key figures of one day for people and BI tools: the rows of `published.statistics`. Pure: frames in, frame out.

Every figure is of day D alone: nothing later is read, and of earlier days only who had bought before. A figure that
has no rows behind it (no payments are mapped, nobody returned anything) is absent, save for the totals, which are 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from shopmine.columns import AMOUNT, CUSTOMER, DAY, KIND, METRIC, ORDER_ID, PRODUCT, QUANTITY, VALUE

KEY: Final = "key"
_PRECISION: Final = Decimal("0.000001")
UNKNOWN: Final = "(unknown)"
STATISTICS_COLUMNS: Final = (DAY, METRIC, KEY, VALUE)
ABOUT_STATISTICS: Final[Mapping[str, str]] = {
    "orders": "orders with at least one sale line 订单数",
    "customers": "known customers who bought 购买客户数",
    "new_customers": "of these, who never bought before 新客户数",
    "revenue": "amount of the sale lines 销售额",
    "returns": "amount given back by return lines 退货额",
    "net_revenue": "amount of all lines: sales, returns, adjustments, services 净额",
    "return_share": "returns / revenue 退货率",
    "units": "pieces sold 销量",
    "average_order_value": "revenue / orders 客单价",
    "revenue_by_store": "revenue, keyed by store 门店销售额",
    "revenue_by_category": "revenue, keyed by the product's category 品类销售额",
    "revenue_by_country": "revenue, keyed by an attribute of the line; so for each attribute asked for",
    "orders_by_store": "orders, keyed by store 门店订单数",
    "payments_by_method": "amount paid, keyed by method 支付方式",
    "events_by_type": "number of events, keyed by type 行为",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """The facts of one shop and day that the figures are made from.

    Attributes:
        lines: `order_id`, `customer`, `product`, `quantity`, `amount`, `kind` of day D; more columns are attributes.
        earlier_customers: who had bought before D.
        orders: `order_id`, `store` of day D; empty if orders are not mapped.
        products: `product`, `category`; empty if products are not mapped.
        payments: `method`, `amount` of day D.
        events: `type` of day D.
        attributes: names of columns of `lines` to break revenue down by.
    """

    lines: pd.DataFrame
    earlier_customers: frozenset[str] = frozenset()
    orders: pd.DataFrame = field(default_factory=pd.DataFrame)
    products: pd.DataFrame = field(default_factory=pd.DataFrame)
    payments: pd.DataFrame = field(default_factory=pd.DataFrame)
    events: pd.DataFrame = field(default_factory=pd.DataFrame)
    attributes: tuple[str, ...] = ()


def day_statistics(facts: DayFacts, day: date) -> pd.DataFrame:
    """The key figures of day D.

    Args:
        facts: rows of that day only; not modified.
        day: D.

    Returns:
        Rows of `day`, `metric`, `key` (None for the whole shop), `value` (Decimal), sorted by metric and key.
    """
    sales = facts.lines[facts.lines[KIND] == "sale"]
    rows: list[tuple[str, str | None, Decimal]]
    rows = [(metric, None, value) for metric, value in _totals(facts, sales).items()]
    rows += [(metric, key, value) for metric, values in _breakdowns(facts, sales).items() for key, value in values]
    rows.sort(key=lambda row: (row[0], row[1] or ""))
    frame = pd.DataFrame(rows, columns=[METRIC, KEY, VALUE], dtype="object")
    frame.insert(0, DAY, day)
    return frame


def _totals(facts: DayFacts, sales: pd.DataFrame) -> dict[str, Decimal]:
    buyers = set(sales[CUSTOMER].dropna())
    n_orders = int(sales[ORDER_ID].nunique())
    revenue = _sum(sales[AMOUNT])
    returns = -_sum(facts.lines.loc[facts.lines[KIND] == "return", AMOUNT])
    totals = {
        "orders": Decimal(n_orders),
        "customers": Decimal(len(buyers)),
        "new_customers": Decimal(len(buyers - facts.earlier_customers)),
        "revenue": revenue,
        "returns": returns,
        "net_revenue": _sum(facts.lines[AMOUNT]),
        "units": _sum(sales[QUANTITY]),
    }
    if n_orders:
        totals["average_order_value"] = _ratio(revenue, n_orders)
    if revenue > 0:
        totals["return_share"] = _ratio(returns, revenue)
    return totals


def _breakdowns(facts: DayFacts, sales: pd.DataFrame) -> dict[str, list[tuple[str, Decimal]]]:
    found = {f"revenue_by_{name}": _amounts(sales[name], sales[AMOUNT]) for name in facts.attributes}
    if not facts.products.empty:
        category = sales[PRODUCT].map(facts.products.set_index(PRODUCT)["category"])
        if category.notna().any():
            found["revenue_by_category"] = _amounts(category, sales[AMOUNT])
    if not facts.orders.empty and facts.orders["store"].notna().any():
        store = sales[ORDER_ID].map(facts.orders.drop_duplicates(ORDER_ID).set_index(ORDER_ID)["store"])
        found["revenue_by_store"] = _amounts(store, sales[AMOUNT])
        found["orders_by_store"] = _counts(store[~sales[ORDER_ID].duplicated()])
    if not facts.payments.empty:
        found["payments_by_method"] = _amounts(facts.payments["method"], facts.payments[AMOUNT])
    if not facts.events.empty:
        found["events_by_type"] = _counts(facts.events["type"])
    return found


def _amounts(keys: pd.Series[str], amounts: pd.Series[Any]) -> list[tuple[str, Decimal]]:
    """Sum of the (exact) amounts a key; what has no key is `(unknown)`, so that the parts add up to the whole."""
    summed = pd.DataFrame({KEY: keys.fillna(UNKNOWN).astype(str), AMOUNT: amounts}).groupby(KEY, sort=True)[AMOUNT]
    return [(str(key), _sum(group)) for key, group in summed]


def _counts(keys: pd.Series[str]) -> list[tuple[str, Decimal]]:
    counts = keys.fillna(UNKNOWN).astype(str).value_counts().sort_index()
    return [(str(key), Decimal(int(n))) for key, n in counts.items()]


def _sum(values: pd.Series[Any]) -> Decimal:
    """Exact: the numbers of `clean` are Decimals. An empty sum is 0."""
    return sum((Decimal(value) for value in values), start=Decimal(0))


def _ratio(part: Decimal, whole: Decimal | int) -> Decimal:
    return (part / whole).quantize(_PRECISION)
