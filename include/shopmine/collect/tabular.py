"""One table file, row by row, as text: CSV and TSV as they stand, Parquet's values in their plainest exact form."""

from __future__ import annotations

import codecs
import csv
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shopmine.errors import ConfigError, DataError

if TYPE_CHECKING:
    from shopmine.collect.reading import Column
    from shopmine.config.entities import EntityConfig

_TEXT: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": ","}
_PARQUET: Final = {".parquet", ".pq"}
_ENCODINGS: Final = ("utf-8-sig", "gb18030")  # utf-8-sig reads plain UTF-8 too
_BLOCK: Final = 1 << 20
_ROWS: Final = 10_000
Row = list[str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    """An open file.

    Attributes:
        columns: name and type of each column, in the file's order.
        rows: gives each row's values; a text instead, where a row does not fit the header: which row, and its hash.
    """

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[], Iterator[Row | str]]

    def place(self, column: str) -> int:
        """Where a column stands in a row."""
        return [name for name, _ in self.columns].index(column)


@contextmanager
def open_table(path: Path, name: str, entity: EntityConfig) -> Iterator[TableFile]:
    """Open by the name's ending; `name` is what errors call the file.

    Raises:
        ConfigError: no known ending, unknown encoding, or two columns with one name.
        DataError: the file is no text in any known encoding, or no Parquet.
    """
    ending = path.suffix.lower()
    if ending in _PARQUET:
        with _open_parquet(path, name) as table:
            yield table
    elif ending in _TEXT or entity.delimiter is not None:
        with _open_text(path, name, entity) as table:
            yield table
    else:
        known = ", ".join(sorted({*_TEXT, *_PARQUET}))
        raise ConfigError(
            f"{name} has no ending that tells its kind; known are {known}; or set `delimiter` for a text table"
        )


@contextmanager
def _open_text(path: Path, name: str, entity: EntityConfig) -> Iterator[TableFile]:
    encoding = entity.encoding or _find_encoding(path, name)
    csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding=encoding, newline="") as stream:
            records = csv.reader(stream, delimiter=entity.delimiter or _TEXT[path.suffix.lower()])
            header = next(records, [])
            _check_header(header, name)
            yield TableFile(
                name=name,
                columns=tuple((column, "text") for column in header),
                rows=lambda: _text_rows(records, len(header), name),
            )
    except LookupError as error:
        raise ConfigError(f"{name}: unknown encoding {encoding!r}; name one like utf-8 or gb18030") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{name} is no text table in {encoding}: {error}; set `encoding`, or mend the file") from error


def _check_header(header: list[str], name: str) -> None:
    if not header:
        raise DataError(f"{name} is empty; a table's first line names its columns")
    if twice := sorted({column for column in header if header.count(column) > 1}):
        raise ConfigError(f"{name} has several columns named {twice}; give each its own name")


def _text_rows(records: Iterator[list[str]], n_columns: int, name: str) -> Iterator[Row | str]:
    for number, record in enumerate(records, start=2):
        if len(record) == n_columns:
            yield [*record]
        elif record:  # an empty line is no row
            digest = hashlib.sha256("\x1f".join(record).encode()).hexdigest()
            yield f"{name}, record {number}: {len(record)} fields instead of {n_columns}, sha256 {digest}"


def _find_encoding(path: Path, name: str) -> str:
    """The first of the known encodings in which the whole file can be read."""
    for encoding in _ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with path.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise DataError(f'{name} is neither UTF-8 nor GB18030; set `encoding` for this entity, like encoding = "latin-1"')


@contextmanager
def _open_parquet(path: Path, name: str) -> Iterator[TableFile]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            _check_header(schema.names, name)
            columns = tuple((field.name, _type_name(field.type)) for field in schema)
            yield TableFile(name=name, columns=columns, rows=lambda: _parquet_rows(file))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{name} cannot be read as a plain Parquet table: {error}") from error


def _type_name(kind: Any) -> str:
    """The type in words that tell whether a time has a zone; ` hex` for bytes."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return "datetime" if kind.tz is None else "datetime with zone"
    return "binary hex" if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else str(kind)


def _parquet_rows(file: Any) -> Iterator[Row]:
    import pyarrow as pa

    for batch in file.iter_batches(batch_size=_ROWS):
        columns = []
        for column in batch.columns:
            if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
                columns.append([None if v is None else v.hex() for v in column.to_pylist()])
            else:
                columns.append(column.cast(pa.string()).to_pylist())
        for row in zip(*columns, strict=True):
            yield [*row]
