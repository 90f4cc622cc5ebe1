"""Scores from neighbours, in both directions, and what they are made of.

Every score is a plain sum, so that the best products for a customer, the best customers for a product and the evidence come
from one definition, to the bit:

* by products: `r(customer, product) = Σ_j weight(customer, j) · sim(product, j)` over the k nearest products j of the product;
  (with `is_by_bought`, over those j among whose k nearest products the product is: what common libraries do);
* by customers: `r(customer, product) = Σ_v sim(customer, v) · weight(v, product)` over the k nearest customers v.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.errors import DataError
from shopmine.mining.recommendations.sparse_top import DEFAULT_LIMITS, Limits, top_of_product

if TYPE_CHECKING:
    from shopmine.mining.recommendations.neighbors import Neighbors
    from shopmine.mining.recommendations.selection import Ranking

LEAST_CUSTOMERS: Final = 5
"""Fewer other customers than this are never told of as evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores as a product of two sparse matrices, which are summed over what lies between them, ascending.

    Attributes:
        left: (n_customers, n_between).
        right: (n_between, n_products).
    """

    left: sparse.csr_matrix
    right: sparse.csr_matrix

    def top_products(
        self, k: int, *, skipped: sparse.csr_matrix | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> Iterator[Ranking]:
        """The `k` best products with a score above 0 of each customer, block by block of customers, ties by index.

        Args:
            k: products a customer.
            skipped: (n_customers, n_products); what is stored there is not recommended, say what was bought before.
            limits: threads and size of a block.
        """
        return top_of_product(self.left, self.right, k, skipped=skipped, limits=limits)

    def top_customers(
        self, k: int, *, skipped: sparse.csr_matrix | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> Iterator[Ranking]:
        """The `k` best customers with a score above 0 for each product: rows are products, columns customers; ties by index.

        Args:
            k: customers a product.
            skipped: (n_customers, n_products); who is stored there is not picked.
            limits: threads and size of a block.
        """
        turned = None if skipped is None else sparse.csr_matrix(skipped.T)
        return top_of_product(
            sparse.csr_matrix(self.right.T), sparse.csr_matrix(self.left.T), k, skipped=turned, limits=limits
        )

    def contributions(self, customers: npt.NDArray[np.int64], products: npt.NDArray[np.int64]) -> sparse.csr_matrix:
        """What each score is made of: (n_pairs, n_between), each row's stored entries in the order in which they add up.

        Added up one by one in that order they give the score to the bit: `sum(row.data.tolist())`.

        Args:
            customers: (n_pairs,) of the pairs that are asked for.
            products: (n_pairs,) likewise.
        """
        found = self.left[customers].multiply(sparse.csr_matrix(self.right.T)[products])
        found = sparse.csr_matrix(found)
        found.sort_indices()
        return found

    def of_pairs(self, customers: npt.NDArray[np.int64], products: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """(n_pairs,) the scores of some pairs, each added up in order."""
        return _totals(self.contributions(customers, products))


def scores_by_products(weights: sparse.csr_matrix, products: Neighbors, *, is_by_bought: bool = False) -> Scores:
    """ItemCF: a product is scored by those of its nearest products that the customer has.

    Args:
        weights: (n_rows, n_products) what each customer, basket or session has, and how much it counts today. Not modified.
        products: neighbours of the products, of this or an earlier day.
        is_by_bought: a product is scored by those of whose nearest products it is one. It favours what is popular less, and
            the work is the same for every product, where rare products may all have the same popular neighbour.

    Raises:
        DataError: these are neighbours of another number of products.
    """
    if weights.shape[1] != len(products.starts) - 1:
        raise DataError(
            f"the weights are of {weights.shape[1]} products, the neighbours of {len(products.starts) - 1}; "
            "bring both to one catalogue"
        )
    near = products.matrix()
    return Scores(left=_in_order(weights), right=near if is_by_bought else sparse.csr_matrix(near.T))


def scores_by_customers(weights: sparse.csr_matrix, customers: Neighbors) -> Scores:
    """UserCF and UserIIF: a product is scored by those of the customer's nearest customers who have it.

    Args:
        weights: (n_customers, n_products) what each customer has, and how much it counts. Not modified.
        customers: neighbours of the customers.

    Raises:
        DataError: these are neighbours of another number of customers.
    """
    if weights.shape[0] != len(customers.starts) - 1:
        raise DataError(
            f"the weights are of {weights.shape[0]} customers, the neighbours of {len(customers.starts) - 1}; "
            "find the neighbours of these customers first"
        )
    return Scores(left=customers.matrix(), right=_in_order(weights))


def told_customers(parts: sparse.csr_matrix) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Evidence from other customers, as it may be told: only how many of them there are, and only where they are enough.

    Args:
        parts: contributions of customers, see `Scores.contributions`.

    Returns:
        (n_pairs,) customers whose contribution is above 0, or 0 where they are fewer than `LEAST_CUSTOMERS`; and (n_pairs,)
        what all contributions add up to, in order: the score.
    """
    count = sparse.csr_matrix(parts > 0).getnnz(axis=1).astype(np.int64)
    return np.where(count >= LEAST_CUSTOMERS, count, 0), _totals(parts)


def _totals(parts: sparse.csr_matrix) -> npt.NDArray[np.float64]:
    """(n_rows,) each row added up one by one, in order."""
    owner = np.repeat(np.arange(parts.shape[0]), parts.indptr[1:] - parts.indptr[:-1])
    return np.bincount(owner, weights=parts.data, minlength=parts.shape[0]).astype(np.float64)


def _in_order(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The same with each row's columns ascending and repeats summed; not a copy where it is so already."""
    found = sparse.csr_matrix(matrix)
    if not found.has_canonical_format:
        found = found.copy()
        found.sum_duplicates()
    return found
