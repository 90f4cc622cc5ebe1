"""Text becomes numbers, truth values and amounts exactly, or is told to be bad."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shopmine.config.canonical import ColumnType
from shopmine.prepare.convert import convert_column, exact_amount, to_booleans, to_numbers, to_whole_numbers
from shopmine.prepare.rows import Problems

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**26), max_value=10**26, places=4)
TENTH = Decimal("1e-10")


def text(*values: str | None) -> pa.Array:
    return pa.array(values, pa.string())


@settings(deadline=None)
@given(st.lists(NUMBERS.map(str) | st.integers(-(10**20), 10**20).map(str) | st.none(), max_size=6))
def test_numbers_are_exact(values: list[str | None]) -> None:
    converted = to_numbers(text(*values))
    assert converted.values.to_pylist() == [None if value is None else Decimal(value) for value in values]
    assert converted.bad.tolist() == []


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e20, max_value=1e20))
@example(0.1 + 0.2)
@example(5e-324)
def test_doubles_are_rounded_at_the_tenth_decimal_only(value: float) -> None:
    exact = Decimal(repr(value)).quantize(TENTH, rounding=ROUND_HALF_EVEN, context=Context(prec=60))
    assert to_numbers(text(repr(value))).values.to_pylist() == [exact]


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "abc",
        "1,234.50",
        "1 000",
        "0x10",
        "NaN",
        "inf",
        "-",
        ".",
        "1e",
        "１２",
        "1_000",
        "--1",
        "1.2.3",
        "9" * 28,
        "1e27",
        "1e9999999",
        "true",
        "1\n",
    ],
)
def test_what_is_no_number_is_bad(bad: str) -> None:
    converted = to_numbers(text("1.5", bad, None))
    assert converted.bad.tolist() == [1]
    assert converted.values.to_pylist() == [Decimal("1.5"), None, None]


def test_the_scale_is_the_sources() -> None:
    assert to_numbers(text("2.50", "3")).values.type == pa.decimal128(38, 2)
    assert to_numbers(text("2.5", "3")).values.type == pa.decimal128(38, 1)
    assert to_numbers(text("7", None)).values.type == pa.decimal128(38, 0)
    assert to_numbers(text()).values.type == pa.decimal128(38, 0)
    assert to_numbers(text("1e3", ".5", "+2.")).values.to_pylist() == [1000, Decimal("0.5"), 2]


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        ("5", 5),
        ("5.0", 5),
        ("-0", 0),
        ("1e3", 1000),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_whole_numbers(value: str, whole: int) -> None:
    assert to_whole_numbers(text(value)).values.to_pylist() == [whole]


@pytest.mark.parametrize("bad", ["5.5", "9223372036854775808", "-9223372036854775809", "x", "1e20"])
def test_what_is_no_whole_number_is_bad(bad: str) -> None:
    assert to_whole_numbers(text("1", bad)).bad.tolist() == [1]


def test_truth_values() -> None:
    converted = to_booleans(text("TRUE", "0", "Yes", "f", "maybe", "", None, "01", "00"))
    assert converted.values.to_pylist() == [True, False, True, False, None, None, None, True, False]
    assert converted.bad.tolist() == [4, 5]


def test_reasons_name_the_column_and_cut_long_values() -> None:
    problems = Problems()
    convert_column("price", ColumnType.NUMERIC, text("x" * 100, "1"), ZoneInfo("UTC"), problems)
    assert problems.reasons == {0: [f"price: '{'x' * 60}…' is not a number"]}


AMOUNT = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6)


@settings(deadline=None)
@given(st.lists(st.tuples(AMOUNT, AMOUNT, AMOUNT | st.none()), min_size=1, max_size=5))
def test_amounts_equal_the_definition(rows: list[tuple[Decimal, Decimal, Decimal | None]]) -> None:
    quantity, price, discount = (
        to_numbers(text(*[None if v is None else f"{v:f}" for v in c])).values for c in zip(*rows, strict=True)
    )
    with localcontext(Context(prec=80)):
        expected = [(q * p - (d or 0)).quantize(TENTH, rounding=ROUND_HALF_EVEN) for q, p, d in rows]
    converted = exact_amount(quantity, price, discount)
    assert converted.values.to_pylist() == expected
    assert converted.bad.tolist() == []


def test_an_amount_beyond_27_digits_is_bad_and_without_a_price_null() -> None:
    quantity, price = to_numbers(text("9" * 20, "2", None)).values, to_numbers(text("9" * 20, "3.333", "1")).values
    converted = exact_amount(quantity, price, pa.nulls(3, pa.decimal128(38, 0)))
    assert converted.bad.tolist() == [0]
    assert converted.values.to_pylist() == [None, Decimal("6.666"), None]
