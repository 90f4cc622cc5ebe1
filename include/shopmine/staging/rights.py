"""Rights of persons: recorded once, never travelling in time; the views hide whom they name from then on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopmine.config.canonical import RIGHT_KINDS
from shopmine.errors import ConfigError, DataError
from shopmine.staging.database import Database
from shopmine.staging.tables_work import rights

DELETION: Final = "deletion"
_HASHED: Final = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What a customer asked for, and when: no_personalisation, no_profiling or deletion."""

    shop: str
    customer: str
    kind: str
    at: datetime


def tombstone(shop: str, customer: str) -> str:
    """What is kept of the key of a person who was deleted: enough to know it again, not to tell it."""
    return _HASHED + hashlib.sha256(f"{shop}\0{customer}".encode()).hexdigest()


def is_tombstone(key: str) -> bool:
    """Whether what stands for a person's key in the rights is only its hash."""
    return key.startswith(_HASHED)


def deleted_persons(db: Database, shop: str) -> frozenset[str]:
    """The tombstones of all persons of a shop with a right to deletion, also of those whose rows are still being removed."""
    keys = (right.customer for right in list_rights(db, shop, kinds=[DELETION]))
    return frozenset(key if is_tombstone(key) else tombstone(shop, key) for key in keys)


def bury(connection: sa.Connection, shop: str, customer: str) -> None:
    """Put the tombstone into the place of a person's rights, once nothing else of the person is left."""
    is_person = (rights.c.shop == shop) & (rights.c.customer == customer)
    at = sa.select(sa.func.min(rights.c.at)).where(is_person, rights.c.kind == DELETION)
    note = insert(rights).values(shop=shop, customer=tombstone(shop, customer), kind=DELETION)
    since = sa.func.coalesce(at.scalar_subquery(), sa.func.clock_timestamp())
    connection.execute(note.values(at=since).on_conflict_do_nothing())
    connection.execute(sa.delete(rights).where(is_person))


def record_right(db: Database, shop: str, customer: str, kind: str) -> Right:
    """Note a right; it holds at once in every view. Twice is once: the first date stays.

    Args:
        db: the staging database.
        shop: whose customer.
        customer: the key as stored (hashed where the shop's file says so).
        kind: no_personalisation (no recommendations, not in audiences), no_profiling (also no profile) or deletion.

    Raises:
        ConfigError: there is no such kind.
    """
    if kind not in RIGHT_KINDS:
        raise ConfigError(f"{kind!r} is no kind of right; there are {', '.join(RIGHT_KINDS)}")
    named = (rights.c.shop == shop, rights.c.customer == customer, rights.c.kind == kind)
    with db.transaction() as connection:
        note = insert(rights).values(shop=shop, customer=customer, kind=kind, at=sa.func.clock_timestamp())
        connection.execute(note.on_conflict_do_nothing())
        at = connection.execute(sa.select(rights.c.at).where(*named)).scalar_one()
    return Right(shop=shop, customer=customer, kind=kind, at=at)


def list_rights(db: Database, shop: str, *, kinds: Sequence[str] = RIGHT_KINDS) -> list[Right]:
    """The rights recorded for a shop's customers, by customer and kind."""
    wanted = sa.select(rights).where(rights.c.shop == shop, rights.c.kind.in_([*kinds]))
    with db.snapshot() as connection:
        rows = connection.execute(wanted.order_by(rights.c.customer, rights.c.kind)).all()
    return [Right(shop=row.shop, customer=row.customer, kind=row.kind, at=row.at) for row in rows]


def record_consents(connection: sa.Connection, shop: str, consents: pa.Table) -> None:
    """Take over the consents that a source keeps, in the caller's transaction.

    Args:
        connection: in a transaction.
        shop: whose.
        consents: (n_rows, 3+) `customer`, `kind`, `at`.

    Raises:
        DataError: a kind is unknown.
    """
    rows = consents.select(["customer", "kind", "at"]).to_pylist()
    if unknown := sorted({str(row["kind"]) for row in rows} - set(RIGHT_KINDS)):
        raise DataError(f"consents have the kinds {unknown}; map them to {', '.join(RIGHT_KINDS)} in the shop's file")
    if rows:
        note = insert(rights).on_conflict_do_nothing()
        connection.execute(note, [{"shop": shop, **row} for row in rows])
