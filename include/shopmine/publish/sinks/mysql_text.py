"""Rows as the text of INSERT statements of MySQL, put together by columns: a row of Python objects costs ten times as much."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.staging.values import number_lists_text

_STATEMENT_BYTES: Final = 1 << 20
_ROWS: Final = 1 << 16
_TEXT: Final = pa.large_string()
_literal = partial(pa.scalar, type=_TEXT)


def insert_statements(into: str, rows: pa.Table) -> Iterator[bytes]:
    """Statements of about a megabyte that insert all rows, in order.

    The session must have backslash escapes, as any has whose `sql_mode` does not say NO_BACKSLASH_ESCAPES, and be in
    utf8mb4. A float that is not finite becomes NULL; lists become JSON.

    Args:
        into: the statement up to `VALUES`, names quoted.
        rows: what to insert.
    """
    head = f"{into} VALUES ".encode()
    for batch in rows.to_batches(max_chunksize=_ROWS):
        parts = [_column(batch.column(at)) for at in range(batch.num_columns)]
        between = [part for column in parts for part in (column, _literal(","))][:-1]
        texts = pc.binary_join_element_wise(_literal("("), *between, _literal(")"), _literal(""))
        for start, end in _pieces(texts):
            lists = pa.LargeListArray.from_arrays(
                pa.array([0, end - start], pa.int64()), texts.slice(start, end - start)
            )
            yield head + pc.binary_join(lists, _literal(","))[0].as_buffer().to_pybytes()


def _pieces(texts: pa.Array) -> Iterator[tuple[int, int]]:
    """Where to cut, so that no piece is much longer than a statement should be."""
    ends = np.cumsum(pc.binary_length(texts).to_numpy())
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        end = max(int(np.searchsorted(ends, before + _STATEMENT_BYTES, side="right")), start + 1)
        yield start, end
        start = end


def _column(values: pa.Array) -> pa.Array:
    """(n,) literals."""
    kind = values.type
    if pa.types.is_boolean(kind):
        return _known(pc.if_else(values, _literal("1"), _literal("0")))
    if pa.types.is_floating(kind):
        return _known(pc.if_else(pc.is_finite(values), values.cast(_TEXT), _literal(None)))
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return _known(values.cast(_TEXT))
    if pa.types.is_timestamp(kind):
        return _quoted(pc.strftime(values.cast(pa.timestamp("us")), "%Y-%m-%d %H:%M:%S").cast(_TEXT))
    if pa.types.is_list(kind):
        return _quoted(_json(values))
    return _quoted(values.cast(_TEXT))


def _json(lists: pa.Array) -> pa.Array:
    if not pa.types.is_integer(lists.type.value_type):
        texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in lists.to_pylist()]
        return pa.array(texts, _TEXT)
    return number_lists_text(lists, "[", "null", "]")


def _quoted(texts: pa.Array) -> pa.Array:
    escaped = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), "'", "\\'")
    return _known(pc.binary_join_element_wise(_literal("'"), escaped, _literal("'"), _literal("")))


def _known(texts: pa.Array) -> pa.Array:
    return pc.fill_null(texts, _literal("NULL"))
