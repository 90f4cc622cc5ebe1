"""All steps that a shop's file may add, from a real source through collect and prepare to what users read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from shopmine.prepare.tasks import prepare
from shopmine.staging.artifacts import read_artifact
from shopmine.staging.runs import run_artifacts

if TYPE_CHECKING:
    from shopmine.config.shops import Shop
    from shopmine.staging.database import Database

pytestmark = pytest.mark.servers

HEAD = """
title = "Shop"
timezone = "Asia/Shanghai"
currency = "CNY"
first_day = 2026-01-01
last_day = 2026-03-31
country = "CN"
[rates.USD]
2026-01-01 = 7.0
2026-03-05 = 7.25
[synonyms.goods]
"Green Tea" = ["绿茶", "GT"]
[maps.parents]
"Green Tea" = "Tea"
Tea = "Drinks"
"""
SOURCE = """
[sources.store]
kind = "mysql"
connection = "shop_mysql"
[sources.store.entities.order_lines]
table = "sold"
day = "at"
key = ["no"]
keep = "kind <> 'adjustment'"
computed = { weekend = "isodow(ordered_at) > 5" }
lookups = { way = { column = "product", map = "parents", is_path = true } }
[sources.store.entities.order_lines.fields]
order_id = "no"
product = { column = "what", width = "half", chinese = "simplified", synonyms = "goods" }
ordered_at = "at"
quantity = { column = "grams", units = { g = 0.001, kg = 1 }, outliers = "mark" }
unit_price = { column = "price", currency = "cur", min = 0 }
discount = { column = "off", contract = "discard_value" }
kind = { default = "sale", cases = [{ is = "adjustment", product = "^FEE$" }] }
"""
TABLE = """
CREATE TABLE sold (no INT PRIMARY KEY, at DATETIME, what VARCHAR(20) CHARACTER SET utf8mb4, grams VARCHAR(9),
    price DECIMAL(10,2), cur CHAR(3), off VARCHAR(9))
"""
ROWS = """
INSERT INTO sold VALUES
    (1, '2026-03-04 10:00:00', '綠茶', '500 g', 10.00, 'USD', NULL),
    (2, '2026-03-05 10:00:00', 'ｇｔ', '2kg', 10.01, 'USD', 'none'),
    (3, '2026-03-07 10:00:00', 'Green Tea', '900kg', 3.00, NULL, '1.00'),
    (4, '2026-03-07 10:00:00', 'FEE', '1kg', 1.00, 'CNY', NULL),
    (5, '2026-03-07 10:00:00', 'GT', '1 lb', 1.00, 'CNY', NULL),
    (6, '2026-03-07 10:00:00', 'GT', '1kg', -1.00, 'CNY', NULL)
"""


def ask(staging: Database, query: str) -> list[tuple[Any, ...]]:
    with staging.snapshot() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def prepared(staging: Database) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The step's report, and the run's checks by name."""
    run = ask(staging, "SELECT max(run) FROM work.runs")[0][0]
    report = prepare(staging, run)
    checks = read_artifact(staging, run_artifacts(staging, run)["prepare_checks"]).frames["checks"].to_pylist()
    return report, {check["check_name"]: check for check in checks}


