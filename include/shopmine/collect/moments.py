"""The shop's day of a source's time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from shopmine.collect.day_shifts import day_shifts
from shopmine.config.days import ONE_DAY, instant_of, local_day, read_time
from shopmine.staging.lines import Lines

Clocks = npt.NDArray[np.uint8]
"""(n_rows, CLOCK_BYTES) the first bytes of readings of a clock, zeros behind shorter ones."""

CLOCK_BYTES: Final = len("2026-03-01 10:00")
_DAY: Final = len("2026-03-01")
_SPANS: Final = {_DAY: (" 00:00:00", " 23:59:59"), len("2026-03-01 10"): (":00:00", ":59:59")}
"""Bytes that tell a day or an hour of a clock -> what follows them in its first and its last reading."""
_MOST_KNOWN: Final = 200_000


class DayOfText:
    """The shop's day of texts like `2011-03-27 01:30:00`, `2011-03-27T01:30Z`, `2011-03-27`; None for anything else.

    A time without offset is the clock of `zone` (`days.instant_of` says how at clock changes); a day alone is that day.
    Readings are remembered by the day or the hour where that lies within one day of the shop and no clock changes, else by the
    minute, so that millions of rows cost a look-up each.
    """

    def __init__(self, *, zone: ZoneInfo, shop_zone: ZoneInfo) -> None:
        self._zone, self._shop_zone = zone, shop_zone
        self._known: dict[str | bytes, date | None] = {}
        self._spans: dict[bytes, date | None] = {}
        self._steady: dict[str, bool] = {}

    def __call__(self, text: str) -> date | None:
        """The day of any of these texts."""
        return self._look_up(text, text)

    def of_clock(self, reading: bytes | None) -> date | None:
        """The day of `YYYY-MM-DD[ hh:mm:ss[.ffffff]]` as MySQL writes it."""
        if reading is None:
            return None
        for width in _SPANS:
            if (day := self._of_span(reading[:width])) is not None:
                return day
        minute = reading[:CLOCK_BYTES]
        known = self._known
        return known[minute] if minute in known else self._look_up(minute, minute.decode("ascii", "replace"))

    def runs(self, readings: Clocks) -> Iterator[tuple[int, int, date | None]]:
        """Rows from … to before … that follow each other and are of one day, by the beginnings of their clocks' readings.

        Rows in the order of their time have few such runs, so that each costs a look-up and no row does. Neighbouring runs may
        be of the same day.
        """
        yield from self._runs(readings, 0, tuple(_SPANS))

    def _runs(self, readings: Clocks, first: int, widths: tuple[int, ...]) -> Iterator[tuple[int, int, date | None]]:
        """The runs of equal beginnings of the first width; within one that tells no day, those of the next width."""
        width = widths[0] if widths else CLOCK_BYTES
        for start, end in _equal_runs(readings[:, :width]):
            reading = readings[start, :width].tobytes().rstrip(b"\0")
            if not widths:
                yield first + start, first + end, self.of_clock(reading)
            elif (day := self._of_span(reading)) is not None:
                yield first + start, first + end, day
            else:
                yield from self._runs(readings[start:end], first + start, widths[1:])

    def _of_span(self, span: bytes) -> date | None:
        if span not in self._spans:
            self._learn(span)
        return self._spans[span]

    def _learn(self, span: bytes) -> None:
        """Remember the one day of all readings of a day or an hour; None where there is no such."""
        if len(self._spans) >= _MOST_KNOWN:
            self._spans.clear()
        ends = _SPANS.get(len(span), ())
        found = {self._day(span.decode("ascii", "replace") + end) for end in ends}
        is_one = len(found) == 1 and None not in found and self._is_steady(span[:_DAY].decode())
        self._spans[span] = found.pop() if is_one else None

    def _is_steady(self, day: str) -> bool:
        """Whether on that day of the source's clock no change of a clock decides about the shop's day."""
        if day not in self._steady:
            on = date.fromisoformat(day)
            try:
                shifts = day_shifts(zone=self._zone, shop_zone=self._shop_zone, first=on, last=on)
                self._steady[day] = len(shifts) == 1
            except OverflowError:
                self._steady[day] = False
        return self._steady[day]

    def _look_up(self, key: str | bytes, text: str) -> date | None:
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._day(text)
        return self._known[key]

    def _day(self, text: str) -> date | None:
        if (time := read_time(text.strip())) is None:
            return None
        if not time.has_clock:
            return time.wall.date()
        try:
            instant = (
                instant_of(time.wall, self._zone)
                if time.offset is None
                else time.wall.replace(tzinfo=UTC) - time.offset
            )
            return local_day(instant, self._shop_zone)
        except (ValueError, OverflowError):
            return None


def _equal_runs(rows: Clocks) -> Iterator[tuple[int, int]]:
    """Where rows that follow each other are equal: from … to before …."""
    starts = np.flatnonzero((rows[1:] != rows[:-1]).any(axis=1)) + 1
    return pairwise([0, *starts.tolist(), len(rows)])


class OpenDays:
    """Lines of the days that are being read, from rows that come in the order of their time.

    Clock changes can mix rows of two neighbouring days, so a day is complete when rows of two days later come.
    """

    def __init__(self) -> None:
        self._lines: dict[date, Lines] = {}

    def add(self, day: date, lines: Sequence[bytes]) -> None:
        """Add lines to their day."""
        self._lines.setdefault(day, Lines()).extend(lines)

    def take_complete(self, now: date | None) -> list[tuple[date, Lines]]:
        """Give out, once, the days that are complete when rows of `now` come; all that are left for None."""
        done = sorted(day for day in self._lines if now is None or day < now - ONE_DAY)
        return [(day, self._lines.pop(day)) for day in done]
