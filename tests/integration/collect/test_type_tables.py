"""docs/types.md is true: every row of its tables against the real servers, and no type of theirs is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from bson import encode, json_util
from bson.codec_options import DatetimeConversion
from bson.raw_bson import RawBSONDocument

from shopmine.collect.mongodb_client import connect
from shopmine.collect.reading import Opening, ReadRequest, open_reader
from shopmine.config.canonical import ColumnType
from shopmine.prepare.convert import convert_column
from shopmine.prepare.decode import Wanted, decode
from shopmine.prepare.rows import BatchText, Problems

from .test_mongodb import EVENTS
from .test_mysql import MARCH, events

if TYPE_CHECKING:
    from shopmine.config.connections import Connection
    from shopmine.config.shops import Shop

WriteShop = Callable[..., "Shop"]
Open = Callable[..., Opening]
PAGE = Path(__file__).parents[3] / "docs" / "types.md"
# dev.mysql.com/doc/refman/8.4: chapter Data Types; geometries differ in what their bytes hold only.
MYSQL_TYPES = {
    "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "DECIMAL", "FLOAT", "DOUBLE", "BIT", "DATE", "DATETIME", "TIMESTAMP",
    "TIME", "YEAR", "CHAR", "VARCHAR", "BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB", "TINYTEXT", "TEXT",
    "MEDIUMTEXT", "LONGTEXT", "ENUM", "SET", "JSON", "GEOMETRY",
}  # fmt: skip
# mongodb.com/docs/manual/reference/bson-types: the aliases.
BSON_TYPES = {
    "double", "string", "object", "array", "binData", "undefined", "objectId", "bool", "date", "null", "regex", "dbPointer",
    "javascript", "symbol", "javascriptWithScope", "int", "timestamp", "long", "decimal", "minKey", "maxKey",
}  # fmt: skip
_OID = bytes.fromhex("65f000000000000000000001")
# Types that the driver no longer writes: number of the type and bytes of the value.
OLD = {"undefined": (6, b""), "dbPointer": (12, b"\2\0\0\0c\0" + _OID), "symbol": (14, b"\2\0\0\0a\0")}


def rows_of(title: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def code(cell: str) -> str:
    found = re.match(r"`` (.*) ``|`(.*?)`", cell)
    assert found is not None, cell
    return next(text for text in found.groups() if text is not None)


def told(columns: tuple[tuple[str, str], ...], format_: str, line: bytes, name: str) -> tuple[str, str]:
    """The cells "Text" and "In attributes" of one landed line."""

    def cell(which: str) -> str:
        wanted = Wanted(**{"text": (), which: (name,)})
        decoded = decode([BatchText(columns=columns, format=format_, lines=[line])], wanted)
        if decoded.rejected or decoded.problems.reasons:
            return "quarantine"
        (value,) = (decoded.rows.text if which == "text" else decoded.rows.json)[name].to_pylist()
        if value is None:
            return "null"
        shown = json.dumps(value, ensure_ascii=False)[1:-1] if re.search(r"[\x00-\x1f]", value) else value
        return f"`{shown}`" if shown else "(empty)"

    return cell("text"), cell("json")


def check(title: str, rows: list[list[str]], actual: list[tuple[str, str]]) -> None:
    expected = [f"| {' | '.join(row)} |" for row in rows]
    found = [
        f"| {row[0]} | {row[1]} | {text} | {attribute} |" for row, (text, attribute) in zip(rows, actual, strict=True)
    ]
    assert found == expected, title + "\n" + "\n".join(found)


def test_mysql(
    execute: Callable[[str], None], write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    rows = rows_of("MySQL and MariaDB")
    names = [f"c{n}" for n in range(len(rows))]
    definitions = ", ".join(f"{name} {code(row[0])}" for name, row in zip(names, rows, strict=True))
    execute(f"CREATE TABLE events (id INT PRIMARY KEY, at DATETIME, {definitions})")
    for n, row in enumerate(rows):
        execute(f"INSERT INTO events (id, at, c{n}) VALUES ({n}, '2026-03-02', {code(row[1])})")
    opened = opening(write_shop(events(names)), mysql_database)
    (entity,) = opened.source.read_entities()
    asked = tuple(opened.source.columns("events"))
    with open_reader(opened) as reader:
        columns = reader.columns(entity, asked)
        days = reader.read(ReadRequest(entity=entity, columns=asked, days=MARCH))
        lines = {int(line.split(b"\t")[0]): line for day in days for line in day.lines}
    check("mysql", rows, [told(columns, "copy", lines[n], name) for n, name in enumerate(names)])
    assert {re.match("[A-Z]+", code(row[0]))[0] for row in rows} >= MYSQL_TYPES  # type: ignore[index]


def test_mongodb(write_shop: WriteShop, opening: Open, mongo_database: Connection) -> None:
    rows = rows_of("MongoDB")
    with connect(mongo_database) as client:
        for n, row in enumerate(rows):
            client[mongo_database.database].events.insert_one(_document(n, code(row[0]), code(row[1])))
        types = client[mongo_database.database].events.aggregate([{"$project": {"type": {"$type": "$value"}}}])
        assert {kind["_id"]: kind["type"] for kind in types} == {n: code(row[0]) for n, row in enumerate(rows)}
    opened = opening(write_shop(EVENTS), mongo_database)
    (entity,) = opened.source.read_entities()
    with open_reader(opened) as reader:
        request = ReadRequest(entity=entity, columns=tuple(opened.source.columns("events")), days=MARCH)
        landed = [line for day in reader.read(request) for line in day.lines]
    lines = {int(json.loads(line)["_id"]["$numberInt"]): line for line in landed}
    check("mongodb", rows, [told((("value", "bson"),), "jsonl", lines[n], "value") for n in range(len(rows))])
    assert {code(row[0]) for row in rows} == BSON_TYPES


def _document(number: int, kind: str, example: str) -> Any:
    head = {"_id": number, "at": datetime(2026, 3, 2, tzinfo=UTC)}
    if kind in OLD:
        type_, value = OLD[kind]
        body = encode(head)[4:-1] + bytes([type_]) + b"value\0" + value + b"\0"
        return RawBSONDocument((len(body) + 4).to_bytes(4, "little") + body)
    options = json_util.CANONICAL_JSON_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
    return {**head, "value": json_util.loads(example, json_options=options)}


@pytest.mark.parametrize(("kind", "text", "becomes"), rows_of("What canonical columns make of the text"))
def test_canonical_columns(kind: str, text: str, becomes: str) -> None:
    problems = Problems()
    column = convert_column("c", ColumnType(kind), pa.array([code(text)]), ZoneInfo("UTC"), problems)
    (value,) = column.to_pylist()
    shown = {bool: str(value).lower(), datetime: value.isoformat() if isinstance(value, datetime) else ""}
    actual = "quarantine" if problems.reasons else f"`{shown.get(type(value), str(value))}`"
    assert actual == becomes
