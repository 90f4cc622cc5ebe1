"""What the customers of a shop did up to a day, as matrices over one catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import sparse

if TYPE_CHECKING:
    from shopmine.frames import Interactions


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Every customer × product that was bought, by customer, then product.

    Attributes:
        customer, product: (n_pairs,) their codes.
        count: (n_pairs,) days on which it was bought.
        first, last: (n_pairs,) days since it was first and last bought.
    """

    customer: npt.NDArray[np.int64]
    product: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    first: npt.NDArray[np.float64]
    last: npt.NDArray[np.float64]

    @classmethod
    def of(cls, events: Interactions, age: npt.NDArray[np.float64]) -> Pairs:
        """From events, which are sorted by customer, product and day; `age` is days since each."""
        customer, product = events.customer_code.astype(np.int64), events.product_code.astype(np.int64)
        is_first = np.append(True, (customer[1:] != customer[:-1]) | (product[1:] != product[:-1]))[: len(customer)]
        start = np.flatnonzero(is_first)
        end = np.append(start[1:], len(customer))[: len(start)]
        return cls(
            customer=customer[start], product=product[start], count=end - start, first=age[start], last=age[end - 1]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The purchases up to and including a day.

    Attributes:
        interactions: the events; their customers and products are the rows and columns of every matrix.
        day: the last day that counts.
        counts: (n_customers, n_products) days on which it was bought.
        pairs: the same with the days since.
    """

    interactions: Interactions
    day: np.datetime64
    counts: sparse.csr_matrix
    pairs: Pairs

    @classmethod
    def of(cls, interactions: Interactions, day: np.datetime64) -> History:
        """The history up to `day`; later events are left out."""
        if interactions.n_events and interactions.day.max() > day:
            interactions = interactions.until(day)
        pairs = Pairs.of(interactions, _ages(interactions, day))
        return cls(interactions=interactions, day=day, counts=interactions.matrix(), pairs=pairs)

    @property
    def customers(self) -> npt.NDArray[np.object_]:
        """(n_customers,) ids, sorted."""
        return self.interactions.customers

    @property
    def products(self) -> npt.NDArray[np.object_]:
        """(n_products,) ids, sorted."""
        return self.interactions.products

    def bought(self) -> sparse.csr_matrix:
        """(n_customers, n_products) 1 where it was ever bought."""
        counts = self.counts
        return sparse.csr_matrix((np.ones(counts.nnz), counts.indices, counts.indptr), shape=counts.shape)

    def decayed(self, half_life_days: float) -> sparse.csr_matrix:
        """(n_customers, n_products) purchases, each counting half for every `half_life_days` that passed since."""
        return self.interactions.matrix(np.power(0.5, self.age() / half_life_days))

    def buyers(self, days: int | None = None) -> npt.NDArray[np.int64]:
        """(n_products,) distinct customers who bought it in the last `days` days, or ever."""
        pairs = self.pairs
        recent = pairs.product if days is None else pairs.product[pairs.last < days]
        return np.bincount(recent, minlength=len(self.products)).astype(np.int64)

    def popularity(self, days: int) -> npt.NDArray[np.float64]:
        """(n_products,) buyers of the last `days` days; below one buyer, those of four times as many days, then all decide."""
        tail = self.buyers()
        total = 0.0 + tail / (1 + tail.max(initial=0))
        month = self.buyers(4 * days) + total
        return np.asarray(self.buyers(days) + month / (1 + month.max(initial=0.0)))

    def last_bought(self) -> sparse.csr_matrix:
        """(n_customers, n_products) 1 + days since it was last bought."""
        pairs = self.pairs
        places = (pairs.customer, pairs.product)
        return sparse.csr_matrix((1.0 + pairs.last, places), shape=self.counts.shape)

    def baskets(self) -> sparse.csr_matrix:
        """(n_baskets, n_products) 1 where a basket, what one customer bought on one day, holds a product."""
        events = self.interactions
        first = self.age().max(initial=0.0) + 1
        key = events.customer_code.astype(np.int64) * int(first) + self.age().astype(np.int64)
        labels, basket = np.unique(key, return_inverse=True)
        shape = (len(labels), len(events.products))
        return sparse.csr_matrix((np.ones(events.n_events), (basket, events.product_code)), shape=shape)

    def age(self) -> npt.NDArray[np.float64]:
        """(n_events,) days from each event to the day."""
        return _ages(self.interactions, self.day)


def _ages(events: Interactions, day: np.datetime64) -> npt.NDArray[np.float64]:
    return (day - events.day).astype("timedelta64[D]").astype(np.float64)


def positions(ids: npt.NDArray[np.object_], wanted: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
    """(len(wanted),) index of each wanted id in the sorted `ids`, or −1."""
    if not len(ids):
        return np.full(len(wanted), -1, dtype=np.int64)
    found = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[found] == wanted, found, -1).astype(np.int64)


def rows_at(matrix: sparse.csr_matrix, rows: npt.NDArray[np.int64]) -> sparse.csr_matrix:
    """(n_rows, n_columns) some rows of a matrix; consecutive ones are cut out at once."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        return sparse.csr_matrix(matrix[int(rows[0]) : int(rows[-1]) + 1])
    return sparse.csr_matrix(matrix[rows])


def values_at(
    matrix: sparse.csr_matrix, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """(n,) the matrix at each (row, column); also for no places at all, where scipy gives a matrix instead."""
    if not len(rows):
        return np.zeros(0)
    return np.asarray(matrix[rows, columns], dtype=np.float64).ravel()
