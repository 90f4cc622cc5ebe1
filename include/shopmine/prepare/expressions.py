"""Expressions of a shop's file over the rows of a table, one row at a time, by DuckDB shut off from everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.config.expressions import parse_expression, quoted

if TYPE_CHECKING:
    from shopmine.prepare.rows import Rows

_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": "1",
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}
_ROWS: Final = "rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """The value of each row, null where the expression has none, and the rows for which it cannot be computed."""

    values: pa.Array
    failed: Rows


def evaluate(text: str, columns: Mapping[str, pa.Array], types: Mapping[str, str]) -> Evaluated:
    """An expression's value for each row.

    Args:
        text: an expression that `parse_expression` lets pass.
        columns: name -> (n_rows,) values; those that it names are among them, and at least one.
        types: name -> DuckDB type as which it is seen, so that the rows beside do not matter.
    """
    import duckdb

    used = parse_expression(text).columns or (next(iter(columns)),)
    table = pa.table({name: columns[name] for name in used})
    seen = ", ".join(f"CAST({quoted(name)} AS {types[name]}) AS {quoted(name)}" for name in used)
    # TRY gives null where a row cannot be computed; in a list, that is another null than the expression's own.
    query = f"SELECT TRY([({text}\n)]) AS found FROM (SELECT {seen} FROM {_ROWS})"  # noqa: S608  checked when read
    with duckdb.connect(":memory:", config=_SETTINGS) as connection:
        connection.register(_ROWS, table)
        found = connection.sql(query).to_arrow_table().column("found").combine_chunks()
    failed = np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False))
    return Evaluated(values=pc.list_element(_whole(found), 0), failed=failed)


def _whole(lists: pa.Array) -> pa.Array:
    """With a list of one null where there is none."""
    if not lists.null_count:
        return lists
    return pc.if_else(lists.is_valid(), lists, pa.scalar([None], lists.type))


def json_values(values: pa.Array) -> pa.Array:
    """Values as JSON text: numbers without superfluous zeros, true and false bare, all else quoted."""
    import json

    encoded = values.dictionary_encode()
    is_bare = pa.types.is_boolean(values.type) or _is_number(values.type)
    told = [
        _bare(value) if is_bare else json.dumps(str(value), ensure_ascii=False)
        for value in encoded.dictionary.to_pylist()
    ]
    return pa.array(told, pa.string()).take(encoded.indices)


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _bare(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if np.isfinite(value) else None
    text = f"{value:f}" if not isinstance(value, int) else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
