"""ItemCF: products bought by the same customers, by a sparse product in blocks.

Source: Sarwar et al. (2001) for item-based filtering; Breese et al. (1998) for the inverse user frequency; Aiolli (2013) for
asymmetric exponents. Time is the sum of squared history sizes; memory is one block of scores and k entries a product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.mining.recommendations.selection import Ranking, blocks, select_top

if TYPE_CHECKING:
    from shopmine.mining.recommendations.config import RecommendationsConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """What buying one product says about another.

    Attributes:
        speaks_for: (n_products, n_products) weight of a product bought before (row) for a candidate (column).
        similar: the most similar products of each product by cosine with shrinkage.
    """

    speaks_for: sparse.csr_matrix
    similar: Ranking


def fit_similarity(bought: sparse.csr_matrix, config: RecommendationsConfig) -> Similarity:
    """Weigh co-occurrences of products.

    `weight(j → i) = Σ_u f_u / (n_j^g · n_i^b + shrinkage)`, where u runs over the customers who bought both, f_u is
    `1 / log(1 + history size)` and n is the sum of f over a product's buyers; the `n_neighbors` best j are kept for each i.

    Args:
        bought: (n_customers, n_products); any stored value above 0 means bought. Not modified.
        config: exponents g and b, shrinkage, numbers of neighbours.
    """
    pairs = sparse.csr_matrix(bought, dtype=np.float64, copy=True)
    pairs.data[:] = 1.0
    frequency = 1.0 / np.log1p(np.maximum(pairs.getnnz(axis=1), 1))
    by_customer = sparse.csr_matrix(sparse.diags(frequency) @ pairs)
    by_product = sparse.csr_matrix(pairs.T)
    popularity = np.asarray(by_customer.sum(axis=0)).ravel()
    neighbors, similar = [], []
    for block in blocks(pairs.shape[1], pairs.shape[1]):
        together = (by_product[block] @ by_customer).toarray()
        together[np.arange(len(together)), np.arange(block.start, block.stop)] = 0.0
        weight = together / _divisor(
            popularity, block, config.candidate_exponent, config.history_exponent, config.shrinkage
        )
        neighbors.append(select_top(weight, config.n_neighbors, first_row=block.start))
        cosine = together / _divisor(popularity, block, 0.5, 0.5, config.shrinkage)
        similar.append(select_top(cosine, 2 * config.n_similar, first_row=block.start))
    kept = Ranking.concatenate(neighbors)
    shape = (pairs.shape[1], pairs.shape[1])
    speaks_for = sparse.csr_matrix((kept.score, (kept.column, kept.row)), shape=shape)
    speaks_for.sort_indices()
    return Similarity(speaks_for=speaks_for, similar=Ranking.concatenate(similar))


def _divisor(
    popularity: npt.NDArray[np.float64], block: slice, candidate: float, history: float, shrinkage: float
) -> npt.NDArray[np.float64]:
    divisor = np.power(popularity[block], candidate)[:, None] * np.power(popularity, history)[None, :] + shrinkage
    return np.where(divisor > 0, divisor, 1.0)
