"""A driver's values as text."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.collect.sql_values import bytes_of, text_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        (True, "true"),
        (2**63, "9223372036854775808"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.10"), "-0.10"),
        (Decimal("NaN"), "NaN"),
        (0.1, "0.1"),
        (datetime(2026, 3, 1, 10, tzinfo=UTC), "2026-03-01 10:00:00+00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (time(10, 1), "10:01:00"),
        (timedelta(hours=30, microseconds=1), "108000.000001"),
        (-timedelta(seconds=1), "-1.000000"),
        (memoryview(b"\x00\xff"), "00ff"),
        ({"a": [1, Decimal("1.10")]}, '{"a": [1, "1.10"]}'),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_each_value_has_one_plain_text(value: object, text: str | None) -> None:
    assert text_of(value) == text


@given(st.floats(allow_nan=False) | st.integers() | st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_the_same(value: float | Decimal) -> None:
    assert type(value)(text_of(value) or "") == value


@given(st.binary())
def test_bytes_that_are_no_utf8_come_through(data: bytes) -> None:
    assert bytes_of(data.decode("utf-8", "surrogateescape")) == data
