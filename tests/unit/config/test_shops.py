"""A shop's file: what is read from it, and that every mistake is named with its key and what would be right."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from shopmine.config.fields import Condition
from shopmine.config.shops import Shop, list_shops, load_shop, parse_shop
from shopmine.errors import ConfigError, NotFoundError

SHOP = """
title = "Corner shop"
timezone = "Europe/London"
currency = "GBP"
first_day = 2010-12-01
last_day = 2011-12-09

[sources.store]
kind = "mysql"
connection = "corner_mysql"

[sources.store.entities.order_lines]
table = "invoice_lines"
day = "InvoiceDate"
personal = { Email = "hash" }

[sources.store.entities.order_lines.fields]
order_id = "InvoiceNo"
product = { column = "StockCode", case = "upper" }
quantity = "Quantity"
unit_price = "UnitPrice"
ordered_at = "InvoiceDate"
customer = "Email"
kind = { default = "sale", cases = [ { is = "return", order_id = "^C" }, { is = "adjustment", quantity = "< -1.5" } ] }

[sources.store.entities.order_lines.attributes]
country = "Country"

[sources.store.entities.order_lines.rules]
positive_price = { unit_price = ">= 0" }

[sources.store.entities.products]
from = "order_lines"

[sources.store.entities.products.fields]
product = { column = "StockCode", case = "upper" }
name = "Description"

[models.segments]
n_clusters = 6

