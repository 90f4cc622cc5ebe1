"""The real Online Retail shop from its lines to facts: the published numbers, to the line and to the cent."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from shopmine.config.days import days_between
from shopmine.prepare.tasks import prepare
from shopmine.staging.batches import BatchColumn, BatchDraft, land_batches
from shopmine.staging.leases import hold_lease
from shopmine.staging.runs import open_run

if TYPE_CHECKING:
    from shopmine.staging.database import Database

pytestmark = [pytest.mark.slow, pytest.mark.servers]

FIRST, LAST = date(2010, 12, 1), date(2011, 12, 9)
COLUMNS = {
    "InvoiceNo": "varchar(10)",
    "StockCode": "varchar(20)",
    "Description": "varchar(60)",
    "Quantity": "int(11)",
    "InvoiceDate": "datetime",
    "UnitPrice": "decimal(10,3)",
    "CustomerID": "int(11)",
    "Country": "varchar(30)",
}
EXAMPLES = Path(__file__).parents[3] / "shops" / "examples"


def lines_by_day(path: Path) -> dict[date, list[bytes]]:
    days: dict[date, list[bytes]] = defaultdict(list)
    for row in zip(*(column.to_pylist() for column in pq.read_table(path).select(list(COLUMNS)).columns), strict=True):
        invoice, code, description, quantity, at, price, customer, country = row
        texts = [invoice, code, description, str(quantity), f"{at:%F %T}", f"{price:.3f}", customer, country]
        line = "\t".join("\\N" if text is None else str(text).replace("\\", "\\\\") for text in texts)
        days[at.date()].append(line.encode())
    return days


def land(staging: Database, days: dict[date, list[bytes]]) -> None:
    drafts = [
        BatchDraft(
            source="store",
            entity="order_lines",
            day=day,
            known_at=datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1),
            known_at_assumed=True,
            columns=[BatchColumn(name=name, type=type_) for name, type_ in COLUMNS.items()],
            format="copy",
            lines=days.get(day, []),
        )
        for day in days_between(FIRST, LAST)
    ]
    with hold_lease(staging, "online_retail/store/order_lines", wait_seconds=5) as lease:
        land_batches(staging, shop="online_retail", drafts=drafts, lease=lease)


def test_the_published_numbers_come_out(
    staging: Database, online_retail_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPMINE_SHOPS", str(EXAMPLES))
    land(staging, lines_by_day(online_retail_data))
    run = open_run(staging, shop="online_retail", day=LAST, known_at=None, started_by="test", config={}).run

    start = time.process_time()
    report = prepare(staging, run)
    seconds = time.process_time() - start

    assert report["batches"] == 374
    counts = {"read": 541_909, "expanded": 541_909, "kept": 536_641, "quarantined": 0, "duplicates": 5_268}
    assert report["entities"] == {"store.order_lines": counts}
    assert seconds < 20
    with staging.snapshot() as connection:
        good = "customer IS NOT NULL AND quantity > 0 AND unit_price > 0"
        totals = connection.execute(
            sa.text(
                "SELECT count(*), round(sum(amount), 2)::text, count(DISTINCT customer), count(DISTINCT order_id),"
                " sum(coalesce((attributes ->> 'repeats')::int, 1)),"
                " round(sum(amount * coalesce((attributes ->> 'repeats')::int, 1)), 2)::text"
                f" FROM clean.order_lines WHERE {good}"
            )
        ).one()
        kinds = dict(connection.execute(sa.text("SELECT kind, count(*) FROM clean.order_lines GROUP BY kind")).all())
        n_orders = connection.execute(sa.text("SELECT count(*) FROM clean.orders")).scalar_one()
        n_customers = connection.execute(sa.text("SELECT count(*) FROM clean.customers")).scalar_one()
        n_products = connection.execute(sa.text("SELECT count(*) FROM clean.products")).scalar_one()
    assert tuple(totals) == (392_692, "8887208.89", 4_338, 18_532, 397_884, "8911407.90")
    assert kinds["return"] == 9_251
    assert set(kinds) == {"sale", "return", "adjustment", "service"}
    assert (n_orders, n_customers, n_products) == (25_900, 4_372, 3_811)

    again = open_run(staging, shop="online_retail", day=LAST, known_at=None, started_by="test", config={}).run
    assert prepare(staging, again)["batches"] == 0
