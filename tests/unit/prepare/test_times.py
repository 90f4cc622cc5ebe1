"""Times become instants by the rules written at the top of the module, on the days of clock changes too."""

# ruff: noqa: DTZ001 - what a clock on the wall shows has no zone
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shopmine.config.days import instant_of
from shopmine.prepare.times import to_instants

ZONES = [
    "Europe/London",
    "Asia/Shanghai",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
]
MOMENTS = st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9998, 12, 30))
NEAR_CHANGES = st.integers(-(10**7), 10**7).map(lambda us: datetime(2011, 3, 27, 1) + timedelta(microseconds=us * 1000))


def instants(zone: str, *texts: str | None) -> list[datetime | None]:
    return to_instants(pa.array(texts, pa.string()), ZoneInfo(zone))[0].to_pylist()


@settings(deadline=None, max_examples=200)
@given(MOMENTS | NEAR_CHANGES, st.sampled_from(ZONES), st.sampled_from([" ", "T"]))
@example(datetime(2011, 3, 27, 1, 30), "Europe/London", " ")
@example(datetime(2011, 12, 30, 12), "Pacific/Apia", " ")
@example(datetime(2038, 7, 1), "Europe/London", " ")
def test_a_wall_clock_is_read_as_days_are(moment: datetime, zone: str, separator: str) -> None:
    text = moment.isoformat(separator)
    # Alone it takes the fast way, beside an odd text the careful one.
    assert instants(zone, text)[0] == instant_of(moment, ZoneInfo(zone)) == instants(zone, "odd", text)[1]


@settings(deadline=None)
@given(MOMENTS, st.integers(-23 * 60, 23 * 60), st.booleans())
def test_an_offset_counts_whatever_the_zone(moment: datetime, minutes: int, is_compact: bool) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    text = f"{moment.isoformat()}{sign}{hours:02}{'' if is_compact else ':'}{rest:02}"
    assert instants("America/New_York", text) == [(moment - timedelta(minutes=minutes)).replace(tzinfo=UTC)]


def test_clock_changes() -> None:
    twice, gap = "2011-10-30 01:30:00", "2011-03-27 01:30:00"
    assert instants("Europe/London", twice, gap) == [
        datetime(2011, 10, 30, 0, 30, tzinfo=UTC),  # the first of the two: still summer time
        datetime(2011, 3, 27, 1, 30, tzinfo=UTC),  # 02:30 summer time
    ]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2011-01-02", datetime(2011, 1, 1, 16, tzinfo=UTC)),
        ("2011-01-02 03:04", datetime(2011, 1, 1, 19, 4, tzinfo=UTC)),
        ("2011-01-02T03:04:05Z", datetime(2011, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2011-01-02t03:04:05.1234567z", datetime(2011, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2011-01-02 03:04:05 +0800", datetime(2011, 1, 1, 19, 4, 5, tzinfo=UTC)),
        ("2011-01-02 03:04:05,5-03", datetime(2011, 1, 2, 6, 4, 5, 500000, tzinfo=UTC)),
    ],
)
def test_forms_of_a_time(text: str, instant: datetime) -> None:
    assert instants("Asia/Shanghai", text) == [instant]


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "soon",
        "0000-00-00 00:00:00",
        "0000-00-00",
        "2011-02-30",
        "2011-13-01",
        "2011-01-01 25:00:00",
        "2011-01-01 10",
        "11-01-02",
        "0999-01-01",
        "20110101",
        "1301189400",
        "2011-01-01 00:00:00 Europe/London",
        "2011-01-01T00:00:00+99:00",
        "2011-01-01\n",
        "２０１１-01-01",
    ],
)
def test_what_is_no_time_is_bad(bad: str) -> None:
    values, rows = to_instants(pa.array([None, bad, "2011-01-01"], pa.string()), ZoneInfo("UTC"))
    assert rows.tolist() == [1]
    assert values.to_pylist() == [None, None, datetime(2011, 1, 1, tzinfo=UTC)]
