"""The shop's day of a source's time."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopmine.collect.moments import CLOCK_BYTES, DayOfText, OpenDays
from shopmine.config.days import instant_of, local_day

LONDON, SHANGHAI = ZoneInfo("Europe/London"), ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-07-01 16:59:59", date(2026, 7, 1)),
        ("2026-07-01 17:00:00", date(2026, 7, 2)),  # midnight in Shanghai while London has summer time
        ("2026-01-01T16:00:00.5Z", date(2026, 1, 2)),
        ("2026-01-01T23:30:00+08:00", date(2026, 1, 1)),
        ("2026-01-01", date(2026, 1, 1)),  # a day alone is that day
        ("0000-00-00 00:00:00", None),
        ("2026-02-30 00:00:00", None),
        ("12/1/2010 8:26", None),
        ("", None),
        ("0999-01-01", None),
    ],
)
def test_days_of_texts(text: str, day: date | None) -> None:
    day_of = DayOfText(zone=LONDON, shop_zone=SHANGHAI)
    assert day_of(text) == day
    if "T" not in text:
        assert day_of.of_clock(text.encode()) == day


@given(st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)), max_size=20))  # noqa: DTZ001
def test_remembered_minutes_change_nothing(walls: list[datetime]) -> None:
    day_of = DayOfText(zone=LONDON, shop_zone=SHANGHAI)
    for wall in [*walls, *walls]:
        expected = local_day(instant_of(wall, LONDON), SHANGHAI)
        assert day_of.of_clock(wall.strftime("%Y-%m-%d %H:%M:%S.%f").encode()) == expected


@given(
    st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)), max_size=20),  # noqa: DTZ001
    st.sampled_from([LONDON, SHANGHAI]),
    st.booleans(),
)
def test_runs_cover_all_rows_and_have_each_rows_own_day(walls: list[datetime], zone: ZoneInfo, is_sorted: bool) -> None:
    around = [wall.replace(hour=hour, minute=0) for wall in walls for hour in (0, 1, 16, wall.hour)]
    written = [wall.strftime("%Y-%m-%d %H:%M:%S").encode() for wall in (sorted(around) if is_sorted else around)]
    texts = [*written, b"0000-00-00 00:00:00", b"", *(text[:10] for text in written), b"2026-02-30 10:00:00"]
    clocks = np.array([[*text[:CLOCK_BYTES].ljust(CLOCK_BYTES, b"\0")] for text in texts], dtype=np.uint8)
    days = [day for start, end, day in DayOfText(zone=zone, shop_zone=SHANGHAI).runs(clocks) for _ in range(start, end)]
    alone = DayOfText(zone=zone, shop_zone=SHANGHAI)
    assert days == [alone(text.decode()) for text in texts]


def test_a_day_is_given_out_once_when_rows_of_two_days_later_come() -> None:
    first, second, third = date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)
    days = OpenDays()
    days.add(second, [b"b"])
    days.add(first, [b"a"])  # clocks were put back
    assert days.take_complete(second) == []
    days.add(third, [b"c"])
    assert [(day, [*lines]) for day, lines in days.take_complete(third)] == [(first, [b"a"])]
    assert [(day, [*lines]) for day, lines in days.take_complete(None)] == [(second, [b"b"]), (third, [b"c"])]
