"""Batches keep what a source said, exactly, once, and the later word wins."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopmine.errors import DataError, NotFoundError
from shopmine.staging.batches import BatchColumn, land_batches, newest_batches, read_lines
from shopmine.staging.database import Database
from shopmine.staging.leases import Lease

LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"\\n")), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(lines=LINES, random=st.randoms(use_true_random=False))
def test_lines_come_back_sorted_and_landing_twice_is_landing_once(
    staging: Database, lease: Lease, draft, lines: list[bytes], random: object
) -> None:
    with staging.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM raw.batches")
    shuffled = [*lines]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    (first,) = land_batches(staging, shop="shop", drafts=[draft(1, lines)], lease=lease)
    (again,) = land_batches(staging, shop="shop", drafts=[draft(1, shuffled, known=9)], lease=lease)
    assert first.is_new
    assert not again.is_new
    assert again.batch == first.batch
    assert read_lines(staging, first.batch) == sorted(lines)


def test_an_empty_day_is_a_batch_and_differs_from_a_day_with_an_empty_line(
    staging: Database, lease: Lease, draft
) -> None:
    landed = land_batches(
        staging, shop="shop", drafts=[draft(1, []), draft(2, [b""]), draft(3, [b"", b""])], lease=lease
    )
    assert [entry.n_rows for entry in landed] == [0, 1, 2]
    batches = newest_batches(staging, "shop")
    assert [read_lines(staging, batch) for batch in batches] == [[], [b""], [b"", b""]]
    assert len({batch.content_hash for batch in batches}) == 3


def test_other_rows_other_columns_and_rows_that_come_back_make_new_batches(
    staging: Database, lease: Lease, draft
) -> None:
    other_column = replace(draft(1, [b"a"], known=4), columns=[BatchColumn(name="line", type="varchar")])
    drafts = [draft(1, [b"a"], known=1), draft(1, [b"b"], known=2), draft(1, [b"a"], known=3), other_column]
    landed = [land_batches(staging, shop="shop", drafts=[each], lease=lease)[0] for each in drafts]
    assert [entry.is_new for entry in landed] == [True] * 4
    assert [batch.batch for batch in newest_batches(staging, "shop")] == [landed[-1].batch]


def test_the_later_snapshot_wins_not_the_later_commit(staging: Database, lease: Lease, draft) -> None:
    (later,) = land_batches(staging, shop="shop", drafts=[draft(1, [b"new"], known=9)], lease=lease)
    (earlier,) = land_batches(staging, shop="shop", drafts=[draft(1, [b"old"], known=2)], lease=lease)
    assert [batch.batch for batch in newest_batches(staging, "shop")] == [later.batch]
    known_then = newest_batches(staging, "shop", known_at=datetime(2020, 1, 5, tzinfo=UTC))
    assert [batch.batch for batch in known_then] == [earlier.batch]


def test_batches_are_found_by_source_entity_and_day(staging: Database, lease: Lease, draft) -> None:
    drafts = [draft(1, entity="orders"), draft(2, entity="orders"), draft(1, entity="reviews")]
    land_batches(staging, shop="shop", drafts=drafts, lease=lease)
    land_batches(staging, shop="other", drafts=[draft(1)], lease=lease)
    assert [(b.entity, b.day.day) for b in newest_batches(staging, "shop")] == [
        ("orders", 1),
        ("orders", 2),
        ("reviews", 1),
    ]
    found = newest_batches(staging, "shop", source="store", entity="orders", until=date(2020, 1, 1))
    assert [(batch.entity, batch.day.day) for batch in found] == [("orders", 1)]


def test_a_list_of_drafts_is_landed_whole_or_not_at_all(staging: Database, lease: Lease, draft) -> None:
    with pytest.raises(DataError, match=r"a line of store.order_lines for 2020-01-02 holds a newline"):
        land_batches(staging, shop="shop", drafts=[draft(1, [b"a"]), draft(2, [b"a\nb"])], lease=lease)
    assert newest_batches(staging, "shop") == []


def test_a_draft_without_a_time_zone_is_refused(staging: Database, lease: Lease, draft) -> None:
    naive = replace(draft(1), known_at=datetime(2020, 1, 1))  # noqa: DTZ001 - the point of the test
    with pytest.raises(DataError, match="has no time zone"):
        land_batches(staging, shop="shop", drafts=[naive], lease=lease)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE raw.chunks SET data = set_byte(data, 20, get_byte(data, 20) # 1) WHERE position = 0",
        "UPDATE raw.chunks SET data = '' WHERE position = 0",
        "DELETE FROM raw.chunks WHERE position = 1",
        "UPDATE raw.batches SET n_rows = n_rows + 1",
        "UPDATE raw.batches SET columns = '[]'",
    ],
)
def test_damaged_bytes_are_noticed(staging: Database, lease: Lease, draft, damage: str) -> None:
    import random

    noise = [random.Random(n).randbytes(300_000).replace(b"\n", b"") for n in range(8)]
    (landed,) = land_batches(staging, shop="shop", drafts=[draft(1, noise)], lease=lease)
    assert read_lines(staging, landed.batch) == sorted(noise)
    with staging.transaction() as connection:
        connection.execute(sa.text(damage))
    with pytest.raises(DataError, match=rf"batch {landed.batch} \(store.order_lines of 2020-01-01\) is damaged"):
        read_lines(staging, landed.batch)


def test_a_batch_that_is_not_there_is_named(staging: Database) -> None:
    with pytest.raises(NotFoundError, match=r"there are no batches \[7\]"):
        read_lines(staging, 7)
