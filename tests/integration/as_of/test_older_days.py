"""What changes in old days of a source is read again, on the days where it changed, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from harness.reports import list_runs
from shopmine.collect import tasks
from shopmine.collect.mongodb import MongoReader
from shopmine.collect.mongodb_client import connect
from shopmine.collect.mysql import MysqlReader
from shopmine.collect.tasks import collect_source
from shopmine.config.days import NO_DAY, utc_now
from shopmine.config.shops import Shop
from shopmine.errors import ConfigError
from shopmine.staging.runs import open_run

if TYPE_CHECKING:
    from pymongo.database import Database as MongoDatabase

    from shopmine.config.connections import Connection
    from shopmine.staging.database import Database

Execute = Callable[[str], None]
WriteShop = Callable[..., Shop]
Days = Callable[[int], set[int]]
MONDAY, TUESDAY = 30, 31
MYSQL = """
[sources.store]
kind = "mysql"
connection = "shop_mysql"
[sources.store.entities.order_lines]
table = "lines"
day = "at"
[sources.store.entities.order_lines.fields]
order_id = "no"
product = "sku"
ordered_at = "at"
quantity = "pieces"
unit_price = "price"
kind = { default = "sale" }
"""
MONGODB = """
[sources.store]
kind = "mongodb"
connection = "shop_mongo"
[sources.store.entities.events]
collection = "sessions"
unwind = "items"
day = "items.at"
fields = { event_id = "items.id", type = { constant = "view" }, at = "items.at", customer = "who" }
attributes = { price = "items.price" }
"""
FILES = """
[sources.store]
kind = "files"
connection = "shop_files"
[sources.store.entities.store_sales]
path = "sales-*.csv"
day = "date"
fields = { store = "store", product = "sku", quantity = "pieces", amount = "revenue" }
"""


@pytest.fixture
def collect(staging: Database, connections: dict[str, Connection]) -> Days:
    """Collect for a day of March; the days (0: no day) that got a new batch."""

    def run(day: int) -> set[int]:
        with staging.snapshot() as connection:
            before = connection.execute(sa.text("SELECT coalesce(max(batch), 0) FROM raw.batches")).scalar_one()
        context = open_run(staging, shop="shop", day=date(2026, 3, day), known_at=None, started_by="test", config={})
        collect_source(staging, context.run, "store", connections)
        newer = sa.text("SELECT day FROM raw.batches WHERE batch > :before")
        with staging.snapshot() as connection:
            days = connection.execute(newer, {"before": before}).scalars().all()
        return {0 if day == NO_DAY else day.day for day in days}

    return run


def report(staging: Database) -> dict[str, Any]:
    return dict(list_runs(staging, "shop", 1)[0].steps[0].detail)


@pytest.fixture
def lines(execute: Execute) -> None:
    """Three lines on each day of March 2026."""
    execute(
        "CREATE TABLE `lines` (no INT PRIMARY KEY, at DATETIME, sku TEXT, pieces INT, price DECIMAL(10,2), KEY (at));\n"
        "INSERT INTO `lines` SELECT seq, DATE_ADD('2026-03-01 01:00:00', INTERVAL 8 * seq - 8 HOUR), CONCAT('s', seq % 7),"
        " seq % 5, seq / 4 FROM seq_1_to_93"
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of a source, as it is asked: `fingerprints` or `read` with the number of days."""
    found: list[str] = []

    def watch(owner: type[Any], name: str, count: Callable[..., int]) -> None:
        original = getattr(owner, name)

        def noted(*given: Any) -> Any:
            found.append(f"{name} {count(*given)}")
            return original(*given)

        monkeypatch.setattr(owner, name, noted)

    for reader in (MysqlReader, MongoReader):
        watch(reader, "fingerprints", lambda _, entity, names, days: len(days))
        watch(reader, "read", lambda _, request: len(request.days))
    return found


