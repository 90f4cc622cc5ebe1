"""Lines against payments and refunds, order by order, to the cent."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from shopmine.prepare.gates import PrepareGates, check_reconciliation
from shopmine.prepare.reconcile import (
    differences_table,
    explain_differences,
    orders_of_day,
    reconcile_orders,
    totals_table,
)

DAY, BEFORE = date(2024, 1, 2), date(2024, 1, 1)
MONEY = pa.decimal128(38, 2)


def lines(*rows: tuple[str, date, str]) -> pa.Table:
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.table(
        {
            "order_id": pa.array(columns[0], pa.string()),
            "day": pa.array(columns[1], pa.date32()),
            "amount": pa.array([Decimal(value) for value in columns[2]], MONEY),
        }
    )


def money(*rows: tuple[str | None, str, str | None], day: date = DAY) -> pa.Table:
    table = lines(*[(order, day, amount) for order, amount, _ in rows])  # type: ignore[misc]
    return table.append_column("status", pa.array([status for *_, status in rows], pa.string()))


ORDER = st.sampled_from("abc")
CENTS = st.integers(-500, 500).map(lambda n: f"{n / 100:.2f}")
STATUS = st.sampled_from([None, "paid", "FAILED", "refunded", "pending"])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(ORDER, st.just(DAY), CENTS), max_size=6),
    st.lists(st.tuples(ORDER | st.none(), CENTS, STATUS), max_size=6),
    st.lists(st.tuples(ORDER, CENTS, STATUS), max_size=4),
)
def test_differences_equal_the_definition(sold: list[Any], paid: list[Any], refunded: list[Any]) -> None:
    due: dict[str, Decimal] = defaultdict(Decimal)
    for order, _, amount in sold:
        due[order] += Decimal(amount)
    for sign, moved in ((-1, paid), (1, refunded)):
        for order, amount, status in moved:
            if order is not None and (status or "").lower() not in {"failed", "pending"}:
                due[order] += sign * Decimal(amount)
    found = reconcile_orders(lines(*sold), money(*paid), money(*refunded), None)
    assert {order.order_id: order.difference for order in found.orders} == dict(due)
    assert differences_table(found)["difference"].to_pylist() == [due[order] for order in sorted(due) if due[order]]
    assert sum(totals_table(found)["difference"].to_pylist()) == sum(due.values())


def test_orders_give_day_and_store_and_differences_are_named_by_order() -> None:
    orders = pa.table({"order_id": ["a", "b", "c"], "day": [BEFORE, DAY, DAY], "store": ["S1", "S1", None]})
    found = reconcile_orders(
        lines(("a", BEFORE, "10.00"), ("b", DAY, "5.00"), ("c", DAY, "7.00")),
        money(("a", "10.00", "paid"), ("b", "4.99", "paid"), ("x", "1.00", "paid")),
        money(("a", "2.00", "refunded")),
        orders,
    )
    places = {place: [order.order_id for order in group] for place, group in found.by_day_and_store().items()}
    assert places == {(None, None): ["x"], (BEFORE, "S1"): ["a"], (DAY, None): ["c"], (DAY, "S1"): ["b"]}
    totals = totals_table(found).select(["day", "store", "difference", "orders", "unpaid"]).to_pylist()
    assert [tuple(row.values()) for row in totals] == [
        (None, None, Decimal(-1), 1, 0),
        (BEFORE, "S1", Decimal(2), 1, 0),
        (DAY, None, Decimal(7), 1, 1),
        (DAY, "S1", Decimal("0.01"), 1, 0),
    ]
    assert explain_differences(found.orders, 2) == (
        "c: lines 7.00, paid 0.00, refunded 0.00; a: lines 10.00, paid 10.00, refunded 2.00; and 2 more orders"
    )


def test_the_days_orders_are_those_with_a_line_payment_or_refund_on_it() -> None:
    sold = lines(("b", DAY, "1.00"), ("b", DAY, "2.00"))
    paid = money(("a", "1.00", "paid"), (None, "1.00", "paid"))
    assert orders_of_day([sold["order_id"], paid["order_id"]]).to_pylist() == ["a", "b"]
    assert orders_of_day([lines()["order_id"]]).to_pylist() == []


def test_the_gate_judges_each_store_and_tells_unpaid_orders_apart() -> None:
    orders = pa.table({"order_id": ["a", "b", "c"], "day": [DAY] * 3, "store": ["S1", "S1", "S2"]})
    found = reconcile_orders(
        lines(("a", DAY, "100.00"), ("b", DAY, "50.00"), ("c", DAY, "10.00")),
        money(("a", "99.99", "paid"), ("c", "9.00", "paid")),
        None,
        orders,
    )
    checks = {check.check_name: check for check in check_reconciliation(found, DAY, PrepareGates())}
    assert {name: check.passed for name, check in checks.items()} == {
        "reconciliation S1": True,
        "unpaid_orders S1": True,
        "reconciliation S2": False,
        "unpaid_orders S2": True,
    }
    assert (
        checks["reconciliation S1"].detail
        == "1 orders differ by 0.01 in all: a: lines 100.00, paid 99.99, refunded 0.00"
    )
    assert checks["unpaid_orders S1"].detail.startswith("1 of 2 orders of the day are unpaid: b: lines 50.00")
    strict = check_reconciliation(found, DAY, PrepareGates(max_unpaid=0.2, max_unreconciled=0))
    assert [check.passed for check in strict] == [False, False, False, True]


def test_without_payments_it_says_so() -> None:
    (check,) = check_reconciliation(None, DAY, PrepareGates())
    assert check.passed
    assert check.detail == "not judged: the shop has no order lines or no payments"
    (check,) = check_reconciliation(reconcile_orders(lines(), money(), None, None), DAY, PrepareGates())
    assert check.detail == "not judged: the day has no orders, payments or refunds"
