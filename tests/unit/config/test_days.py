"""Days of a shop: their bounds across clock changes, and the calendar of training days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.config.days import (
    day_bounds,
    days_between,
    instant_of,
    last_complete_day,
    local_day,
    training_day,
    training_days,
)

LONDON, SHANGHAI, SAO_PAULO, HAVANA, APIA = map(
    ZoneInfo, ["Europe/London", "Asia/Shanghai", "America/Sao_Paulo", "America/Havana", "Pacific/Apia"]
)


def wall_time(*parts: int) -> datetime:
    """A clock reading without zone."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2011, 3, 27), LONDON, 23),
        (date(2011, 10, 30), LONDON, 25),
        (date(2011, 7, 1), LONDON, 24),
        (date(2018, 11, 4), SAO_PAULO, 23),  # midnight itself does not exist
        (date(2018, 2, 17), SAO_PAULO, 25),
        (date(2024, 11, 3), HAVANA, 25),  # midnight occurs twice
        (date(2011, 12, 30), APIA, 0),  # the day itself does not exist
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(day: date, zone: ZoneInfo, hours: int) -> None:
    start, end = day_bounds(day, zone)
    assert end - start == timedelta(hours=hours)
    if hours:
        assert local_day(start, zone) == day == local_day(end - timedelta(microseconds=1), zone)
    assert local_day(end, zone) > day > local_day(start - timedelta(microseconds=1), zone)


@given(st.datetimes(wall_time(1990, 1, 1), wall_time(2035, 1, 1)), st.sampled_from([LONDON, SHANGHAI, SAO_PAULO, APIA]))
def test_a_clock_reading_falls_on_the_day_whose_bounds_hold_it(wall: datetime, zone: ZoneInfo) -> None:
    instant = instant_of(wall, zone)
    start, end = day_bounds(local_day(instant, zone), zone)
    assert start <= instant < end


def test_clock_readings_at_a_change_are_defined() -> None:
    assert instant_of(wall_time(2011, 3, 27, 1, 30), LONDON) == datetime(2011, 3, 27, 1, 30, tzinfo=UTC)  # 02:30 summer
    assert instant_of(wall_time(2011, 10, 30, 1, 30), LONDON) == datetime(2011, 10, 30, 0, 30, tzinfo=UTC)  # the first
    with pytest.raises(ValueError, match="no time zone"):
        local_day(wall_time(2011, 1, 1), LONDON)


def test_the_calendar_is_a_pure_function_of_the_date() -> None:
    assert last_complete_day(datetime(2026, 1, 1, 16, 0, tzinfo=UTC), SHANGHAI) == date(2026, 1, 1)
    assert last_complete_day(datetime(2026, 1, 1, 15, 59, tzinfo=UTC), SHANGHAI) == date(2025, 12, 31)
    assert training_day(date(2026, 11, 25), "monday") == date(2026, 11, 23)
    assert training_day(date(2026, 11, 23), "monday") == date(2026, 11, 23)
    assert days_between(date(2024, 2, 28), date(2024, 3, 1)) == [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]
    assert days_between(date(2024, 3, 1), date(2024, 2, 28)) == []


def test_the_training_calendar_begins_with_the_shop_and_has_extra_days() -> None:
    first, day = date(2024, 1, 3), date(2024, 1, 24)
    mondays = (date(2024, 1, 8), date(2024, 1, 15), date(2024, 1, 22))
    assert training_days(first, day, "monday") == mondays
    assert training_days(date(2024, 1, 8), date(2024, 1, 14), "monday") == mondays[:1]
    extra = [date(2024, 1, 17), date(2024, 1, 25), date(2024, 1, 2), mondays[0]]
    assert training_days(first, day, "monday", extra) == (*mondays[:2], date(2024, 1, 17), mondays[2])
    assert training_days(first, date(2024, 1, 5), "monday") == (date(2024, 1, 1),), "before the first one: the newest"


@given(
    st.dates(date(2010, 1, 1), date(2012, 1, 1)),
    st.integers(0, 400),
    st.integers(0, 60),
    st.lists(st.dates(date(2010, 1, 1), date(2014, 1, 1))),
)
def test_a_later_calendar_only_adds_days(first: date, length: int, more: int, extra: list[date]) -> None:
    day = first + timedelta(days=length)
    calendar = training_days(first, day, "friday", extra)
    assert calendar[-1] <= day
    later = training_days(first, day + timedelta(days=more), "friday", extra)
    if calendar[0] >= first:
        assert later[: len(calendar)] == calendar
        assert all(other > day for other in later[len(calendar) :])
