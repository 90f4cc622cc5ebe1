"""Releases: one consistent set of results a day, visible at once, comparable, and brought back in one step."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopmine.errors import NotFoundError
from shopmine.faults import fault_point
from shopmine.staging.copying import copy_in, copy_out
from shopmine.staging.database import Database
from shopmine.staging.leases import Lease
from shopmine.staging.results import conform, published_table, result_schema, results_hash
from shopmine.staging.tables_published import PUBLISHED
from shopmine.staging.tables_work import pointers, release_number, releases, rights
from shopmine.staging.values import canonical_text

RELEASED: Final = "released"
WAITING: Final = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release.

    Attributes:
        known_at: as known then, or None: as known when it was made.
        key: names what it was made from.
        content_hash: over the result columns in a total order; equal for equal results.
        n_rows: rows of each table.
        state: `released`, or `waiting` for approve.
        is_redacted: a person was removed from it afterwards; `content_hash` is of what it was.
        is_current: the one that `published.<table>` shows.
    """

    release: int
    shop: str
    day: date
    known_at: datetime | None
    run: int
    key: str
    content_hash: str
    n_rows: Mapping[str, int]
    state: str
    created_at: datetime
    is_redacted: bool
    is_current: bool

    @property
    def rank(self) -> tuple[date, datetime]:
        """Releases become current in this order: a later day, then what was known later; now is later than any moment."""
        return _rank(self.day, self.known_at)


def publish_release(  # noqa: PLR0913 - the facts of a release, each named by the caller
    db: Database,
    *,
    shop: str,
    day: date,
    known_at: datetime | None,
    run: int,
    key: str,
    tables: Mapping[str, pa.Table],
    lease: Lease,
    is_newest: bool = True,
) -> Release:
    """Publish a set of results: all of it becomes visible in one moment, or nothing does.

    Everything is one transaction that only adds rows, so readers never wait, whatever they ask, and see the release
    with its pointer or neither. A failure at any moment leaves nothing behind.

    A release for an older day than the current one, or as known earlier than it, is kept and not made current. While
    the shop is pinned by a rollback it waits for `approve`. The same key for the same day is published once.

    Args:
        db: the staging database.
        shop: whose results.
        day: for which day.
        known_at: as known then; None: as now known.
        run: the run that made them.
        key: names what they were made from.
        tables: published table -> its rows, columns as published without `shop` and `release`; others stay empty.
        lease: the right to move the shop's pointer.
        is_newest: False keeps it without showing it: what is shown of the day was made from later facts.

    Raises:
        ConfigError: there is no published table of a name.
        DataError: a frame does not fit its table.
        LeaseLostError: another process took the lease over; nothing was published.
    """
    with db.snapshot() as connection:
        found = _find(connection, releases.c.shop == shop, releases.c.day == day, releases.c.key == key)
    if found is not None:
        return found
    conformed = {name: conform(name, tables[name]) for name in sorted(tables)}
    told: dict[str, Any] = {
        "shop": shop,
        "day": day,
        "known_at": known_at,
        "run": run,
        "key": key,
        "content_hash": results_hash(conformed),
        "n_rows": {name: frame.num_rows for name, frame in conformed.items()},
    }
    with db.transaction() as connection:
        number = connection.execute(sa.select(release_number.next_value())).scalar_one()
        for name, frame in conformed.items():
            copy_in(connection, PUBLISHED[name].table, _placed(frame, shop, number))
        lease.check(connection)
        _make_visible(connection, {**told, "release": number}, is_newest=is_newest)
        made = _one(connection, shop, number)
        fault_point("publish.before_commit")
    return made


def _placed(frame: pa.Table, shop: str, number: int) -> pa.Table:
    places = [pa.repeat(pa.scalar(shop), frame.num_rows), pa.repeat(pa.scalar(number, pa.int64()), frame.num_rows)]
    return pa.table([*places, *frame.columns], names=["shop", "release", *frame.column_names])


def _make_visible(connection: sa.Connection, told: Mapping[str, Any], *, is_newest: bool) -> None:
    shop, rank = told["shop"], _rank(told["day"], told["known_at"])
    current = _current(connection, shop)
    is_pinned = current is not None and _is_pinned(connection, shop)
    connection.execute(sa.insert(releases).values(state=WAITING if is_pinned else RELEASED, **told))
    fault_point("publish.before_pointer")
    if is_newest and not is_pinned and (current is None or current.rank <= rank):
        _point(connection, shop, told["release"], is_pinned=False)


def _rank(day: date, known_at: datetime | None) -> tuple[date, datetime]:
    return day, known_at or datetime.max.replace(tzinfo=UTC)


def _point(connection: sa.Connection, shop: str, number: int, *, is_pinned: bool) -> None:
    values = {"release": number, "is_pinned": is_pinned, "moved_at": sa.func.clock_timestamp()}
    move = insert(pointers).values(shop=shop, **values)
    connection.execute(move.on_conflict_do_update(index_elements=["shop"], set_=values))


def _is_pinned(connection: sa.Connection, shop: str) -> bool:
    return bool(connection.execute(sa.select(pointers.c.is_pinned).where(pointers.c.shop == shop)).scalar_one())


