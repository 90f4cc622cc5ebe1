"""Fingerprints of days: the same exactly when what would land is the same, on real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bson import Decimal128, Int64, ObjectId

from shopmine.collect.mongodb_client import connect
from shopmine.collect.reading import Opening, Reader, ReadRequest, open_reader
from shopmine.config.connections import Connection
from shopmine.config.days import days_between
from shopmine.config.shops import Shop

if TYPE_CHECKING:
    from pymongo.database import Database

Execute = Callable[[str], None]
WriteShop = Callable[..., Shop]
Open = Callable[[Shop, Connection], Opening]
Told = dict[date, tuple[tuple[bytes, ...], str]]
"""Of each day what would land of it, and its fingerprint."""

MARCH = frozenset(days_between(date(2026, 3, 1), date(2026, 3, 31)))
DAY = date(2026, 3, 2)
MYSQL = """
[sources.a]
kind = "mysql"
connection = "shop_mysql"
timezone = "Europe/London"
[sources.a.entities.events]
{read}
day = "at"
fields = {{ event_id = "id", type = {{ constant = "view" }}, at = "at" }}
[sources.a.entities.events.attributes]
{attributes}
"""
SHANGHAI = 'title = "x"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\nfirst_day = 2026-03-01\n'


def look(reader: Reader, opened: Opening, days: frozenset[date] = MARCH) -> Told:
    (entity,) = opened.source.read_entities()
    names = tuple(opened.source.columns(entity.name))
    texts = reader.fingerprints(entity, names, days)
    assert texts is not None
    assert set(texts) == days
    read = {found.day: found.lines for found in reader.read(ReadRequest(entity=entity, columns=names, days=days))}
    return {day: (tuple(sorted(read.get(day, []))), text) for day, text in texts.items()}


def check_all_pairs(states: list[Told], *, may_be_cautious: bool = False) -> None:
    """Of any two days of any two states: other fingerprints where the rows are others, and only there (unless cautious)."""
    seen = {(lines, text) for state in states for lines, text in state.values()}
    for (lines, text), (other_lines, other_text) in combinations(seen, 2):
        assert text != other_text or lines == other_lines, (lines, other_lines)
        assert may_be_cautious or text == other_text or lines != other_lines, (lines, other_lines)


COLUMNS = {
    "DECIMAL(30,10)": ("12345678901234567890.0123456789", "12345678901234567890.0123456788"),
    "BIGINT UNSIGNED": ("18446744073709551615", "18446744073709551614"),
    "DOUBLE": ("0.1", "0.10000000000000002"),
    "VARCHAR(40)": ("'😀 a\\tb'", "'😀 a\\tB'"),
    "VARCHAR(10) CHARACTER SET latin1": ("'£5 é'", "'£5 e'"),
    "VARCHAR(10) CHARACTER SET gbk": ("'商品'", "'商'"),
    "TEXT": ("CONCAT('a', CHAR(0))", "'a'"),
    "CHAR(3)": ("NULL", "'N'"),
    "ENUM('x','y')": ("'y'", "'x'"),
    "SET('p','q')": ("'p,q'", "'p'"),
    "VARBINARY(4)": ("0x00ff0a5c", "0x00ff0a5d"),
    "BLOB": ("0xfdfeff", "0xfdfe"),
    "BIT(10)": ("b'1000000001'", "b'1000000000'"),
    "TIME": ("'-838:59:59'", "'838:59:59'"),
    "DATE": ("'0000-00-00'", "NULL"),
    "DATETIME(6)": ("'2026-03-01 10:00:00.123456'", "'2026-03-01 10:00:00.123457'"),
    "TIMESTAMP NULL": ("'2026-03-01 10:00:00'", "'2026-03-01 10:00:01'"),
}


def test_mysql_sees_every_value_of_every_type(
    execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    names = [f"c{n}" for n in range(len(COLUMNS))]
    values = ", ".join(value for value, _ in COLUMNS.values())
    execute(
        f"CREATE TABLE events (id INT, at DATETIME, {', '.join(map(' '.join, zip(names, COLUMNS, strict=True)))});\n"
        f"INSERT INTO events VALUES (1, '2026-03-02 12:00:00', {values}), (2, '2026-03-02 12:00:00', {values}), "
        f"(3, '2026-03-05 12:00:00', {values})"
    )
    attributes = "\n".join(f'{name} = "{name}"' for name in names)
    opened = opening(write_shop(MYSQL.format(read='table = "events"', attributes=attributes), SHANGHAI), mysql_database)

    def state() -> Told:
        with open_reader(opened) as reader:
            return look(reader, opened)

    states = [state()]
    for name, (before, other) in zip(names, COLUMNS.values(), strict=True):
        execute(f"UPDATE events SET {name} = {other} WHERE id = 2")
        states.append(state())
        execute(f"UPDATE events SET {name} = {before} WHERE id = 2")
    assert state() == states[0]
    assert len({told[DAY][1] for told in states}) == len(COLUMNS) + 1
    assert len({told[date(2026, 3, 5)][1] for told in states}) == 1, "nothing of another day"
    check_all_pairs(states)


@pytest.mark.parametrize("read", ['table = "events"', 'query = "SELECT id, at, a, b FROM events"'])
def test_mysql_sees_what_changes_places(
    read: str, execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    execute("CREATE TABLE events (id INT, a VARCHAR(20), b VARCHAR(20), at DATETIME DEFAULT '2026-03-02 12:00:00')")
    opened = opening(write_shop(MYSQL.format(read=read, attributes='a = "a"\nb = "b"'), SHANGHAI), mysql_database)
    rows = [
        "(1, 'x', 'y'), (2, 'p', 'q')",
        "(1, 'y', 'x'), (2, 'p', 'q')",  # between columns
        "(1, 'p', 'y'), (2, 'x', 'q')",  # between rows
        "(1, 'x', 'q'), (2, 'p', 'y')",
        "(2, 'x', 'y'), (1, 'p', 'q')",
        "(1, 'x', 'y'), (1, 'x', 'y')",  # repeats
        "(1, 'x', 'y'), (1, 'x', 'y'), (2, 'p', 'q'), (2, 'p', 'q')",
        "(1, 'x', 'y'), (1, 'x', 'y'), (1, 'x', 'y')",
        "(1, 'x', 'y')",
        "(1, 'x', NULL)", "(1, NULL, 'x')", "(1, NULL, NULL)", "(NULL, NULL, NULL)", "(1, 'x', '')", "(1, '', 'x')",
        "(1, 'N', 'x')", "(1, 'x', 'N')", "(1, '0', '')", "(1, '', '0')",
        "(1, CONCAT('x', CHAR(31)), 'y')", "(1, 'x', CONCAT(CHAR(31), 'y'))", "(1, CONCAT('x', CHAR(31), '1'), 'y')",
        "(1, 'x ', 'y')", "(1, 'X', 'y')",
    ]  # fmt: skip
    states = []
    for values in rows:
        execute("DELETE FROM events")
        execute(f"INSERT INTO events (id, a, b) VALUES {values}")
        with open_reader(opened) as reader:
            states.append(look(reader, opened))
    assert len({state[DAY] for state in states}) == len(rows)
    check_all_pairs(states)


@pytest.mark.parametrize("kind", ["DATETIME", "TIMESTAMP NULL", "DATE"])
@pytest.mark.parametrize("shop_zone", ["Asia/Shanghai", "Europe/London", "America/Havana"])
def test_mysql_counts_each_row_to_the_day_on_which_it_lands(
    kind: str, shop_zone: str, execute: Execute, write_shop: WriteShop, opening: Open, mysql_database: Connection
) -> None:
    """Every 50 minutes of a month with clock changes in both zones, and rows that have no day."""
    execute(
        f"CREATE TABLE events (id INT, at {kind});\n"
        "INSERT INTO events SELECT seq, '2026-02-27 00:00:00' + INTERVAL 50 * seq MINUTE FROM seq_1_to_1000;\n"
        "INSERT IGNORE INTO events VALUES (-1, NULL), (-2, '0000-00-00 00:00:00')"
    )
    if kind == "DATETIME":
        execute("INSERT INTO events VALUES (-3, '2026-03-00 10:00:00'), (-4, '2026-02-31 10:00:00')")
    head = SHANGHAI.replace("Asia/Shanghai", shop_zone)
    opened = opening(write_shop(MYSQL.format(read='table = "events"', attributes=""), head), mysql_database)
    scattered = frozenset(day for day in MARCH if day.day % 3 == 0)
    with open_reader(opened) as reader:
        told, some = look(reader, opened), look(reader, opened, scattered)
    counts = {day: int(text.split()[0]) for day, (_, text) in told.items()}
    assert counts == {day: len(lines) for day, (lines, _) in told.items()}
    assert some == {day: told[day] for day in scattered}, "a day's fingerprint depends on nothing else that is asked"


EVENTS = """
[sources.a]
kind = "mongodb"
connection = "shop_mongo"
[sources.a.entities.events]
collection = "events"
day = "at"
fields = { event_id = "_id", type = "type", at = "at", customer = "who.phone" }
attributes = { value = "value", city = "who.city", skus = "items.sku", prices = "items.price" }
"""
SESSIONS = """
[sources.a]
kind = "mongodb"
connection = "shop_mongo"
[sources.a.entities.events]
collection = "events"
unwind = "cart.items"
day = "cart.items.at"
fields = { event_id = "cart.items.id", type = "type", at = "cart.items.at", customer = "cart.owner" }
attributes = { price = "cart.items.price" }
"""
VALUES: list[Any] = [
    2.3, 2.9, 2.0, 2, Int64(2), Decimal128("2"), Decimal128("2.0"), Decimal128("2.3"), "2", "2.3", True, False, None, "",
    0.1 + 0.2, 0.3, 1 / 3, 0.333333, 0.333333333333333, 1234567.89, 1234567.90, 5e-324, 1e-323, 1e308, 1.0000000000000002e308,
    0.0, -0.0, float("inf"), float("-inf"), 2**53, 2**53 + 1, 1e16, 1e16 + 2,
    [2.3], [2.9], [], {}, {"a": 2.3}, {"a": 2.9}, {"b": 2.3}, {"a": {"b": [2.3]}}, {"a": {"b": [2.9]}}, [[1], [2]], [[1, 2]],
    {"a": 1, "b": 2}, {"b": 2, "a": 1}, b"\x00", ObjectId("0" * 24), datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 0, 0, 1000, tzinfo=UTC), "double",
]  # fmt: skip


@pytest.fixture
def database(mongo_database: Connection) -> Iterator[Database[dict[str, Any]]]:
    with connect(mongo_database) as client:
        yield client[mongo_database.database]


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def document_states(
    database: Database[dict[str, Any]], opened: Opening, states: list[list[dict[str, Any]]]
) -> list[Told]:
    found = []
    for documents in states:
        database.events.delete_many({})
        database.events.insert_many(documents)
        with open_reader(opened) as reader:
            found.append(look(reader, opened))
    return found


@pytest.mark.slow
def test_mongodb_sees_every_value(
    database: Database[dict[str, Any]], write_shop: WriteShop, opening: Open, mongo_database: Connection
) -> None:
    opened = opening(write_shop(EVENTS), mongo_database)
    base = [{"_id": n, "at": at(2), "type": "view", "who": {"phone": "1", "city": "York"}} for n in range(2)]
    states = [[{**base[0], "value": value}, base[1]] for value in VALUES]
    people: list[Any] = [
        {"phone": "York", "city": "1"}, {"phone": "1"}, {"city": "York"}, {}, [], [{"phone": "1"}], None, "1", 1.5, 1.6,
        [{"phone": 1.5}, {}, {"city": 2}], [{"phone": 1.5}, {"city": 2}], [{"phone": 1.6}, {"city": 2}],
    ]  # fmt: skip
    states += [[{**base[0], "who": who}, base[1]] for who in people]
    lists: list[Any] = [
        [{"sku": "a", "price": 2.3}, {"sku": "b", "price": 2.9}],
        [{"sku": "a", "price": 2.9}, {"sku": "b", "price": 2.3}],
        [{"sku": "b", "price": 2.3}, {"sku": "a", "price": 2.9}],
        [{"sku": "a"}, {"price": 2.3}, {"sku": "b", "price": 2.9}],
        [{"sku": "a", "price": 2.3}],
        {"sku": "a", "price": 2.3},
    ]
    states += [[{**base[0], "items": items}, base[1]] for items in lists]
    states += [[base[1]], [{**base[0], "_id": 7}, base[1]], [{**base[0], "unmapped": 5}, base[1]], base]
    states += [[{**base[0], "at": at(3)}, base[1]], [{**base[0], "at": at(2, 13)}, base[1]]]
    found = document_states(database, opened, states)
    assert len({state[DAY] for state in found}) == len(states) - 2, "not mapped; moved away or deleted"
    check_all_pairs(found, may_be_cautious=True)  # a number where a document was lands as nothing


def test_mongodb_sees_every_element_on_its_own_day(
    database: Database[dict[str, Any]], write_shop: WriteShop, opening: Open, mongo_database: Connection
) -> None:
    opened = opening(write_shop(SESSIONS), mongo_database)

    def session(*items: Any, owner: str = "ann", number: int = 1) -> dict[str, Any]:
        return {"_id": number, "type": "view", "cart": {"owner": owner, "items": [*items], "x": 1}}

    def item(number: int, when: Any, price: float = 2.3) -> dict[str, Any]:
        return {"id": number, "at": when, "price": price, "unmapped": "x"}

    far = datetime(9999, 12, 31, 23, tzinfo=UTC)
    late = datetime(2026, 3, 29, 23, 30, tzinfo=UTC)  # the 30th: London has summer time since that morning
    usual = session(item(1, at(2)), item(2, at(20)), item(3, at(2), 2.9))
    states = [
        [usual],
        [session(item(1, at(2), 2.9), item(2, at(20)), item(3, at(2)))],
        [session(item(1, at(2)), item(2, at(20)), item(3, at(2), 2.9), owner="bob")],
        [session(item(1, at(2)), item(2, at(21)), item(3, at(2), 2.9))],
        [session(item(1, at(2)), item(3, at(2), 2.9))],
        [usual, session(item(1, at(2)), item(4, None), 7, item(5, far), item(6, late), number=2)],
        [usual, {"_id": 3, "cart": {"items": "none"}}, {"_id": 4}, {"_id": 5, "cart": {"items": item(1, at(2))}}],
    ]
    found = document_states(database, opened, states)
    days = [{day.day: int(text.split()[0]) for day, (_, text) in state.items() if text != "0"} for state in found]
    assert days == [
        {2: 2, 20: 1},
        {2: 2, 20: 1},
        {2: 2, 20: 1},
        {2: 2, 21: 1},
        {2: 2},
        {2: 3, 20: 1, 30: 1},
        {2: 2, 20: 1},
    ]
    check_all_pairs(found, may_be_cautious=True)  # an element that moves within its list is looked at again


def test_files_are_told_by_what_is_in_them_not_by_their_names(
    write_shop: WriteShop, opening: Open, tmp_path: Path
) -> None:
    sources = """
