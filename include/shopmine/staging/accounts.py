"""The account of every row of batches, as `prepare` wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from shopmine.staging.facts import Counts, Rules, version_of
from shopmine.staging.tables_clean import preparations

if TYPE_CHECKING:
    from shopmine.staging.batches import Batch
    from shopmine.staging.database import Database


def read_accounts(db: Database, batches: Sequence[Batch], rules: Rules) -> dict[int, Counts]:
    """What became of the rows of these batches under these rules, by batch; batches not prepared so are left out."""
    table = preparations.c
    numbers = sa.literal([batch.batch for batch in batches], postgresql.ARRAY(sa.BigInteger))
    with db.snapshot() as connection:
        rows = connection.execute(sa.select(preparations).where(table.batch == sa.any_(numbers))).all()
    wanted = {(batch.batch, version_of(rules, batch)) for batch in batches}
    return {
        row.batch: Counts(
            read=row.read,
            expanded=row.expanded,
            kept=row.kept,
            quarantined=row.quarantined,
            duplicates=row.duplicates,
            filtered=row.filtered,
            discarded=row.discarded,
        )
        for row in rows
        if (row.batch, row.rules) in wanted
    }
