"""What was bought together against a definition written out line by line."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shopmine.features.baskets import BASKETS, derive_baskets
from unit.features.facts import FEW, LINES, START, Line, order_lines, products

DAY = START + timedelta(days=40)
CATALOGUE = products([("p1", "goods", True), ("POST", "service", None)])


def bought(line: Line) -> bool:
    is_sale = line.kind == "sale" and line.quantity > 0 and line.price > 0
    return is_sale and line.product != "POST" and line.date <= DAY


@FEW
@given(LINES, st.randoms(use_true_random=False))
def test_orders_are_numbered_by_day_and_hold_each_of_their_goods_once(lines: list[Line], random: Any) -> None:
    orders: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if bought(line):
            orders[line.order].append(line)
    placed = sorted((min(line.date for line in own), order) for order, own in orders.items())
    expected = [
        {"basket": number, "product": product, "day": day}
        for number, (day, order) in enumerate(placed, start=1)
        for product in sorted({line.product for line in orders[order]})
    ]
    mixed = random.sample(lines, len(lines))
    found = derive_baskets({"order_lines": order_lines(mixed), "products": CATALOGUE}, DAY)
    assert found.schema == BASKETS
    assert found.to_pylist() == expected
