"""The pieces by which a source computes the shop's days, against the reading of each text."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.collect.day_shifts import Shift, day_shifts
from shopmine.collect.moments import DayOfText

# Clock changes at midnight (Beirut, Havana), a whole day left out (Apia 2011), half an hour (Lord Howe), quarters (Kathmandu).
ZONES = [
    "UTC", "Europe/London", "Asia/Shanghai", "America/Los_Angeles", "Asia/Beirut", "America/Havana", "Pacific/Apia",
    "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca",
]  # fmt: skip
FIRST, LAST, STEP = date(2010, 12, 1), date(2012, 1, 31), timedelta(minutes=55)


def day_by(shifts: tuple[Shift, ...], wall: datetime) -> date:
    place = max(bisect_right([shift.start for shift in shifts], wall) - 1, 0)
    return (wall + shifts[place].by).date()


@pytest.mark.parametrize("source", ZONES)
@pytest.mark.parametrize("shop", ["UTC", "Europe/London", "Pacific/Apia"])
def test_readings_all_through_the_year_have_the_days_that_their_texts_have(source: str, shop: str) -> None:
    zone, shop_zone = ZoneInfo(source), ZoneInfo(shop)
    shifts = day_shifts(zone=zone, shop_zone=shop_zone, first=FIRST, last=LAST)
    day_of = DayOfText(zone=zone, shop_zone=shop_zone)
    for n in range((LAST - FIRST) // STEP):
        wall = datetime.combine(FIRST, time(0, 7)) + n * STEP
        assert day_by(shifts, wall) == day_of(str(wall)) == day_of.of_clock(str(wall).encode()), wall
    assert len(shifts) <= 12


@given(
    wall=st.builds(datetime.combine, st.dates(FIRST, LAST), st.times()), names=st.tuples(*[st.sampled_from(ZONES)] * 2)
)
def test_any_moment_has_the_day_that_its_text_has(wall: datetime, names: tuple[str, str]) -> None:
    zone, shop_zone = map(ZoneInfo, names)
    shifts = day_shifts(zone=zone, shop_zone=shop_zone, first=wall.date(), last=wall.date())
    day_of = DayOfText(zone=zone, shop_zone=shop_zone)
    reading = f"{wall:%Y-%m-%d %H:%M:%S.%f}"
    assert day_by(shifts, wall) == day_of(wall.isoformat(" ")) == day_of.of_clock(reading.encode())


def test_a_source_on_the_shops_own_clock_needs_one_piece() -> None:
    london = ZoneInfo("Europe/London")
    assert len(day_shifts(zone=london, shop_zone=london, first=FIRST, last=LAST)) == 1
