"""Whatever happened to a source and whenever it was read, the end is that of one fresh reading, and the past stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from itertools import count
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopmine.collect.tasks import collect_source
from shopmine.config.days import utc_now
from shopmine.drill.child import Child, Task
from shopmine.faults import POINTS
from shopmine.prepare.tasks import prepare
from shopmine.staging.database import STAGING_CONNECTION
from shopmine.staging.manifests import load_manifest
from shopmine.staging.runs import open_run

if TYPE_CHECKING:
    from pathlib import Path

    from shopmine.config.connections import Connection
    from shopmine.staging.database import Database

LAST = 16  # a Monday, whose run checks older days
SHOP = """
title = "Shop"
timezone = "Asia/Shanghai"
currency = "CNY"
first_day = 2026-03-01
last_day = 2026-03-17
[gates]
min_volume = 0
max_volume = 1000000
max_quarantined = 1
[sources.store]
kind = "mysql"
connection = "shop_mysql"
lookback_days = 2
[sources.store.entities.order_lines]
table = "lines"
day = "at"
repeats = "keep"
[sources.store.entities.order_lines.fields]
order_id = "no"
product = "sku"
ordered_at = "at"
quantity = "pieces"
unit_price = "price"
kind = { default = "sale" }
[sources.store.entities.products]
from = "order_lines"
fields = { product = "sku", price = "price" }
"""
HOURS = st.integers(-20, 24 * 18)  # also before the shop's first day and after its last
INSERT = st.tuples(
    st.just("INSERT INTO `lines` SELECT {}, '2026-03-01' + INTERVAL {} HOUR, 'new', 1, 2.50"), HOURS, HOURS
)
CORRECT = st.tuples(
    st.just("UPDATE `lines` SET price = price + {} + 1 WHERE no % 7 = {} % 7"), st.integers(0, 3), HOURS
)
DELETE = st.tuples(st.just("DELETE FROM `lines` WHERE no % 11 = {} % 11 AND {}"), HOURS, st.just(1))
MOVE = st.tuples(st.just("UPDATE `lines` SET at = at + INTERVAL {} HOUR WHERE no % 5 = {} % 5"), HOURS, HOURS)
LOSE = st.tuples(st.just("UPDATE `lines` SET at = NULL WHERE no % 13 = {} % 13 AND {}"), HOURS, st.just(1))
SWAP = st.tuples(
    st.just("UPDATE `lines` a JOIN `lines` b ON a.no = b.no + 1 SET a.sku = b.sku WHERE a.no % 3 = {} % 3 AND {}"),
    HOURS, st.just(1),
)  # fmt: skip
COLLECT = st.integers(2, LAST + 1)
KILLED = st.tuples(st.sampled_from([point for point in POINTS if point.startswith(("collect.", "prepare."))]), COLLECT)
EVENTS = st.one_of(INSERT, CORRECT, DELETE, MOVE, LOSE, SWAP, COLLECT, COLLECT, KILLED)
HISTORIES = st.lists(EVENTS, min_size=3, max_size=9)
NUMBER = count()
CLEAN = {
    "order_lines": "day, order_id, product, ordered_at, quantity, unit_price, amount, kind",
    "quarantine": "reason, original",
}


class Story:
    """One shop in its own table rows: changed, collected, prepared."""

    def __init__(self, db: Database, connections: dict[str, Connection], folder: Path) -> None:
        self.db, self.connections, self.name, self.folder = db, connections, f"shop{next(NUMBER)}", folder
        (folder / f"{self.name}.toml").write_text(SHOP)

    def run(self, day: int, *, known_at: datetime | None = None) -> int:
        """Collect and prepare; the number of the run."""
        context = open_run(
            self.db, shop=self.name, day=date(2026, 3, day), known_at=known_at, started_by="test", config={}
        )
        collect_source(self.db, context.run, "store", self.connections)
        prepare(self.db, context.run)
        return context.run

    def run_killed(self, day: int, point: str) -> None:
        """A process of its own runs the day and is killed at that point, or ends, where it never comes there."""
        mysql, staging = self.connections["shop_mysql"], self.connections[STAGING_CONNECTION]
        urls = {
            mysql.id: f"mysql://{mysql.user}:{mysql.password}@{mysql.host}:{mysql.port}/{mysql.database}?charset=utf8mb4",
            staging.id: staging.sqlalchemy_url(),
        }
        task = Task(
            connections=urls, shop=self.name, day=date(2026, 3, day), shops=str(self.folder), lease_seconds=0.5,
            fault=f"{point}:kill",
        )  # fmt: skip
        with Child(task) as child:
            ending = child.wait(60)
        # A day that passes the point no more goes on to its end, where so small a shop may have nothing to publish.
        assert ending.how in {"killed", "done"} or ending.error == "GateError", ending

    def facts(self) -> dict[str, list[sa.Row[tuple[object, ...]]]]:
        """What is now known up to `LAST`, in a total order."""
        told = {}
        with self.db.snapshot() as connection:
            for view, columns in CLEAN.items():
                until = f"AND day <= '2026-03-{LAST}'" if "day" in columns else ""
                text = f"SELECT {columns} FROM clean.{view} WHERE shop = :shop {until} ORDER BY {columns}"
                told[view] = [*connection.execute(sa.text(text), {"shop": self.name})]
        return told

    def manifest(self, run: int) -> str:
        """What the run read, by content."""
        return load_manifest(self.db, run).content_hash


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES)
def test_any_history_ends_like_one_fresh_reading_and_the_past_stays(
    history: list[tuple[str, int, int] | tuple[str, int] | int], staging: Database, connections: dict[str, Connection],
    execute: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder = tmp_path / "shops"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("SHOPMINE_SHOPS", str(folder))
    execute(
        "DROP TABLE IF EXISTS `lines`;\n"
        "CREATE TABLE `lines` (no INT, at DATETIME, sku VARCHAR(9), pieces INT, price DECIMAL(10,2));\n"
        "INSERT INTO `lines` SELECT seq, '2026-03-01 09:00:00' + INTERVAL 7 * seq HOUR, CONCAT('s', seq % 4), 1, 1.25"
        " FROM seq_1_to_60"
    )
    story = Story(staging, connections, folder)
    runs: list[tuple[int, int, datetime]] = []
    for event in history:
        if isinstance(event, int):
            run = story.run(event)
            runs.append((event, run, utc_now()))
            twice = story.run(event)
            assert story.manifest(twice) == story.manifest(run)
        elif len(event) == 2:
            story.run_killed(event[1], event[0])
        else:
            execute(event[0].format(*event[1:]))
    story.run(LAST)
    fresh = Story(staging, connections, folder)
    fresh.run(LAST)
    assert story.facts() == fresh.facts()
    for day, run, known_at in runs:
        assert story.manifest(story.run(day, known_at=known_at)) == story.manifest(run), "as it was known then"
