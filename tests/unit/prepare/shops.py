"""A shop's file in memory, and batches of it, for the tests of prepare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from shopmine.config.shops import Shop, parse_shop
from shopmine.prepare.conform import locale_of
from shopmine.prepare.entities import Rules
from shopmine.prepare.rows import BatchText

LINE_FIELDS = {
    "order_id": "no",
    "product": {"column": "sku", "case": "upper"},
    "customer": "member",
    "ordered_at": "at",
    "quantity": "pieces",
    "unit_price": "price",
    "kind": {"default": "sale", "cases": [{"is": "return", "quantity": "< 0"}, {"is": "service", "product": "^POST$"}]},
}
LINE_COLUMNS = (
    ("no", "varchar(20)"),
    ("sku", "varchar(20)"),
    ("member", "int"),
    ("at", "datetime"),
    ("pieces", "int"),
    ("price", "decimal(10,2)"),
)


def shop_of(entities: Mapping[str, Any], *, kind: str = "mysql", zone: str = "Europe/London") -> Shop:
    place = {"mysql": {"table": "t"}, "mongodb": {"collection": "t"}, "files": {"path": "*.jsonl"}}[kind]
    tables = {name: dict(entity) if "from" in entity else {**place, **entity} for name, entity in entities.items()}
    source = {"kind": kind, "connection": "shop_x", "entities": tables}
    file = {
        "title": "Shop",
        "timezone": zone,
        "currency": "GBP",
        "first_day": date(2024, 1, 1),
        "sources": {"s": source},
    }
    return parse_shop("shop", file, origin="shop.toml")


def rules_of(shop: Shop, entity: str) -> Rules:
    source = shop.sources["s"]
    return Rules(entity=source.entities[entity], derived=source.derived(entity), locale=locale_of(shop, source))


def line_rules(*, only: Mapping[str, str] | None = None, **changes: Any) -> Rules:
    """Rules of order lines read from a table of `LINE_COLUMNS`, with orders, customers and products made from them."""
    derived = {
        "orders": {
            "from": "order_lines",
            "fields": {"order_id": "no", "customer": "member", "ordered_at": "at", "status": {"constant": "done"}},
        },
        "products": {
            "from": "order_lines",
            "fields": {"product": {"column": "sku", "case": "upper"}, "price": "price"},
            **({"only": only} if only else {}),
        },
        "customers": {"from": "order_lines", "fields": {"customer": "member"}},
    }
    entity = {"day": "at", "fields": LINE_FIELDS, **changes}
    return rules_of(shop_of({"order_lines": entity, **derived}), "order_lines")


def copy_batch(rows: Sequence[Sequence[str | None]], columns: Sequence[tuple[str, str]] = LINE_COLUMNS) -> BatchText:
    return BatchText(columns=tuple(columns), format="copy", lines=[copy_line(row) for row in rows])


def copy_line(row: Sequence[str | None]) -> bytes:
    return "\t".join("\\N" if value is None else escape(value) for value in row).encode()


def escape(value: str) -> str:
    for plain, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\000")):
        value = value.replace(plain, escaped)
    return value
