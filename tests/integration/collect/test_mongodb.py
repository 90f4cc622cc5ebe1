"""MongoDB: exact documents, each on its day, in one snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from bson import Decimal128, Int64, ObjectId

from shopmine.collect.forgotten import Forgotten
from shopmine.collect.mongodb_client import connect
from shopmine.collect.reading import Opening, Reader, ReadRequest, open_reader
from shopmine.config.connections import Connection
from shopmine.config.days import NO_DAY, days_between
from shopmine.config.shops import Shop
from shopmine.errors import ConfigError, SourceUnavailableError

if TYPE_CHECKING:
    from pymongo.database import Database

WriteShop = Callable[..., Shop]
Open = Callable[[Shop, Connection], Opening]
MARCH = frozenset(days_between(date(2026, 3, 1), date(2026, 3, 31)))
EVENTS = """
[sources.a]
kind = "mongodb"
connection = "shop_mongo"
[sources.a.entities.events]
collection = "events"
day = "at"
personal = { "who.phone" = "hash", note = "mask", "who.secret" = "drop" }
fields = { event_id = "_id", type = "type", at = "at", customer = "who.phone" }
attributes = { who = "who", value = "value", note = "note" }
"""
SESSIONS = """
[sources.a]
kind = "mongodb"
connection = "shop_mongo"
[sources.a.entities.events]
collection = "events"
unwind = "items"
day = "items.at"
fields = { event_id = "items.id", type = "items.type", at = "items.at", customer = "items.who" }
"""


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


@pytest.fixture
def database(mongo_database: Connection) -> Iterator[Database[dict[str, Any]]]:
    with connect(mongo_database) as client:
        yield client[mongo_database.database]


def read(
    reader: Reader, opened: Opening, days: frozenset[date] = MARCH, **options: object
) -> dict[date | None, list[Any]]:
    (entity,) = opened.source.read_entities()
    names = tuple(opened.source.columns(entity.name))
    request = ReadRequest(entity=entity, columns=names, days=days, **options)  # type: ignore[arg-type]
    found = list(reader.read(request))
    assert len({lines.day for lines in found}) == len(found), "each day comes once"
    return {lines.day: [json.loads(line) for line in sorted(lines.lines)] for lines in found}


def test_documents_land_as_canonical_extended_json_of_what_is_mapped(
    database: Database[dict[str, Any]], write_shop: WriteShop, opening: Open, mongo_database: Connection
) -> None:
    values = [1, Int64(1), 1.0, Decimal128("1.10"), True, None, "a\nb 😀", {"x": [1]}, float("nan"), b"\x00", 2**40]
    database.events.insert_many(
        {"_id": n, "at": at(2), "type": "view", "value": value, "unmapped": "x"} for n, value in enumerate(values)
    )
    opened = opening(write_shop(EVENTS), mongo_database)
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        columns = dict(reader.columns(entity, tuple(opened.source.columns("events"))))
        found = read(reader, opened)[date(2026, 3, 2)]
    assert columns["who.phone"] == "hash 1"
    assert columns["note"] == "bson mask 2"
    assert [document["value"] for document in sorted(found, key=lambda d: int(d["_id"]["$numberInt"]))] == [
        {"$numberInt": "1"},
        {"$numberLong": "1"},
        {"$numberDouble": "1.0"},
        {"$numberDecimal": "1.10"},
        True,
        None,
        "a\nb 😀",
        {"x": [{"$numberInt": "1"}]},
        {"$numberDouble": "NaN"},
        {"$binary": {"base64": "AA==", "subType": "00"}},
        {"$numberLong": "1099511627776"},
    ]
    assert found[0]["at"] == {"$date": {"$numberLong": str(int(at(2).timestamp() * 1000))}}
    assert not any("unmapped" in document for document in found)


def test_personal_values_are_treated_wherever_they_are(
    database: Database[dict[str, Any]], write_shop: WriteShop, opening: Open, mongo_database: Connection
) -> None:
    who = {"phone": ["13812345678", 5], "secret": "s3", "city": "Leeds"}
    database.events.insert_one({"_id": 1, "at": at(2), "type": "view", "who": who, "note": "write to ann@x.org"})
    database.events.insert_one({"_id": 2, "at": at(2), "type": "view", "who": {"phone": "+44 20 1"}})
    opened = opening(write_shop(EVENTS), mongo_database)
    hashed = opened.key.hash_text
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        forgotten = Forgotten.of([entity], frozenset({hashed("+44 20 1")}))
        (document,) = read(reader, opened, forgotten=forgotten)[date(2026, 3, 2)]
        sample = reader.sample(entity, opened.source.columns("events"), 5)
    assert document["who"] == {"phone": [hashed("13812345678"), hashed("5")], "city": "Leeds"}
    assert document["note"] == "write to [email]"
    assert not any(word in str(sample) for word in ("s3", "13812345678", "x.org"))


def test_documents_without_a_date_are_read_apart(
    database: Database[dict[str, Any]], write_shop: WriteShop, opening: Open, mongo_database: Connection
) -> None:
    # 23:30 on the 29th is already the 30th: London has summer time since that morning.
    late = datetime(2026, 3, 29, 23, 30, tzinfo=UTC)
    strange = [None, "2026-03-02", 5, [at(2)], {"x": 1}]
    database.events.insert_many([{"at": value} for value in [*strange, at(2), late, datetime(2026, 4, 2, tzinfo=UTC)]])
    database.events.insert_one({})
    opened = opening(write_shop(EVENTS), mongo_database)
    with open_reader(opened) as reader:
        found = read(reader, opened, with_no_day=True)
    assert {day: len(documents) for day, documents in found.items()} == {
        date(2026, 3, 2): 1,
        date(2026, 3, 30): 1,
        NO_DAY: 6,
    }


def test_elements_of_an_unwound_list_land_each_on_its_own_day(
    database: Database[dict[str, Any]], write_shop: WriteShop, opening: Open, mongo_database: Connection
) -> None:
    def item(number: int, when: object, who: str = "ann") -> dict[str, object]:
        return {"id": number, "at": when, "who": who, "type": "view"}

    database.events.insert_many(
        [
            {"_id": 1, "items": [item(1, at(2)), item(2, at(20)), item(3, at(2, 13))]},
            {"_id": 2, "items": [item(4, at(3), "bob"), item(5, None), item(6, at(20))]},
            {"_id": 3, "items": []},
            {"_id": 4, "items": "none"},
            {"_id": 5},
            {"_id": 6, "items": [7, item(8, datetime(2025, 1, 1, tzinfo=UTC)), item(9, at(9)), item(10, at(30))]},
        ]
    )
    opened = opening(write_shop(SESSIONS), mongo_database)

    def ids(found: dict[date | None, list[Any]]) -> dict[date | None, list[int]]:
        def of(document: Any) -> list[int]:
            items = document.get("items")
            elements = items if isinstance(items, list) else [{"id": {"$numberInt": "-1"}}]
            return [int(e["id"]["$numberInt"]) if e else 7 for e in elements]

        return {day: [number for document in documents for number in of(document)] for day, documents in found.items()}

    with open_reader(opened) as reader:
        found = ids(read(reader, opened, with_no_day=True))
        (entity,) = opened.source.read_entities()
        without_bob = ids(read(reader, opened, forgotten=Forgotten.of([entity], frozenset({"bob"}))))
        one_day = ids(read(reader, opened, frozenset({date(2026, 3, 9)})))
    march = {
        date(2026, 3, 2): [1, 3],
        date(2026, 3, 3): [4],
        date(2026, 3, 9): [9],
        date(2026, 3, 20): [2, 6],
        date(2026, 3, 30): [10],
    }
    assert found == {**march, NO_DAY: [5, -1, -1, 7]}
    assert without_bob == {day: numbers for day, numbers in march.items() if day != date(2026, 3, 3)}
    assert one_day == {date(2026, 3, 9): [9]}


def test_everything_is_as_of_one_moment(
    database: Database[dict[str, Any]], write_shop: WriteShop, opening: Open, mongo_database: Connection
) -> None:
    database.events.insert_many({"at": at(1 + n % 28), "type": str(n)} for n in range(6_000))
    opened = opening(write_shop(EVENTS), mongo_database)
    with open_reader(opened) as reader:
        first = read(reader, opened, frozenset({date(2026, 3, 1)}))
        database.events.delete_many({"_id": {"$gt": ObjectId("0" * 24)}})
        rest = read(reader, opened, MARCH - {date(2026, 3, 1)})
    assert sum(map(len, [*first.values(), *rest.values()])) == 6_000


def test_what_is_not_there_is_named(
    database: Database[dict[str, Any]], write_shop: WriteShop, opening: Open, mongo_database: Connection
) -> None:
    database.evnts.insert_one({"_id": 1, "at": at(1), "tpye": "x", "who": {"phone": "1"}})
    shop = write_shop(EVENTS)
    opened = opening(shop, mongo_database)
    with (
        open_reader(opened) as reader,
        pytest.raises(ConfigError, match=r"events.collection: .* no collection 'events'; did you mean 'evnts'\?"),
    ):
        read(reader, opened)
    opened = opening(write_shop(EVENTS.replace('"events"', '"evnts"')), mongo_database)
    with open_reader(opened) as reader:
        (entity,) = opened.source.read_entities()
        sample = reader.sample(entity, opened.source.columns("events"), 5)
    assert sample.n_rows == 1
    assert any("'type' is in none of the only document; did you mean 'tpye'?" in problem for problem in sample.problems)
    gone = opening(
        shop, replace(mongo_database, port=1, extra={**mongo_database.extra, "serverSelectionTimeoutMS": "300"})
    )
    with pytest.raises(SourceUnavailableError, match="does not answer"), open_reader(gone) as reader:
        read(reader, gone)
    wrong = opening(
        shop, replace(mongo_database, user="ann", password="hidden-word", extra={"directConnection": "true"})
    )
    with pytest.raises(ConfigError, match="refuses the login") as caught, open_reader(wrong) as reader:
        read(reader, wrong)
    assert "hidden-word" not in str(caught.value)
