"""Collecting a source for runs: what is read, what lands, and that a second look changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from harness.reports import list_runs
from shopmine.collect import tasks
from shopmine.collect.preview import missing_entities, preview_source
from shopmine.config.connections import Connection
from shopmine.config.days import NO_DAY, day_bounds
from shopmine.config.shops import Shop
from shopmine.errors import ConfigError
from shopmine.staging.batches import newest_batches, read_lines
from shopmine.staging.rights import bury, record_right

if TYPE_CHECKING:
    from shopmine.staging.database import Database

Execute = Callable[[str], None]
WriteShop = Callable[..., Shop]
Connections = dict[str, Connection]
SOURCE = """
[sources.store]
kind = "mysql"
connection = "shop_mysql"
[sources.store.entities.order_lines]
table = "lines"
day = "at"
[sources.store.entities.order_lines.fields]
order_id = "no"
product = "sku"
customer = { column = "member", case = "upper" }
ordered_at = "at"
quantity = "pieces"
unit_price = "price"
kind = { default = "sale" }
[sources.store.entities.customers]
from = "order_lines"
fields = { customer = "member" }
[sources.store.entities.products]
table = "goods"
day = "snapshot"
key = ["sku"]
fields = { product = "sku", name = "title" }
"""
TABLES = """
CREATE TABLE `lines` (no INT, at DATETIME, sku TEXT, member TEXT, pieces INT, price DECIMAL(10,2));
CREATE TABLE goods (sku VARCHAR(10) PRIMARY KEY, title TEXT);
INSERT INTO goods VALUES ('a', 'Apple');
INSERT INTO `lines` VALUES (1, '2026-03-01 10:00:00', 'a', 'ann', 1, 1.50), (2, '2026-03-10 10:00:00', 'a', 'bob', 1, 1.50),
 (3, '2026-03-31 10:00:00', 'a', 'ann', 2, 1.50), (4, '2026-04-01 10:00:00', 'a', 'ann', 2, 1.50),
 (5, NULL, 'a', 'ann', 2, 1.50)
