"""The ready-made shops in real servers: whole, exact, once."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from bson import Decimal128

from shopmine.config.connections import Connection
from shopmine.config.shops import Shop, load_shop, parse_shop
from shopmine.demo.demo_shop import apply_late_changes, load_demo_shop
from shopmine.demo.generator import DemoData, generate_demo
from shopmine.demo.loading import EXAMPLES, demo_shops, load_demo, shop_file
from shopmine.demo.mongo_loading import open_mongo
from shopmine.demo.mysql_loading import open_mysql
from shopmine.demo.online_retail import N_LINES, read_lines
from shopmine.errors import ConfigError, DataError, SourceUnavailableError


@pytest.fixture(scope="module")
def tiny() -> DemoData:
    return generate_demo("tiny")


@pytest.fixture
def demo_connections(mysql_database: Connection, mongo_database: Connection) -> dict[str, Connection]:
    return {"demo_mysql": mysql_database, "demo_mongo": mongo_database}


def query(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    with open_mysql(connection) as opened, opened.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def load(connections: Mapping[str, Connection], folder: Path, size: str = "tiny") -> Mapping[str, int]:
    loaded = load_demo("demo", size=size, data=None, connections=connections, files_dir=folder)
    assert loaded.last_day == date(2025, 6, 30)
    return loaded.n_rows


def test_the_demo_shop_arrives_whole_and_exact(
    demo_connections: dict[str, Connection], tmp_path: Path, tiny: DemoData
) -> None:
    n_rows = load(demo_connections, tmp_path)
    mysql, tables = demo_connections["demo_mysql"], tiny.tables
    for name in ("member", "sale_order", "sale_order_line", "payment", "refund", "campaign_touch"):
        assert query(mysql, f"SELECT count(*) FROM {name}") == [(n_rows[name],)] == [(tables[name].num_rows,)]
    columns = ["order_no", "line_no", "sku", "quantity", "price", "discount", "line_type", "created_at"]
    stored = query(mysql, f"SELECT {', '.join(columns)} FROM sale_order_line")
    generated = tables["sale_order_line"].select(columns).to_pylist()
    assert sorted(stored) == sorted(tuple(row.values()) for row in generated)
    nicknames = dict(query(mysql, "SELECT member_id, nickname FROM member"))
    generated = tables["member"].select(["member_id", "nickname"]).to_pylist()
    assert nicknames == {row["member_id"]: row["nickname"] for row in generated}
    titles = dict(query(mysql, "SELECT sku, title FROM goods"))
    assert titles == {row["sku"]: row["title"] for row in tables["goods"].to_pylist()}
    assert query(mysql, "SELECT count(*) > 0 FROM member WHERE CAST(birthday AS CHAR) = '0000-00-00'") == [(1,)]
    hours = query(mysql, "SELECT DISTINCT TIMESTAMPDIFF(HOUR, updated_at, created_at) FROM sale_order")
    assert hours == [(8,)]  # the session's zone is UTC, created_at is Shanghai's


def test_documents_are_nested_and_typed(
    demo_connections: dict[str, Connection], tmp_path: Path, tiny: DemoData
) -> None:
    n_rows = load(demo_connections, tmp_path)
    with open_mongo(demo_connections["demo_mongo"]) as database:
        assert {n: database[n].count_documents({}) for n in ("sessions", "carts", "reviews")} == {
            name: n_rows[name] for name in ("sessions", "carts", "reviews")
        }
        unwound = database["sessions"].aggregate(
            [{"$unwind": "$items"}, {"$group": {"_id": {"$type": "$items.price"}, "n": {"$sum": 1}, "of": {"$sum": "$items.price"}}}]
        )  # fmt: skip
        found = {row["_id"]: row for row in unwound}
        session = database["sessions"].find_one({"member": {"$exists": True}, "items.type": "view"})
        anonymous = database["sessions"].count_documents({"member": {"$exists": False}})
        review = database["reviews"].find_one({"rating": 5})
    assert session is not None
    assert review is not None
    items = tiny.tables["session_item"]
    prices = [price for price in items["price"].to_pylist() if price is not None]
    assert found["decimal"]["n"] == len(prices)
    assert found["decimal"]["of"] == Decimal128(sum(prices))
    assert found["missing"]["n"] == items["price"].null_count
    assert set(session["member"]) == {"id", "phone"}
    assert session["items"][0]["at"].tzinfo is not None
    assert isinstance(review["created_at"], datetime)
    assert 0.1 < anonymous / n_rows["sessions"] < 0.2


def test_files_are_readable(demo_connections: dict[str, Connection], tmp_path: Path, tiny: DemoData) -> None:
    load(demo_connections, tmp_path / "files")
    sales = pa.csv.read_csv(tmp_path / "files" / "store_sales.csv")
    assert sales.column_names == ["sale_date", "store_code", "sku", "pieces", "revenue"]
    assert sales.num_rows == tiny.tables["store_sales"].num_rows
    stats = pa.parquet.read_table(tmp_path / "files" / "channel_stats.parquet")
    assert stats.equals(tiny.tables["channel_stats"])


@pytest.mark.slow
def test_loading_twice_is_loading_once_and_another_seed_replaces_all(
    demo_connections: dict[str, Connection], tmp_path: Path
) -> None:
    mysql, mongo = demo_connections["demo_mysql"], demo_connections["demo_mongo"]
    first = load(demo_connections, tmp_path)
    with open_mysql(mysql) as opened, opened.cursor() as cursor:
        cursor.execute("CREATE TABLE shopmine_customers (customer INT)")
        cursor.execute("DELETE FROM payment")
    with open_mongo(mongo) as database:
        database["reviews"].delete_many({})
    (tmp_path / "store_sales.csv").write_text("changed", encoding="utf-8")
    assert load(demo_connections, tmp_path) == first
    assert query(mysql, "SELECT count(*) FROM payment") == [(0,)], "a second load must do nothing"
    assert (tmp_path / "store_sales.csv").read_text(encoding="utf-8") == "changed"

    other = load_demo_shop(demo_connections, tmp_path, size="tiny", seed=1)
    assert other != first
    assert query(mysql, "SELECT count(*) FROM payment") == [(other["payment"],)]
    assert query(mysql, "SELECT count(*) FROM shopmine_customers") == [(0,)], "tables of others stay"
    with open_mongo(mongo) as database:
        assert database["reviews"].count_documents({}) == other["reviews"]
    assert load(demo_connections, tmp_path) == first


def test_late_changes_arrive_once(demo_connections: dict[str, Connection], tmp_path: Path, tiny: DemoData) -> None:
    mysql = demo_connections["demo_mysql"]
    n_rows = load(demo_connections, tmp_path)
    for _ in range(2):
        late = apply_late_changes(mysql, size="tiny")
        assert late.days == tiny.late.days
        for name, rows in late.rows.items():
            assert query(mysql, f"SELECT count(*) FROM {name}") == [(n_rows[name] + rows.num_rows,)]
    prices = {(o, n): p for o, n, p in query(mysql, "SELECT order_no, line_no, price FROM sale_order_line")}
    assert all(prices[change.order_no, change.line_no] == change.price for change in late.corrections)
    changed = query(mysql, "SELECT DISTINCT order_no FROM sale_order_line WHERE updated_at = '2025-06-30 19:30:00'")
    assert {order for (order,) in changed} == tiny.truth.late_orders | tiny.truth.corrected_orders
    off = query(
        mysql,
        """SELECT l.order_no, coalesce(p.paid, 0) - coalesce(r.refunded, 0) - l.total
        FROM (SELECT order_no, sum(quantity * price - discount) total FROM sale_order_line GROUP BY order_no) l
        LEFT JOIN (SELECT order_no, sum(amount) paid FROM payment GROUP BY order_no) p USING (order_no)
        LEFT JOIN (SELECT order_no, sum(amount) refunded FROM refund GROUP BY order_no) r USING (order_no)
        WHERE coalesce(p.paid, 0) - coalesce(r.refunded, 0) <> l.total""",
    )
    assert dict(off) == dict(tiny.truth.payment_faults)


def test_late_changes_need_the_shop(mysql_database: Connection) -> None:
    with open_mysql(mysql_database) as opened, opened.cursor() as cursor:
        cursor.execute("CREATE TABLE shopmine_demo_load (fingerprint CHAR(64) PRIMARY KEY, counts TEXT NOT NULL)")
    with pytest.raises(DataError, match="does not hold the demo shop of size 'tiny'; load it first"):
        apply_late_changes(mysql_database, size="tiny")


@pytest.mark.slow
def test_online_retail_arrives_whole_and_exact(mysql_database: Connection, online_retail_data: Path) -> None:
    connections = {"online_retail_mysql": mysql_database}
    for _ in range(2):
        loaded = load_demo(
            "online_retail", size="tiny", data=online_retail_data.parents[1], connections=connections, files_dir=Path()
        )
        assert loaded.last_day == date(2011, 12, 9)
        assert loaded.n_rows == {"invoice_lines": 541_909}
    total = query(
        mysql_database,
        """SELECT count(*), sum(Quantity * UnitPrice), count(DISTINCT CustomerID), count(DISTINCT InvoiceNo),
        count(DISTINCT StockCode), sum(CustomerID IS NULL), sum(Description IS NULL), sum(UnitPrice = 0.001),
        sum(InvoiceNo LIKE 'C%'), CAST(min(InvoiceDate) AS CHAR), CAST(max(InvoiceDate) AS CHAR) FROM invoice_lines""",
    )
    assert total == [
        (
            541_909,
            Decimal("9747747.934"),
            4_372,
            25_900,
            4_070,
            135_080,
            1_454,
            4,
            9_288,
            "2010-12-01 08:26:00",
            "2011-12-09 12:50:00",
        )
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_csv_file_that_goes_round_gives_the_same_lines(
    tmp_path: Path, online_retail_data: Path, encoding: str
) -> None:
    lines = read_lines([online_retail_data])
    frame = lines.to_pandas()
    frame["InvoiceDate"] = frame["InvoiceDate"].dt.strftime("%m/%d/%Y %H:%M")
    frame["CustomerID"] = frame["CustomerID"].astype(float)
    frame.to_csv(tmp_path / "data.csv", index=False, encoding=encoding)
    assert read_lines([tmp_path / "data.csv"]).equals(lines)
    assert lines.num_rows == N_LINES


@pytest.mark.parametrize("data", [None, Path("/nowhere"), "empty"])
def test_without_the_data_the_error_says_where_to_get_it(data: Path | None, tmp_path: Path) -> None:
    connections = {"online_retail_mysql": Connection.parse("online_retail_mysql", "mysql://u:secret@127.0.0.1:1/x")}
    folder = tmp_path if data == "empty" else data
    with pytest.raises(ConfigError, match=r"https://archive\.ics\.uci\.edu/dataset/352.*--data FOLDER"):
        load_demo("online_retail", size="tiny", data=folder, connections=connections, files_dir=tmp_path)


def test_a_server_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    connections = {
        "demo_mysql": Connection.parse("demo_mysql", "mysql://u:secret@127.0.0.1:1/demo"),
        "demo_mongo": Connection.parse("demo_mongo", "mongodb://127.0.0.1:1/demo"),
    }
    with pytest.raises(SourceUnavailableError, match="demo_mysql") as error:
        load(connections, tmp_path)
    assert "secret" not in str(error.value)


def test_what_is_unknown_or_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"no ready-made shop 'nope'; there are \[.*'demo', 'foodmart', 'online_retail', 'ta_feng'"
    ):
        load_demo("nope", size="tiny", data=None, connections={}, files_dir=tmp_path)
    with pytest.raises(ConfigError, match="demo_mysql"):
        load({}, tmp_path)
    with pytest.raises(ConfigError, match="size 'huge'"):
        load({}, tmp_path, size="huge")


@pytest.mark.parametrize("name", demo_shops())
def test_every_example_is_a_right_shop_file(name: str) -> None:
    shop = load_shop(name, EXAMPLES)
    assert all(connection.startswith(name) or connection == "shopmine_staging" for connection in shop.connection_ids())


@pytest.mark.parametrize(
    ("size", "first_day"), [("tiny", date(2025, 3, 3)), ("small", date(2024, 1, 1)), ("medium", date(2023, 7, 1))]
)
def test_the_demo_shops_file_begins_with_the_first_day_of_its_size(size: str, first_day: date) -> None:
    import tomllib

    shop: Shop = parse_shop("demo", tomllib.loads(shop_file("demo", size=size)), origin="demo.toml")
    assert (shop.first_day, shop.last_day) == (first_day, date(2025, 6, 30))
