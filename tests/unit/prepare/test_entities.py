"""Batches become rows by the definition: against an oracle in plain Python, in any order of lines and of batches."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shopmine.prepare.entities import PreparedBatch, Rules, prepare_batches
from shopmine.prepare.rows import BatchText
from unit.prepare.shops import LINE_COLUMNS, LINE_FIELDS, copy_batch, copy_line, line_rules, rules_of, shop_of

Row = tuple[str | None, ...]
LONDON = ZoneInfo("Europe/London")
ROW = st.tuples(
    st.sampled_from(["1", "2", " 2 ", "", None]),
    st.sampled_from(["a", "A", "post", "b\t", None]),
    st.sampled_from(["7", "8", None]),
    st.sampled_from(["2024-03-31 00:59:59", "2024-03-31 01:30:00", "2024-10-27 01:30:00", "2024-02-30 00:00:00", None]),
    st.sampled_from(["1", "-2", "1.5", "abc", None]),
    st.sampled_from(["2.50", "0.10", "-1", "9" * 30, None]),
)
ROWS = st.lists(ROW, max_size=12)
RULES = line_rules(attributes={"who": "member"}, rules={"sane_price": {"unit_price": ">= 0"}})
KEYED = line_rules(key=["no", "sku"], rules={})


def clean(text: str | None) -> str | None:
    return (text or "").strip() or None


def number(text: str) -> Decimal | None:
    try:
        return Decimal(text) if len(text) < 28 else None
    except InvalidOperation:
        return None


def instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=LONDON).astimezone(UTC)
    except ValueError:
        return None


def convert(row: Row) -> dict[str, Any] | None:
    """A good row's canonical values, or None."""
    texts = [clean(value) for value in row]
    if any(texts[i] is None for i in (0, 1, 3, 4, 5)):
        return None
    at, pieces, price = instant(str(texts[3])), number(str(texts[4])), number(str(texts[5]))
    if at is None or pieces is None or price is None:
        return None
    product = str(texts[1]).upper()
    kind = "return" if pieces < 0 else "service" if product == "POST" else "sale"
    price = abs(price) if kind == "return" else price
    values = {"order_id": texts[0], "product": product, "customer": texts[2], "ordered_at": at, "quantity": pieces}
    return {**values, "unit_price": price, "discount": None, "amount": pieces * price, "kind": kind}


def oracle(rows: Sequence[Row]) -> tuple[list[dict[str, Any]], int, int]:
    """Kept lines in total order, number in quarantine, number of duplicates, by the definition."""
    kept, seen, rank = [], Counter(copy_line(row) for row in rows), Counter[str]()
    quarantined = duplicates = 0
    for line in sorted(seen):
        row = next(row for row in rows if copy_line(row) == line)
        values = convert(row)
        if values is None or number(str(clean(row[5]))) < 0:
            quarantined += seen[line]
            continue
        duplicates += seen[line] - 1
        rank[values["order_id"]] += 1
        attributes = {"who": int(row[2])} if row[2] is not None else {}
        attributes |= {"repeats": seen[line]} if seen[line] > 1 else {}
        kept.append({**values, "line": rank[values["order_id"]], "attributes": attributes})
    return kept, quarantined, duplicates


def lines_of(batch: PreparedBatch) -> list[dict[str, Any]]:
    return [{**row, "attributes": json.loads(row["attributes"])} for row in batch.tables["order_lines"].to_pylist()]


def one(rows: Sequence[Row], rules: Rules = RULES) -> PreparedBatch:
    (prepared,) = prepare_batches([copy_batch(rows)], rules)
    return prepared


def plain(batch: PreparedBatch) -> object:
    tables = {name: table.to_pylist() for name, table in batch.tables.items()}
    return tables, batch.accounting, [(row.row_key, row.reason, row.original) for row in batch.quarantine]


@settings(deadline=None, max_examples=150)
@given(ROWS)
def test_lines_equal_the_definition(rows: list[Row]) -> None:
    prepared = one(rows)
    kept, quarantined, duplicates = oracle(rows)
    assert lines_of(prepared) == kept
    account = prepared.accounting
    assert (account.read, account.expanded, account.kept) == (len(rows), len(rows), len(kept))
    assert (
        (account.quarantined, account.duplicates) == (quarantined, duplicates) == (len(prepared.quarantine), duplicates)
    )
    assert account.expanded == account.kept + account.quarantined + account.duplicates


