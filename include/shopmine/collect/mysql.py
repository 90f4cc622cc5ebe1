"""Tables and queries of MySQL and MariaDB: exact text of each value, one consistent snapshot, some thousand rows in memory.

Rows whose day cannot be told (a null, zero or impossible date) are never part of a day; they are read apart, as NO_DAY.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from shopmine.collect.day_shifts import day_shifts
from shopmine.collect.moments import CLOCK_BYTES, Clocks, DayOfText, OpenDays
from shopmine.collect.mysql_fingerprints import day_expression, row_number
from shopmine.collect.mysql_names import MysqlNames, quoted
from shopmine.collect.mysql_session import MysqlSession, Row
from shopmine.collect.outside import Outside
from shopmine.collect.reading import Column, DayLines, Format, Opening, ReadRequest, Sample
from shopmine.collect.windows import day_ranges
from shopmine.config.days import NO_DAY, ONE_DAY, UTC_ZONE, day_bounds
from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.staging.lines import Lines

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from shopmine.collect.forgotten import Forgotten
    from shopmine.collect.mysql_rows import Rows
    from shopmine.config.entities import EntityConfig

_DAY_TYPES: Final = ("date", "datetime", "timestamp")
_MARGIN: Final = timedelta(hours=3)  # more than any clock change; the exact day is computed for each row
_NO_ROWS: Final = "0"
_CLOCK: Final = "%Y-%m-%d %H:%M:%S"
_Change = Callable[[bytes], bytes]


@contextmanager
def open_reader(opening: Opening) -> Iterator[MysqlReader]:
    """Connect and start the snapshot (see `reading.open_reader`)."""
    session = MysqlSession(opening.connection)
    try:
        yield MysqlReader(session, opening)
    finally:
        session.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A read made ready: where from, the columns as they land and their own types, what changes values, the day's column."""

    origin: str
    where: str
    columns: tuple[Column, ...]
    types: tuple[str, ...]
    changes: dict[int, _Change]
    day: int
    day_type: str

    def select(self, condition: str = "", end: str = "") -> str:
        names = ", ".join(quoted(name) for name, _ in self.columns)
        return f"SELECT {names} FROM {self.origin}{self._condition(condition)}{end}"  # noqa: S608  names are quoted

    def count(self, condition: str) -> str:
        return f"SELECT COUNT(*) FROM {self.origin}{self._condition(condition)}"  # noqa: S608  as above

    def by_day(self, day: str, condition: str) -> str:
        named = [(name, kind) for (name, _), kind in zip(self.columns, self.types, strict=True)]
        told = f"{day} AS shopmine_day, COUNT(*), SUM({row_number(named)})"
        return f"SELECT {told} FROM {self.origin}{self._condition(condition)} GROUP BY shopmine_day"  # noqa: S608  as above

    def _condition(self, condition: str) -> str:
        given = [f"({part})" for part in (self.where, condition) if part]
        return f" WHERE {' AND '.join(given)}" if given else ""


