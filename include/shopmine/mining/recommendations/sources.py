"""Candidate sources: each proposes products for a customer in its own way, as a sparse product of what the customer did and weights.

`itemcf`, `walk` and `basket` are learned on the training day; `usercf`, `text` and `category` are made of the day's own rows, so that
they know what is new since. Sources: see `similarity` for ItemCF, `neighbors` for UserCF; Paudel et al. (2016) for the walk
(RP3beta: three random steps customer → product → customer → product, divided by a power of the product's popularity).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from scipy import sparse

from shopmine.mining.recommendations.neighbors import SimilarityConfig, find_neighbors
from shopmine.mining.recommendations.scores import Scores
from shopmine.mining.recommendations.selection import Ranking
from shopmine.mining.recommendations.sparse_top import top_of_product

if TYPE_CHECKING:
    from shopmine.mining.recommendations.catalogue import Catalogue
    from shopmine.mining.recommendations.config import RecommendationsConfig
    from shopmine.mining.recommendations.history import History

Matrix: TypeAlias = sparse.csr_matrix
LEARNED: Final = ("itemcf", "walk", "basket")
OF_THE_DAY: Final = ("usercf", "text", "category")
SPARSE: Final = (*LEARNED, *OF_THE_DAY)


def fit_walk(bought: Matrix, config: RecommendationsConfig) -> Matrix:
    """(n_products, n_products) RP3beta weight of a product bought before (row) for a candidate (column), the best of each row.

    `weight(j → i) = Σ_u 1/n_j · 1/n_u / n_i^β` over the customers u who bought both; n counts buyers or products bought.

    Args:
        bought: (n_customers, n_products) of ones. Not modified.
        config: `walk_exponent` is β.
    """
    buyers = np.maximum(np.asarray(bought.sum(axis=0)).ravel(), 1.0)
    sizes = np.maximum(np.asarray(bought.sum(axis=1)).ravel(), 1.0)
    back = sparse.csr_matrix(sparse.diags(1.0 / buyers) @ bought.T)
    forth = sparse.csr_matrix(sparse.diags(1.0 / sizes) @ bought @ sparse.diags(buyers**-config.walk_exponent))
    n = bought.shape[1]
    itself = sparse.csr_matrix(sparse.identity(n))
    return _matrix(Ranking.concatenate(list(top_of_product(back, forth, config.n_neighbors, skipped=itself))), (n, n))


def fit_baskets(history: History, config: RecommendationsConfig) -> Matrix:
    """(n_products, n_products) cosine of products over baskets: what one customer bought on one day."""
    similarity = SimilarityConfig(n_neighbors=config.n_neighbors, shrinkage=2 * config.shrinkage)
    return sparse.csr_matrix(find_neighbors(history.baskets(), "products", similarity).matrix().T)


def day_sources(
    history: History, catalogue: Catalogue, learned: Mapping[str, Matrix], config: RecommendationsConfig
) -> dict[str, Scores]:
    """The sources as of a day.

    Args:
        history: what the customers did up to the day.
        catalogue: its products' names and categories.
        learned: weights of the `LEARNED` sources over the history's products.
        config: settings.
    """
    recent = history.decayed(config.half_life_days)
    longer = history.decayed(2 * config.half_life_days)
    sources = {name: Scores(left=recent, right=weights) for name, weights in learned.items()}
    sources["usercf"] = Scores(left=_alike_customers(history, config), right=longer)
    sources["text"] = Scores(left=longer, right=catalogue.alike(config.n_neighbors))
    sources["category"] = Scores(left=longer @ catalogue.membership(), right=_popular_of_category(history, catalogue))
    return sources


def _alike_customers(history: History, config: RecommendationsConfig) -> Matrix:
    """(n_customers, n_customers) similarity of each customer's nearest, by User-IIF on purchases that fade."""
    similarity = SimilarityConfig(
        n_neighbors=config.n_neighbors, feature_weight="idf", max_occurrences=config.max_occurrences
    )
    return find_neighbors(history.decayed(4 * config.half_life_days), "customers", similarity).matrix()


def _popular_of_category(history: History, catalogue: Catalogue) -> Matrix:
    """(n_categories, n_products) each product's share of its category's buyers of the last month."""
    popular = history.buyers(30).astype(np.float64)
    by_category = catalogue.membership().T @ sparse.diags(popular)
    total = np.maximum(np.asarray(by_category.sum(axis=1)).ravel(), 1.0)
    return sparse.csr_matrix(sparse.diags(1.0 / total) @ by_category)


def _matrix(ranking: Ranking, shape: tuple[int, int]) -> Matrix:
    found = sparse.csr_matrix((ranking.score, (ranking.row, ranking.column)), shape=shape)
    found.sort_indices()
    return found
