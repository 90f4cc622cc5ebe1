"""Gates on rows beside one another: what is named is there, a key is one row, the newest rows are not old."""

from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.prepare.gates import PrepareGates
from shopmine.prepare.integrity import Reference, check_freshness, check_keys, check_references

DAY = date(2026, 3, 2)
BEFORE = DAY - timedelta(days=1)
SOLD = Reference("order_lines", "product", "products")


def column(*values: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def test_what_is_named_and_not_there_is_counted_once_and_told() -> None:
    strict = PrepareGates(max_unknown_references=0.3)
    check = check_references(SOLD, column("a", "b", "b", None, "c"), column("a"), strict)
    assert (check.check_name, check.actual, check.passed) == ("references order_lines.product", "66.7%", False)
    assert check.detail == "2 of 3 are not in products, such as ['b', 'c']"
    assert check_references(
        SOLD, column("a", "b", "c"), column("a", "b", "x"), PrepareGates(max_unknown_references=0.34)
    ).passed
    assert check_references(SOLD, column(None), column(), PrepareGates(max_unknown_references=0)).passed


def test_a_persons_key_stands_in_no_message() -> None:
    buyer = Reference("order_lines", "customer", "customers")
    check = check_references(buyer, column("somebody"), column(), PrepareGates())
    assert "somebody" not in check.detail
    assert check.actual == "100.0%"


@given(st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from("abc"), st.sampled_from([BEFORE, DAY])), max_size=12))
def test_a_key_is_repeated_where_another_row_of_its_source_has_it(rows: list[tuple[str, str, date]]) -> None:
    schema = pa.schema([("source", pa.string()), ("order_id", pa.string()), ("day", pa.date32())])
    table = pa.table([list(values) for values in zip(*rows, strict=True)] or [[]] * 3, schema=schema)
    today = {(source, order) for source, order, day in rows if day == DAY}
    repeated = {key for key in today if sum((source, order) == key for source, order, _ in rows) > 1}
    check = check_keys("orders", ["order_id"], DAY, table, PrepareGates(max_repeated_keys=0))
    assert check.passed == (not repeated)
    assert check.detail.startswith(f"{len(repeated)} of {len(today)} keys")


@pytest.mark.parametrize(("limit", "age", "passed"), [(0, 99, True), (3, 2, True), (3, 3, False), (1, 0, True)])
def test_rows_may_be_as_old_as_is_said(limit: int, age: int, passed: bool) -> None:
    n_rows = {DAY - timedelta(days=age): 5, DAY - timedelta(days=age - 1): 0, DAY + timedelta(days=1): 7}
    check = check_freshness("shop.orders", DAY, n_rows, PrepareGates(max_days_without_rows=limit))
    assert check.passed == passed
    assert f"{age} days before" in check.actual


def test_without_any_rows_their_age_is_not_judged() -> None:
    check = check_freshness("shop.orders", DAY, {DAY: 0}, PrepareGates(max_days_without_rows=1))
    assert (check.passed, check.actual) == (True, "no rows yet")