def test_what_every_step_does_is_seen_in_the_facts_the_accounts_the_checks_and_the_calendar(
    staging: Database,
    collect: Callable[..., dict[str, int]],
    execute: Callable[[str], None],
    write_shop: Callable[..., Shop],
) -> None:
    head = HEAD.replace("[rates", "gates = { max_quarantined = 1.0, max_volume = 1000.0 }\n[rates", 1)
    write_shop(SOURCE, head)
    execute(TABLE)
    usual = ", ".join(
        f"({n}, '2026-02-{1 + n % 28:02} 12:00:00', 'GT', '{1 + n % 3}kg', 5, 'CNY', NULL)" for n in range(100, 150)
    )
    execute(f"INSERT INTO sold VALUES {usual};\n{ROWS}")
    collect(7)
    report, checks = prepared(staging)

    lines = """
        SELECT order_id, product, quantity::float, unit_price::float, discount::float, attributes->>'unit_price_original',
            attributes->>'unit_price_currency', attributes->>'way', (attributes->>'weekend')::boolean
        FROM clean.order_lines WHERE day >= '2026-03-01' ORDER BY 1
    """
    way = "Drinks/Tea/Green Tea"
    assert ask(staging, lines) == [
        ("1", "Green Tea", 0.5, 70.0, None, "10.00", "USD", way, False),
        ("2", "Green Tea", 2.0, 72.5725, None, "10.01", "USD", way, False),
        ("3", "Green Tea", 900.0, 3.0, 1.0, None, None, way, True),
    ]
    aside = "SELECT row_key, discarded, reason FROM clean.quarantine ORDER BY row_key"
    assert ask(staging, aside) == [
        ("2", "discount", "discount: 'none' is not a number"),
        ("5", None, "quantity: '1' has the unit 'lb'; known are g, kg"),
        ("6", None, "unit_price: -1 is below 0"),
    ]
    counts = "SELECT sum(expanded), sum(kept), sum(quarantined), sum(duplicates), sum(filtered), sum(discarded) FROM clean.accounting WHERE is_current"
    assert ask(staging, counts) == [(56, 53, 2, 0, 1, 1)]
    told = report["entities"]["store.order_lines"]
    assert (told["filtered"], told["discarded"]) == (1, 1)

    assert checks["filtered store.order_lines"]["actual"] == "1 of 4 rows filtered out"
    assert checks["discarded_values store.order_lines"]["actual"] == "0 values of 1 kept rows"
    assert checks["outliers order_lines.quantity"]["actual"] == "1 of 1 outside"
    unusual = "SELECT row_key, value::int FROM clean.outliers"
    assert ask(staging, unusual) == [("3/1", 900)]
    with staging.transaction() as connection:  # as if the step had been killed before it told them
        connection.execute(sa.text("DELETE FROM clean.all_outliers"))
    for _ in range(2):
        prepared(staging)
        assert ask(staging, unusual) == [("3/1", 900)]
    calendar = "SELECT holiday IS NOT NULL, is_working_day FROM clean.calendar WHERE day IN ('2026-02-17', '2026-03-07') ORDER BY day"
    assert ask(staging, calendar) == [(True, False), (False, False)]
    assert ask(staging, "SELECT min(day)::text, max(day)::text FROM clean.calendar") == [("2026-01-01", "2027-12-31")]


def test_a_changed_step_prepares_the_days_again_and_an_unchanged_one_nothing(
    staging: Database,
    collect: Callable[..., dict[str, int]],
    execute: Callable[[str], None],
    write_shop: Callable[..., Shop],
) -> None:
    head = HEAD.replace("[rates", "gates = { max_quarantined = 1.0 }\n[rates", 1)
    write_shop(SOURCE, head)
    execute(f"{TABLE};\n{ROWS}")
    collect(7)
    first, _ = prepared(staging)
    collect(7)
    again, checks = prepared(staging)
    assert (first["batches"] > 0, again["batches"]) == (True, 0)

    write_shop(SOURCE, head.replace("7.25", "7.5"))
    from_the_5th = 1 + (date(2026, 3, 31) - date(2026, 3, 5)).days
    assert 0 < prepared(staging)[0]["batches"] <= from_the_5th < first["batches"], "no day before the rate's own"
    price = "SELECT unit_price::float FROM clean.order_lines WHERE order_id = '2'"
    assert ask(staging, price) == [(75.075,)]

    execute("UPDATE sold SET off = NULL;\nALTER TABLE sold MODIFY off INT")
    execute("INSERT INTO sold VALUES (7, '2026-03-20 10:00:00', 'GT', '1kg', 1.00, 'CNY', 0)")
    collect(20)
    _, checks = prepared(staging)
    assert "off was varchar" in checks["schema store.order_lines"]["actual"]
