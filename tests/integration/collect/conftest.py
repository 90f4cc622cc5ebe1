"""A shop of one source for the tests of collect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql
import pytest

from shopmine.collect.personal import personal_key
from shopmine.collect.reading import Opening
from shopmine.collect.tasks import collect_source
from shopmine.config.connections import Connection
from shopmine.config.shops import Shop, load_shop
from shopmine.staging.runs import open_run

if TYPE_CHECKING:
    from shopmine.staging.database import Database

HEAD = """
title = "Shop"
timezone = "Europe/London"
currency = "GBP"
first_day = 2026-03-01
last_day = 2026-03-31
"""
Execute = Callable[[str], None]


@pytest.fixture
def write_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Shop]:
    """Write the sources of the shop named `shop` into its file."""
    folder = tmp_path / "shops"
    folder.mkdir()
    monkeypatch.setenv("SHOPMINE_SHOPS", str(folder))

    def write(sources: str, head: str = HEAD) -> Shop:
        (folder / "shop.toml").write_text(head + sources)
        return load_shop("shop")

    return write


@pytest.fixture
def execute(mysql_database: Connection) -> Iterator[Execute]:
    """Run SQL statements in the shop's MySQL database, each committed at once."""
    client = pymysql.connect(
        host=mysql_database.host,
        port=mysql_database.port or 3306,
        user=mysql_database.user,
        password=mysql_database.password,
        database=mysql_database.database,
        charset="utf8mb4",
        autocommit=True,
    )
    with client, client.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES'")

        def run(statements: str) -> None:
            for statement in filter(str.strip, statements.split(";\n")):
                cursor.execute(statement)

        yield run


@pytest.fixture
def opening() -> Callable[..., Opening]:
    """What a module needs to open the only source of a shop."""

    def make(shop: Shop, connection: Connection) -> Opening:
        key = Connection(id="shop_key", kind="generic", password="a key that is long enough")
        (source,) = shop.sources.values()
        return Opening(source=source, connection=connection, zone=shop.zone, key=personal_key(shop, {"shop_key": key}))

    return make


@pytest.fixture
def collect(staging: Database, connections: dict[str, Connection]) -> Callable[..., dict[str, int]]:
    """Collect the source `store` for a day of March 2026, in a run of its own."""

    def run(day: int, *, known_at: datetime | None = None, shop: str = "shop") -> dict[str, int]:
        context = open_run(staging, shop=shop, day=date(2026, 3, day), known_at=known_at, started_by="test", config={})
        return collect_source(staging, context.run, "store", connections)

    return run
