"""Rights of persons: kinds, consents that a source keeps, and deletion in the clean views."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
import sqlalchemy as sa

from shopmine.errors import ConfigError, DataError
from shopmine.staging.batches import land_batches
from shopmine.staging.database import Database
from shopmine.staging.facts import Counts, Preparation, write_preparations
from shopmine.staging.leases import Lease
from shopmine.staging.rights import list_rights, record_right

AT = datetime(2020, 1, 1, tzinfo=UTC)
NOTHING = pa.table({"row_key": pa.array([], pa.string()), "reason": pa.array([], pa.string())})


def prepare(staging: Database, lease: Lease, landed: int, entity: str, frame: pa.Table) -> None:
    n = frame.num_rows
    prepared = Preparation(
        batch=landed,
        source="store",
        entity=entity,
        day=date(2020, 1, 1),
        rules="r1",
        counts=Counts(read=n, expanded=n, kept=n, quarantined=0, duplicates=0),
        tables={entity: frame},
        quarantine=NOTHING,
    )
    write_preparations(staging, shop="shop", preparations=[prepared], lease=lease)


def consents(kinds: list[str]) -> pa.Table:
    at = pa.array([AT] * len(kinds), pa.timestamp("us", tz="UTC"))
    return pa.table({"customer": ["ann"] * len(kinds), "kind": kinds, "at": at})


def test_consents_of_a_source_hold_from_the_moment_they_are_prepared(staging: Database, lease: Lease, draft) -> None:
    drafts = [draft(1, [b"c"], entity="consents"), draft(1, [b"r"], entity="reviews")]
    numbers = [landed.batch for landed in land_batches(staging, shop="shop", drafts=drafts, lease=lease)]
    at = pa.array([AT] * 2, pa.timestamp("us", tz="UTC"))
    prepare(
        staging, lease, numbers[1], "reviews", pa.table({"review_id": ["1", "2"], "customer": ["ann", None], "at": at})
    )
    with staging.snapshot() as connection:
        assert len(connection.execute(sa.text("SELECT 1 FROM clean.reviews")).all()) == 2
    prepare(staging, lease, numbers[0], "consents", consents(["no_profiling", "deletion"]))
    assert [(right.customer, right.kind, right.at) for right in list_rights(staging, "shop")] == [
        ("ann", "deletion", AT),
        ("ann", "no_profiling", AT),
    ]
    with staging.snapshot() as connection:
        assert connection.execute(sa.text("SELECT customer FROM clean.reviews")).all() == [(None,)]


def test_unknown_kinds_are_refused(staging: Database, lease: Lease, draft) -> None:
    with pytest.raises(
        ConfigError, match="'silence' is no kind of right; there are no_personalisation, no_profiling, deletion"
    ):
        record_right(staging, "shop", "ann", "silence")
    (landed,) = land_batches(staging, shop="shop", drafts=[draft(1, [b"c"], entity="consents")], lease=lease)
    with pytest.raises(DataError, match=r"consents have the kinds \['silence'\]; map them to"):
        prepare(staging, lease, landed.batch, "consents", consents(["silence"]))
    assert list_rights(staging, "shop") == []
