"""What preparation adds beside the facts: the calendar of a shop's country, and the unusual numbers of a day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopmine.staging.copying import copy_in
from shopmine.staging.tables_clean import all_calendar, all_outliers

if TYPE_CHECKING:
    from shopmine.staging.database import Database


def calendar_until(db: Database, shop: str, first: date, made_by: str) -> date | None:
    """The last day of a shop's calendar, if it begins on or before `first` and was made so; else None."""
    table = all_calendar.c
    ends = sa.select(sa.func.min(table.day), sa.func.max(table.day), sa.func.bool_and(table.made_by == made_by))
    with db.snapshot() as connection:
        begins, until, is_so = connection.execute(ends.where(table.shop == shop)).one()
    last: date | None = until if is_so and begins <= first else None
    return last


def write_calendar(db: Database, shop: str, calendar: pa.Table) -> None:
    """Write the days of a shop's calendar, over those that are there."""
    rows = [{"shop": shop, **row} for row in calendar.to_pylist()]
    with db.transaction() as connection:
        write = insert(all_calendar)
        own = {column.name: write.excluded[column.name] for column in all_calendar.columns if not column.primary_key}
        connection.execute(write.on_conflict_do_update(index_elements=["shop", "day"], set_=own), rows)


def write_outliers(db: Database, shop: str, day: date, outliers: pa.Table, artifact: int) -> None:
    """Let these be the unusual numbers of the day; those of another artifact are gone."""
    n_rows = len(outliers)
    placed = {
        "shop": pa.repeat(pa.scalar(shop), n_rows),
        "day": pa.repeat(pa.scalar(day, pa.date32()), n_rows),
        "artifact": pa.repeat(pa.scalar(artifact, pa.int64()), n_rows),
    }
    table = all_outliers.c
    with db.transaction() as connection:
        connection.execute(sa.delete(all_outliers).where(table.shop == shop, table.day == day))
        columns = {name: outliers.column(name) for name in outliers.column_names}
        copy_in(connection, all_outliers, pa.table({**placed, **columns}))
