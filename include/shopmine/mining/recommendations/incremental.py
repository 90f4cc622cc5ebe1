"""Lists made anew only for those whose inputs changed; the result is that of a full run, to the byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shopmine.mining.recommendations.selection import Ranking
from shopmine.mining.recommendations.sparse_top import DEFAULT_LIMITS, Limits, top_of_product

if TYPE_CHECKING:
    from scipy import sparse

    from shopmine.mining.recommendations.scores import Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What lists are made from.

    Attributes:
        scores: of customers and products.
        skipped: (n_customers, n_products) what is no candidate.
        k: products a customer.
    """

    scores: Scores
    skipped: sparse.csr_matrix
    k: int


def changed_rows(before: sparse.csr_matrix, now: sparse.csr_matrix) -> npt.NDArray[np.bool_]:
    """(n_rows of `now`,) whether a row is new or differs in any column or bit of a value."""
    n_rows, n_both = now.shape[0], min(now.shape[0], before.shape[0])
    changed = np.ones(n_rows, dtype=bool)
    size, size_before = (m.indptr[1 : n_both + 1] - m.indptr[:n_both] for m in (now, before))
    same = np.flatnonzero(size == size_before)
    changed[same] = False
    row = np.repeat(same, size[same])
    step = np.arange(len(row)) - np.repeat(np.cumsum(size[same]) - size[same], size[same])
    here, there = now.indptr[row] + step, before.indptr[row] + step
    differs = (now.indices[here] != before.indices[there]) | (now.data[here] != before.data[there])
    changed[row[differs]] = True
    return changed


def refresh_top_products(earlier: Asked, lists: Ranking, now: Asked, limits: Limits = DEFAULT_LIMITS) -> Ranking:
    """The lists of `now`, of which those of customers with equal inputs are taken over from `lists`.

    Args:
        earlier: what `lists` were made from. Customers and products are the same ones at the same places; new customers
            stand at the end.
        lists: the earlier result, of all customers.
        now: what is asked for.
        limits: threads and size of a block.

    Returns:
        Exactly what `now.scores.top_products` gives. Weights that fade with the day are other inputs every day: then
        everybody's list is made anew.
    """
    n_customers = now.scores.left.shape[0]
    changed = np.ones(n_customers, dtype=bool)
    if earlier.k == now.k and _is_same(earlier.scores.right, now.scores.right):
        changed = changed_rows(earlier.scores.left, now.scores.left) | changed_rows(earlier.skipped, now.skipped)
    rows = np.flatnonzero(changed)
    made = Ranking.concatenate(
        list(top_of_product(now.scores.left[rows], now.scores.right, now.k, skipped=now.skipped[rows], limits=limits))
    )
    kept = np.zeros(len(lists.row), dtype=bool)
    inside = lists.row < n_customers
    kept[inside] = ~changed[lists.row[inside]]
    row = np.concatenate([lists.row[kept], rows[made.row]])
    rank = np.concatenate([lists.rank[kept], made.rank])
    order = np.lexsort((rank, row))
    return Ranking(
        row=row[order],
        column=np.concatenate([lists.column[kept], made.column])[order],
        rank=rank[order],
        score=np.concatenate([lists.score[kept], made.score])[order],
    )


def _is_same(first: sparse.csr_matrix, second: sparse.csr_matrix) -> bool:
    return first.shape == second.shape and not changed_rows(first, second).any()
