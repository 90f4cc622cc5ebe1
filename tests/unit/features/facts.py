"""Facts for tests: order lines from short tuples, and Hypothesis strategies for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st

FEW = settings(max_examples=20, deadline=None)
"""Each example starts an SQL engine."""

START = date(2024, 1, 1)
SCHEMA = pa.schema(
    [
        ("order_id", pa.string()),
        ("product", pa.string()),
        ("customer", pa.string()),
        ("ordered_at", pa.timestamp("us", tz="UTC")),
        ("quantity", pa.decimal128(38, 6)),
        ("unit_price", pa.decimal128(38, 6)),
        ("amount", pa.decimal128(38, 6)),
        ("kind", pa.string()),
        ("day", pa.date32()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One order line; `day` counts from `START`."""

    order: str
    product: str
    customer: str | None
    day: int
    quantity: Decimal = Decimal(1)
    price: Decimal = Decimal(10)
    kind: str = "sale"
    hour: int = 12

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price

    @property
    def date(self) -> date:
        return START + timedelta(days=self.day)


def order_lines(lines: Iterable[Line]) -> pa.Table:
    rows = [
        {
            "order_id": line.order,
            "product": line.product,
            "customer": line.customer,
            "ordered_at": datetime.combine(line.date, datetime.min.time(), UTC) + timedelta(hours=line.hour),
            "quantity": line.quantity,
            "unit_price": line.price,
            "amount": line.amount,
            "kind": line.kind,
            "day": line.date,
        }
        for line in lines
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def products(rows: Iterable[tuple[str, str, bool | None]]) -> pa.Table:
    """Products from (id, kind, listed)."""
    texts = [(name, pa.string()) for name in ("product", "name", "category", "kind")]
    schema = pa.schema([*texts, ("listed", pa.bool_())])
    return pa.Table.from_pylist(
        [{"product": p, "name": f"the {p}", "category": None, "kind": k, "listed": listed} for p, k, listed in rows],
        schema=schema,
    )


def money(places: int = 2) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=0, max_value=1000, places=places)


LINES = st.lists(
    st.builds(
        Line,
        order=st.sampled_from(["o1", "o2", "o3", "o4", "o5"]),
        product=st.sampled_from(["p1", "p2", "p3", "POST"]),
        customer=st.sampled_from(["ann", "bob", "王", None]),
        day=st.integers(0, 60),
        quantity=st.decimals(min_value=-5, max_value=20, places=1),
        price=money(),
        kind=st.sampled_from(["sale", "sale", "sale", "return", "adjustment", "service"]),
        hour=st.integers(0, 23),
    ),
    max_size=25,
)
