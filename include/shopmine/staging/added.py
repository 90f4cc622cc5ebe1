"""What preparation adds beside the facts: the calendar of a shop's country, and the unusual numbers of a day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopmine.staging.copying import copy_in
from shopmine.staging.leases import hold_lease
from shopmine.staging.tables_clean import all_calendar, all_outliers

if TYPE_CHECKING:
    from shopmine.staging.database import Database

_WAIT_SECONDS: Final = 900.0


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


def show_outliers(db: Database, shop: str, day: date, outliers: pa.Table, artifact: int) -> None:
    """Let these be the unusual numbers of the day; those of another artifact are gone. Twice is once.

    Args:
        db: the staging database.
        shop: whose.
        day: of which day.
        outliers: `entity`, `column_name`, `row_key`, `value`, `low`, `high`.
        artifact: the checks that found them.

    Raises:
        LeaseLostError: another process took over; nothing was changed.
    """
    n_rows = len(outliers)
    if _shown(db, shop, day) == ({artifact} if n_rows else set(), n_rows):
        return
    placed = {
        "shop": pa.repeat(pa.scalar(shop), n_rows),
        "day": pa.repeat(pa.scalar(day, pa.date32()), n_rows),
        "artifact": pa.repeat(pa.scalar(artifact, pa.int64()), n_rows),
    }
    table = all_outliers.c
    columns = {name: outliers.column(name) for name in outliers.column_names}
    with hold_lease(db, f"{shop}/outliers", wait_seconds=_WAIT_SECONDS) as lease, db.transaction() as connection:
        connection.execute(sa.delete(all_outliers).where(table.shop == shop, table.day == day))
        copy_in(connection, all_outliers, pa.table({**placed, **columns}))
        lease.check(connection)


def _shown(db: Database, shop: str, day: date) -> tuple[set[int], int]:
    """The artifacts that the unusual numbers of a day are of, and how many numbers these are."""
    table = all_outliers.c
    with db.snapshot() as connection:
        counted = sa.select(table.artifact, sa.func.count()).where(table.shop == shop, table.day == day)
        found = {row[0]: int(row[1]) for row in connection.execute(counted.group_by(table.artifact))}
    return set(found), sum(found.values())
