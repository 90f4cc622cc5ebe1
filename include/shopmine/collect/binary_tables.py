"""Tables that are no text: Parquet and Excel, each value in its plainest exact form."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final
from xml.etree.ElementTree import ParseError

from shopmine.collect.packed import BROKEN
from shopmine.collect.sql_values import text_of
from shopmine.collect.table_file import Row, TableFile, UnreadableError, check_header
from shopmine.collect.text_tables import misfit
from shopmine.config.kinds import nearest
from shopmine.errors import ConfigError

_ROWS: Final = 10_000
_MOST_BYTES: Final = 2 << 30
_NO_WORKBOOK: Final = (*BROKEN, KeyError, ValueError, ParseError)


@contextmanager
def open_parquet(stream: BinaryIO, name: str) -> Iterator[TableFile]:
    """A Parquet file; bytes are given as hex digits."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(stream) as file:
            schema = file.schema_arrow
            check_header(schema.names, name)
            columns = tuple((column.name, _type_name(column.type)) for column in schema)
            yield TableFile(name=name, columns=columns, rows=lambda names: _parquet_rows(file, names))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowIOError) as error:
        raise UnreadableError(f"{name} cannot be read as a plain Parquet table: {error}") from error


def _type_name(kind: Any) -> str:
    """The type in words that tell whether a time has a zone; ` hex` for bytes."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return "datetime" if kind.tz is None else "datetime with zone"
    return "binary hex" if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else str(kind)


def _parquet_rows(file: Any, names: Sequence[str]) -> Iterator[Row]:
    import pyarrow as pa

    for batch in file.iter_batches(batch_size=_ROWS, columns=list(dict.fromkeys(names))):
        columns = []
        for name in names:
            column = batch.column(name)
            if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
                columns.append([None if v is None else v.hex() for v in column.to_pylist()])
            else:
                columns.append(column.cast(pa.string()).to_pylist())
        for row in zip(*columns, strict=True):
            yield [*row]


@contextmanager
def open_excel(stream: BinaryIO, name: str, sheet: str | None) -> Iterator[TableFile]:
    """A sheet of a workbook, the first unless named; its first row names the columns.

    Of a formula the value that the workbook holds is taken; an error in a cell (#N/A) stays its text. Columns without a name are
    called by their letter, like `(C)`.
    """
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        _check_size(stream, name)
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    except (*_NO_WORKBOOK, InvalidFileException) as error:
        raise UnreadableError(f"{name} cannot be read as an Excel workbook: {error}") from error
    try:
        page = _sheet(book, name, sheet)
        page.reset_dimensions()  # what a workbook says of its size may be wrong
        cells = page.iter_rows(values_only=True)
        header = _header(next(cells, ()))
        check_header(header, name)
        yield TableFile(
            name=name,
            columns=tuple((column, "excel") for column in header),
            form=f"sheet {page.title!r}",
            rows=lambda names: _cell_rows(cells, header, names, name),
        )
    except _NO_WORKBOOK as error:
        raise UnreadableError(f"{name} cannot be read as an Excel workbook: {error}") from error
    finally:
        book.close()


def _check_size(stream: BinaryIO, name: str) -> None:
    with zipfile.ZipFile(stream) as archive:
        n_bytes = sum(info.file_size for info in archive.infolist())
    if n_bytes > _MOST_BYTES:
        raise ConfigError(
            f"{name} unpacks to {n_bytes} bytes, which is too much for a workbook; export it as CSV or Parquet"
        )
    stream.seek(0)


def _sheet(book: Any, name: str, sheet: str | None) -> Any:
    titles = [page.title for page in book.worksheets]
    if sheet is not None and sheet not in titles:
        raise ConfigError(f"{name} has no sheet {sheet!r}{nearest(sheet, titles)}")
    if not titles:
        raise UnreadableError(f"{name} has no sheet with cells")
    return book[titles[0] if sheet is None else sheet]


def _header(cells: Sequence[Any]) -> list[str]:
    from openpyxl.utils import get_column_letter

    names = [None if cell is None else (text_of(cell) or "").strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return [column or f"({get_column_letter(place)})" for place, column in enumerate(names, start=1)]


def _cell_rows(
    cells: Iterator[Sequence[Any]], header: Sequence[str], names: Sequence[str], name: str
) -> Iterator[Row | str]:
    places, n_columns = [header.index(column) for column in names], len(header)
    for number, row in enumerate(cells, start=2):
        texts = [text_of(cell) for cell in row]
        while len(texts) > n_columns and texts[-1] is None:
            texts.pop()
        if len(texts) > n_columns:
            what = f"{name}, row {number}: {len(texts)} cells under {n_columns} columns"
            yield misfit(what, "\x1f".join(text or "" for text in texts))
        elif any(text is not None for text in texts):  # an empty row is none
            texts += [None] * (n_columns - len(texts))
            yield [texts[place] for place in places]
