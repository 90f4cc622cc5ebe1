"""The largest entries of each row of a sparse product, without ever holding the product.

Rows are shared out in blocks to threads; a thread holds one row of sums, so memory does not grow with the number of rows, and
any number of threads gives the same bytes.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from shopmine.errors import ConfigError, DataError
from shopmine.mining.recommendations.kernel_types import Best, Product, Rows, Scaling
from shopmine.mining.recommendations.kernels import best_of_product
from shopmine.mining.recommendations.selection import Ranking

NO_VALUES: Final = np.zeros(0)
UNSCALED: Final = Scaling(row=NO_VALUES, column=NO_VALUES, inverse=NO_VALUES, added=0.0)
_LARGEST: Final = 2**32 - 1
_LEAST_ROWS: Final = 256
"""Rows that are worth a block: to begin one takes as long as some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a computation may use; it changes nothing in the result.

    Attributes:
        n_threads: threads at work; 0 is one for each core that the process may use.
        block_rows: rows that a thread takes at once; (n_threads + 1) blocks of results wait to be taken at most.
    """

    n_threads: int = 0
    block_rows: int = 2048

    def __post_init__(self) -> None:
        if self.n_threads < 0 or self.block_rows < 1:
            raise ConfigError(f"n_threads={self.n_threads!r} is below 0 or block_rows={self.block_rows!r} below 1")

    @property
    def threads(self) -> int:
        """Threads at work."""
        if self.n_threads:
            return self.n_threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def bounds(self, n_rows: int) -> list[tuple[int, int]]:
        """First row and the one after the last of each block; at least some blocks a thread where there are rows enough."""
        size = min(self.block_rows, max(_LEAST_ROWS, -(-n_rows // 32)))
        return [(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


DEFAULT_LIMITS: Final = Limits()


def rows_of(matrix: sparse.csr_matrix) -> Rows:
    """A matrix as the kernels read it: repeated entries are summed; nothing is copied where that is not needed.

    Raises:
        DataError: a value is not a finite number, or there are 2³² columns or more.
    """
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    if matrix.shape[1] > _LARGEST:
        raise DataError(f"a matrix of {matrix.shape[1]} columns is too wide; {_LARGEST} are possible")
    is_ones = len(matrix.data) == 0 or (matrix.data.min() == 1 and matrix.data.max() == 1)
    if not is_ones and not np.isfinite(matrix.data).all():
        n_bad = int((~np.isfinite(matrix.data)).sum())
        raise DataError(f"{n_bad} of {matrix.nnz} values are not finite numbers; leave them out or correct them")
    return Rows(
        starts=matrix.indptr.astype(np.uint64),
        columns=matrix.indices.astype(np.int32, copy=False).view(np.uint32),
        values=NO_VALUES if is_ones else np.ascontiguousarray(matrix.data, dtype=np.float64),
    )


def transposed(rows: Rows, n_columns: int) -> Rows:
    """The same matrix by columns."""
    shape = (len(rows.starts) - 1, n_columns)
    # One byte a value is enough where all are 1.
    values = rows.values if len(rows.values) else np.ones(len(rows.columns), dtype=np.int8)
    matrix = sparse.csr_matrix((values, rows.columns.view(np.int32), rows.starts.astype(np.int64)), shape=shape).tocsc()
    return Rows(
        starts=matrix.indptr.astype(np.uint64),
        columns=matrix.indices.astype(np.int32, copy=False).view(np.uint32),
        values=matrix.data if len(rows.values) else NO_VALUES,
    )


def in_blocks(kernel: Callable[[tuple[int, int]], Best], n_rows: int, limits: Limits) -> Iterator[tuple[int, Best]]:
    """The first row and the result of each block, in order, computed some blocks ahead."""
    waiting: deque[tuple[int, Future[Best]]] = deque()
    with ThreadPoolExecutor(limits.threads) as pool:
        for bounds in limits.bounds(n_rows):
            waiting.append((bounds[0], pool.submit(kernel, bounds)))
            if len(waiting) > limits.threads:
                start, future = waiting.popleft()
                yield start, future.result()
        while waiting:
            start, future = waiting.popleft()
            yield start, future.result()


def room_for(bounds: tuple[int, int], k: int, n_columns: int) -> Best:
    """Room for the best of a block."""
    n_rows, width = bounds[1] - bounds[0], min(k, n_columns)
    return Best(
        columns=np.zeros((n_rows, width), dtype=np.uint32),
        scores=np.zeros((n_rows, width)),
        n_found=np.zeros(n_rows, dtype=np.int64),
        n_columns=n_columns,
    )


def top_of_product(
    left: sparse.csr_matrix,
    right: sparse.csr_matrix,
    k: int,
    *,
    skipped: sparse.csr_matrix | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Ranking]:
    """The at most `k` largest entries above 0 of each row of `left @ right`, ties by the smaller column.

    An entry is summed over the inner index, ascending, as scipy's own product does: the same bits.

    Args:
        left: (n_rows, n_inner). Not modified.
        right: (n_inner, n_columns). Not modified.
        k: entries a row, at least 1.
        skipped: (n_rows, n_columns); what is stored there, whatever its value, is no candidate.
        limits: threads and size of a block.

    Yields:
        Rankings of consecutive blocks of rows, which count from the first row of all.

    Raises:
        DataError: a value is not finite, or the shapes do not fit.
    """
    if left.shape[1] != right.shape[0] or (skipped is not None and skipped.shape != (left.shape[0], right.shape[1])):
        shapes = [matrix.shape for matrix in (left, right, skipped) if matrix is not None]
        raise DataError(f"matrices of shapes {shapes} make no product; the inner sizes must be equal")
    if k < 1:
        raise ConfigError(f"k={k!r} is below 1; ask for at least one entry a row")
    none = Rows(np.zeros(left.shape[0] + 1, dtype=np.uint64), np.zeros(0, dtype=np.uint32), NO_VALUES)
    not_candidates = none if skipped is None else rows_of(skipped)
    product = Product(left=rows_of(left), weight=NO_VALUES, right=rows_of(right))

    def kernel(bounds: tuple[int, int]) -> Best:
        best = room_for(bounds, k, right.shape[1])
        if right.shape[1]:
            best_of_product(bounds, product, UNSCALED, not_candidates, best)
        return best

    for start, best in in_blocks(kernel, left.shape[0], limits):
        yield ranking_of(best, start)


def ranking_of(best: Best, first_row: int) -> Ranking:
    """A block's result as a ranking."""
    n_rows, k = best.columns.shape
    rank = np.broadcast_to(np.arange(k), (n_rows, k))
    is_there = rank < best.n_found[:, None]
    return Ranking(
        row=np.repeat(np.arange(first_row, first_row + n_rows), best.n_found),
        column=best.columns[is_there].astype(np.int64),
        rank=rank[is_there],
        score=best.scores[is_there],
    )
