"""A product that is deleted at the source is recommended no more, from the day on whose snapshot lacks it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.invented_shop import NAME, draft, land, land_drafts, write_shop
from harness.stages import run_day
from shopmine.staging.releases import read_release
from unit.mining.shop_of_lines import DAY, PRODUCTS, invent_lines

if TYPE_CHECKING:
    from shopmine.staging.database import Database

LATER = datetime(2024, 6, 1, tzinfo=UTC)
SNAPSHOT = """
[sources.store.entities.products]
table = "products"
day = "snapshot"
key = ["item"]
[sources.store.entities.products.fields]
product = "item"
"""
COLUMNS = {"recommendations": "product", "audiences": "product", "similar_products": "similar"}


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shop(tmp_path, monkeypatch, SNAPSHOT)


def snapshot(staging: Database, day: date, products: list[str]) -> None:
    rows = [product.encode() for product in products]
    land_drafts(staging, [draft("products", day, {"item": "varchar(20)"}, rows)])


def recommended(staging: Database, day: date) -> dict[str, set[str]]:
    """Published table -> products that it recommends; every gate has passed."""
    release = run_day(staging, NAME, day, {}, LATER).release
    return {table: set(read_release(staging, release, table)[column].to_pylist()) for table, column in COLUMNS.items()}


@pytest.mark.slow
def test_a_deleted_product_is_recommended_up_to_its_last_day_only(staging: Database) -> None:
    land(staging, invent_lines())
    gone = "p13"
    snapshot(staging, DAY - timedelta(days=1), PRODUCTS)
    snapshot(staging, DAY, [product for product in PRODUCTS if product != gone])
    today, before = recommended(staging, DAY), recommended(staging, DAY - timedelta(days=1))
    for table in COLUMNS:
        assert gone in before[table], table
        assert gone not in today[table], table
    long_ago = recommended(staging, DAY - timedelta(days=30))
    assert gone in long_ago["recommendations"], "a later snapshot does not say what was deleted before it"
    with staging.snapshot() as connection:
        shown = connection.exec_driver_sql("SELECT product FROM clean.products").scalars().all()
        assert sorted(shown) == [product for product in PRODUCTS if product != gone]


@pytest.mark.slow
def test_an_empty_snapshot_says_nothing(staging: Database) -> None:
    land(staging, invent_lines())
    snapshot(staging, DAY, [])
    assert recommended(staging, DAY)["recommendations"] <= set(PRODUCTS)