@settings(deadline=None, max_examples=100)
@given(ROWS)
def test_what_is_made_from_lines_equals_the_definition(rows: list[Row]) -> None:
    tables = one(rows).tables
    kept = oracle(rows)[0]
    orders, prices = defaultdict(list), defaultdict(Counter[Decimal])
    for row in kept:
        orders[row["order_id"]].append(row)
        prices[row["product"]][row["unit_price"]] += 1
    made = {}
    for order, lines in orders.items():
        in_time = sorted(lines, key=lambda row: row["ordered_at"])  # stable: then the total order of the source
        customer = next((row["customer"] for row in in_time if row["customer"]), None)
        made[order] = (in_time[0]["ordered_at"], customer, "done", "GBP")
    names = ("ordered_at", "customer", "status", "currency")
    assert {row["order_id"]: tuple(row[n] for n in names) for row in tables["orders"].to_pylist()} == made
    frequent = {product: min(counts, key=lambda p, c=counts: (-c[p], p)) for product, counts in prices.items()}
    assert {row["product"]: row["price"] for row in tables["products"].to_pylist()} == frequent
    customers = sorted({row["customer"] for row in kept} - {None})
    assert sorted(row["customer"] for row in tables["customers"].to_pylist()) == customers


@settings(deadline=None, max_examples=60)
@given(ROWS, st.randoms(use_true_random=False), st.sampled_from([RULES, KEYED]))
def test_any_order_of_lines_gives_the_same(rows: list[Row], random: Any, rules: Rules) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert plain(one(rows, rules)) == plain(one(shuffled, rules))


@settings(deadline=None, max_examples=60)
@given(st.lists(ROWS, min_size=1, max_size=4), st.sampled_from([RULES, KEYED]))
@example([[], [("1", "a", None, "2024-01-01 10:00:00", "1", "2.50")], []], RULES)
def test_a_batch_in_a_group_becomes_what_it_becomes_alone(batches: list[list[Row]], rules: Rules) -> None:
    together = prepare_batches([copy_batch(rows) for rows in batches], rules)
    assert [plain(batch) for batch in together] == [plain(one(rows, rules)) for rows in batches]


@settings(deadline=None, max_examples=150)
@given(ROWS)
def test_a_key_keeps_its_last_row_and_accounts_for_the_others(rows: list[Row]) -> None:
    prepared = one(rows, KEYED)
    good = [(row, values) for row in sorted(rows, key=copy_line) if (values := convert(row)) is not None]
    # Keys are compared as the source has them: " 2 " and "2" are two keys of one order.
    by_key = defaultdict(list)
    for place, (row, values) in enumerate(good):
        by_key[row[0], row[1]].append((values["ordered_at"], place, values))
    last = [max(entries, key=lambda e: e[:2])[2] for entries in by_key.values()]
    names = ("order_id", "product", "customer", "ordered_at", "quantity", "unit_price")
    distinct = sum(len({tuple(e[2][n] for n in names) for e in entries}) for entries in by_key.values())
    found = [tuple(row[n] for n in names) for row in prepared.tables["order_lines"].to_pylist()]
    assert Counter(found) == Counter(tuple(values[n] for n in names) for values in last)
    assert prepared.accounting.duplicates == len(good) - distinct
    assert prepared.accounting.quarantined == len(rows) - len(good) + distinct - len(last)


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_every_line_twice_keeps_the_same_rows(rows: list[Row]) -> None:
    once, twice = one(rows), one([*rows, *rows])
    assert (
        twice.tables["order_lines"]
        .drop_columns("attributes")
        .equals(once.tables["order_lines"].drop_columns("attributes"))
    )
    for name in ("orders", "products", "customers"):
        assert twice.tables[name].equals(once.tables[name])
    assert twice.accounting.duplicates == 2 * once.accounting.duplicates + once.accounting.kept
    assert twice.accounting.quarantined == 2 * once.accounting.quarantined


def test_every_reason_of_a_bad_row_is_told_and_its_line_kept() -> None:
    row = ("1", None, "7", "soon", "abc", "2.50")
    (rejected,) = one([row]).quarantine
    assert rejected.reason == "product: missing; ordered_at: 'soon' is not a time; quantity: 'abc' is not a number"
    assert rejected.row_key == "1"
    assert rejected.original == copy_line(row)


