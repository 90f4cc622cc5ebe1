"""A shop's days: the only place that knows the clock, time zones and clock changes.

A day is a date of the shop's zone; an instant is an aware `datetime`. All functions but `utc_now` are pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ONE_DAY: Final = timedelta(days=1)
UTC_ZONE: Final = ZoneInfo("UTC")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NO_DAY: Final = date(1900, 1, 1)
"""Stands for the day of rows whose day cannot be told: they land, in a batch of this day, and go to quarantine."""

_TIME: Final = re.compile(
    r"([1-9]\d{3}-\d\d-\d\d)(?:[ Tt](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTime:
    """What a text says: the clock's reading (midnight where it is a day alone), and the offset from UTC if it tells one."""

    wall: datetime
    offset: timedelta | None
    has_clock: bool


def read_time(text: str) -> WrittenTime | None:
    """A text like `2011-03-27 01:30:00`, `2011-03-27T01:30:00.123+08:00`, `2011-03-27`; None for anything else.

    Years are 1000 to 9999, so MySQL's zero dates are none; beyond microseconds is cut off.
    """
    if (match := _TIME.fullmatch(text)) is None:
        return None
    day, clock, fraction, offset = match.groups()
    try:
        wall = datetime.fromisoformat(f"{day} {clock or '00:00'}")
        wall = wall.replace(microsecond=int(f"{(fraction or '')[:6]:0<6}"))
        return WrittenTime(wall=wall, offset=None if offset is None else _offset(offset), has_clock=clock is not None)
    except ValueError:
        return None


def _offset(text: str) -> timedelta:
    if text in "Zz":
        return timedelta()
    distance = timedelta(hours=int(text[1:3]), minutes=int(text[3:].lstrip(":") or 0))
    if distance >= ONE_DAY:
        raise ValueError(text)
    return -distance if text[0] == "-" else distance


def utc_now() -> datetime:
    """The present instant, in UTC: read once at the border of a run and passed on."""
    return datetime.now(UTC)  # noqa: TID251  the one allowed place


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The shop's day in which an aware instant falls."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant!r} has no time zone; use `instant_of(wall, zone)` first")
    return instant.astimezone(zone).date()


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant of a clock reading without zone.

    A reading that occurs twice (clocks put back) is the earlier one. One that never occurs (clocks put forward) is
    taken with the offset from before the change, so it moves forward by the length of the gap.
    """
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The UTC instants [start, end) of a day: 23, 24 or 25 hours, none at all for a day that a zone skipped."""
    start, end = (instant_of(datetime.combine(d, time()), zone) for d in (day, day + ONE_DAY))
    return start, end


def last_complete_day(now: datetime, zone: ZoneInfo) -> date:
    """The newest day that is over at the instant `now`."""
    return local_day(now, zone) - ONE_DAY


def training_day(day: date, weekday: str) -> date:
    """The newest day at or before `day` that is the given weekday ("monday" …): models are fitted as of it."""
    return day - timedelta(days=(day.weekday() - WEEKDAYS.index(weekday)) % 7)


def training_days(first: date, day: date, weekday: str, extra: Iterable[date] = ()) -> tuple[date, ...]:
    """The training calendar up to `day`, oldest first; the last one is in force on `day`.

    Args:
        first: the shop's first day: the calendar begins with the first such weekday from then on.
        day: the day that is asked about.
        weekday: as for `training_day`.
        extra: days that are training days besides, from `first` on.

    Returns:
        At least one day: before the calendar begins, the newest such weekday at or before `day`.
    """
    newest = training_day(day, weekday)
    weekly = {newest - 7 * n * ONE_DAY for n in range((newest - first).days // 7 + 1)}
    return tuple(sorted(weekly | {other for other in extra if first <= other <= day})) or (newest,)


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included; none when `last` is earlier."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