"""


def rows_by_day(staging: Database, entity: str = "order_lines") -> dict[date, int]:
    return {batch.day: batch.n_rows for batch in newest_batches(staging, "shop", entity=entity) if batch.n_rows}


def test_the_first_run_loads_history_and_the_next_reads_days(
    staging: Database, collect: Callable[..., dict[str, int]], execute: Execute, write_shop: WriteShop
) -> None:
    write_shop(SOURCE)
    execute(TABLES)
    assert collect(10) == {"entities": 2, "days": 33, "rows": 5, "batches": 33}  # 31 days, what has no day, the goods
    march = {date(2026, 3, 1): 1, date(2026, 3, 10): 1, date(2026, 3, 31): 1}
    assert rows_by_day(staging) == {**march, NO_DAY: 1}
    batch = next(b for b in newest_batches(staging, "shop", entity="order_lines") if b.day == date(2026, 3, 10))
    zone_end = day_bounds(date(2026, 3, 11), write_shop(SOURCE).zone)[0]
    assert (batch.known_at, batch.known_at_assumed) == (zone_end, True)
    assert [column.name for column in batch.columns] == ["no", "sku", "member", "at", "pieces", "price"]
    assert read_lines(staging, batch) == [b"2\ta\tbob\t2026-03-10 10:00:00\t1\t1.50"]

    assert collect(10) == {"entities": 2, "days": 3, "rows": 1, "batches": 0}, "nothing changed"
    execute("UPDATE `lines` SET pieces = 5;\nDELETE FROM `lines` WHERE no = 5")
    assert collect(31) == {"entities": 2, "days": 5, "rows": 2, "batches": 2}, "29 to 31, no day (now empty), goods"
    changed = {b.day: b for b in newest_batches(staging, "shop", entity="order_lines")}
    assert read_lines(staging, changed[date(2026, 3, 31)])[0].endswith(b"\t5\t1.50")
    assert not changed[date(2026, 3, 31)].known_at_assumed
    assert read_lines(staging, changed[date(2026, 3, 10)])[0].endswith(b"\t1\t1.50"), "outside of the window"
    assert changed[NO_DAY].n_rows == 0
    report = list_runs(staging, "shop", 1)[0].steps[0]
    assert (report.step, report.state, report.detail["batches"]) == ("collect.store", "done", 2)
    assert report.detail["not_covered"] == "order_lines: older days until the next run for a monday"


def test_a_run_as_known_then_reads_no_source(
    staging: Database,
    collect: Callable[..., dict[str, int]],
    execute: Execute,
    write_shop: WriteShop,
    connections: Connections,
) -> None:
    write_shop(SOURCE)
    execute(TABLES)
    with pytest.raises(
        ConfigError, match=r"nothing is known of shop 'shop' up to 2026-03-10; run it without `known_at` first"
    ):
        collect(10, known_at=datetime(2026, 3, 11, tzinfo=UTC))
    collect(10)
    del connections["shop_mysql"]
    nothing = {"entities": 0, "days": 0, "rows": 0, "batches": 0}
    assert collect(10, known_at=datetime(2026, 3, 11, tzinfo=UTC)) == nothing
    with pytest.raises(
        ConfigError, match=r"nothing was known .* known since 2026-03-02T00:00:00\+00:00: give that or a later"
    ):
        collect(10, known_at=datetime(2026, 3, 1, 23, tzinfo=UTC))
    with pytest.raises(ConfigError, match=r"source 'store' of shop 'shop' needs the connection 'shop_mysql'"):
        collect(10)


def test_a_new_column_makes_history_be_read_again_as_history(
    staging: Database, collect: Callable[..., dict[str, int]], execute: Execute, write_shop: WriteShop
) -> None:
    write_shop(SOURCE)
    execute(TABLES)
    collect(31)
    write_shop(SOURCE.replace('quantity = "pieces"', 'quantity = "pieces"\ndiscount = "discount"'))
    execute("ALTER TABLE `lines` ADD discount DECIMAL(10,2) NOT NULL DEFAULT 0.25")
    counts = collect(31)
    assert (counts["days"], counts["batches"]) == (33, 32)
    batch = next(b for b in newest_batches(staging, "shop", entity="order_lines") if b.day == date(2026, 3, 10))
    assert batch.known_at_assumed
    assert read_lines(staging, batch) == [b"2\ta\tbob\t2026-03-10 10:00:00\t1\t0.25\t1.50"]


@pytest.mark.parametrize("is_buried", [False, True])
def test_a_deleted_person_does_not_land_again(
    staging: Database, collect: Callable[..., dict[str, int]], execute: Execute, write_shop: WriteShop, is_buried: bool
) -> None:
    write_shop(SOURCE)
    execute(TABLES)
    record_right(staging, "shop", "BOB", "deletion")  # as `clean` stores it: in capitals, by the mapping
    record_right(staging, "shop", "ANN", "no_profiling")
    if is_buried:  # only the hash of the key is left
        with staging.transaction() as connection:
            bury(connection, "shop", "BOB")
    collect(31)
    assert rows_by_day(staging) == {date(2026, 3, 1): 1, date(2026, 3, 31): 1, NO_DAY: 1}


def test_days_that_a_broken_run_did_not_land_are_read_by_the_next(
    staging: Database, collect: Callable[..., dict[str, int]], execute: Execute, write_shop: WriteShop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    write_shop(SOURCE)
    execute(TABLES)
    monkeypatch.setattr(tasks, "_MOST_DRAFTS", 2)
    execute("DROP TABLE goods")
    with pytest.raises(ConfigError, match="no table 'goods'"):
        collect(10)
    execute("CREATE TABLE goods (sku VARCHAR(10) PRIMARY KEY, title TEXT)")
    collect(31)
    assert set(rows_by_day(staging)) == {date(2026, 3, 1), date(2026, 3, 10), date(2026, 3, 31), NO_DAY}


def test_a_shop_of_the_present_reads_up_to_yesterday_and_knows_it_live(
    staging: Database, collect: Callable[..., dict[str, int]], execute: Execute, write_shop: WriteShop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    now = datetime(2026, 3, 12, 3, 0, tzinfo=UTC)
    monkeypatch.setattr(tasks, "utc_now", lambda: now)
    write_shop(SOURCE)
    execute(TABLES)
    collect(11)
    known = {batch.day: batch for batch in newest_batches(staging, "shop", entity="order_lines")}
    assert max(known) == date(2026, 3, 11)
    assert [known[date(2026, 3, day)].known_at_assumed for day in (8, 9, 11)] == [True, False, False]
    assert known[date(2026, 3, 11)].known_at == now
    (goods,) = newest_batches(staging, "shop", entity="products")
    assert (goods.day, goods.known_at) == (date(2026, 3, 11), now)
    execute("UPDATE goods SET title = 'Pear'")
    monkeypatch.setattr(tasks, "utc_now", lambda: now + timedelta(days=1))
    collect(10)
    assert len(newest_batches(staging, "shop", entity="products")) == 1, (
        "a run for an older day leaves the present alone"
    )
    collect(12)
    assert len(newest_batches(staging, "shop", entity="products")) == 2


def test_two_runs_at_once_land_each_day_once(
    staging: Database, collect: Callable[..., dict[str, int]], execute: Execute, write_shop: WriteShop
) -> None:
    write_shop(SOURCE)
    execute(TABLES)
    counts: list[dict[str, int]] = []
    threads = [threading.Thread(target=lambda: counts.append(collect(31))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(count["batches"] for count in counts) == [0, 33]


def test_a_preview_shows_rows_and_every_problem_and_hides_persons(
    execute: Execute, write_shop: WriteShop, connections: Connections
) -> None:
    execute(TABLES)
    shop = write_shop(SOURCE.replace('day = "at"\n', 'day = "at"\npersonal = { member = "mask" }\n'))
    preview = preview_source(shop, "store", connections, 2)
    lines, goods = preview.entities
    assert preview.all_problems() == []
    assert lines.feeds == ("order_lines", "customers")
    assert lines.rows[0] == ("1", "a", "(hidden)", "2026-03-01 10:00:00", "1", "1.50")
    assert goods.rows == (("a", "Apple"),)
    assert "orders" in missing_entities(shop)
    assert "customers" not in missing_entities(shop)

    broken = write_shop(SOURCE.replace('"sku"\ncustomer', '"skku"\ncustomer').replace('"goods"', '"good"'))
    problems = preview_source(broken, "store", connections, 2).all_problems()
    assert len(problems) == 2
    assert "no column 'skku'; did you mean 'sku'?" in problems[0]
    assert "no table 'good'; did you mean 'goods'?" in problems[1]
    assert "needs the connection 'shop_mysql'" in preview_source(shop, "store", {}, 2).problems[0]
