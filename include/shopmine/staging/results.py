"""Result frames as published tables want them: their columns, types and order, and the hash over what they say."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shopmine.errors import ConfigError, DataError
from shopmine.staging.tables_published import PUBLISHED, PublishedTable
from shopmine.staging.values import canonical_json, canonical_text, frame_hash

MAX_DECIMALS: Final = 18
EXACT_RESULT: Final = pa.decimal128(38, MAX_DECIMALS)


def published_table(name: str) -> PublishedTable:
    """The published table of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in PUBLISHED:
        raise ConfigError(f"there is no published table {name!r}; there are {sorted(PUBLISHED)}")
    return PUBLISHED[name]


def result_schema(name: str) -> pa.Schema:
    """Columns of a published table without `shop` and `release`, as `read_release` gives them."""
    return pa.schema([(column.name, _read_type(column)) for column in published_table(name).result_columns])


def _read_type(column: sa.Column[Any]) -> pa.DataType:
    return EXACT_RESULT if _is_exact(column) else _arrow_type(column)


def _is_exact(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.Numeric) and not isinstance(column.type, sa.Float)


def _arrow_type(column: sa.Column[Any]) -> pa.DataType:
    kinds: list[tuple[type, pa.DataType]] = [
        (sa.BigInteger, pa.int64()),
        (sa.Float, pa.float64()),
        (sa.Boolean, pa.bool_()),
        (sa.Date, pa.date32()),
    ]
    if isinstance(column.type, ARRAY):
        return pa.list_(pa.int32() if isinstance(column.type.item_type, sa.Integer) else pa.string())
    return next((arrow for kind, arrow in kinds if isinstance(column.type, kind)), pa.string())


def conform(name: str, frame: pa.Table) -> pa.Table:
    """The frame with exactly the table's columns, types and order of rows; what it lacks is null.

    Rows are sorted by the table's key and, where that does not name a row, by everything else: a total order. Exact
    numbers become their shortest text, JSON is rewritten in its one form.

    Raises:
        ConfigError: there is no such table.
        DataError: a column is unknown, a required one is missing or null, or a value has the wrong type.
    """
    entry = published_table(name)
    columns = entry.result_columns
    if unknown := sorted(set(frame.column_names) - {column.name for column in columns}):
        raise DataError(f"published.{name} has no columns {unknown}; it has {[column.name for column in columns]}")
    arrays = [_conform_column(name, column, frame) for column in columns]
    conformed = pa.table(arrays, names=[column.name for column in columns])
    return _in_order(entry, conformed)


def _conform_column(name: str, column: sa.Column[Any], frame: pa.Table) -> pa.ChunkedArray:
    if column.name in frame.column_names:
        given = frame.column(column.name)
    else:
        given = pa.chunked_array([pa.nulls(frame.num_rows)])
    if not column.nullable and given.null_count:
        raise DataError(f"published.{name}.{column.name} is null in {given.null_count} of {len(given)} rows")
    try:
        if _is_exact(column):
            return _exact_text(given)
        plain = given.cast(_arrow_type(column))
        return canonical_json(plain) if isinstance(column.type, JSONB) else plain
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, InvalidOperation) as error:
        raise DataError(
            f"published.{name}.{column.name} is {_arrow_type(column)} and was given {given.type} that does not fit"
        ) from error


def _exact_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as their shortest plain text: 1.50 and 1.5 are one; floats are rounded to 18 decimals."""
    texts = [None if value is None else _shortest(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _shortest(value: object) -> str:
    number = Decimal(str(value))
    if not number.is_finite():
        raise InvalidOperation
    exponent = number.as_tuple().exponent
    if isinstance(value, float) and isinstance(exponent, int) and -exponent > MAX_DECIMALS:
        number = round(number, MAX_DECIMALS)
    text = format(number, "f")
    trimmed = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if number == 0 else trimmed


def _in_order(entry: PublishedTable, frame: pa.Table) -> pa.Table:
    others = () if entry.is_unique else [name for name in frame.column_names if name not in entry.key]
    plain = pa.table({name: _sortable(frame.column(name)) for name in (*entry.key, *others)})
    order = pc.sort_indices(plain, sort_keys=[(name, "ascending") for name in plain.column_names])
    place = order.to_numpy()
    return frame if (place[:-1] < place[1:]).all() else frame.take(order)


def _sortable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_list(column.type):
        return column
    texts = [None if value is None else canonical_text(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def results_hash(tables: Mapping[str, pa.Table]) -> str:
    """sha256 (hex) over conformed result tables: names, columns, values in their total order; checks don't count."""
    counted = {name: frame_hash(tables[name]) for name in sorted(tables) if PUBLISHED[name].is_result}
    return hashlib.sha256(canonical_text(counted).encode()).hexdigest()
