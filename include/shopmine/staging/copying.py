"""Arrow tables into PostgreSQL and out, by COPY: exact for every value, at the speed of COPY.

Values travel as CSV: a null is an empty field, the empty string a quoted one; numbers and times travel as their text.
"""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import sqlalchemy as sa
from psycopg import sql

from shopmine.errors import DataError
from shopmine.staging.values import number_lists_text

_WRITE_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 1 << 22


def driver_connection(connection: sa.Connection) -> psycopg.Connection[Any]:
    """The psycopg connection behind an SQLAlchemy one, in the same transaction."""
    if not connection.in_transaction():
        connection.begin()
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"the staging database is read through psycopg, not {type(driver).__name__}")
    return driver


def copy_in(connection: sa.Connection, table: sa.Table, frame: pa.Table) -> int:
    """Append the rows of a frame to a table, by name of column; columns that the frame lacks get their default.

    Args:
        connection: in a transaction, which the caller commits.
        table: where to.
        frame: (n_rows, …). Text for jsonb columns must be JSON; lists go to arrays; binary to bytea.

    Returns:
        The number of rows.

    Raises:
        DataError: the frame has a column that the table lacks; a float or a time without zone would go into an exact
            column; or PostgreSQL refuses a value (the message names line and column, never the value).
    """
    _check_columns(table, frame.schema)
    if frame.num_rows == 0:
        return 0
    frame = _without_empty_columns(table, frame)
    text = pa.table([_as_text(column) for column in frame.columns], names=frame.column_names).combine_chunks()
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(table.schema or "public", table.name),
        sql.SQL(", ").join(map(sql.Identifier, frame.column_names)),
    )
    try:
        with driver_connection(connection).cursor() as cursor, cursor.copy(statement) as copy:
            for piece in _csv_pieces(text):
                copy.write(piece)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise DataError(_refusal(table.fullname, error)) from error
    return int(frame.num_rows)


def _without_empty_columns(table: sa.Table, frame: pa.Table) -> pa.Table:
    """Without the columns that hold nulls only and are null by themselves: what is not sent need not be read."""
    sent = [
        name
        for name in frame.column_names
        if frame.column(name).null_count < frame.num_rows
        or table.c[name].server_default is not None
        or not table.c[name].nullable
    ]
    return frame.select(sent) if sent else frame


def _check_columns(table: sa.Table, schema: pa.Schema) -> None:
    names = [column.name for column in table.columns]
    if unknown := sorted(set(schema.names) - set(names)):
        raise DataError(f"{table.fullname} has no columns {unknown}; it has {names}")
    for field in schema:
        kind = table.c[field.name].type
        if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float) and pa.types.is_floating(field.type):
            raise DataError(
                f"{table.fullname}.{field.name} is exact and was given {field.type}; give decimals, integers or text"
            )
        if isinstance(kind, sa.DateTime) and pa.types.is_timestamp(field.type) and field.type.tz is None:
            raise DataError(f"{table.fullname}.{field.name} was given times without a zone; give them in UTC")


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_text(column.cast(kind.value_type))
    if _is_list(kind):
        return _arrays_of_numbers(column) if pa.types.is_integer(kind.value_type) else _each(column, _array_text)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _each(column, lambda value: f"\\x{value.hex()}")
    if pa.types.is_null(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    return column


def _arrays_of_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    parts = [number_lists_text(chunk, "{", "NULL", "}") for chunk in column.chunks]
    return pa.chunked_array(parts, pa.large_string())


def _each(column: pa.ChunkedArray, convert: Callable[[Any], str]) -> pa.ChunkedArray:
    texts = [None if value is None else convert(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.large_string())])


def _array_text(values: Iterable[object]) -> str:
    return "{" + ",".join("NULL" if value is None else _quoted(str(value)) for value in values) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text_list(kind: pa.DataType) -> bool:
    return _is_list(kind) and not pa.types.is_integer(kind.value_type)


def _csv_pieces(frame: pa.Table) -> Iterable[memoryview]:
    for batch in frame.to_batches(max_chunksize=1 << 16):
        sink = pa.BufferOutputStream()
        pacsv.write_csv(batch, sink, pacsv.WriteOptions(include_header=False))
        view = memoryview(sink.getvalue())
        for start in range(0, len(view), _WRITE_BYTES):
            yield view[start : start + _WRITE_BYTES]


