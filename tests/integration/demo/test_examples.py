"""The example files map what the ready-made shops hold: looked at by `check`, then collected and prepared whole."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shopmine.collect.preview import preview_source
from shopmine.collect.tasks import collect_source
from shopmine.config.connections import Connection
from shopmine.config.shops import load_shop
from shopmine.demo.demo_shop import apply_late_changes
from shopmine.demo.dumps import split_statements
from shopmine.demo.generator import generate_demo
from shopmine.demo.loading import EXAMPLES, LoadedDemo, demo_shops, load_demo
from shopmine.demo.mysql_loading import open_mysql
from shopmine.errors import ConfigError, DataError
from shopmine.prepare.tasks import prepare
from shopmine.staging.database import Database
from shopmine.staging.runs import open_run


class LoadedShop:
    """A ready-made shop in the test's databases, and a staging database to collect it into."""

    def __init__(self, name: str, connections: dict[str, Connection], staging: Database, data: Path | None) -> None:
        self.name, self.staging = name, staging
        key = Connection.parse(f"{name}_key", "generic://:a-key-of-tests-0123456789@")
        files = connections["shop_files"]
        self.connections = {
            f"{name}_mysql": connections["shop_mysql"],
            f"{name}_mongo": connections["shop_mongo"],
            f"{name}_files": files,
            f"{name}_key": key,
        }
        self.data = data
        self.loaded = self.load()
        self.shop = load_shop(name)

    def load(self) -> LoadedDemo:
        folder = self.connections[f"{self.name}_files"].folder
        return load_demo(self.name, size="tiny", data=self.data, connections=self.connections, files_dir=folder)

    def run(self) -> dict[str, Any]:
        """Collect and prepare the last day; what `prepare` reports."""
        day = self.loaded.last_day
        run = open_run(self.staging, shop=self.name, day=day, known_at=None, started_by="test", config={}).run
        for source in self.shop.sources:
            collect_source(self.staging, run, source, self.connections)
        return prepare(self.staging, run)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        url = self.staging.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url) as connection:
            return connection.execute(sql.encode()).fetchall()


