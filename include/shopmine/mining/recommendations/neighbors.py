"""The nearest customers or products: ItemCF, UserCF and UserIIF by cosine, Pearson or mean squared difference.

Source: Sarwar et al. (2001) for item-based, Resnick et al. (1994) for user-based filtering; Breese, Heckerman, Kadie (1998) for
the inverse frequency; Herlocker et al. (1999) for significance; Aiolli (2013) for asymmetric exponents; Xiang Liang, 推荐系统实践
(2012) for User-IIF. Time is, over all features, the squared number of rows that have it; memory is k entries a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.errors import ConfigError
from shopmine.mining.recommendations.kernel_types import Best, Measure, Product, Rows, Scaling
from shopmine.mining.recommendations.kernels import COSINE, MSD, PEARSON, best_of_common, best_of_product, squared_norms
from shopmine.mining.recommendations.selection import Ranking
from shopmine.mining.recommendations.sparse_top import (
    DEFAULT_LIMITS,
    NO_VALUES,
    UNSCALED,
    Limits,
    in_blocks,
    room_for,
    rows_of,
    transposed,
)

Side: TypeAlias = Literal["customers", "products"]
MEASURES: Final = {"cosine": COSINE, "pearson": PEARSON, "msd": MSD}
_TINY: Final = 1e-300
FEATURE_WEIGHTS: Final = ("none", "inverse_log", "idf")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityConfig:
    """How alike two customers (over the products both have) or two products (over the customers both have) are.

    What both have is called a feature here; `w` is its weight, `x` and `y` are the two values, `n` counts the features.

    Attributes:
        measure: `cosine`: Σ w·x·y / (X^own · Y^other + shrinkage) with X = Σ w·x² over all of the one's features, and Y
            likewise; `pearson`: the correlation of x and y, both centred on what is in common; `msd`:
            1 / (1 + Σ w·(x − y)² / Σ w).
        n_neighbors: the most similar others that are kept, similarity above 0, ties by index.
        feature_weight: `none`: 1; `inverse_log`: 1 / log(1 + number who have it); `idf`: log(all / number who have it).
        is_norm_weighted: whether w counts in X and Y too; without it `inverse_log` is the User-IIF of the literature.
        own_exponent, other_exponent: of X and Y; 0.5 both is the cosine. More for the other prefers rarer ones.
        shrinkage: added to the cosine's divisor: small counts count less.
        significance: the similarity is multiplied by n / (n + significance).
        min_overlap: fewer features in common are no similarity.
        max_occurrences: features that more have are left out, as if they did not exist; 0 keeps all. It bounds the time:
            a product that all of 200,000 customers bought makes 4·10¹⁰ pairs of customers.
    """

    measure: str = "cosine"
    n_neighbors: int = 50
    feature_weight: str = "none"
    is_norm_weighted: bool = True
    own_exponent: float = 0.5
    other_exponent: float = 0.5
    shrinkage: float = 0.0
    significance: float = 0.0
    min_overlap: int = 1
    max_occurrences: int = 0

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise ConfigError(f"measure={self.measure!r} is not one of {sorted(MEASURES)}")
        if self.feature_weight not in FEATURE_WEIGHTS:
            raise ConfigError(f"feature_weight={self.feature_weight!r} is not one of {list(FEATURE_WEIGHTS)}")
        for name in ("n_neighbors", "min_overlap"):
            if not getattr(self, name) >= 1:
                raise ConfigError(f"{name}={getattr(self, name)!r} is below 1")
        for name in ("own_exponent", "other_exponent", "shrinkage", "significance", "max_occurrences"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ConfigError(f"{name}={getattr(self, name)!r} is not a finite number from 0 on")


ITEM_CF: Final = SimilarityConfig()
USER_CF: Final = SimilarityConfig()
USER_IIF: Final = SimilarityConfig(feature_weight="inverse_log", is_norm_weighted=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbors:
    """The nearest others of each customer or product.

    Attributes:
        starts: (n + 1,) int64; those of `i` are `neighbor[starts[i]:starts[i + 1]]`, the most similar first.
        neighbor: int32 index of each.
        similarity: float64 above 0.
    """

    starts: npt.NDArray[np.int64]
    neighbor: npt.NDArray[np.int32]
    similarity: npt.NDArray[np.float64]

    def matrix(self) -> sparse.csr_matrix:
        """(n, n) similarity of each row's neighbours, columns ascending."""
        n = len(self.starts) - 1
        found = sparse.csr_matrix((self.similarity, self.neighbor, self.starts), shape=(n, n), copy=True)
        found.sort_indices()
        return found

    def ranking(self) -> Ranking:
        """The neighbours as a ranking."""
        row = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        rank = np.arange(len(row)) - self.starts[row]
        return Ranking(row=row, column=self.neighbor.astype(np.int64), rank=rank, score=self.similarity)


