"""Table files by their endings: looked through once for what counts and how it is written, then opened and read."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from shopmine.collect.binary_tables import open_excel, open_parquet
from shopmine.collect.packed import BROKEN
from shopmine.collect.table_file import Row, TableFile, UnreadableError
from shopmine.collect.text_forms import EncodingFinder
from shopmine.collect.text_tables import TextSource, open_json_lines, open_separated
from shopmine.errors import ConfigError, DataError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.collect.packed import Member
    from shopmine.collect.storage import Storage
    from shopmine.config.entities import EntityConfig

SEPARATED: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": ","}
JSON_LINES: Final = {".jsonl", ".ndjson"}
PARQUET: Final = {".parquet", ".pq"}
EXCEL: Final = {".xlsx", ".xlsm"}
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a look through a file's bytes told.

    Attributes:
        content: SHA-256 of the bytes that count, unpacked.
        n_bytes: how many these are; less than the file has where its end is not finished.
        encoding: of a text; None: not for sure.
        is_growing: it may be that the file is still written to.
    """

    content: bytes
    n_bytes: int
    encoding: str | None
    is_growing: bool


def is_text(member: Member, entity: EntityConfig) -> bool:
    """Whether a file is read line by line."""
    return member.ending in {*SEPARATED, *JSON_LINES} or entity.delimiter is not None


def examine(member: Member, storage: Storage, entity: EntityConfig, *, is_growing: bool) -> Examined:
    """Look through a file; of a text that is still written to, what follows its last line break does not count.

    Raises:
        UnreadableError: it is packed, and damaged or half there.
    """
    digest, finder, n_bytes = hashlib.sha256(), EncodingFinder(), 0
    is_line_by_line = is_text(member, entity)
    is_growing = is_growing and is_line_by_line and not member.is_packed
    try:
        with member.open(storage) as stream:
            blocks = _blocks(stream, None if member.is_packed else member.stored.size)
            for block in _whole_lines(blocks) if is_growing else blocks:
                digest.update(block)
                n_bytes += len(block)
                if is_line_by_line:
                    finder.feed(block)
    except BROKEN as error:
        raise UnreadableError(f"{member.name} cannot be unpacked: {error}; put it there again") from error
    encoding = finder.found() if is_line_by_line else None
    return Examined(content=digest.digest(), n_bytes=n_bytes, encoding=encoding, is_growing=is_growing)


def _blocks(stream: BinaryIO, n_bytes: int | None) -> Iterator[bytes]:
    left = sys.maxsize if n_bytes is None else n_bytes
    while block := stream.read(min(_BLOCK, left)):
        yield block
        left -= len(block)


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        head, end, tail = block.rpartition(b"\n")
        if end:
            yield rest + head + end
            rest = tail
        else:
            rest += block


@contextmanager
def open_table(member: Member, storage: Storage, entity: EntityConfig, examined: Examined) -> Iterator[TableFile]:
    """Open by the name's ending.

    Raises:
        ConfigError: no known ending, unknown encoding or sheet, or two columns with one name.
        DataError: the text is in no encoding for sure, or not in the declared one.
        UnreadableError: the file is empty or no table of its kind.
        SourceUnavailableError: it was changed meanwhile.
    """
    if is_text(member, entity):
        with _open_text(member, storage, entity, examined) as table:
            yield table
    elif member.ending in PARQUET | EXCEL:
        with member.open(storage) as stream, _open_binary(member, stream, entity) as table:
            yield table
        if storage.look(member.stored).mark != member.stored.mark:
            raise _changed(member.name)
    else:
        known = ", ".join(sorted({*SEPARATED, *JSON_LINES, *PARQUET, *EXCEL}))
        raise ConfigError(
            f"{member.name} has no ending that tells its kind; known are {known}, and .zip and .gz of these; or set "
            "`delimiter` for a text table"
        )


def _changed(name: str) -> SourceUnavailableError:
    return SourceUnavailableError(
        f"{name} was changed while it was read; put files there whole (write, then rename); try again"
    )


@contextmanager
def _open_binary(member: Member, stream: BinaryIO, entity: EntityConfig) -> Iterator[TableFile]:
    # What is packed is unpacked anew for each step backwards, and these are read from the end.
    source = io.BytesIO(stream.read()) if member.is_packed else stream
    if member.ending in EXCEL:
        with open_excel(source, member.name, entity.sheet) as table:
            yield table
    else:
        with open_parquet(source, member.name) as table:
            yield table


class _Counted(io.RawIOBase):
    """The first bytes of a stream, hashed as they are read."""

    def __init__(self, stream: BinaryIO, n_bytes: int) -> None:
        self._stream, self._left, self._digest = stream, n_bytes, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(min(len(buffer), self._left))
        self._left -= len(data)
        self._digest.update(data)
        buffer[: len(data)] = data
        return len(data)

    def digest(self) -> bytes:
        return self._digest.digest()


@contextmanager
def _open_text(member: Member, storage: Storage, entity: EntityConfig, examined: Examined) -> Iterator[TableFile]:
    name, encoding = member.name, entity.encoding or examined.encoding
    if encoding is None:
        raise DataError(
            f"{name} is neither UTF-8 nor for sure GB18030 or latin-1; set `encoding` for this entity, like "
            'encoding = "gb18030"'
        )
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise ConfigError(f"{name}: unknown encoding {encoding!r}; name one like utf-8 or gb18030") from error
    try:
        with member.open(storage) as stream:
            counted = _Counted(stream, examined.n_bytes)
            with io.TextIOWrapper(io.BufferedReader(counted, _BLOCK), encoding=encoding, newline="") as text:
                source = TextSource(
                    name=name,
                    text=text,
                    encoding=encoding,
                    separator=entity.delimiter,
                    usual=SEPARATED.get(member.ending, ","),
                    is_growing=examined.is_growing,
                )
                is_json = member.ending in JSON_LINES and entity.delimiter is None
                table = open_json_lines(source) if is_json else open_separated(source)
                yield replace(table, rows=lambda names: _checked(table, names, counted, examined))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{name} is no text table in {encoding}: {error}; set `encoding`, or mend the file") from error


def _checked(table: TableFile, names: Sequence[str], counted: _Counted, examined: Examined) -> Iterator[Row | str]:
    """All rows; then the bytes that gave them must be those that were looked through."""
    yield from table.rows(names)
    if counted.digest() != examined.content:
        raise _changed(table.name)
