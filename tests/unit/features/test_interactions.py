"""Interactions and returns against definitions written out line by line."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.errors import DataError
from shopmine.features.engine import run_sql
from shopmine.features.interactions import (
    EXPOSURES,
    HIDDEN,
    INTERACTIONS,
    derive_exposures,
    derive_hidden,
    derive_interactions,
    derive_returned,
)
from unit.features.facts import FEW, LINES, START, Line, order_lines, products

DAY = START + timedelta(days=40)
CATALOGUE = products([("p1", "goods", True), ("POST", "service", None)])


def bought(line: Line) -> bool:
    is_sale = line.kind == "sale" and line.quantity > 0 and line.price > 0
    return is_sale and line.customer is not None and line.product != "POST" and line.date <= DAY


@FEW
@given(LINES, st.randoms(use_true_random=False))
def test_only_goods_that_were_bought_count_once_a_day(lines: list[Line], random: Any) -> None:
    expected: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for line in filter(bought, lines):
        expected[line.customer, line.product, line.date] += line.quantity
    shuffled = list(lines)
    random.shuffle(shuffled)
    found = derive_interactions({"order_lines": order_lines(shuffled), "products": CATALOGUE}, DAY)
    assert found.schema == INTERACTIONS
    rows = [tuple(row.values()) for row in found.to_pylist()]
    assert rows == [(*key, float(expected[key])) for key in sorted(expected)]


@FEW
@given(LINES)
def test_a_pair_is_returned_when_nothing_was_bought_after_the_return(lines: list[Line]) -> None:
    last: dict[tuple[str, str], dict[str, tuple[int, int]]] = defaultdict(dict)
    for line in lines:
        if line.customer is not None and line.date <= DAY and line.kind in ("sale", "return"):
            kinds = last[line.customer, line.product]
            kinds[line.kind] = max(kinds.get(line.kind, (0, 0)), (line.day, line.hour))
    expected = sorted(p for p, k in last.items() if "return" in k and k["return"] >= k.get("sale", (0, 0)))
    found = derive_returned({"order_lines": order_lines(lines)}, DAY)
    assert [tuple(row.values()) for row in found.to_pylist()] == expected


def test_a_query_that_fails_says_over_what() -> None:
    with pytest.raises(DataError, match=r"a query over \['t'\] failed in DuckDB: CatalogException"):
        run_sql("SELECT * FROM nowhere", {"t": order_lines([])})
    with pytest.raises(DataError, match="failed in DuckDB"):
        run_sql("SELECT * FROM read_csv('/etc/passwd')", {"t": order_lines([])})


def test_an_exposure_counts_until_the_product_is_clicked_or_bought() -> None:
    lines = [Line(order="1", product="A", customer="x", day=3), Line(order="2", product="B", customer="x", day=1)]
    told = [("x", "A", "shown", 2), ("x", "A", "shown", 3), ("x", "A", "shown", 5), ("x", "A", "shown", 5)]
    told += [("x", "C", "shown", 1), ("x", "C", "clicked", 2), ("x", "C", "shown", 4), ("y", "A", "shown", 0)]
    told += [("y", "A", "hidden", 6), ("y", "A", "shown", 500)]
    columns = dict(
        zip(("customer", "product", "kind"), map(list, zip(*(row[:3] for row in told), strict=True)), strict=True)
    )
    days = pa.array([START + timedelta(days=row[3]) for row in told], pa.date32())
    inputs = {"order_lines": order_lines(lines), "feedback": pa.table(columns | {"day": days})}
    found = derive_exposures(inputs, START + timedelta(days=9))
    expected = [("x", "A", 5), ("x", "C", 4), ("y", "A", 0)]
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        (c, p, START + timedelta(days=n)) for c, p, n in expected
    ]
    assert derive_hidden(inputs, START + timedelta(days=9)).to_pylist() == [{"customer": "y", "product": "A"}]
    assert derive_hidden(inputs, START + timedelta(days=5)).num_rows == 0
    assert derive_hidden({"order_lines": order_lines(lines)}, DAY).schema == HIDDEN
    assert derive_exposures({"order_lines": order_lines(lines)}, DAY).schema == EXPOSURES
