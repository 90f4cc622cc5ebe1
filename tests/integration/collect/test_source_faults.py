"""Faults of a shop's databases, each with a clear outcome: late commits, changed columns, odd and huge values, a try to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
import sqlalchemy as sa

from shopmine.collect.mongodb_client import connect
from shopmine.collect.mysql_session import MysqlSession
from shopmine.collect.reading import Opening, ReadRequest, open_reader
from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.prepare.tasks import prepare
from shopmine.staging.batches import newest_batches, read_lines

if TYPE_CHECKING:
    from shopmine.config.connections import Connection
    from shopmine.config.shops import Shop
    from shopmine.staging.database import Database

Collect = Callable[..., dict[str, int]]
Execute = Callable[[str], None]
WriteShop = Callable[..., "Shop"]
MARCH_5 = date(2026, 3, 5)
HOSTILE = [
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE clean.orders; --",
    "<script>alert(1)</script>",
    "\\N",
    "a\tb\nc\\d",
    "{{7*7}}",
    "𝕏\u202e",
]
SOURCE = """
[sources.store]
kind = "{kind}"
connection = "shop_{connection}"
older_days = "daily"
[sources.store.entities.events]
{place} = "events"
day = "at"
key = ["no"]
fields = {{ event_id = "no", type = "what", at = "at" }}
attributes = {{ note = "note" }}
[sources.store.entities.events.rules]
short = {{ type = "(?s)^.{{1,40}}$" }}
"""
STATISTICS = """
[sources.store]
kind = "mysql"
connection = "shop_mysql"
[sources.store.entities.channel_stats]
table = "stats"
day = "at"
key = ["no"]
fields = { channel = { constant = "till" }, item = "no", metric = { constant = "visits" }, value = "what" }
"""
MYSQL = SOURCE.format(kind="mysql", connection="mysql", place="table")
MONGODB = SOURCE.format(kind="mongodb", connection="mongo", place="collection")
TABLE = "CREATE TABLE events (no INT PRIMARY KEY, at DATETIME, what TEXT, note TEXT) ENGINE=InnoDB"


@pytest.fixture
def other(mysql_database: Connection) -> Iterator[pymysql.cursors.Cursor]:
    """A second session, whose transaction is open until the test commits it."""
    client = pymysql.connect(
        host=mysql_database.host, port=mysql_database.port or 3306, user=mysql_database.user,
        password=mysql_database.password, database=mysql_database.database, charset="utf8mb4",
    )  # fmt: skip
    with client, client.cursor() as cursor:
        yield cursor


def landed(staging: Database, day: date = MARCH_5) -> list[int]:
    batches = [b for b in newest_batches(staging, "shop", entity="events") if b.day == day]
    return sorted(int(line.split(b"\t")[0]) for batch in batches for line in read_lines(staging, batch))


def prepared(staging: Database, entity: str = "events") -> dict[str, int]:
    with staging.snapshot() as connection:
        run = connection.execute(sa.text("SELECT max(run) FROM work.runs")).scalar_one()
    return dict(prepare(staging, run)["entities"][f"store.{entity}"])


@pytest.mark.parametrize("read_on", [6, 20], ids=["within the last days", "long ago"])
def test_a_row_that_is_committed_late_below_the_highest_time_seen_is_not_lost(
    read_on: int,
    staging: Database,
    collect: Collect,
    execute: Execute,
    write_shop: WriteShop,
    other: pymysql.cursors.Cursor,
) -> None:
    write_shop(MYSQL)
    execute(TABLE)
    other.execute("INSERT INTO events VALUES (1, '2026-03-05 10:00:00', 'view', NULL)")
    execute("INSERT INTO events VALUES (2, '2026-03-05 12:00:00', 'view', NULL)")
    collect(read_on)
    assert landed(staging) == [2]
    other.connection.commit()
    collect(read_on + 1)
    assert landed(staging) == [1, 2]


def test_what_is_committed_while_the_source_is_read_is_in_the_next_reading(
    staging: Database, collect: Collect, execute: Execute, write_shop: WriteShop, opening: Callable[..., Opening],
    mysql_database: Connection, other: pymysql.cursors.Cursor,
) -> None:  # fmt: skip
    shop = write_shop(MYSQL)
    execute(TABLE)
    execute("INSERT INTO events VALUES (2, '2026-03-05 12:00:00', 'view', NULL)")
    other.execute("INSERT INTO events VALUES (1, '2026-03-05 10:00:00', 'view', NULL)")
    opened = opening(shop, mysql_database)
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        other.connection.commit()
        request = ReadRequest(entity=entity, columns=tuple(opened.source.columns("events")), days=frozenset({MARCH_5}))
        (day,) = reader.read(request)
        assert [line.split(b"\t")[0] for line in day.lines] == [b"2"], "as of the moment at which the reading began"
    collect(6)
    assert landed(staging) == [1, 2]


def test_a_dropped_column_is_named_and_what_had_landed_stays(
    staging: Database, collect: Collect, execute: Execute, write_shop: WriteShop
) -> None:
    write_shop(MYSQL)
    execute(f"{TABLE};\nINSERT INTO events VALUES (1, '2026-03-05', 'view', 'x')")
    collect(5)
    execute("ALTER TABLE events RENAME COLUMN note TO notes")
    with pytest.raises(ConfigError, match=r"has no column 'note'; did you mean 'notes'\?"):
        collect(6)
    assert landed(staging) == [1]


def test_a_retyped_column_lands_as_it_is_now_and_only_what_does_not_fit_is_set_aside(
    staging: Database, collect: Collect, execute: Execute, write_shop: WriteShop
) -> None:
    write_shop(STATISTICS)
    execute("CREATE TABLE stats (no INT PRIMARY KEY, at DATETIME, what INT)")
    execute("INSERT INTO stats VALUES (1, '2026-03-05', 7), (2, '2026-03-06', 8)")
    collect(6)
    assert prepared(staging, "channel_stats")["kept"] == 2
    execute("ALTER TABLE stats MODIFY what VARCHAR(20);\nUPDATE stats SET what = 'eight' WHERE no = 2")
    collect(6)
    prepared(staging, "channel_stats")
    with staging.snapshot() as connection:
        reasons = connection.execute(sa.text("SELECT reason FROM clean.quarantine")).scalars().all()
        assert reasons == ["value: 'eight' is not a number"]
        assert connection.execute(sa.text("SELECT value::int FROM clean.channel_stats")).scalars().all() == [7]


def test_nothing_can_be_written_to_the_source(execute: Execute, mysql_database: Connection) -> None:
    execute(f"{TABLE};\nCREATE FUNCTION spoil() RETURNS INT BEGIN DELETE FROM events; RETURN 1; END")
    execute("INSERT INTO events VALUES (1, '2026-03-05', 'view', NULL)")
    session = MysqlSession(mysql_database)
    try:
        for statement in ("DELETE FROM events", "INSERT INTO events (no) VALUES (2)", "SELECT spoil()"):
            with pytest.raises((ConfigError, SourceUnavailableError), match="READ ONLY"):
                session.rows(statement)
        assert session.rows("SELECT COUNT(*) FROM events") == [(b"1",)]
    finally:
        session.close()


@pytest.mark.parametrize("kind", ["mysql", "mongodb"])
def test_hostile_text_is_only_text_up_to_the_facts(
    kind: str, staging: Database, collect: Collect, execute: Execute, write_shop: WriteShop,
    other: pymysql.cursors.Cursor, mongo_database: Connection,
) -> None:  # fmt: skip
    write_shop(MYSQL if kind == "mysql" else MONGODB)
    if kind == "mysql":
        execute(TABLE)
        other.executemany(
            "INSERT INTO events VALUES (%s, '2026-03-05', %s, %s)", [(n, f"t{t}", t) for n, t in enumerate(HOSTILE)]
        )
        other.connection.commit()
    else:
        documents = [
            {"no": n, "at": datetime(2026, 3, 5, tzinfo=UTC), "what": f"t{t}", "note": t} for n, t in enumerate(HOSTILE)
        ]
        with connect(mongo_database) as client:
            client[mongo_database.database].events.insert_many(documents)
    collect(5)
    assert prepared(staging)["kept"] == len(HOSTILE)
    with staging.snapshot() as connection:
        query = "SELECT event_id::int, type, attributes->>'note' FROM clean.events ORDER BY 1"
        found: list[Any] = [tuple(row) for row in connection.execute(sa.text(query))]
    assert found == [(n, f"t{text}", text) for n, text in enumerate(HOSTILE)]


def test_a_document_of_sixteen_megabytes_lands_whole(
    staging: Database, collect: Collect, write_shop: WriteShop, mongo_database: Connection
) -> None:
    write_shop(MONGODB)
    text = "é" * (8 * 1024 * 1024 - 100)
    with connect(mongo_database) as client:
        events = client[mongo_database.database].events
        events.insert_one({"no": 1, "at": datetime(2026, 3, 5, tzinfo=UTC), "what": "view", "note": text})
        events.insert_one({"no": 2, "at": datetime(2026, 3, 5, tzinfo=UTC), "what": text, "note": "short"})
    collect(5)
    assert prepared(staging) == {"read": 2, "expanded": 2, "kept": 1, "quarantined": 1, "duplicates": 0}
    with staging.snapshot() as connection:
        kept = connection.execute(sa.text("SELECT length(attributes->>'note') FROM clean.events")).scalar_one()
        reason, size = connection.execute(sa.text("SELECT reason, length(original) FROM clean.all_quarantine")).one()
    assert kept == len(text)
    assert "short" in reason
    assert len(reason) < 300
    assert size > len(text)
