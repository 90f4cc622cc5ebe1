"""Repeats of rows and keys: exactly one row of each key is kept, and every other one is accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from shopmine.prepare.rows import Rows, SourceRows, codes, joint_codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """What became of rows that share a key; every row is in exactly one of the three.

    Attributes:
        kept: ascending, one a key.
        duplicates: same key and same values as a row that is kept or superseded.
        superseded: same key, other values than the row that is kept.
        copies: (n_kept,) how many rows have the kept one's key and values, itself included.
    """

    kept: Rows
    duplicates: Rows
    superseded: Rows
    copies: Rows


def split_repeats(key: Rows, value: Rows, order: Rows) -> Repeats:
    """Keep the last row of each key; of each other value that the key appears with, one row is superseded.

    Args:
        key: (n_rows,) equal numbers mean the same key.
        value: (n_rows,) equal numbers mean the same values.
        order: (n_rows,) distinct places in the total order.
    """
    pair = joint_codes([key, value], len(key))
    last_of_pair = _last_of_each(pair, order)
    last_of_key = _last_of_each(key, order)
    is_kept, is_last_of_pair = (np.zeros(len(key), dtype=bool) for _ in range(2))
    is_kept[last_of_key], is_last_of_pair[last_of_pair] = True, True
    return Repeats(
        kept=last_of_key,
        duplicates=np.flatnonzero(~is_last_of_pair),
        superseded=np.flatnonzero(is_last_of_pair & ~is_kept),
        copies=np.bincount(pair)[pair[last_of_key]] if len(key) else np.empty(0, dtype=np.int64),
    )


def _last_of_each(group: Rows, order: Rows) -> Rows:
    """The row of each group that comes last, ascending."""
    by_group = np.lexsort((order, group))
    is_last = np.append(group[by_group][1:] != group[by_group][:-1], True) if len(group) else np.empty(0, dtype=bool)
    return np.sort(by_group[is_last])


def whole_row_codes(rows: SourceRows) -> Rows:
    """(n_rows,) equal for rows of one batch that repeat each other whole: the same bytes, the same place in its list."""
    differs = [first != second for first, second in pairwise(rows.lines)]
    line_code = (
        np.concatenate([[0], np.cumsum(differs)]).astype(np.int64) if rows.lines else np.empty(0, dtype=np.int64)
    )
    return joint_codes([rows.batch, line_code[rows.line], rows.element], len(rows))


def key_codes(batch: Rows, columns: Sequence[pa.Array]) -> Rows:
    """(n_rows,) equal for rows of one batch with equal values in these columns, numbered as they appear; a null equals a null."""
    return joint_codes([batch, *map(codes, columns)], len(batch))


def time_order(times: pa.Array | None, n_rows: int) -> Rows:
    """(n_rows,) place of each row by time (null first), then by its place in the source's total order."""
    rows = np.arange(n_rows)
    if times is None:
        return rows
    instants = times.cast(pa.int64()).fill_null(np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
    place = np.empty(n_rows, dtype=np.int64)
    place[np.lexsort((rows, instants))] = rows
    return place


def rank_within(group: Rows) -> Rows:
    """(n_rows,) each row's place among the rows of its group, from 1, in the order of the rows."""
    by_group = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.append(True, group[by_group][1:] != group[by_group][:-1])) if len(group) else by_group
    lengths = np.diff(np.append(starts, len(group)))
    rank = np.empty(len(group), dtype=np.int64)
    rank[by_group] = np.arange(len(group)) - np.repeat(starts, lengths) + 1
    return rank