def find_neighbors(
    values: sparse.csr_matrix, of: Side, config: SimilarityConfig, limits: Limits = DEFAULT_LIMITS
) -> Neighbors:
    """The most similar customers of each customer, or products of each product.

    Args:
        values: (n_customers, n_products) how much of each a customer has, or its rating. Not modified.
        of: between whom.
        config: how alike they are.
        limits: threads and size of a block; the result is the same.

    Returns:
        Neighbours, ties by index; nobody is a neighbour of itself.

    Raises:
        DataError: a value is not a finite number.
    """
    rows, others = _both_ways(values, of, config)
    weight = _feature_weights(others, len(rows.starts) - 1, config)
    scaling = _scaling(rows, weight, config) if config.measure == "cosine" else UNSCALED
    if config.measure == "pearson":
        rows, others = _near_zero(rows, others)
    product = Product(left=rows, weight=weight, right=others)
    measure = Measure(MEASURES[config.measure], config.min_overlap, config.significance)
    is_plain = config.measure == "cosine" and config.significance == 0 and config.min_overlap == 1
    n = len(rows.starts) - 1
    # Each is skipped in its own row.
    itself = Rows(np.arange(n + 1, dtype=np.uint64), np.arange(n, dtype=np.uint32), NO_VALUES)

    def kernel(bounds: tuple[int, int]) -> Best:
        best = room_for(bounds, config.n_neighbors, n)
        if is_plain:
            best_of_product(bounds, product, scaling, itself, best)
        else:
            best_of_common(bounds, product, measure, scaling, best)
        return best

    return _joined([best for _, best in in_blocks(lambda bounds: _compact(kernel(bounds)), n, limits)])


def _compact(best: Best) -> Best:
    """The same with the unused room left out: (1, n_kept)."""
    is_there = np.arange(best.columns.shape[1]) < best.n_found[:, None]
    return best._replace(columns=best.columns[is_there], scores=best.scores[is_there])


def _joined(parts: list[Best]) -> Neighbors:
    empty: list[npt.NDArray[np.int64]] = [np.zeros(1, dtype=np.int64)]
    columns = np.concatenate([np.zeros(0, dtype=np.uint32), *(part.columns for part in parts)])
    return Neighbors(
        starts=np.cumsum(np.concatenate([*empty, *(part.n_found for part in parts)])),
        neighbor=columns.view(np.int32),
        similarity=np.concatenate([NO_VALUES, *(part.scores for part in parts)]),
    )


def _both_ways(values: sparse.csr_matrix, of: Side, config: SimilarityConfig) -> tuple[Rows, Rows]:
    """The matrix by those who are compared, and by the features."""
    if config.max_occurrences:
        values = _without_frequent(values, of, config.max_occurrences)
    by_customer = rows_of(values)
    by_product = transposed(by_customer, values.shape[1])
    return (by_customer, by_product) if of == "customers" else (by_product, by_customer)


def _without_frequent(values: sparse.csr_matrix, of: Side, most: int) -> sparse.csr_matrix:
    """The matrix without the features that more than `most` have."""
    if of == "customers":
        is_kept = (values.getnnz(axis=0) <= most)[values.indices]
    else:
        size = values.getnnz(axis=1)
        is_kept = np.repeat(size <= most, size)
    starts = np.concatenate([[0], np.cumsum(is_kept)])[values.indptr]
    return sparse.csr_matrix((values.data[is_kept], values.indices[is_kept], starts), shape=values.shape)


def _feature_weights(features: Rows, n: int, config: SimilarityConfig) -> npt.NDArray[np.float64]:
    count = np.maximum(features.sizes, 1)
    if config.feature_weight == "inverse_log":
        return np.asarray(1.0 / np.log1p(count))
    return np.log(n / count) if config.feature_weight == "idf" else NO_VALUES


def _scaling(rows: Rows, weight: npt.NDArray[np.float64], config: SimilarityConfig) -> Scaling:
    # Squares of tiny values may be 0; what they are divided by must not be.
    norms = np.maximum(squared_norms(rows, weight if config.is_norm_weighted else NO_VALUES), _TINY)
    own, other = (np.power(norms, exponent) for exponent in (config.own_exponent, config.other_exponent))
    return Scaling(row=own, column=other, inverse=1.0 / other, added=float(config.shrinkage))


def _near_zero(rows: Rows, others: Rows) -> tuple[Rows, Rows]:
    """Each row's values less a whole number near their mean: it changes no correlation, and the sums lose no digits."""
    size = rows.sizes
    values, others_values = (r.values if len(r.values) else np.ones(len(r.columns)) for r in (rows, others))
    owner = np.repeat(np.arange(len(size)), size)
    shift = np.rint(np.bincount(owner, weights=values, minlength=len(size)) / np.maximum(size, 1))
    return rows._replace(values=values - shift[owner]), others._replace(values=others_values - shift[others.columns])