def test_a_broken_rule_is_named_with_its_values() -> None:
    (rejected,) = one([("1", "a", "7", "2024-01-01 00:00:00", "1", "-1.50")]).quarantine
    assert rejected.reason == "rule sane_price: unit_price is -1.5"


def test_a_key_with_other_values_is_named() -> None:
    rows = [("1", "a", "7", "2024-01-01 00:00:00", pieces, "2.50") for pieces in ("1", "2", "2")]
    prepared = one(rows, KEYED)
    assert [row["quantity"] for row in prepared.tables["order_lines"].to_pylist()] == [2]
    assert prepared.accounting.duplicates == 1
    assert [row.reason for row in prepared.quarantine] == ["key no='1', sku='a' appears with other values"]


def test_repeats_are_kept_where_the_shop_says_so() -> None:
    row = ("1", "a", "7", "2024-01-01 00:00:00", "1", "2.50")
    prepared = one([row, row], line_rules(repeats="keep"))
    assert [(r["line"], r["attributes"]) for r in prepared.tables["order_lines"].to_pylist()] == [(1, "{}"), (2, "{}")]
    assert prepared.accounting.duplicates == 0


def test_rows_without_a_day_go_to_quarantine() -> None:
    batch = copy_batch([("1", "a", "7", "2024-01-01 00:00:00", "1", "2.50"), ("1", "a", "7", None, "1", "2.50")])
    (prepared,) = prepare_batches(
        [BatchText(columns=batch.columns, format="copy", lines=batch.lines, has_day=False)], RULES
    )
    assert prepared.accounting.quarantined == 2
    assert {row.reason for row in prepared.quarantine} == {"day: at does not tell it"}


def test_a_value_that_does_not_fit_a_made_entity_sends_its_row_to_quarantine() -> None:
    shop = shop_of(
        {
            "order_lines": {
                "day": "at",
                "fields": {**line_rules().entity.model_dump()["fields"], "unit_price": "price"},
            },
            "products": {"from": "order_lines", "fields": {"product": "sku", "price": "member"}},
        }
    )
    prepared = one([("1", "a", "x", "2024-01-01 00:00:00", "1", "2.50")], rules_of(shop, "order_lines"))
    assert [row.reason for row in prepared.quarantine] == ["products.price: 'x' is not a number"]
    assert prepared.accounting.kept == 0


DOCUMENTS = {
    "day": "at",
    "unwind": "items",
    "key": ["_id"],
    "fields": {
        "order_id": "_id",
        "product": "items.sku",
        "ordered_at": "at",
        "quantity": "items.n",
        "unit_price": "items.price",
        "discount": "items.off",
        "kind": {"constant": "sale"},
    },
}


def document(number: int, *items: tuple[str, Any, str]) -> bytes:
    listed = [{"sku": sku, "n": n, "price": {"$numberDecimal": price}} for sku, n, price in items]
    at = {"$date": {"$numberLong": "1711846800000"}}
    return json.dumps({"_id": {"$oid": f"{number:024x}"}, "at": at, "items": listed}).encode()


def test_documents_are_unwound_and_their_elements_are_the_lines() -> None:
    rules = rules_of(shop_of({"order_lines": DOCUMENTS}, kind="mongodb"), "order_lines")
    lines = [
        document(1, ("a", {"$numberInt": "2"}, "1.10"), ("a", {"$numberInt": "2"}, "1.10")),
        document(2, ("b", {"$numberDouble": "0.1"}, "3"), ("c", True, "1")),
        document(3),
        b"{broken",
    ]
    (prepared,) = prepare_batches([BatchText(columns=(), format="jsonl", lines=lines)], rules)
    found = prepared.tables["order_lines"].to_pylist()
    assert [(row["order_id"][-1], row["line"], row["product"], row["amount"]) for row in found] == [
        ("1", 1, "a", Decimal("2.20")),
        ("1", 2, "a", Decimal("2.20")),
        ("2", 1, "b", Decimal("0.3")),
    ]
    account = prepared.accounting
    assert (account.read, account.expanded, account.kept, account.quarantined, account.duplicates) == (4, 5, 3, 2, 0)
    reasons = sorted(row.reason for row in prepared.quarantine)
    assert reasons[0] == "quantity: 'true' is not a number"
    assert reasons[1].startswith("the line is not a document")


