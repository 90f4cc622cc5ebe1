"""Implicit ALS: customers and products as vectors whose product says how well they fit.

Source: Hu, Koren, Volinsky (2008). The library gives the same bits for any number of its own threads; BLAS is pinned to one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

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
    products: Factors,
    bought: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
    targets: npt.NDArray[np.int64],
    config: RecommendationsConfig,
) -> npt.NDArray[np.float64]:
    """How much each purchase of one customer adds to the score of each target; a target's row adds up to its score.

    Args:
        products: (n_products, n_factors).
        bought: (n_bought,) product codes.
        weight: (n_bought,) how much each counts.
        targets: (n_targets,) product codes.
        config: regularization, confidence.

    Returns:
        (n_targets, n_bought).
    """
    vectors = products.astype(np.float64)
    mine = vectors[bought]
    extra = config.confidence * weight
    normal = vectors.T @ vectors + (mine * (extra - 1)[:, None]).T @ mine
    normal += config.regularization * np.eye(normal.shape[0])
    return np.asarray((vectors[targets] @ np.linalg.solve(normal, mine.T)) * extra)


def _model(config: RecommendationsConfig) -> Any:
    from implicit.cpu.als import AlternatingLeastSquares

    with single_thread():  # Entered after the import: libraries loaded later would not be pinned.
        return AlternatingLeastSquares(
            factors=config.n_factors,
            regularization=config.regularization,
            alpha=config.confidence,
            iterations=config.n_epochs,
            random_state=config.seed,
            num_threads=1,
        )
