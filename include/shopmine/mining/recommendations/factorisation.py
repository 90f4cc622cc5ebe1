"""Implicit ALS: customers and products as vectors whose product says how well they fit.

Source: Hu, Koren, Volinsky (2008). The library gives the same bits for any number of its own threads; BLAS is pinned to one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.mining.recommendations.sparse_top import DEFAULT_LIMITS
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    from shopmine.mining.recommendations.config import RecommendationsConfig

Factors = npt.NDArray[np.float32]


def fit_factors(weights: sparse.csr_matrix, config: RecommendationsConfig) -> Factors:
    """(n_products, n_factors) vectors of the products.

    Args:
        weights: (n_customers, n_products) how much each purchase counts, not negative. Not modified.
        config: size, epochs, regularization, confidence, seed.
    """
    model = _model(config)
    with single_thread():
        model.fit(sparse.csr_matrix(weights, dtype=np.float32), show_progress=False)
    return np.array(model.item_factors, dtype=np.float32)


def fold_in(products: Factors, weights: sparse.csr_matrix, config: RecommendationsConfig) -> Factors:
    """(n_customers, n_factors) vectors of the customers, given those of the products and what each customer bought."""
    if not weights.shape[0]:
        return np.zeros((0, products.shape[1]), dtype=np.float32)
    model = _model(config)
    model.item_factors = products
    with single_thread():
        found = model.recalculate_user(np.arange(weights.shape[0]), sparse.csr_matrix(weights, dtype=np.float32))
    return np.asarray(found, dtype=np.float32).reshape(weights.shape[0], -1)


def contributions(
    gram: npt.NDArray[np.float64],
    vectors: tuple[Factors, Factors],
    weight: npt.NDArray[np.float64],
    config: RecommendationsConfig,
) -> npt.NDArray[np.float64]:
    """How much each purchase of one customer adds to the score of each target; a target's row adds up to its score.

    Args:
        gram: (n_factors, n_factors) of all products' vectors, in double precision.
        vectors: (n_bought, n_factors) of what was bought, (n_targets, n_factors) of the targets.
        weight: (n_bought,) how much each purchase counts.
        config: regularization, confidence.

    Returns:
        (n_targets, n_bought).
    """
    mine, targets = (part.astype(np.float64) for part in vectors)
    confidence = config.confidence * weight
    normal = gram + (mine * (confidence - 1)[:, None]).T @ mine
    normal[np.diag_indices_from(normal)] += config.regularization
    # The normal matrix is symmetric, so it may be solved for the few targets instead of the many purchases.
    return np.asarray((np.linalg.solve(normal, targets.T).T @ mine.T) * confidence)


def _model(config: RecommendationsConfig) -> Any:
    with single_thread("implicit.cpu.als"):
        from implicit.cpu.als import AlternatingLeastSquares

        return AlternatingLeastSquares(
            factors=config.n_factors,
            regularization=config.regularization,
            alpha=config.confidence,
            iterations=config.n_epochs,
            random_state=config.seed,
            num_threads=DEFAULT_LIMITS.threads,
        )
