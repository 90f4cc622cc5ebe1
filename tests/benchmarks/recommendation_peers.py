"""What a shop would take instead: implicit's models and EASE, measured beside ours on the same split and by the same figures.

Each peer is given the customers × products matrix of days bought, as its documentation does, and asked for the ten best products of
each customer: with what they bought for ALL, without it for NEW. EASE: Steck (2019), its closed form; it needs a dense matrix of
products × products, so it is left out where there are too many of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import sparse

from shopmine.mining.recommendations.selection import Ranking, select_top
from shopmine.mining.threads import single_thread

if TYPE_CHECKING:
    from shopmine.mining.recommendations.history import History

PEERS: Final = ("implicit ALS 64", "implicit cosine 200", "implicit BM25 200", "EASE fading query")
MOST_PRODUCTS_OF_EASE: Final = 10_000
EASE_PENALTY, EASE_HALF_LIFE_DAYS = 300.0, 30.0
Recommend = Callable[[np.ndarray, bool], Ranking]


def can_run(peer: str, n_products: int) -> bool:
    """Whether a peer can be run on so many products."""
    return not peer.startswith("EASE") or n_products <= MOST_PRODUCTS_OF_EASE


def fit_peer(peer: str, history: History, k: int) -> Recommend:
    """Fit a peer; what it gives is a function of customers and whether what they bought is left out."""
    with single_thread("implicit.cpu.als", "implicit.nearest_neighbours"):
        if peer.startswith("EASE"):
            return _ease(history, k)
        return _implicit(peer, history, k)


def _implicit(peer: str, history: History, k: int) -> Recommend:
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender

    made: dict[str, Callable[[], Any]] = {
        "implicit ALS 64": lambda: AlternatingLeastSquares(factors=64, random_state=1, num_threads=1),
        "implicit cosine 200": lambda: CosineRecommender(K=200, num_threads=1),
        "implicit BM25 200": lambda: BM25Recommender(K=200, num_threads=1),
    }
    model = made[peer]()
    counts = sparse.csr_matrix(history.counts, dtype=np.float32)
    model.fit(counts, show_progress=False)

    def recommend(customers: np.ndarray, is_only_new: bool) -> Ranking:
        with single_thread():
            found, score = model.recommend(
                customers, counts[customers], N=k, filter_already_liked_items=is_only_new, recalculate_user=False
            )
        row = np.repeat(np.arange(len(customers)), found.shape[1])
        column, value = found.ravel().astype(np.int64), score.ravel().astype(np.float64)
        kept = (column >= 0) & (value > -1e30)
        row, column = row[kept], column[kept]
        rank = np.arange(len(row)) - np.searchsorted(row, row, side="left")
        return Ranking(row=row, column=column, rank=rank, score=value[kept])

    return recommend


def _ease(history: History, k: int) -> Recommend:
    bought = history.bought()
    gram = (bought.T @ bought).toarray()
    gram[np.diag_indices_from(gram)] += EASE_PENALTY
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    weights[np.diag_indices_from(weights)] = 0.0
    query = history.decayed(EASE_HALF_LIFE_DAYS)

    def recommend(customers: np.ndarray, is_only_new: bool) -> Ranking:
        scores = np.asarray(query[customers] @ weights)
        if is_only_new:
            own = history.counts[customers].tocoo()
            scores[own.row, own.col] = 0.0
        return select_top(scores, k)

    return recommend
