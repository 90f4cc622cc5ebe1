"""The step against a real staging database: prepared once, corrected days again, judged, and safe to repeat."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from harness.reports import list_runs
from shopmine.config.days import NO_DAY
from shopmine.errors import DataError, GateError
from shopmine.prepare import tasks
from shopmine.prepare.judge_tasks import CHECKS
from shopmine.prepare.tasks import prepare
from shopmine.staging.artifacts import read_artifact
from shopmine.staging.batches import BatchColumn, BatchDraft, land_batches
from shopmine.staging.leases import hold_lease
from shopmine.staging.rights import list_rights
from shopmine.staging.runs import open_run, run_artifacts

if TYPE_CHECKING:
    from shopmine.staging.database import Database

pytestmark = pytest.mark.servers

DAY = date(2024, 3, 4)
SHOP = """
title = "Shop"
timezone = "Europe/London"
currency = "GBP"
first_day = 2024-01-01

[gates]
max_unreconciled = 0.0

[sources.s]
kind = "mysql"
connection = "shop_x"

[sources.s.entities.order_lines]
table = "t"
day = "at"
fields = { order_id = "no", product = "sku", ordered_at = "at", quantity = "n", unit_price = "price", kind = { constant = "sale" } }
attributes = { note = "note" }

[sources.s.entities.orders]
from = "order_lines"
fields = { order_id = "no", ordered_at = "at", store = "note" }

[sources.s.entities.payments]
table = "t"
day = "at"
key = ["id"]
fields = { payment_id = "id", order_id = "no", at = "at", amount = "paid", status = "state" }

[sources.s.entities.stock]
table = "t"
day = "snapshot"
key = ["sku"]
fields = { product = "sku", quantity = "n" }

