"""Rows that no run collects, as their day lies outside of the shop's: counted, so that every row is accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from shopmine.config.days import local_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """How many rows (documents) of an entity have a day before `first`, and how many one after `last`."""

    n_before: int = 0
    n_after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopDays:
    """The days whose rows are ever collected; `last` is today where the shop names no `last_day`."""

    first: date
    last: date
    has_end: bool

    @classmethod
    def of(cls, first_day: date, last_day: date | None, now: datetime, zone: ZoneInfo) -> ShopDays:
        """Those of a shop at a moment."""
        return cls(first=first_day, last=last_day or local_day(now, zone), has_end=last_day is not None)

    def tell(self, outside: Outside | None) -> str:
        """How many rows are not collected and why; empty where there are none, or none that the source can tell of."""
        if outside is None:
            return ""
        after = f"last_day {self.last}" if self.has_end else f"{self.last}, which is today"
        parts = [(outside.n_before, f"before first_day {self.first}"), (outside.n_after, f"after {after}")]
        return ", ".join(f"{n} rows with a day {where}" for n, where in parts if n)
