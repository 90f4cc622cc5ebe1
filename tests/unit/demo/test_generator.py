"""The generated shop: the same bytes for the same seed, the promised sizes, and the dirt that it declares."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from shopmine.demo.generator import DemoData, generate_demo
from shopmine.demo.master_tables import ODD_NICKNAMES, ODD_TITLES, ZERO_DATE
from shopmine.demo.reviews import ODD_REVIEWS
from shopmine.demo.schema import MYSQL_TABLES
from shopmine.demo.shop_tables import UNKNOWN_SKU
from shopmine.demo.sizes import LAST_DAY, SIZES, find_size
from shopmine.errors import ConfigError

_PRINT_HASHES = """
from test_generator import hash_tables
from shopmine.demo.generator import generate_demo
for name, value in hash_tables(generate_demo("tiny")).items():
    print(name, value)
"""


def hash_tables(data: DemoData) -> dict[str, str]:
    """Hash of each table's logical content, of what comes late, and of the truth."""
    tables = {**data.tables, **{f"late {name}": rows for name, rows in data.late.rows.items()}}
    hashes = {}
    for name, table in tables.items():
        digest = hashlib.sha256(str(table.schema).encode())
        for row in table.to_pylist():
            digest.update(repr(tuple(row.values())).encode())
        hashes[name] = digest.hexdigest()
    truth = {n: getattr(data.truth, n) for n in data.truth.__slots__}
    plain = {n: sorted(value) if isinstance(value, frozenset) else value for n, value in truth.items()}
    hashes["truth"] = hashlib.sha256(repr((plain, data.late.corrections)).encode()).hexdigest()
    return hashes


def test_the_same_seed_gives_the_same_bytes_in_another_process(tiny: DemoData) -> None:
    folders = [os.path.dirname(__file__), *sys.path]  # noqa: PTH120
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "TZ": "America/New_York",
        "PYTHONPATH": os.pathsep.join(folders),
    }
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_HASHES], env=environment, capture_output=True, text=True, check=True
    )
    there = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert there == hash_tables(tiny)


def test_another_seed_gives_another_shop_of_the_same_kind(tiny: DemoData) -> None:
    other = generate_demo("tiny", seed=7)
    assert other.tables.keys() == tiny.tables.keys()
    both = dict(hash_tables(other).items() & hash_tables(tiny).items())
    assert list(both) == ["campaign"]
    assert [table.schema for table in other.tables.values()] == [table.schema for table in tiny.tables.values()]


@pytest.mark.parametrize(
    ("size", "low", "high"), [("tiny", 6_000, 10_000), ("small", 450_000, 600_000)], ids=["tiny", "small"]
)
def test_sizes_are_as_promised(size: str, low: int, high: int, request: pytest.FixtureRequest) -> None:
    data, spec = request.getfixturevalue(size), SIZES[size]
    assert data.tables["member"].num_rows == spec.n_members
    assert data.tables["goods"].num_rows == spec.n_products + 1  # and the freight
    assert low <= data.tables["sale_order_line"].num_rows <= high


def test_every_time_is_within_the_days_of_the_shop(tiny: DemoData) -> None:
    first, end = (
        datetime.combine(day, datetime.min.time()) for day in (SIZES["tiny"].first_day, LAST_DAY + timedelta(days=1))
    )
    offset = {"session_item": 8, "cart_line": 8, "review": 8}  # these are UTC
    columns = {
        "sale_order": "created_at",
        "sale_order_line": "created_at",
        "payment": "paid_at",
        "refund": "refunded_at",
        "campaign_touch": "touched_at",
        "session_item": "at",
        "cart_line": "added_at",
        "review": "created_at",
    }
    for table, column in columns.items():
        bounds = pc.min_max(tiny.tables[table][column]).as_py()
        shift = timedelta(hours=offset.get(table, 0))
        assert first <= bounds["min"] + shift, table
        assert bounds["max"] + shift < end, table


