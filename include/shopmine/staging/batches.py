"""Batches: what a source said about an entity and a day, exactly and for good."""

import hashlib
import io
import json
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import IO, Any, Final, Literal

import sqlalchemy as sa
import zstandard
from sqlalchemy.dialects import postgresql

from shopmine.config.days import NO_DAY
from shopmine.errors import DataError, NotFoundError
from shopmine.faults import fault_point
from shopmine.staging.database import Database
from shopmine.staging.leases import Lease
from shopmine.staging.lines import Lines
from shopmine.staging.pieces import read_pieces, write_pieces
from shopmine.staging.tables_raw import batches as batches_table
from shopmine.staging.tables_raw import chunks
from shopmine.staging.values import canonical_text

ZSTD_LEVEL: Final = 3
Format = Literal["copy", "jsonl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchColumn:
    """A value of each line: its name and its type in the source's own words."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDraft:
    r"""What was read and is to be landed.

    Attributes:
        known_at: when the source said so; `known_at_assumed` for history: the end of the day.
        format: `copy`: each line is the PostgreSQL COPY text of the values in column order (tabs between, `\N` null);
            `jsonl`: each line is one document as extended JSON.
        lines: without newlines, in any order; none at all is an empty day. Very many of them as `Lines`.
    """

    source: str
    entity: str
    day: date
    known_at: datetime
    known_at_assumed: bool
    columns: Sequence[BatchColumn]
    format: Format
    lines: Collection[bytes] | Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A landed batch, without its lines (see `read_lines`)."""

    batch: int
    shop: str
    source: str
    entity: str
    day: date
    known_at: datetime
    known_at_assumed: bool
    content_hash: str
    n_rows: int
    columns: tuple[BatchColumn, ...]
    format: Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What became of a draft: the batch that holds its content, and whether it is a new one."""

    batch: int
    day: date
    n_rows: int
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packed:
    """A draft ready to be written: hashed and compressed before the transaction starts."""

    draft: BatchDraft
    content_hash: str
    n_bytes: int
    data: IO[bytes]


def land_batches(db: Database, *, shop: str, drafts: Sequence[BatchDraft], lease: Lease) -> list[Landed]:
    """Land what was read, all of it or nothing.

    A draft with the same content as the batch that was newest at its `known_at` makes no new batch. The batch with the
    later `known_at` is the newer one, whichever is landed first.

    Returns:
        One entry a draft, in the drafts' order.

    Raises:
        DataError: a line holds a newline, or a draft's `known_at` has no time zone.
        LeaseLostError: another process took the lease over; nothing was landed.
    """
    packed = [_pack(draft) for draft in drafts]
    with db.transaction() as connection:
        known = _known_hashes(connection, shop, drafts)
        landed: list[Landed] = []
        new: list[tuple[int, _Packed]] = []
        numbers = _new_numbers(connection, len(packed))
        for number, item in zip(numbers, packed, strict=True):
            found = _newest_at(known, item.draft)
            is_new = found is None or found[2] != item.content_hash
            batch = number if found is None or is_new else found[1]
            landed.append(Landed(batch=batch, day=item.draft.day, n_rows=len(item.draft.lines), is_new=is_new))
            if is_new:
                new.append((number, item))
                known.setdefault(_slot(item.draft), []).append((item.draft.known_at, number, item.content_hash))
        if new:
            connection.execute(sa.insert(batches_table), [_values(shop, number, item) for number, item in new])
            write_pieces(connection, chunks, ((number, item.data) for number, item in new))
        lease.check(connection)
        fault_point("collect.before_commit")
    return landed


_Slot = tuple[str, str, date]
_Known = dict[_Slot, list[tuple[datetime, int, str]]]


def _slot(draft: BatchDraft) -> _Slot:
    return draft.source, draft.entity, draft.day


def _pack(draft: BatchDraft) -> _Packed:
    if draft.known_at.tzinfo is None:
        raise DataError(f"known_at {draft.known_at} of {draft.entity} has no time zone; give it in UTC")
    lines = draft.lines if isinstance(draft.lines, Lines) else Lines(draft.lines)
    digest = _digest(draft.columns, draft.format, len(lines))
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj(size=lines.n_bytes)
    data: IO[bytes] = tempfile.TemporaryFile(prefix="shopmine-") if lines.is_large else io.BytesIO()  # noqa: SIM115  closed when it is landed
    n_newlines, between = 0, b""
    for block in lines.blocks():
        piece = between + b"\n".join(block)
        between = b"\n"
        n_newlines += piece.count(b"\n")
        digest.update(piece)
        data.write(compressor.compress(piece))
    data.write(compressor.flush())
    if n_newlines != max(0, len(lines) - 1):
        raise DataError(
            f"a line of {draft.source}.{draft.entity} for {draft.day} holds a newline; escape it as the format asks"
        )
    return _Packed(draft=draft, content_hash=digest.hexdigest(), n_bytes=lines.n_bytes, data=data)


def _compressed(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)


def replace_lines(connection: sa.Connection, batch: Batch, lines: Sequence[bytes]) -> None:
    """Put other lines into a batch: the one thing that may change it is that a person is removed. It is marked so."""
    body = b"\n".join(sorted(lines))
    values = {
        "content_hash": _content_hash(batch.columns, batch.format, len(lines), body),
        "n_rows": len(lines),
        "n_bytes": len(body),
        "is_redacted": True,
    }
    is_it = batches_table.c.batch == batch.batch
    connection.execute(sa.update(batches_table).where(is_it).values(values))
    connection.execute(sa.delete(chunks).where(chunks.c.batch == batch.batch))
    write_pieces(connection, chunks, [(batch.batch, io.BytesIO(_compressed(body)))])


def all_batches(db: Database, shop: str) -> list[Batch]:
    """Every batch of a shop, also superseded ones, by source, entity, day and number."""
    table = batches_table.c
    wanted = sa.select(*_COLUMNS).where(table.shop == shop)
    with db.snapshot() as connection:
        return _select(connection, wanted.order_by(table.source, table.entity, table.day, table.batch))


def _content_hash(columns: Sequence[BatchColumn], form: str, n_rows: int, body: bytes) -> str:
    digest = _digest(columns, form, n_rows)
    digest.update(body)
    return str(digest.hexdigest())


def _digest(columns: Sequence[BatchColumn], form: str, n_rows: int) -> Any:
    """Of all that goes before the lines."""
    head = canonical_text([form, n_rows, [[column.name, column.type] for column in columns]])
    return hashlib.sha256(head.encode() + b"\n")


def _known_hashes(connection: sa.Connection, shop: str, drafts: Sequence[BatchDraft]) -> _Known:
    table = batches_table.c
    entities = sorted({(draft.source, draft.entity) for draft in drafts})
    days = [draft.day for draft in drafts]
    known: _Known = {}
    if not drafts:
        return known
    of_these = sa.tuple_(table.source, table.entity).in_(entities)
    rows = connection.execute(
        sa.select(table.source, table.entity, table.day, table.known_at, table.batch, table.content_hash).where(
            table.shop == shop, of_these, table.day.between(min(days), max(days))
        )
    )
    for source, entity, day, known_at, batch, content_hash in rows:
        known.setdefault((source, entity, day), []).append((known_at, batch, content_hash))
    return known


def _newest_at(known: _Known, draft: BatchDraft) -> tuple[datetime, int, str] | None:
    return max((entry for entry in known.get(_slot(draft), []) if entry[0] <= draft.known_at), default=None)


def _new_numbers(connection: sa.Connection, n: int) -> list[int]:
    sequence = sa.func.pg_get_serial_sequence("raw.batches", "batch")
    numbers = sa.select(sa.func.nextval(sequence.cast(postgresql.REGCLASS)))
    return list(connection.execute(numbers.select_from(sa.func.generate_series(1, n).table_valued("n"))).scalars())


def _values(shop: str, number: int, item: _Packed) -> dict[str, object]:
    draft = item.draft
    return {
        "batch": number,
        "shop": shop,
        "source": draft.source,
        "entity": draft.entity,
        "day": draft.day,
        "known_at": draft.known_at,
        "known_at_assumed": draft.known_at_assumed,
        "content_hash": item.content_hash,
        "n_rows": len(draft.lines),
        "n_bytes": item.n_bytes,
        "columns": [{"name": column.name, "type": column.type} for column in draft.columns],
        "format": draft.format,
    }


def read_lines(db: Database, batch: Batch | int) -> list[bytes]:
    """The lines of a batch, sorted by their bytes, exactly as landed.

    Raises:
        NotFoundError: there is no such batch.
        DataError: the stored bytes are not what was landed.
    """
    return read_many(db, [batch.batch if isinstance(batch, Batch) else batch])[0]


def read_many(db: Database, numbers: Sequence[int]) -> list[list[bytes]]:
    """The lines of several batches, in the order of their numbers given: one look into the database for all of them.

    Raises:
        NotFoundError: one of them does not exist.
        DataError: the stored bytes of one are not what was landed.
    """
    table = batches_table.c
    with db.snapshot() as connection:
        found = load_batches(connection, numbers)
        if missing := sorted(set(numbers) - set(found)):
            raise NotFoundError(f"there are no batches {missing}; clean.accounting lists them")
        told = connection.execute(sa.select(table.batch, table.n_bytes).where(_is_one_of(numbers)))
        n_bytes = {row.batch: row.n_bytes for row in told}
        data = read_pieces(connection, chunks, numbers)
    return [_unpack(found[n], n_bytes[n], data.get(n, b"")) for n in numbers]


def _unpack(batch: Batch, n_bytes: int, data: bytes) -> list[bytes]:
    try:
        fits = zstandard.frame_content_size(data) == n_bytes
        body = zstandard.ZstdDecompressor().decompress(data) if fits else None
    except zstandard.ZstdError:
        body = None
    if body is None or _content_hash(batch.columns, batch.format, batch.n_rows, body) != batch.content_hash:
        raise DataError(
            f"batch {batch.batch} ({batch.source}.{batch.entity} of {batch.day}) is damaged: its bytes do not match "
            f"their checksum; read that day again with a new known_at"
        )
    return body.split(b"\n") if batch.n_rows else []


def newest_batches(
    db: Database,
    shop: str,
    *,
    source: str | None = None,
    entity: str | None = None,
    until: date | None = None,
    known_at: datetime | None = None,
) -> list[Batch]:
    """The newest batch of each source, entity and day: the one with the latest `known_at`, by source, entity, day.

    Args:
        db: the staging database.
        shop: whose.
        source: only of this source.
        entity: only of this entity.
        until: only days up to and including this one.
        known_at: the newest then, instead of now.
    """
    with db.snapshot() as connection:
        return select_newest(connection, shop, source=source, entity=entity, until=until, known_at=known_at)


def select_newest(
    connection: sa.Connection,
    shop: str,
    *,
    source: str | None = None,
    entity: str | None = None,
    until: date | None = None,
    known_at: datetime | None = None,
) -> list[Batch]:
    """As `newest_batches`, in the caller's transaction."""
    table = batches_table.c
    asked = [(table.source, source), (table.entity, entity)]
    conditions: list[sa.ColumnElement[bool]] = [column == value for column, value in asked if value is not None]
    if until is not None:
        conditions.append(table.day <= until)
    if known_at is not None:
        conditions.append(table.known_at <= known_at)
    slot = (table.source, table.entity, table.day)
    newest = sa.select(*_COLUMNS).where(table.shop == shop, *conditions).ext(postgresql.distinct_on(*slot))
    return _select(connection, newest.order_by(*slot, table.known_at.desc(), table.batch.desc()))


def known_since(db: Database, shop: str, until: date) -> datetime | None:
    """Since when anything is known of a shop's days up to and including `until`; None: nothing is."""
    table = batches_table.c
    first = sa.select(sa.func.min(table.known_at)).where(table.shop == shop, table.day <= until, table.day > NO_DAY)
    with db.snapshot() as connection:
        since: datetime | None = connection.execute(first).scalar_one()
    return since


def load_batches(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, Batch]:
    """These batches by number."""
    found = _select(connection, sa.select(*_COLUMNS).where(_is_one_of(numbers)))
    return {batch.batch: batch for batch in found}


def _is_one_of(numbers: Sequence[int]) -> sa.ColumnElement[bool]:
    return batches_table.c.batch == sa.any_(sa.literal([*numbers], postgresql.ARRAY(sa.BigInteger)))


_NAMES: Final = tuple(field.name for field in fields(Batch) if field.name != "columns")
_COLUMNS: Final = (
    *(batches_table.c[name] for name in _NAMES),
    sa.cast(batches_table.c.columns, sa.Text).label("columns"),
)


def _select(connection: sa.Connection, query: sa.Select[Any]) -> list[Batch]:
    """The batches of a query over `_COLUMNS`; thousands of them have the same few columns, read once."""
    shared: dict[str, tuple[BatchColumn, ...]] = {}
    found = []
    for *values, text in connection.execute(query):
        if text not in shared:
            shared[text] = tuple(BatchColumn(name=told["name"], type=told["type"]) for told in json.loads(text))
        found.append(Batch(**dict(zip(_NAMES, values, strict=True)), columns=shared[text]))
    return found