[sources.s.entities.consents]
table = "t"
day = "snapshot"
fields = { customer = "who", kind = "what", at = "at" }
"""
COLUMNS = {
    "order_lines": {
        "no": "varchar",
        "sku": "varchar",
        "at": "datetime",
        "n": "int",
        "price": "decimal(10,2)",
        "note": "text",
    },
    "payments": {"id": "varchar", "no": "varchar", "at": "datetime", "paid": "decimal(10,2)", "state": "varchar"},
    "stock": {"sku": "varchar", "n": "int"},
    "consents": {"who": "varchar", "what": "varchar", "at": "datetime"},
}


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.toml").write_text(SHOP, encoding="utf-8")
    monkeypatch.setenv("SHOPMINE_SHOPS", str(tmp_path))


def land(db: Database, entity: str, day: date, rows: Sequence[str], *, known_days_later: int = 1) -> None:
    known_at = datetime(2024, 6, 1, tzinfo=UTC) + timedelta(days=known_days_later)
    draft = BatchDraft(
        source="s",
        entity=entity,
        day=day,
        known_at=known_at,
        known_at_assumed=False,
        columns=[BatchColumn(name=name, type=type_) for name, type_ in COLUMNS[entity].items()],
        format="copy",
        lines=["\t".join(row.split("|")).encode() for row in rows],
    )
    with hold_lease(db, "collect/shop/s", wait_seconds=5) as lease:
        land_batches(db, shop="shop", drafts=[draft], lease=lease)


def line(order: str, sku: str = "a", n: str = "1", price: str = "2.50", note: str = "\\N") -> str:
    return f"{order}|{sku}|2024-03-04 10:00:00|{n}|{price}|{note}"


def payment(number: str, order: str, paid: str) -> str:
    return f"{number}|{order}|2024-03-04 10:00:00|{paid}|paid"


def start(db: Database, day: date = DAY) -> int:
    return open_run(db, shop="shop", day=day, known_at=None, started_by="test", config={}).run


def ask(db: Database, query: str) -> list[tuple[Any, ...]]:
    with db.snapshot() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_a_day_is_prepared_once_and_a_corrected_one_again(staging: Database) -> None:
    land(staging, "order_lines", DAY, [line("1"), line("1", "b"), line("2", n="x"), line("1")])
    land(staging, "payments", DAY, [payment("p1", "1", "5.00")])
    land(staging, "stock", DAY, ["a|5", "b|7"])

    first = prepare(staging, start(staging))
    lines = {"read": 4, "expanded": 4, "kept": 2, "quarantined": 1, "duplicates": 1}
    assert first["batches"] == 3
    assert first["entities"]["s.order_lines"] == lines  # type: ignore[index, call-overload]
    kept = "SELECT order_id, line, product, amount::text, attributes->>'repeats' FROM clean.order_lines ORDER BY 1, 2"
    assert ask(staging, kept) == [("1", 1, "a", "2.50", "2"), ("1", 2, "b", "2.50", None)]
    assert ask(staging, "SELECT row_key, reason FROM clean.quarantine") == [("2", "quantity: 'x' is not a number")]
    assert ask(staging, "SELECT product, quantity::int FROM clean.stock ORDER BY 1") == [("a", 5), ("b", 7)]
    accounts = (
        "SELECT read, kept, quarantined, duplicates FROM clean.accounting WHERE entity = 'order_lines' AND is_current"
    )
    assert ask(staging, accounts) == [(4, 2, 1, 1)]

    assert prepare(staging, start(staging))["batches"] == 0

    land(staging, "order_lines", DAY, [line("1", price="5.00")], known_days_later=2)
    assert prepare(staging, start(staging))["batches"] == 1
    assert ask(staging, kept) == [("1", 1, "a", "5.00", None)]
    assert ask(staging, accounts) == [(1, 1, 0, 0)]


def test_many_days_in_small_groups_become_the_same_as_in_one(
    staging: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MOST_ROWS", 5)
    days = [DAY - timedelta(days=n) for n in range(12)]
    for n, day in enumerate(days):
        land(staging, "order_lines", day, [line(f"{n}-{i}") for i in range(n)])
    assert prepare(staging, start(staging))["batches"] == len(days)
    per_day = ask(staging, "SELECT day, count(*) FROM clean.order_lines GROUP BY day ORDER BY day DESC")
    assert per_day == [(day, n) for n, day in enumerate(days) if n]


def test_two_runs_at_once_prepare_each_batch_once(staging: Database) -> None:
    for n in range(6):
        land(staging, "order_lines", DAY - timedelta(days=n), [line(f"{n}-{i}") for i in range(3)])
    runs = [start(staging), start(staging)]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda run: prepare(staging, run), runs))
    assert sum(report["batches"] for report in reports) == 6  # type: ignore[misc]
    assert ask(staging, "SELECT count(*) FROM clean.order_lines") == [(18,)]


def test_a_column_that_older_days_lack_is_named_with_them(staging: Database, tmp_path: Path) -> None:
    land(staging, "order_lines", DAY, [line("1")])
    (tmp_path / "shop.toml").write_text(SHOP.replace('note = "note"', 'note = "remark"'), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"s\.order_lines of 2024-03-04 to 2024-03-04: the batch lacks columns \['remark'\]"
    ):
        prepare(staging, start(staging))


def test_a_snapshot_of_before_a_column_was_mapped_has_no_value_there_and_the_report_says_so(
    staging: Database, tmp_path: Path
) -> None:
    land(staging, "stock", DAY, ["a|5"])
    prepare(staging, start(staging))
    mapped = SHOP.replace('quantity = "n" }\n\n[sources.s.entities.consents]', 'quantity = "n", store = "shelf" }\n'
                          'attributes = { colour = "colour" }\n\n[sources.s.entities.consents]')  # fmt: skip
    (tmp_path / "shop.toml").write_text(mapped, encoding="utf-8")
    report = prepare(staging, start(staging))
    assert report["not_known"] == ["s.stock, read as of 2024-03-04: colour, shelf"]
    assert ask(staging, "SELECT product, store, attributes::text FROM clean.stock") == [("a", None, "{}")]


def test_a_consent_of_an_unknown_kind_lies_in_quarantine_and_the_others_hold(staging: Database) -> None:
    at = "2024-03-04 10:00:00"
    land(
        staging, "consents", DAY, [f"{n}|no_profiling|{at}" for n in range(98)] + [f"ann|silence|{at}", f"bob|\\N|{at}"]
    )
    prepare(staging, start(staging))
    reason = "kind: 'silence' is none of no_personalisation, no_profiling, deletion"
    found = ask(staging, "SELECT row_key, reason FROM clean.quarantine ORDER BY row_key")
    assert found == [("ann/silence", reason), ("bob/", "kind: missing")]
    assert len(list_rights(staging, "shop")) == 98


def test_money_that_does_not_agree_stops_the_run_and_names_the_order(staging: Database) -> None:
    land(staging, "order_lines", DAY, [line("1", note="S1"), line("2", note="S1")])
    land(staging, "payments", DAY, [payment("p1", "1", "2.50"), payment("p2", "2", "2.49")])
    run = start(staging)
    with pytest.raises(
        GateError, match=r"nothing is published for 2024-03-04.*reconciliation S1.*2: lines 2.50, paid 2.49"
    ):
        prepare(staging, run)
    (step,) = list_runs(staging, "shop", 1)[0].steps
    assert (step.step, step.state, step.detail["failed_checks"]) == ("prepare", "failed", ["reconciliation S1"])
    frames = read_artifact(staging, run_artifacts(staging, run)[CHECKS]).frames
    judged = {row["check_name"]: row["passed"] for row in frames["checks"].to_pylist()}
    assert judged["reconciliation S1"] is False
    assert judged["unpaid_orders S1"] is True
    assert judged["volume s.order_lines"] is True
    assert frames["differences"]["order_id"].to_pylist() == ["2"]
    with pytest.raises(GateError, match="reconciliation S1"):  # a retry judges the same
        prepare(staging, run)


def test_too_many_bad_rows_or_too_few_rows_stop_the_run(staging: Database) -> None:
    for week in range(1, 5):
        land(staging, "order_lines", DAY - timedelta(weeks=week), [line(f"{week}-{n}") for n in range(100)])
    land(staging, "order_lines", DAY, [line(str(n), n="x" if n < 3 else "1") for n in range(9)])
    with pytest.raises(GateError, match=r"volume s\.order_lines: 9 rows, .*; quarantined_share s\.order_lines: 33\.3%"):
        prepare(staging, start(staging))


def test_what_names_nothing_stands_twice_or_is_old_stops_the_run_where_the_shop_says_so(
    staging: Database, tmp_path: Path
) -> None:
    lenient = SHOP.replace("max_unreconciled = 0.0", "max_unreconciled = 1.0\nmax_unpaid = 1.0")
    (tmp_path / "shop.toml").write_text(lenient, encoding="utf-8")
    before = DAY - timedelta(days=1)
    land(staging, "order_lines", before, [line("1")])
    land(staging, "order_lines", DAY, [line("1"), line("2")])
    land(staging, "payments", before, [payment("p1", "9", "2.50")])
    land(staging, "payments", DAY, [])
    prepare(staging, start(staging))
    limits = "max_unknown_references = 0.0\nmax_repeated_keys = 0.4\nmax_days_without_rows = 1"
    (tmp_path / "shop.toml").write_text(lenient.replace("[gates]", f"[gates]\n{limits}"), encoding="utf-8")
    with pytest.raises(GateError) as raised:
        prepare(staging, start(staging))
    said = str(raised.value)
    assert "freshness s.payments: newest rows of 2024-03-03, 1 days before, expected rows of the last 1 days" in said
    limit = "at most 40.0% of the day's keys elsewhere too"
    assert f"key_uniqueness order_lines: 50.0%, expected {limit} (1 of 2 keys are also on {before})" in said
    assert "references" not in said, "what the orders of the lines are made of is there"
    land(staging, "payments", DAY, [payment("p2", "9", "2.50")], known_days_later=2)
    with pytest.raises(
        GateError, match=r"references payments\.order_id: 100\.0%.*1 of 1 are not in orders, such as \['9'\]"
    ):
        prepare(staging, start(staging))


def test_rows_without_a_day_lie_in_quarantine(staging: Database) -> None:
    land(staging, "order_lines", NO_DAY, ["1|a|0000-00-00 00:00:00|1|2.50|\\N"])
    land(staging, "order_lines", DAY, [line("2")])
    prepare(staging, start(staging))
    assert ask(staging, "SELECT order_id FROM clean.order_lines") == [("2",)]
    reason = "day: at does not tell it; ordered_at: '0000-00-00 00:00:00' is not a time"
    assert ask(staging, "SELECT reason FROM clean.quarantine") == [(reason,)]


def test_hostile_text_reaches_the_tables_as_it_is(staging: Database) -> None:
    notes = ["'; DROP TABLE x; --", '"quoted", text', "new\\nline", "tab\\ttab", "\\\\N", "你好 🛒", "{\\\\}", ""]
    land(staging, "order_lines", DAY, [line(str(n), note=note) for n, note in enumerate(notes)])
    prepare(staging, start(staging))
    found = [row[0] for row in ask(staging, "SELECT attributes->>'note' FROM clean.order_lines ORDER BY order_id")]
    assert found == ["'; DROP TABLE x; --", '"quoted", text', "new\nline", "tab\ttab", "\\N", "你好 🛒", "{\\}", ""]
