"""A shop of one source for the tests of collect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql
import pytest

from shopmine.collect.personal import personal_key
from shopmine.collect.reading import Opening
from shopmine.config.connections import Connection
from shopmine.config.shops import Shop, load_shop

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
