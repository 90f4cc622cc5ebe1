"""Which days are read, and since when what they say counts as known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from shopmine.collect.windows import LandedDay, Window
from shopmine.config.days import day_bounds, days_between

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST, NOW = date(2026, 1, 1), datetime(2026, 1, 20, 20, 0, tzinfo=UTC)  # 04:00 of the 21st there


def window(day: int, *, last_day: date | None = None, now: datetime = NOW) -> Window:
    return Window(day=date(2026, 1, day), first_day=FIRST, last_day=last_day, lookback_days=3, zone=SHANGHAI, now=now)


def landed(*days: date, known_at: datetime = NOW, has_all_columns: bool = True) -> dict[date, LandedDay]:
    return {d: LandedDay(known_at=known_at, is_assumed=False, has_all_columns=has_all_columns) for d in days}


def days(*numbers: int) -> set[date]:
    return {date(2026, 1, n) for n in numbers}


def test_the_first_reading_takes_all_complete_days_even_those_after_its_own() -> None:
    assert window(5).days_to_read({}) == set(days_between(FIRST, date(2026, 1, 20)))
    assert window(5, last_day=date(2026, 1, 9)).days_to_read({}) == set(days_between(FIRST, date(2026, 1, 9)))


def test_later_readings_take_the_window_and_what_is_missing_before() -> None:
    known = landed(*days_between(FIRST, date(2026, 1, 20)))
    assert window(20).days_to_read(known) == days(18, 19, 20)
    del known[date(2026, 1, 7)]
    assert window(20).days_to_read(known) == days(7, 18, 19, 20)
    assert window(6).days_to_read(known) == days(4, 5, 6), "nothing after the run's own day"
    assert window(20, last_day=date(2026, 1, 10)).days_to_read(known) == days(7, 8, 9, 10)
    assert window(25).days_to_read(known) == days(7, 19, 20, 21), "no day that has not begun"


def test_a_day_that_was_read_too_early_or_without_a_needed_column_is_stale() -> None:
    known = landed(*days_between(FIRST, date(2026, 1, 20)))
    known |= landed(date(2026, 1, 9), known_at=day_bounds(date(2026, 1, 9), SHANGHAI)[1] - timedelta(seconds=1))
    known |= landed(date(2026, 1, 10), known_at=day_bounds(date(2026, 1, 10), SHANGHAI)[1])
    known |= landed(date(2026, 1, 11), has_all_columns=False)
    assert window(20).days_to_read(known) == days(9, 11, 18, 19, 20)


def test_history_counts_as_known_at_the_end_of_its_day_and_the_rest_when_it_was_read() -> None:
    end = day_bounds(date(2026, 1, 17), SHANGHAI)[1]
    assert window(20).known_at(date(2026, 1, 17), None) == (end, True)
    assert window(20).known_at(date(2026, 1, 18), None) == (NOW, False), "within the window of the present"
    corrected = LandedDay(known_at=end, is_assumed=True, has_all_columns=True)
    assert window(17).known_at(date(2026, 1, 17), corrected) == (NOW, False), "a second reading is news"
    widened = LandedDay(known_at=end, is_assumed=True, has_all_columns=False)
    assert window(20).known_at(date(2026, 1, 17), widened) == (end, True), "but for the columns"


def test_only_a_run_for_the_newest_day_is_live() -> None:
    assert [window(day).is_live for day in (19, 20, 21)] == [False, True, True]
    assert window(9, last_day=date(2026, 1, 9)).is_live
