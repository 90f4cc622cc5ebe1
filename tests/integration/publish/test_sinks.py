"""What the sinks write, and what they refuse to touch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pymongo
import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from shopmine.config.connections import Connection
from shopmine.errors import ConfigError, LeaseLostError, SourceUnavailableError
from shopmine.faults import arm
from shopmine.publish.sinks import files, mongodb, mysql
from shopmine.publish.sinks.tables import SinkOptions, SinkTable, Stamp, shorten_decimals

STAMP = Stamp(shop="shop", release=3, day="2011-12-09", known_at=None, content_hash="c", written="w" * 64)
ROWS = pa.table(
    {
        "customer": ["=1+1", "O'Hara \\ 漢"],
        "spend": pa.array([Decimal("1.50"), None], pa.decimal128(38, 18)),
        "score": [float("nan"), 0.1],
        "features": ['{"a": [1]}', None],
        "parents": [["a", "b"], None],
        "day": [date(2011, 12, 9)] * 2,
        "at": pa.array([datetime(2011, 12, 9, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
        "listed": [True, None],
    }
)
TABLE = SinkTable(
    name="customers",
    rows=shorten_decimals(ROWS),
    key=("customer",),
    json_columns=frozenset({"features"}),
    about="Who's who",
    comments={"customer": "the person's key"},
)


def mysql_rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    session = pymysql.connect(
        host=connection.host, port=connection.port or 3306, user=connection.user, password=connection.password,
        database=connection.database, autocommit=True,
    )  # fmt: skip
    with session, session.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def test_mysql_keeps_values_types_and_comments(mysql_database: Connection) -> None:
    assert mysql.write_tables(mysql_database, [TABLE], STAMP, SinkOptions()) == {"customers": 2}
    first, second = mysql_rows(mysql_database, "SELECT * FROM shopmine_customers ORDER BY customer")
    assert first[:6] == ("=1+1", Decimal("1.50"), None, '{"a": [1]}', '["a", "b"]', date(2011, 12, 9))
    assert (first[6].isoformat(), first[7]) == ("2011-12-09T00:00:00", 1)
    assert second[0] == "O'Hara \\ 漢"
    comments = mysql_rows(
        mysql_database,
        "SELECT column_comment FROM information_schema.columns WHERE table_name = 'shopmine_customers'"
        " AND table_schema = DATABASE() AND column_name = 'customer'",
    )
    assert comments == [("the person's key",)]
    assert mysql_rows(mysql_database, "SELECT `release`, day FROM shopmine_release") == [(3, "2011-12-09")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.none()
            | st.text(st.characters(exclude_categories=["Cs"]))
            | st.sampled_from(["\\", "'", "\\'", "\0", "%s"]),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.lists(st.none() | st.integers(-(2**31), 2**31 - 1)),
        ),
        max_size=9,
    )
)
def test_mysql_gives_back_any_text_number_and_list(mysql_database: Connection, rows: list[tuple[Any, ...]]) -> None:
    schema = pa.schema(
        [("at", pa.int64()), ("text", pa.string()), ("score", pa.float64()), ("codes", pa.list_(pa.int32()))]
    )
    columns = [[*range(len(rows))], *([*column] for column in zip(*rows, strict=True))] if rows else [[]] * 4
    table = SinkTable(name="anything", rows=pa.table(columns, schema=schema), key=("at",))
    mysql.write_tables(mysql_database, [table], STAMP, SinkOptions())
    found = mysql_rows(mysql_database, "SELECT text, score, codes FROM shopmine_anything ORDER BY at")
    assert [(text, score, None if codes is None else json.loads(codes)) for text, score, codes in found] == rows


def test_mysql_replaces_its_own_tables_only(mysql_database: Connection) -> None:
    mysql_rows(mysql_database, "CREATE TABLE own_customers (a INT)")
    with pytest.raises(ConfigError, match="table 'own_customers' was not written by Shopmine"):
        mysql.write_tables(mysql_database, [TABLE], STAMP, SinkOptions(prefix="own_"))
    assert mysql_rows(mysql_database, "SHOW TABLES") == [("own_customers",)]


def test_mysql_that_fails_halfway_leaves_what_was_there(mysql_database: Connection) -> None:
    mysql.write_tables(mysql_database, [TABLE], STAMP, SinkOptions())
    twice = SinkTable(name="segments", rows=pa.table({"segment": ["a", "a"]}), key=("segment",))
    smaller = SinkTable(name="customers", rows=ROWS.slice(0, 1), key=("customer",))
    with pytest.raises(SourceUnavailableError, match="MySQL error 1062"):
        mysql.write_tables(mysql_database, [smaller, twice], STAMP, SinkOptions())
    assert mysql_rows(mysql_database, "SELECT count(*) FROM shopmine_customers") == [(2,)]
    assert mysql.write_tables(mysql_database, [smaller], STAMP, SinkOptions()) == {"customers": 1}
    names = {name for (name,) in mysql_rows(mysql_database, "SHOW TABLES")}
    assert {"shopmine_customers", "shopmine_release"} <= names


def test_mongodb_writes_documents_and_replaces_its_own_only(mongo_database: Connection, server_urls) -> None:
    assert mongodb.write_tables(mongo_database, [TABLE], STAMP, SinkOptions()) == {"customers": 2}
    with pymongo.MongoClient(server_urls.mongo) as client:
        database = client[mongo_database.database]
        found = database.shopmine_customers.find_one({"customer": "=1+1"}, {"_id": 0})
        assert found["features"] == {"a": [1]}
        assert (found["spend"].to_decimal(), found["score"], found["parents"]) == (Decimal("1.50"), None, ["a", "b"])
        assert database.shopmine_release.find_one()["release"] == 3
        database.own_customers.insert_one({"a": 1})
        with pytest.raises(ConfigError, match="collection 'own_customers' was not written by Shopmine"):
            mongodb.write_tables(mongo_database, [TABLE], STAMP, SinkOptions(prefix="own_"))
        assert database.own_customers.count_documents({}) == 1


@pytest.mark.parametrize("sink", [mysql, mongodb])
def test_a_store_that_has_these_rows_already_is_known_and_what_differs_too(
    sink: Any, mysql_database: Connection, mongo_database: Connection, server_urls
) -> None:
    connection = mysql_database if sink is mysql else mongo_database
    options, n_rows = SinkOptions(), {"customers": 2}
    assert not sink.has_written(connection, n_rows, STAMP, options), "nothing is there yet"
    sink.write_tables(connection, [TABLE], STAMP, options)
    assert sink.has_written(connection, n_rows, STAMP, options)
    assert not sink.has_written(connection, n_rows, replace(STAMP, release=4), options)
    assert not sink.has_written(connection, n_rows, replace(STAMP, written="v" * 64), options)
    assert not sink.has_written(connection, n_rows, STAMP, SinkOptions(prefix="other_"))
    assert not sink.has_written(connection, {"customers": 2, "recommendations": 0}, STAMP, options)
    sink.remove_person(connection, ["customers"], "=1+1", options)
    assert not sink.has_written(connection, n_rows, STAMP, options), "somebody took rows away"


def test_a_mixture_of_two_releases_is_never_taken_for_one(mongo_database: Connection) -> None:
    other = replace(STAMP, release=4, written="v" * 64)
    two = [TABLE, replace(TABLE, name="recommendations")]
    mongodb.write_tables(mongo_database, two, STAMP, SinkOptions())
    arm("sink.swapped:fail")
    with pytest.raises(OSError, match="a fault that was asked for"):
        mongodb.write_tables(mongo_database, two, other, SinkOptions())
    arm(None)
    n_rows = {"customers": 2, "recommendations": 2}
    assert not mongodb.has_written(mongo_database, n_rows, STAMP, SinkOptions())
    assert not mongodb.has_written(mongo_database, n_rows, other, SinkOptions())


def test_files_are_typed_or_safe_for_spreadsheets(tmp_path) -> None:
    folder = Connection.parse("f", f"file://{quote(str(tmp_path))}/new")
    for name in ("csv", "parquet"):
        assert files.write_tables(folder, [TABLE], STAMP, SinkOptions(format=name)) == {"customers": 2}
    text = (tmp_path / "new" / "shopmine_customers.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    assert '"\'=1+1",1.50,,' in text.decode("utf-8-sig")
    stored = parquet.read_table(tmp_path / "new" / "shopmine_customers.parquet").drop_columns("score")
    assert stored.to_pylist() == TABLE.rows.drop_columns("score").to_pylist()
    assert files.remove_person(folder, ["customers"], "=1+1", SinkOptions()) == {"customers": 2}
    assert "=1+1" not in (tmp_path / "new" / "shopmine_customers.csv").read_text("utf-8-sig")


@pytest.mark.parametrize("prefix", ["", "1x", "a-b", "a`; DROP"])
def test_a_prefix_keeps_tables_apart(prefix: str) -> None:
    with pytest.raises(ConfigError, match="it keeps the written tables apart"):
        SinkOptions(prefix=prefix)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    gone = Connection.parse("shop_mysql", "mysql://shop:secret@127.0.0.1:1/shop")
    with pytest.raises(SourceUnavailableError, match=r"shop_mysql .*MySQL error 2003") as caught:
        mysql.write_tables(gone, [TABLE], STAMP, SinkOptions())
    assert "secret" not in str(caught.value)


def test_a_mongodb_user_is_looked_for_where_the_source_looks_for_it() -> None:
    gone = "mongodb://shop:secret@127.0.0.1:1/shop?directConnection=true"
    for options, source in (("", "shop"), ("&authSource=admin", "admin")):
        with mongodb._database(Connection.parse("shop_mongo", gone + options)) as database:
            assert database.client.options.pool_options._credentials.source == source


def test_a_mysql_connection_with_tls_is_written_with_tls(mysql_database: Connection) -> None:
    plain = replace(mysql_database, extra={"ssl": "true"})
    with pytest.raises(SourceUnavailableError, match=r"MySQL error 2026|MySQL error 2003"):
        mysql.write_tables(plain, [TABLE], STAMP, SinkOptions())


@pytest.mark.parametrize("kind", ["mysql", "mongodb"])
def test_a_writer_that_was_replaced_harms_nothing_and_leaves_nothing(
    kind: str, mysql_database: Connection, mongo_database: Connection, server_urls
) -> None:
    connection: Connection = mysql_database if kind == "mysql" else mongo_database
    sink: Any = mysql if kind == "mysql" else mongodb
    newer = SinkTable(name="rules", rows=pa.table({"text": ["newer"]}), key=())
    n_guards = 0

    @contextmanager
    def replaced() -> Iterator[None]:
        nonlocal n_guards
        n_guards += 1
        if n_guards == 2:
            sink.write_tables(connection, [newer], replace(STAMP, release=4), SinkOptions())
            raise LeaseLostError("another one has it")
        yield

    older = SinkTable(name="rules", rows=pa.table({"text": ["older"] * 3}), key=())
    with pytest.raises(LeaseLostError):
        sink.write_tables(connection, [older], STAMP, SinkOptions(), replaced)
    if kind == "mysql":
        assert mysql_rows(connection, "SELECT text FROM shopmine_rules") == [("newer",)]
        names = {name for (name,) in mysql_rows(connection, "SHOW TABLES")}
    else:
        with pymongo.MongoClient(server_urls.mongo) as client:
            database = client[connection.database]
            assert [row["text"] for row in database["shopmine_rules"].find()] == ["newer"]
            names = set(database.list_collection_names())
    assert names == {"shopmine_rules", "shopmine_release"}
