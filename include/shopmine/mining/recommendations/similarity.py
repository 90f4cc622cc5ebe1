"""ItemCF: what buying one product says about another.

Source: Sarwar et al. (2001) for item-based filtering; Breese et al. (1998) for the inverse user frequency; Aiolli (2013) for
asymmetric exponents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from shopmine.mining.recommendations.neighbors import SimilarityConfig, find_neighbors

if TYPE_CHECKING:
    from shopmine.mining.recommendations.config import RecommendationsConfig
    from shopmine.mining.recommendations.selection import Ranking


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
    pairs = sparse.csr_matrix((np.ones(bought.nnz), bought.indices, bought.indptr), shape=bought.shape)
    weighed = SimilarityConfig(
        n_neighbors=config.n_neighbors,
        feature_weight="inverse_log",
        own_exponent=config.candidate_exponent,
        other_exponent=config.history_exponent,
        shrinkage=config.shrinkage,
    )
    cosine = SimilarityConfig(
        n_neighbors=2 * config.n_similar, feature_weight="inverse_log", shrinkage=config.shrinkage
    )
    speaks_for = sparse.csr_matrix(find_neighbors(pairs, "products", weighed).matrix().T)
    return Similarity(speaks_for=speaks_for, similar=find_neighbors(pairs, "products", cosine).ranking())