def test_amount_is_the_sources_where_it_gives_one_and_less_the_discount_where_not() -> None:
    columns = (*LINE_COLUMNS, ("sum", "decimal(12,2)"), ("off", "decimal(12,2)"))
    shop = shop_of(
        {"order_lines": {"day": "at", "fields": {**FIELDS, "amount": "sum", "discount": "off"}}},
    )
    rows = [
        ("1", "a", "7", "2024-01-01 00:00:00", "3", "2.50", "7.00", "0.50"),
        ("1", "b", "7", "2024-01-01 00:00:00", "3", "2.50", None, "0.50"),
        ("1", "c", "7", "2024-01-01 00:00:00", "3", "2.50", None, None),
        ("1", "d", "7", "2024-01-01 00:00:00", "9" * 20, "9" * 20, None, None),
    ]
    (prepared,) = prepare_batches([copy_batch(rows, columns)], rules_of(shop, "order_lines"))
    amounts = [row["amount"] for row in prepared.tables["order_lines"].to_pylist()]
    assert amounts == [Decimal("7.00"), Decimal("7.00"), Decimal("7.50")]
    assert "more than 27 digits before the point" in prepared.quarantine[0].reason


FIELDS = {
    "order_id": "no",
    "product": "sku",
    "ordered_at": "at",
    "quantity": "pieces",
    "unit_price": "price",
    "kind": {"constant": "sale"},
}


@pytest.mark.parametrize("name", ["order_lines", "orders", "products", "customers"])
def test_no_batches_and_an_empty_batch_give_no_rows(name: str) -> None:
    assert prepare_batches([], RULES) == []
    assert one([]).tables[name].num_rows == 0
    assert one([]).accounting.read == 0


def test_bytes_are_never_taken_for_the_number_that_their_digits_look_like() -> None:
    row = ("1", "a", "7", "2024-05-01 10:00:00", "3132", "2.50")
    batch = copy_batch([row])
    columns = tuple((name, "varbinary hex" if name == LINE_COLUMNS[4][0] else kind) for name, kind in batch.columns)
    (prepared,) = prepare_batches([replace(batch, columns=columns)], RULES)
    assert prepared.accounting.quarantined == 1
    (bad,) = prepared.quarantine
    assert "holds bytes (varbinary), not a text" in bad.reason
    assert one([row]).accounting.kept == 1, "a text with these digits is the number"


def test_bytes_are_no_number_to_divide_by_either() -> None:
    made = {"unit_price": {"column": "price", "divided_by": "pieces"}}
    batch = copy_batch([("1", "a", "7", "2024-05-01 10:00:00", "10", "46")])
    columns = tuple((name, "varbinary hex" if name == "pieces" else kind) for name, kind in batch.columns)
    (prepared,) = prepare_batches([replace(batch, columns=columns)], line_rules(fields={**LINE_FIELDS, **made}))
    assert prepared.accounting.kept == 0
    assert "unit_price: pieces holds bytes (varbinary), not a text" in prepared.quarantine[0].reason


def test_a_value_made_of_several_columns_and_a_price_made_of_a_total() -> None:
    made = {
        "order_id": {"columns": ["no", "member"]},
        "unit_price": {"column": "price", "divided_by": "pieces"},
        "amount": "price",
    }
    rules = line_rules(fields={**LINE_FIELDS, **made})
    at = "2024-05-01 10:00:00"
    rows = [
        ("1", "a", " 7", at, "3", "46"),
        ("1", "b", None, at, "1", "5"),
        ("1", "c", "7", at, "0", "5"),
        ("2", "d", "7", at, "2", ""),
    ]
    prepared = one(rows, rules)
    (line,) = lines_of(prepared)
    assert (line["order_id"], line["unit_price"], line["amount"]) == ("1/7", Decimal("15.3333333333"), Decimal(46))
    reasons = " ".join(row.reason for row in prepared.quarantine)
    assert prepared.accounting.quarantined == 3
    assert "order_id: missing" in reasons
    assert "unit_price: '5/0' is not a number" in reasons
    assert "unit_price: missing" in reasons