def _refusal(target: str, error: psycopg.Error) -> str:
    """What PostgreSQL refused, without the value: it may be a person's."""
    where = (error.diag.context or "").split(": ", 1)[0]
    about = error.diag.constraint_name or ""
    reason = " ".join(filter(None, (type(error).__name__, about, f"({where})" if where else "")))
    return f"PostgreSQL refused rows for {target}: {reason}; nothing was written; correct the frame's values"


def copy_out(
    connection: sa.Connection,
    query: sa.Select[Any] | sa.TextClause,
    schema: pa.Schema,
    params: Mapping[str, object] | None = None,
) -> pa.Table:
    """The result of a query as a frame.

    Args:
        connection: in a transaction.
        query: its columns are those of `schema`, in order.
        schema: numerics as decimal128 or float64, jsonb as string, arrays as lists, bytea as binary.
        params: values of the query's parameters.

    Returns:
        (n_rows, len(schema)), in the query's order.

    Raises:
        DataError: a value does not fit its type in `schema` (a numeric with more decimals, say).
    """
    inner = _bound_sql(connection, query, params)
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(_with_json_lists(inner, schema))
    received = io.BytesIO()
    longest = 0
    with driver_connection(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for piece in copy:
            received.write(piece)
            longest = max(longest, len(piece))
    if not longest:
        return schema.empty_table()
    return _parse(received.getbuffer(), schema, max(_BLOCK_BYTES, 2 * longest))


def _bound_sql(
    connection: sa.Connection, query: sa.Select[Any] | sa.TextClause, params: Mapping[str, object] | None
) -> sql.SQL:
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    values = compiled.construct_params(dict(params or {}))
    cursor = psycopg.ClientCursor(driver_connection(connection))
    text = cursor.mogrify(str(compiled), values)
    return sql.SQL(text.replace("{", "{{").replace("}", "}}"))


def _with_json_lists(inner: sql.SQL, schema: pa.Schema) -> sql.Composable:
    """Arrays of texts come out as JSON, which has one way to write each text; the rest as it is."""
    if not any(_is_text_list(field.type) for field in schema):
        return inner.format()
    names = [sql.Identifier(f"c{n}") for n in range(len(schema))]
    shown = [
        sql.SQL("to_json({})").format(name) if _is_text_list(field.type) else name
        for name, field in zip(names, schema, strict=True)
    ]
    return sql.SQL("SELECT {} FROM ({}) AS q ({})").format(
        sql.SQL(", ").join(shown), inner.format(), sql.SQL(", ").join(names)
    )


def _parse(data: memoryview, schema: pa.Schema, block_bytes: int) -> pa.Table:
    through_text = [field for field in schema if _is_list(field.type) or pa.types.is_binary(field.type)]
    types = {field.name: field.type for field in schema} | {field.name: pa.string() for field in through_text}
    try:
        frame = pacsv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),
            read_options=pacsv.ReadOptions(column_names=schema.names, block_size=block_bytes),
            parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pacsv.ConvertOptions(
                column_types=types,
                true_values=["t"],
                false_values=["f"],
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"a stored value does not fit the asked type: {error}; ask for a wider type") from error
    for field in through_text:
        at = schema.get_field_index(field.name)
        frame = frame.set_column(at, field, _from_text(frame.column(at), field.type))
    return frame.cast(schema)


def _from_number_lists(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """From PostgreSQL's text of arrays of numbers, `{1,NULL,2}`, all at once."""
    none = pa.scalar(None, pa.list_(pa.string()))
    empty = pa.scalar([], pa.list_(pa.string()))
    parts = []
    for chunk in column.chunks:
        texts = pc.split_pattern(pc.utf8_trim(chunk, "{}"), ",")
        known = pc.if_else(pc.equal(chunk, "{}"), empty, texts)
        values = known.flatten()
        values = pc.if_else(pc.equal(values, "NULL"), pa.scalar(None, pa.string()), values).cast(kind.value_type)
        starts = np.concatenate([[0], np.cumsum(pc.fill_null(pc.list_value_length(known), 0).to_numpy())])
        lists = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), values)
        parts.append(pc.if_else(chunk.is_valid(), lists, none.cast(lists.type)).cast(kind))
    return pa.chunked_array(parts, kind)


def _from_text(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if _is_list(kind) and pa.types.is_integer(kind.value_type):
        return _from_number_lists(column, kind)
    convert: Callable[[str], object] = json.loads if _is_list(kind) else lambda text: bytes.fromhex(text[2:])
    values = [None if text is None else convert(text) for text in column.to_pylist()]
    return pa.chunked_array([pa.array(values, kind)])