@pytest.fixture
def loaded(
    request: pytest.FixtureRequest,
    connections: dict[str, Connection],
    staging: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> LoadedShop:
    monkeypatch.setenv("SHOPMINE_SHOPS", str(EXAMPLES))
    name = request.param
    data = None if name == "demo" else request.getfixturevalue("online_retail_data").parents[1]
    folder = name if name in ("foodmart", "ta_feng") else f"sql_{name}"
    if name not in ("demo", "online_retail") and not (data / folder).is_dir():
        pytest.skip(f"the folder {folder} is not beside online_retail; name the folder of both in SHOPMINE_DATA")
    return LoadedShop(name, connections, staging, data)


@pytest.mark.slow
@pytest.mark.parametrize("loaded", demo_shops(), indirect=True)
def test_a_look_at_every_source_finds_no_problem(loaded: LoadedShop) -> None:
    for source in loaded.shop.sources:
        preview = preview_source(loaded.shop, source, loaded.connections, 3)
        assert preview.all_problems() == []
        assert all(entity.rows for entity in preview.entities)


@pytest.mark.slow
@pytest.mark.parametrize("loaded", ["demo"], indirect=True)
def test_the_demo_shop_is_mapped_whole_and_only_declared_rows_are_set_aside(loaded: LoadedShop) -> None:
    report, data = loaded.run(), generate_demo("tiny")
    truth, n_rows = data.truth, loaded.loaded.n_rows
    counts = report["entities"]
    assert counts["shop.order_lines"]["quarantined"] == truth.nameless_lines
    assert counts["behaviour.events"]["quarantined"] == truth.untyped_events
    assert counts["behaviour.events"]["duplicates"] == truth.resent_events
    assert sum(entity["quarantined"] for entity in counts.values()) == truth.nameless_lines + truth.untyped_events
    for entity, table in (
        ("customers", "member"),
        ("products", "goods"),
        ("payments", "payment"),
        ("touches", "campaign_touch"),
    ):
        assert loaded.query(f"SELECT count(*) FROM clean.{entity}") == [(n_rows[table],)]
    assert loaded.query("SELECT count(*) FROM clean.order_lines WHERE product <> upper(btrim(product))") == [(0,)]
    unknown = loaded.query(
        "SELECT DISTINCT order_id FROM clean.order_lines l WHERE NOT EXISTS "
        "(SELECT FROM clean.products p WHERE p.product = l.product)"
    )
    assert {order for (order,) in unknown} == truth.unknown_product_orders
    unlisted = loaded.query("SELECT product FROM clean.products WHERE NOT listed AND kind = 'goods'")
    assert {product for (product,) in unlisted} == truth.unlisted_products
    phones = "13800138000|13912345678|buyer@example|angry@example"
    assert loaded.query(
        f"SELECT (SELECT count(*) FROM clean.orders WHERE attributes->>'remark' ~ '{phones}'), "
        f"(SELECT count(*) FROM clean.reviews WHERE text ~ '{phones}'), "
        "(SELECT count(*) FROM clean.customers WHERE attributes->>'phone' !~ '^[0-9a-f]{64}$')"
    ) == [(0, 0, 0)]
    same_person = loaded.query(
        "SELECT count(*) FROM clean.events e JOIN clean.customers c USING (customer) "
        "WHERE e.attributes ? 'phone' AND e.attributes->>'phone' <> c.attributes->>'phone'"
    )
    assert same_person == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize("loaded", ["demo"], indirect=True)
def test_late_rows_of_the_last_days_are_collected_by_the_next_run(loaded: LoadedShop) -> None:
    loaded.run()
    late = apply_late_changes(loaded.connections["demo_mysql"], size="tiny")
    loaded.run()
    recent = max(late.days).toordinal() - loaded.shop.sources["shop"].lookback_days
    rows = late.rows["sale_order"].to_pylist()
    wanted = {row["order_no"] for row in rows if row["created_at"].toordinal() > recent}
    found = loaded.query("SELECT order_id FROM clean.orders")
    assert len(wanted) >= 4
    assert wanted <= {order for (order,) in found}
    prices = dict(loaded.query("SELECT order_id, unit_price FROM clean.order_lines WHERE line = 1"))
    corrected = [change for change in late.corrections if change.day.toordinal() > recent]
    assert len(corrected) >= 4
    assert all(prices[change.order_no] == change.price for change in corrected)


@pytest.mark.slow
@pytest.mark.parametrize("loaded", ["online_retail"], indirect=True)
def test_online_retail_is_mapped_whole_and_its_kinds_are_right(loaded: LoadedShop) -> None:
    report = loaded.run()
    counts = report["entities"]["store.order_lines"]
    assert counts == {"read": 541_909, "expanded": 541_909, "kept": 536_641, "quarantined": 0, "duplicates": 5_268}
    kinds = dict(loaded.query("SELECT kind, count(*) FROM clean.order_lines GROUP BY kind"))
    assert kinds == {"sale": 522_443, "return": 9_251, "adjustment": 2_493, "service": 2_454}
    wrong = "(quantity <= 0 OR unit_price <= 0 OR product ~ '^[A-Z]')"
    wrong_sales = f"SELECT DISTINCT product FROM clean.order_lines WHERE kind = 'sale' AND {wrong}"
    assert {product[:4] for (product,) in loaded.query(wrong_sales)} == {"DCGS"}  # goods of a second brand
    for entity, n in (("orders", 25_900), ("customers", 4_372), ("products", 3_811)):
        assert loaded.query(f"SELECT count(*) FROM clean.{entity}") == [(n,)]
    cancelled = "SELECT count(*) FROM clean.orders WHERE status = 'cancelled'"
    assert loaded.query(cancelled) == [(3_836,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loaded", "n_rows", "amount"),
    [
        ("chinook", {"customers": 59, "products": 3_503, "orders": 412, "order_lines": 2_240}, Decimal("2328.60")),
        ("classicmodels", {"customers": 122, "products": 110, "orders": 326, "order_lines": 2_996}, Decimal("9604190.61")),
    ],
    indirect=["loaded"],
)  # fmt: skip
def test_other_schemas_are_mapped_by_their_files_alone(
    loaded: LoadedShop, n_rows: dict[str, int], amount: Decimal
) -> None:
    tables = loaded.loaded.n_rows
    assert loaded.load() == loaded.loaded, "a second load must do nothing"
    assert sum(tables.values()) > sum(n_rows.values())
    loaded.run()
    for entity, n in n_rows.items():
        assert loaded.query(f"SELECT count(*) FROM clean.{entity}") == [(n,)]
    assert loaded.query("SELECT sum(amount) FROM clean.order_lines") == [(amount,)]
    assert loaded.query("SELECT count(*) FROM clean.quarantine") == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize("loaded", ["foodmart"], indirect=True)
def test_foodmart_is_as_its_readme_and_its_own_database_say(loaded: LoadedShop) -> None:
    tables = loaded.loaded.n_rows
    told = {
        "sales_fact_1997": 86_837,
        "sales_fact_dec_1998": 18_325,
        "customer": 10_281,
        "product": 1_560,
        "promotion": 1_864,
    }
    assert {name: tables[name] for name in told} == told
    loaded.run()
    account = "SELECT sum(read), sum(expanded), sum(kept), sum(quarantined), sum(duplicates) FROM clean.accounting WHERE entity = "
    n_lines = tables["sales_fact_1997"] + tables["sales_fact_dec_1998"]
    for entity, n in (("order_lines", n_lines), ("customers", 10_281), ("products", 1_560), ("campaigns", 1_864)):
        assert loaded.query(f"{account}'{entity}'") == [(n, n, n, 0, 0)]
        assert loaded.query(f"SELECT count(*) FROM clean.{entity}") == [(n,)]
    with open_mysql(loaded.connections["foodmart_mysql"]) as opened, opened.cursor() as cursor:
        cursor.execute(
            "SELECT DATE_FORMAT(the_date, '%Y-%m'), SUM(store_sales), SUM(unit_sales), COUNT(DISTINCT customer_id, store_id, time_id) "
            "FROM (SELECT * FROM sales_fact_1997 UNION ALL SELECT * FROM sales_fact_dec_1998) s JOIN time_by_day USING (time_id) "
            "GROUP BY 1 ORDER BY 1"
        )
        source = list(cursor.fetchall())
    assert len(source) == 13
    assert (
        loaded.query(
            "SELECT to_char(day, 'YYYY-MM'), sum(amount), sum(quantity), count(DISTINCT order_id) FROM clean.order_lines GROUP BY 1 ORDER BY 1"
        )
        == source
    )
    assert loaded.query("SELECT count(*) FROM clean.orders") == [(sum(row[3] for row in source),)]


@pytest.mark.slow
@pytest.mark.parametrize("loaded", ["ta_feng"], indirect=True)
def test_ta_feng_is_as_its_readme_and_its_own_file_say(loaded: LoadedShop) -> None:
    import duckdb

    assert sum(loaded.loaded.n_rows.values()) == 817_741
    loaded.run()
    account = "SELECT sum(read), sum(expanded), sum(kept), sum(quarantined), sum(duplicates) FROM clean.accounting"
    assert loaded.query(account) == [(817_741, 817_741, 817_741, 0, 0)]
    for entity, n in (("customers", 32_266), ("products", 23_812)):
        assert loaded.query(f"SELECT count(*) FROM clean.{entity}") == [(n,)]
    file = loaded.connections["ta_feng_files"].folder / "ta_feng.parquet"
    in_days = "count(*), sum({amount}), sum({pieces}), count(DISTINCT {customer}) FROM {table} GROUP BY 1 ORDER BY 1"
    source = f"CAST(TRANSACTION_DT AS DATE), {in_days}".format(
        amount="SALES_PRICE", pieces="AMOUNT", customer="CUSTOMER_ID", table=f"read_parquet('{file}')"
    )
    clean = f"day, {in_days}".format(amount="amount", pieces="quantity", customer="order_id", table="clean.order_lines")
    expected = duckdb.sql(f"SELECT {source}").fetchall()
    assert len(expected) == 120
    assert loaded.query(f"SELECT {clean}") == expected
    assert loaded.query(
        "SELECT count(*) FROM clean.order_lines WHERE abs(unit_price * quantity - amount) > 0.00001"
    ) == [(0,)]


def test_a_dump_is_split_at_the_ends_of_statements_only() -> None:
    text = """-- a comment; with a semicolon
    CREATE TABLE `a;b` (x INT); /* another;
    one */ INSERT INTO `a;b` VALUES ('it''s; \\'so\\''), ("q;"); # last; one
    SELECT 1 - 2 / 3"""
    assert list(split_statements(text)) == [
        "CREATE TABLE `a;b` (x INT)",
        "INSERT INTO `a;b` VALUES ('it''s; \\'so\\''), (\"q;\")",
        "SELECT 1 - 2 / 3",
    ]


def test_a_dump_that_does_more_than_fill_tables_is_refused(mysql_database: Connection, tmp_path: Path) -> None:
    dump = tmp_path / "Chinook_MySql.sql"
    dump.write_text("CREATE TABLE a (x INT); GRANT ALL ON *.* TO someone;", encoding="utf-8")
    connections = {"chinook_mysql": mysql_database}
    with pytest.raises(DataError, match="only making and filling tables is run from a dump"):
        load_demo("chinook", size="", data=tmp_path, connections=connections, files_dir=tmp_path)
    with pytest.raises(ConfigError, match=r"needs Chinook_MySql\.sql, which is not in .*lerocha/chinook-database"):
        load_demo("chinook", size="", data=tmp_path / "other", connections=connections, files_dir=tmp_path)