[sinks.store]
kind = "mysql"
connection = "corner_mysql"
tables = ["customers"]
"""
MONGO = """
title = "Events"
timezone = "Asia/Shanghai"
currency = "CNY"
first_day = 2026-01-01
[sources.app]
kind = "mongodb"
connection = "app_mongo"
[sources.app.entities.events]
collection = "events"
day = "at"
[sources.app.entities.events.fields]
event_id = "_id"
type = "type"
at = "at"
"""


def shop(text: str = SHOP) -> Shop:
    return parse_shop("corner", tomllib.loads(text), origin="corner.toml")


def test_a_shops_file_becomes_typed_settings() -> None:
    corner = shop()
    lines = corner.sources["store"].entities["order_lines"]
    assert corner.sources["store"].timezone == "Europe/London"
    assert [entity.name for entity in corner.sources["store"].derived("order_lines")] == ["products"]
    assert [entity.name for entity in corner.sources["store"].read_entities()] == ["order_lines"]
    expected = ["InvoiceNo", "StockCode", "Quantity", "UnitPrice", "InvoiceDate", "Email", "Country", "Description"]
    assert corner.sources["store"].columns("order_lines") == expected
    cases = lines.fields["kind"].cases
    assert cases[0].conditions == (Condition(column="order_id", pattern="^C"),)
    assert cases[1].conditions == (Condition(column="quantity", operator="<", number=Decimal("-1.5")),)
    assert lines.canonical.person == "customer"
    assert corner.models["segments"] == {"n_clusters": 6}
    assert corner.connection_ids() == ["shopmine_staging", "corner_mysql", "corner_key"]


def test_the_rules_version_follows_the_mapping_and_not_the_place_of_the_rows() -> None:
    version = shop().rules_version("store", "order_lines")
    assert version == shop(SHOP.replace('"invoice_lines"', '"other_table"')).rules_version("store", "order_lines")
    for old, new in [
        ('case = "upper"', 'case = "lower"'),
        ('name = "Description"', 'name = "Text"'),
        ("London", "Paris"),
    ]:
        assert version != shop(SHOP.replace(old, new)).rules_version("store", "order_lines")
    assert shop().config_hash("models", "segments") != shop(SHOP.replace("= 6", "= 7")).config_hash(
        "models", "segments"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('currency = "GBP"', 'curency = "GBP"', r"corner.toml: curency: unknown key 'curency'; did you mean 'currency'\?"),
        ('table = "inv', 'tabel = "inv', r"sources.store.entities.order_lines.tabel: .* did you mean 'table'\?"),
        ("case = ", "cas = ", r"fields.product.cas: unknown key 'cas'; did you mean 'case'\?"),
        ("entities.products", "entities.product", r"entities.product: unknown entity 'product'; did you mean 'products'\?"),
        ("order_id =", "orderid =", r"fields.orderid: unknown column 'orderid' of order_lines; did you mean 'order_id'\?"),
        ('quantity = "Quantity"\n', "", r"order_lines.fields.quantity: is required; map it"),
        ('from = "order_lines"', 'from = "order_line"', r"products.from: unknown entity 'order_line'; did you mean"),
        ('from = "order_lines"', 'from = "order_lines"\nonly = { knd = "^sale$" }', r"products.only: unknown column 'knd'; did you mean 'kind'\?"),
        ('table = "inv', 'only = { kind = "^sale$" }\ntable = "inv', r"order_lines.only: goes with `from`"),
        ('from = "order_lines"', 'from = "order_lines"\nday = "x"', r"products.day: belongs to 'order_lines'"),
        ('"^C"', '"(?=C)"', r"fields.kind.cases: '\(\?=C\)' is no regular expression \(RE2\)"),
        ('order_id = "^C"', 'kind = "^C"', r"fields.kind.cases: unknown column 'kind'"),
        ('order_id = "^C"', 'order_id = "> 3"', r"order_id is text, so it cannot be compared with the number 3"),
        ('quantity = "< -1.5"', 'quantity = "^-"', r"quantity is numeric, so a pattern cannot test it"),
        (', order_id = "^C" }', " }", r"fields.kind.*a case needs `is` and at least one condition"),
        ("last_day = 2011", "last_day = 2009", r"last_day 2009-12-09 is before first_day 2010-12-01"),
        ('connection = "c', 'lookback_days = 0\nconnection = "c', r"store.lookback_days: 0 does not fit: .*greater than or equal to 1"),
        ("Europe/London", "Europe/Londn", r"timezone: unknown time zone 'Europe/Londn'; did you mean 'Europe/London'\?"),
        ('kind = "mysql"\nconnection = "corner_mysql"\n\n', 'kind = "mysq"\nconnection = "x"\n', r"store.kind: unknown kind 'mysq'; did you"),
        ('day = "InvoiceDate"', "", r"order_lines.day: order_lines are facts: say which source column"),
        ('day = "InvoiceDate"', 'day = "snapshot"', r"order_lines.day: order_lines are facts"),
        ('table = "inv', 'query = "SELECT 1"\ntable = "inv', r"order_lines: says 2 times where to read"),
        ('table = "inv', 'collection = "inv', r"order_lines.collection: is no setting of a mysql source; it has table, query"),
        ('Email = "hash"', 'Emial = "hash"', r"personal.Emial: nothing reads this column; did you mean 'Email'\?"),
        ('Email = "hash"', 'Email = "drop"', r"personal.Email: is dropped, but 'Email' is used; hash it"),
        ('Email = "hash"', 'Email = "encrypt"', r"personal.Email: 'encrypt' does not fit"),
        ('unit_price = ">= 0"', 'price = ">= 0"', r"rules.positive_price: unknown column 'price'"),
        ('title = "Corner shop"', "", r"title: is missing"),
        ('title = "Corner shop"', 'title = "x"\nname = "y"', r"unknown key 'name'; a shop is named by its file"),
        ("{ column = \"StockCode\", case = \"upper\" }\nquantity", "{ trim = false }\nquantity", r"fields.product: says nothing"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_key_and_what_would_be_right(old: str, new: str, message: str) -> None:
    assert old in SHOP
    with pytest.raises(ConfigError, match=message):
        shop(SHOP.replace(old, new))


def test_what_names_a_task_is_written_in_small_letters() -> None:
    with pytest.raises(ConfigError, match=r"\['sources.Store-1'\] cannot name a task; use a-z"):
        shop(SHOP.replace("[sources.store", "[sources.Store-1"))


def test_day_from_name_belongs_to_files() -> None:
    with pytest.raises(ConfigError, match=r"events\.day_from_name: is no setting of a mongodb source"):
        shop(MONGO.replace('day = "at"', "day_from_name = '(.*)'"))


def test_every_problem_is_told_at_once() -> None:
    text = SHOP.replace("orderid", "x").replace('quantity = "Quantity"\n', "").replace('"^C"', '"("')
    with pytest.raises(ConfigError) as caught:
        shop(text)
    assert len(str(caught.value).splitlines()) == 3


def test_files_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "corner.toml").write_text(SHOP)
    (tmp_path / "broken.toml").write_text("title = \n")
    (tmp_path / "_notes.toml").write_text("")
    assert list_shops(tmp_path) == ["broken", "corner"]
    assert load_shop("corner", tmp_path).title == "Corner shop"
    with pytest.raises(NotFoundError, match=r"no shop 'cornr' .* did you mean 'corner'\?"):
        load_shop("cornr", tmp_path)
    with pytest.raises(ConfigError, match=r"broken.toml is not valid TOML: .*line 1"):
        load_shop("broken", tmp_path)
    with pytest.raises(ConfigError, match=r"'\.\./x' is not right"):
        load_shop("../x", tmp_path)


@pytest.mark.parametrize("path", ["/etc/*.csv", "../other/*.csv", "a/../../b.csv", "a/..", "", ".", "a/b**.csv"])
def test_a_path_leads_into_the_connections_folder(path: str) -> None:
    entity = {"path": path, "day": "day", "fields": {"store": "a", "quantity": "b", "amount": "c"}}
    file = {
        **tomllib.loads(SHOP),
        "sources": {"a": {"kind": "files", "connection": "c", "entities": {"store_sales": entity}}},
    }
    with pytest.raises(ConfigError, match=r"sources\.a\.entities\.store_sales\.path: .*like 'sales/") as caught:
        parse_shop("corner", file, origin="corner.toml")
    assert repr(path) in str(caught.value)
    for right in ("a.csv", "sales/**/*.csv", "./sales/*.csv", "..a/b..csv"):
        parse_shop(
            "corner",
            {
                **file,
                "sources": {"a": {**file["sources"]["a"], "entities": {"store_sales": {**entity, "path": right}}}},
            },
            origin="x",
        )
