"""What has landed is read again when it was read in another way, or not to its end; and what is never read is counted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from harness.reports import list_runs
from shopmine.collect.mongodb_client import connect
from shopmine.collect.preview import preview_source
from shopmine.config.days import NO_DAY
from shopmine.config.shops import Shop
from shopmine.staging.batches import Batch, newest_batches, read_lines

if TYPE_CHECKING:
    from shopmine.config.connections import Connection
    from shopmine.staging.database import Database

Collect = Callable[..., dict[str, int]]
Execute = Callable[[str], None]
WriteShop = Callable[..., Shop]
Put = Callable[[str, list[tuple[int, str | None]]], None]
KINDS = ("mysql", "mongodb", "files")
ROWS = [(1, "2026-03-01 10:00:00"), (2, "2026-03-10 10:00:00"), (3, "2026-03-31 10:00:00"), (4, None)]
PLACE = {"mysql": 'table = "{}"', "mongodb": 'collection = "{}"', "files": 'path = "{}/*.csv"'}


def source(kind: str, read: str = "lines", more: str = "", older_days: str = "weekly") -> str:
    """A source of events, and products as a snapshot."""
    connection = {"mysql": "shop_mysql", "mongodb": "shop_mongo", "files": "shop_files"}[kind]
    return f"""
