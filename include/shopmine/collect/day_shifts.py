"""A shop's day as a source can compute it: by which the clocks of its times must be moved to be the shop's clocks.

A source knows no zones, or others than we do. Between two clock changes the shop's clock is the source's moved by a fixed
length, so a few pieces are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from shopmine.config.days import ONE_DAY, days_between, instant_of

_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """From `start` on (a reading of the source's clock), moved by `by` it is a reading on the shop's day.

    The first piece counts also for what is before its start.
    """

    start: datetime
    by: timedelta


def day_shifts(*, zone: ZoneInfo, shop_zone: ZoneInfo, first: date, last: date) -> tuple[Shift, ...]:
    """The pieces for readings of the clock of `zone` on the days from `first` to `last`, by start; at least one.

    They give every reading the day that `moments.DayOfText` gives it. Clock changes that alter no day make no piece.
    """
    pieces: list[Shift] = []
    for start in _starts(zone, shop_zone, first, last):
        by = _shift(start, zone, shop_zone)
        if not pieces or pieces[-1].by != by:
            pieces.append(Shift(start=start, by=by))
    return _without_needless(pieces, end=datetime.combine(last + ONE_DAY, time()))


def _starts(zone: ZoneInfo, shop_zone: ZoneInfo, first: date, last: date) -> Iterator[datetime]:
    """Where a piece may start: each midnight, and each minute of the days on which a clock changes."""
    midnights = [datetime.combine(day, time()) for day in days_between(first, last + ONE_DAY)]
    state = [_offsets(midnight, zone, shop_zone) for midnight in midnights]
    for (start, end), (before, after) in zip(pairwise(midnights), pairwise(state), strict=True):
        steps = 1 if before == after else (end - start) // _MINUTE
        yield from (start + n * _MINUTE for n in range(steps))


def _offsets(wall: datetime, zone: ZoneInfo, shop_zone: ZoneInfo) -> tuple[timedelta | None, ...]:
    instant = instant_of(wall, zone)
    return wall.replace(tzinfo=zone).utcoffset(), instant.astimezone(shop_zone).utcoffset()


def _shift(wall: datetime, zone: ZoneInfo, shop_zone: ZoneInfo) -> timedelta:
    return instant_of(wall, zone).astimezone(shop_zone).replace(tzinfo=None) - wall


def _without_needless(pieces: Sequence[Shift], end: datetime) -> tuple[Shift, ...]:
    """Without the pieces that leave every reading on the day that the piece before would give it."""
    kept = [pieces[0]]
    ends_of_pieces = [*(piece.start for piece in pieces[1:]), end]
    for piece, next_start in zip(pieces[1:], ends_of_pieces[1:], strict=True):
        ends = {(wall + by).date() for wall in (piece.start, next_start - _MINUTE) for by in (piece.by, kept[-1].by)}
        if piece.by != kept[-1].by and len(ends) > 1:
            kept.append(piece)
    return tuple(kept)
