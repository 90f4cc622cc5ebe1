"""Any database through SQLAlchemy: exact text of each value, one read-only snapshot, one day in memory.

PostgreSQL gives the text of its values itself and computes fingerprints of days. SQLite and others give values that are written
in their shortest exact form (`sql_values`); SQLite's fingerprints are made of the rows that are read.

A day's column is a date, a clock or an instant; in a database without such types a text like `2026-03-01 10:00:00`. Rows whose
day cannot be told are never part of a day; they are read apart, as NO_DAY.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from shopmine.collect import sql_postgresql
from shopmine.collect.copy_text import copy_lines
from shopmine.collect.day_shifts import day_shifts
from shopmine.collect.moments import DayOfText, OpenDays
from shopmine.collect.outside import Outside
from shopmine.collect.reading import Column, DayLines, Format, Opening, ReadRequest, Sample
from shopmine.collect.sql_names import SqlNames, plain_sql
from shopmine.collect.sql_session import SqlSession
from shopmine.collect.sql_values import bytes_of
from shopmine.collect.windows import day_ranges
from shopmine.config.days import NO_DAY, ONE_DAY, UTC_ZONE
from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.staging.lines import Lines

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from shopmine.config.entities import EntityConfig

_MARGIN: Final = timedelta(days=2)  # more than any two clocks are apart; the exact day is computed for each row
_NO_ROWS: Final = "0 0"
_WORD_BITS: Final = 8
_Row = Sequence[bytes | None]


@contextmanager
def open_reader(opening: Opening) -> Iterator[SqlReader]:
    """Connect and start the snapshot (see `reading.open_reader`)."""
    session = SqlSession(opening.connection)
    try:
        yield SqlReader(session, opening)
    finally:
        session.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A read made ready.

    Attributes:
        columns: as they land; `types`: their own; `given`: the expressions that give them.
        day: place of the day's column, -1: none; `sample_day`: one of its values, by which others than PostgreSQL tell its type.
    """

    origin: sa.TextClause
    where: sa.TextClause | None
    columns: tuple[Column, ...]
    types: tuple[str, ...]
    given: tuple[sa.ColumnClause[Any], ...]
    day: int
    day_column: str
    sample_day: Any

    def select(
        self, *given: sa.ColumnElement[Any], condition: sa.ColumnElement[bool] | sa.TextClause | None = None
    ) -> sa.Select[Any]:
        query = sa.select(*(given or self.given)).select_from(self.origin)
        query = query if self.where is None else query.where(self.where)
        return query if condition is None else query.where(condition)


