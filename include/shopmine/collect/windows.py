"""Which days of a source are to be read: missing, stale, or within the window that every run reads again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shopmine.collect.outside import ShopDays
from shopmine.config.days import ONE_DAY, day_bounds, days_between, last_complete_day, local_day

_MOST_RANGES: Final = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedDay:
    """What is known of a day's newest batch."""

    known_at: datetime
    is_assumed: bool
    has_all_columns: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Bounds of a reading.

    Attributes:
        day: the run's day; `first_day` and `last_day` are the shop's.
        now: the moment of the reading.
    """

    day: date
    first_day: date
    last_day: date | None
    lookback_days: int
    zone: ZoneInfo
    now: datetime

    @property
    def newest(self) -> date:
        """The newest day that is over, or the last of the data."""
        complete = last_complete_day(self.now, self.zone)
        return complete if self.last_day is None else min(complete, self.last_day)

    @property
    def end(self) -> date:
        """The last day that the run reads once something has landed: its own, but none that has not begun."""
        return min(self.day, local_day(self.now, self.zone), self.last_day or self.day)

    @property
    def shop_days(self) -> ShopDays:
        """The days whose rows are ever collected, as far as is known now."""
        return ShopDays.of(self.first_day, self.last_day, self.now, self.zone)

    @property
    def is_live(self) -> bool:
        """Whether the run is for the newest day (or a later one), so that the present state of the source is its business."""
        return self.day >= self.newest

    def days_to_read(self, landed: Mapping[date, LandedDay]) -> frozenset[date]:
        """All history when nothing has landed; else the lookback window, and the days until the run's that are missing or stale.

        A day is stale when it was read before it was over, or without a column that is needed now. No day after the run's is
        read (but by the first reading, whose later days wait for their runs), and none that has not begun.
        """
        if not landed:
            return frozenset(days_between(self.first_day, self.newest))
        again = self.end - timedelta(days=self.lookback_days)
        return frozenset(
            day for day in days_between(self.first_day, self.end) if day > again or self._is_stale(day, landed.get(day))
        )

    def _is_stale(self, day: date, landed: LandedDay | None) -> bool:
        if landed is None or not landed.has_all_columns:
            return True
        return not landed.is_assumed and landed.known_at < day_bounds(day, self.zone)[1]

    def known_at(self, day: date, landed: LandedDay | None) -> tuple[datetime, bool]:
        """When the source said what is read now of a day, and whether that is assumed.

        History, that is a day older than the lookback window which was never read, counts as known at the end of its day; so does
        its second reading when columns were missing. Everything else is known now.
        """
        is_history = day <= last_complete_day(self.now, self.zone) - timedelta(days=self.lookback_days)
        was_incomplete = landed is not None and landed.is_assumed and not landed.has_all_columns
        if is_history and (landed is None or was_incomplete):
            return day_bounds(day, self.zone)[1], True
        return self.now, False


def day_ranges(days: Collection[date]) -> list[tuple[date, date]]:
    """First and last day of each run of consecutive days; one range over all when there are very many runs."""
    ordered = sorted(days)
    starts = [day for day in ordered if day - ONE_DAY not in days]
    ends = [day for day in ordered if day + ONE_DAY not in days]
    return list(zip(starts, ends, strict=True)) if len(starts) <= _MOST_RANGES else [(ordered[0], ordered[-1])]