[sources.store]
kind = "{kind}"
connection = "{connection}"
older_days = "{older_days}"
[sources.store.entities.events]
{read if "=" in read else PLACE[kind].format(read)}
day = "at"
fields = {{ event_id = "no", type = {{ constant = "view" }}, at = "at" }}
attributes = {{ {more} }}
[sources.store.entities.products]
{PLACE[kind].format("goods")}
day = "snapshot"
fields = {{ product = "no" }}
attributes = {{ {more} }}
"""


@pytest.fixture
def put(
    request: pytest.FixtureRequest, execute: Execute, mongo_database: Connection, connections: dict[str, Connection]
) -> Put:
    """Put rows of `no`, `at` and `colour` under a name into the source of the kind that the test asks for."""
    kind = request.getfixturevalue("kind")

    def into_mysql(name: str, rows: list[tuple[int, str | None]]) -> None:
        values = ", ".join(f"({no}, {'NULL' if at is None else repr(at)}, 'red')" for no, at in rows)
        execute(f"CREATE TABLE `{name}` (no INT, at DATETIME, colour TEXT);\nINSERT INTO `{name}` VALUES {values}")

    def into_mongo(name: str, rows: list[tuple[int, str | None]]) -> None:
        with connect(mongo_database) as client:
            client[mongo_database.database][name].insert_many(
                {"no": no, "at": at and datetime.fromisoformat(at).replace(tzinfo=UTC), "colour": "red"}
                for no, at in rows
            )

    def into_files(name: str, rows: list[tuple[int, str | None]]) -> None:
        folder = connections["shop_files"].folder / name
        folder.mkdir()
        (folder / "a.csv").write_text("no,at,colour\n" + "".join(f"{no},{at or ''},red\n" for no, at in rows))

    return {"mysql": into_mysql, "mongodb": into_mongo, "files": into_files}[kind]


def newest(staging: Database, entity: str, shop: str = "shop") -> dict[date, Batch]:
    return {batch.day: batch for batch in newest_batches(staging, shop, entity=entity)}


def contents(staging: Database, shop: str) -> dict[tuple[str, date], tuple[int, str]]:
    return {(b.entity, b.day): (b.n_rows, b.content_hash) for b in newest_batches(staging, shop)}


def numbers(staging: Database, day: date) -> list[int]:
    """The rows of a day as they landed, by their number."""
    lines = read_lines(staging, newest(staging, "events")[day])
    return sorted(_number(line.decode()) for line in lines)


def _number(line: str) -> int:
    return int(json.loads(line)["no"]["$numberInt"]) if line.startswith("{") else int(line.partition("\t")[0])


@pytest.mark.parametrize("older_days", ["weekly", "never"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_newly_mapped_column_is_read_of_everything_also_by_a_run_of_the_past(
    kind: str, older_days: str, put: Put, staging: Database, collect: Collect, write_shop: WriteShop
) -> None:
    put("lines", ROWS)
    put("goods", ROWS[:2])
    write_shop(source(kind, older_days=older_days))
    collect(31)
    write_shop(source(kind, older_days=older_days, more='colour = "colour"'))
    collect(10)
    events, goods = newest(staging, "events"), newest(staging, "products")
    lacking = {day for day, batch in events.items() if "colour" not in {column.name for column in batch.columns}}
    assert lacking == {date(2026, 3, day) for day in range(11, 32)}, "days after the run's wait for their runs"
    assert "colour" in {column.name for column in goods[max(goods)].columns}
    assert all(b"red" in line for day in (date(2026, 3, 10), NO_DAY) for line in read_lines(staging, events[day]))
    assert all(b"red" in line for line in read_lines(staging, goods[max(goods)]))
    assert collect(10)["batches"] == 0


CHANGES: dict[str, list[str]] = {
    "mysql": [
        'table = "others"',
        'query = "SELECT * FROM `lines` WHERE no <> 2 UNION ALL SELECT * FROM others WHERE no > 10"',
        'table = "lines"\nwhere = "no <> 2"',
    ],
    "mongodb": ['collection = "others"'],
    "files": ['path = "others/*.csv"', 'path = "*/*.csv"'],
}


@pytest.mark.parametrize("older_days", ["weekly", "never"])
@pytest.mark.parametrize(("kind", "changed"), [(kind, change) for kind, found in CHANGES.items() for change in found])
def test_what_is_asked_in_another_way_is_read_again(
    kind: str, changed: str, older_days: str, put: Put, staging: Database, collect: Collect, write_shop: WriteShop
) -> None:
    put("lines", ROWS)
    put("others", [(no + 10, at) for no, at in ROWS])
    put("goods", ROWS[:1])
    write_shop(source(kind, older_days=older_days))
    collect(31)
    before = {day: numbers(staging, day) for day in (date(2026, 3, 10), NO_DAY)}
    assert before == {date(2026, 3, 10): [2], NO_DAY: [4]}
    write_shop(source(kind, changed, older_days=older_days))
    collect(27)  # of the past, and no Monday
    after = {day: numbers(staging, day) for day in before}
    if changed.endswith('where = "no <> 2"'):
        assert after == {date(2026, 3, 10): [], NO_DAY: [4]}
    elif changed.startswith("query") or "*/" in changed:
        expected = {date(2026, 3, 10): [12], NO_DAY: [4, 14]}
        assert after == (expected if kind == "mysql" else {date(2026, 3, 10): [2, 12], NO_DAY: [4, 14]})
    else:
        assert after == {date(2026, 3, 10): [12], NO_DAY: [14]}
    assert collect(27)["batches"] == 0


KILLED = """
import json, sys
from shopmine.collect import tasks
from shopmine.config.connections import Connection
from shopmine.staging.database import Database
asked = json.load(sys.stdin)
tasks._MOST_DRAFTS = asked["most_drafts"]
connections = {c["id"]: Connection(**c) for c in asked["connections"]}
tasks.collect_source(Database(asked["staging"]), asked["run"], "store", connections)
"""


@pytest.mark.parametrize("kind", ["mysql"])
@pytest.mark.parametrize("n", [1, 15, 16])  # of 16 groups: at the start, with what has no day still to come, after all
def test_a_first_load_that_was_killed_anywhere_ends_as_an_undisturbed_one(
    kind: str, n: int, put: Put, staging: Database, staging_url: str, collect: Collect, write_shop: WriteShop,
    connections: dict[str, Connection], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    put("lines", [(100 + day, f"2026-03-{day:02} 10:00:00") for day in range(1, 32)] + [(4, None)])
    put("goods", ROWS[:1])
    write_shop(source(kind))
    folder = Path(os.environ["SHOPMINE_SHOPS"])
    (folder / "killed.toml").write_text((folder / "shop.toml").read_text())
    kill_a_load(staging, staging_url, connections, f"collect.landed:kill:{n}")
    assert len(contents(staging, "killed")) == 2 * n
    for shop in ("killed", "shop"):
        collect(10, shop=shop)  # not the newest day: no business of such a run, were the load whole
        collect(30, shop=shop)
        if shop == "killed":
            assert newest(staging, "events", shop)[NO_DAY].n_rows == 1
    for shop in ("killed", "shop"):
        collect(31, shop=shop)
    assert contents(staging, "killed") == contents(staging, "shop")


def kill_a_load(staging: Database, url: str, connections: dict[str, Connection], fault: str) -> None:
    """Run the first load of the shop `killed` in a process that dies at a fault point; two days land at a time."""
    from shopmine.staging.runs import open_run

    run = open_run(staging, shop="killed", day=date(2026, 3, 31), known_at=None, started_by="test", config={}).run
    wanted = [_plain(connections[name]) for name in ("shop_mysql", "shop_mongo", "shop_files")]
    asked = {"staging": url, "run": run, "most_drafts": 2, "connections": wanted}
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        input=json.dumps(asked),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SHOPMINE_FAULT": fault},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with staging.transaction() as connection:  # the dead process holds its lease for a minute
        connection.execute(sa.text("UPDATE work.leases SET expires_at = now()"))


def _plain(connection: Connection) -> dict[str, Any]:
    names = ("id", "kind", "host", "port", "user", "password", "database")
    return {name: getattr(connection, name) for name in names} | {"extra": {**connection.extra}}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_no_day_of_the_shops_are_counted_and_told(
    kind: str, put: Put, staging: Database, collect: Collect, write_shop: WriteShop, connections: dict[str, Connection]
) -> None:
    edges = ["2026-02-28 23:59:59", "2026-03-01 00:00:00", "2026-03-31 22:59:59", "2026-04-01 00:00:00"]
    put("lines", [*enumerate([*edges, "1999-01-01 00:00:00", "2099-01-01 00:00:00", "2098-01-01 12:00:00", None])])
    put("goods", ROWS[:1])
    shop = write_shop(source(kind))
    collect(31)
    told = "2 rows with a day before first_day 2026-03-01, 3 rows with a day after last_day 2026-03-31"
    assert list_runs(staging, "shop", 1)[0].steps[0].detail["not_collected"] == {"events": told}
    landed = sum(batch.n_rows for batch in newest_batches(staging, "shop", entity="events"))
    assert landed + 2 + 3 == len(edges) + 4, "every row is accounted for"
    events, _ = preview_source(shop, "store", connections, 2).entities
    assert f"not collected: {told}" in events.hints
    collect(27)  # a run of the past does not look
    assert list_runs(staging, "shop", 1)[0].steps[0].detail["not_collected"] == {}
