"""Candidate generation: the products of a customer that are worth ranking, and what each source says of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shopmine.mining.recommendations.kernels import compiled
from shopmine.mining.recommendations.selection import Ranking
from shopmine.mining.recommendations.sparse_top import DEFAULT_LIMITS, Limits, rows_of

if TYPE_CHECKING:
    from scipy import sparse

    from shopmine.mining.recommendations.kernel_types import Floats, Rows
    from shopmine.mining.recommendations.scores import Scores

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Pairs of customer and product, sorted by customer, then product, each once.

    Attributes:
        row: (n_pairs,) code of the customer, or its place in a block.
        column: (n_pairs,) code of the product.
        n_rows: number of customers.
    """

    row: Codes
    column: Codes
    n_rows: int

    @classmethod
    def union(cls, rankings: list[Ranking], shape: tuple[int, int]) -> Candidates:
        """Every pair that is in any of the rankings over (n_rows, n_products)."""
        width = max(shape[1], 1)
        codes = [ranking.row * width + ranking.column for ranking in rankings]
        joined = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *codes]))
        joined = joined[np.append(True, joined[1:] != joined[:-1])[: len(joined)]]
        return cls(row=joined // width, column=joined % width, n_rows=shape[0])

    @classmethod
    def of(cls, row: npt.NDArray[np.integer], column: npt.NDArray[np.integer], shape: tuple[int, int]) -> Candidates:
        """The given pairs over (n_rows, n_products), in any order, each once."""
        width = max(shape[1], 1)
        codes = np.sort(np.asarray(row, dtype=np.int64) * width + column)
        return cls(row=codes // width, column=codes % width, n_rows=shape[0])

    def only(self, kept: npt.NDArray[np.bool_]) -> Candidates:
        """Those where `kept` holds."""
        return Candidates(row=self.row[kept], column=self.column[kept], n_rows=self.n_rows)

    def spread(self, ranking: Ranking, values: npt.NDArray[np.float64], n_products: int) -> npt.NDArray[np.float64]:
        """(n_pairs,) the value of each pair that is in the ranking, 0 for the others."""
        key = ranking.row * n_products + ranking.column
        order = np.argsort(key, kind="stable")
        return lookup(key[order], values[order], self.row * n_products + self.column)

    @property
    def starts(self) -> Codes:
        """(n_rows + 1,) where each customer's pairs begin."""
        return np.searchsorted(self.row, np.arange(self.n_rows + 1)).astype(np.int64)

    def scores(self, source: Scores, limits: Limits = DEFAULT_LIMITS) -> npt.NDArray[np.float64]:
        """(n_pairs,) a source's score of each pair; its rows are those of the candidates."""
        found = np.zeros(len(self.row))
        left, right = rows_of(source.left), rows_of(source.right)
        starts, columns, n_columns = self.starts, self.column, source.right.shape[1]
        with ThreadPoolExecutor(limits.threads) as pool:
            waiting = [
                pool.submit(_score_rows, bounds, (left, right), (starts, columns), np.zeros(n_columns), found)
                for bounds in limits.bounds(self.n_rows)
            ]
            for future in waiting:
                future.result()
        return found

    def values(self, matrix: sparse.csr_matrix) -> npt.NDArray[np.float64]:
        """(n_pairs,) the entries of an (n_rows, n_products) matrix."""
        return lookup(*_entries(matrix), self.row * max(matrix.shape[1], 1) + self.column)

    def is_stored(self, matrix: sparse.csr_matrix) -> npt.NDArray[np.bool_]:
        """(n_pairs,) whether an (n_rows, n_products) matrix stores the pair, whatever its value."""
        keys, _ = _entries(matrix)
        return lookup(keys, np.ones(len(keys)), self.row * max(matrix.shape[1], 1) + self.column) > 0


def best_pairs(pairs: Candidates, score: npt.NDArray[np.float64], k: int) -> Ranking:
    """The at most `k` best pairs of each row with a score above 0, ties by the smaller column."""
    starts = pairs.starts
    width = int(min(k, np.diff(starts).max(initial=0)))
    best, found = np.zeros((pairs.n_rows, width), dtype=np.int64), np.zeros(pairs.n_rows, dtype=np.int64)
    _find_best(starts, np.ascontiguousarray(score), best, found)
    rank = np.broadcast_to(np.arange(width), best.shape)
    is_there = rank < found[:, None]
    place = best[is_there]
    return Ranking(row=pairs.row[place], column=pairs.column[place], rank=rank[is_there], score=score[place])


def _entries(matrix: sparse.csr_matrix) -> tuple[Codes, npt.NDArray[np.float64]]:
    """Ascending keys `row · n_columns + column` of what is stored, and the values."""
    row = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    keys = row * max(matrix.shape[1], 1) + matrix.indices
    order = np.argsort(keys, kind="stable")
    return keys[order], np.asarray(matrix.data, dtype=np.float64)[order]


def lookup(keys: Codes, values: npt.NDArray[np.float64], wanted: Codes) -> npt.NDArray[np.float64]:
    """(len(wanted),) the value of each wanted key in the ascending `keys`, 0 where it is not among them."""
    if not len(keys):
        return np.zeros(len(wanted))
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0.0)


@compiled
def _score_rows(
    bounds: tuple[int, int], factors: tuple[Rows, Rows], pairs: tuple[Codes, Codes], sums: Floats, found: Floats
) -> None:
    """Fill `found` for the customers `bounds[0]` to `bounds[1]`; `sums` is all 0 before and after."""
    (own_starts, own_columns, own_values), (starts, columns, values) = factors
    for row in range(bounds[0], bounds[1]):
        if pairs[0][row] == pairs[0][row + 1]:
            continue
        for place in range(own_starts[row], own_starts[row + 1]):
            inner = own_columns[place]
            factor = own_values[place] if len(own_values) else 1.0
            for other in range(starts[inner], starts[inner + 1]):
                sums[columns[other]] += factor * (values[other] if len(values) else 1.0)
        for place in range(pairs[0][row], pairs[0][row + 1]):
            found[place] = sums[pairs[1][place]]
        for place in range(own_starts[row], own_starts[row + 1]):
            inner = own_columns[place]
            for other in range(starts[inner], starts[inner + 1]):
                sums[columns[other]] = 0.0


@compiled
def _find_best(starts: Codes, score: Floats, best: Codes, found: Codes) -> None:
    """Places of the best of each row, best first; among equals the one that comes first stays before."""
    for row in range(len(found)):
        n = 0
        for place in range(starts[row], starts[row + 1]):
            value = score[place]
            if not value > 0.0 or (n == best.shape[1] and not value > score[best[row, n - 1]]):
                continue
            at = min(n, best.shape[1] - 1)
            while at > 0 and score[best[row, at - 1]] < value:
                best[row, at] = best[row, at - 1]
                at -= 1
            best[row, at] = place
            n = min(n + 1, best.shape[1])
        found[row] = n
