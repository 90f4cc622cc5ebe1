"""Whatever signs a source gives its returns and refunds: the clean rows, the features and the reconciliation are the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopmine.features.customer_features import derive_customer_features
from shopmine.features.product_features import derive_product_features
from shopmine.prepare.entities import prepare_batches
from shopmine.prepare.reconcile import reconcile_orders
from shopmine.publish.day_facts import day_facts
from shopmine.publish.statistics import day_statistics
from unit.prepare.shops import copy_batch, rules_of, shop_of

DAY = date(2024, 3, 4)
COLUMNS = [(name, "varchar") for name in ("no", "n", "sku", "who", "pieces", "price", "off", "sum", "what")]
FIELDS = {
    "order_id": "no",
    "line": "n",
    "product": "sku",
    "customer": "who",
    "quantity": "pieces",
    "unit_price": "price",
} | {
    "discount": "off",
    "kind": "what",
    "ordered_at": {"constant": "2024-03-04 12:00:00"},
}


@dataclass(frozen=True, slots=True)
class Sold:
    order: str
    product: str
    kind: str
    pieces: int
    price: Decimal
    off: Decimal


LINES = st.lists(
    st.builds(
        Sold,
        order=st.sampled_from("123"),
        product=st.sampled_from("AB"),
        kind=st.sampled_from(["sale", "return", "return", "adjustment"]),
        pieces=st.integers(1, 5),
        price=st.decimals(1, 20, places=2),
        off=st.decimals(0, 1, places=2),
    ),
    min_size=1,
    max_size=8,
)


def clean(lines: list[Sold], convention: str, *, gives_amount: bool) -> pa.Table:
    """The order lines of a source that writes a return's pieces, or its price, or neither, as negative numbers."""
    rows = []
    for number, line in enumerate(lines):
        minus = -1 if line.kind == "return" else 1
        pieces = line.pieces * (minus if convention == "negative pieces" else 1)
        price = line.price * (minus if convention == "negative price" else 1)
        off = line.off * (minus if convention == "negative price" else 1)
        amount = (line.pieces * line.price - line.off) * (1 if convention == "all positive" else minus)
        texts = [line.order, number, line.product, f"c{line.order}", pieces, price, off, amount, line.kind]
        rows.append([str(value) for value in texts])
    fields = FIELDS | ({"amount": "sum"} if gives_amount else {})
    rules = rules_of(shop_of({"order_lines": {"day": "no", "key": ["no", "n"], "fields": fields}}), "order_lines")
    (prepared,) = prepare_batches([copy_batch(rows, COLUMNS)], rules)
    assert prepared.accounting.kept == len(lines)
    return prepared.tables["order_lines"]


@settings(max_examples=40, deadline=None)
@given(LINES, st.booleans())
def test_every_convention_ends_at_the_same_rows(lines: list[Sold], gives_amount: bool) -> None:
    first, *others = (
        clean(lines, convention, gives_amount=gives_amount)
        for convention in ("all positive", "negative pieces", "negative price")
    )
    for other in others:
        assert other.to_pylist() == first.to_pylist()
    for line, row in zip(lines, first.sort_by("line").to_pylist(), strict=True):
        sign = -1 if line.kind == "return" else 1
        assert row["amount"] == sign * (line.pieces * line.price - line.off)
        assert (row["quantity"], row["unit_price"]) == (sign * line.pieces, line.price)
        assert row["amount"] == row["quantity"] * row["unit_price"] - row["discount"]


@settings(max_examples=10, deadline=None)
@given(LINES)
def test_every_convention_ends_at_the_same_figures(lines: list[Sold]) -> None:
    found = [
        figures(clean(lines, convention, gives_amount=True), lines)
        for convention in ("all positive", "negative pieces")
    ]
    assert found[0] == found[1]
    sold = sum(line.pieces * line.price - line.off for line in lines if line.kind == "sale")
    back = sum(line.pieces * line.price - line.off for line in lines if line.kind == "return")
    assert (found[0]["revenue"], found[0]["returns"]) == (sold, back)
    assert found[0]["difference"] == 0


def figures(rows: pa.Table, lines: list[Sold]) -> dict[str, Any]:
    """Statistics, features, and what reconciliation does not explain of an order that was paid and refunded to the cent."""
    dated = rows.append_column("day", pa.array([DAY] * len(rows), pa.date32()))
    told = day_facts({"order_lines": rows}, rows.slice(0, 0), pa.table({"product": [], "category": []}))
    statistics = {row["metric"]: row["value"] for row in day_statistics(told, DAY).to_dict("records")}
    received, refunded = (
        pa.table(
            {
                "order_id": pa.array([line.order for line in lines if (line.kind == "return") is is_back], pa.string()),
                "day": pa.array([DAY for line in lines if (line.kind == "return") is is_back], pa.date32()),
                "amount": pa.array(
                    [line.pieces * line.price - line.off for line in lines if (line.kind == "return") is is_back],
                    pa.decimal128(38, 10),
                ),
                "status": pa.array([None for line in lines if (line.kind == "return") is is_back], pa.string()),
            }
        )
        for is_back in (False, True)
    )
    money = reconcile_orders(dated.select(["order_id", "day", "amount"]), received, refunded, None)
    features = [
        derive(({"order_lines": dated}), DAY).to_pylist()
        for derive in (derive_customer_features, derive_product_features)
    ]
    return statistics | {"difference": sum(order.difference for order in money.orders), "features": features}


@pytest.mark.parametrize("amount", ["5.00", "-5.00"])
def test_a_refund_is_what_was_given_back(amount: str) -> None:
    fields = {"refund_id": "no", "at": {"constant": "2024-03-04"}, "amount": "sum"}
    rules = rules_of(shop_of({"refunds": {"day": "no", "fields": fields}}), "refunds")
    (prepared,) = prepare_batches([copy_batch([["1", amount]], [("no", "varchar"), ("sum", "varchar")])], rules)
    assert prepared.tables["refunds"]["amount"].to_pylist() == [Decimal(5)]
