"""The calendar of a country, and which numbers of a day are unusual."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopmine.config.shops import parse_shop
from shopmine.errors import ConfigError
from shopmine.prepare.calendar import make_calendar
from shopmine.prepare.outliers import fit_fences, mark_outliers, window

DAY = date(2024, 3, 4)
MONEY = pa.decimal128(38, 10)


def of_day(country: str, day: date) -> dict[str, Any]:
    found = make_calendar(country, date(day.year, 1, 1), date(day.year, 12, 31)).to_pylist()
    return next(row for row in found if row["day"] == day)


def test_the_spring_festival_of_china_is_free_and_a_sunday_is_worked_for_it() -> None:
    festival, sunday = of_day("CN", date(2024, 2, 12)), of_day("CN", date(2024, 2, 4))
    assert (festival["is_holiday"], festival["is_working_day"], festival["weekday"]) == (True, False, 1)
    assert "春节" in festival["holiday"]
    assert festival["holiday_en"].startswith("Chinese New Year")
    assert (sunday["is_weekend"], sunday["is_holiday"], sunday["is_working_day"]) == (True, False, True)


def test_weeks_are_those_of_iso_8601_and_parts_of_a_country_have_their_own_days() -> None:
    new_year = of_day("GB", date(2021, 1, 1))
    assert (new_year["iso_year"], new_year["iso_week"], new_year["quarter"]) == (2020, 53, 1)
    andrew = date(2023, 11, 30)
    assert (of_day("GB-SCT", andrew)["is_holiday"], of_day("GB-ENG", andrew)["is_holiday"]) == (True, False)


@pytest.mark.parametrize(
    ("country", "message"), [("XX", "country: unknown 'XX'"), ("GB-XXX", "unknown part 'XXX' of GB")]
)
def test_an_unknown_country_is_named(country: str, message: str) -> None:
    source = {"kind": "mysql", "connection": "x", "entities": {}}
    head = {"title": "Shop", "timezone": "UTC", "currency": "GBP", "first_day": DAY, "sources": {"s": source}}
    with pytest.raises(ConfigError, match=message):
        parse_shop("shop", {**head, "country": country}, origin="shop.toml")


def rows(history: list[Decimal], today: list[Decimal], after: list[Decimal] | None = None) -> pa.Table:
    parts = [*((DAY - timedelta(days=1 + n % 80), v) for n, v in enumerate(history)), *((DAY, v) for v in today)]
    parts += [(DAY + timedelta(days=1), v) for v in after or []]
    return pa.table(
        {
            "day": pa.array([day for day, _ in parts], pa.date32()),
            "order_id": [str(n) for n in range(len(parts))],
            "amount": pa.array([v for _, v in parts], MONEY),
        }
    )


def marked(table: pa.Table) -> tuple[Any, list[Decimal]]:
    check, found = mark_outliers(table, entity="orders", column="amount", key=["order_id"], day=DAY)
    return check, found.column("value").to_pylist()


def test_a_number_far_from_the_days_before_is_marked_and_named() -> None:
    usual = [Decimal(n) for n in range(10, 50)]
    check, found = marked(rows(usual, [Decimal(30), Decimal(100000), Decimal("0.001")]))
    assert found == [Decimal(100000), Decimal("0.001")]
    assert check.passed
    assert check.actual == "2 of 3 outside"
    assert check.detail.startswith("41: 100000; 42: 0.001")


def test_too_few_days_before_judge_nothing() -> None:
    check, found = marked(rows([Decimal(1)] * 29, [Decimal(1000)]))
    assert found == []
    assert check.detail.startswith("not judged")
    assert len(window(DAY)) == 91


AMOUNTS = st.lists(st.decimals(-1000, 1000, places=2), min_size=30, max_size=60)


@settings(deadline=None, max_examples=50)
@given(AMOUNTS, st.lists(st.decimals(-5000, 5000, places=2), max_size=5), st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_later_days_change_what_is_marked(
    history: list[Decimal], today: list[Decimal], random: Any
) -> None:
    table = rows(history, today)
    order = list(range(len(table)))
    random.shuffle(order)
    later = pa.concat_tables([table.take(order), rows([], [], [Decimal(10**6)])])
    assert marked(table) == marked(later)


def test_fences_are_on_the_logarithm_where_all_is_above_0() -> None:
    found = fit_fences([Decimal(2) ** n for n in range(-20, 21)])
    assert found is not None
    assert found.low > 0
    assert found.high > 2**20