class SqlReader:
    """An open database (see `reading.Reader`)."""

    format: Format = "copy"

    def __init__(self, session: SqlSession, opening: Opening) -> None:
        self._session, self._opening = session, opening
        self._names = SqlNames(session, opening)
        self._is_postgresql = session.dialect == "postgresql"
        self.notes: Sequence[str] = ()
        if not session.has_snapshot:
            self.notes = (f"{session.dialect} offers no snapshot: entities may be as of different moments",)

    def columns(self, entity: EntityConfig, names: tuple[str, ...]) -> tuple[Column, ...]:
        """Name and type of each value of a line (see `reading.Reader`)."""
        return self._plan(entity, names).columns

    def offered(self, entity: EntityConfig) -> Sequence[str]:
        """All columns of the table or query (see `reading.Reader`)."""
        return self._names.columns(entity)

    def read(self, request: ReadRequest) -> Iterator[DayLines]:
        """The wanted days in ascending order, then the rows without a day (see `reading.Reader`)."""
        plan = self._plan(request.entity, request.columns)
        if request.days is None:
            yield DayLines(day=None, lines=Lines(line for _, line in self._lines(plan, request, plan.select())))
            return
        for first, last in day_ranges(request.days):
            yield from self._days(plan, request, first, last)
        if request.with_no_day:
            day_of = self._day_of()
            rows = self._lines(plan, request, plan.select(condition=self._may_have_no_day(plan)))
            yield DayLines(day=NO_DAY, lines=[line for row, line in rows if day_of(row[plan.day]) is None])

    def fingerprints(
        self, entity: EntityConfig, names: tuple[str, ...], days: frozenset[date]
    ) -> Mapping[date, str] | None:
        """Number of rows and sum over them: PostgreSQL computes it, of SQLite's rows it is made here; others: not told."""
        plan = self._plan(entity, names)
        if self._is_postgresql:
            found = self._computed(plan, days)
        elif self._session.dialect == "sqlite":
            request = ReadRequest(entity=entity, columns=names, days=days)
            found = {read.day: _fingerprint(read.lines) for read in self.read(request) if read.day is not None}
        else:
            return None
        return {day: found.get(day, _NO_ROWS) for day in days}

    def outside(self, entity: EntityConfig, names: tuple[str, ...], first: date, last: date) -> Outside:
        """PostgreSQL counts them itself; of others the days of all rows near and beyond both ends are read."""
        plan = self._plan(entity, names)
        if self._is_postgresql:
            return Outside(
                n_before=self._count(plan, f"< date '{first}'", first, date(1000, 1, 2)),
                n_after=self._count(plan, f"> date '{last}'", last, last - _MARGIN),
            )
        day_of = self._day_of()
        column: sa.ColumnClause[Any] = sa.literal_column(plan.day_column)
        query = plan.select(column, condition=sa.not_(self._between(plan, first + 2 * _MARGIN, last - 2 * _MARGIN)))
        rows = (bytes_of(row[0]) for chunk in self._session.chunks(query) for row in chunk)
        days = [day for row in rows if (day := day_of(row)) is not None]
        return Outside(n_before=sum(day < first for day in days), n_after=sum(day > last for day in days))

    def _count(self, plan: _Plan, compared: str, edge: date, least: date) -> int:
        """Rows whose day compares so with a day; exact on both sides of it. `least` bounds the column for its index."""
        shifts = day_shifts(
            zone=self._zone(plan), shop_zone=self._opening.zone, first=edge - ONE_DAY, last=edge + ONE_DAY
        )
        day = sql_postgresql.day_expression(plan.day_column, plan.types[plan.day], shifts)
        known = f"{plan.day_column} >= date '{least}' AND {plan.day_column} <= date '9999-12-30'"
        most = f"{plan.day_column} < date '{edge + _MARGIN}'" if compared.startswith("<") else "TRUE"
        condition = plain_sql(f"({known} AND {most} AND ({day})::date {compared})")
        return int(self._session.rows(plan.select(sa.func.count(), condition=condition))[0][0])

    def sample(self, entity: EntityConfig, columns: Sequence[str], limit: int) -> Sample:
        """Some rows, their estimated number, days that cannot be told, and whether the table's own key is declared."""
        plan = self._plan(entity, tuple(columns))
        rows = self._landed(plan, self._session.rows(plan.select().limit(int(limit))), entity)
        problems = list(self._names.unknown_personal(entity))
        day_of = self._day_of()
        if plan.day >= 0 and rows and all(day_of(row[plan.day]) is None for row in rows):
            problems.append(
                f"sources.{self._opening.source.name}.entities.{entity.name}.day: no day can be told of {entity.day!r} in the "
                "first rows; use `query` and convert it there to a date or a text like 2026-03-01 10:00:00"
            )
        return Sample(
            columns=plan.columns,
            rows=[[None if v is None else v.decode("utf-8", "replace") for v in row] for row in rows],
            n_rows=self._names.estimated_rows(entity),
            problems=tuple(problems),
            hints=tuple(self._names.hints(entity)),
        )

    def _plan(self, entity: EntityConfig, names: tuple[str, ...]) -> _Plan:
        types = tuple(self._names.types(entity, names))
        origin, key = self._names.origin(entity), self._opening.key
        day = -1 if entity.day is None or entity.is_snapshot else names.index(entity.day)
        quoted = [self._session.quoted(name) for name in names]
        given = (
            [sql_postgresql.exact_text(c, kind) for c, kind in zip(quoted, types, strict=True)]
            if self._is_postgresql
            else quoted
        )
        plan = _Plan(
            origin=origin,
            where=None if entity.where is None else plain_sql(f"({entity.where})"),
            columns=tuple((n, key.type_of(entity, n, kind)) for n, kind in zip(names, types, strict=True)),
            types=types,
            given=tuple(sa.literal_column(text).label(f"c{i}") for i, text in enumerate(given)),  # type: ignore[misc]
            day=day,
            day_column=quoted[day] if day >= 0 else "",
            sample_day=self._sample_day(origin, quoted[day]) if day >= 0 and not self._is_postgresql else None,
        )
        self._check_day(entity, plan)
        return plan

    def _sample_day(self, origin: sa.TextClause, column: str) -> Any:
        if self._session.dialect == "sqlite":
            return ""
        query: sa.Select[Any] = (
            sa.select(sa.literal_column(column)).select_from(origin).where(plain_sql(f"{column} IS NOT NULL"))
        )
        found = self._session.rows(query.limit(1))
        return found[0][0] if found else ""

    def _check_day(self, entity: EntityConfig, plan: _Plan) -> None:
        if plan.day < 0:
            return
        is_right = (
            plan.types[plan.day] in sql_postgresql.DAY_TYPES
            if self._is_postgresql
            else isinstance(plan.sample_day, date | str)
        )
        if not is_right:
            raise ConfigError(
                f"sources.{self._opening.source.name}.entities.{entity.name}.day: column {entity.day!r} is "
                f"{plan.types[plan.day]}, not a date or time; use `query` and convert it there, like to_timestamp(…)"
            )

    def _zone(self, plan: _Plan) -> ZoneInfo:
        """The zone of the clock that the day's column reads."""
        return UTC_ZONE if plan.types[plan.day] == "timestamptz" else self._opening.source.zone

    def _day_of(self) -> Callable[[bytes | None], date | None]:
        known = DayOfText(zone=self._opening.source.zone, shop_zone=self._opening.zone)

        def day_of(text: bytes | None) -> date | None:
            # Blanks before a text would put it outside of the bounds by which the database is asked.
            return None if text is None or text[:1].isspace() else known(text.decode("utf-8", "replace"))

        return day_of

    def _days(self, plan: _Plan, request: ReadRequest, first: date, last: date) -> Iterator[DayLines]:
        """The days of one range. Texts with different offsets can be days apart from their order."""
        wanted, day_of = request.days or frozenset(), self._day_of()
        query = plan.select(condition=self._between(plan, first, last)).order_by(sa.literal_column(plan.day_column))
        open_days, newest = OpenDays(), first
        slack = timedelta() if self._is_postgresql else 3 * ONE_DAY
        for row, line in self._lines(plan, request, query):
            day = day_of(row[plan.day])
            if day is not None and day in wanted and first <= day <= last:
                open_days.add(day, [line])
                if day > newest:
                    newest = day
                    for done, its_lines in open_days.take_complete(newest - slack):
                        yield DayLines(day=done, lines=its_lines)
        for rest, its_lines in open_days.take_complete(None):
            yield DayLines(day=rest, lines=its_lines)

    def _between(self, plan: _Plan, first: date, last: date) -> sa.ColumnElement[bool]:
        """Bounds on the day's column that hold at least all rows of these days, for the source's index to use."""
        column: sa.ColumnClause[Any] = sa.literal_column(plan.day_column)
        low, high = datetime.combine(first, time()) - _MARGIN, datetime.combine(last + ONE_DAY, time()) + _MARGIN
        if self._is_postgresql:
            cast = {"date": "date", "datetime": "timestamp"}.get(plan.types[plan.day], "timestamptz")
            start, end = (
                f"{plan.day_column} {sign} {cast} '{at:%Y-%m-%d %H:%M:%S}'" for sign, at in ((">=", low), ("<", high))
            )
            return sa.and_(plain_sql(start), plain_sql(end))
        if isinstance(plan.sample_day, datetime):
            return sa.and_(column >= low, column < high)
        if isinstance(plan.sample_day, date):
            return sa.and_(column >= low.date(), column < high.date())
        return sa.and_(column >= low.date().isoformat(), column < high.date().isoformat())

    def _may_have_no_day(self, plan: _Plan) -> sa.TextClause | None:
        """What PostgreSQL's types leave: nulls, infinity, years that the text form has other digits for; None: look at all."""
        if not self._is_postgresql:
            return None
        column = plan.day_column
        return plain_sql(f"({column} IS NULL OR {column} < date '1000-01-02' OR {column} > date '9999-12-30')")

    def _computed(self, plan: _Plan, days: frozenset[date]) -> dict[date, str]:
        """By one query of PostgreSQL."""
        ranges = day_ranges(days)
        shifts = day_shifts(
            zone=self._zone(plan),
            shop_zone=self._opening.zone,
            first=ranges[0][0] - ONE_DAY,
            last=ranges[-1][1] + ONE_DAY,
        )
        day = sql_postgresql.day_expression(plan.day_column, plan.types[plan.day], shifts)
        total = sql_postgresql.row_sum([self._session.quoted(name) for name, _ in plan.columns])
        told: list[sa.ColumnElement[Any]] = [
            sa.literal_column(text) for text in (f"({day})::date::text", "COUNT(*)", f"({total})::text")
        ]
        condition = sa.or_(*(self._between(plan, first, last) for first, last in ranges))
        query = plan.select(*told, condition=condition).group_by(sa.literal_column("1"))
        return {date.fromisoformat(text): f"{n} {its_sum}" for text, n, its_sum in self._session.rows(query)}

    def _lines(self, plan: _Plan, request: ReadRequest, query: sa.Select[Any]) -> Iterator[tuple[_Row, bytes]]:
        """Rows as they land with their lines; at the end the source's own count must be the same."""
        names = [name for name, _ in plan.columns]
        persons = [(names.index(column), column) for column in request.forgotten.columns()]
        n_rows = 0
        for chunk in self._session.chunks(query):
            n_rows += len(chunk)
            rows = self._landed(plan, chunk, request.entity)
            if persons:
                rows = [row for row in rows if not any(request.forgotten.holds(c, _text(row[i])) for i, c in persons)]
            yield from zip(rows, copy_lines(rows), strict=True)
        counting = sa.select(sa.func.count()).select_from(query.order_by(None).subquery())
        counted = int(self._session.rows(counting)[0][0])
        if counted != n_rows:
            raise SourceUnavailableError(
                f"sources.{self._opening.source.name}.entities.{request.entity.name}: read {n_rows} rows where the "
                f"source counts {counted}; is `query` the same each time? try again"
            )

    def _landed(self, plan: _Plan, rows: Sequence[Sequence[Any]], entity: EntityConfig) -> list[_Row]:
        """The values' texts, treated where they are personal."""
        if not rows:
            return []
        columns: list[Sequence[bytes | None]] = [[bytes_of(v) for v in values] for values in zip(*rows, strict=True)]
        for place, (name, _) in enumerate(plan.columns):
            treat = self._opening.key.treatment(entity, name)
            if treat is not None:
                columns[place] = [
                    None if v is None else treat(v.decode("utf-8", "backslashreplace")).encode() for v in columns[place]
                ]
        return list(zip(*columns, strict=True))


def _fingerprint(lines: Collection[bytes]) -> str:
    words = (int.from_bytes(hashlib.sha256(line).digest()[:_WORD_BITS]) for line in lines)
    return f"{len(lines)} {sum(words)}"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
