"""Fills the demo shop's MongoDB: nested documents from the generator's flat tables."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from urllib.parse import quote, urlencode

import numpy as np
import pyarrow as pa
from bson import Decimal128, ObjectId
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from shopmine.config.connections import Connection
from shopmine.errors import SourceUnavailableError

MARKER: Final = "shopmine_demo_load"
DOCUMENTS_PER_INSERT: Final = 5_000
_WAIT_MS: Final = 10_000

Document = dict[str, Any]


@contextmanager
def open_mongo(connection: Connection) -> Iterator[Database[Document]]:
    """The shop's database.

    Raises:
        SourceUnavailableError: the server does not answer or refuses; the message has no password.
    """
    login = f"{quote(connection.user, safe='')}:{quote(connection.password, safe='')}@" if connection.user else ""
    host = f"{connection.host}:{connection.port}" if connection.port else connection.host
    options = {"serverSelectionTimeoutMS": str(_WAIT_MS), **connection.extra}
    try:
        with MongoClient[Document](
            f"mongodb://{login}{host}/{quote(connection.database)}?{urlencode(options)}", tz_aware=True
        ) as client:
            yield client[connection.database]
    except PyMongoError as error:
        raise SourceUnavailableError(f"{connection} does not answer or refuses: {type(error).__name__}") from error


def replace_collections(
    connection: Connection, *, tables: Callable[[], Mapping[str, pa.Table]], fingerprint: str
) -> dict[str, int]:
    """Make `sessions`, `carts` and `reviews` anew and fill them, unless this very load is there already.

    Args:
        connection: the shop's database. Other collections of it are left alone.
        tables: called only when there is something to do; see `behaviour` and `reviews` for what it holds.
        fingerprint: names the load; written last, so that a load that was interrupted is not taken for a whole one.

    Returns:
        Number of documents of each collection.
    """
    with open_mongo(connection) as database:
        if (marker := database[MARKER].find_one({"_id": fingerprint})) is not None:
            return dict(marker["counts"])
        database[MARKER].drop()
        rows = tables()
        counts = {
            "sessions": _refill(database, "sessions", session_documents(rows), "items.at"),
            "carts": _refill(database, "carts", cart_documents(rows), "lines.added_at"),
            "reviews": _refill(database, "reviews", review_documents(rows), "created_at"),
        }
        database[MARKER].insert_one({"_id": fingerprint, "counts": counts})
        return counts


def session_documents(tables: Mapping[str, pa.Table]) -> Iterator[Document]:
    """`sessions`: what was looked at is in the array `items`; someone without a login has no `member`."""
    phones = dict(zip(*(tables["member"][c].to_pylist() for c in ("member_id", "phone")), strict=True))
    rows = zip(
        _rows(tables["session"]), _nested(tables["session_item"], "session", tables["session"].num_rows), strict=True
    )
    for n, (row, items) in enumerate(rows, 1):
        member = row["member_id"]
        document = {"_id": _object_id(1, n), "session_id": row["session_id"], "started_at": _utc(row["started_at"])}
        if member is not None:
            document["member"] = {"id": member, "phone": phones[member]}
        document |= {"device": {"os": row["os"], "app": "6.4.1"}, "channel": row["channel"]}
        yield document | {"items": [_item(item) for item in items]}


def cart_documents(tables: Mapping[str, pa.Table]) -> Iterator[Document]:
    """`carts`: what was put into one during a session."""
    lines = _nested(tables["cart_line"], "cart", tables["cart"].num_rows)
    for n, (row, added) in enumerate(zip(_rows(tables["cart"]), lines, strict=True), 1):
        yield {
            "_id": _object_id(2, n),
            "cart_id": row["cart_id"],
            "session_id": row["session_id"],
            "member_id": row["member_id"],
            "created_at": _utc(row["created_at"]),
            "lines": [_item(line) for line in added],
        }


def review_documents(tables: Mapping[str, pa.Table]) -> Iterator[Document]:
    """`reviews`: one a bought line, with stars and text."""
    for n, row in enumerate(_rows(tables["review"]), 1):
        yield {"_id": _object_id(3, n), **row, "created_at": _utc(row["created_at"])}


def _item(row: Document) -> Document:
    """A nested row: exact decimals, times in UTC; a field without value is not there at all."""
    return {name: _exact(value) for name, value in row.items() if value is not None}


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return Decimal128(value)
    return _utc(value) if isinstance(value, datetime) else value


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


def _object_id(collection: int, number: int) -> ObjectId:
    return ObjectId(collection.to_bytes(4, "big") + number.to_bytes(8, "big"))


def _rows(table: pa.Table) -> Iterator[Document]:
    for batch in table.to_batches(max_chunksize=DOCUMENTS_PER_INSERT):
        yield from batch.to_pylist()


def _nested(rows: pa.Table, owner: str, n_owners: int) -> Iterator[list[Document]]:
    """The rows of each owner 0, 1 …, without the owner's number; `rows` are sorted by it."""
    ends = np.searchsorted(rows[owner].to_numpy(), np.arange(n_owners), side="right")
    reader = _rows(rows.drop_columns([owner]))
    return (list(islice(reader, int(n))) for n in np.diff(ends, prepend=0))


def _refill(database: Database[Document], name: str, documents: Iterable[Document], index: str) -> int:
    collection = database[name]
    collection.drop()
    count, source = 0, iter(documents)
    while chunk := list(islice(source, DOCUMENTS_PER_INSERT)):
        collection.insert_many(chunk, ordered=False)
        count += len(chunk)
    collection.create_index(index)
    return count
