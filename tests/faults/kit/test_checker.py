"""The checker itself: each invariant, broken on purpose, is reported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from shopmine.drill.invariants import Ended, check
from shopmine.drill.observing import Sight
from shopmine.drill.readers import FILES, PUBLISHED, History, torn_reads

if TYPE_CHECKING:
    from shopmine.drill.experiments import Drill

BROKEN = {
    "I2: a batch landed twice": "INSERT INTO raw.batches (shop, source, entity, day, known_at, known_at_assumed, content_hash,"
    " n_rows, n_bytes, columns, format) SELECT shop, source, entity, day, known_at + interval '1 s', known_at_assumed,"
    " content_hash, n_rows, n_bytes, columns, format FROM raw.batches ORDER BY batch LIMIT 1",
    "I2: a release made twice": "INSERT INTO work.releases (release, shop, day, run, key, content_hash, n_rows, state)"
    " SELECT release + 1, shop, day, run, 'other', content_hash, n_rows, state FROM work.releases ORDER BY release DESC LIMIT 1",
    "I2: published.metrics has rows of no release": "INSERT INTO published.stored_metrics (shop, release, model, metric, value,"
    " day) VALUES ('drill', 99, 'm', 'm', 1, '2025-06-30')",
    "I3: clean.payments": "UPDATE clean.all_payments SET method = 'another'",
    "I3: artifacts": "UPDATE work.artifacts SET content_hash = 'other' WHERE name = 'segments.fit'",
    "I4: order_lines: the source has": "DELETE FROM clean.preparations WHERE entity = 'order_lines' AND day = '2025-06-10'",
    "I5: a run of 2025-06-30 reads": "UPDATE raw.batches SET day = '2025-07-01' WHERE entity = 'payments' AND day = '2025-06-30'",
    "I6: payments: the source adds up": "UPDATE clean.all_payments SET amount = amount + 1",
    "I6: the release says": "UPDATE published.stored_statistics SET value = value + 1 WHERE metric = 'net_revenue'",
    "I7: somebody deleted is in customers": "UPDATE published.stored_customers SET customer = (SELECT customer FROM work.rights"
    " WHERE kind = 'deletion') WHERE release = (SELECT max(release) FROM work.releases) AND customer ="
    " (SELECT min(customer) FROM published.customers)",
    "I8: leases are left": "UPDATE work.leases SET expires_at = clock_timestamp() + interval '1 h'",
    "I8: runs that run are left": "UPDATE work.runs SET state = 'running'",
}


@pytest.fixture
def ended(drill: Drill) -> Iterator[Ended]:
    """A copy of the database in which all went well, to be broken."""
    name = drill.scratch.copy_staging("broken", of=drill.finished)
    db = drill.scratch.database(name)
    yield Ended(scratch=drill.scratch, db=db, persons=drill.persons, without_fault=drill.without_fault)
    db.close()
    drill.scratch.drop_staging(name)


@pytest.mark.slow
def test_a_day_without_a_fault_is_clean(ended: Ended) -> None:
    assert check(ended) == []


@pytest.mark.slow
@pytest.mark.parametrize("told", BROKEN)
def test_what_is_broken_is_told(ended: Ended, told: str) -> None:
    with ended.db.transaction() as connection:
        connection.exec_driver_sql(BROKEN[told])
    assert [line for line in check(ended) if line.startswith(told)]


@pytest.mark.slow
def test_an_open_transaction_and_half_written_files_are_told(ended: Ended) -> None:
    (ended.scratch.sink_folder / ".shopmine_new-x").mkdir()
    with ended.db.transaction() as connection:
        connection.exec_driver_sql("SELECT 1")
        found = check(ended)
    (ended.scratch.sink_folder / ".shopmine_new-x").rmdir()
    assert [line.partition(" left")[0] for line in found if line.startswith("I8")] == [
        "I8: open transactions are",
        "I8: half-written tables are",
    ]


EXPECTED = {
    reader: {"2025-06-29": {"a": "old", "b": "old"}, "2025-06-30": {"a": "new", "b": "new"}}
    for reader in (PUBLISHED, FILES)
}


@pytest.mark.parametrize(
    ("reader", "sights", "told"),
    [
        (PUBLISHED, [("2025-06-29", "old", "old"), ("2025-06-30", "new", "new")], []),
        (PUBLISHED, [("2025-06-29", "old", "new")], ["b is not that of the release"]),
        (PUBLISHED, [("2025-06-28", "old", "old")], ["no release of that day is expected"]),
        (PUBLISHED, [("2025-06-30", "new", "new"), ("2025-06-29", "old", "old")], ["went back"]),
        (FILES, [("2025-06-29", "old", "new"), ("2025-06-30", "new", "new")], []),
        (FILES, [("2025-06-30", "new", "old")], ["b is not that of the release"]),
    ],
)
def test_torn_reads_are_told(reader: str, sights: list[tuple[str, str, str]], told: list[str]) -> None:
    seen = [Sight(day=day, content={"a": a, "b": b}) for day, a, b in sights]
    found = torn_reads(History(sights={reader: seen}), EXPECTED)
    assert len(found) == len(told)
    assert all(part in line for part, line in zip(told, found, strict=True))
