"""Fingerprints of landed days: what they looked like inside their source, to tell later whether they changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopmine.staging.database import Database
from shopmine.staging.leases import Lease
from shopmine.staging.tables_work import fingerprints as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A day's fingerprint, the question that it answers, and when the source was last asked."""

    fingerprint: str
    mapping_hash: str
    checked_at: datetime


def read_fingerprints(db: Database, shop: str, *, source: str, entity: str) -> dict[date, Fingerprint]:
    """The last fingerprint of each day of an entity."""
    columns = (table.c.day, table.c.fingerprint, table.c.mapping_hash, table.c.checked_at)
    wanted = sa.select(*columns).where(table.c.shop == shop, table.c.source == source, table.c.entity == entity)
    with db.snapshot() as connection:
        rows = connection.execute(wanted.order_by(table.c.day)).all()
    return {
        row.day: Fingerprint(fingerprint=row.fingerprint, mapping_hash=row.mapping_hash, checked_at=row.checked_at)
        for row in rows
    }


def write_fingerprints(
    db: Database, shop: str, *, source: str, entity: str, days: Mapping[date, Fingerprint], lease: Lease
) -> None:
    """Remember the fingerprints of days, after their rows have landed: never before, or a change could go unseen.

    Raises:
        LeaseLostError: another process took the lease over; nothing was written.
    """
    if not days:
        return
    rows = [
        {
            "shop": shop,
            "source": source,
            "entity": entity,
            "day": day,
            "fingerprint": found.fingerprint,
            "mapping_hash": found.mapping_hash,
            "checked_at": found.checked_at,
        }
        for day, found in sorted(days.items())
    ]
    note = insert(table)
    news = {name: note.excluded[name] for name in ("fingerprint", "mapping_hash", "checked_at")}
    keyed = note.on_conflict_do_update(index_elements=[*table.primary_key.columns], set_=news)
    with db.transaction() as connection:
        connection.execute(keyed, rows)
        lease.check(connection)
