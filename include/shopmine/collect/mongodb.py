"""Collections of MongoDB: each document as canonical extended JSON, projected to what is mapped, in one snapshot.

A document's day is told by a date at a path. Where the path leads into the list that is unwound, each element has its day, and a
document lands on each of its days with the elements of that day. What has no date there (nothing, text, a list) is never part
of a day; it is read apart, as NO_DAY.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.errors import OperationFailure

from shopmine.collect.document_days import has_no_day, inside_list, parts_by_day
from shopmine.collect.documents import change_at, paths_of, projection_of, prune_list, texts_at, value_at
from shopmine.collect.moments import OpenDays
from shopmine.collect.mongodb_client import UNKNOWN_EXPRESSION, connect, in_words
from shopmine.collect.mongodb_fingerprints import fingerprint_pipeline
from shopmine.collect.outside import Outside
from shopmine.collect.reading import Column, DayLines, Format, Opening, ReadRequest, Sample
from shopmine.config.days import NO_DAY, day_bounds
from shopmine.config.kinds import nearest
from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.staging.lines import Lines

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession
    from pymongo.collection import Collection
    from pymongo.database import Database

    from shopmine.collect.forgotten import Forgotten
    from shopmine.config.entities import EntityConfig

Document = dict[str, Any]
_EXACT: Final = CodecOptions[Document](
    document_class=dict,
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
    unicode_decode_error_handler="backslashreplace",
)
_SAMPLE: Final = 1_000
_BATCH: Final = 2_000
_NO_DOCUMENTS: Final = "0"


@contextmanager
def open_reader(opening: Opening) -> Iterator[MongoReader]:
    """Connect and start the snapshot session (see `reading.open_reader`)."""
    with in_words(opening.connection), connect(opening.connection) as client:
        database = client.get_database(opening.connection.database, codec_options=_EXACT)
        with client.start_session(snapshot=True) as session:
            yield MongoReader(database, session, opening)


class MongoReader:
    """An open MongoDB source (see `reading.Reader`)."""

    format: Format = "jsonl"
    notes: Sequence[str] = ()

    def __init__(self, database: Database[Document], session: ClientSession, opening: Opening) -> None:
        self._database, self._session, self._opening = database, session, opening

    def columns(self, entity: EntityConfig, names: tuple[str, ...]) -> tuple[Column, ...]:
        """The paths with their treatments; parts of a path that are treated apart come after it (see `reading.Reader`)."""
        treated = [path for path in entity.personal if path not in names and entity.personal[path] != "drop"]
        return tuple((path, self._opening.key.type_of(entity, path, "bson")) for path in [*names, *treated])

    def offered(self, entity: EntityConfig) -> None:
        """None: documents have no fixed columns (see `reading.Reader`)."""

    def read(self, request: ReadRequest) -> Iterator[DayLines]:
        """The wanted days in ascending order, then the documents without a day (see `reading.Reader`)."""
        collection = self._collection(request.entity)
        if request.days is None:
            yield self._whole(collection, request)
            return
        if request.days:
            yield from self._days(collection, request, request.days)
        if request.with_no_day:
            yield self._nowhere(collection, request)

    def fingerprints(
        self, entity: EntityConfig, names: tuple[str, ...], days: frozenset[date]
    ) -> Mapping[date, str] | None:
        """Number and sums, by one aggregation (see `reading.Reader` and `mongodb_fingerprints`)."""
        pipeline = fingerprint_pipeline(entity, names, days, self._opening.zone)
        try:
            with self._collection(entity).aggregate(pipeline, session=self._session) as cursor:
                found = {group["_id"]: f"{group['n']} {group['high']} {group['low']}" for group in cursor}
        except OperationFailure as error:
            if error.code == UNKNOWN_EXPRESSION:
                return None
            raise
        return {day: found.get(day.isoformat(), _NO_DOCUMENTS) for day in days}

    def outside(
        self,
        entity: EntityConfig,
        names: tuple[str, ...],  # noqa: ARG002  documents are counted as they are
        first: date,
        last: date,
    ) -> Outside:
        """By two counts that the index of the day's path serves (see `reading.Reader`)."""
        zone = self._opening.zone
        conditions = ({"$lt": day_bounds(first, zone)[0]}, {"$gte": day_bounds(last, zone)[1]})
        counts = [self._count(entity, {str(entity.day): condition}) for condition in conditions]
        return Outside(n_before=counts[0], n_after=counts[1])

    def _count(self, entity: EntityConfig, condition: Document) -> int:
        """Documents, or elements where these have days of their own, that have a day and fulfil the condition."""
        collection = self._collection(entity)
        if inside_list(entity) is None:
            has_day = {"$nor": [has_no_day(entity)]}
            return collection.count_documents({"$and": [condition, has_day]}, session=self._session)
        stages: list[Document] = [
            {"$match": condition},
            {"$unwind": f"${entity.unwind}"},
            {"$match": condition},
            {"$count": "n"},
        ]
        with collection.aggregate(stages, session=self._session) as cursor:
            return sum(int(found["n"]) for found in cursor)

    def sample(self, entity: EntityConfig, columns: Sequence[str], limit: int) -> Sample:
        """Some documents, their estimated number, and mapped paths that none of them has (see `reading.Reader`)."""
        collection = self._collection(entity)
        documents = list(collection.find({}, limit=_SAMPLE))
        found = {path for document in documents for path in paths_of(document)}
        asked = [*columns, *(column for column in entity.personal if column not in columns)]
        n = f"the first {len(documents)} documents" if len(documents) > 1 else "the only document"
        problems = [
            f"{self._place(entity)}: {path!r} is in none of {n}{nearest(path, found)}"
            for path in asked
            if documents and path not in found
        ]
        for document in documents[:limit]:
            self._treat(entity, document)
        return Sample(
            columns=self.columns(entity, tuple(columns))[: len(columns)],
            rows=[[", ".join(texts_at(doc, c.split("."))) or None for c in columns] for doc in documents[:limit]],
            n_rows=collection.estimated_document_count(),
            problems=tuple(problems),
        )

    def _days(
        self, collection: Collection[Document], request: ReadRequest, days: frozenset[date]
    ) -> Iterator[DayLines]:
        path, zone = str(request.entity.day), self._opening.zone
        start, end = day_bounds(min(days), zone)[0], day_bounds(max(days), zone)[1]
        open_days, newest = OpenDays(), min(days)
        for document in self._documents(collection, request, {path: {"$gte": start, "$lt": end}}, path):
            parts = parts_by_day(request.entity, document, zone)
            for day, part in parts.items():
                if day is not None and day in days:
                    open_days.add(day, [line_of(part)])
            # A list is sorted by its least element: only where all are dates does that tell how far the reading is.
            if parts and None not in parts:
                newest = max(newest, min(day for day in parts if day is not None))
            for done, lines in open_days.take_complete(newest):
                yield DayLines(day=done, lines=lines)
        for rest, lines in open_days.take_complete(None):
            yield DayLines(day=rest, lines=lines)

    def _nowhere(self, collection: Collection[Document], request: ReadRequest) -> DayLines:
        """What has no day, of every document that holds such."""
        documents = self._documents(collection, request, has_no_day(request.entity), None)
        parts = (parts_by_day(request.entity, document, self._opening.zone) for document in documents)
        return DayLines(day=NO_DAY, lines=[line_of(by_day[None]) for by_day in parts if None in by_day])

    def _whole(self, collection: Collection[Document], request: ReadRequest) -> DayLines:
        lines = Lines(line_of(document) for document in self._documents(collection, request, {}, None))
        return DayLines(day=None, lines=lines)

    def _documents(
        self, collection: Collection[Document], request: ReadRequest, condition: Document, order: str | None
    ) -> Iterator[Document]:
        """The projected documents, treated, without forgotten persons; at the end the source's own count must be the same."""
        entity = request.entity
        projection = projection_of(request.columns, entity.unwind)
        n_documents = 0
        cursor = collection.find(condition, projection, session=self._session, batch_size=_BATCH)
        if order is not None:
            cursor = cursor.sort(order, 1).allow_disk_use(True)
        with cursor:
            for document in cursor:
                n_documents += 1
                if entity.unwind is not None:
                    prune_list(document, request.columns, entity.unwind)
                self._treat(entity, document)
                if not take_out(document, request.forgotten, entity.unwind):
                    yield document
        counted = collection.count_documents(condition, session=self._session)
        if counted != n_documents:
            raise SourceUnavailableError(
                f"{self._place(entity)}: read {n_documents} documents where the same snapshot counts {counted}; try again"
            )

    def _treat(self, entity: EntityConfig, document: Document) -> None:
        for path, how in entity.personal.items():
            change_at(document, path.split("."), None if how == "drop" else self._opening.key.treatment(entity, path))

    def _collection(self, entity: EntityConfig) -> Collection[Document]:
        known = self._database.list_collection_names()
        name = str(entity.collection)
        if name not in known:
            where = self._opening.connection
            raise ConfigError(
                f"{self._place(entity)}.collection: {where} has no collection {name!r}{nearest(name, known)}"
            )
        return self._database.get_collection(name)

    def _place(self, entity: EntityConfig) -> str:
        return f"sources.{self._opening.source.name}.entities.{entity.name}"


def take_out(document: Document, forgotten: Forgotten, unwind: str | None) -> bool:
    """Whether the document is a forgotten person's; elements of an unwound list are taken out one by one, in place."""
    for path in forgotten.columns():
        if unwind is not None and path.startswith(f"{unwind}."):
            _drop_elements(document, forgotten, unwind, path)
        elif any(forgotten.holds(path, text) for text in texts_at(document, path.split("."))):
            return True
    return False


def _drop_elements(document: Document, forgotten: Forgotten, unwind: str, path: str) -> None:
    elements, inner = value_at(document, unwind), path.removeprefix(f"{unwind}.").split(".")
    if isinstance(elements, list):
        elements[:] = [e for e in elements if not any(forgotten.holds(path, text) for text in texts_at(e, inner))]


def read_line(line: bytes) -> Document:
    """The document of a landed line, exactly."""
    options = json_util.CANONICAL_JSON_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
    document: Document = json_util.loads(line.decode(), json_options=options)
    return document


def line_of(document: Document) -> bytes:
    """The document as it lands: canonical extended JSON in one line."""
    options = json_util.CANONICAL_JSON_OPTIONS
    return json_util.dumps(document, json_options=options, ensure_ascii=False, separators=(",", ":")).encode()
