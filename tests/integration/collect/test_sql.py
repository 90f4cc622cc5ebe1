"""Databases through SQLAlchemy: PostgreSQL and SQLite by their own ways, MariaDB as any other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from harness.shared_servers import unique_name
from shopmine.collect.forgotten import Forgotten
from shopmine.collect.outside import Outside
from shopmine.collect.reading import Opening, ReadRequest, open_reader
from shopmine.config.connections import Connection
from shopmine.config.days import NO_DAY, days_between
from shopmine.config.shops import Shop
from shopmine.errors import ConfigError, SourceUnavailableError

if TYPE_CHECKING:
    from harness.shared_servers import ServerUrls

WriteShop = Callable[..., Shop]
Open = Callable[[Shop, Connection], Opening]
Run = Callable[[str], None]
MARCH = frozenset(days_between(date(2026, 3, 1), date(2026, 3, 31)))
SALES = """
[sources.a]
kind = "sql"
connection = "a"
[sources.a.entities.store_sales]
table = "sales"
day = "at"
fields = { store = "store", quantity = "pieces", amount = "revenue" }
"""
ROWS = """
CREATE TABLE sales (at {time}, store TEXT, pieces INTEGER, revenue {money});
INSERT INTO sales VALUES ('2026-03-01 00:30:00', 'a', 1, '10.10'), ('2026-03-02 10:00:00', '上海 😀', NULL, '0.30'),
 (NULL, 'b', 1, 1), ('2026-02-28 23:59:59', 'c', 1, 1), ('2026-04-01 00:00:00', 'd', 1, 1), ('2026-03-02 11:00:00', 'a', 2, 20.00)
