"""Product features against definitions written out line by line."""

from __future__ import annotations

import statistics
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.features.product_features import PRODUCT_FEATURES, derive_product_features
from unit.features.facts import FEW, LINES, START, Line, order_lines, products

DAY = START + timedelta(days=40)
CATALOGUE = products([("p1", "goods", True), ("p2", "goods", False), ("POST", "service", None)])


def oracle(lines: list[Line], day: date) -> dict[str, dict[str, Any]]:
    found = {}
    known = [line for line in lines if line.date <= day]
    for product in {line.product for line in known if line.kind == "sale"}:
        sales = [line for line in known if line.product == product and line.kind == "sale"]
        returned = sum((abs(x.amount) for x in known if x.product == product and x.kind == "return"), Decimal(0))
        week, month = ([line for line in sales if (day - line.date).days < n] for n in (7, 28))
        units_7d, units_28d = (sum((x.quantity for x in part), Decimal(0)) for part in (week, month))
        found[product] = {
            "buyers": len({line.customer for line in sales} - {None}),
            "orders": len({line.order for line in sales}),
            "units": float(sum(line.quantity for line in sales)),
            "revenue": sum((line.amount for line in sales), Decimal(0)) - returned,
            "first_sold": min(line.date for line in sales),
            "last_sold": max(line.date for line in sales),
            "buyers_7d": len({line.customer for line in week} - {None}),
            "buyers_28d": len({line.customer for line in month} - {None}),
            "units_7d": float(units_7d),
            "trend_7_28": float((units_7d / 7) / (units_28d / 28)) if units_28d > 0 else None,
            "price_median": float(statistics.median(line.price for line in sales)),
        }
    return found


@FEW
@given(LINES)
def test_equals_the_definitions(lines: list[Line]) -> None:
    found = derive_product_features({"order_lines": order_lines(lines), "products": CATALOGUE}, DAY)
    expected = oracle(lines, DAY)
    assert found.schema == PRODUCT_FEATURES
    assert found["product"].to_pylist() == sorted(expected)
    for row in found.to_pylist():
        for name, value in expected[row["product"]].items():
            is_exact = value is None or isinstance(value, Decimal | date)
            assert row[name] == (value if is_exact else pytest.approx(value)), name


@FEW
@given(LINES, st.randoms(use_true_random=False))
def test_order_of_rows_and_later_rows_change_nothing(lines: list[Line], random: Any) -> None:
    past = [line for line in lines if line.date <= DAY]
    shuffled = list(lines)
    random.shuffle(shuffled)
    first = derive_product_features({"order_lines": order_lines(past)}, DAY)
    assert derive_product_features({"order_lines": order_lines(shuffled)}, DAY).equals(first)


def test_a_product_that_the_whole_catalogue_lacks_is_listed_no_more() -> None:
    lines = order_lines([Line(order="o", product=p, customer="ann", day=1) for p in ("p1", "p2", "p3")])

    def listed(catalogue: pa.Table, *, is_whole: bool) -> list[bool]:
        inputs = {"order_lines": lines, "products": catalogue}
        return derive_product_features(inputs, DAY, is_whole=is_whole)["listed"].to_pylist()

    assert listed(CATALOGUE, is_whole=True) == [True, False, False]
    assert listed(CATALOGUE, is_whole=False) == [True, False, True]
    assert listed(CATALOGUE.slice(0, 0), is_whole=True) == [True, True, True], "nothing at all says nothing"


def test_what_may_be_shown_follows_the_products_and_the_stock() -> None:
    lines = order_lines([Line(order="o", product=p, customer="ann", day=1) for p in ("p1", "p2", "p3", "POST")])
    stock = pa.table(
        {
            "product": ["p1", "p1", "p2"],
            "quantity": pa.array([Decimal(0), Decimal(2), Decimal(0)], pa.decimal128(38, 6)),
        }
    )
    rows = derive_product_features({"order_lines": lines, "products": CATALOGUE, "stock": stock}, DAY).to_pylist()
    shown = {row["product"]: (row["kind"], row["listed"], row["in_stock"]) for row in rows}
    assert shown == {
        "p1": ("goods", True, True),
        "p2": ("goods", False, False),
        "p3": ("goods", True, None),
        "POST": ("service", True, None),
    }