def list_releases(db: Database, shop: str) -> list[Release]:
    """The retained releases of a shop, newest first."""
    with db.snapshot() as connection:
        return _select(connection, releases.c.shop == shop)


def current_release(db: Database, shop: str) -> Release | None:
    """The release that the views show for a shop; None before the first."""
    with db.snapshot() as connection:
        return _current(connection, shop)


def is_pinned(db: Database, shop: str) -> bool:
    """Whether new releases of the shop wait for `approve`."""
    with db.snapshot() as connection:
        return _current(connection, shop) is not None and _is_pinned(connection, shop)


def find_release(db: Database, shop: str, release: int) -> Release:
    """A release of a shop by its number.

    Raises:
        NotFoundError: the shop has no such release.
    """
    with db.snapshot() as connection:
        return _one(connection, shop, release)


def set_current(db: Database, shop: str, release: int, *, pin: bool, lease: Lease) -> Release:
    """Show another release of the shop, in one step; with `pin` later releases wait for `approve`.

    Raises:
        NotFoundError: the shop has no such release.
        LeaseLostError: another process took the lease over; nothing was changed.
    """
    with db.transaction() as connection:
        lease.check(connection)
        _one(connection, shop, release)
        _point(connection, shop, release, is_pinned=pin)
        return _one(connection, shop, release)


def approve(db: Database, shop: str, release: int, lease: Lease) -> Release:
    """Show a release that waits (or any other) and let later ones become current again.

    Raises:
        NotFoundError: the shop has no such release.
        LeaseLostError: another process took the lease over; nothing was changed.
    """
    with db.transaction() as connection:
        lease.check(connection)
        _one(connection, shop, release)
        connection.execute(sa.update(releases).where(releases.c.release == release).values(state=RELEASED))
        _point(connection, shop, release, is_pinned=False)
        return _one(connection, shop, release)


def read_release(
    db: Database, release: int, table: str, schema: pa.Schema | None = None, **equal: str | int
) -> pa.Table:
    """The rows of a published table in one release, without those of persons who asked to be left out.

    Args:
        db: the staging database.
        release: its number.
        table: name of the published table.
        schema: wanted columns and types; default: all, exact numbers as decimal128(38, 18), JSON as text.
        equal: only rows with these values, by column.

    Returns:
        (n_rows, len(schema)), by the table's key.

    Raises:
        ConfigError: there is no such table.
        DataError: a value does not fit its type.
        NotFoundError: there is no such release.
    """
    entry = published_table(table)
    wanted = schema if schema is not None else result_schema(table)
    view = sa.table(
        f"all_{table}",
        sa.column("release"),
        *(sa.column(name) for name in {*wanted.names, *entry.key, *equal}),
        schema="published",
    )
    query = sa.select(*(view.c[name] for name in wanted.names)).where(view.c.release == release)
    query = query.where(*(view.c[name] == value for name, value in equal.items()))
    with db.snapshot() as connection:
        if _find(connection, releases.c.release == release) is None:
            raise NotFoundError(f"there is no release {release}; published.releases lists them")
        return copy_out(connection, query.order_by(*(view.c[name] for name in entry.key)), wanted)


def visible_rows(db: Database, release: Release, tables: Sequence[str]) -> tuple[dict[str, int], str]:
    """What decides the rows that `read_release` gives of a release: how many they are, and a digest of who is hidden.

    Args:
        db: the staging database.
        release: which.
        tables: names of published tables.

    Returns:
        Table -> number of rows; sha256 (hex) of the persons with a right and of which.

    Raises:
        ConfigError: there is no such table.
    """
    persons = sa.select(rights.c.customer, rights.c.kind).where(rights.c.shop == release.shop)
    with db.snapshot() as connection:
        hidden = sorted(map(list, connection.execute(persons).all()))
        counts = dict(release.n_rows)
        for table in tables:
            if published_table(table).hidden_by and (hidden or release.is_redacted):
                view = sa.table(f"all_{table}", sa.column("release"), schema="published")
                query = sa.select(sa.func.count()).select_from(view).where(view.c.release == release.release)
                counts[table] = connection.execute(query).scalar_one()
    return {table: counts.get(table, 0) for table in tables}, hashlib.sha256(
        canonical_text(hidden).encode()
    ).hexdigest()


def _select(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Release]:
    is_current = pointers.c.release.is_not(None).label("is_current")
    query = sa.select(releases, is_current).join_from(
        releases, pointers, pointers.c.release == releases.c.release, isouter=True
    )
    rows = connection.execute(query.where(*conditions).order_by(releases.c.release.desc()))
    return [Release(**row) for row in rows.mappings()]


def _find(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> Release | None:
    return next(iter(_select(connection, *conditions)), None)


def _current(connection: sa.Connection, shop: str) -> Release | None:
    return _find(connection, releases.c.shop == shop, pointers.c.release.is_not(None))


def _one(connection: sa.Connection, shop: str, number: int) -> Release:
    found = _find(connection, releases.c.shop == shop, releases.c.release == number)
    if found is None:
        raise NotFoundError(f"shop {shop!r} has no release {number}; ./shopmine releases {shop} lists them")
    return found