"""


@pytest.fixture
def postgresql(server_urls: ServerUrls) -> Iterator[tuple[Connection, Run]]:
    name = unique_name("source")
    url = urlsplit(server_urls.postgres)
    with psycopg.connect(server_urls.postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        place = url._replace(path=f"/{name}").geturl()
        with psycopg.connect(place, autocommit=True) as client:
            yield Connection.parse("a", place), lambda text: client.execute(text) and None
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite(tmp_path: Path) -> tuple[Connection, Run]:
    path = tmp_path / "shop.db"

    def run(text: str) -> None:
        with sqlite3.connect(path) as client:
            client.executescript(text)

    run("PRAGMA journal_mode = WAL")
    return Connection.parse("a", f"sqlite:///{path}"), run


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest) -> tuple[str, Connection, Run]:
    return (request.param, *request.getfixturevalue(request.param))


def read(opened: Opening, days: frozenset[date] | None = MARCH, **more: object) -> dict[date | None, list[bytes]]:
    (entity,) = opened.source.read_entities()
    names = tuple(opened.source.columns(entity.name))
    request = ReadRequest(entity=entity, columns=names, days=days, with_no_day=days is not None, **more)  # type: ignore[arg-type]
    with open_reader(opened) as reader:
        return {lines.day: sorted(lines.lines) for lines in reader.read(request)}


def types(opened: Opening) -> dict[str, str]:
    (entity,) = opened.source.read_entities()
    with open_reader(opened) as reader:
        return dict(reader.columns(entity, tuple(opened.source.columns(entity.name))))


def test_days_come_whole_and_rows_without_a_day_apart(
    database: tuple[str, Connection, Run], write_shop: WriteShop, opening: Open
) -> None:
    _, place, run = database
    run(ROWS.format(time="TIMESTAMP", money="NUMERIC(10,2)" if place.kind == "postgresql" else "TEXT"))
    opened = opening(write_shop(SALES), place)
    found = read(opened)
    assert set(found) == {date(2026, 3, 1), date(2026, 3, 2), NO_DAY}
    assert found[date(2026, 3, 1)] == [b"a\t1\t10.10\t2026-03-01 00:30:00"]
    assert "上海 😀\t\\N\t0.30\t2026-03-02 10:00:00".encode() in found[date(2026, 3, 2)]
    assert len(found[NO_DAY]) == 1
    assert found[NO_DAY][0].endswith(b"\t\\N")
    assert read(opened, frozenset({date(2026, 3, 2)}))[date(2026, 3, 2)] == found[date(2026, 3, 2)]
    assert types(opened)["at"] == "datetime", "a clock without a zone is of the source's zone, whatever it is called"


@pytest.mark.parametrize("time", ["TIMESTAMP", "DATE"])
def test_rows_outside_of_the_shops_days_are_counted(
    time: str, database: tuple[str, Connection, Run], write_shop: WriteShop, opening: Open
) -> None:
    _, place, run = database
    run(ROWS.format(time=time, money="NUMERIC(10,2)"))
    run("INSERT INTO sales VALUES ('2099-01-01', 'e', 1, 1), ('1999-12-31', 'f', 1, 1)")
    opened = opening(write_shop(SALES), place)
    (entity,) = opened.source.read_entities()
    with open_reader(opened) as reader:
        names = tuple(opened.source.columns(entity.name))
        assert reader.outside(entity, names, min(MARCH), max(MARCH)) == Outside(n_before=2, n_after=2)
        assert reader.outside(entity, names, date(1990, 1, 1), date(2099, 1, 1)) == Outside()


def test_where_query_personal_and_forgotten(
    database: tuple[str, Connection, Run], write_shop: WriteShop, opening: Open
) -> None:
    _, place, run = database
    run(ROWS.format(time="TIMESTAMP", money="NUMERIC(10,2)"))
    by_query = SALES.replace(
        'table = "sales"', "query = \"SELECT *, '50%:x' AS note FROM sales WHERE store LIKE '%a%';\""
    )
    text = by_query.replace("day =", 'where = "pieces > 1"\npersonal = { store = "hash" }\nday =')
    opened = opening(write_shop(text + 'attributes = { note = "note" }\n'), place)
    (line,) = read(opened)[date(2026, 3, 2)]
    store, *_, note, _ = line.split(b"\t")
    assert (len(store), note) == (64, b"50%:x")
    gone = Forgotten.of(opened.source.read_entities(), frozenset({store.decode()}))
    assert gone.fields == (), "store_sales have no person"
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        sample = reader.sample(entity, opened.source.columns(entity.name), 5)
    assert sample.rows[0][0] == store.decode()


def test_a_fingerprint_changes_with_a_day_s_rows_and_with_nothing_else(
    database: tuple[str, Connection, Run], write_shop: WriteShop, opening: Open
) -> None:
    _, place, run = database
    run(ROWS.format(time="TIMESTAMP", money="NUMERIC(10,2)"))
    opened = opening(write_shop(SALES), place)

    def look() -> dict[date, str]:
        (entity,) = opened.source.read_entities()
        with open_reader(opened) as reader:
            return dict(reader.fingerprints(entity, tuple(opened.source.columns(entity.name)), MARCH) or {})

    first = look()
    assert set(first) == MARCH
    assert first[date(2026, 3, 3)] == "0 0"
    for change in (
        "UPDATE sales SET pieces = 0 WHERE store = 'a' AND pieces = 1",
        "UPDATE sales SET pieces = NULL WHERE store = 'a' AND pieces = 0",
        "UPDATE sales SET store = '' WHERE store = 'a' AND pieces IS NULL",
        "INSERT INTO sales SELECT * FROM sales WHERE store = ''",
        "DELETE FROM sales WHERE store = ''",
    ):
        before = look()
        run(change)
        after = look()
        assert {day for day in MARCH if before[day] != after[day]} == {date(2026, 3, 1)}, change


def test_postgresql_s_values_are_exact(
    postgresql: tuple[Connection, Run], write_shop: WriteShop, opening: Open
) -> None:
    place, run = postgresql
    run("""CREATE TABLE sales (at timestamptz, store bytea, pieces numeric, revenue float8, a int[], b jsonb, c interval, d timestamp);
        INSERT INTO sales VALUES ('2026-03-29 00:30:00+00', '\\x00ff', 'NaN', 0.1::float8 + 0.2, '{1,NULL}', '{"a": 1.10}', '100:00:00', 'infinity'),
         ('2026-03-28 23:30:00-01', NULL, 12345678901234567890.123456789, '-0', NULL, NULL, NULL, '2026-03-01'),
         ('infinity', NULL, 1, 1, NULL, NULL, NULL, NULL)""")
    more = 'attributes = { a = "a", b = "b", c = "c", d = "d" }\n'
    opened = opening(write_shop(SALES + more), place)
    found = read(opened)
    assert found[date(2026, 3, 29)] == [
        b"00ff\tNaN\t0.30000000000000004\t{1,NULL}\t" + b'{"a": 1.10}\tPT100H\tinfinity\t2026-03-29 00:30:00+00',
        b"\\N\t12345678901234567890.123456789\t-0\t\\N\t\\N\t\\N\t2026-03-01 00:00:00\t2026-03-29 00:30:00+00",
    ]
    assert found[NO_DAY] == [b"\\N\t1\t1\t\\N\t\\N\t\\N\t\\N\tinfinity"]
    assert types(opened) == {
        "store": "bytea hex", "pieces": "numeric", "revenue": "float8", "a": "int4[]", "b": "jsonb", "c": "interval",
        "d": "datetime", "at": "timestamptz",
    }  # fmt: skip


def test_sqlite_s_values_are_exact_whatever_their_column_says(
    sqlite: tuple[Connection, Run], write_shop: WriteShop, opening: Open
) -> None:
    place, run = sqlite
    run("""CREATE TABLE sales (at DATETIME, store, pieces INTEGER, revenue REAL);
        INSERT INTO sales VALUES ('2026-03-01', x'00ff', 9223372036854775807, 0.1 + 0.2), ('2026-03-01T23:30:00-01:00', CAST(x'ff41' AS TEXT), 'x', 1e300),
         (20260301, 'b', 1, 1), (' 2026-03-01', 'c', 1, 1), ('2026-02-30', 'd', 1, 1)""")
    opened = opening(write_shop(SALES), place)
    found = read(opened)
    assert found[date(2026, 3, 1)] == [b"00ff\t9223372036854775807\t0.30000000000000004\t2026-03-01"]
    assert found[date(2026, 3, 2)] == [b"\xffA\tx\t1e+300\t2026-03-01T23:30:00-01:00"]
    assert [line[:1] for line in found[NO_DAY]] == [b"b", b"c", b"d"]


def test_any_other_database_is_read_by_its_driver_s_values(
    mysql_database: Connection, execute: Run, write_shop: WriteShop, opening: Open
) -> None:
    execute(ROWS.format(time="DATETIME", money="DECIMAL(10,2)"))
    opened = opening(write_shop(SALES), mysql_database)
    found = read(opened)
    assert found[date(2026, 3, 1)] == [b"a\t1\t10.10\t2026-03-01 00:30:00"]
    assert {day: len(lines) for day, lines in found.items()} == {date(2026, 3, 1): 1, date(2026, 3, 2): 2, NO_DAY: 1}
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        assert reader.fingerprints(entity, ("at",), MARCH) is None, "said in the report as not covered"


def test_everything_is_of_one_snapshot_and_nothing_can_be_written(
    database: tuple[str, Connection, Run], write_shop: WriteShop, opening: Open
) -> None:
    _, place, run = database
    run(ROWS.format(time="TIMESTAMP", money="NUMERIC(10,2)"))
    opened = opening(write_shop(SALES), place)
    (entity,) = opened.source.read_entities()
    names = tuple(opened.source.columns(entity.name))
    with open_reader(opened) as reader:
        run("DELETE FROM sales")
        found = {
            read.day: len(read.lines) for read in reader.read(ReadRequest(entity=entity, columns=names, days=MARCH))
        }
    assert found == {date(2026, 3, 1): 1, date(2026, 3, 2): 2}
    writing = SALES.replace('table = "sales"', 'query = "DELETE FROM sales RETURNING *"')
    with pytest.raises((ConfigError, SourceUnavailableError)):
        read(opening(write_shop(writing), place))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('table = "sales"', 'table = "sale"'), r"store_sales.table: .* has no table 'sale'; did you mean 'sales'\?"),
        (('"revenue"', '"revenu"'), r"the source has no column 'revenu'; did you mean 'revenue'\?"),
        (('table = "sales"', 'query = "SELEC 1"'), "refuses the query: .*syntax error"),
    ],
)
def test_what_the_database_has_not_is_named(
    change: tuple[str, str], message: str, database: tuple[str, Connection, Run], write_shop: WriteShop, opening: Open
) -> None:
    _, place, run = database
    run(ROWS.format(time="TIMESTAMP", money="NUMERIC(10,2)"))
    with pytest.raises(ConfigError, match=message):
        read(opening(write_shop(SALES.replace(*change)), place))


@pytest.mark.parametrize(
    ("uri", "error", "message"),
    [
        ("postgresql://nobody:secret@{host}/postgres", ConfigError, "refuses the login|no such database"),
        ("postgresql://127.0.0.1:1/x", SourceUnavailableError, "does not answer"),
        ("sqlite:////gone/shop.db", SourceUnavailableError, "there is no such file"),
        ("oracle://a/b", ConfigError, "no driver for 'oracle'"),
    ],
)
def test_a_database_that_is_not_there(
    uri: str, error: type[Exception], message: str, server_urls: ServerUrls, write_shop: WriteShop, opening: Open
) -> None:
    url = urlsplit(server_urls.postgres)
    place = Connection.parse("a", uri.format(host=f"{url.hostname}:{url.port}"))
    with pytest.raises(error, match=message) as told, open_reader(opening(write_shop(SALES), place)):
        pass
    assert "secret" not in str(told.value)


def test_a_day_that_is_no_time_is_refused_or_told(
    database: tuple[str, Connection, Run], write_shop: WriteShop, opening: Open
) -> None:
    _, place, run = database
    run(
        "CREATE TABLE sales (at INTEGER, store TEXT, pieces INTEGER, revenue INTEGER);INSERT INTO sales VALUES (1772323200, 'a', 1, 1)"
    )
    opened = opening(write_shop(SALES), place)
    (entity,) = opened.source.read_entities()
    try:
        with open_reader(opened) as reader:
            told = " ".join(reader.sample(entity, opened.source.columns(entity.name), 5).problems)
    except ConfigError as error:
        told = str(error)
    assert "use `query` and convert it there" in told