def test_the_tables_have_the_columns_of_the_schema_and_their_keys_are_unique(tiny: DemoData) -> None:
    keys = {
        "goods_stock": ["sku", "warehouse"],
        "sale_order_line": ["order_no", "line_no"],
        "campaign_touch": ["member_id", "campaign_code", "kind"],
    }
    for name, definition in MYSQL_TABLES.items():
        table = tiny.tables[name]
        assert all(f"{column} " in definition for column in table.column_names), name
        key = keys.get(name, table.column_names[:1])
        assert table.group_by(key).aggregate([]).num_rows == table.num_rows, name


def test_the_dirt_is_there(tiny: DemoData) -> None:
    tables = tiny.tables
    assert set(ODD_NICKNAMES) <= set(tables["member"]["nickname"].to_pylist())
    assert set(ODD_TITLES) <= set(tables["goods"]["title"].to_pylist())
    assert set(ODD_REVIEWS) <= set(tables["review"]["content"].to_pylist())
    assert ZERO_DATE in tables["member"]["birthday"].to_pylist()
    assert f"{ZERO_DATE} 00:00:00" in tables["campaign"]["ends_at"].to_pylist()
    skus = tables["sale_order_line"]["sku"]
    assert pc.sum(pc.utf8_is_lower(skus)).as_py() > 10
    assert pc.sum(pc.starts_with(skus, " ")).as_py() > 10
    unknown = tables["sale_order_line"].filter(pc.equal(skus, UNKNOWN_SKU))
    assert set(unknown["order_no"].to_pylist()) == tiny.truth.unknown_product_orders
    nameless = pc.equal(pc.utf8_trim_whitespace(skus), "")
    assert pc.sum(nameless).as_py() == tiny.truth.nameless_lines
    items = tables["session_item"]
    assert items["type"].null_count == tiny.truth.untyped_events
    repeats = items.num_rows - items.group_by(items.column_names).aggregate([]).num_rows
    assert repeats == tiny.truth.resent_events > 0


def test_late_rows_are_not_there_yet_and_old_prices_still_are(tiny: DemoData) -> None:
    present = set(tiny.tables["sale_order"]["order_no"].to_pylist())
    assert not present & tiny.truth.late_orders
    assert set(tiny.late.rows["sale_order"]["order_no"].to_pylist()) == tiny.truth.late_orders
    assert {change.order_no for change in tiny.late.corrections} == tiny.truth.corrected_orders <= present
    lines = {
        (row["order_no"], row["line_no"]): row["price"]
        for row in tiny.tables["sale_order_line"].select(["order_no", "line_no", "price"]).to_pylist()
    }
    for change in tiny.late.corrections:
        assert lines[change.order_no, change.line_no] == change.price_before != change.price
    assert min(tiny.late.days) < LAST_DAY - timedelta(days=14)
    assert LAST_DAY - timedelta(days=3) < max(tiny.late.days)


def test_updated_at_is_the_moment_in_utc(tiny: DemoData) -> None:
    order = tiny.tables["sale_order"].slice(0, 1).to_pylist()[0]
    local = order["created_at"] - timedelta(hours=8)
    assert order["updated_at"].replace(tzinfo=UTC) == local.replace(tzinfo=UTC)


def test_an_unknown_size_is_named_with_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"size 'huge' is unknown; choose one of \['tiny', 'small', 'medium'\]"):
        find_size("huge")


def test_first_days_follow_from_the_last_one() -> None:
    assert {name: size.first_day for name, size in SIZES.items()} == {
        "tiny": date(2025, 3, 3),
        "small": date(2024, 1, 1),
        "medium": date(2023, 7, 1),
    }


def test_money_keeps_its_type(tiny: DemoData) -> None:
    for table, column in (("sale_order_line", "price"), ("payment", "amount"), ("goods", "list_price")):
        assert pa.types.is_decimal(tiny.tables[table].schema.field(column).type)
