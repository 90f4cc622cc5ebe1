"""Reads what is published about one customer, product or segment, for the API and the commands.

Everything is read through the views `published.all_…`, which hide whom rights hide, also in older releases. A caller
finds the release and reads it inside one `Database.snapshot`, so that all rows are of the same moment.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from shopmine.columns import CUSTOMER, DAY, PRODUCT, SHOP
from shopmine.errors import NotFoundError
from shopmine.staging.tables_clean import ENTITY_TABLES
from shopmine.staging.tables_published import PUBLISHED

RELEASE: Final = "release"
_N_CANDIDATES: Final = 50_000

_releases = sa.table(
    "releases",
    *(sa.column(name) for name in (SHOP, RELEASE, DAY, "known_at", "created_at", "is_current", "state", "run")),
    sa.column("content_hash"),
    schema="published",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRelease:
    """One row of `published.releases`."""

    shop: str
    release: int
    day: date
    known_at: datetime | None
    created_at: datetime
    is_current: bool
    state: str
    run: int
    content_hash: str


def find_release(
    connection: sa.Connection, shop: str, *, release: int | None = None, day: date | None = None
) -> PublishedRelease:
    """The release with this number, else the newest one of this day, else the current one.

    Raises:
        NotFoundError: there is none; the message says which there are.
    """
    query = sa.select(_releases).where(_releases.c.shop == shop)
    if release is not None:
        query = query.where(_releases.c.release == release)
    elif day is not None:
        query = query.where(_releases.c.day == day)
    else:
        query = query.where(_releases.c.is_current)
    row = connection.execute(query.order_by(_releases.c.release.desc()).limit(1)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(_no_release(connection, shop, release, day))
    return PublishedRelease(**row)


def _no_release(connection: sa.Connection, shop: str, release: int | None, day: date | None) -> str:
    query = sa.select(_releases.c.release, _releases.c.day).where(_releases.c.shop == shop)
    known = connection.execute(query.order_by(_releases.c.release.desc()).limit(10)).all()
    asked = f"release {release}" if release is not None else f"release of {day}" if day else "current release"
    if not known:
        return f"shop {shop!r} has no release at all; make one with ./shopmine run {shop} DAY"
    newest = ", ".join(f"{row.release} ({row.day})" for row in known)
    return f"shop {shop!r} has no {asked}; the newest are {newest} (./shopmine releases {shop} lists all)"


def read_rows(
    connection: sa.Connection, at: PublishedRelease, table: str, *, limit: int | None = None, **equal: object
) -> list[dict[str, Any]]:
    """Rows of a published table in one release, in the order of its key.

    Args:
        connection: in a snapshot.
        at: the release.
        table: as users call it.
        limit: at most so many rows.
        equal: values that columns must have.

    Returns:
        Rows without `shop` and `release`.
    """
    entry = PUBLISHED[table]
    columns = [sa.column(column.name, column.type) for column in entry.shown_columns]
    view = sa.table(f"all_{table}", sa.column(SHOP), sa.column(RELEASE), *columns, schema="published")
    query = sa.select(*(view.c[column.name] for column in columns))
    query = query.where(view.c.shop == at.shop, view.c.release == at.release)
    for name, value in equal.items():
        query = query.where(view.c[name] == value)
    query = query.order_by(*(view.c[name] for name in entry.key)).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def read_entity(
    connection: sa.Connection, shop: str, entity: str, *, limit: int | None = None, **equal: object
) -> list[dict[str, Any]]:
    """Rows of a canonical entity as now known, by the values of some columns."""
    table = ENTITY_TABLES[entity]
    columns = [column for column in table.columns if column.name not in {"shop", "batch", "preparation"}]
    view = sa.table(
        entity, sa.column(SHOP), *(sa.column(column.name, column.type) for column in columns), schema="clean"
    )
    query = sa.select(*(view.c[column.name] for column in columns)).where(view.c.shop == shop)
    for name, value in equal.items():
        query = query.where(view.c[name] == value)
    query = query.limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def product_names(connection: sa.Connection, shop: str, products: Sequence[str]) -> dict[str, str]:
    """Product -> its name as now known, for those that have one."""
    view = sa.table("products", sa.column(SHOP), sa.column(PRODUCT), sa.column("name"), schema="clean")
    query = sa.select(view.c.product, view.c.name).where(
        view.c.shop == shop, view.c.product.in_(list(products)), view.c.name.is_not(None)
    )
    return {row.product: row.name for row in connection.execute(query)}


def read_customer(connection: sa.Connection, at: PublishedRelease, customer: str) -> dict[str, Any]:
    """The profile of a customer.

    Raises:
        NotFoundError: the release has no such customer (or may not show it); near ids are named.
    """
    return _one(connection, at, "customers", CUSTOMER, customer)


def read_segment(connection: sa.Connection, at: PublishedRelease, segment: str) -> dict[str, Any]:
    """One segment.

    Raises:
        NotFoundError: the release has no such segment; near ids are named.
    """
    return _one(connection, at, "segments", "segment", segment)


def read_product(connection: sa.Connection, at: PublishedRelease, product: str) -> dict[str, Any]:
    """A product as now known; if no `products` are mapped, one that is only recommended or sold, by its id.

    Raises:
        NotFoundError: nothing knows this product; near ids are named.
    """
    if known := read_entity(connection, at.shop, "products", product=product):
        return known[0]
    if any(
        read_rows(connection, at, name, limit=1, product=product) for name in ("similar_products", "recommendations")
    ):
        return {PRODUCT: product}
    view = sa.table("products", sa.column(SHOP), sa.column(PRODUCT), schema="clean")
    query = sa.select(view.c.product).where(view.c.shop == at.shop).limit(_N_CANDIDATES)
    near = _near(product, list(connection.execute(query).scalars()))
    raise NotFoundError(f"shop {at.shop!r} has no product {product!r}{near}")


def _one(connection: sa.Connection, at: PublishedRelease, table: str, column: str, value: str) -> dict[str, Any]:
    if found := read_rows(connection, at, table, limit=1, **{column: value}):
        return found[0]
    view = sa.table(f"all_{table}", sa.column(SHOP), sa.column(RELEASE), sa.column(column, sa.Text), schema="published")
    query = sa.select(view.c[column]).where(view.c.shop == at.shop, view.c.release == at.release)
    near = _near(value, list(connection.execute(query.limit(_N_CANDIDATES)).scalars()))
    raise NotFoundError(f"release {at.release} of {at.shop!r} ({at.day}) shows no {column} {value!r}{near}")


def _near(value: str, known: Sequence[str]) -> str:
    """The end of a message: up to three ids that look like it."""
    found = difflib.get_close_matches(value, known, n=3, cutoff=0.5)
    return f"; near ones are {', '.join(found)}" if found else ""
