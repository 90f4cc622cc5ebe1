"""Writes a release as files, CSV or Parquet, into a folder: each file takes its name only when it is complete."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from shopmine.columns import CUSTOMER
from shopmine.errors import ConfigError, SourceUnavailableError
from shopmine.faults import fault_point
from shopmine.publish.sinks.tables import RELEASE_TABLE, Guard, SinkOptions, SinkTable, Stamp

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

# A spreadsheet takes a cell that begins so for a formula: text from a shop's customers must not become one.
_FORMULA: Final = r"^[=+\-@\t\r|%]"
_SUFFIXES: Final = (".csv", ".parquet")


def write_tables(
    connection: Connection,
    tables: Sequence[SinkTable],
    stamp: Stamp,
    options: SinkOptions,
    guard: Guard = nullcontext,
) -> dict[str, int]:
    """Replace the files `<prefix><name>.csv` (or `.parquet`) by these, and `<prefix>release.json` last.

    Args:
        connection: of kind "files"; its folder is made if it is not there.
        tables: what to write.
        stamp: which release it is.
        options: prefix and format ("csv": UTF-8 with a BOM, as spreadsheets need it, cells that would be formulas
            begin with an apostrophe; "parquet": typed).
        guard: entered while the files take their names.

    Returns:
        Rows written, by table.

    Raises:
        ConfigError: the format is unknown.
        SourceUnavailableError: the folder can't be written.
    """
    writers = {"csv": _write_csv, "parquet": _write_parquet}
    if options.format not in writers:
        raise ConfigError(f"sink format={options.format!r} is unknown; choose from {sorted(writers)}")
    folder = connection.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _beside(folder, options.prefix) as beside:
            built = [beside / f"{options.prefix}{table.name}.{options.format}" for table in tables]
            for path, table in zip(built, tables, strict=True):
                writers[options.format](path, rows=table.rows)
                fault_point("sink.between_tables")
            built.append(beside / f"{options.prefix}{RELEASE_TABLE}.json")
            built[-1].write_text(json.dumps(asdict(stamp), indent=1), "utf-8")
            fault_point("sink.before_swap")
            with guard():
                for path in built:
                    _rename(path, folder)
                    fault_point("sink.swapped")
    except OSError as error:
        raise SourceUnavailableError(f"the sink {connection} can't be written: {error.strerror}") from error
    return {table.name: int(table.rows.num_rows) for table in tables}


def has_written(connection: Connection, n_rows: Mapping[str, int], stamp: Stamp, options: SinkOptions) -> bool:  # noqa: ARG001
    """Never known: files take their names one after the other and anybody may change them, and writing them is cheap."""
    return False


def remove_person(connection: Connection, tables: Sequence[str], customer: str, options: SinkOptions) -> dict[str, int]:
    """Rewrite the files that Shopmine wrote without a person's rows.

    Args:
        connection: of kind "files".
        tables: names of published tables.
        customer: the person's key.
        options: the prefix.

    Returns:
        Rows removed, by table that is there and is about persons.
    """
    counts: dict[str, int] = {}
    for table in tables:
        for suffix in _SUFFIXES:
            path = connection.folder / f"{options.prefix}{table}{suffix}"
            if path.is_file():
                counts[table] = counts.get(table, 0) + _rewrite_without(path, customer, options.prefix)
    return counts


def _rewrite_without(path: Path, customer: str, prefix: str) -> int:
    is_csv = path.suffix == ".csv"
    rows = _read_csv(path) if is_csv else parquet.read_table(path)
    if CUSTOMER not in rows.column_names:
        return 0
    key = _escape(pa.chunked_array([pa.array([customer])]))[0] if is_csv else pa.scalar(customer)
    kept = rows.filter(pc.not_equal(rows[CUSTOMER], key))
    if kept.num_rows < rows.num_rows:
        with _beside(path.parent, prefix) as beside:
            built = beside / path.name
            _store_csv(built, kept) if is_csv else parquet.write_table(kept, built)
            _rename(built, path.parent)
    return int(rows.num_rows - kept.num_rows)


@contextmanager
def _beside(folder: Path, prefix: str) -> Iterator[Path]:
    """A folder for new files, on the same disk; what a writer that was killed left of its own goes first."""
    begin = f".{prefix}new-"
    for left in folder.glob(f"{begin}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=begin) as beside:
        yield Path(beside)


def _rename(path: Path, folder: Path) -> None:
    path.chmod(0o640)
    path.replace(folder / path.name)


def _write_parquet(path: Path, rows: pa.Table) -> None:
    parquet.write_table(rows, path, compression="zstd")


def _write_csv(path: Path, rows: pa.Table) -> None:
    columns = {field.name: _cell(rows[field.name], field.type) for field in rows.schema}
    _store_csv(path, pa.table(columns))


def _cell(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_list(type_):
        texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    if pa.types.is_floating(type_):
        return pc.if_else(pc.is_finite(column), column, pa.scalar(None, type_))
    return _escape(column) if pa.types.is_string(type_) or pa.types.is_large_string(type_) else column


def _escape(column: pa.ChunkedArray) -> pa.ChunkedArray:
    is_formula = pc.fill_null(pc.match_substring_regex(column, _FORMULA), False)
    return pc.if_else(is_formula, pc.binary_join_element_wise("'", column, ""), column)


def _store_csv(path: Path, rows: pa.Table) -> None:
    with path.open("wb") as file:
        file.write(b"\xef\xbb\xbf")
        csv.write_csv(rows, file)


def _read_csv(path: Path) -> pa.Table:
    names = path.open(encoding="utf-8-sig").readline().strip().replace('"', "").split(",")
    return csv.read_csv(
        path,
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
        parse_options=csv.ParseOptions(newlines_in_values=True),
    )
