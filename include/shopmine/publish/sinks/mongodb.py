"""Writes a release into the shop's MongoDB.

Every collection is built beside the one that is read and then takes its place by a rename, which is atomic for one
collection; `<prefix>release` is renamed last, so a reader who finds the new stamp there finds all its collections. A
collection that Shopmine did not write is never touched: what it wrote carries its mark in the validator's title.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from bson.decimal128 import Decimal128
from pymongo import ASCENDING, MongoClient
from pymongo.errors import PyMongoError

from shopmine.columns import CUSTOMER
from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.faults import fault_point
from shopmine.publish.sinks.tables import (
    MARK,
    RELEASE_TABLE,
    Guard,
    SinkOptions,
    SinkTable,
    Stamp,
    beside,
    is_beside,
    row_chunks,
)

if TYPE_CHECKING:
    from pymongo.database import Database

    from shopmine.config.connections import Connection


def write_tables(
    connection: Connection,
    tables: Sequence[SinkTable],
    stamp: Stamp,
    options: SinkOptions,
    guard: Guard = nullcontext,
) -> dict[str, int]:
    """Replace the collections `<prefix><name>` by these, one after the other, and `<prefix>release` last.

    Args:
        connection: of kind "mongodb"; its user may create, drop and rename collections.
        tables: what to write.
        stamp: which release it is.
        options: the prefix.
        guard: entered for the change of places.

    Returns:
        Documents written, by table.

    Raises:
        ConfigError: a collection of that name is the shop's own.
        SourceUnavailableError: the server refuses or does not answer.
    """
    counts = {}
    with _database(connection) as database:
        names = [options.prefix + table.name for table in tables]
        release = options.prefix + RELEASE_TABLE
        with guard():
            _drop_left(database, (*names, release))
        new = beside()
        try:
            for name, table in zip(names, tables, strict=True):
                counts[table.name] = _build(database, name + new, table, stamp)
                fault_point("sink.between_tables")
            about = _validator("the release of the collections beside", {})
            database.create_collection(release + new, validator=about)
            database[release + new].insert_one({"_id": stamp.shop, **asdict(stamp)})
            fault_point("sink.before_swap")
            with guard():
                for name in (*names, release):
                    database[name + new].rename(name, dropTarget=True)
                    fault_point("sink.swapped")
        except Exception as error:
            try:
                for name in (*names, release):
                    database.drop_collection(name + new)
            except PyMongoError as left:
                error.add_note(f"what was written so far stays until the next run drops it ({type(left).__name__})")
            raise
    return counts


def _drop_left(database: Database[dict[str, Any]], names: Sequence[str]) -> None:
    """Drop what writers left that were killed; raises where a collection of such a name is not ours."""
    there = database.list_collection_names()
    left = [name for name in there if any(is_beside(name, base) for base in names)]
    for name in (*names, *left):
        _check_ours(database, name)
    for name in left:
        database.drop_collection(name)


def has_written(connection: Connection, n_rows: Mapping[str, int], stamp: Stamp, options: SinkOptions) -> bool:
    """Whether the collections that are read have as many documents, and they and the stamp beside them are of this stamp.

    Args:
        connection: of kind "mongodb".
        n_rows: rows by published table, named without the prefix.
        stamp: what would be written.
        options: the prefix.

    Raises:
        SourceUnavailableError: the server refuses or does not answer.
    """
    expected = {options.prefix + name: n for name, n in n_rows.items()}
    with _database(connection) as database:
        found = {entry["name"]: _title(entry) for entry in database.list_collections()}
        if not all(found.get(name, "").endswith(_stamped(stamp)) for name in expected):
            return False
        if any(database[name].estimated_document_count() != n for name, n in expected.items()):
            return False
        return list(database[options.prefix + RELEASE_TABLE].find({}, {"_id": False})) == [asdict(stamp)]


def remove_person(connection: Connection, tables: Sequence[str], customer: str, options: SinkOptions) -> dict[str, int]:
    """Delete a person's documents from the collections that Shopmine wrote.

    Args:
        connection: of kind "mongodb".
        tables: names of published tables, without the prefix.
        customer: the person's key.
        options: the prefix.

    Returns:
        Documents deleted, by collection that is there.
    """
    counts = {}
    with _database(connection) as database:
        for table in tables:
            if _check_ours(database, options.prefix + table):
                counts[table] = database[options.prefix + table].delete_many({CUSTOMER: customer}).deleted_count
    return counts


@contextmanager
def _database(connection: Connection) -> Iterator[Database[dict[str, Any]]]:
    options = {name: value for name, value in connection.extra.items() if name != "srv"}
    scheme = "mongodb+srv" if connection.extra.get("srv") == "true" else "mongodb"
    port = f":{connection.port}" if connection.port else ""
    # As when reading: without `authSource` the user is one of the database's own.
    uri = f"{scheme}://{connection.host}{port}/{quote(connection.database)}?{urlencode(options)}"
    user, password = connection.user or None, connection.password or None
    try:
        with MongoClient[dict[str, Any]](
            uri, username=user, password=password, serverSelectionTimeoutMS=15_000, tz_aware=True
        ) as client:
            yield client[connection.database]
    except PyMongoError as error:
        code = getattr(error, "code", None)
        raise SourceUnavailableError(
            f"the sink {connection} refused: {type(error).__name__} {code or ''}; check that it runs and that this user"
            " may write; run the sink again, it replaces what it wrote"
        ) from error


def _check_ours(database: Database[dict[str, Any]], name: str) -> bool:
    """Whether the collection is there; it must then be one of ours."""
    found = list(database.list_collections(filter={"name": name}))
    if not found:
        return False
    if not _title(found[0]).startswith(MARK):
        raise ConfigError(
            f"collection {name!r} was not written by Shopmine (its schema has no title beginning with {MARK!r}), so it"
            " is not replaced; set another `prefix` in the sink of the shop's file"
        )
    return True


def _title(entry: Mapping[str, Any]) -> str:
    return str(entry.get("options", {}).get("validator", {}).get("$jsonSchema", {}).get("title", ""))


def _stamped(stamp: Stamp) -> str:
    return f", of {stamp.shop} on {stamp.day} (release {stamp.release}, written as {stamp.written[:16]})"


def _validator(about: str, comments: dict[str, str]) -> dict[str, Any]:
    properties = {name: {"description": comment} for name, comment in comments.items() if comment}
    return {"$jsonSchema": {"title": f"{MARK}: {about}", "properties": properties}}


def _build(database: Database[dict[str, Any]], name: str, table: SinkTable, stamp: Stamp) -> int:
    validator = _validator(table.about + _stamped(stamp), dict(table.comments))
    collection = database.create_collection(name, validator=validator)
    for chunk in row_chunks(table):
        documents = [{**{key: _bson(value) for key, value in row.items()}, "release": stamp.release} for row in chunk]
        collection.insert_many(documents, ordered=False)
    if table.key:
        collection.create_index([(column, ASCENDING) for column in table.key], unique=True)
    return int(table.rows.num_rows)


def _bson(value: Any) -> Any:
    if isinstance(value, Decimal):
        return Decimal128(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), tzinfo=UTC)
    return value
