"""Customer features against definitions written out line by line."""

from __future__ import annotations

import statistics
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.errors import DataError
from shopmine.features.customer_features import CUSTOMER_FEATURES, derive_customer_features
from shopmine.features.lines import micros
from unit.features.facts import FEW, LINES, START, Line, order_lines

DAY = START + timedelta(days=40)


def oracle(lines: list[Line], day: date) -> dict[str, dict[str, Any]]:
    found = {}
    known = [line for line in lines if line.customer is not None and line.date <= day]
    for customer in {line.customer for line in known if line.kind == "sale"}:
        sales = [line for line in known if line.customer == customer and line.kind == "sale"]
        returns = [line for line in known if line.customer == customer and line.kind == "return"]
        orders: dict[str, list[Line]] = defaultdict(list)
        for line in sales:
            orders[line.order].append(line)
        values = [sum((line.amount for line in part), Decimal(0)) for part in orders.values()]
        days = sorted({line.date for line in sales})
        gross, returned = sum(values, Decimal(0)), sum((abs(line.amount) for line in returns), Decimal(0))
        found[str(customer)] = {
            "recency_days": (day - days[-1]).days,
            "tenure_days": (day - days[0]).days,
            "orders": len(orders),
            "active_days": len(days),
            "spend": gross - returned,
            "gross_spend": gross,
            "returned": returned,
            "mean_order_value": float(gross) / len(orders),
            "median_order_value": float(statistics.median(values)),
            "items": float(sum(line.quantity for line in sales)),
            "distinct_products": len({line.product for line in sales}),
            "mean_gap_days": (days[-1] - days[0]).days / (len(days) - 1) if len(days) > 1 else None,
            "return_share": float(returned / gross) if gross > 0 else 0.0,
            "weekend_share": sum(any(line.date.weekday() >= 5 for line in part) for part in orders.values())
            / len(orders),
            "orders_90d": len(orders),
        }
    return found


@FEW
@given(LINES)
def test_equals_the_definitions(lines: list[Line]) -> None:
    found = derive_customer_features({"order_lines": order_lines(lines)}, DAY)
    expected = oracle(lines, DAY)
    assert found.schema == CUSTOMER_FEATURES
    assert found["customer"].to_pylist() == sorted(expected)
    for row in found.to_pylist():
        for name, value in expected[row["customer"]].items():
            assert row[name] == (value if value is None or isinstance(value, Decimal) else pytest.approx(value)), name


@FEW
@given(LINES, st.randoms(use_true_random=False))
def test_order_of_rows_and_later_rows_change_nothing(lines: list[Line], random: Any) -> None:
    past = [line for line in lines if line.date <= DAY]
    shuffled = list(lines)
    random.shuffle(shuffled)
    first = derive_customer_features({"order_lines": order_lines(past)}, DAY)
    assert derive_customer_features({"order_lines": order_lines(shuffled)}, DAY).equals(first)


def test_sources_that_the_shop_has_are_counted_and_others_stay_unknown() -> None:
    lines = order_lines([Line(order="o", product="p", customer=name, day=40) for name in ("ann", "bob")])
    seen = [("ann", "view", 40), ("ann", "view", 11), ("ann", "view", 10), ("ann", "cart", 41), (None, "view", 40)]
    schema = pa.schema([("customer", pa.string()), ("type", pa.string()), ("day", pa.date32())])
    rows = [{"customer": c, "type": t, "day": START + timedelta(days=d)} for c, t, d in seen]
    events = pa.Table.from_pylist(rows, schema=schema)
    schema = pa.schema([("customer", pa.string()), ("rating", pa.decimal128(38, 6)), ("day", pa.date32())])
    rows = [{"customer": "ann", "rating": r, "day": DAY} for r in (Decimal(4), Decimal(5), None)]
    reviews = pa.Table.from_pylist(rows, schema=schema)

    alone = derive_customer_features({"order_lines": lines}, DAY).to_pylist()
    assert {row[name] for row in alone for name in ("views_30d", "carts_30d", "reviews", "mean_rating")} == {None}

    ann, bob = derive_customer_features({"order_lines": lines, "events": events, "reviews": reviews}, DAY).to_pylist()
    assert (ann["views_30d"], ann["carts_30d"], ann["reviews"], ann["mean_rating"]) == (2, 0, 3, 4.5)
    assert (bob["views_30d"], bob["carts_30d"], bob["reviews"], bob["mean_rating"]) == (0, 0, 0, None)


def test_missing_parts_and_impossible_amounts_are_named() -> None:
    lines = order_lines([Line(order="o", product="p", customer="ann", day=1)])
    with pytest.raises(DataError, match="no order_lines to derive features from"):
        derive_customer_features({}, DAY)
    with pytest.raises(DataError, match=r"order_lines lack \['kind'\]; they have"):
        derive_customer_features({"order_lines": lines.drop_columns(["kind"])}, DAY)
    huge = order_lines([Line(order="o", product="p", customer="ann", day=1, price=Decimal(10) ** 25)])
    with pytest.raises(DataError, match="a value of unit_price is too large"):
        derive_customer_features({"order_lines": huge}, DAY)


def test_an_amount_finer_than_a_millionth_counts_rounded() -> None:
    fine = pa.array([Decimal("1.0000005000"), Decimal("1.0000015000"), None], pa.decimal128(38, 10))
    assert micros(pa.chunked_array([fine]), "amount").to_pylist() == [1_000_000, 1_000_002, None]