[sources.a]
kind = "files"
connection = "shop_files"
[sources.a.entities.events]
path = "in/*.csv"
day_from_name = '(\\d{4}-\\d{2}-\\d{2})'
fields = { event_id = "id", type = "type", at = "id" }
"""
    folder = tmp_path / "in"
    folder.mkdir()
    opened = opening(write_shop(sources), Connection.parse("shop_files", f"file://{tmp_path}"))

    def write(name: str, *rows: str) -> None:
        (folder / name).write_text("\n".join(["id,type", *rows]) + "\n")

    def state() -> Told:
        with open_reader(opened) as reader:
            return look(reader, opened)

    write("2026-03-02.csv", "1,view", "2,cart")
    write("2026-03-05.csv", "3,view")
    first = state()
    (folder / "2026-03-05.csv").rename(folder / "again-2026-03-05.csv")
    (folder / "2026-03-05.csv").write_bytes((folder / "again-2026-03-05.csv").read_bytes())
    assert state() == first
    write("2026-03-05.csv", "4,view")
    second = state()
    assert {day for day in MARCH if first[day] != second[day]} == {date(2026, 3, 5)}
    (folder / "2026-03-02.csv").rename(folder / f"{date(2026, 3, 2) + timedelta(days=1)}.csv")
    third = state()
    assert {day for day in MARCH if second[day] != third[day]} == {date(2026, 3, 2), date(2026, 3, 3)}
    check_all_pairs([first, second, third])
