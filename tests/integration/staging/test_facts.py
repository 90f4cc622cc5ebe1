"""Facts: every row accounted for, nulls and numbers exact, and the newest word on a day is the current one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlalchemy as sa

from shopmine.errors import ConfigError, DataError, LeaseLostError
from shopmine.staging.batches import land_batches, newest_batches
from shopmine.staging.database import Database
from shopmine.staging.facts import Counts, Preparation, read_facts, unprepared, write_preparations
from shopmine.staging.leases import Lease
from shopmine.staging.manifests import Manifest, freeze_manifest
from shopmine.staging.runs import open_run

RULES = {("store", "order_lines"): "r1"}
NOTHING = pa.table({"row_key": pa.array([], pa.string()), "reason": pa.array([], pa.string())})
AT = datetime(2020, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def lines(orders: Sequence[str], price: str = "1.250") -> pa.Table:
    n = len(orders)
    return pa.table(
        {
            "order_id": pa.array(orders, pa.string()),
            "line": pa.array(range(n), pa.int64()),
            "product": pa.array(["p"] * n, pa.string()),
            "customer": pa.array(["" if order == "empty" else None for order in orders], pa.string()),
            "ordered_at": pa.array([AT] * n, pa.timestamp("us", tz="UTC")),
            "quantity": pa.array([Decimal(3)] * n, pa.decimal128(10, 0)),
            "unit_price": pa.array([price] * n, pa.string()),
            "amount": pa.array([Decimal("3.75")] * n, pa.decimal128(38, 6)),
            "kind": pa.array(["sale"] * n, pa.string()),
            "attributes": pa.array(['{"note": "a\\n\\"b\\""}'] * n, pa.string()),
        }
    )


def preparation(batch: int, day: int, tables: Mapping[str, pa.Table], rules: str = "r1") -> Preparation:
    n = tables["order_lines"].num_rows
    return Preparation(
        batch=batch,
        source="store",
        entity="order_lines",
        day=date(2020, 1, day),
        rules=rules,
        counts=Counts(read=n, expanded=n, kept=n, quarantined=0, duplicates=0),
        tables=tables,
        quarantine=NOTHING,
    )


def manifest(staging: Database, day: int = 9) -> Manifest:
    context = open_run(staging, shop="shop", day=date(2020, 1, day), known_at=None, started_by="a test", config={})
    return freeze_manifest(staging, context, {("store", "order_lines"): False})


def shown(staging: Database, query: str) -> list[tuple[object, ...]]:
    with staging.snapshot() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


@pytest.fixture
def days(staging: Database, lease: Lease, draft) -> list[int]:
    """Three days of batches: numbers."""
    drafts = [draft(day, [b"line"]) for day in (1, 2, 3)]
    return [landed.batch for landed in land_batches(staging, shop="shop", drafts=drafts, lease=lease)]


def test_rows_come_back_exactly(staging: Database, lease: Lease, days: list[int]) -> None:
    exact = "1.2500000001"  # as fine as `prepare` keeps it
    frames = {"order_lines": lines(["a", "empty"], price=exact)}
    prepared = [preparation(batch, day, frames) for day, batch in enumerate(days, 1)]
    write_preparations(staging, shop="shop", preparations=prepared, lease=lease)
    columns = ["day", "order_id", "customer", "ordered_at", "unit_price", "discount", "quantity", "attributes"]
    found = read_facts(staging, manifest(staging), "order_lines", columns, RULES, until=date(2020, 1, 2))
    assert found.column_names == columns
    assert min(found.to_pylist(), key=lambda row: (row["day"], row["order_id"])) == {
        "day": date(2020, 1, 1),
        "order_id": "a",
        "customer": None,
        "ordered_at": AT,
        "unit_price": Decimal(exact),
        "discount": None,
        "quantity": Decimal(3),
        "attributes": '{"note": "a\\n\\"b\\""}',
    }
    assert sorted(found.column("customer").to_pylist(), key=str) == ["", "", None, None]
    assert shown(staging, "SELECT DISTINCT unit_price::text FROM clean.order_lines") == [(exact,)]
    asked = read_facts(staging, manifest(staging), "order_lines", ["amount"], RULES, types={"amount": pa.float64()})
    assert asked.column("amount").to_pylist() == [3.75] * 6


def test_writing_twice_is_writing_once(staging: Database, lease: Lease, days: list[int]) -> None:
    prepared = [preparation(days[0], 1, {"order_lines": lines(["a"])})]
    for _ in range(2):
        write_preparations(staging, shop="shop", preparations=prepared, lease=lease)
    assert shown(staging, "SELECT count(*) FROM clean.all_order_lines") == [(1,)]
    assert [batch.batch for batch in unprepared(staging, newest_batches(staging, "shop"), RULES)] == days[1:]


def test_the_newest_batch_of_a_day_is_current_whichever_is_prepared_last(
    staging: Database, lease: Lease, draft
) -> None:
    drafts = [draft(1, [b"old"], known=2), draft(1, [b"new"], known=5)]
    old, new = (landed.batch for landed in land_batches(staging, shop="shop", drafts=drafts, lease=lease))
    for batch, order in ((new, "new"), (old, "old")):
        prepared = [preparation(batch, 1, {"order_lines": lines([order])})]
        write_preparations(staging, shop="shop", preparations=prepared, lease=lease)
    assert shown(staging, "SELECT order_id, batch FROM clean.order_lines") == [("new", new)]
    assert shown(staging, "SELECT batch, is_current FROM clean.accounting ORDER BY batch") == [
        (old, False),
        (new, True),
    ]


def test_rules_that_change_and_change_back_show_the_first_result_again(
    staging: Database, lease: Lease, days: list[int]
) -> None:
    batches = newest_batches(staging, "shop")[:1]
    for rules, price in (("r1", "1"), ("r2", "2")):
        prepared = [preparation(days[0], 1, {"order_lines": lines(["a"], price)}, rules)]
        write_preparations(staging, shop="shop", preparations=prepared, lease=lease)
        assert unprepared(staging, batches, {("store", "order_lines"): rules}) == []
    assert shown(staging, "SELECT unit_price FROM clean.order_lines") == [(2,)]
    assert unprepared(staging, batches, RULES) == batches
    again = [preparation(days[0], 1, {"order_lines": lines(["a"], "1")})]
    write_preparations(staging, shop="shop", preparations=again, lease=lease)
    assert unprepared(staging, batches, RULES) == []
    assert shown(staging, "SELECT unit_price FROM clean.order_lines") == [(1,)]
    assert shown(staging, "SELECT count(*) FROM clean.all_order_lines") == [(2,)]


def test_of_a_dimension_the_newest_version_up_to_the_day_counts(
    staging: Database, lease: Lease, days: list[int]
) -> None:
    prepared = [
        preparation(
            batch,
            day,
            {
                "order_lines": lines([]),
                "products": pa.table({"product": ["p", f"only {day}"], "name": [f"name {day}", None]}),
            },
        )
        for day, batch in enumerate(days, 1)
    ]
    write_preparations(staging, shop="shop", preparations=prepared, lease=lease)
    found = read_facts(staging, manifest(staging), "products", ["product", "name"], RULES, until=date(2020, 1, 2))
    assert found.to_pylist() == [
        {"product": "only 1", "name": None},
        {"product": "only 2", "name": None},
        {"product": "p", "name": "name 2"},
    ]
    assert shown(staging, "SELECT name FROM clean.products WHERE product = 'p'") == [("name 3",)]


def test_what_a_later_snapshot_lacks_is_gone_from_the_view_and_is_read_as_of_its_day(
    staging: Database, lease: Lease, draft
) -> None:
    rules = {("store", "products"): "r1", ("store", "order_lines"): "r1"}
    drafts = [draft(day, [b"line"], entity="products") for day in (1, 2)] + [draft(1, [b"line"])]
    first, second, sold = (n.batch for n in land_batches(staging, shop="shop", drafts=drafts, lease=lease))

    def snapshot(batch: int, day: int, *products: str) -> Preparation:
        n = len(products)
        tables = {"products": pa.table({"product": [*products]})}
        counts = Counts(read=n, expanded=n, kept=n, quarantined=0, duplicates=0)
        made = preparation(batch, day, {"order_lines": lines([])})
        return replace(made, entity="products", counts=counts, tables=tables, is_snapshot=True)

    told = {"order_lines": lines(["o"]), "products": pa.table({"product": ["p"]})}
    made = [snapshot(second, 2, "a"), preparation(sold, 1, told), snapshot(first, 1, "a", "b")]
    write_preparations(staging, shop="shop", preparations=made, lease=lease)
    assert shown(staging, "SELECT product, day FROM clean.products ORDER BY product") == [
        ("a", date(2020, 1, 2)),
        ("p", date(2020, 1, 1)),
    ]
    for day, expected in ((1, {"a", "b", "p"}), (2, {"a", "p"})):
        context = open_run(staging, shop="shop", day=date(2020, 1, day), known_at=None, started_by=f"{day}", config={})
        kinds = {("store", "products"): True, ("store", "order_lines"): False}
        frozen = freeze_manifest(staging, context, kinds)
        assert set(read_facts(staging, frozen, "products", ["product"], rules)["product"].to_pylist()) == expected


def test_quarantine_keeps_the_row_with_its_reason(staging: Database, lease: Lease, days: list[int]) -> None:
    rows = pa.table(
        {
            "row_key": ["1", None, "3"],
            "reason": ["no price", "no key", "no text"],
            "original": [b"a\tb", b"\xff\x00", None],
        }
    )
    counts = Counts(read=4, expanded=5, kept=1, quarantined=3, duplicates=1)
    prepared = replace(preparation(days[0], 1, {"order_lines": lines(["a"])}), quarantine=rows, counts=counts)
    write_preparations(staging, shop="shop", preparations=[prepared], lease=lease)
    assert shown(
        staging, "SELECT source, entity, row_key, reason, original FROM clean.quarantine ORDER BY row_key"
    ) == [
        ("store", "order_lines", "1", "no price", "a\tb"),
        ("store", "order_lines", "3", "no text", None),
        ("store", "order_lines", None, "no key", r"\377\000"),
    ]
    account = "SELECT read, expanded, kept, quarantined, duplicates, rules, known_at_assumed FROM clean.accounting"
    assert shown(staging, f"{account} WHERE is_current") == [(4, 5, 1, 3, 1, "r1", True)]
    assert len(shown(staging, f"{account} WHERE NOT is_current")) == 2


def test_what_does_not_add_up_or_fit_writes_nothing(staging: Database, lease: Lease, days: list[int]) -> None:
    good, other = (preparation(days[at], at + 1, {"order_lines": lines(["a"])}) for at in range(2))
    no_price = other.tables["order_lines"].drop_columns(["unit_price"])
    two, unlike = (
        Counts(read=2, expanded=2, kept=2, quarantined=0, duplicates=0),
        pa.table({"product": ["p"], "is": [1]}),
    )
    bad = [
        (replace(other, counts=replace(two, expanded=3)), "does not add up"),
        (replace(other, counts=two), "has 1 rows but .* kept=2"),
        (replace(other, counts=replace(two, kept=1, quarantined=1)), "0 rows in quarantine"),
        (replace(other, tables={"order_line": lines([])}), "'order_line', no canonical entity"),
        (replace(other, tables={"products": unlike}), r"products has no columns \['is'\]"),
        (replace(other, batch=99), r"shop 'shop' has no batches \[99\]"),
        (replace(other, day=date(2020, 1, 3)), r"batch 2 is store.order_lines of 2020-01-02, not .* of 2020-01-03"),
        (good, r"batch 1 is prepared twice by the rules 'r1' in one call"),
        (replace(other, tables={"order_lines": no_price}), r"refused rows for clean.all_order_lines: NotNullViolation"),
    ]
    for broken, message in bad:
        with pytest.raises(DataError, match=message):
            write_preparations(staging, shop="shop", preparations=[good, broken], lease=lease)
    with pytest.raises(LeaseLostError):
        write_preparations(staging, shop="shop", preparations=[good], lease=replace(lease, token=lease.token - 1))
    assert shown(
        staging, "SELECT (SELECT count(*) FROM clean.preparations), (SELECT count(*) FROM clean.all_order_lines)"
    ) == [(0, 0)]


def test_reading_what_is_not_prepared_or_not_there_says_so(staging: Database, lease: Lease, days: list[int]) -> None:
    frozen = manifest(staging)
    with pytest.raises(
        DataError, match="3 of 3 batches of the manifest are not prepared by these rules; run `prepare`"
    ):
        read_facts(staging, frozen, "order_lines", ["day"], RULES)
    with pytest.raises(ConfigError, match="no canonical entity 'order_line'"):
        read_facts(staging, frozen, "order_line", ["day"], RULES)
    with pytest.raises(ConfigError, match=r"order_lines has no columns \['colour'\]"):
        read_facts(staging, frozen, "order_lines", ["colour"], RULES)
    with pytest.raises(ConfigError, match=r"there are no rules for \[\('store', 'order_lines'\)\]"):
        unprepared(staging, frozen.batches, {})
    assert read_facts(staging, frozen, "orders", ["order_id", "ordered_at"], {}).num_rows == 0