class MysqlReader:
    """An open MySQL source (see `reading.Reader`)."""

    format: Format = "copy"
    notes: Sequence[str] = ()

    def __init__(self, session: MysqlSession, opening: Opening) -> None:
        self._session, self._opening = session, opening
        self._names = MysqlNames(session, opening)

    def columns(self, entity: EntityConfig, names: tuple[str, ...]) -> tuple[Column, ...]:
        """Name and type of each value of a line (see `reading.Reader`)."""
        return self._plan(entity, names).columns

    def offered(self, entity: EntityConfig) -> Sequence[str] | None:
        """All columns of the table or query (see `reading.Reader`)."""
        return self._names.columns(entity) or None

    def read(self, request: ReadRequest) -> Iterator[DayLines]:
        """The wanted days in ascending order, then the rows without a day (see `reading.Reader`)."""
        plan = self._plan(request.entity, request.columns)
        if request.days is None:
            yield self._whole(plan, request, None, "")
            return
        for first, last in day_ranges(request.days):
            yield from self._days(plan, request, first, last)
        if request.with_no_day:
            has_no_day = _has_no_day(quoted(plan.columns[plan.day][0]))
            # Counted first: the index of the day's column may serve that, and mostly there is nothing to read.
            is_any = self._count(plan, has_no_day) > 0
            yield self._whole(plan, request, NO_DAY, has_no_day) if is_any else DayLines(day=NO_DAY, lines=[])

    def fingerprints(
        self, entity: EntityConfig, names: tuple[str, ...], days: frozenset[date]
    ) -> Mapping[date, str] | None:
        """Number of rows and sum over them, in one query (see `reading.Reader` and `mysql_fingerprints`)."""
        plan = self._plan(entity, names)
        ranges = day_ranges(days)
        shifts = day_shifts(
            zone=self._zone(plan),
            shop_zone=self._opening.zone,
            first=ranges[0][0] - ONE_DAY,
            last=ranges[-1][1] + ONE_DAY,
        )
        day = day_expression(quoted(plan.columns[plan.day][0]), plan.day_type, shifts)
        condition = " OR ".join(f"({self._between(plan, first, last)})" for first, last in ranges)
        found = {
            text: f"{n} {total}" for text, n, total in map(_texts, self._session.rows(plan.by_day(day, condition)))
        }
        return {wanted: found.get(wanted.isoformat(), _NO_ROWS) for wanted in days}

    def outside(self, entity: EntityConfig, names: tuple[str, ...], first: date, last: date) -> Outside:
        """By two counts that the index of the day's column serves (see `reading.Reader`)."""
        plan = self._plan(entity, names)
        column = quoted(plan.columns[plan.day][0])
        low, high = self._wall_bounds(plan, first, last)
        margin = timedelta() if plan.day_type == "date" else 2 * _MARGIN
        before = f"{column} < '{low + margin:{_CLOCK}}' AND {self._day_near(plan, first)} < '{first}'"
        after = f"{column} >= '{high - margin:{_CLOCK}}' AND {self._day_near(plan, last)} > '{last}'"
        counts = [self._count(plan, f"{condition} AND NOT ({_has_no_day(column)})") for condition in (before, after)]
        return Outside(n_before=counts[0], n_after=counts[1])

    def _count(self, plan: _Plan, condition: str) -> int:
        return int(self._session.rows(plan.count(condition))[0][0] or 0)

    def sample(self, entity: EntityConfig, columns: Sequence[str], limit: int) -> Sample:
        """Some rows, their estimated number, and whether the table's own key is declared (see `reading.Reader`)."""
        plan = self._plan(entity, tuple(columns))
        rows = _changed(self._session.rows(plan.select(end=f" LIMIT {int(limit)}")), plan.changes)
        return Sample(
            columns=plan.columns,
            rows=[[None if v is None else v.decode("utf-8", "replace") for v in row] for row in rows],
            n_rows=self._names.estimated_rows(entity),
            problems=tuple(self._names.unknown_personal(entity)),
            hints=tuple(self._names.hints(entity)),
        )

    def _plan(self, entity: EntityConfig, names: tuple[str, ...]) -> _Plan:
        types = dict(zip(names, self._names.types(entity, names), strict=True))
        day = -1 if entity.day is None or entity.is_snapshot else names.index(entity.day)
        day_type = types[names[day]] if day >= 0 else ""
        if day >= 0 and day_type not in _DAY_TYPES:
            raise ConfigError(
                f"sources.{self._opening.source.name}.entities.{entity.name}.day: column {entity.day!r} is {day_type}, not a "
                "date, datetime or timestamp; use `query` and convert it there, like STR_TO_DATE(…) or FROM_UNIXTIME(…)"
            )
        key = self._opening.key
        return _Plan(
            origin=self._names.origin(entity),
            where=entity.where or "",
            columns=tuple((name, key.type_of(entity, name, kind)) for name, kind in types.items()),
            types=tuple(types.values()),
            changes={i: change for i, name in enumerate(names) if (change := self._change(entity, name, types[name]))},
            day=day,
            day_type=day_type,
        )

    def _change(self, entity: EntityConfig, name: str, kind: str) -> _Change | None:
        treat = self._opening.key.treatment(entity, name)
        if kind.startswith("bit("):
            return _to_number if treat is None else lambda value: treat(_to_number(value).decode()).encode()
        if kind.endswith(" hex"):
            return _to_hex if treat is None else lambda value: treat(value.hex()).encode()
        return None if treat is None else lambda value: treat(value.decode("utf-8", "backslashreplace")).encode()

    def _whole(self, plan: _Plan, request: ReadRequest, day: date | None, condition: str) -> DayLines:
        lines = Lines()
        for _, chunk in self._lines(plan, request, condition):
            lines.extend(chunk)
        return DayLines(day=day, lines=lines)

    def _days(self, plan: _Plan, request: ReadRequest, first: date, last: date) -> Iterator[DayLines]:
        """The days of one range."""
        wanted = request.days or frozenset()
        days = DayOfText(zone=self._zone(plan), shop_zone=self._opening.zone)
        condition, order = self._between(plan, first, last), f" ORDER BY {quoted(plan.columns[plan.day][0])}"
        open_days, newest = OpenDays(), first
        for clocks, lines in self._lines(plan, request, condition, order):
            for start, end, day in days.runs(clocks):
                if day is not None and day in wanted and first <= day <= last:
                    open_days.add(day, lines[start:end])
                    newest = max(newest, day)
            for done, its_lines in open_days.take_complete(newest):
                yield DayLines(day=done, lines=its_lines)
        for rest, its_lines in open_days.take_complete(None):
            yield DayLines(day=rest, lines=its_lines)

    def _zone(self, plan: _Plan) -> ZoneInfo:
        """The zone of the clock that the day's column reads."""
        return UTC_ZONE if plan.day_type == "timestamp" else self._opening.source.zone

    def _day_near(self, plan: _Plan, day: date) -> str:
        """The shop's day in SQL, exact on and around `day`."""
        shifts = day_shifts(
            zone=self._zone(plan), shop_zone=self._opening.zone, first=day - ONE_DAY, last=day + ONE_DAY
        )
        return day_expression(quoted(plan.columns[plan.day][0]), plan.day_type, shifts)

    def _between(self, plan: _Plan, first: date, last: date) -> str:
        """Bounds on the day's column that hold at least all rows of these days, for the source's index to use."""
        low, high = self._wall_bounds(plan, first, last)
        column = quoted(plan.columns[plan.day][0])
        return f"{column} >= '{low:{_CLOCK}}' AND {column} < '{high:{_CLOCK}}'"

    def _wall_bounds(self, plan: _Plan, first: date, last: date) -> tuple[datetime, datetime]:
        """Readings of the source's clock between which all rows of these days lie."""
        zone = self._zone(plan)
        start, end = day_bounds(first, self._opening.zone)[0], day_bounds(last, self._opening.zone)[1]
        if plan.day_type == "date":
            return datetime.combine(first, time()), datetime.combine(last + ONE_DAY, time())
        return (
            start.astimezone(zone).replace(tzinfo=None) - _MARGIN,
            end.astimezone(zone).replace(tzinfo=None) + _MARGIN,
        )

    def _lines(
        self, plan: _Plan, request: ReadRequest, condition: str, order: str = ""
    ) -> Iterator[tuple[Clocks, list[bytes]]]:
        """Each row's day as its clock reads and its line, chunk by chunk; at the end the source's own count must be the same."""
        n_rows = 0
        for rows in self._session.chunks(plan.select(condition, order)):
            n_rows += len(rows)
            clocks = rows.beginnings(plan.day, CLOCK_BYTES) if plan.day >= 0 else np.zeros((len(rows), 0), np.uint8)
            lines = rows.lines(plan.changes)
            if request.forgotten.columns():
                kept = np.flatnonzero(~_is_forgotten(plan, request.forgotten, rows))
                clocks, lines = clocks[kept], [lines[row] for row in kept.tolist()]
            yield clocks, lines
        counted = self._count(plan, condition)
        if counted != n_rows:
            raise SourceUnavailableError(
                f"sources.{self._opening.source.name}.entities.{request.entity.name}: read {n_rows} rows where the same "
                f"snapshot counts {counted}; is every table InnoDB, and `query` the same each time? try again"
            )


