"""Ratings 评分 predicted from the nearest who rated.

Source: Resnick et al. (1994), Herlocker et al. (1999); Koren (2010) for neighbours around a baseline. The choices at the edges
(who counts, what stands where nobody rated) are those of the library Surprise, whose published figures are the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.errors import ConfigError
from shopmine.mining.recommendations.kernel_types import Pairs, Predictions, Rows
from shopmine.mining.recommendations.kernels import predict_range
from shopmine.mining.recommendations.sparse_top import rows_of, transposed

if TYPE_CHECKING:
    from shopmine.mining.recommendations.neighbors import Neighbors, Side

CENTRES: Final = ("none", "mean", "baseline")
_EPOCHS: Final = 10
Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingsConfig:
    """How a rating is predicted.

    Attributes:
        k: the most similar neighbours that count, of those who rated the product (or that the customer rated).
        min_k: with fewer of them the prediction is the centre alone: the mean of all ratings where there is none.
        centre: what is predicted around: `none`: Σ sim·r / Σ sim; `mean`: m + Σ sim·(r − m') / Σ sim with each one's mean;
            `baseline`: the same with b = mean + customer's + product's deviation.
        product_regularization, customer_regularization: of the deviations.
    """

    k: int = 40
    min_k: int = 1
    centre: str = "none"
    product_regularization: float = 10.0
    customer_regularization: float = 15.0

    def __post_init__(self) -> None:
        if self.centre not in CENTRES:
            raise ConfigError(f"centre={self.centre!r} is not one of {list(CENTRES)}")
        if not (self.k >= 1 and self.min_k >= 1):
            raise ConfigError(f"k={self.k!r} or min_k={self.min_k!r} is below 1")
        for name in ("product_regularization", "customer_regularization"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name}={getattr(self, name)!r} is below 0")


def predict_ratings(
    ratings: sparse.csr_matrix,
    neighbors: Neighbors,
    of: Side,
    pairs: tuple[Codes, Codes],
    config: RatingsConfig,
) -> Values:
    """Predict the ratings of some pairs.

    Args:
        ratings: (n_customers, n_products) stored where it was rated, a stored 0 too. Not modified.
        neighbors: of the customers or of the products, found with enough `n_neighbors`: who is not among them has no say.
        of: whose they are.
        pairs: (n,) customers and (n,) products.
        config: how.

    Returns:
        (n,) predictions between the lowest and the highest rating there is.
    """
    customers, products = (np.asarray(codes, dtype=np.int64) for codes in pairs)
    given = rows_of(ratings)
    values = given.values if len(given.values) else np.ones(len(given.columns))
    centre = _centre(given, values, ratings.shape, of, config)
    owner = np.repeat(np.arange(ratings.shape[0]), given.sizes)
    centred = given._replace(values=values - centre.of(owner, given.columns.astype(np.int64)))
    rows, columns = (customers, products) if of == "customers" else (products, customers)
    raters = transposed(centred, ratings.shape[1]) if of == "customers" else centred
    found = _sums(neighbors, raters, (rows, columns), config.k)
    is_enough = (found.n_found >= config.min_k) & (found.weights > 0)
    usual = values.mean() if len(values) and config.centre == "none" else 0.0
    own = np.where(is_enough, found.weighted / np.where(found.weights > 0, found.weights, 1.0), usual)
    predicted = own + centre.of(customers, products)
    return np.clip(predicted, values.min(), values.max()) if len(values) else predicted


def fit_baselines(ratings: sparse.csr_matrix, config: RatingsConfig) -> tuple[float, Values, Values]:
    """Mean of all ratings, deviation of each customer, deviation of each product, by alternating least squares.

    Source: Koren (2010), section 2.1; as many rounds as Surprise makes.
    """
    matrix = ratings.tocoo()
    mean = float(matrix.data.mean()) if matrix.nnz else 0.0
    customer, product = np.zeros(ratings.shape[0]), np.zeros(ratings.shape[1])
    n_customer = np.bincount(matrix.row, minlength=len(customer)) + config.customer_regularization
    n_product = np.bincount(matrix.col, minlength=len(product)) + config.product_regularization
    n_customer, n_product = (np.where(n > 0, n, 1.0) for n in (n_customer, n_product))
    for _ in range(_EPOCHS):
        rest = matrix.data - mean - customer[matrix.row]
        product = np.bincount(matrix.col, weights=rest, minlength=len(product)) / n_product
        rest = matrix.data - mean - product[matrix.col]
        customer = np.bincount(matrix.row, weights=rest, minlength=len(customer)) / n_customer
    return mean, customer, product


@dataclass(frozen=True, slots=True, kw_only=True)
class _Centre:
    """What ratings are predicted around: `mean + customer + product`."""

    mean: float
    customer: Values
    product: Values

    def of(self, customers: Codes, products: Codes) -> Values:
        """(n,) the centre of some pairs."""
        return self.mean + self.customer[customers] + self.product[products]


def _centre(given: Rows, values: Values, shape: tuple[int, int], of: Side, config: RatingsConfig) -> _Centre:
    no_customer, no_product = np.zeros(shape[0]), np.zeros(shape[1])
    starts = given.starts.astype(np.int64)
    columns = given.columns.astype(np.int64)
    if config.centre == "baseline":
        ratings = sparse.csr_matrix((values, columns, starts), shape=shape)
        mean, customer, product = fit_baselines(ratings, config)
        return _Centre(mean=mean, customer=customer, product=product)
    if config.centre == "mean":
        owner = np.repeat(np.arange(shape[0]), given.sizes) if of == "customers" else columns
        n = shape[0] if of == "customers" else shape[1]
        count = np.bincount(owner, minlength=n)
        overall = values.mean() if len(values) else 0.0
        means = np.where(count > 0, np.bincount(owner, weights=values, minlength=n) / np.maximum(count, 1), overall)
        if of == "customers":
            return _Centre(mean=0.0, customer=means, product=no_product)
        return _Centre(mean=0.0, customer=no_customer, product=means)
    return _Centre(mean=0.0, customer=no_customer, product=no_product)


def _sums(neighbors: Neighbors, raters: Rows, pairs: tuple[Codes, Codes], k: int) -> Predictions:
    rows, columns = pairs
    n = len(neighbors.starts) - 1
    order = np.argsort(rows, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.uint64)
    empty = Predictions(np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64), k)
    similar = Rows(neighbors.starts.astype(np.uint64), neighbors.neighbor.view(np.uint32), neighbors.similarity)
    predict_range((0, n), Pairs(starts, columns[order].astype(np.uint32)), similar, raters, empty)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return Predictions(empty.weighted[back], empty.weights[back], empty.n_found[back], k)
