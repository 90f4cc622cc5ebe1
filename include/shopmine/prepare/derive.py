"""Entities made from the rows of another one: orders, customers and products out of order lines, one row a key."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.columns import ATTRIBUTES
from shopmine.config.canonical import CanonicalEntity, Pick
from shopmine.prepare.conform import join_attributes
from shopmine.prepare.duplicates import key_codes, time_order
from shopmine.prepare.rows import Rows, joint_codes


def pick_values(
    entity: CanonicalEntity, table: pa.Table, batch: Rows, fragments: Mapping[str, pa.Array]
) -> tuple[pa.Table, Rows]:
    """One row for each batch and key, each column by its own rule (`CanonicalColumn.pick`).

    A null never stands for a key that has a value in another row. First and last are by the entity's time, then the
    source's total order; the most frequent value is the smallest of those that are equally frequent. Attributes are
    the first ones.

    Args:
        entity: says its key and how each column is picked.
        table: canonical columns of all rows in the source's total order; required ones are not null.
        batch: (n_rows,) each row's batch.
        fragments: name -> (n_rows,) JSON text for `attributes`.

    Returns:
        The rows, by batch and first appearance of the key, and their batches.
    """
    group = key_codes(batch, [table.column(name).combine_chunks() for name in entity.key])
    n_groups = int(group.max(initial=-1)) + 1
    order = time_order(None if entity.time is None else table.column(entity.time).combine_chunks(), len(table))
    columns = {}
    for column in entity.columns:
        values = table.column(column.name).combine_chunks()
        columns[column.name] = _pick(column.pick, values, group, order, n_groups)
    picked = {name: _pick(Pick.FIRST, values, group, order, n_groups) for name, values in fragments.items()}
    batches = np.zeros(n_groups, dtype=np.int64)
    batches[group] = batch
    return pa.table({**columns, ATTRIBUTES: join_attributes(picked, n_groups)}), batches


def _pick(pick: Pick, values: pa.Array, group: Rows, order: Rows, n_groups: int) -> pa.Array:
    valid = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    rank = _rank(pick, values.take(pa.array(valid)), group[valid], order[valid])
    # Written from the worst rank to the best, so that the best of each group is what stands there in the end.
    best_last = valid[np.argsort(-rank, kind="stable")]
    chosen = np.full(n_groups, -1, dtype=np.int64)
    chosen[group[best_last]] = best_last
    return values.take(pa.array(chosen, mask=chosen < 0))


def _rank(pick: Pick, values: pa.Array, group: Rows, order: Rows) -> Rows:
    """(n,) the smaller, the better; rows of equal rank within a group have equal values."""
    match pick:
        case Pick.FIRST:
            return order
        case Pick.LAST:
            return -order
        case Pick.MIN:
            return _value_places(values)
        case Pick.MAX:
            return -_value_places(values)
        case Pick.MOST_FREQUENT:
            place = _value_places(values)
            pair = joint_codes([group, place], len(place))
            count = np.bincount(pair)[pair] if len(pair) else pair
            return place - count * (int(place.max(initial=0)) + 1)


def _value_places(values: pa.Array) -> Rows:
    encoded = values.dictionary_encode()
    place = np.empty(len(encoded.dictionary), dtype=np.int64)
    place[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(place))
    indices: Rows = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return place[indices]
