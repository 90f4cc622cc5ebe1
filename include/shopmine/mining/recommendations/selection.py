"""The k best of each row of a score matrix, in blocks, with ties decided by the smaller index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_CELLS: Final = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The best columns of each row: parallel arrays sorted by row, then rank (from 0)."""

    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    rank: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]

    @classmethod
    def concatenate(cls, parts: list[Ranking]) -> Ranking:
        """Rankings of consecutive blocks of rows as one; an empty list gives an empty ranking."""
        if not parts:
            empty = np.zeros(0, dtype=np.int64)
            return cls(row=empty, column=empty, rank=empty, score=np.zeros(0))
        return cls(
            row=np.concatenate([p.row for p in parts]),
            column=np.concatenate([p.column for p in parts]),
            rank=np.concatenate([p.rank for p in parts]),
            score=np.concatenate([p.score for p in parts]),
        )


def select_top(scores: npt.NDArray[np.float64], k: int, *, first_row: int = 0) -> Ranking:
    """The at most `k` best columns of each row with a score above 0.

    Args:
        scores: (n_rows, n_columns) dense; −inf or 0 is no candidate.
        k: columns a row.
        first_row: number of the block's first row.
    """
    keep = scores > 0
    if k < scores.shape[1]:
        keep &= scores >= _lower_bound(scores, k)[:, None]
    row, column = np.nonzero(keep)
    score = scores[row, column]
    order = np.lexsort((column, -score, row))
    row, column, score = row[order], column[order], score[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    kept = rank < k
    return Ranking(row=row[kept] + first_row, column=column[kept], rank=rank[kept], score=score[kept])


def _lower_bound(scores: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.float64]:
    """(n_rows,) a value that at least `k` columns of the row reach, and not many more.

    The columns are dealt into groups; the k-th best of the groups' maxima is such a value. Maxima are several times faster
    than a partition of whole rows, which is slowest on the many zeros of sparse scores.
    """
    n_columns = scores.shape[1]
    size = max(1, n_columns // (4 * k))
    n_groups = n_columns // size
    grouped = scores[:, : size * n_groups].reshape(len(scores), size, n_groups)
    maxima = np.concatenate([grouped.max(axis=1), scores[:, size * n_groups :]], axis=1)
    place = maxima.shape[1] - k
    return np.asarray(np.partition(maxima, place, axis=1)[:, place])


def blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Consecutive slices of rows whose dense scores stay within 32 MB; always the same ones for the same sizes."""
    step = max(1, _CELLS // max(1, n_columns))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))