@pytest.mark.usefixtures("lines")
def test_mysql_every_kind_of_change_and_an_unchanged_source(
    staging: Database, collect: Days, execute: Execute, write_shop: WriteShop, asked: list[str]
) -> None:
    write_shop(MYSQL)
    assert collect(TUESDAY) == set(range(1, 32))
    assert asked == ["fingerprints 31", "read 31"], (
        "taken with the first reading, so that the first check reads nothing"
    )
    asked.clear()
    assert collect(MONDAY) == set()
    assert asked == ["fingerprints 30", "read 3"]
    assert (report(staging)["checked"], report(staging)["not_covered"]) == ({"order_lines": 27}, "")

    execute(
        "INSERT INTO `lines` VALUES (901, '2026-03-04 23:59:59', 'late', 1, 1);\n"
        "UPDATE `lines` SET pieces = 77 WHERE at = '2026-03-10 09:00:00';\n"
        "DELETE FROM `lines` WHERE DATE(at) = '2026-03-12';\n"
        "UPDATE `lines` SET at = '2026-03-18 23:30:00' WHERE at = '2026-03-15 09:00:00';\n"
        "UPDATE `lines` a JOIN `lines` b ON a.no = b.no + 1 SET a.sku = b.sku WHERE a.at = '2026-03-20 17:00:00';\n"
        "UPDATE `lines` SET at = NULL WHERE at = '2026-03-22 09:00:00'"
    )
    before = utc_now()
    assert collect(TUESDAY) == {0}, "the present is read; older days wait for a Monday's run"
    assert "until the next run for a monday" in report(staging)["not_covered"]
    asked.clear()
    assert collect(MONDAY) == {4, 10, 12, 15, 18, 20, 22}
    assert asked == ["fingerprints 30", "read 10"]
    found = report(staging)
    assert found["n_changed"] == 7
    assert found["changed"]["order_lines"] == [f"2026-03-{day:02}" for day in (4, 10, 12, 15, 18, 20, 22)]
    with staging.snapshot() as connection:
        newest = (
            "SELECT DISTINCT ON (day) day, n_rows, known_at, known_at_assumed FROM raw.batches ORDER BY day, batch DESC"
        )
        rows = {row.day.day: row for row in connection.execute(sa.text(newest)) if row.day != NO_DAY}
    assert {day: rows[day].n_rows for day in (4, 10, 12, 15, 18, 22)} == {4: 4, 10: 3, 12: 0, 15: 2, 18: 4, 22: 2}
    assert all(rows[day].known_at >= before and not rows[day].known_at_assumed for day in (4, 10, 12, 15, 18, 22))
    assert collect(MONDAY) == collect(TUESDAY) == set()


@pytest.mark.usefixtures("lines")
def test_how_often_is_said_in_the_shops_file(
    staging: Database, collect: Days, execute: Execute, write_shop: WriteShop, asked: list[str]
) -> None:
    never = MYSQL.replace('"shop_mysql"\n', '"shop_mysql"\nolder_days = "never"\n')
    write_shop(never)
    collect(TUESDAY)
    execute("UPDATE `lines` SET pieces = 77 WHERE at = '2026-03-10 09:00:00'")
    assert collect(MONDAY) == set()
    assert not [question for question in asked if question.startswith("fingerprints")]
    assert 'older_days = "never"' in report(staging)["not_covered"]

    write_shop(never.replace("never", "daily"))
    assert collect(TUESDAY) == {10}, "what was never checked is read once"
    execute("UPDATE `lines` SET pieces = 78 WHERE at = '2026-03-10 09:00:00'")
    assert collect(TUESDAY) == {10}
    with pytest.raises(ConfigError, match=r"sources.store.older_days: 'hourly' does not fit"):
        write_shop(never.replace("never", "hourly"))


@pytest.mark.usefixtures("lines")
def test_another_question_to_the_source_is_another_answer(
    staging: Database, collect: Days, write_shop: WriteShop, asked: list[str]
) -> None:
    write_shop(MYSQL)
    collect(TUESDAY)
    write_shop(MYSQL.replace('day = "at"\n', 'day = "at"\nwhere = "sku <> \'s3\'"\n'))
    without = {n for n in range(1, 32) if any(seq % 7 == 3 for seq in range(3 * n - 2, 3 * n + 1))}
    assert collect(TUESDAY) == without
    asked.clear()
    assert collect(TUESDAY) == set()
    assert asked == ["fingerprints 3", "read 3"]


