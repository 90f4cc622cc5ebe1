"""Steps that a shop's file adds: contracts, filtering, expressions, units, currencies, synonyms, forms, look-ups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopmine.config.fields import FieldConfig
from shopmine.config.shops import parse_shop
from shopmine.config.spelling import spelled_values
from shopmine.config.versions import RulesVersion
from shopmine.errors import ConfigError, DataError
from shopmine.prepare.entities import PreparedBatch, prepare_batches
from shopmine.prepare.standard import replace_synonyms, standardise
from unit.prepare.shops import LINE_COLUMNS, LINE_FIELDS, copy_batch, rules_of

DAY = date(2024, 3, 4)
RATES = {"EUR": {"2024-01-01": 0.86, "2024-03-05": 0.9}, "CNY": {"2024-01-01": "0.11"}}


def shop_of(entity: Mapping[str, Any], **parts: Any) -> Any:
    source = {
        "kind": "mysql",
        "connection": "shop_x",
        "entities": {"order_lines": {"table": "t", "day": "at", **entity}},
    }
    head = {"title": "Shop", "timezone": "Europe/London", "currency": "GBP", "first_day": date(2024, 1, 1)}
    return parse_shop("shop", {**head, "sources": {"s": source}, **parts}, origin="shop.toml")


def prepared(
    rows: Sequence[Sequence[str | None]],
    fields: Mapping[str, Any] | None = None,
    *,
    columns: Sequence[tuple[str, str]] = LINE_COLUMNS,
    parts: Mapping[str, Any] | None = None,
    **entity: Any,
) -> PreparedBatch:
    shop = shop_of({"fields": {**LINE_FIELDS, **(fields or {})}, **entity}, **(parts or {}))
    lacking = shop.sources["s"].removable("order_lines")
    batch = replace(copy_batch(rows, columns), day=DAY, lacking=lacking)
    return prepare_batches([batch], rules_of(shop, "order_lines"))[0]


def line(
    no: str = "1", sku: str = "a", pieces: str = "1", price: str | None = "2.50", member: str | None = "7"
) -> list[str | None]:
    return [no, sku, member, "2024-03-04 10:00:00", pieces, price]


def lines(found: PreparedBatch) -> list[dict[str, Any]]:
    return [{**row, "attributes": json.loads(row["attributes"])} for row in found.tables["order_lines"].to_pylist()]


def field(column: str, **settings: Any) -> dict[str, Any]:
    return {"column": column, **settings}


DISCOUNT = (*LINE_COLUMNS, ("off", "varchar(9)"))


def test_a_discarded_value_becomes_null_and_is_kept_beside_its_row() -> None:
    rows = [[*line("1"), "0.50"], [*line("2"), "half"], [*line("3", pieces="x"), "y"]]
    found = prepared(rows, {"discount": field("off", contract="discard_value")}, columns=DISCOUNT)
    assert [(row["order_id"], row["discount"]) for row in lines(found)] == [("1", Decimal("0.50")), ("2", None)]
    told = [(row.row_key, row.discarded, row.reason) for row in found.quarantine]
    assert told == [
        ("3", None, "quantity: 'x' is not a number"),
        ("2", "discount", "discount: 'half' is not a number"),
    ]
    assert found.quarantine[1].original.endswith(b"half")
    counts = found.accounting
    assert (counts.expanded, counts.kept, counts.quarantined, counts.discarded) == (3, 2, 1, 1)


def test_a_value_outside_its_bounds_is_judged_by_the_contract() -> None:
    bounds = {"min": 0, "max": "100.00"}
    rows = [line("1", price="100"), line("2", price="100.01"), line("3", price="-0.01")]
    found = prepared(rows, {"unit_price": field("price", **bounds)})
    assert [row["order_id"] for row in lines(found)] == ["1"]
    assert [row.reason for row in found.quarantine] == [
        "unit_price: 100.01 is above 100.00",
        "unit_price: -0.01 is below 0",
    ]
    with pytest.raises(DataError, match=r"order_lines.unit_price \(from price\) is frozen, but 2 rows"):
        prepared(rows, {"unit_price": field("price", contract="freeze", **bounds)})


@pytest.mark.parametrize(
    ("contract", "kept", "reason"),
    [
        ("evolve", 1, None),
        ("discard_value", 1, None),
        ("discard_row", 0, "discount: the source has no column 'off' any more"),
    ],
)
def test_a_column_that_is_gone_is_followed_as_its_contract_says(contract: str, kept: int, reason: str | None) -> None:
    found = prepared([line()], {"discount": field("off", contract=contract)})
    assert found.accounting.kept == kept
    assert [row.reason for row in found.quarantine] == ([reason] if reason else [])
    with pytest.raises(DataError, match=r"the batch lacks columns \['off'\]"):
        prepared([line()], {"discount": field("off")})


def test_rows_that_the_shop_does_not_keep_are_counted_and_make_nothing() -> None:
    rows = [line("1", price="0"), line("2"), line("3", pieces="x", price="0"), line("1", price="0")]
    found = prepared(rows, keep="amount <> 0 AND hour(ordered_at) < 22")
    assert [row["order_id"] for row in lines(found)] == ["2"]
    counts = found.accounting
    assert (counts.expanded, counts.kept, counts.quarantined, counts.duplicates, counts.filtered) == (4, 1, 1, 0, 2)


def test_expressions_make_columns_and_attributes_and_tell_what_they_cannot_compute() -> None:
    fields = {"quantity": {"expression": "CAST(pieces AS INT) * 12"}}
    found = prepared(
        [line("1"), line("2", pieces="x")], fields, computed={"each": "amount * 0.5", "late": "hour(ordered_at) > 9"}
    )
    (row,) = lines(found)
    assert (row["quantity"], row["amount"], row["attributes"]) == (12, Decimal("30.00"), {"each": 15, "late": True})
    assert [row.reason for row in found.quarantine] == ["quantity: CAST(pieces AS INT) * 12 cannot be computed"]


def test_units_are_converted_exactly_and_an_unknown_one_is_told() -> None:
    columns = (*LINE_COLUMNS, ("unit", "varchar(9)"))
    fields = {"quantity": field("pieces", unit="unit", units={"g": 0.001, "kg": 1})}
    rows = [[*line("1", pieces="1500"), "G"], [*line("2", pieces="0.3"), "kg"], [*line("3"), "lb"]]
    found = prepared(rows, fields, columns=columns)
    assert [row["quantity"] for row in lines(found)] == [Decimal("1.500"), Decimal("0.3")]
    assert [row.reason for row in found.quarantine] == ["quantity: '1' has the unit 'lb'; known are g, kg"]
    behind = prepared([line(pieces="500 g"), line("2", pieces="5")], {"quantity": field("pieces", units={"g": 0.001})})
    assert [row["quantity"] for row in lines(behind)] == [Decimal("0.500")]
    assert [row.reason for row in behind.quarantine] == ["quantity: '5' has no unit; known are g"]


def test_amounts_become_the_shops_currency_by_the_rate_of_their_day_and_keep_what_they_were() -> None:
    columns = (*LINE_COLUMNS, ("cur", "char(3)"))
    rows = [[*line("1", price="10.01"), "eur"], [*line("2"), "GBP"], [*line("3"), "USD"], [*line("4"), None]]
    found = prepared(rows, {"unit_price": field("price", currency="cur")}, columns=columns, parts={"rates": RATES})
    told = [(row["order_id"], row["unit_price"], row["attributes"]) for row in lines(found)]
    assert told == [
        ("1", Decimal("8.6086"), {"unit_price_original": "10.01", "unit_price_currency": "EUR"}),
        ("2", Decimal("2.50"), {}),
        ("4", Decimal("2.50"), {}),
    ]
    assert [row.reason for row in found.quarantine] == ["unit_price: there is no rate of 'USD' on 2024-03-04"]
    whole = prepared([line()], {"unit_price": field("price", currency="'CNY'")}, parts={"rates": RATES})
    assert lines(whole)[0]["unit_price"] == Decimal("0.275")


def test_ways_to_write_the_same_become_one() -> None:
    methods = {"Cash on Delivery": ["COD", "货到付款"], "Card": ["信用卡"]}
    fields = {"kind": field("sku", synonyms="methods", width="half", chinese="simplified")}
    rows = [line("1", "ｃｏｄ"), line("2", "貨到付款"), line("3", " 信用卡 "), line("4", "Ｇｉｆｔ　1")]
    found = prepared(rows, fields, parts={"synonyms": {"methods": methods}})
    assert [row["kind"] for row in lines(found)] == ["Cash on Delivery", "Cash on Delivery", "Card", "Gift 1"]


def test_look_ups_give_what_a_map_says_and_the_way_from_the_top() -> None:
    maps = {"parents": {"Espresso": "Coffee", "Coffee": "Drinks"}, "regions": {"a": "North"}}
    lookups = {
        "way": {"column": "product", "map": "parents", "is_path": True},
        "region": {"column": "product", "map": "regions"},
    }
    found = prepared(
        [line("1", "Espresso"), line("2", "a"), line("3", "x")],
        {"product": "sku"},
        parts={"maps": maps},
        lookups=lookups,
    )
    assert [row["attributes"] for row in lines(found)] == [{"way": "Drinks/Coffee/Espresso"}, {"region": "North"}, {}]


TEXT = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("臺灣貨發髮裡里乾干ＡａﬁŉΐǰẞİıΣς　 ")),
    max_size=12,
)


@settings(deadline=None)
@given(
    st.lists(TEXT, max_size=8, unique=True),
    st.sampled_from(["upper", "lower", None]),
    st.sampled_from(["simplified", "traditional", None]),
)
def test_a_standard_form_is_its_own_standard_form(texts: list[str], case: str | None, chinese: str | None) -> None:
    config = FieldConfig.model_validate(field("x", width="half", case=case, chinese=chinese))
    once = standardise(pa.array(texts, pa.string()), config)
    assert standardise(once, config) == once


@given(st.lists(TEXT, max_size=8), st.dictionaries(TEXT, st.lists(TEXT, max_size=3), max_size=4))
def test_replacing_synonyms_twice_is_replacing_them_once(texts: list[str], table: dict[str, list[str]]) -> None:
    try:
        spellings = spelled_values("t", table)
    except ValueError:
        return
    once = replace_synonyms(pa.array(texts, pa.string()), spellings)
    assert replace_synonyms(once, spellings) == once


ROWS = st.lists(
    st.builds(
        line,
        no=st.sampled_from("12"),
        sku=st.sampled_from("ab"),
        pieces=st.sampled_from(["1", "-2", "x", "5000"]),
        price=st.sampled_from(["2.50", "0", "y", None]),
    ),
    max_size=10,
)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.sampled_from([None, "evolve", "discard_value", "discard_row"]), st.sampled_from([None, "amount > 0"]))
def test_every_row_is_accounted_for_whatever_the_steps(
    rows: list[list[str | None]], contract: str | None, keep: str | None
) -> None:
    fields = {
        "quantity": field("pieces", max=1000),
        "discount": field("price", contract=contract, max=2),
    }
    found = prepared(rows, fields, keep=keep)
    counts = found.accounting
    assert counts.expanded == len(rows) == counts.kept + counts.quarantined + counts.duplicates + counts.filtered
    assert counts.kept == len(found.tables["order_lines"])
    assert counts.discarded == sum(row.discarded is not None for row in found.quarantine)


@pytest.mark.parametrize(
    ("entity", "parts", "message"),
    [
        ({"fields": {"quantity": {"expression": "random()"}}}, {}, r"uses 'random', which an expression may not use"),
        ({"fields": {"quantity": {"expression": "(SELECT 1)"}}}, {}, r"has a subquery"),
        ({"fields": {"quantity": {"expression": "pieces * 2"}}}, {}, r"source columns are texts here: write CAST"),
        ({"keep": "amuont > 0"}, {}, r"keep: unknown column 'amuont'; did you mean 'amount'"),
        ({"keep": "amount + 1"}, {}, r"keep: 'amount \+ 1' is DECIMAL\(38,10\), not true or false"),
        ({"computed": {"x": "read_text('/etc/passwd')"}}, {}, r"uses 'read_text'"),
        ({"fields": {"quantity": field("n", unit="u")}}, {}, r"has `unit` without `units`"),
        ({"fields": {"quantity": field("n", min=2, max=1)}}, {}, r"has min 2 above max 1"),
        ({"fields": {"product": field("n", min=2)}}, {}, r"fields.product.min: is for numbers, but product is text"),
        ({"fields": {"unit_price": field("p", currency="c")}}, {}, r"unit_price.currency: the shop has no rates"),
        ({"fields": {"unit_price": field("p", currency="'EUX'")}}, {"rates": RATES}, r"no rate of EUX; did you mean 'EUR'"),
        ({"fields": {"product": field("n", synonyms="met")}}, {"synonyms": {"meth": {}}}, r"unknown table 'met'; did you mean"),
        ({}, {"synonyms": {"m": {"a": ["x"], "b": ["Ｘ"]}}}, r"m: 'Ｘ' stands for 'a' and for 'b'"),
        ({}, {"rates": {"EUR": {"2024-01-01": 0}}}, r"rates of \['EUR'\] that are not above 0"),
        ({"lookups": {"r": {"column": "product", "map": "m"}}}, {"maps": {"n": {}}}, r"lookups.r.map: unknown map 'm'"),
        (
            {"lookups": {"r": {"column": "product", "map": "m", "is_path": True}}},
            {"maps": {"m": {"a": "b", "b": "a"}}},
            r"'m' leads in a circle at 'a'",
        ),
        (
            {"fields": {"quantity": field("n", contract="discard_value")}},
            {},
            r"quantity.contract: quantity is required, so its value cannot be discarded alone",
        ),
    ],
)  # fmt: skip
def test_a_step_that_cannot_work_is_named_when_the_file_is_read(
    entity: dict[str, Any], parts: dict[str, Any], message: str
) -> None:
    fields = {**LINE_FIELDS, **entity.pop("fields", {})}
    with pytest.raises(ConfigError, match=message):
        shop_of({"fields": fields, **entity}, **parts)


def test_a_step_changes_the_version_of_the_rules_and_none_leaves_it() -> None:
    def version(entity: Mapping[str, Any] | None = None, **parts: Any) -> str:
        found: str = shop_of({"fields": LINE_FIELDS, **(entity or {})}, **parts).rules_version("s", "order_lines")
        return found

    plain = version()
    assert version(rates=RATES, maps={"m": {"a": "b"}}) == plain, "tables that nothing uses change nothing"
    assert version({"ignore": ["x"]}) == plain
    lookups = {"r": {"column": "product", "map": "m"}}
    changed = [
        version({"keep": "amount > 0"}),
        version({"contract": "evolve"}),
        version({"lookups": lookups}, maps={"m": {"a": "b"}}),
        version({"lookups": lookups}, maps={"m": {"a": "c"}}),
    ]
    assert len({plain, *changed}) == 5


def test_a_new_rate_changes_its_own_and_later_days_only() -> None:
    def version(rates: Mapping[str, Any]) -> RulesVersion:
        fields = {**LINE_FIELDS, "unit_price": field("price", currency="cur")}
        found = shop_of({"fields": fields}, rates=rates).rules_version("s", "order_lines")
        assert isinstance(found, RulesVersion)
        return found

    before, after = version(RATES), version({**RATES, "EUR": {**RATES["EUR"], "2024-03-09": 0.91}})
    assert before != after
    for day, is_same in ((date(2024, 3, 8), True), (date(2024, 3, 9), False)):
        assert (before.of_day(day) == after.of_day(day)) is is_same
        assert (before.until(day) == after.until(day)) is is_same
    assert before.of_day(date(2024, 3, 4)) != before.of_day(date(2024, 3, 5)), "another rate, another version"