def _changed(rows: Sequence[Row], changes: Mapping[int, _Change]) -> list[Row]:
    return [
        tuple(
            changes[place](value) if place in changes and value is not None else value
            for place, value in enumerate(row)
        )
        for row in rows
    ]


def _is_forgotten(plan: _Plan, forgotten: Forgotten, rows: Rows) -> npt.NDArray[np.bool_]:
    """(n_rows,) whether a row is of a forgotten person, whose key is known as it lands."""
    found = np.zeros(len(rows), dtype=bool)
    for place, (column, _) in enumerate(plan.columns):
        if column in forgotten.columns():
            values = rows.landing(place, plan.changes.get(place))
            gone = {value for value in set(values) if forgotten.holds(column, _text(value))}
            found |= np.fromiter((value in gone for value in values), dtype=bool, count=len(values))
    return found


def _to_number(value: bytes) -> bytes:
    return b"%d" % int.from_bytes(value, "big")


def _to_hex(value: bytes) -> bytes:
    return value.hex().encode()


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _texts(row: Row) -> tuple[str | None, ...]:
    return tuple(map(_text, row))


def _has_no_day(column: str) -> str:
    """True for what `DayOfText` gives no day: null, zero, before the year 1000, and days that no month has."""
    month_end = f"DAYOFMONTH(LAST_DAY(DATE_FORMAT({column}, '%Y-%m-01')))"
    return (
        f"{column} IS NULL OR {column} < '1000-01-01' OR MONTH({column}) = 0 OR DAYOFMONTH({column}) = 0 "
        f"OR (DAYOFMONTH({column}) > 28 AND DAYOFMONTH({column}) > {month_end})"
    )
