"""What a shop's file adds to rows that are conformed: computed and looked-up attributes; and which rows it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.config.canonical import ColumnType
from shopmine.config.processing import DUCKDB_TYPES
from shopmine.prepare.expressions import Evaluated, evaluate, json_values

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig, LookupConfig
    from shopmine.prepare.conform import Locale
    from shopmine.prepare.rows import Problems, Rows


def enrich_rows(table: pa.Table, entity: EntityConfig, locale: Locale, problems: Problems) -> dict[str, pa.Array]:
    """The computed and looked-up attributes of each row, as JSON text by name.

    Args:
        table: the canonical columns.
        entity: what its file adds.
        locale: the shop's maps, and the zone whose clock expressions see.
        problems: gets the rows for which something cannot be computed.
    """
    added = {}
    for name, text in entity.computed.items():
        found = _evaluate(table, entity, locale, text)
        problems.add(found.failed, [f"computed.{name}: {text} cannot be computed"] * len(found.failed))
        added[name] = json_values(found.values)
    for name, look in entity.lookups.items():
        added[name] = json_values(look_up(table.column(look.column).combine_chunks(), look, locale.maps[look.map]))
    return added


def rows_left_out(table: pa.Table, entity: EntityConfig, locale: Locale, problems: Problems) -> Rows:
    """The good rows that the shop's file does not keep, ascending; null counts as not fulfilled."""
    if entity.keep is None:
        return np.empty(0, dtype=np.int64)
    found = _evaluate(table, entity, locale, entity.keep)
    problems.add(found.failed, [f"keep: {entity.keep} cannot be computed"] * len(found.failed))
    is_kept = found.values.fill_null(False).to_numpy(zero_copy_only=False)
    is_kept[list(problems.reasons)] = True
    return np.flatnonzero(~is_kept)


def look_up(values: pa.Array, look: LookupConfig, known: Mapping[str, str]) -> pa.Array:
    """What the map says of each text, null where it says nothing; of parents the whole way from the top."""
    encoded = values.dictionary_encode()
    told = [_way(text, known) if look.is_path else known.get(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(told, pa.string()).take(encoded.indices)


def _way(text: str, parents: Mapping[str, str]) -> str | None:
    if text not in parents and text not in parents.values():
        return None
    way = [text]
    while (parent := parents.get(way[-1])) is not None:
        way.append(parent)
    return "/".join(reversed(way))


def _evaluate(table: pa.Table, entity: EntityConfig, locale: Locale, text: str) -> Evaluated:
    columns, types = {}, {}
    for column in entity.canonical.columns:
        values = table.column(column.name).combine_chunks()
        if column.type is ColumnType.TIMESTAMP:
            values = pc.local_timestamp(values.cast(pa.timestamp("us", locale.zone.key)))
        columns[column.name], types[column.name] = values, DUCKDB_TYPES[column.type]
    return evaluate(text, columns, types)