@pytest.mark.usefixtures("lines")
def test_a_check_that_was_missed_is_made_up_for(
    collect: Days, execute: Execute, write_shop: WriteShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live, each run the night after its day: of the Mondays 9 and 16 the second run never happens."""

    def night_after(day: int) -> set[int]:
        monkeypatch.setattr(tasks, "utc_now", lambda: datetime(2026, 3, day, 3, tzinfo=UTC) + timedelta(days=1))
        return collect(day)

    write_shop(MYSQL)
    night_after(8)
    assert night_after(9) == {9}
    execute("UPDATE `lines` SET pieces = 77 WHERE at = '2026-03-02 09:00:00'")
    assert [night_after(day) for day in (10, 11, 12, 13, 14, 15)] == [{day} for day in (10, 11, 12, 13, 14, 15)]
    assert night_after(17) == {2, 16, 17}
    execute("UPDATE `lines` SET pieces = 78 WHERE at = '2026-03-02 09:00:00'")
    assert night_after(18) == {18}


@pytest.fixture
def mongo(mongo_database: Connection) -> Iterator[MongoDatabase[dict[str, Any]]]:
    with connect(mongo_database) as client:
        yield client[mongo_database.database]


def test_mongodb_elements_change_on_their_own_days(
    collect: Days, write_shop: WriteShop, mongo: MongoDatabase[dict[str, Any]], asked: list[str]
) -> None:
    def at(day: int) -> datetime:
        return datetime(2026, 3, day, 12, tzinfo=UTC)

    def item(number: int, day: int) -> dict[str, Any]:
        return {"id": number, "at": at(day), "price": 2.3}

    mongo.sessions.insert_many(
        {"_id": n, "who": f"c{n % 4}", "items": [item(2 * n, n), item(2 * n + 1, n % 31 + 1)]} for n in range(1, 32)
    )
    write_shop(MONGODB)
    assert collect(TUESDAY) == set(range(1, 32))
    asked.clear()
    assert collect(MONDAY) == set()
    assert asked == ["fingerprints 30", "read 3"]
    mongo.sessions.update_one({"_id": 5}, {"$set": {"items.0.price": 2.9}})  # the server's own hash sees no difference
    mongo.sessions.update_one({"_id": 8}, {"$set": {"items.1.at": at(20)}})  # from the 9th
    mongo.sessions.delete_one({"_id": 12})  # the 12th and 13th
    mongo.sessions.insert_one({"_id": 99, "who": "c1", "items": [item(900, 16)]})
    mongo.sessions.update_one({"_id": 24}, {"$set": {"unmapped": 1}})
    assert collect(TUESDAY) == set()
    assert collect(MONDAY) == {5, 9, 20, 12, 13, 16}
    assert collect(MONDAY) == set()


def test_files_that_are_replaced_make_new_batches_of_what_is_new_in_them(
    collect: Days, write_shop: WriteShop, tmp_path: Path
) -> None:
    def write(name: str, *rows: str) -> None:
        (tmp_path / f"{name}.new").write_text("\n".join(["date,store,sku,pieces,revenue", *rows]) + "\n")
        (tmp_path / f"{name}.new").rename(tmp_path / f"sales-{name}.csv")

    week = [f"2026-03-{day:02},s1,a,{day},1.50" for day in range(1, 32)]
    write("march", *week)
    write_shop(FILES)
    assert collect(TUESDAY) == set(range(1, 32))
    assert collect(MONDAY) == set()
    write("march", *week[:4], "2026-03-05,s1,a,77,1.50", *week[5:])
    write("more", "2026-03-09,s2,a,1,9.99")
    assert collect(TUESDAY) == set()
    assert collect(MONDAY) == {5, 9}
    (tmp_path / "sales-more.csv").unlink()
    assert collect(MONDAY) == {9}
